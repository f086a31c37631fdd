"""Handlers run where they can be ended: what hangs, crashes or exits holds nothing, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.errors import UsageError
from migrate_cli.replay import handlers as handlers_module
from migrate_cli.replay.errors import CaseInterrupted
from migrate_cli.replay.handlers import HandlerProcesses
from migrate_cli.replay.response import ClientCall
from migrate_cli.replay.tools import ToolOutcome, ToolPolicy, ToolRunner
from migrate_cli.replay.toolspec import Tool

HERE = Path(__file__).parent
needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are watched as Linux lets one")
ENDED = 0.3
"""A time that no handler which ends by itself needs."""


def here(name: str, seconds: float = 30) -> Tool:
    return Tool.model_validate(
        {"type": "function", "name": name, "handler": f"odd_handlers:{name}", "timeout": seconds}
    )


def runner(handlers: HandlerProcesses, *tools: Tool, stop: asyncio.Event | None = None) -> ToolRunner:
    return ToolRunner(tools, ToolPolicy(handlers=handlers), None, stop)


def call(name: str, n: int = 1) -> ClientCall:
    return ClientCall(f"call_{name}_{n}", name, json.dumps({"n": n}))


def run(*steps: tuple[str, ...], ended: tuple[str, ...] = ()) -> list[ToolOutcome]:
    """Run the calls of each step at once, one step after the other; `ended` are those that must be ended."""
    names = {name for step in steps for name in step}

    async def all_of(using: ToolRunner) -> list[ToolOutcome]:
        return [one for step in steps for one in await using.run_all([call(name) for name in step])]

    with HandlerProcesses(HERE) as handlers:
        return asyncio.run(all_of(runner(handlers, *(here(name, ENDED if name in ended else 30) for name in names))))


def gone(pid: int) -> bool:
    """Whether a process is no more, or is about to be."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 10)[0])
    finally:
        os.close(watched)


@pytest.mark.parametrize("name", ["hangs", "blocks_the_loop", "will_not_be_cancelled", "keeps_python_to_itself"])
def test_a_handler_that_never_returns_is_ended_and_the_next_call_finds_a_fresh_process(name: str) -> None:
    before, hung, after, imported = run(("process",), (name,), ("process",), ("recall",), ended=(name,))
    assert hung.problem == "timeout"
    assert json.loads(hung.output)["error"]["message"] == "the tool took more than 0.3 s and was ended"
    assert ENDED <= hung.seconds < 20
    assert after.output != before.output
    assert imported.output == "[]"


def test_an_async_handler_is_cancelled_and_its_process_goes_on() -> None:
    before, cancelled, after = run(("process",), ("forever",), ("process",), ended=("forever",))
    assert cancelled.problem == "timeout"
    assert after.output == before.output


def test_a_call_beside_one_that_hangs_still_gets_its_answer() -> None:
    hung, *met = run(("hangs", "meet", "meet", "meet"), ended=("hangs",))
    assert hung.problem == "timeout"
    assert [one.output for one in met] == ["met 1"] * 3


def test_the_state_of_a_module_is_one_for_sync_and_async_handlers_and_it_is_imported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPORTS", str(tmp_path / "imports"))
    outcomes = run(("remember", "double"), ("recall",), ("imports",))
    assert [one.output for one in outcomes] == ["[1]", '{"n":2}', "[1]", "1"]


@pytest.mark.parametrize(
    ("name", "problem", "told"),
    [
        ("late", "TimeoutError", "the shop is slow"),
        ("leaves", "SystemExit", "the handler called sys.exit('enough')"),
        ("crashes", "process_ended", "was ended by SIGSEGV while this one ran"),
        ("exits_at_once", "process_ended", "ended with 3 while this one ran"),
        ("no_json", "TypeError", "it returned a Event, which is not JSON"),
        ("circle", "ValueError", "Circular"),
    ],
)
def test_what_a_handler_does_wrong_has_a_clear_name(name: str, problem: str, told: str) -> None:
    outcome, after = run((name,), ("double",))
    assert outcome.problem == problem
    assert told in json.loads(outcome.output)["error"]["message"]
    assert after.output == '{"n":2}'


@pytest.mark.parametrize(
    ("name", "output"),
    [("prints", "printed"), ("threads", "1"), ("a_date", '"2026-03-01"'), ("later", '{"n":2}'), ("reads", '""')],
)
def test_what_a_handler_may_do_it_may_do(name: str, output: str, capfd: pytest.CaptureFixture[str]) -> None:
    (outcome,) = run((name,))
    assert (outcome.output, outcome.problem) == (output, None)
    out, err = capfd.readouterr()
    assert out == ""
    assert (name == "prints") == ("a word of the handler\nand another\n" in err)


@needs_pidfd
@pytest.mark.parametrize("name", ["starts_a_program", "forks", "process"])
def test_no_process_stays(name: str) -> None:
    (outcome,) = run((name,))
    assert gone(int(outcome.output))


@needs_pidfd
def test_no_process_stays_where_a_handler_hangs_at_the_end() -> None:
    started, _ = run(("starts_a_program",), ("hangs",), ended=("hangs",))
    assert gone(int(started.output))


@needs_pidfd
@pytest.mark.parametrize("name", ["hangs", "keeps_python_to_itself"])
def test_the_process_ends_with_its_parent_however_that_ends(name: str, tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from migrate_cli.replay.handlers import HandlerProcesses

async def main(handlers):
    number = await (await handlers.ready("odd_handlers:process")).run({{"n": 1}}, 100)
    call = asyncio.create_task((await handlers.ready("odd_handlers:{name}")).run({{"n": 1}}, 100))
    await asyncio.sleep(0)
    print(number, flush=True)
    await call

asyncio.run(main(HandlerProcesses(Path({str(HERE)!r}))))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert gone(child), "the handler outlived the command"


def test_an_interruption_ends_a_handler_in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate_cli.replay.tools.INTERRUPTED_PATIENCE", 0.01)

    async def interrupted(handlers: HandlerProcesses) -> None:
        stop = asyncio.Event()
        using = runner(handlers, here("hangs"), stop=stop)
        running = asyncio.create_task(using.run_all([call("hangs")]))
        await (await handlers.ready("odd_handlers:double")).run({"n": 1}, 100)
        stop.set()
        await running

    with HandlerProcesses(HERE) as handlers, pytest.raises(CaseInterrupted, match="the tool hangs was ended"):
        asyncio.run(interrupted(handlers))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import nowhere", "No module named 'nowhere'"),
        ("import sys; sys.exit(2)", "SystemExit"),
        ("import os; os._exit(2)", "importing it ended its process"),
        ("import threading; threading.Event().wait()", "importing it takes more than 0.5 s"),
        ("f = 1", "is not a function"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, told: str
) -> None:
    monkeypatch.setattr(handlers_module, "IMPORT_PATIENCE", 10 if "wait" not in source else 0.5)
    (tmp_path / "broken.py").write_text(source)
    with HandlerProcesses(tmp_path) as handlers, pytest.raises(UsageError, match=told) as caught:
        handlers.check(["broken:f"])
    assert "broken:f" in str(caught.value)


def test_a_large_output_comes_whole_and_one_that_is_too_large_is_cut(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_text("def large(n):\n    return 'ä' * n\n")

    async def both(handlers: HandlerProcesses) -> list[Any]:
        large = await handlers.ready("large:large")
        return [await large.run({"n": n}, 1_000_000) for n in (400_000, 2_000_000)]

    with HandlerProcesses(tmp_path) as handlers:
        whole, cut = asyncio.run(both(handlers))
    assert whole == "ä" * 400_000
    assert cut.endswith("[cut: 4000000 bytes in all]")


def test_a_machine_that_starts_no_more_processes_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with HandlerProcesses(HERE) as handlers, pytest.raises(UsageError, match="cannot be started: No such file"):
        handlers.check(["odd_handlers:double"])
