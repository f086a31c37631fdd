"""A call without its output, or an output without its call, makes every later response fail, as at the real service."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

KINDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "function call",
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "done"},
    ),
    (
        "custom tool call",
        {"type": "custom_tool_call", "call_id": "call_1", "name": "look", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "done"},
    ),
    (
        "computer call",
        {"type": "computer_call", "id": "cu_1", "call_id": "call_1", "pending_safety_checks": []},
        {"type": "computer_call_output", "call_id": "call_1", "output": {"type": "computer_screenshot"}},
    ),
    (
        "shell call",
        {"type": "shell_call", "call_id": "call_1", "action": {"commands": ["ls"]}},
        {"type": "shell_call_output", "call_id": "call_1", "output": []},
    ),
    (
        "apply patch call",
        {"type": "apply_patch_call", "call_id": "call_1", "operation": {"type": "delete_file"}},
        {"type": "apply_patch_call_output", "call_id": "call_1", "status": "completed"},
    ),
    (
        "local shell call",
        {"type": "local_shell_call", "id": "ls_1", "call_id": "call_1", "action": {"type": "exec"}},
        {"type": "local_shell_call_output", "call_id": "call_1", "output": "done"},
    ),
]
USER = {"role": "user", "content": "Hello"}


def holding(http: httpx2.Client, *items: Any) -> str:
    answer = http.post("/conversations", json={"items": [USER, *items]})
    assert answer.status_code == 200, answer.text
    identifier: str = answer.json()["id"]
    return identifier


def respond(http: httpx2.Client, conversation: str) -> httpx2.Response:
    return http.post("/responses", json={"model": "gpt-5.4-mini", "input": "And now?", "conversation": conversation})


@pytest.mark.parametrize(("name", "call", "output"), KINDS, ids=lambda each: each if isinstance(each, str) else "")
def test_a_stored_call_without_its_output_fails_every_response(
    http: httpx2.Client, name: str, call: dict[str, Any], output: dict[str, Any]
) -> None:
    conversation = holding(http, call)
    for _ in range(2):
        answer = respond(http, conversation)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["message"], error["param"]) == (f"No tool output found for {name} call_1.", "input")
    assert http.post(f"/conversations/{conversation}/items", json={"items": [output]}).status_code == 200
    assert respond(http, conversation).status_code == 200


@pytest.mark.parametrize(("name", "call", "output"), KINDS, ids=lambda each: each if isinstance(each, str) else "")
def test_a_stored_output_without_its_call_fails_every_response(
    http: httpx2.Client, name: str, call: dict[str, Any], output: dict[str, Any]
) -> None:
    answer = respond(http, holding(http, output))
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == f"No tool call found for {name} output with call_id call_1."
    assert respond(http, holding(http, call, output)).status_code == 200


def test_an_output_of_another_call_does_not_count(http: httpx2.Client) -> None:
    _, call, output = KINDS[0]
    assert respond(http, holding(http, call, {**output, "call_id": "call_2"})).status_code == 400


def test_the_conversation_itself_takes_what_is_unpaired(http: httpx2.Client) -> None:
    for _, call, _ in KINDS:
        conversation = holding(http, call)
        assert len(http.get(f"/conversations/{conversation}/items").json()["data"]) == 2


def test_calls_of_hosted_tools_need_no_output(http: httpx2.Client) -> None:
    search = {"type": "file_search_call", "id": "fs_1", "queries": ["q"]}
    assert respond(http, holding(http, search)).status_code == 200
