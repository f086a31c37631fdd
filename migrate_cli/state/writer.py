"""The only thread that writes the state file: it collects notes, commits them together, then wakes the waiters.

A durable commit costs a disk flush, so one commit has to serve many threads: the writer waits briefly for more notes.
Nothing else writes. The writer knows statements, not their meaning.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate_cli.errors import StateDamaged, StateError
from migrate_cli.state import identity
from migrate_cli.state.backup import StateCopies
from migrate_cli.state.disk_reserve import DiskReserve
from migrate_cli.state.lines import Line
from migrate_cli.state.opening import translate
from migrate_cli.work.waiting import waiting

Rows = Sequence[Sequence[Any]]
Waiter = asyncio.Future[None] | concurrent.futures.Future[None]
"""A waiter for a commit, either in an event loop or in a blocking thread."""


@dataclass(frozen=True, slots=True)
class PendingWrite:
    """One statement with its rows, for the next commit."""

    sql: str
    rows: Rows
    line: Line | None = None
    """The lines for the list of ids."""
    vital: bool = False
    """Whether to write it even to the reserved last megabyte: ids of conversations that exist."""


@dataclass(frozen=True, slots=True)
class CommitPacing:
    """How long the writer waits for more notes."""

    window: float = 0.1
    """Longest time, in seconds, that the first waiter waits for others."""
    share: int = 6
    """A commit starts when one in this many of the threads in flight waits for it."""
    linger: float = 0.25
    """Longest time, in seconds, that notes stay uncommitted if nothing waits for them."""
    backup_every: float = 600.0
    """Seconds between two backups, if something has changed."""


class JournalFailed(StateDamaged):
    """The state file cannot be written. `unsaved` has the conversations that exist but are recorded nowhere."""

    def __init__(self, message: str, unsaved: dict[str, str]) -> None:
        super().__init__(message)
        self.unsaved = unsaved
        """Conversation ids by thread id, for the caller to print."""


class Writer:
    """The buffer and its thread. `note` and `durable` may be called from the event loop or from any thread."""

    def __init__(
        self,
        db: sqlite3.Connection,
        path: Path,
        copy: StateCopies,
        ballast: DiskReserve,
        pace: CommitPacing,
        session: identity.StateIdentity,
    ) -> None:
        self._db = db
        self._path = path
        self._session = session
        self._backup_is_behind = False
        self._copy = copy
        self._ballast = ballast
        self._pace = pace
        self._change = threading.Condition()
        self._notes: list[PendingWrite] = []
        self._waiters: list[Waiter] = []
        self._since = 0.0
        self._closing = False
        self._busy = False
        self._backup_at = time.monotonic() + pace.backup_every
        self._dirty = False
        self._backup_wanted = False
        self.failure: StateError | None = None
        self.commits = 0
        """The number of commits so far."""
        self.in_flight: set[str] = set()
        """Threads currently being loaded; their number determines how many waiters are worth waiting for."""
        self._thread = threading.Thread(target=self._run, name="state-writer", daemon=True)
        self._thread.start()

    def note(self, notes: Sequence[PendingWrite]) -> None:
        """Queue notes for the next commit, those of one call together. Raises the error that stopped writing."""
        with self._change:
            if self.failure is not None:
                raise self.failure
            if not self._notes:
                self._since = time.monotonic()
                self._change.notify()
            elif self._waiters and len(self._waiters) >= self._enough():
                self._change.notify()
            self._notes.extend(notes)

    async def durable(self) -> None:
        """Return when everything noted so far is on disk. Raises the error that stopped writing."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._wait_with(done):
            with waiting("the disk of the state file", moves=False):
                await done

    def flush(self) -> None:
        """The same as `durable`, blocking; for code outside an event loop."""
        done: concurrent.futures.Future[None] = concurrent.futures.Future()
        if self._wait_with(done, hurry=True):
            with waiting("the disk of the state file", moves=False):
                done.result()

    def backup(self) -> None:
        """Write everything, then the backup; blocks."""
        with self._change:
            self._backup_wanted = True
        self.flush()

    def close(self) -> None:
        """Write the rest, back up, and end the thread; blocks. Raises the error that stopped writing."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _wait_with(self, waiter: Waiter, *, hurry: bool = False) -> bool:
        """Queue a waiter; return False if there is nothing to wait for."""
        with self._change:
            if self.failure is not None:
                raise self.failure
            if not (self._notes or self._busy or self._backup_wanted):
                return False
            if not self._waiters:
                self._since = time.monotonic()
            self._waiters.append(waiter)
            if hurry:
                self._since = 0.0
            if hurry or len(self._waiters) == 1 or len(self._waiters) >= self._enough():
                self._change.notify()
            return True

    def _enough(self) -> int:
        return max(1, -(-len(self.in_flight) // self._pace.share))

    def _run(self) -> None:
        while True:
            with self._change:
                self._gather()
                notes, waiters = self._notes, self._waiters
                self._notes, self._waiters = [], []
                self._busy = True
                ending = self._closing
            if self.failure is None and notes:
                self._commit(notes)
            if self.failure is None:
                self._backup_when_due(ending)
            elif ending:
                with contextlib.suppress(sqlite3.Error):
                    identity.close_session(self._db)
            with self._change:
                self._busy = False
            _wake(waiters, self.failure)
            if ending:
                return

    def _gather(self) -> None:
        """Wait for notes, then briefly for more; called with the condition held, which is released while waiting."""
        while not self._closing:
            if self._waiters and not self._notes:
                return
            if self._waiters:
                left = self._since + self._pace.window - time.monotonic()
                if left <= 0 or len(self._waiters) >= self._enough():
                    return
            elif self._notes:
                left = self._since + self._pace.linger - time.monotonic()
                if left <= 0:
                    return
            else:
                left = None
            self._change.wait(left)

    def _commit(self, notes: list[PendingWrite]) -> None:
        listed = False
        try:
            lines = [note.line for note in notes if note.line is not None]
            if lines and not self._backup_is_behind:
                self._copy.leave_backup_behind(self._session)
                self._backup_is_behind = True
            flushed = self._copy.append(lines)
            listed = True
            self._write(notes)
            flushed()
            self.commits += 1
            self._dirty = True
        except Exception as error:  # whatever it is, the waiters must be told
            failure = self._rescue(notes, error, listed=listed)
            with self._change:
                self.failure = failure
                waiters, self._waiters = self._waiters, []
                self._notes = []
            _wake(waiters, failure)

    def _write(self, notes: list[PendingWrite], *, unlisted: bool = False) -> None:
        db = self._db
        db.execute("BEGIN")
        try:
            for note in notes:
                execute(db, note)
            identity.note_line(db, self._copy.line, self._copy.size, unlisted=unlisted)
            db.execute("COMMIT")
        except BaseException:
            # A full disk can end the transaction; then there is nothing to roll back.
            db.rollback()
            raise

    def _rescue(self, notes: list[PendingWrite], error: Exception, *, listed: bool) -> StateError:
        """Save the ids of existing conversations to the reserved megabyte; return those that cannot be saved."""
        failure = translate(error, self._path)
        with self._change:
            notes = notes + self._notes
        vital = [note for note in notes if note.vital]
        if not vital:
            return failure
        self._ballast.release()
        try:
            self._write(vital, unlisted=not listed)
        except (sqlite3.Error, OSError):
            unsaved = self._copy.rescue([note.line for note in vital if note.line is not None])
            if unsaved:
                return JournalFailed(f"{failure} {len(unsaved)} conversation ids could not be saved.", unsaved)
        return failure

    def _backup_when_due(self, ending: bool) -> None:
        due = self._backup_wanted or ending or time.monotonic() >= self._backup_at
        if not due:
            return
        try:
            if ending:
                identity.close_session(self._db)
            if self._dirty or self._backup_wanted or (ending and self._backup_is_behind):
                self._copy.backup(self._db, beyond="" if ending else self._session.session)
                self._backup_is_behind = not ending
            self._dirty = False
        except (sqlite3.Error, OSError) as error:
            if self._backup_wanted or ending:
                self.failure = translate(error, self._path)
        self._backup_wanted = False
        self._backup_at = time.monotonic() + self._pace.backup_every


def execute(db: sqlite3.Connection, note: PendingWrite) -> None:
    """Write one note within the current transaction."""
    try:
        db.executemany(note.sql, note.rows)
    except UnicodeEncodeError:
        db.executemany(note.sql, [[storable(value) for value in row] for row in note.rows])


def storable(value: Any) -> Any:
    """Escape lone surrogates, which SQLite cannot store; return any other value unchanged."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _wake(waiters: Sequence[Waiter], failure: StateError | None) -> None:
    """Wake all waiters; an event loop is called once for all of its waiters, because each call costs it a turn."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiter in waiters:
        if isinstance(waiter, asyncio.Future):
            by_loop.setdefault(waiter.get_loop(), []).append(waiter)
        else:
            _settle([waiter], failure)
    for loop, futures in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed, so nothing waits any more
            loop.call_soon_threadsafe(_settle, futures, failure)


def _settle(waiters: Sequence[Waiter], failure: StateError | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(failure)
