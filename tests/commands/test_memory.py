"""Memory does not grow with the number of threads: what is held for each must be on disk, or not be held."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from migrate_cli.commands.run_totals import RunTotals
from migrate_cli.load.decide import Action
from migrate_cli.model import Draft, Ledger, Progress, Unreadable
from migrate_cli.report.progress import SilentProgress
from migrate_cli.sources import disk_set
from migrate_cli.sources.interface import Selection
from migrate_cli.verify.comparisons import ComparisonTasks

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

FEW, MANY = 2_500, 5_000
"""More than the lists of a result take, and than Python lets pass between two collections of garbage, in both cases."""
EACH = 20
"""Bytes that one more thread may take; a number of its own would take 28, its id 70."""
MOST = EACH * (MANY - FEW)


@pytest.fixture(autouse=True)
def _names_that_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory holds so many names and no more; here that is reached in both cases."""
    monkeypatch.setattr(disk_set, "FEW", FEW // 2)


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def growth(few: Callable[[], object], many: Callable[[], object]) -> int:
    """Bytes by which `many` exceeds `few`, measured again, at most twice, where that is more than may be.

    A collection of garbage that comes early or late moves one peak by some 100 KB; what is held for each thread is
    there every time.
    """
    grown = MOST
    for _ in range(3):
        gc.collect()
        before = peak_of(few)
        gc.collect()
        grown = peak_of(many) - before
        if grown < MOST:
            break
    return grown


def lines(count: int) -> str:
    message = {"id": "msg_1", "role": "user", "content": [{"type": "text", "text": {"value": "hi", "annotations": []}}]}
    return "".join(json.dumps({"id": f"thread_{number:08}", "messages": [message]}) + "\n" for number in range(count))


def test_a_plan_of_many_threads_takes_no_more_than_one_of_few(cli: Cli, tmp_path: Path) -> None:
    few, many = tmp_path / "few.jsonl", tmp_path / "many.jsonl"
    few.write_text(lines(FEW))
    many.write_text(lines(MANY))
    cli("plan", few, "--limit", "20", "--output", "json")  # what is imported and cached on the way is there from now on

    grown = growth(lambda: cli("plan", few, "--output", "json"), lambda: cli("plan", many, "--output", "json"))

    assert grown < MOST


def test_a_run_of_many_threads_counts_them_without_holding_them() -> None:
    def run(count: int) -> Callable[[], object]:
        def work() -> object:
            tally = RunTotals(SilentProgress())
            for number in range(count):
                name = f"thread_{number:08}"
                draft = Draft(name, {}, (), Ledger(), 1)
                tally.thread(draft, Action.LOAD, Progress(name, "loaded", f"conv_{number:08}"), None, None)
            return tally.data()

        return work

    run(10)()
    assert growth(run(FEW), run(MANY)) < MOST


def test_a_verification_remembers_what_it_has_met_without_holding_it() -> None:
    class Nothing:
        def thread_rows(self, thread_id: str, most: int) -> list[object]:
            return []

        def recorded_items(self, thread_id: str) -> list[object]:
            return []

    def run(count: int) -> Callable[[], object]:
        def work() -> object:
            tasks = ComparisonTasks(Nothing())  # type: ignore[arg-type]  # a memory that knows nothing
            drafts: list[Draft | Unreadable] = []
            found = 0
            for number in range(count):
                drafts[:] = [Draft(f"thread_{number:08}", {}, (), Ledger(), 1)]
                found += sum(1 for _ in tasks.from_source(drafts))
            assert found == count
            return list(tasks.from_state(["thread_00000000"], Selection()))

        return work

    assert run(10)() == []
    assert growth(run(FEW), run(MANY)) < MOST
