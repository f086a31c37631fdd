"""What cues make the sandbox's model do."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.sandbox.responses.code import run
from migrate_cli.sandbox.responses.cues import CueKind, stages_of, without_cues

FUNCTIONS = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in ("one", "two")]
SHOP = {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example.com"}


def ask(http: httpx2.Client, given_input: Any, **more: Any) -> dict[str, Any]:
    answer = http.post("/responses", json={"model": "gpt-5.4-mini", "input": given_input, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def types(response: dict[str, Any]) -> list[str]:
    return [item["type"] for item in response["output"]]


def said(response: dict[str, Any]) -> str:
    return " ".join(
        part.get("text") or part["refusal"]
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
    )


def outputs(response: dict[str, Any], text: str = "done") -> list[dict[str, Any]]:
    calls = [item for item in response["output"] if item["type"] == "function_call"]
    return [{"type": "function_call_output", "call_id": call["call_id"], "output": text} for call in calls]


def test_it_says_and_echoes_and_refuses(http: httpx2.Client) -> None:
    assert said(ask(http, "[[say Yes ]] and")) == "Yes"
    assert said(ask(http, "Hello [[echo]] you")) == "Hello you"
    refused = ask(http, "[[refuse Not that.]]")
    assert refused["output"][0]["content"] == [{"type": "refusal", "refusal": "Not that."}]


def test_it_calls_only_functions_that_it_was_given_unless_told(http: httpx2.Client) -> None:
    assert said(ask(http, "[[call three {}]]", tools=FUNCTIONS)) == "I have no function named three."
    assert types(ask(http, "[[call! three {}]]", tools=FUNCTIONS)) == ["function_call"]
    assert said(ask(http, "[[call one {}]]", tools=FUNCTIONS, tool_choice="none")) == "I have no function named one."


@pytest.mark.parametrize("cue", ["web_search cats", "file_search cats", "code print(1)", "image a cat"])
def test_it_uses_hosted_tools_only_when_they_are_offered(http: httpx2.Client, cue: str) -> None:
    answer = ask(http, f"[[{cue}]]")
    assert types(answer) == ["message"]
    assert said(answer).startswith("I have no ")


def test_rounds_follow_one_another(http: httpx2.Client) -> None:
    first = ask(http, '[[call one {}]] [[then]] [[call two {"x": [[1]]}]] [[then]] [[say Ready]]', tools=FUNCTIONS)
    second = ask(http, outputs(first), previous_response_id=first["id"], tools=FUNCTIONS)
    assert [(item["name"], item["arguments"]) for item in second["output"]] == [("two", '{"x": [[1]]}')]
    third = ask(http, outputs(second), previous_response_id=second["id"], tools=FUNCTIONS)
    assert said(third) == "Ready"


def test_calls_come_one_at_a_time_where_parallel_ones_are_not_wanted(http: httpx2.Client) -> None:
    fields: dict[str, Any] = {"tools": FUNCTIONS, "parallel_tool_calls": False}
    first = ask(http, "[[call one {}]][[call two {}]]", **fields)
    second = ask(http, outputs(first), previous_response_id=first["id"], **fields)
    assert [item["name"] for answer in (first, second) for item in answer["output"]] == ["one", "two"]
    assert types(ask(http, outputs(second), previous_response_id=second["id"], **fields)) == ["message"]


def test_a_required_tool_is_called_with_arguments_that_fit(http: httpx2.Client) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}, "s": {"enum": ["a", "b"]}}}
    tool = {"type": "function", "name": "one", "parameters": schema}
    for choice in ("required", {"type": "function", "name": "one"}):
        answer = ask(http, "Hello", tools=[tool], tool_choice=choice)
        assert json.loads(answer["output"][0]["arguments"]) == {"n": 3, "s": "a"}


def test_an_mcp_call_waits_for_approval(http: httpx2.Client) -> None:
    first = ask(http, '[[mcp shop track {"order_id": 1}]]', tools=[SHOP])
    assert types(first) == ["mcp_list_tools", "mcp_approval_request"]
    assert "track" in [tool["name"] for tool in first["output"][0]["tools"]]
    yes = {"type": "mcp_approval_response", "approval_request_id": first["output"][1]["id"], "approve": True}
    second = ask(http, [yes], previous_response_id=first["id"], tools=[SHOP])
    assert types(second) == ["mcp_call", "message"]
    assert second["output"][0]["approval_request_id"] == first["output"][1]["id"]
    assert second["output"][0]["output"] in said(second)


def test_an_mcp_call_that_is_not_approved_does_not_happen(http: httpx2.Client) -> None:
    conversation = http.post("/conversations", json={}).json()["id"]
    first = ask(http, "[[mcp shop track {}]]", tools=[SHOP], conversation=conversation)
    no = {"type": "mcp_approval_response", "approval_request_id": first["output"][1]["id"], "approve": False}
    second = ask(http, [no], conversation=conversation, tools=[SHOP])
    assert types(second) == ["message"]
    assert said(second) == "You did not approve track of shop."


@pytest.mark.parametrize(
    ("policy", "asks"),
    [
        ("always", True),
        ("never", False),
        ({"never": {"tool_names": ["track"]}}, False),
        ({"never": {"tool_names": ["other"]}}, True),
        ({"always": {"tool_names": ["track"]}}, True),
        ({"never": {"read_only": True}}, False),
    ],
)
def test_the_policy_says_what_needs_approval(http: httpx2.Client, policy: Any, asks: bool) -> None:
    answer = ask(http, "[[mcp shop track {}]]", tools=[{**SHOP, "require_approval": policy}])
    assert ("mcp_approval_request" in types(answer)) is asks
    assert ("mcp_call" in types(answer)) is not asks


def test_tools_that_are_not_allowed_are_neither_listed_nor_called(http: httpx2.Client) -> None:
    tool = {**SHOP, "allowed_tools": ["find"], "require_approval": "never"}
    answer = ask(http, "[[mcp shop track {}]]", tools=[tool])
    assert [each["name"] for each in answer["output"][0]["tools"]] == ["find"]
    assert types(answer) == ["mcp_list_tools", "message"]


def test_results_and_outputs_are_shown_only_when_asked_for(http: httpx2.Client) -> None:
    tools = [
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        {"type": "code_interpreter", "container": {"type": "auto"}},
    ]
    include = ["file_search_call.results", "code_interpreter_call.outputs"]
    plain = ask(http, "[[file_search tea]][[code print(6 * 7)]]", tools=tools)
    whole = ask(http, "[[file_search tea]][[code print(6 * 7)]]", tools=tools, include=include)
    assert [plain["output"][0]["results"], plain["output"][1]["outputs"]] == [None, None]
    assert whole["output"][1]["outputs"] == [{"type": "logs", "logs": "42\n"}]
    assert whole["output"][2]["content"][0]["annotations"][0]["file_id"] == whole["output"][0]["results"][0]["file_id"]


def test_file_search_finds_what_was_uploaded(http: httpx2.Client) -> None:
    files = {"file": ("zebra.txt", b"The quokka lives on Rottnest.")}
    uploaded = http.post("/files", data={"purpose": "assistants"}, files=files).json()["id"]
    answer = ask(http, "[[file_search quokka]]", tools=[{"type": "file_search", "vector_store_ids": ["vs_1"]}])
    assert "Rottnest" in said(answer)
    assert answer["output"][1]["content"][0]["annotations"][0]["file_id"] == uploaded


def test_too_few_output_tokens_cut_the_answer(http: httpx2.Client) -> None:
    answer = ask(http, f"[[say {'word ' * 100}]]", max_output_tokens=16)
    assert (answer["status"], answer["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert answer["output"][0]["status"] == "incomplete"
    assert len(said(answer)) <= 64


def test_answers_in_json_fit_the_schema(http: httpx2.Client) -> None:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}, "sure": {"type": "boolean"}, "tags": {"type": "array"}},
    }
    form = {"type": "json_schema", "name": "reply", "schema": schema}
    value = json.loads(said(ask(http, "Hello", text={"format": form})))
    assert value["answer"].startswith('You said: "Hello"')
    assert value["sure"] is True
    assert json.loads(said(ask(http, '[[say {"a": 1}]]', text={"format": form}))) == {"a": 1}


def test_no_more_hosted_calls_than_allowed(http: httpx2.Client) -> None:
    answer = ask(http, "[[web_search a]][[web_search b]]", tools=[{"type": "web_search"}], max_tool_calls=1)
    assert types(answer) == ["web_search_call", "message"]


def test_a_failure_is_a_response_and_an_error_is_not(http: httpx2.Client) -> None:
    failed = ask(http, "[[fail Out of order]]")
    assert (failed["status"], failed["error"]) == ("failed", {"code": "server_error", "message": "Out of order"})
    answer = http.post("/responses", json={"model": "gpt-4o", "input": "[[error]]"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "server_error")


@given(st.text())
def test_any_text_can_be_read_for_cues(text: str) -> None:
    assert stages_of(text)
    assert all(f"[[{kind} " not in without_cues(f"[[{kind} x]]") for kind in CueKind)
    without_cues(text)


@given(st.text())
def test_any_code_can_be_run(code: str) -> None:
    assert isinstance(run(code), str)


@pytest.mark.parametrize(
    ("code", "logs"),
    [
        ("print(1 + 2 * 3)", "7\n"),
        ("print('a', 2)", "a 2\n"),
        ("print(", "SyntaxError: invalid syntax\n"),
        ("x = 1", ""),
    ],
)
def test_code_prints(code: str, logs: str) -> None:
    assert run(code) == logs
