"""Group commits: one flush of the disk serves many threads, and whoever waits hears how it went."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from migrate_cli.errors import StateDamaged, StateError
from migrate_cli.model import Draft, Ledger, Progress
from migrate_cli.state import opening
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore
from migrate_cli.state.writer import CommitPacing, JournalFailed

Load = Callable[..., Progress]


def test_64_workers_need_at_most_one_commit_for_ten_threads(path: Path) -> None:
    store = StateStore.open(path, pace=CommitPacing(window=30.0, linger=30.0))
    left = iter(range(1280))

    async def worker() -> None:
        for n in left:
            progress = Progress(f"t{n}")
            store.journal.begin(progress, Draft(progress.thread_id, {}, (), Ledger(), 0))
            await asyncio.sleep(0)
            progress.conversation_id = f"conv_{n}"
            store.journal.conversation(progress)
            await store.durable()
            store.journal.outcome(progress, "loaded")

    async def go() -> None:
        await asyncio.gather(*(worker() for _ in range(64)))

    asyncio.run(go())
    commits = store.commits
    store.close()
    assert commits <= 128
    with StateReader(path) as reader:
        assert reader.summary()["threads"] == {"loaded": 1280}


def test_a_single_thread_waits_for_nobody(path: Path, load: Load) -> None:
    store = StateStore.open(path, pace=CommitPacing(window=3600.0, linger=3600.0))

    async def go() -> None:
        progress = Progress("t1", conversation_id="conv_1")
        store.journal.begin(progress, Draft("t1", {}, (), Ledger(), 0))
        store.journal.conversation(progress)
        await store.durable()

    asyncio.run(go())
    store.close()


def test_what_is_noted_in_one_call_is_committed_together(store: StateStore, path: Path, load: Load) -> None:
    load(store, "t1", 3)
    store.flush()
    with StateReader(path) as reader:
        row = next(reader.threads.listed())
        assert row["items"] == len(list(reader.maps.export("messages"))) == 3


def test_closing_writes_what_nobody_waited_for(path: Path, load: Load) -> None:
    store = StateStore.open(path, pace=CommitPacing(window=3600.0, linger=3600.0))
    load(store, "t1")
    store.close()
    store.close()
    with StateReader(path) as reader:
        assert reader.summary()["threads"] == {"loaded": 1}


def test_closing_from_an_event_loop_writes_too(path: Path, load: Load) -> None:
    async def go() -> None:
        store = StateStore.open(path)
        load(store, "t1")
        await store.aclose()

    asyncio.run(go())
    with StateReader(opening.backup_path(path)) as reader:
        assert reader.summary()["threads"] == {"loaded": 1}


def test_a_waiter_that_was_cancelled_harms_nobody(path: Path, load: Load) -> None:
    store = StateStore.open(path, pace=CommitPacing(window=3600.0, linger=3600.0))

    async def go() -> None:
        for n in range(20):
            store.journal.begin(Progress(f"t{n}"), Draft(f"t{n}", {}, (), Ledger(), 0))
        waiter = asyncio.ensure_future(store.durable())
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter

    asyncio.run(go())
    store.close()


def limit(store: StateStore) -> None:
    """Let the database grow no further, as a full disk would."""
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")


def fill(store: StateStore, threads: int = 400) -> None:
    """Note more than the limit takes."""
    for n in range(threads):
        progress = Progress(f"thread_{n}", conversation_id=f"conv_{n}")
        store.journal.conversation(progress)
        store.journal.orphan(f"thread_{n}", "x" * 200, None)


def test_a_full_disk_reaches_all_who_wait_and_stops_all_writing(path: Path, load: Load) -> None:
    store = StateStore.open(path, pace=CommitPacing(window=3600.0, linger=3600.0))
    load(store, "before")
    store.flush()
    limit(store)

    async def go() -> list[BaseException | None]:
        for n in range(20):
            store.journal.begin(Progress(f"t{n}"), Draft(f"t{n}", {}, (), Ledger(), 0))
        fill(store)
        return list(await asyncio.gather(*(store.durable() for _ in range(8)), return_exceptions=True))

    told = asyncio.run(go())
    assert all(isinstance(error, StateDamaged) and "is full; free some space" in str(error) for error in told)
    with pytest.raises(StateDamaged):
        load(store, "after")
    with pytest.raises(StateDamaged):
        store.close()
    with StateReader(path) as reader:
        assert reader.maps.of(["before"])[0]["found"] == "thread"


def test_ids_of_conversations_survive_a_full_disk_in_the_second_copy(path: Path) -> None:
    store = StateStore.open(path, pace=CommitPacing(window=3600.0, linger=3600.0))
    limit(store)
    fill(store)
    with pytest.raises(StateDamaged):
        store.close()
    again = StateStore.open(path)
    found = [again.threads.progress_of(f"thread_{n}") for n in range(400)]
    again.close()
    assert [progress and progress.conversation_id for progress in found] == [f"conv_{n}" for n in range(400)]


def test_the_ballast_makes_room_for_ids_of_conversations(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = StateStore.open(path, pace=CommitPacing(window=3600.0, linger=3600.0))
    limit(store)
    assert store._ballast.path.stat().st_size == 1 << 20
    really = store._ballast.release

    def release() -> None:
        if store._ballast.path.exists():
            really()
            store._db.execute("PRAGMA max_page_count = 1000000")

    monkeypatch.setattr(store._ballast, "release", release)
    fill(store)
    with pytest.raises(StateDamaged):
        store.flush()
    with StateReader(path) as reader:
        assert sum(1 for _ in reader.maps.export()) == 400
    with pytest.raises(StateDamaged):
        store.close()


def test_ids_that_no_disk_takes_are_handed_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = StateStore.open(path, pace=CommitPacing(window=3600.0, linger=3600.0))
    limit(store)

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store._copy, "_append", full)
    fill(store, 300)
    with pytest.raises(JournalFailed) as caught:
        store.flush()
    assert caught.value.unsaved == {f"thread_{n}": f"conv_{n}" for n in range(300)}
    assert "300 conversation ids could not be saved" in str(caught.value)
    with pytest.raises(StateError):
        store.close()


def test_a_bug_in_a_statement_stops_the_writer_but_hangs_nobody(store: StateStore, path: Path) -> None:
    store._db.execute("DROP TABLE orphan")
    store.journal.orphan("t1", "lost", None)
    with pytest.raises(StateDamaged):
        store.flush()
    store._writer.failure = None


def test_backups_are_whole_databases_and_replace_each_other(store: StateStore, path: Path, load: Load) -> None:
    for n in range(3):
        load(store, f"t{n}")
        store.backup_now()
        conn = sqlite3.connect(opening.backup_path(path))
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert conn.execute("SELECT count(*) FROM thread").fetchone() == (n + 1,)
        conn.close()


def test_a_backup_is_made_when_its_time_has_come(path: Path, load: Load) -> None:
    store = StateStore.open(path, pace=CommitPacing(window=0.0, linger=0.0, backup_every=0.0))
    load(store, "t1")
    store.flush()
    assert opening.backup_path(path).exists()
    store.close()
