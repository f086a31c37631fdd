"""One opening of a state file: the writer, a connection for queries, the clock, and the current run.

All parts of a store (journal, runs, repairs, replays, files) share one session, since a state file has one writer. It
must not know what any of them notes or asks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from migrate_cli.state.opening import translate
from migrate_cli.state.writer import PendingWrite, Writer, storable

_BITS = (1 << 23) - 1
"""As a bit mask; the marks of a million threads take one megabyte."""


class BitSet:
    """A set of small whole numbers, one bit each: a million threads cost 125 kB."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Put a number in."""
        byte = number >> 3
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits)))
        self._bits[byte] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        byte = number >> 3
        return byte < len(self._bits) and bool(self._bits[byte] >> (number & 7) & 1)


class StateSession:
    """What the parts of a store share. Questions are answered from the file, so they see only what was committed."""

    def __init__(self, path: Path, writer: Writer, reading: sqlite3.Connection, now: Callable[[], float]) -> None:
        self.path = path
        self.writer = writer
        self.now = now
        self.run_id: str | None = None
        """The run that what is noted now belongs to."""
        self.asked = BitSet()
        """The row keys of threads that somebody has asked about."""
        self._reading = reading
        # A file that had no thread need not be asked about any but those noted since: a first load asks for each.
        self._noted = None if self.ask("SELECT 1 FROM thread LIMIT 1") else BitSet()

    def note(self, notes: Sequence[PendingWrite], of: str | None = None) -> None:
        """Take notes; `of` is the thread that has a row after them, if it had none before."""
        if self._noted is not None and of is not None:
            self._noted.add(hash(of) & _BITS)
        self.writer.note(notes)

    def surely_unknown(self, thread_id: str) -> bool:
        """Whether the file cannot have this thread. Threads may share a mark, so False says nothing."""
        return self._noted is not None and hash(thread_id) & _BITS not in self._noted

    def seconds(self) -> int:
        """The time now, in whole seconds since 1970."""
        return int(self.now())

    def run_and_time(self) -> tuple[str | None, int]:
        """The run that is under way and the time now: what most rows say of their origin."""
        return self.run_id, int(self.now())

    def query(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Ask the file. Raises StateError."""
        try:
            try:
                return self._reading.execute(sql, values)
            except UnicodeEncodeError:
                return self._reading.execute(sql, [storable(value) for value in values])
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the file; return all rows. Raises StateError."""
        return self.query(sql, *values).fetchall()

    def close(self) -> None:
        """End the connection for questions; the writer is closed by whoever made it."""
        self._reading.close()


class StatePart:
    """One part of a store: what it notes goes to the session's writer."""

    def __init__(self, session: StateSession) -> None:
        self._session = session

    async def durable(self) -> None:
        """Return once everything noted so far is on disk. Raises StateError when the disk takes no more."""
        await self._session.writer.durable()


def named(cursor: sqlite3.Cursor) -> Iterator[dict[str, Any]]:
    """Yield the rows that a question found, with the names of their columns."""
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)
