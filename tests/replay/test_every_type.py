"""Every event and every item of the official SDK, sent by a scripted server: each means something, or is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from migrate_cli.model import JsonObject
from migrate_cli.replay.approvals import Approvals
from migrate_cli.replay.budget import Limits, PriceList, UsageBudget
from migrate_cli.replay.collector import Collector, is_token
from migrate_cli.replay.event_sinks import NullObserver
from migrate_cli.replay.modes import StatelessMode
from migrate_cli.replay.outcome import CaseRun, shown
from migrate_cli.replay.response import Ending, ModelResponse
from migrate_cli.replay.tools import ToolPolicy, ToolRunner
from migrate_cli.replay.turns import TurnPolicy, TurnResult, TurnRunner

from support.events import Event, framed, message, response, stream_of
from support.sdk_types import EVENTS, ITEMS

HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}

PIECES: dict[str, Callable[[ModelResponse], Any]] = {
    "response.output_text": lambda answer: answer.text,
    "response.refusal": lambda answer: answer.refusal,
    "response.reasoning_text": lambda answer: answer.reasoning,
    "response.reasoning_summary_text": lambda answer: answer.reasoning,
    "response.audio.transcript": lambda answer: answer.text,
}
"""Events that bring text, and where it goes."""
FILLED = {
    "response.function_call_arguments": ("function_call", "arguments"),
    "response.mcp_call_arguments": ("mcp_call", "arguments"),
    "response.custom_tool_call_input": ("custom_tool_call", "input"),
    "response.code_interpreter_call_code": ("code_interpreter_call", "code"),
}
"""Events that bring what an item is given: its type, and the field."""
ENDINGS = {
    "response.completed": Ending.COMPLETED,
    "response.incomplete": Ending.INCOMPLETE,
    "response.failed": Ending.FAILED,
    "error": Ending.FAILED,
}
OTHERS = {
    "response.output_item.added", "response.output_item.done", "response.output_text.annotation.added",
    "response.image_generation_call.partial_image", "response.created", "response.queued", "response.in_progress",
    "response.shell_call_command.added", "response.shell_call_command.delta", "response.shell_call_command.done",
}  # fmt: skip
"""Events whose meaning has a test of its own below, or is that the response goes on."""
PROGRESS = {
    "response.file_search_call.completed", "response.file_search_call.in_progress",
    "response.file_search_call.searching", "response.web_search_call.completed",
    "response.web_search_call.in_progress", "response.web_search_call.searching",
    "response.code_interpreter_call.completed", "response.code_interpreter_call.in_progress",
    "response.code_interpreter_call.interpreting", "response.image_generation_call.completed",
    "response.image_generation_call.generating", "response.image_generation_call.in_progress",
    "response.mcp_call.completed", "response.mcp_call.failed", "response.mcp_call.in_progress",
    "response.mcp_list_tools.completed", "response.mcp_list_tools.failed", "response.mcp_list_tools.in_progress",
    "response.content_part.added", "response.content_part.done", "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done", "response.compaction.compacting", "response.audio.delta",
    "response.audio.done", "response.shell_call_output_content.delta", "response.shell_call_output_content.done",
}  # fmt: skip
"""Events that only say how far something is; what it comes to is in the item."""
KNOWN = {
    *(f"{name}.{what}" for name in (*PIECES, *FILLED) for what in ("delta", "done")), *ENDINGS, *OTHERS, *PROGRESS
}  # fmt: skip

CLIENTS = {
    "function_call": "words", "custom_tool_call": "words", "local_shell_call": "local_shell", "shell_call": "shell",
    "apply_patch_call": "apply_patch", "computer_call": "computer",
}  # fmt: skip
"""Items that a client must answer, and what the verdict calls each."""
HOSTED = {
    "web_search_call": "web_search", "file_search_call": "file_search", "code_interpreter_call": "code_interpreter",
    "image_generation_call": "image_generation", "mcp_call": "words", "program_output": "programmatic_tool_calling",
}  # fmt: skip
"""Items of tools that the server runs, and what a suite calls each."""
SILENT = {
    "reasoning", "compaction", "additional_tools", "mcp_list_tools", "mcp_approval_response",
    "function_call_output", "custom_tool_call_output", "local_shell_call_output", "shell_call_output",
    "apply_patch_call_output", "computer_call_output", "tool_search_output", "configuration_update",
    "compaction_trigger", "item_reference",
}  # fmt: skip
"""Items that a verdict does not depend on."""


def collected(*events: Any) -> ModelResponse:
    collector = Collector()
    for event in events:
        collector.feed(event)
    return collector.response()


def asked(*scripts: list[Event]) -> CaseRun:
    """A case of one turn, on a server that plays these streams one after the other."""
    left = list(scripts)

    async def stream(_: bytes, on_sent: Callable[[], None]) -> AsyncGenerator[JsonObject]:
        on_sent()
        for event in left.pop(0):
            yield event

    async def run() -> CaseRun:
        mode, policy = StatelessMode(None, [], reasoning=False), TurnPolicy(retries=0)
        budget = UsageBudget(Limits(), PriceList())
        runner = TurnRunner(
            stream, mode, {"model": "m-1"}, ToolRunner([], ToolPolicy()), Approvals(), budget, NullObserver(), policy
        )
        case = CaseRun("x", 1)

        case.turns.append(TurnResult())
        await runner.run([HELLO], case.turns[0])
        case.judge()
        return case

    return asyncio.run(run())


def notes(case: CaseRun) -> dict[str, Any]:
    found: dict[str, Any] = shown([case], 1.0, with_content=False)["notes"]
    return found


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_of_the_sdk_is_known_or_told(kind: str) -> None:
    event = EVENTS[kind]
    case = asked([event, *stream_of(message("Hello"))]) if kind not in ENDINGS else asked(ending(kind))
    assert notes(case).get("unknown_types", {}) == ({} if kind in KNOWN else {kind: 1})


@pytest.mark.parametrize("kind", sorted(KNOWN))
def test_what_this_program_knows_the_sdk_knows(kind: str) -> None:
    assert kind in EVENTS


@pytest.mark.parametrize("name", PIECES)
def test_text_in_pieces_comes_where_it_belongs(name: str) -> None:
    delta, done = EVENTS[f"{name}.delta"], EVENTS[f"{name}.done"]
    assert PIECES[name](collected(delta | {"delta": "one "}, delta | {"delta": "two"})) == "one two"
    assert is_token(delta)
    field = next((key for key in ("text", "refusal") if key in done), None)
    if field is not None:
        assert PIECES[name](collected(delta, done | {field: "whole"})) == "whole"


@pytest.mark.parametrize("name", FILLED)
def test_what_a_tool_is_given_is_put_into_its_item(name: str) -> None:
    kind, field = FILLED[name]
    added = {"type": "response.output_item.added", "output_index": 0, "item": ITEMS[kind] | {field: ""}}
    delta = EVENTS[f"{name}.delta"] | {"output_index": 0}
    answer = collected(added, delta | {"delta": "12"}, delta | {"delta": "3"})
    assert answer.items[0][field] == "123"
    assert is_token(delta)


def test_the_commands_of_a_shell_are_put_into_their_call() -> None:
    call = ITEMS["shell_call"] | {"action": {"commands": []}, "status": "in_progress"}
    added = {"type": "response.output_item.added", "output_index": 0, "item": call}
    pieces = [
        EVENTS["response.shell_call_command.delta"] | {"output_index": 0, "command_index": place, "delta": text}
        for place, text in ((0, "ls"), (1, "pw"), (1, "d"))
    ]
    assert collected(added, *pieces).items[0]["action"]["commands"] == ["ls", "pwd"]


def ending(kind: str) -> list[Event]:
    told = EVENTS[kind] | {"response": response(kind.removeprefix("response."), [message("Hello")])}
    return [EVENTS[kind] if kind == "error" else told]


@pytest.mark.parametrize("kind", ENDINGS)
def test_a_stream_has_four_ends(kind: str) -> None:
    assert collected(*ending(kind)).ending is ENDINGS[kind]


@pytest.mark.parametrize("kind", ITEMS)
def test_every_item_of_the_sdk_is_known_or_told(kind: str) -> None:
    known = {"message", "program", "mcp_approval_request", "tool_search_call", *CLIENTS, *HOSTED, *SILENT}
    told = notes(asked(stream_with(ITEMS[kind]), stream_of(message("Done")))).get("unknown_types", {})
    assert told == ({} if kind in known else {f"item {kind}": 1})


def stream_with(item: Event) -> list[Event]:
    return framed([{"type": "response.output_item.done", "output_index": 0, "item": item}], [item])


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_call_that_nobody_here_answers_fails_its_case_by_name(kind: str) -> None:
    case = asked(stream_with(ITEMS[kind]), stream_of(message("Done")))
    assert (case.status, case.code) == ("failed", "call-unanswered")
    assert CLIENTS[kind] in case.reason
    told = shown([case], 1.0, with_content=False)["unanswered"]
    assert [(one["type"], one["tool"]) for one in told] == [(kind, CLIENTS[kind])]


@pytest.mark.parametrize(("execution", "code"), [("client", "call-unanswered"), ("server", None)])
def test_a_search_for_tools_is_the_clients_where_it_says_so(execution: str, code: str | None) -> None:
    item = ITEMS["tool_search_call"] | {"execution": execution, "call_id": "call_1"}
    assert asked(stream_with(item)).code == code


def test_a_shell_of_the_server_needs_no_answer() -> None:
    call = ITEMS["shell_call"] | {"environment": {"type": "container_reference", "container_id": "cntr_1"}}
    case = asked(stream_with(call))
    assert (case.code, case.tools) == (None, ["shell"])


def test_a_call_of_a_type_that_nobody_knows_yet_fails_its_case_too() -> None:
    case = asked(stream_with({"type": "hologram_call", "id": "h_1", "call_id": "call_1", "status": "completed"}))
    assert case.code == "call-unanswered"
    assert "hologram" in case.reason
    assert notes(case)["unknown_types"] == {"item hologram_call": 1}


@pytest.mark.parametrize("kind", HOSTED)
def test_a_tool_that_the_server_ran_has_been_called_if_it_succeeded(kind: str) -> None:
    done, failed = (ITEMS[kind] | {"status": status, "error": None} for status in ("completed", "failed"))
    for item, succeeded in ((done, True), (failed, False)):
        (call,) = asked(stream_with(item)).turns[0].calls
        assert (HOSTED[kind] in call.names, call.succeeded) == (True, succeeded)


@pytest.mark.parametrize("kind", sorted(SILENT))
def test_what_no_verdict_depends_on_changes_none(kind: str) -> None:
    case = asked(stream_with(ITEMS[kind]))
    assert (case.status, case.tools, case.detail()) == ("passed", [], "")


def test_a_turn_that_ends_before_a_program_of_the_model_does_is_no_pass() -> None:
    program, call = ITEMS["program"] | {"call_id": "call_p"}, ITEMS["function_call"] | {"call_id": "call_f"}
    output = ITEMS["program_output"] | {"call_id": "call_p", "status": "completed"}
    finished = asked(framed([], [program, call]), framed([], [output, message("Done")]))
    assert finished.code == "call-unanswered", "the function has no handler, but the program has its output"
    assert finished.turns[0].unfinished_programs == []
    case = asked(framed([], [program, message("Done")]))
    assert (case.status, case.code) == ("failed", "program-unfinished")
    assert "call_p" in case.reason


def test_an_approval_that_nobody_gives_fails_its_case() -> None:
    assert asked(stream_with(ITEMS["mcp_approval_request"]), stream_of(message("Done"))).code == "approval-unanswered"


def test_what_is_said_on_the_way_is_no_answer_and_no_mismatch() -> None:
    on_the_way = message("Let me look. ") | {"phase": "commentary"}
    answer = message("It is green.", 1) | {"phase": "final_answer"}
    whole = collected(*stream_of(on_the_way, answer))
    assert (whole.text, whole.mismatch) == ("It is green.", False)
    assert collected(*stream_of(on_the_way)).text == ""


def test_phase_namespace_and_caller_go_back_where_nothing_is_stored() -> None:
    sent: list[JsonObject] = []
    caller = {"type": "program", "caller_id": "call_p"}
    call = {
        "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{}",
        "status": "completed", "namespace": "crm", "caller": caller,
    }  # fmt: skip
    said = message("Let me look.", 1) | {"phase": "commentary"}
    left = [framed([], [said, call]), stream_of(message("Done"))]

    async def stream(content: bytes, on_sent: Callable[[], None]) -> AsyncGenerator[JsonObject]:
        on_sent()
        sent.append(json.loads(content))
        for event in left.pop(0):
            yield event

    runner = TurnRunner(
        stream, StatelessMode(None, [], reasoning=False), {"model": "m-1"}, ToolRunner([], ToolPolicy()),
        Approvals(), UsageBudget(Limits(), PriceList()), NullObserver(), TurnPolicy(),
    )  # fmt: skip
    asyncio.run(runner.run([HELLO], TurnResult()))
    _, comment, again, answer = sent[1]["input"]
    assert comment["phase"] == "commentary"
    assert (again["namespace"], again["caller"]) == ("crm", caller)
    assert (answer["type"], answer["namespace"], answer["caller"]) == ("function_call_output", "crm", caller)
