"""Runs that cannot succeed end early; the first threads are a pilot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from migrate_cli.errors import TemporaryError
from migrate_cli.model import Draft
from migrate_cli.state.store import StateStore

from support.world import draft_of

from .conftest import Bench  # noqa: TID252 - the folder's own fixtures


def poisoned(count: int) -> list[Draft]:
    return [draft_of(["POISON"], f"thread_{number}") for number in range(count)]


def test_a_run_ends_when_too_many_threads_fail(bench: Bench) -> None:
    good = draft_of(["fine"], "thread_good")
    bench.faults("append:poison:text=POISON")
    with pytest.raises(TemporaryError, match="more than 4 threads failed") as stopped:
        bench.load(good, *poisoned(40), workers=1, max_errors=4)
    assert stopped.value.code == "too-many-errors"
    assert bench.stats()["requests"]["append"] == 1 + 5


def test_a_run_in_which_all_fail_alike_from_the_start_is_ended(bench: Bench) -> None:
    bench.faults("append:poison:text=POISON")
    with pytest.raises(TemporaryError, match="all failed with invalid_item"):
        bench.load(*poisoned(40), workers=1)
    assert bench.stats()["requests"]["append"] == 10


def test_the_pilot_reads_back_the_first_threads_and_only_those(bench: Bench) -> None:
    drafts = [draft_of(["a", "b"], f"thread_{number}") for number in range(8)]
    bench.load(*drafts, pilot=3)
    assert bench.stats()["requests"] == {"create": 8, "append": 8, "list": 3}
    bench.audit(*drafts)


def test_a_pilot_that_does_not_read_back_as_it_was_sent_stops_the_run(bench: Bench) -> None:
    drafts = [draft_of([f"{place}" for place in range(30)], f"thread_{number}") for number in range(8)]
    bench.faults("append:scramble")
    seen = bench.load(*drafts, pilot=3)
    assert seen.states() == {f"thread_{number}": "in_doubt" for number in range(3)}
    assert bench.stats()["requests"]["create"] == 3


def test_a_thread_of_the_pilot_that_was_begun_beside_one_that_fails_comes_to_its_end(bench: Bench) -> None:
    drafts = [draft_of([f"{place}" for place in range(30)], f"thread_{number}") for number in range(8)]
    bench.faults("append:scramble:nth=1")
    seen = bench.load(*drafts, pilot=3)
    assert sorted(str(state) for state in seen.states().values()) == ["in_doubt", "loaded", "loaded"]
    assert bench.stats()["requests"]["create"] == 3


def test_a_pilot_of_one_worker_stops_at_the_first_thread(bench: Bench) -> None:
    drafts = [draft_of([f"{place}" for place in range(30)], f"thread_{number}") for number in range(8)]
    bench.faults("append:scramble")
    seen = bench.load(*drafts, pilot=3, workers=1)
    assert seen.states() == {"thread_0": "in_doubt"}
    assert bench.stats()["requests"]["create"] == 1


def test_threads_that_need_nothing_are_none_of_the_pilot(bench: Bench) -> None:
    drafts = [draft_of(["a", "b"], f"thread_{number}") for number in range(8)]
    bench.load(*drafts[:2])
    before = bench.stats()["requests"]
    bench.load(*drafts, pilot=3)
    after = bench.stats()["requests"]
    assert after["list"] - before.get("list", 0) == 3
    assert after["create"] - before["create"] == 6


def ended(store: StateStore, began: int, ended: int, pilot: dict[str, Any] | None) -> None:
    """A load that began and ended at these seconds."""
    store._session.now = lambda: float(began)
    run_id = store.runs.start_run("apply", {})
    store._session.now = lambda: float(ended)
    store.runs.finish_run(run_id, {"data": {} if pilot is None else {"pilot": pilot}})
    store.flush()


def test_a_pilot_of_one_shard_is_not_made_up_for_by_that_of_another(tmp_path: Path) -> None:
    store = StateStore.open(tmp_path / "state.db")
    try:
        ended(store, 10, 20, {"threads": 1, "passed": False, "stopped_by": "t1"})
        ended(store, 10, 30, {"threads": 5, "passed": True})
        assert store.runs.pilot_due(0)
        ended(store, 40, 50, {"threads": 5, "passed": True})
        assert not store.runs.pilot_due(0)
        ended(store, 60, 70, None)
        assert not store.runs.pilot_due(0)
        assert store.runs.pilot_due(1)
    finally:
        store.close()
