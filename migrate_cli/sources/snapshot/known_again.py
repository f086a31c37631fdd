"""What the ledger of a snapshot keeps of the threads that it holds, so that those which have grown can be told.

A refresh looks at each thread once, over as many runs as it takes. Earlier versions kept ids only: of their parts it is
learned when it is first needed. It must not open a part or ask a host.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple

from migrate_cli.sources.snapshot.saved import SavedThread

KNOWN_AGAIN = """
CREATE TABLE IF NOT EXISTS saved (
  id TEXT PRIMARY KEY, part TEXT, messages INTEGER, last_message TEXT, last_run TEXT, metadata TEXT, digest TEXT);
CREATE INDEX IF NOT EXISTS saved_part ON saved (part);
CREATE TABLE IF NOT EXISTS checked (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_PUT = "INSERT OR REPLACE INTO saved VALUES (?, ?, ?, ?, ?, ?, ?)"


class KnownAgain:
    """The threads of one snapshot, and how far a refresh of them is."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def of(self, thread_id: str) -> SavedThread | None:
        """Return what is known of a thread that is in a finished part; None for others."""
        sql = "SELECT messages, last_message, last_run, metadata, digest FROM saved WHERE id = ?"
        row = self._db.execute(sql, (thread_id,)).fetchone()
        return None if row is None else SavedThread(*row)

    def put(self, part: str, threads: Mapping[str, SavedThread]) -> None:
        """Note what is known of the threads of a part; within a step of whoever calls."""
        self._db.executemany(_PUT, ((each, part, *astuple(known)) for each, known in threads.items()))

    def move(self, part: str, instead: str) -> None:
        """The threads of a part that are still in it are in another one now; within a step of whoever calls."""
        self._db.execute("UPDATE saved SET part = ? WHERE part = ?", (instead, part))

    def parts_of(self, thread_ids: Iterable[str]) -> dict[str, set[str]]:
        """Return which parts hold these threads: part, and those of the threads that are in it."""
        found: dict[str, set[str]] = {}
        for each in thread_ids:
            for (part,) in self._db.execute("SELECT part FROM saved WHERE id = ?", (each,)):
                found.setdefault(part, set()).add(each)
        return found

    def unknown_parts(self) -> list[str]:
        """Return the names of parts of whose threads nothing but their ids is known."""
        sql = "SELECT name FROM part WHERE holds = 'threads' AND name NOT IN (SELECT part FROM saved) ORDER BY name"
        return [name for (name,) in self._db.execute(sql)]

    def learn(self, part: str, threads: Mapping[str, SavedThread]) -> None:
        """Note what is known of the threads of such a part, in one step."""
        with at_once(self._db):
            self.put(part, threads)

    # ---- a refresh

    def begin(self, now: float) -> float:
        """Begin a refresh, or continue with one that has not ended; return when it began, in Unix seconds."""
        self._db.execute("INSERT OR IGNORE INTO fact VALUES ('refresh', ?)", (str(now),))
        ((began,),) = self._db.execute("SELECT value FROM fact WHERE name = 'refresh'")
        return float(began)

    def was_checked(self, thread_id: str) -> bool:
        """Whether a thread was looked at since the refresh began."""
        return self._db.execute("SELECT 1 FROM checked WHERE id = ?", (thread_id,)).fetchone() is not None

    def checked(self, thread_ids: Iterable[str]) -> None:
        """Note threads that were looked at, in one step."""
        with at_once(self._db):
            self._db.executemany("INSERT OR IGNORE INTO checked VALUES (?)", ((each,) for each in thread_ids))

    def end(self) -> None:
        """All threads were looked at: the next refresh starts over."""
        with at_once(self._db):
            self._db.execute("DELETE FROM checked")
            self._db.execute("DELETE FROM fact WHERE name = 'refresh'")


@contextmanager
def at_once(db: sqlite3.Connection) -> Iterator[None]:
    """Make one step of what this block does."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
