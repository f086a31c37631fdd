"""The state file, open for writing: locked, checked, restored where a copy knows more, and divided into its parts.

A file has one writer; the parts (`journal`, `runs`, `repairs`, `replays`, `files`, `agents`, `stores`) share it
through one session. It must not say what is noted or asked: callers take the part that they need.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from migrate_cli.disk.shared_sqlite import connect_shared
from migrate_cli.state import id_list, identity, opening, restoring
from migrate_cli.state.agent_records import AgentRecords
from migrate_cli.state.backup import StateCopies
from migrate_cli.state.disk_reserve import DiskReserve
from migrate_cli.state.file_records import FileRecords
from migrate_cli.state.journal import LoadJournal
from migrate_cli.state.lock import StateLock
from migrate_cli.state.repairs import Repairs
from migrate_cli.state.replays import ReplayRecords
from migrate_cli.state.runs import RecordedRuns
from migrate_cli.state.session import StateSession
from migrate_cli.state.store_records import StoreRecords
from migrate_cli.state.threads import RecordedThreads
from migrate_cli.state.writer import CommitPacing, Writer, execute

_log = logging.getLogger(__name__)


class StateStore:
    """The state file, open for writing. Make it with `StateStore.open`."""

    def __init__(self, path: Path, lock: StateLock, now: Callable[[], float], pace: CommitPacing) -> None:
        plan, self.restored = restoring.prepare(path)
        """What was made again from the copies, if the file was lost or older than they."""
        self.path = path
        self._lock = lock
        self._ballast = DiskReserve(path)
        self._db = opening.connect(path)
        try:
            self._ballast.take()
            opened = identity.new_session(self._db, plan.state)
            self._copy = StateCopies(path)
            self._compare_copies(opened, int(now()), older=plan.older)
            reading = connect_shared(path)
            reading.execute("PRAGMA query_only = 1")
        except (OSError, sqlite3.Error) as error:
            self._ballast.release()
            self._db.close()
            raise opening.translate(error, path) from error
        except BaseException:
            self._ballast.release()
            self._db.close()
            raise
        self._writer = Writer(self._db, path, self._copy, self._ballast, pace, opened)
        self._session = session = StateSession(path, self._writer, reading, now)
        self.journal = LoadJournal(session)
        self.threads: RecordedThreads = self.journal
        """What is recorded of threads, for those who only ask."""
        self.runs = RecordedRuns(session)
        self.repairs = Repairs(session)
        self.replays = ReplayRecords(session)
        self.files = FileRecords(session)
        self.agents = AgentRecords(session)
        self.stores = StoreRecords(session)

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        create: bool = True,
        command: str | None = None,
        now: Callable[[], float] = time.time,
        pace: CommitPacing | None = None,
    ) -> StateStore:
        """Lock, check and open the state file, making it (mode 0600) when `create` allows.

        `command` is what other processes are told is running. Raises UsageError when it must exist and does not,
        StateLocked, StateDamaged, StateForeign, or StateError for a place that cannot hold one.
        """
        path = Path(path)
        opening.check_place(path, create=create)
        lock = StateLock(path, command or "migrate-cli " + " ".join(sys.argv[1:2]))
        try:
            store = cls(path, lock, now, pace or CommitPacing())
        except BaseException:
            lock.release()
            raise
        if store.restored is not None:
            _log.info(store.restored.told)
        return store

    @property
    def commits(self) -> int:
        """Commits since it was opened."""
        return self._writer.commits

    async def durable(self) -> None:
        """Return once everything noted so far is on disk. Raises StateError when the disk takes no more."""
        await self._writer.durable()

    def flush(self) -> None:
        """Write what was noted; blocks. For code outside an event loop; inside, await `durable`."""
        self._writer.flush()

    def backup_now(self) -> None:
        """Write what was noted, and a fresh backup; blocks."""
        self._writer.backup()

    async def aclose(self) -> None:
        """Write what was noted, back up, unlock. Raises the failure that stopped writing, if one did."""
        import asyncio  # noqa: PLC0415 - only asynchronous callers pay for it

        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """The same as `aclose`, blocking; may be repeated."""
        if self._lock.released:
            return
        try:
            self._writer.close()
        finally:
            self._copy.close()
            self._session.close()
            self._db.close()
            self._ballast.release()
            self._lock.release()

    def _compare_copies(self, here: identity.StateIdentity, now: int, *, older: bool) -> None:
        """Take up what the list of ids knows and the file does not; write the list again where it knows less.

        All in one transaction: a file that has taken up a part must not count as one that has taken up the whole.
        """
        copy, db = self._copy, self._db
        numbered = copy.listed is not None and copy.listed.state is not None
        taken = here.line
        # The size was recorded of a list without numbers only before the file had any.
        size = 0 if here.line and not numbered else here.size
        db.execute("BEGIN IMMEDIATE")
        try:
            if copy.listed is not None and (copy.line > here.line or (not numbered and copy.size >= size)):
                for line, number in copy.lines_after(here.line, size):
                    for note in id_list.take_up(line, now):
                        execute(db, note)
                    taken = max(taken, number or 0)
            for note in id_list.unsettle(now) if older else ():
                execute(db, note)
            if taken != copy.line or not numbered or here.unlisted:
                taken = max(taken, copy.line) + 1
                copy.rewrite(here.state, taken, id_list.known_lines(db.execute))
            identity.open_session(db, replace(here, line=taken, size=copy.size, unlisted=False))
            db.execute("COMMIT")
            identity.settle_log(db)
        except BaseException:
            db.rollback()
            raise
