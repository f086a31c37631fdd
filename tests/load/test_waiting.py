"""A run that goes on where an earlier one ended waits first, and says so once."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from migrate_cli.http.outcomes import Draining, Page, Refused, Reply
from migrate_cli.load.policy import LoadOptions, LoadPolicy
from migrate_cli.load.run import LoadRun
from migrate_cli.model import Draft
from migrate_cli.state.store import StateStore

from support.world import Fault, Killed, MemoryClock, MemoryTarget, World, draft_of, migrate

from .conftest import Seen  # noqa: TID252 - the folder's own helpers


class Heard(Seen):
    """An observer that remembers what was said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.when_waiting: Callable[[], None] = lambda: None

    def say(self, text: str) -> None:
        """Remember it."""
        self.said.append(text)
        self.when_waiting()


def live(world: World, state: Path, drafts: list[Draft], *, settle: float = 5.0, late: float = 0.0) -> list[str]:
    """One life of the program, until its end or its death; returns what it said."""
    heard, clock = Heard(), MemoryClock(world)
    policy = LoadPolicy(workers=2, settle=settle, late=late, pilot=0)
    store = StateStore.open(state, now=clock.wall)
    try:
        run = LoadRun(target=MemoryTarget(world), store=store.journal, clock=clock, policy=policy, observer=heard)
        with contextlib.suppress(Killed):
            asyncio.run(run.run(iter(drafts)))
    finally:
        store.close()
    return heard.said


def test_a_resumed_run_says_once_for_what_and_how_long_it_waits(tmp_path: Path) -> None:
    drafts = [draft_of([f"{place}" for place in range(50)], f"thread_{number}") for number in range(4)]
    world = World(plan={5: Fault.KILL_BEFORE})
    assert live(world, tmp_path / "m.db", drafts) == []
    assert len(world.conversations) == 2, "two threads are left half-way"
    said = live(world, tmp_path / "m.db", drafts)
    first, last = said
    assert "Waiting 5 s" in first
    assert "load.settle" in first
    assert "1 thread had an unclear response" in last, "the other was left at rest"
    assert [len(items) for items in world.conversations.values()] == [50] * 4


def test_a_wait_that_nobody_notices_is_not_worth_a_word(tmp_path: Path) -> None:
    drafts = [draft_of([f"{place}" for place in range(50)])]
    world = World(plan={3: Fault.KILL_BEFORE})
    live(world, tmp_path / "m.db", drafts)
    assert live(world, tmp_path / "m.db", drafts, settle=0.2) == []
    assert [len(items) for items in world.conversations.values()] == [50]


def texts(world: World) -> list[list[str]]:
    return [[item["content"][0]["text"] for _, item in stored] for stored in world.conversations.values()]


LATE = {2: Fault.VERY_LATE, 8: Fault.VERY_LATE}
"""The first appends of two of five threads of two items, if they are loaded one after the other."""


def loaded_in_turn(world: World, state: Path, count: int = 5, *, drain: bool = False) -> tuple[list[str], Heard]:
    """Load threads of two equal items one by one; `drain` asks the run to end when it waits for late copies."""
    heard, clock = Heard(), MemoryClock(world)
    store = StateStore.open(state, now=clock.wall)
    try:
        run = LoadRun(
            target=MemoryTarget(world),
            store=store.journal,
            clock=clock,
            policy=LoadPolicy(workers=1, pilot=0),
            observer=heard,
        )
        if drain:
            heard.when_waiting = run.drain.set
        asyncio.run(run.run(iter(draft_of(["ok", "ok"], f"thread_{number}") for number in range(count))))
    finally:
        store.close()
    return heard.said, heard


def test_a_copy_that_lands_a_whole_timeout_late_is_taken_away_before_its_thread_counts_as_loaded(
    tmp_path: Path,
) -> None:
    world = World(plan={3: Fault.VERY_LATE})
    draft = draft_of(["ok", "ok"])
    assert migrate(world, draft).state == "loaded"
    assert world.time >= 1000.0 + world.timeout
    assert texts(world) == [["ok", "ok"]]


def test_a_run_waits_once_for_all_threads_that_had_an_unclear_answer_and_says_so(tmp_path: Path) -> None:
    world = World(plan=LATE)
    said, heard = loaded_in_turn(world, tmp_path / "m.db")
    assert len(said) == 1
    assert "2 threads had an unclear response" in said[0]
    assert "load.late" in said[0]
    assert world.time < 1000.0 + 2 * world.timeout, "one wait, not two"
    assert set(heard.states().values()) == {"loaded"}
    assert texts(world) == [["ok", "ok"]] * 5


def test_threads_with_clear_answers_wait_for_nobody_and_cost_no_look(tmp_path: Path) -> None:
    world = World(plan={2: Fault.VERY_LATE})
    _, heard = loaded_in_turn(world, tmp_path / "m.db")
    assert list(heard.ended) == [*(f"thread_{number}" for number in range(1, 5)), "thread_0"]
    assert world.requests - world.posts == 2 + 1, "a look after the doubt, one before it counts, one after the repair"
    calm = World()
    said, _ = loaded_in_turn(calm, tmp_path / "calm.db")
    assert (said, calm.requests, calm.time) == ([], 10, 1000.0)


def test_ctrl_c_while_late_copies_are_waited_for_ends_at_once_and_the_next_run_finds_them(tmp_path: Path) -> None:
    world, state = World(plan=LATE), tmp_path / "m.db"
    _, heard = loaded_in_turn(world, state, drain=True)
    states = heard.states()
    assert sorted(filter(None, states.values())) == ["loaded"] * 3 + ["loading"] * 2
    with_copies = texts(world)
    assert [len(items) for items in with_copies] == [2] * 5, "nothing late has landed yet"
    world.plan = {}
    _, heard = loaded_in_turn(world, state)
    assert set(heard.states().values()) == {"loaded"}
    assert texts(world) == [["ok", "ok"]] * 5


def test_a_thread_that_was_left_at_rest_goes_on_without_a_wait(tmp_path: Path) -> None:
    """Ctrl-C between two batches: nothing was under way, so nothing can land late."""
    world, state = World(), tmp_path / "m.db"
    draft = draft_of([str(place) for place in range(50)])
    store, clock = StateStore.open(state), MemoryClock(world)
    try:
        seen, policy = Seen(), LoadPolicy(workers=1, pilot=0)
        target = MemoryTarget(world)
        run = LoadRun(target=target, store=store.journal, clock=clock, policy=policy, observer=seen)
        append = target.append_items

        async def and_drain(conversation_id: str, bodies: list[bytes], *, images: bool) -> Reply:
            run.drain.set()
            return await append(conversation_id, bodies, images=images)

        target.append_items = and_drain  # type: ignore[method-assign]
        asyncio.run(run.run(iter([draft])))
    finally:
        store.close()
    assert seen.states() == {"thread_1": "loading"}
    assert live(world, state, [draft], late=60.0) == []
    assert (world.time, texts(world)) == (1000.0, [[str(place) for place in range(50)]])


class Ending(MemoryTarget):
    """Nothing gets its turn any more, because the run drains."""

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        raise Draining


def test_a_grown_thread_whose_look_finds_the_run_ending_is_left_for_the_next(tmp_path: Path) -> None:
    world, state = World(), tmp_path / "m.db"
    live(world, state, [draft_of(["a", "b"])])
    store = StateStore.open(state)
    try:
        clock = MemoryClock(world)
        seen, policy = Seen(), LoadPolicy(workers=1, pilot=0)
        run = LoadRun(
            target=Ending(world),
            store=store.journal,
            clock=clock,
            policy=policy,
            observer=seen,
            options=LoadOptions(append=True),
        )
        asyncio.run(run.run(iter([draft_of(["a", "b", "c"])])))
        assert store.threads.progress_of("thread_1") is not None
        assert store.threads.item_ids("thread_1") == [item_id for item_id, _ in world.conversations["conv_1"]]
    finally:
        store.close()
    assert seen.ended == {}


def test_threads_of_an_earlier_run_wait_together_not_one_after_the_other(tmp_path: Path) -> None:
    drafts = [draft_of([f"{place}" for place in range(3)], f"thread_{number}") for number in range(40)]
    world = World()
    live(world, tmp_path / "m.db", drafts)
    with closing(sqlite3.connect(tmp_path / "m.db")) as state, state:
        state.execute("UPDATE thread SET state = 'loading', position = 0")
        state.execute("DELETE FROM item")
    began = world.time
    live(world, tmp_path / "m.db", drafts)
    assert world.time - began < 20, "two waits of five seconds, and 200 requests"
    assert [len(items) for items in world.conversations.values()] == [3] * 40
