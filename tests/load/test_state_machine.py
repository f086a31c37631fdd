"""Random faults, kills, restarts, clocks and growth, against the real state file and the target in memory."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from migrate_cli.errors import TemporaryError
from migrate_cli.load.policy import LoadOptions, LoadPolicy
from migrate_cli.load.run import LoadRun
from migrate_cli.model import Draft
from migrate_cli.state.check import check_file
from migrate_cli.state.journal import LoadJournal
from migrate_cli.state.store import StateStore
from migrate_cli.state.writer import CommitPacing

from support.world import Fault, Killed, MemoryClock, MemoryTarget, World, draft_of

from .conftest import Seen  # noqa: TID252 - the folder's own helpers

ONLY_WHEN_WAITED_FOR = CommitPacing(window=0.0, share=10**6, linger=3600.0, backup_every=1e9)
TEXTS = st.lists(st.sampled_from("ab"), min_size=1, max_size=45)
FAULTS = st.dictionaries(st.integers(1, 14), st.sampled_from(Fault), max_size=5)


class _Journal:
    """The real state file, whose commits are operations of the world, so that a kill can fall before or after one."""

    def __init__(self, journal: LoadJournal, world: World) -> None:
        self._journal, self._world = journal, world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def durable(self) -> None:
        """Commit, or die before or after."""
        fault = self._world.step()
        if fault is Fault.KILL_BEFORE:
            raise Killed
        await self._journal.durable()
        if fault is not None and fault.kills_after:
            raise Killed


class Migration(RuleBasedStateMachine):
    """One migration, from its first run to the last."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.lives = 0
        self.opened = 0
        self.world = World()
        self.texts: dict[str, list[str]] = {}

    @initialize(first=TEXTS, second=TEXTS)
    def begin(self, first: list[str], second: list[str]) -> None:
        """Two threads of a two-letter alphabet, in which nearly everything repeats."""
        self.texts = {"thread_1": first, "thread_2": second}

    @rule(faults=FAULTS, append=st.booleans())
    def run_with_faults(self, faults: dict[int, Fault], append: bool) -> None:
        """One life of the program."""
        self.world.plan = {self.world.operation + place: fault for place, fault in faults.items()}
        self._live(append=append)

    @rule(faults=FAULTS, after=st.integers(1, 20))
    def run_until_somebody_stops_it(self, faults: dict[int, Fault], after: int) -> None:
        """One life of the program that is asked to end after so many operations."""
        self.world.plan = {self.world.operation + place: fault for place, fault in faults.items()}
        self._live(append=False, drain_after=self.world.operation + after)

    @rule(seconds=st.integers(-100_000, 100_000))
    def set_the_clock(self, seconds: int) -> None:
        """Somebody sets the wall clock, forwards or back."""
        self.world.wall_offset += seconds

    @rule(seconds=st.integers(0, 100))
    def time_passes(self, seconds: int) -> None:
        """Nobody runs anything for a while, and what is late lands."""
        self.world.time += seconds
        self.world.land()

    @rule(thread=st.sampled_from(["thread_1", "thread_2"]), more=TEXTS)
    def grow(self, thread: str, more: list[str]) -> None:
        """New messages come to the end of a source thread that is loaded."""
        with _opened(self._file) as store:
            known = store.threads.progress_of(thread)
        if known is not None and known.state == "loaded" and len(self.texts[thread]) < 90:
            self.texts[thread] = [*self.texts[thread], *more]

    @invariant()
    def data_stands_only_where_the_state_file_says(self) -> None:
        """No conversation that nobody knows holds anything."""
        if not self._file.exists():
            return
        with _opened(self._file) as store:
            rows = [store.threads.thread_row(thread) for thread in self.texts]
            known = {row["conversation_id"] for row in rows if row is not None}
        for conversation, stored in self.world.conversations.items():
            assert not stored or conversation in known

    def teardown(self) -> None:
        """The faults end; a few runs later all is there, once and in order."""
        try:
            self._finish()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _finish(self) -> None:
        if not self.texts:
            return
        self.world.plan = {}
        for _ in range(3):
            seen = self._live(append=True)
        assert seen is not None
        assert set(seen.states().values()) == {"loaded"}, seen.ended
        self.world.time += 100 * self.world.settle
        self.world.land()
        with _opened(self._file) as store:
            for thread, texts in self.texts.items():
                row = store.threads.thread_row(thread)
                assert row is not None
                stored = self.world.conversations[row["conversation_id"]]
                assert [item["content"][0]["text"] for _, item in stored] == texts
                assert store.threads.item_ids(thread) == [item_id for item_id, _ in stored]
        assert check_file(self._file) == []

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.lives}.db"

    def _live(self, *, append: bool, drain_after: int | None = None) -> Seen | None:
        """Run until the end, or until killed: then only what was committed goes on into the next life."""
        seen = Seen()
        clock = MemoryClock(self.world)
        self.opened += 1
        store = StateStore.open(self._file, pace=ONLY_WHEN_WAITED_FOR, now=lambda: clock.wall() + 7.0 * self.opened)
        try:
            asyncio.run(self._load(store, seen, append=append, drain_after=drain_after))
        except Killed:
            self._take_over()
            return None
        except TemporaryError:
            return None
        finally:
            store.close()
        return seen

    async def _load(self, store: StateStore, seen: Seen, *, append: bool, drain_after: int | None) -> None:
        store.runs.start_run("apply", {})
        run = LoadRun(
            target=MemoryTarget(self.world),
            store=_Journal(store.journal, self.world),
            clock=MemoryClock(self.world),
            policy=LoadPolicy(workers=2, settle=self.world.settle, pilot=1),
            observer=seen,
            options=LoadOptions(append=append),
        )
        self.world.drain = run.drain.set if drain_after is not None else None
        self.world.drain_after = drain_after or 0
        await run.run(iter(self._drafts()))

    def _drafts(self) -> list[Draft]:
        return [draft_of(texts, thread) for thread, texts in self.texts.items()]

    def _take_over(self) -> None:
        """Copy what is on disk at this moment; nothing is written while nobody waits for a commit."""
        old = self._file
        self.lives += 1
        for suffix in ("", "-wal", ".map.jsonl"):
            source = old.with_name(old.name + suffix)
            if source.exists():
                shutil.copy(source, self._file.with_name(self._file.name + suffix))


class _opened:  # noqa: N801 - reads like a function
    """The state file, open for a moment; an empty one where there is none yet."""

    def __init__(self, path: Path) -> None:
        self._store = StateStore.open(path, pace=ONLY_WHEN_WAITED_FOR)

    def __enter__(self) -> StateStore:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


TestMigration = Migration.TestCase
TestMigration.settings = settings(
    max_examples=25, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
)
