"""A run dies at any operation, and files of its state are lost with it: nothing is sent twice, or the run refuses.

Every placement of one death, over the real state file, with the target in memory, and every subset of what is left.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, cast

import pytest
from migrate_cli.errors import StateError
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.load.run import LoadRun
from migrate_cli.state.check import check_file
from migrate_cli.state.store import StateStore
from migrate_cli.state.writer import Pace

from support.world import Fault, Killed, MemoryClock, MemoryTarget, World, draft_of

from .conftest import Seen  # noqa: TID252 - the folder's own helpers

PACE = Pace(window=0.0, share=10**6, linger=3600.0, backup_every=1e9)
DRAFTS = [draft_of([f"{n}" for n in range(size)], f"thread_{size}") for size in (3, 25, 1)]
FILES = ("", "-wal", ".bak", ".map.jsonl")
SUBSETS = [
    tuple(name for name, there in zip(FILES, chosen, strict=True) if there)
    for chosen in product((True, False), repeat=len(FILES))
    if any(chosen)
]
LAST = 11
"""The operation at which the undisturbed load has ended; a test sees to it that it is so."""


class Life:
    """One process over a state file: its commits are operations of the world, and it backs up after one of them."""

    def __init__(self, world: World, path: Path, *, backup_at: int = 0) -> None:
        self.world, self.path, self.backup_at = world, path, backup_at
        self.seen = Seen()

    def run(self) -> bool:
        """Live to the end, or die: then the files are left in the folder `dead`, as they were at that moment."""
        clock = MemoryClock(self.world)
        self.store = StateStore.open(self.path, pace=PACE, now=clock.wall)
        try:
            asyncio.run(self._load(clock))
        except Killed:
            shutil.copytree(self.path.parent, self.path.parent.parent / "dead")
            return False
        finally:
            self.store.close()
        return True

    async def _load(self, clock: MemoryClock) -> None:
        policy = LoadPolicy(workers=1, settle=self.world.settle, pilot=0)
        target = MemoryTarget(self.world)
        run = LoadRun(
            target=target, store=cast("StateStore", _Mortal(self)), clock=clock, policy=policy, observer=self.seen
        )
        await run.run(iter(DRAFTS))


class _Mortal:
    """The state file of a life."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._life.store, name)

    async def durable(self) -> None:
        """Commit, or die before or after."""
        fault = self._life.world.step()
        if fault is Fault.KILL_BEFORE:
            raise Killed
        await self._life.store.durable()
        if self._life.world.operation == self._life.backup_at:
            await asyncio.to_thread(self._life.store.backup_now)
        if fault in (Fault.KILL_AFTER, Fault.KILL_LATE):
            raise Killed


def right(world: World, path: Path) -> bool:
    """Whether each thread stands at the target once, under the ids of the state file, and no data anywhere else."""
    world.time += 100 * world.settle
    world.land()
    store = StateStore.open(path)
    try:
        rows = {draft.thread_id: store.thread_row(draft.thread_id) for draft in DRAFTS}
        mapped = {row["conversation_id"]: store.item_ids(thread) for thread, row in rows.items() if row is not None}
    finally:
        store.close()
    found = {name: [item_id for item_id, _ in items] for name, items in world.conversations.items() if items}
    texts = sorted([item["content"][0]["text"] for _, item in items] for items in world.conversations.values() if items)
    assert check_file(path) == []
    return found == mapped and texts == sorted([[f"{n}" for n in range(size)] for size in (3, 25, 1)])


def test_the_undisturbed_load_has_so_many_operations(tmp_path: Path) -> None:
    world = World()
    assert Life(world, tmp_path / "m.db").run()
    assert world.operation == LAST


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder in memory, where there is one: this is about what is on disk, and not about the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.mark.parametrize("left", SUBSETS, ids=lambda left: "+".join(name or ".db" for name in left))
def test_whatever_is_left_of_a_run_that_died_goes_on_rightly_or_is_refused(quick: Path, left: tuple[str, ...]) -> None:
    refusals = 0
    for number, operation in enumerate([*range(2, LAST + 1)] * 2):
        backup_at = (0, 3, 8)[number // 2 % 3]
        fault = (Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.KILL_LATE)[number % 3]
        folder = quick / f"{number}"
        world = World(plan={operation: fault})
        (folder / "alive").mkdir(parents=True)
        Life(world, folder / "alive" / "m.db", backup_at=backup_at).run()
        kept, again = folder / "dead", folder / "again"
        if not kept.exists():
            shutil.copytree(folder / "alive", kept)
        again.mkdir()
        for name in left:
            if (kept / f"m.db{name}").exists():
                shutil.copy(kept / f"m.db{name}", again)
        if not any(again.iterdir()):
            continue
        world.plan = {}
        try:
            assert Life(world, again / "m.db").run()
        except StateError as error:
            # Only what is right to refuse: where no list is left, and no state file with its log.
            assert error.code == "state-unproven", error
            assert ".map.jsonl" not in left
            assert not {"", "-wal"} <= set(left)
            refusals += 1
            again = kept
            assert Life(world, again / "m.db").run()
        assert right(world, again / "m.db"), (operation, backup_at, fault, left)
    assert refusals == 0 or ".map.jsonl" not in left
