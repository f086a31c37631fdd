"""A state file, open for reading without a lock: it works while `apply` runs, and changes nothing.

It must not know what is asked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from migrate_cli.disk.shared_sqlite import connect_shared
from migrate_cli.errors import StateError, StateForeign
from migrate_cli.model import JsonObject
from migrate_cli.state import migrations
from migrate_cli.state.opening import followed, missing, translate
from migrate_cli.state.restoring import check_current
from migrate_cli.state.setup import LOADS_ALL, as_option


class ReadConnection:
    """The open file. Raises UsageError when it does not exist, StateError when it is not readable."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not self.path.is_file():
            raise missing(self.path)
        check_current(self.path)
        try:
            self.connection = _connect(self.path)
        except sqlite3.Error as error:
            raise _unreadable(error, self.path) from error
        try:
            _check(self.connection, self.path)
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def rows(self, sql: str, *values: Any) -> Iterator[JsonObject]:
        """Yield rows with the names of their columns."""
        cursor = self._cursor(sql, *values)
        names = [column[0] for column in cursor.description]
        try:
            for row in cursor:
                yield dict(zip(names, row, strict=True))
        except sqlite3.Error as error:
            raise _unreadable(error, self.path) from error

    def row(self, sql: str, *values: Any) -> JsonObject | None:
        """Return the first row, or None."""
        return next(self.rows(sql, *values), None)

    def all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self._cursor(sql, *values).fetchall()

    def number(self, sql: str) -> int:
        """Return the one number that is asked for."""
        return int(self.all(sql)[0][0])

    def counts(self, sql: str) -> dict[str, int]:
        """Return numbers by name."""
        return {str(name): count for name, count in self.all(sql)}

    def _cursor(self, sql: str, *values: Any) -> sqlite3.Cursor:
        try:
            return self.connection.execute(sql, values)
        except sqlite3.Error as error:
            raise _unreadable(error, self.path) from error


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return _opened(path, "mode=ro")
    except sqlite3.OperationalError:
        file = followed(path)
        if file.with_name(file.name + "-wal").exists():
            raise
        # In a folder that may not be written, the log's index cannot be made; without a log none is needed.
        return _opened(path, "mode=ro&immutable=1")


def _opened(path: Path, how: str) -> sqlite3.Connection:
    # A live source is read on another thread, which asks from there.
    conn = connect_shared(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=10)
    try:
        conn.execute("SELECT 1 FROM sqlite_master").fetchone()
    except BaseException:
        conn.close()
        raise
    return conn


def _check(conn: sqlite3.Connection, path: Path) -> None:
    if conn.execute("PRAGMA application_id").fetchone()[0] != migrations.APPLICATION_ID:
        raise StateForeign(f"{path} is not a state file of migrate-cli; correct --state ({LOADS_ALL}).")
    version = conn.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations.STEPS):
        raise StateForeign(f"{path} was written by a newer migrate-cli (schema {version}); update migrate-cli.")
    if version < len(migrations.STEPS):
        raise StateError(
            f"{path} was written by an older migrate-cli; run `migrate-cli apply{as_option(path)}` once to bring it up "
            "to date."
        )


def _unreadable(error: sqlite3.Error, path: Path) -> StateError:
    if "not a database" in str(error):
        return StateForeign(f"{path} is not a state file of migrate-cli; correct --state ({LOADS_ALL}).")
    return translate(error, path)
