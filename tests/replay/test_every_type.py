"""Every event and every item of the official SDK: each means something, or is told.

A server plays all of them to one `migrate-cli replay`, a case for each, over HTTP. What they are is read off the SDK
that is installed, so that the types of a newer one are played too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from migrate_cli.cli.app import app
from migrate_cli.replay.collector import Collector, is_token
from migrate_cli.replay.response import Ending, ModelResponse
from migrate_cli.secrets import forget_secrets
from typer.testing import CliRunner

from support.events import Event, framed, message, response, stream_of
from support.scripted_server import ScriptedServer, Streams, scripted_server
from support.sdk_types import EVENTS, ITEMS

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
KNOWN_ITEMS = {"message", "program", "mcp_approval_request", "tool_search_call", *CLIENTS, *HOSTED, *SILENT}


def stream_with(*items: Event) -> list[Event]:
    """A stream that gives these items whole, and no text."""
    done = ({"type": "response.output_item.done", "output_index": n, "item": item} for n, item in enumerate(items))
    return framed(list(done), list(items))


def ending(kind: str) -> list[Event]:
    told = EVENTS[kind] | {"response": response(kind.removeprefix("response."), [message("Hello")])}
    return [EVENTS[kind] if kind == "error" else told]


DONE = stream_of(message("Done"))
CALLER = {"type": "program", "caller_id": "call_p"}
CALLED = {
    "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{}",
    "status": "completed", "namespace": "crm", "caller": CALLER,
}  # fmt: skip
PROGRAM, PROGRAM_CALL = ITEMS["program"] | {"call_id": "call_p"}, ITEMS["function_call"] | {"call_id": "call_f"}
PROGRAM_OUTPUT = ITEMS["program_output"] | {"call_id": "call_p", "status": "completed"}
IN_A_CONTAINER = {"environment": {"type": "container_reference", "container_id": "cntr_1"}}
NEW_EVENT = {"type": "response.hologram.delta", "delta": "a"}
NEW_CALL = {"type": "hologram_call", "id": "h_1", "call_id": "call_1", "status": "completed"}

STREAMS: dict[str, Streams] = {
    **{
        f"event {kind}": [ending(kind) if kind in ENDINGS else [event, *stream_of(message("Hello"))]]
        for kind, event in EVENTS.items()
    },
    **{f"item {kind}": [stream_with(item), DONE] for kind, item in ITEMS.items()},
    **{
        f"{status} {kind}": [stream_with(ITEMS[kind] | {"status": status, "error": None})]
        for kind in HOSTED
        for status in ("completed", "failed")
    },
    **{
        f"search by the {who}": [stream_with(ITEMS["tool_search_call"] | {"execution": who, "call_id": "call_1"}), DONE]
        for who in ("client", "server")
    },
    "a shell of the server": [stream_with(ITEMS["shell_call"] | IN_A_CONTAINER)],
    "an event of tomorrow": [[NEW_EVENT, *stream_of(message("Hello"))]],
    "a call of tomorrow": [stream_with(NEW_CALL), DONE],
    "a program that ends": [framed([], [PROGRAM, PROGRAM_CALL]), framed([], [PROGRAM_OUTPUT, message("Done")])],
    "a program that does not": [framed([], [PROGRAM, message("Done")])],
    "a call with a caller": [framed([], [message("Let me look.", 1) | {"phase": "commentary"}, CALLED]), DONE],
}
"""What the server plays, by the case that asks for it: the stream of each of its requests."""


@dataclass(frozen=True)
class Played:
    """What a replay made of all that, and what it sent."""

    cases: dict[str, dict[str, Any]]
    server: ScriptedServer

    def unknown(self, name: str) -> dict[str, int]:
        """The types that the report names as unknown."""
        found: dict[str, int] = self.cases[name]["notes"].get("unknown_types", {})
        return found

    def called(self, name: str) -> list[tuple[str, str | None]]:
        """The tools that the server ran, and what went wrong."""
        return [(tool["tool"], tool["problem"]) for tool in self.cases[name]["turns"][0]["tools"]]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """One replay against the server, with a case for each entry of `STREAMS`."""
    folder = tmp_path_factory.mktemp("every-type")
    suite = {"model": "m-1", "cases": [{"id": name, "input": name} for name in STREAMS]}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite), "utf-8")
    with scripted_server(STREAMS) as (server, url), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("OPENAI_BASE_URL", url)
        patch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
        patch.setenv("MIGRATE_REPLAY__RETRIES", "0")
        patch.delenv("GITHUB_STEP_SUMMARY", raising=False)
        words = ["replay", "suite.yaml", "--mode", "stateless", "--workers", "8", "--output", "json"]
        result = json.loads(CliRunner().invoke(app, words, catch_exceptions=False).stdout)
    forget_secrets()
    yield Played({case["case_id"]: case for case in result["data"]["cases"]}, server)


def collected(*events: Any) -> ModelResponse:
    collector = Collector()
    for event in events:
        collector.feed(event)
    return collector.response()


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_of_the_sdk_is_known_or_told(kind: str, played: Played) -> None:
    assert played.unknown(f"event {kind}") == ({} if kind in KNOWN else {kind: 1})


@pytest.mark.parametrize("kind", EVENTS)
def test_no_event_of_the_sdk_stops_a_case_from_being_judged(kind: str, played: Played) -> None:
    case = played.cases[f"event {kind}"]
    failed = ENDINGS.get(kind, Ending.COMPLETED) is not Ending.COMPLETED
    assert (case["status"], case["turns"][0]["status"]) == (
        "failed" if failed else "passed",
        ENDINGS.get(kind, Ending.COMPLETED),
    ), case["detail"]


def test_an_event_that_no_sdk_knows_is_told_by_its_name(played: Played) -> None:
    assert played.unknown("an event of tomorrow") == {NEW_EVENT["type"]: 1}
    assert played.cases["an event of tomorrow"]["status"] == "passed"


@pytest.mark.parametrize("kind", sorted(KNOWN))
def test_what_this_program_knows_the_sdk_knows(kind: str) -> None:
    assert kind in EVENTS


def test_the_sdk_has_no_type_that_waits_for_a_meaning_here() -> None:
    """A newer SDK fails here and nowhere else: users are told of a new type until the tables above have it."""
    assert set(EVENTS) - KNOWN == set()
    assert set(ITEMS) - KNOWN_ITEMS == set()


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


@pytest.mark.parametrize("kind", ITEMS)
def test_every_item_of_the_sdk_is_known_or_told(kind: str, played: Played) -> None:
    assert played.unknown(f"item {kind}") == ({} if kind in KNOWN_ITEMS else {f"item {kind}": 1})


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_call_that_nobody_here_answers_fails_its_case_by_name(kind: str, played: Played) -> None:
    case = played.cases[f"item {kind}"]
    assert (case["status"], case["code"]) == ("failed", "call-unanswered")
    assert CLIENTS[kind] in case["reasons"][0]
    assert [(one["type"], one["tool"]) for one in case["unanswered"]] == [(kind, CLIENTS[kind])]


@pytest.mark.parametrize(("execution", "code"), [("client", "call-unanswered"), ("server", None)])
def test_a_search_for_tools_is_the_clients_where_it_says_so(execution: str, code: str | None, played: Played) -> None:
    assert played.cases[f"search by the {execution}"]["code"] == code


def test_a_shell_of_the_server_needs_no_answer(played: Played) -> None:
    case = played.cases["a shell of the server"]
    assert (case["code"], case["tools"]) == (None, ["shell"])


def test_a_call_of_a_type_that_nobody_knows_yet_fails_its_case_too(played: Played) -> None:
    case = played.cases["a call of tomorrow"]
    assert case["code"] == "call-unanswered"
    assert "hologram" in case["detail"]
    assert played.unknown("a call of tomorrow") == {"item hologram_call": 1}


@pytest.mark.parametrize("kind", HOSTED)
def test_a_tool_that_the_server_ran_has_been_called_if_it_succeeded(kind: str, played: Played) -> None:
    assert played.called(f"completed {kind}") == [(HOSTED[kind], None)]
    assert played.called(f"failed {kind}") == [(HOSTED[kind], "failed")]


@pytest.mark.parametrize("kind", sorted(SILENT))
def test_what_no_verdict_depends_on_changes_none(kind: str, played: Played) -> None:
    case = played.cases[f"item {kind}"]
    assert (case["status"], case["tools"], case["detail"]) == ("passed", [], None)


def test_a_turn_that_ends_before_a_program_of_the_model_does_is_no_pass(played: Played) -> None:
    finished = played.cases["a program that ends"]
    assert finished["code"] == "call-unanswered", "the function has no handler, but the program has its output"
    case = played.cases["a program that does not"]
    assert (case["status"], case["code"]) == ("failed", "program-unfinished")
    assert "call_p" in case["detail"]


def test_an_approval_that_nobody_gives_fails_its_case(played: Played) -> None:
    assert played.cases["item mcp_approval_request"]["code"] == "approval-unanswered"


def test_what_is_said_on_the_way_is_no_answer_and_no_mismatch() -> None:
    on_the_way = message("Let me look. ") | {"phase": "commentary"}
    answer = message("It is green.", 1) | {"phase": "final_answer"}
    whole = collected(*stream_of(on_the_way, answer))
    assert (whole.text, whole.mismatch) == ("It is green.", False)
    assert collected(*stream_of(on_the_way)).text == ""


def test_phase_namespace_and_caller_go_back_where_nothing_is_stored(played: Played) -> None:
    _, comment, again, answer = played.server.requests["a call with a caller"][1]["input"]
    assert comment["phase"] == "commentary"
    assert (again["namespace"], again["caller"]) == ("crm", CALLER)
    assert (answer["type"], answer["namespace"], answer["caller"]) == ("function_call_output", "crm", CALLER)
