"""Calls of a host's own tools, steps that only list tools, calls that a run still waited for, and data sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.convert.file_references import files_of
from migrate_cli.convert.host_calls import KINDS, host_call
from migrate_cli.convert.options import ConvertOptions, FileFact, ToolCalls
from migrate_cli.convert.part_count import count_parts
from migrate_cli.convert.thread import convert_thread
from migrate_cli.model import CHILD_THREAD, Attachment, Draft, Run, RunStep, Thread
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

from support.threads import bodies, codes, function, made, message, said, step, thread

CASES = Path(__file__).parents[3] / "shared" / "cases"
ASKED = message("Look it up", id="msg_1", created_at=100)
ANSWERED = message("Done.", id="msg_2", role="assistant", created_at=110, run_id="run_1")
WEATHER = {"id": "call_w", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
FETCH = {"id": "call_m", "type": "mcp", "name": "fetch", "arguments": '{"q":1}', "server_label": "docs"}


def drafted(call: dict[str, Any], tool_calls: ToolCalls = ToolCalls.NATIVE) -> Draft:
    """A thread with one call."""
    source = thread(ASKED, ANSWERED, runs=(Run("run_1"),), run_steps=(step(call), made("msg_2")))
    draft = convert_thread(source, ConvertOptions(tool_calls=tool_calls))
    assert draft.ledger.balanced and draft.ledger.read == count_parts(source)
    return draft


def told(call: dict[str, Any]) -> str:
    """The note that a call becomes where all calls are told in words."""
    return said(drafted(call, ToolCalls.TEXT))[1]


def waiting(action: str, *calls: Any, status: str = "requires_action") -> Run:
    asked = {"type": action, action: {"tool_calls": list(calls)}}
    return Run("run_1", status, created_at=105, raw={"required_action": asked})


def kinds(draft: Draft) -> list[str]:
    return [item.kind for item in draft.items]


def draft_of(folder: str, name: str = "thread.json") -> Draft:
    if not CASES.is_dir():
        pytest.skip("the cases are not there")
    [found] = open_source(str(CASES / folder / name)).threads(Selection())
    assert isinstance(found, Thread)
    draft = convert_thread(found)
    assert draft.ledger.balanced
    return draft


def test_a_call_of_a_server_is_told_with_its_name_what_went_in_and_what_came_out() -> None:
    text = told(FETCH | {"output": "Ferry docs."})
    assert text.splitlines() == [
        "[Tool call: mcp fetch]",
        'Arguments: {"q":1}',
        "Server: docs",
        "Output: Ferry docs.",
    ]


@pytest.mark.parametrize("holder", ["openapi", "function"])
def test_fields_stand_under_the_kinds_own_key_or_under_another_that_hosts_use(holder: str) -> None:
    text = told({"id": "c", "type": "openapi", holder: {"name": "get_x", "arguments": "{}", "output": "5"}})
    assert text == "[Tool call: openapi get_x]\nArguments: {}\nOutput: 5"


@pytest.mark.parametrize(
    ("kind", "holder"),
    [
        ("openapi", "openAPI"),
        ("fabric_dataagent", "microsoft_fabric"),
        ("fabric_dataagent", "microsoftFabric"),
        ("sharepoint_grounding", "sharePoint"),
        ("computer_use_preview", "computerUsePreview"),
    ],
)
def test_clients_of_other_languages_spell_those_keys_in_their_own_way(kind: str, holder: str) -> None:
    assert told({"id": "c", "type": kind, holder: {"output": "5"}}) == f"[Tool call: {kind}]\nOutput: 5"


def test_the_headers_of_a_threads_servers_do_not_reach_the_state_file() -> None:
    resources = {"mcp": [{"server_label": "docs", "headers": {"X-Key": "very-secret"}, "require_approval": "never"}]}
    draft = convert_thread(thread(ASKED, tool_resources=resources))
    [aside] = [one.value for one in draft.aside if one.name == "tool_resources"]
    assert aside["mcp"] == [{"server_label": "docs", "headers": {"X-Key": "***"}, "require_approval": "never"}]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_call_tells_all_that_it_holds(kind: str) -> None:
    held = {
        "input": "what goes in",
        "output": "what comes out",
        "run_id": "run_child",
        "new_one": ["x", {"y": 7}],
    }
    text = told({"id": "c", "type": kind, kind: held, "beside": "stays"})
    for word in ("what goes in", "what comes out", "run_child", "New one", "y: 7", "Beside: stays", kind):
        assert word in text


def test_a_kind_of_tomorrow_is_told_with_its_data_as_json() -> None:
    text = told({"id": "c", "type": "hologram", "hologram": {"depth": 3}})
    assert text == '[Tool call: hologram]\n{"hologram": {"depth": 3}}'


def screen(**output: Any) -> dict[str, Any]:
    action = {"type": "screenshot"}
    return {"id": "c", "type": "computer_use_preview", "computer_use_preview": {"action": action, "output": output}}


def test_a_screenshot_becomes_an_image_and_never_stands_in_a_text() -> None:
    picture = "data:image/png;base64," + "A" * 4000
    draft = drafted(screen(type="computer_screenshot", image_url=picture))
    note, image = bodies(draft)[1:3]
    assert said(draft)[1].endswith("Output: a screenshot")
    assert image["role"] == "user"
    assert image["content"][1] == {"type": "input_image", "image_url": picture, "detail": "auto"}
    assert "AAAA" not in json.dumps(note)
    assert "image-in-assistant-message" in codes(draft)


def test_a_screenshot_in_a_file_is_an_image_by_its_id_and_one_of_the_threads_files() -> None:
    source = thread(ASKED, runs=(Run("run_1"),), run_steps=(step(screen(file_id="assistant-1")),))
    assert [found.file_id for found in files_of(source)] == ["assistant-1"]
    sent = convert_thread(source, facts={"assistant-1": FileFact("uploaded", "file-new")})
    assert bodies(sent)[2]["content"][1]["file_id"] == "file-new"


def test_a_screenshot_of_no_kind_of_its_own_is_named_in_the_text_and_kept_in_the_state_file() -> None:
    picture = "data:image/png;base64," + "A" * 4000
    for call in (
        {"id": "c", "type": "browser_automation", "browser_automation": {"input": "look", "output": {"seen": picture}}},
        {"id": "c", "type": "hologram", "hologram": {"seen": picture}},
        FETCH | {"output": f'{{"shot": "{picture}"}}'},
    ):
        draft = drafted(call)
        shown = json.dumps(bodies(draft))
        assert "image/png, about 3,000 bytes" in shown and "AAAA" not in shown
        assert "tool-call-data-aside" in codes(draft)
        assert [one.value["data"] for one in draft.aside if one.name == "tool_call_data"] == [[picture]]


def test_a_call_of_a_server_becomes_a_pair_and_its_server_is_kept() -> None:
    draft = drafted(FETCH | {"output": "Ferry docs."})
    call, output = bodies(draft)[1:3]
    assert call == {"type": "function_call", "call_id": "call_m", "name": "fetch", "arguments": '{"q":1}'}
    assert output == {"type": "function_call_output", "call_id": "call_m", "output": "Ferry docs."}
    assert codes(draft) == ["tool-call-as-function"]
    assert [one.value for one in draft.aside] == [
        {"call_id": "call_m", "type": "mcp", "fields": {"server_label": "docs"}}
    ]
    assert draft.items[2].joined


def test_the_thread_of_a_connected_agent_is_linked() -> None:
    agent = {"name": "stocks", "arguments": "{}", "output": "5", "thread_id": "thread_child", "run_id": "run_child"}
    draft = drafted({"id": "call_a", "type": "connected_agent", "connected_agent": agent})
    assert codes(draft) == ["tool-call-as-function", "child-thread"]
    links = [one.value for one in draft.aside if one.name == CHILD_THREAD]
    assert links == [{"call_id": "call_a", "thread_id": "thread_child"}]


def test_what_else_came_of_a_call_without_an_output_is_told_in_words() -> None:
    draft = drafted(FETCH | {"error": "the server is down"})
    assert kinds(draft) == ["message", "note", "message"]
    assert "Error: the server is down" in said(draft)[1]


def test_a_call_without_a_name_is_called_after_its_kind() -> None:
    draft = drafted({"id": "c", "type": "azure_function", "azure_function": {"arguments": "{}", "output": "1"}})
    assert bodies(draft)[1]["name"] == "azure_function"


def test_what_a_search_found_is_told_in_lines_and_its_numbers_as_they_are_written() -> None:
    found = '{"documents": [{"title": "A", "score": 1.50}], "more": false}'
    text = told({"id": "c", "type": "azure_ai_search", "azure_ai_search": {"input": "ferry", "output": found}})
    assert text.splitlines() == [
        "[Tool call: azure_ai_search]",
        "Input: ferry",
        "Output:",
        "  documents:",
        "    -",
        "      title: A",
        "      score: 1.50",
        "  more: false",
    ]


def test_json_with_a_name_that_occurs_twice_stays_as_it_is() -> None:
    text = told({"id": "c", "type": "openapi", "openapi": {"name": "x", "output": '{"a": 1, "a": 2}'}})
    assert text.endswith('Output: {"a": 1, "a": 2}')


def test_deep_nesting_is_written_as_json_instead_of_ever_deeper_lines() -> None:
    deep: Any = "end"
    for _ in range(50):
        deep = {"in": deep}
    text = host_call("mcp", {"type": "mcp", "arguments": deep}).text
    assert "end" in text
    assert len(text.splitlines()) < 10


def test_a_step_that_lists_the_tools_of_a_server_is_known() -> None:
    details = {"type": "activities", "activities": [{"type": "mcp_list_tools", "server_label": "docs", "tools": {}}]}
    listing = RunStep("step_a", "run_1", "activities", details, created_at=1)
    draft = convert_thread(thread(ASKED, ANSWERED, runs=(Run("run_1"),), run_steps=(listing,)))
    assert codes(draft) == ["step-lists-tools"]
    assert "docs" in draft.findings[0].detail
    assert [one.value["step_details"] for one in draft.aside] == [details]


def test_an_activity_of_tomorrow_is_told_as_unknown_by_its_type() -> None:
    details = {"type": "activities", "activities": [{"type": "telepathy"}]}
    listing = RunStep("step_a", "run_1", "activities", details, created_at=1)
    draft = convert_thread(thread(ASKED, ANSWERED, runs=(Run("run_1"),), run_steps=(listing,)))
    assert codes(draft) == ["step-unknown"]
    assert "telepathy" in draft.findings[0].detail


@pytest.mark.parametrize("status", ["requires_action", "expired", "cancelled"])
def test_a_function_that_a_run_waited_for_gets_a_placeholder(status: str) -> None:
    draft = convert_thread(thread(ASKED, runs=(waiting("submit_tool_outputs", WEATHER, status=status),)))
    assert kinds(draft) == ["message", "function_call", "function_call_output"]
    assert bodies(draft)[1]["name"] == "weather"
    assert codes(draft) == ["run-not-completed", "tool-call-without-output"]
    assert draft.ledger.balanced


def test_a_call_that_waits_for_leave_is_told() -> None:
    draft = convert_thread(thread(ASKED, runs=(waiting("submit_tool_approval", FETCH),)))
    assert kinds(draft) == ["message", "function_call", "function_call_output"]
    assert bodies(draft)[2]["output"] == "No output was recorded for this call."
    assert "tool-call-without-output" in codes(draft)


def test_a_pending_call_that_a_step_lists_too_is_told_once() -> None:
    listed = step(FETCH | {"output": None}, created_at=106)
    source = thread(ASKED, runs=(waiting("submit_tool_approval", FETCH, WEATHER),), run_steps=(listed,))
    draft = convert_thread(source)
    assert kinds(draft) == ["message", *["function_call", "function_call_output"] * 2]
    assert draft.ledger.balanced
    assert count_parts(source) == 3


def test_what_a_run_waits_for_comes_after_all_that_it_did() -> None:
    steps = (made("msg_2", created_at=108), step(function(id="call_a"), created_at=106))
    draft = convert_thread(
        thread(ASKED, ANSWERED, runs=(waiting("submit_tool_outputs", WEATHER),), run_steps=steps),
    )
    names = [body.get("name") for body in bodies(draft)]
    assert names == [None, "add", None, None, "weather", None]


def test_pending_calls_are_left_out_where_calls_are() -> None:
    source = thread(ASKED, runs=(waiting("submit_tool_outputs", WEATHER),))
    draft = convert_thread(source, ConvertOptions(tool_calls=ToolCalls.DROP))
    assert kinds(draft) == ["message"]
    assert draft.ledger.dropped == 1
    assert draft.ledger.balanced


@pytest.mark.parametrize("action", [{"type": "new", "new_thing": {"ask": 1}}, {"submit": {"tool_calls": 5}}, "wait"])
def test_what_a_run_waited_for_of_another_kind_is_told_and_kept(action: Any) -> None:
    draft = convert_thread(thread(ASKED, runs=(Run("run_1", "expired", raw={"required_action": action}),)))
    assert codes(draft) == ["run-not-completed", "action-unknown"]
    assert [one.name for one in draft.aside] == ["required_action"]
    assert draft.ledger.balanced
    assert draft.ledger.noted == 1


@pytest.mark.parametrize("action", [None, [], "", {}, {"type": "x"}, {"submit": None}])
def test_an_action_that_says_nothing_stops_nothing(action: Any) -> None:
    draft = convert_thread(thread(ASKED, runs=(Run("run_1", "expired", raw={"required_action": action}),)))
    assert codes(draft) == ["run-not-completed"]
    assert draft.ledger.balanced


def test_a_data_source_is_named_by_its_uri() -> None:
    raw = {"data_source": {"type": "uri_asset", "uri": "azureml://subscriptions/x/paths/a.md"}, "tools": []}
    draft = convert_thread(thread(message("What does it say?", attachments=(Attachment(None, ("file_search",), raw),))))
    assert codes(draft) == ["attachment-data-source"]
    [note] = [part["text"] for part in bodies(draft)[0]["content"] if "Attached" in part["text"]]
    assert note == (
        "[Attached data source: azureml://subscriptions/x/paths/a.md (uri_asset), attached for file_search]"
    )


def test_the_signature_of_a_data_source_goes_to_no_prompt() -> None:
    raw = {"data_source": {"uri": "https://store.example/a.md?sv=1&sig=abcdefghijklmnop"}}
    draft = convert_thread(thread(message("And?", attachments=(Attachment(None, (), raw),))))
    assert "abcdefghijklmnop" not in json.dumps(bodies(draft))
    assert "https://store.example/a.md" in json.dumps(bodies(draft))


def test_saved_threads_of_agents_keep_every_call() -> None:
    pair = ["function_call", "function_call_output"]
    assert kinds(draft_of("03-foundry-mcp-activities")) == ["message", *pair, "message"]
    draft = draft_of("05-foundry-tool-kinds")
    assert len(draft.items) == 14
    told_of = json.dumps([bodies(draft), [one.value for one in draft.aside]])
    for word in ("weather_GetForecast", "stock_bot", "thread_9", "Retrieved 5 documents.", "next_step: n", "Bar"):
        assert word in told_of
    assert codes(draft_of("07-foundry-attachment-data-source")) == ["attachment-data-source"]


def test_saved_threads_with_pending_calls_tell_them() -> None:
    assert kinds(draft_of("39-pending-approval", "t.json")) == ["message", "function_call", "function_call_output"]
    draft = draft_of("39-pending-approval/fn", "t.json")
    assert kinds(draft) == ["message", "function_call", "function_call_output"]
    assert codes(draft) == ["run-not-completed", "tool-call-without-output"]
