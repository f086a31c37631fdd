"""The rules for items that are no messages: what each kind must bring, and which status it gets."""

from __future__ import annotations

from typing import Any

import pytest
from migrate_cli.sandbox.api_error import ApiError
from migrate_cli.sandbox.rules import check_batch, check_strict_assistants
from migrate_cli.sandbox.rules_tools import check_tool_item

ITEMS: dict[str, dict[str, Any]] = {
    "file_search_call": {"id": "fs_1", "queries": ["q"]},
    "code_interpreter_call": {"id": "ci_1", "container_id": "cntr_1"},
    "web_search_call": {"id": "ws_1", "action": {"type": "search", "query": "q"}},
    "image_generation_call": {"id": "ig_1", "result": "aGk="},
    "computer_call": {"id": "cu_1", "call_id": "call_1", "pending_safety_checks": []},
    "computer_call_output": {"call_id": "call_1", "output": {"type": "computer_screenshot"}},
    "mcp_list_tools": {"id": "mcpl_1", "server_label": "shop", "tools": []},
    "mcp_approval_request": {"id": "mcpr_1", "server_label": "shop", "name": "track", "arguments": "{}"},
    "mcp_approval_response": {"approval_request_id": "mcpr_1", "approve": False},
    "mcp_call": {"id": "mcp_1", "server_label": "shop", "name": "track", "arguments": "{}"},
    "custom_tool_call": {"call_id": "call_1", "name": "look", "input": "x"},
    "custom_tool_call_output": {"call_id": "call_1", "output": "x"},
    "local_shell_call": {"id": "ls_1", "call_id": "call_1", "action": {"type": "exec"}},
    "local_shell_call_output": {"call_id": "call_1", "output": "x"},
    "shell_call": {"call_id": "call_1", "action": {"commands": ["ls"]}},
    "shell_call_output": {"call_id": "call_1", "output": []},
    "apply_patch_call": {"call_id": "call_1", "operation": {"type": "delete_file"}},
    "apply_patch_call_output": {"call_id": "call_1", "status": "completed"},
}
"""Each other kind of the specification, with what it needs and no more."""


def checked(item: Any) -> Any:
    return check_batch([item], lambda _: True, check_tool_item)[0]


@pytest.mark.parametrize("kind", ITEMS)
def test_each_kind_is_taken_with_what_it_needs_and_without_its_id(kind: str) -> None:
    body = checked({"type": kind, **ITEMS[kind]}).body
    assert body["type"] == kind
    assert "id" not in body
    assert {name: body[name] for name in ITEMS[kind] if name != "id"} == {
        name: value for name, value in ITEMS[kind].items() if name != "id"
    }


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, fields in ITEMS.items() for field in fields])
def test_each_kind_is_refused_without_one_of_them(kind: str, field: str) -> None:
    item = {name: value for name, value in ITEMS[kind].items() if name != field}
    with pytest.raises(ApiError, match=f"Missing required parameter: '{field}'."):
        checked({"type": kind, **item})


@pytest.mark.parametrize("kind", ["mcp_list_tools", "mcp_approval_request", "mcp_approval_response"])
def test_kinds_that_have_no_status_get_none(kind: str) -> None:
    assert "status" not in checked({"type": kind, **ITEMS[kind]}).body


def test_a_status_is_completed_unless_given_and_only_known_ones_are_taken() -> None:
    call = {"type": "mcp_call", **ITEMS["mcp_call"]}
    assert checked(call).body["status"] == "completed"
    assert checked({**call, "status": "failed"}).body["status"] == "failed"
    with pytest.raises(ApiError, match="Invalid value: 'done'"):
        checked({**call, "status": "done"})


def test_an_unknown_kind_is_told_all_that_there_are() -> None:
    with pytest.raises(ApiError) as refused:
        checked({"type": "tool_result"})
    assert all(f"'{kind}'" in refused.value.message for kind in ("message", "function_call", *ITEMS))


def test_arguments_of_a_call_need_not_be_json_but_must_be_text() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "n"}
    assert checked({**call, "arguments": "not json {"}).body["arguments"] == "not json {"
    with pytest.raises(ApiError, match="expected a string, but got null"):
        checked(call)


STRICT: dict[str, Any] = {
    "role": "assistant",
    "id": "msg_1",
    "status": "completed",
    "content": [{"type": "output_text", "text": "x", "annotations": [], "logprobs": []}],
}


def part(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (STRICT["content"][0] | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("item", "missing"),
    [
        ({**STRICT, "id": ""}, "id"),
        ({**STRICT, "status": None}, "status"),
        ({**STRICT, "content": [part(logprobs=None)]}, "content.logprobs"),
        ({**STRICT, "content": [part(annotations=None)]}, "content.annotations"),
        ({**STRICT, "content": [part(), part(logprobs=None)]}, "content.logprobs"),
        ({"role": "assistant", "content": "x"}, "id, status, content.annotations, content.logprobs"),
    ],
)
def test_a_strict_target_names_what_an_assistant_message_lacks(item: dict[str, Any], missing: str) -> None:
    with pytest.raises(ApiError) as refused:
        check_strict_assistants([item])
    assert refused.value.message == f"Invalid assistant message: missing {missing}."
    assert (refused.value.status, refused.value.code) == (400, "invalid_item")


def test_a_strict_target_is_as_others_to_all_but_assistants() -> None:
    refusal = {**STRICT, "content": [{"type": "refusal", "refusal": "No."}]}
    user = {"role": "user", "content": [{"type": "input_text", "text": "x"}]}
    check_strict_assistants([STRICT, refusal, user, {"type": "function_call", "call_id": "c"}])
