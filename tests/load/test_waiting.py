"""A run that goes on where an earlier one ended waits first, and says so once."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from migrate_cli.load.policy import LoadPolicy
from migrate_cli.load.run import LoadRun
from migrate_cli.model import Draft
from migrate_cli.replies import Draining, Page, Refused
from migrate_cli.state.store import StateStore

from support.world import Fault, Killed, MemoryClock, MemoryTarget, World, draft_of

from .conftest import Seen  # noqa: TID252 - the folder's own helpers


class Heard(Seen):
    """An observer that remembers what was said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """Remember it."""
        self.said.append(text)


def live(world: World, state: Path, drafts: list[Draft], *, settle: float = 5.0) -> list[str]:
    """One life of the program, until its end or its death; returns what it said."""
    heard, clock = Heard(), MemoryClock(world)
    policy = LoadPolicy(workers=2, settle=settle, pilot=0)
    store = StateStore.open(state, now=clock.wall)
    try:
        run = LoadRun(target=MemoryTarget(world), store=store, clock=clock, policy=policy, observer=heard)
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
    assert len(said) == 1
    assert "Waiting 5 s" in said[0]
    assert "load.settle" in said[0]
    assert [len(items) for items in world.conversations.values()] == [50] * 4


def test_a_wait_that_nobody_notices_is_not_worth_a_word(tmp_path: Path) -> None:
    drafts = [draft_of([f"{place}" for place in range(50)])]
    world = World(plan={3: Fault.KILL_BEFORE})
    live(world, tmp_path / "m.db", drafts)
    assert live(world, tmp_path / "m.db", drafts, settle=0.2) == []
    assert [len(items) for items in world.conversations.values()] == [50]


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
        run = LoadRun(target=Ending(world), store=store, clock=clock, policy=policy, observer=seen, append=True)
        asyncio.run(run.run(iter([draft_of(["a", "b", "c"])])))
        assert store.progress_of("thread_1") is not None
        assert store.item_ids("thread_1") == [item_id for item_id, _ in world.conversations["conv_1"]]
    finally:
        store.close()
    assert seen.ended == {}
