"""How cues are read, and what each makes the model do that other tests do not show."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.responses import cues, scripted_model
from migrate_cli.sandbox.responses.cues import CueKind, stages_of, without_cues

SHOP = {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example.com", "require_approval": "never"}
FUNCTIONS = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in ("one", "two")]


def read(text: str) -> list[list[tuple[str, str, str]]]:
    return [[(cue.kind.value, cue.text, cue.arguments) for cue in stage] for stage in stages_of(text)]


def ask(http: httpx2.Client, given: Any, **more: Any) -> dict[str, Any]:
    answer = http.post("/responses", json={"model": "gpt-5.4-mini", "input": given, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def said(response: dict[str, Any]) -> str:
    (message,) = [item for item in response["output"] if item["type"] == "message"]
    text: str = message["content"][0].get("text") or message["content"][0]["refusal"]
    return text


def test_cues_are_read_in_order_with_their_arguments() -> None:
    assert read('a [[call look {"x": 1}]] b [[code print(1)]]') == [
        [("call", "look", '{"x": 1}'), ("code", "print(1)", "{}")]
    ]


def test_then_begins_another_stage() -> None:
    assert read("[[say a]] [[then]] [[say b]]") == [[("say", "a", "{}")], [("say", "b", "{}")]]


@pytest.mark.parametrize("arguments", ['{"x": [[1]]}', '{"x": "]]"}', '{"x": "\\"]]"}'])
def test_brackets_inside_arguments_do_not_end_a_cue(arguments: str) -> None:
    assert read(f"[[call look {arguments}]] after") == [[("call", "look", arguments)]]
    assert without_cues(f"[[call look {arguments}]] after") == "after"


@pytest.mark.parametrize("text", ["[[say what", "[[sayings]]", "[[unknown x]]", "[say x]", "say x"])
def test_what_is_no_whole_cue_is_text(text: str) -> None:
    assert read(text) == [[]]
    assert without_cues(text) == text


def test_a_lone_quotation_mark_does_not_swallow_the_rest() -> None:
    assert read('[[say 5" pipe]] and [[echo]]') == [[("say", '5" pipe', "{}"), ("echo", "", "{}")]]


def test_a_message_without_its_cues_keeps_single_spaces() -> None:
    assert without_cues("Hello [[echo]] you") == "Hello you"


def test_only_the_last_user_message_is_read_for_cues(http: httpx2.Client) -> None:
    history = [{"role": "user", "content": "[[say Old]]"}, {"role": "assistant", "content": "[[say Other]]"}]
    assert said(ask(http, [*history, {"role": "user", "content": "[[say New]]"}])) == "New"
    assert said(ask(http, [*history, {"role": "user", "content": "Hello"}])).startswith("You said:")


def test_several_sayings_are_lines_of_one_answer(http: httpx2.Client) -> None:
    assert said(ask(http, "[[say One]] [[say Two]]")) == "One\nTwo"


def test_a_refusal_has_words_of_its_own_if_none_are_given(http: httpx2.Client) -> None:
    assert said(ask(http, "[[refuse]]")) == "I'm sorry, but I can't help with that."


@pytest.mark.parametrize(("cue", "reason"), [("incomplete", "max_output_tokens"), ("incomplete content_filter", None)])
def test_an_answer_can_stop_in_the_middle_for_a_reason(http: httpx2.Client, cue: str, reason: str | None) -> None:
    answer = ask(http, f"[[say Twelve words]] [[{cue}]]")
    assert (answer["status"], answer["incomplete_details"]) == (
        "incomplete",
        {"reason": reason or "content_filter"},
    )
    assert said(answer) == "Twelve"


def test_a_web_search_cites_its_pages_where_the_answer_names_them(http: httpx2.Client) -> None:
    include = ["web_search_call.action.sources"]
    answer = ask(http, "[[web_search cats]]", tools=[{"type": "web_search"}], include=include)
    search, message = answer["output"]
    part = message["content"][0]
    cited = [part["text"][each["start_index"] : each["end_index"]] for each in part["annotations"]]
    assert cited == ["[page 1]", "[page 2]"]
    assert [each["url"] for each in part["annotations"]] == [each["url"] for each in search["action"]["sources"]]


def test_citations_move_with_the_sentences_before_them(http: httpx2.Client) -> None:
    tools = [{"type": "web_search"}, {"type": "code_interpreter", "container": {"type": "auto"}}]
    part = ask(http, "[[code print(42)]] [[web_search cats]]", tools=tools)["output"][-1]["content"][0]
    assert part["text"].startswith("The code printed: 42 On the web")
    assert [part["text"][each["start_index"] : each["end_index"]] for each in part["annotations"]] == [
        "[page 1]",
        "[page 2]",
    ]


def test_a_picture_is_the_same_for_the_same_prompt_and_a_png(http: httpx2.Client) -> None:
    first, second, other = (
        ask(http, f"[[image {prompt}]]", tools=[{"type": "image_generation"}])["output"][0]["result"]
        for prompt in ("a cat", "a cat", "a dog")
    )
    assert first == second != other
    assert first.startswith("iVBORw0KGgo")


def test_reasoning_is_encrypted_only_if_that_is_asked_for(http: httpx2.Client) -> None:
    plain = ask(http, "[[reason Hm]] Hello")["output"][0]
    secret = ask(http, "[[reason Hm]] Hello", include=["reasoning.encrypted_content"])["output"][0]
    assert plain["type"] == secret["type"] == "reasoning"
    assert plain["summary"] == [{"type": "summary_text", "text": "Hm"}]
    assert not plain.get("encrypted_content") and secret["encrypted_content"]


def test_reasoning_tokens_are_counted_apart(http: httpx2.Client) -> None:
    usage = ask(http, "[[reason Hm]] Hello")["usage"]
    assert 0 < usage["output_tokens_details"]["reasoning_tokens"] < usage["output_tokens"]


def test_an_mcp_tool_can_fail(http: httpx2.Client) -> None:
    listing, call, _ = (answer := ask(http, "[[mcp shop fail_always {}]]", tools=[SHOP]))["output"]
    assert listing["type"] == "mcp_list_tools"
    assert (call["status"], call["output"]) == ("failed", None)
    assert call["error"]["content"] == [{"type": "text", "text": "fail_always failed."}]
    assert said(answer) == "shop failed at fail_always."


def test_an_mcp_server_that_the_request_does_not_name_is_missing(http: httpx2.Client) -> None:
    assert said(ask(http, "[[mcp bank pay {}]]", tools=[SHOP])) == "I have no MCP server named bank."


def test_the_tools_of_a_server_are_listed_once_in_a_conversation(http: httpx2.Client) -> None:
    conversation = http.post("/conversations", json={}).json()["id"]
    kinds = [
        [item["type"] for item in ask(http, "Hello", tools=[SHOP], conversation=conversation)["output"]]
        for _ in range(2)
    ]
    assert kinds == [["mcp_list_tools", "message"], ["message"]]


def test_a_reason_for_not_approving_reaches_the_answer(http: httpx2.Client) -> None:
    tool = {**SHOP, "require_approval": "always"}
    first = ask(http, "[[mcp shop track {}]]", tools=[tool])
    no = {
        "type": "mcp_approval_response",
        "approval_request_id": first["output"][1]["id"],
        "approve": False,
        "reason": "Too early",
    }
    second = ask(http, [no], previous_response_id=first["id"], tools=[tool])
    assert said(second) == "You did not approve track of shop (Too early)."


def test_an_approval_whose_request_was_cut_off_calls_nothing(http: httpx2.Client) -> None:
    tool = {**SHOP, "require_approval": "always"}
    first = ask(http, "[[mcp shop track {}]]", tools=[tool])
    yes = {
        "type": "mcp_approval_response",
        "approval_request_id": first["output"][1]["id"],
        "approve": True,
        "reason": "x" * 1_700_000,
    }
    second = ask(http, [yes], previous_response_id=first["id"], tools=[tool], truncation="auto")
    assert "mcp_call" not in [item["type"] for item in second["output"]]


def test_only_allowed_tools_can_be_called(http: httpx2.Client) -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "two"}]}
    assert said(ask(http, "[[call one {}]]", tools=FUNCTIONS, tool_choice=choice)) == "I have no function named one."
    allowed = ask(http, "[[call two {}]]", tools=FUNCTIONS, tool_choice=choice)
    assert [item["name"] for item in allowed["output"]] == ["two"]


def test_parts_and_objects_of_outputs_reach_the_answer(http: httpx2.Client) -> None:
    call = {"type": "function_call", "call_id": "c", "name": "one", "arguments": "{}"}
    parts = [{"type": "input_text", "text": "found"}, {"type": "input_file", "file_id": "file-a"}]
    output = {"type": "function_call_output", "call_id": "c", "output": parts}
    assert said(ask(http, [{"role": "user", "content": "x"}, call, output])) == "one returned: found file-a"


def test_every_cue_of_the_table_is_one_that_the_model_acts_on() -> None:
    rows = [line for line in str(cues.__doc__).splitlines() if line.startswith("| `[[")]
    named = {row.split("[[")[1].split("]]")[0].split(" ")[0] for row in rows}
    assert named == {"then", *(kind.value for kind in CueKind)}
    assert set(scripted_model._DO) == set(CueKind)
