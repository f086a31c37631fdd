"""What a person sees while a case runs."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest
from migrate_cli.replay.console import LineConsole, LiveConsole, line_of
from migrate_cli.replay.event_sinks import EventFile, ImageFolder, ObserverGroup
from migrate_cli.replay.outcome import CaseRun, CaseStatus
from migrate_cli.replay.response import ApprovalRequest, ClientCall, Ending, Image, ModelResponse, Usage
from migrate_cli.replay.tools import ToolOutcome
from migrate_cli.replay.turns import TurnResult
from rich.console import Console

from support.events import message, stream_of


def finished(status: CaseStatus = CaseStatus.PASSED, **more: object) -> CaseRun:
    turn = TurnResult(responses=[ModelResponse(Ending.COMPLETED)], ttft=0.25, seconds=1.5, usage=Usage(100, 0, 20))
    return CaseRun("refund", 1, status=status, turns=[turn], **more)  # type: ignore[arg-type]  # fields of the value


def test_a_line_tells_name_verdict_times_and_tokens() -> None:
    said: list[str] = []
    LineConsole(said.append).observe("refund", 1).done(finished())
    assert said == ["✓ refund  passed  1.5 s, first token 0.25 s, 120 tokens"]
    assert "nobody came" in line_of(finished(CaseStatus.FAILED, reason="nobody came"))
    assert line_of(CaseRun("x", 2, status=CaseStatus.SKIPPED)).startswith("- x (#2)  skipped  not run")


def test_text_and_tools_are_shown_as_they_come() -> None:
    out = io.StringIO()
    screen = LiveConsole(Console(file=out, force_terminal=True, width=80))
    observer = screen.observe("refund", 1)
    observer.turn(1, 1)
    for event in stream_of(message("Hello \x1b[31mthere")):
        observer.event(event)
    observer.event({"type": "response.output_item.added", "item": {"type": "web_search_call"}})
    observer.event({"type": "response.output_item.done", "item": {"type": "web_search_call"}})
    observer.tools(["look"])
    observer.tool_done(ToolOutcome(ClientCall("c", "look", "{}"), "x", "handler", 0.02))
    observer.done(finished())
    shown = out.getvalue()
    for expected in ("refund", "Hello", "✓ web search", "✓ look 20 ms", "✓ refund  passed"):
        assert expected in shown
    assert "\x1b[31mthere" not in shown, "control characters of an answer never reach the terminal"
    assert screen.live is None


@pytest.mark.parametrize(
    ("typed", "allowed"), [("y\n", True), ("YES\n", True), ("\n", False), ("", False), ("n\n", False)]
)
def test_only_a_yes_is_a_yes(
    typed: str, allowed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    screen = LiveConsole(Console(file=io.StringIO(), force_terminal=True))
    assert screen.ask(ApprovalRequest("r", "shop", "buy", '{"n": 1}')) is allowed
    assert "shop wants to run buy" in capsys.readouterr().err


def test_events_go_to_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventFile(path) as file:
        observer = ObserverGroup([file.observe("a", 1)])
        observer.event({"type": "x", "delta": "ä"})
        observer.turn(2, 2)
        observer.event({"type": "y"})
        observer.note("a note")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [(line["case_id"], line["turn"], line["event"]["type"]) for line in lines] == [("a", 1, "x"), ("a", 2, "y")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_images_are_saved_under_safe_names_and_nonsense_is_left_out(tmp_path: Path) -> None:
    images = (Image("../ig_1", "aGk=", 0), Image("../ig_1", "aGk=", None, "webp"), Image("ig_2", "no base64!"))
    run = CaseRun("a/../b", 1, turns=[TurnResult(responses=[ModelResponse(Ending.COMPLETED, images=images)])])
    folder = ImageFolder(tmp_path / "images")
    folder.observe("a/../b", 1).done(run)
    names = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert names == ["a-b-1-ig_1-image.webp", "a-b-1-ig_1-partial-0.png"]
    assert (tmp_path / "images" / names[0]).read_bytes() == b"hi"
