"""The threads of one host by id, in the order in which they were told, on disk: where listing stood, what was odd.

A list next to the state file lets a listing that was broken off go on where it stopped; it is a cache, and deleting it
costs nothing but time. It must not ask the host.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

from migrate_cli.disk.shared_sqlite import connect_shared
from migrate_cli.errors import UsageError

_APPLICATION = 0x6D637274
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS thread (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, repeated TEXT);
CREATE TABLE IF NOT EXISTS problem (place TEXT, code TEXT, detail TEXT);
"""
_BATCH = 500


class IdList:
    """The ids of one source, closed at the latest when it goes. Without a path it is a temporary file."""

    def __init__(self, path: Path | None, identity: str) -> None:
        try:
            if path is not None:
                path.touch(mode=0o600)
            # An empty name is a temporary database on disk.
            self._db = connect_shared("" if path is None else path, timeout=10)
            self._close = weakref.finalize(self, self._db.close)
            self._prepare(identity, path)
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"the list of threads cannot be kept in {path}: {error}; remove the file, or free some space",
                code="roster",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._close()

    @property
    def cursor(self) -> str | None:
        """The last id that was listed."""
        return self._fact("cursor")

    def __len__(self) -> int:
        (count,) = self._db.execute("SELECT count(*) FROM thread").fetchone()
        return int(count)

    def add_page(self, ids: Iterable[str], cursor: str | None) -> list[str]:
        """Add a page of a listing and move the cursor, in one step; return the ids that are new."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            new = [each for each in ids if self._insert(each)]
            if cursor is not None:
                self._db.execute("INSERT OR REPLACE INTO fact VALUES ('cursor', ?)", (cursor,))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return new

    def fill(self, ids: Iterable[tuple[str, str]], problems: list[tuple[str, str, str]]) -> None:
        """Add ids with their places, such as `line 3`; what is there already is marked as named again.

        `problems` is filled while `ids` is read, and kept: place, code, sentence.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for each, place in ids:
                if not self._insert(each):
                    self._db.execute("UPDATE thread SET repeated = coalesce(repeated, ?) WHERE id = ?", (place, each))
            self._db.executemany("INSERT INTO problem VALUES (?, ?, ?)", problems)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def threads(self) -> Iterator[tuple[str, str | None]]:
        """Yield the ids in order, each with the place where it was named again."""
        number = 0
        while True:
            rows = self._db.execute(
                "SELECT number, id, repeated FROM thread WHERE number > ? ORDER BY number LIMIT ?", (number, _BATCH)
            ).fetchall()
            if not rows:
                return
            for number, each, repeated in rows:  # noqa: B007 - the last number is where the next batch begins
                yield each, repeated

    def problems(self) -> list[tuple[str, str, str]]:
        """Return what was wrong with the ids: place, code, sentence."""
        return self._db.execute("SELECT place, code, detail FROM problem").fetchall()

    def _insert(self, each: str) -> bool:
        return self._db.execute("INSERT OR IGNORE INTO thread (id) VALUES (?)", (each,)).rowcount > 0

    def _fact(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _prepare(self, identity: str, path: Path | None) -> None:
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application != _APPLICATION:
            raise UsageError(f"{path} is a database of another program; move it away", code="roster")
        self._db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_SCHEMA}")
        if self._fact("identity") not in (None, identity):
            self._db.executescript("DELETE FROM thread; DELETE FROM problem; DELETE FROM fact;")
        self._db.execute("INSERT OR REPLACE INTO fact VALUES ('identity', ?)", (identity,))
