"""The rules by themselves, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from migrate_cli.sandbox.api_error import ApiError
from migrate_cli.sandbox.rules import check_batch, check_metadata
from migrate_cli.sandbox.rules_tools import check_tool_item


def checked(item: Any, known: bool = True) -> dict[str, Any]:
    return check_batch([item], lambda _: known, check_tool_item)[0].body


def message(role: str, *parts: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts)}


TEXT = {"type": "input_text", "text": "x"}
OUTPUT = {"type": "output_text", "text": "x", "annotations": []}
REFUSAL = {"type": "refusal", "refusal": "no"}
IMAGE = {"type": "input_image", "file_id": "file-abc"}
FILE = {"type": "input_file", "file_id": "file-abc"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "done"}


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", TEXT),
        ("user", IMAGE),
        ("user", FILE),
        ("assistant", OUTPUT),
        ("assistant", {"type": "output_text", "text": "x"}),
        ("assistant", REFUSAL),
        ("system", TEXT),
        ("developer", TEXT),
    ],
)
def test_each_role_may_say_its_parts(role: str, part: dict[str, Any]) -> None:
    assert checked(message(role, part))["content"][0]["type"] == part["type"]


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", OUTPUT),
        ("user", REFUSAL),
        ("assistant", TEXT),
        ("assistant", IMAGE),
        ("assistant", FILE),
        ("system", IMAGE),
        ("system", OUTPUT),
        ("developer", FILE),
        ("user", {"type": "text", "text": "x"}),
        ("user", {"type": "input_audio", "data": "x"}),
    ],
)
def test_no_role_may_say_the_parts_of_another(role: str, part: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        checked(message(role, part))
    assert (refused.value.status, refused.value.code, refused.value.param) == (400, "invalid_item", "item")


@pytest.mark.parametrize(
    "item",
    [
        message("tool", TEXT),
        message("critic", TEXT),
        {"type": "message", "content": [TEXT]},
        {"type": "message", "role": 7, "content": [TEXT]},
        {"type": "message", "role": "user"},
        {"type": "message", "role": "user", "content": None},
        {"type": "message", "role": "user", "content": 7},
        {"type": "message", "role": "user", "content": ""},
        message("user"),
        message("user", "just text"),
        message("user", {"type": "input_text"}),
        message("user", {"type": "input_text", "text": ""}),
        message("user", {"type": "input_text", "text": 7}),
        message("user", {**TEXT, "extra": 1}),
        message("assistant", {"type": "refusal", "refusal": ""}),
        message("assistant", {**OUTPUT, "annotations": [{"type": "file_citation", "file_id": "file-a"}]}),
        message("assistant", {**OUTPUT, "annotations": [{"type": "footnote"}]}),
        message("assistant", {**OUTPUT, "annotations": "none"}),
        {**message("user", TEXT), "status": "sent"},
        {**message("user", TEXT), "metadata": {}},
        {**message("user", TEXT), "created_at": 1},
        message("user", {"type": "input_image"}),
        message("user", {**IMAGE, "image_url": "https://example.com/a.png"}),
        message("user", {**IMAGE, "detail": "huge"}),
        message("user", {"type": "input_image", "image_url": "file:file-abc"}),
        message("user", {"type": "input_image", "image_url": "cat.png"}),
        message("user", {"type": "input_image", "image_url": "https://" + "x" * 20_971_520}),
        message("user", {"type": "input_image", "file_id": "file abc"}),
        message("user", {"type": "input_image", "file_id": "f" * 65}),
        message("user", {"type": "input_file"}),
        message("user", {**FILE, "file_url": "https://example.com/a.pdf"}),
        message("user", {"type": "input_file", "file_data": "data:text/plain;base64,eA=="}),
        message("user", {"type": "input_file", "file_id": ""}),
        {**CALL, "call_id": ""},
        {**CALL, "call_id": "c" * 65},
        {**CALL, "call_id": None},
        {**CALL, "name": "n" * 129},
        {**CALL, "arguments": {"a": 1}},
        {**RESULT, "call_id": "c" * 65},
        {**RESULT, "output": None},
        {**RESULT, "output": ""},
        {**RESULT, "output": [OUTPUT]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "file_search_call", "queries": ["q"]},
        {"type": "file_search_call", "id": "fs_1"},
        {"type": "code_interpreter_call", "id": "ci_1"},
        {"type": "tool_result", "content": []},
        {"type": ["message"]},
        {"type": None, "role": "user", "content": "x"},
        "text",
        None,
    ],
)
def test_a_bad_item_is_refused_without_saying_which(item: Any) -> None:
    with pytest.raises(ApiError) as refused:
        checked(item)
    assert (refused.value.status, refused.value.code, refused.value.param) == (400, "invalid_item", "item")


def test_limits_hold_to_the_character() -> None:
    assert checked(message("user", {"type": "input_text", "text": "x" * 10_485_760}))
    with pytest.raises(ApiError, match="10485761"):
        checked(message("user", {"type": "input_text", "text": "x" * 10_485_761}))
    assert checked({**CALL, "call_id": "c" * 64, "name": "n" * 128})
    assert checked(message("user", {"type": "input_image", "file_id": "f" * 64}))


def test_content_may_be_a_string_for_every_role() -> None:
    assert checked({"role": "user", "content": "x"})["content"] == [{"type": "input_text", "text": "x"}]
    assert checked({"role": "assistant", "content": "x"})["content"][0]["type"] == "output_text"


def test_messages_get_the_status_and_defaults_of_the_service() -> None:
    assert checked(message("assistant", {"type": "output_text", "text": "x"})) == {
        "type": "message",
        "status": "completed",
        "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "x"}],
        "role": "assistant",
    }


def test_calls_and_outputs_are_taken_without_ids() -> None:
    assert checked(CALL)["status"] == "completed"
    assert checked(RESULT)["output"] == "done"
    assert checked({**RESULT, "output": [TEXT, IMAGE]})["output"][1]["file_id"] == "file-abc"


@pytest.mark.parametrize("part", [IMAGE, FILE])
def test_unknown_files_are_refused_where_files_are_known(part: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="file-abc"):
        checked(message("user", part), known=False)


@pytest.mark.parametrize(
    ("metadata", "param"),
    [
        ({f"k{n}": "v" for n in range(17)}, "metadata"),
        ({"k" * 65: "v"}, "metadata"),
        ({"k": "v" * 513}, "metadata.k"),
        ({"k": 7}, "metadata.k"),
        ({"k": None}, "metadata.k"),
        ({"k": {"a": "b"}}, "metadata.k"),
        (["k"], "metadata"),
    ],
)
def test_metadata_over_a_limit_is_refused_and_named(metadata: Any, param: str) -> None:
    with pytest.raises(ApiError) as refused:
        check_metadata(metadata)
    assert (refused.value.status, refused.value.param) == (400, param)


def test_metadata_at_every_limit_is_taken() -> None:
    full = {f"{n:02}".ljust(64, "k"): "v" * 512 for n in range(16)}
    assert check_metadata(full) == full
    assert check_metadata(None) == {}
