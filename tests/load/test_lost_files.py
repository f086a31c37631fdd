"""A run dies at any operation, and files of its state are lost with it: nothing is sent twice, or the run refuses.

Every placement of one death, over the real state file, with the target in memory, and every subset of what is left.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, cast

import pytest
from migrate_cli.errors import StateError
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.load.run import LoadRun
from migrate_cli.state import migrations
from migrate_cli.state.check import check_file
from migrate_cli.state.journal import LoadJournal
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore
from migrate_cli.state.writer import CommitPacing

from support.world import Fault, Killed, MemoryClock, MemoryTarget, World, draft_of

from .conftest import Seen  # noqa: TID252 - the folder's own helpers

PACE = CommitPacing(window=0.0, share=10**6, linger=3600.0, backup_every=1e9)
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
        self.world, self.path, self.backup_at, self.drafts = world, path, backup_at, DRAFTS
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
            target=target, store=cast("LoadJournal", _Mortal(self)), clock=clock, policy=policy, observer=self.seen
        )
        await run.run(iter(self.drafts))


class _Mortal:
    """The state file of a life."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._life.store.journal, name)

    async def durable(self) -> None:
        """Commit, or die before or after."""
        fault = self._life.world.step()
        if fault is Fault.KILL_BEFORE:
            raise Killed
        await self._life.store.journal.durable()
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
        rows = {draft.thread_id: store.threads.thread_row(draft.thread_id) for draft in DRAFTS}
        mapped = {
            row["conversation_id"]: store.threads.item_ids(thread) for thread, row in rows.items() if row is not None
        }
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
    for number, operation in enumerate([*range(2, LAST + 1)] * 2):
        kept = died(quick / f"{number}", operation, number)
        again = quick / f"{number}" / "again"
        again.mkdir()
        for name in left:
            if (kept.folder / f"m.db{name}").exists():
                shutil.copy(kept.folder / f"m.db{name}", again)
        if any(again.iterdir()):
            goes_on(kept, again, proven=".map.jsonl" in left or {"", "-wal"} <= set(left))


@pytest.mark.parametrize("left", [(), ("-wal",), (".map.jsonl",), ("-wal", ".map.jsonl")], ids="+".join)
def test_a_backup_of_a_run_that_died_put_in_the_place_of_its_state_file_goes_on_rightly_or_is_refused(
    quick: Path, left: tuple[str, ...]
) -> None:
    for number, operation in enumerate([*range(2, LAST + 1)] * 2):
        kept = died(quick / f"{number}", operation, number)
        if not (kept.folder / "m.db.bak").exists():
            continue
        again = quick / f"{number}" / "again"
        again.mkdir()
        for name in left:
            if (kept.folder / f"m.db{name}").exists():
                shutil.copy(kept.folder / f"m.db{name}", again)
        shutil.copy(kept.folder / "m.db.bak", again / "m.db")
        goes_on(kept, again, proven=".map.jsonl" in left)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_list_that_was_cut_is_written_again_by_a_state_file_that_knows_more(quick: Path, share: float) -> None:
    for number, operation in enumerate(range(2, LAST + 1)):
        kept = died(quick / f"{number}", operation, number)
        again = quick / f"{number}" / "again"
        shutil.copytree(kept.folder, again)
        listed = again / "m.db.map.jsonl"
        whole = listed.read_bytes()
        listed.write_bytes(whole[: int(len(whole) * share)])
        goes_on(kept, again, proven=True)


@pytest.mark.parametrize("left", [(".bak",), ("",), ("", ".bak")], ids=lambda left: "+".join(n or ".db" for n in left))
def test_what_a_clean_end_left_is_not_the_newest_once_a_later_run_has_died(quick: Path, left: tuple[str, ...]) -> None:
    for later in range(2, 6):
        world, alive, again = World(), quick / f"{later}" / "alive", quick / f"{later}" / "again"
        for folder in (alive, again):
            folder.mkdir(parents=True)
        first = Life(world, alive / "m.db")
        first.drafts = DRAFTS[:1]
        assert first.run()
        world.plan = {world.operation + later: Fault.KILL_LATE}
        assert not Life(world, alive / "m.db").run()
        world.plan = {}
        dead = alive.parent / "dead"
        for name in left:
            shutil.copy(dead / f"m.db{name}", again)
        with pytest.raises(StateError) as refused:
            Life(world, again / "m.db").run()
        assert refused.value.code == "state-unproven"
        goes_on(Dead(world, dead), dead, proven=True)


@pytest.mark.parametrize("left", [(".map.jsonl",), (".bak",), (".bak", ".map.jsonl")], ids="+".join)
@pytest.mark.parametrize("logged", [True, False], ids=["with its log", "without it"])
def test_a_state_file_that_was_made_and_not_yet_restored_is_restored_by_the_next_run(
    quick: Path, left: tuple[str, ...], *, logged: bool
) -> None:
    world, alive = World(), quick / "alive"
    alive.mkdir()
    assert Life(world, alive / "m.db").run()
    for steps in range(len(migrations.STEPS) + 1):
        again = quick / f"{steps}"
        again.mkdir()
        for name in left:
            shutil.copy(alive / f"m.db{name}", again)
        begun(again / "m.db", steps, logged=logged)
        with pytest.raises(StateError) as told:
            StateReader(again / "m.db")
        assert told.value.code == "state-missing"
        assert Life(world, again / "m.db").run()
        assert right(world, again / "m.db")
        with StateReader(again / "m.db") as reader:
            assert reader.connection.execute("SELECT count(*) FROM thread WHERE state = 'loaded'").fetchone() == (3,)


def begun(path: Path, steps: int, *, logged: bool) -> None:
    """Leave the state file as a process does that is killed after so many steps of the schema."""
    with pytest.MonkeyPatch.context() as patch, closing(sqlite3.connect(path, isolation_level=None)) as conn:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:steps])
        conn.execute("PRAGMA journal_mode = WAL").fetchone()
        if steps:
            migrations.catch_up(conn)
        if not logged:
            return
        kept = {name: Path(f"{path}{name}").read_bytes() for name in ("", "-wal") if Path(f"{path}{name}").exists()}
    for name, content in kept.items():
        Path(f"{path}{name}").write_bytes(content)


@dataclass
class Dead:
    """A run that died: what the target holds, and its files as they were at that moment."""

    world: World
    folder: Path


def died(folder: Path, operation: int, number: int) -> Dead:
    """Let a run die at an operation; the number turns the kind of death and the moment of the backup."""
    fault = (Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.KILL_LATE)[number % 3]
    world = World(plan={operation: fault})
    (folder / "alive").mkdir(parents=True)
    Life(world, folder / "alive" / "m.db", backup_at=(0, 3, 8)[number // 2 % 3]).run()
    if not (folder / "dead").exists():
        shutil.copytree(folder / "alive", folder / "dead")
    world.plan = {}
    return Dead(world, folder / "dead")


def goes_on(dead: Dead, again: Path, *, proven: bool) -> None:
    """Run over what is left: it ends rightly, or, unless that is `proven`, is refused until the rest is put back."""
    try:
        assert Life(dead.world, again / "m.db").run()
    except StateError as error:
        assert error.code == "state-unproven", error
        assert not proven, error
        again = dead.folder
        assert Life(dead.world, again / "m.db").run()
    assert right(dead.world, again / "m.db")
