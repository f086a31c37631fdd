"""A set of names that memory does not hold, so that a million threads cost no more than a thousand. Exact: no hashes.

The names lie in a private temporary file without a name of its own, which goes with the set.
"""

from __future__ import annotations

import sqlite3
import tempfile
import weakref

from migrate_cli.errors import SourceError


class Names:
    """A growing set of names; any text will do, half surrogates included. Raises SourceError when the disk is full."""

    def __init__(self) -> None:
        # SQLite makes a file without a name for the empty path, once it has more than its small cache holds.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in _SETUP:
            self._db.execute(statement)
        self._any = False
        self._close = weakref.finalize(self, self._db.close)

    def add(self, name: str) -> bool:
        """Put a name in; return whether it was new."""
        self._any = True
        return self._execute("INSERT OR IGNORE INTO name VALUES (?)", name).rowcount == 1

    def __contains__(self, name: str) -> bool:
        return self._execute("SELECT 1 FROM name WHERE name = ?", name).fetchone() is not None

    def __bool__(self) -> bool:
        return self._any

    def close(self) -> None:
        """Let the file go; may be repeated."""
        self._close()

    def _execute(self, sql: str, name: str) -> sqlite3.Cursor:
        try:
            return self._db.execute(sql, (name.encode("utf-8", "surrogatepass"),))
        except sqlite3.Error as error:
            raise temporary_folder(error) from error


def temporary_folder(error: Exception) -> SourceError:
    """Return the error for a temporary folder that takes no more."""
    detail = f"The temporary folder {tempfile.gettempdir()} cannot take the index: {error}. Make room in it."
    return SourceError(detail, code="temporary-folder")


_SETUP = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "CREATE TABLE name (name BLOB PRIMARY KEY) WITHOUT ROWID",
    # One transaction for all: a commit for each name would cost more than the name.
    "BEGIN",
)
