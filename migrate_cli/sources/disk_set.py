"""A set of names of which memory holds few, so that a million threads cost little more than thousands. No hashes.

A name may have a note, such as where it was met.

More lie in a private temporary file without a name of its own, which goes with the set.
"""

from __future__ import annotations

import sqlite3
import tempfile
import weakref
from collections.abc import Callable

from migrate_cli.disk.shared_sqlite import connect_shared
from migrate_cli.errors import SourceError

FEW = 10_000
"""Names that memory holds; asking a file about each takes ten times as long."""


class DiskSet:
    """A growing set of names; any text will do, half surrogates included. Raises SourceError when the disk is full."""

    def __init__(self, few: int | None = None) -> None:
        self._few: dict[str, str] | None = {}
        """All names with their notes, as long as they are no more than `few`, or else FEW."""
        self._most = FEW if few is None else few
        self._db: sqlite3.Connection | None = None
        self._close: Callable[[], object] = lambda: None

    def add(self, name: str, note: str = "") -> bool:
        """Put a name in, with a note; return whether it was new. The note of a name that was there stays."""
        few = self._few
        if few is None:
            return self._execute("INSERT OR IGNORE INTO name VALUES (?, ?)", name, note).rowcount == 1
        before = len(few)
        few.setdefault(name, note)
        new = len(few) > before
        if new and before >= self._most:
            self._put_down(few)
        return new

    def note(self, name: str) -> str:
        """Return the note of a name; empty for one that has none."""
        if self._few is not None:
            return self._few.get(name, "")
        row = self._execute("SELECT note FROM name WHERE name = ?", name).fetchone()
        return "" if row is None else bytes(row[0]).decode("utf-8", "surrogatepass")

    def __contains__(self, name: str) -> bool:
        if self._few is not None:
            return name in self._few
        return self._execute("SELECT 1 FROM name WHERE name = ?", name).fetchone() is not None

    def __bool__(self) -> bool:
        return self._few is None or bool(self._few)

    def close(self) -> None:
        """Let the file go; may be repeated."""
        self._close()

    def _put_down(self, few: dict[str, str]) -> None:
        """Move the names from memory to the file."""
        # SQLite makes a file without a name for the empty path, once it has more than its small cache holds.
        self._db = connect_shared("")
        self._close = weakref.finalize(self, self._db.close)
        for statement in _SETUP:
            self._db.execute(statement)
        self._few = None
        for name, note in few.items():
            self._execute("INSERT INTO name VALUES (?, ?)", name, note)

    def _execute(self, sql: str, *texts: str) -> sqlite3.Cursor:
        if self._db is None:
            raise ValueError("the names are in memory")
        try:
            return self._db.execute(sql, [text.encode("utf-8", "surrogatepass") for text in texts])
        except sqlite3.Error as error:
            raise temporary_folder(error) from error


def temporary_folder(error: Exception) -> SourceError:
    """Return the error for a temporary folder that takes no more."""
    detail = f"The temporary folder {tempfile.gettempdir()} cannot hold the index: {error}. Free some space in it."
    return SourceError(detail, code="temporary-folder")


_SETUP = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "CREATE TABLE name (name BLOB PRIMARY KEY, note BLOB) WITHOUT ROWID",
    # One transaction for all: a commit for each name would cost more than the name.
    "BEGIN",
)
