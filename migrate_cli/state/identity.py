"""The identity of a state file and how current it is: its id, its session, and the last line of the list of ids.

All copies of a state have the same id, and the lines of the list are numbered over its whole life, so that files of
different states are never mixed and it can be decided which copy is older. This module makes no such decision, and
uses only the paths that it is given.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

_READ = "SELECT key, value FROM identity"
_WRITE = "INSERT OR REPLACE INTO identity VALUES (?, ?)"


@dataclass(frozen=True, slots=True)
class StateIdentity:
    """What a state file or its backup records about itself."""

    state: str
    """The id of the state, the same in all copies; empty in a file that was never written."""
    session: str = ""
    """Random, new each time the file is opened for writing: a log of another session does not belong to the file."""
    line: int = 0
    """The number of the last line of the list of ids that the file includes."""
    size: int = 0
    """The size of the list in bytes at that time, so that the position can be found without reading all of it."""
    open: str = ""
    """The session that may have written more than this; empty once it was closed and none followed."""
    backup: bool = False
    """Whether this is a backup, which has no write-ahead log."""
    unlisted: bool = False
    """Whether the list lacks entries because the disk was full, and has to be rewritten."""
    older: bool = False
    """Whether a version wrote the file that recorded none of this."""


def read(conn: sqlite3.Connection) -> StateIdentity:
    """Return the identity of an open file. Raises sqlite3.Error if it is not a state file."""
    tables = {row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "identity" not in tables:
        return _of_older(conn, tables)
    found: dict[str, str] = dict(conn.execute(_READ))
    return StateIdentity(
        found.get("state", ""),
        found.get("session", ""),
        int(found.get("line", 0)),
        int(found.get("map_bytes", 0)),
        found.get("open", ""),
        bool(found.get("backup")),
        bool(found.get("unlisted")),
    )


def look(path: Path, *, log: bool) -> StateIdentity | None:
    """Return the identity of a closed file, with or without its write-ahead log; None if it is damaged."""
    how = "mode=ro" if log else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=10)) as conn:
            return read(conn)
    except sqlite3.Error:
        return None


def new_session(conn: sqlite3.Connection, state: str | None) -> StateIdentity:
    """Return the identity of a file that is now open for writing; its id becomes `state` if it has none."""
    was, session = read(conn), secrets.token_hex(4)
    return replace(
        was, state=was.state or state or secrets.token_hex(8), session=session, open=session, backup=False, older=False
    )


def open_session(conn: sqlite3.Connection, session: StateIdentity) -> None:
    """Record that a file is open for writing, within the current transaction."""
    conn.executemany(_WRITE, _rows(session))


def settle_log(conn: sqlite3.Connection) -> None:
    """Checkpoint the log, so that the file itself says that it is open."""
    # An active reader can prevent a full checkpoint; then only the list of ids reveals a lost log.
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def note_line(conn: sqlite3.Connection, line: int, size: int, *, unlisted: bool = False) -> None:
    """Record how much of the list of ids the file includes, within the current transaction."""
    rows = [("line", str(line)), ("map_bytes", str(size)), ("unlisted", "1" if unlisted else "")]
    conn.executemany(_WRITE, rows)


def close_session(conn: sqlite3.Connection) -> None:
    """Record that the session is closed."""
    conn.execute(_WRITE, ("open", ""))


def make_backup(copy: sqlite3.Connection, beyond: str) -> None:
    """Mark an open copy as a backup that the session `beyond` may outdate; empty if no session continues."""
    copy.execute("PRAGMA journal_mode = DELETE").fetchall()
    copy.executemany(_WRITE, [("backup", "1"), ("open", beyond)])


def leave_behind(path: Path, identity: StateIdentity) -> None:
    """Mark the backup at this path as outdated from now on. Raises sqlite3.Error.

    A damaged backup, or one of a version without marks, is never trusted alone and needs no mark.
    """
    there = look(path, log=False) if path.exists() else None
    if there is None or there.older:
        return
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA synchronous = FULL")
        conn.execute(_WRITE, ("open", identity.session))


def _rows(identity: StateIdentity) -> list[tuple[str, str]]:
    return [
        ("state", identity.state),
        ("session", identity.session),
        ("line", str(identity.line)),
        ("map_bytes", str(identity.size)),
        ("open", identity.open),
        ("backup", "1" if identity.backup else ""),
        ("unlisted", "1" if identity.unlisted else ""),
    ]


def _of_older(conn: sqlite3.Connection, tables: set[str]) -> StateIdentity:
    """Return the identity of a file of an older version, derived from the id of its first run."""
    size = 0
    if "setup" in tables:
        size = int(dict(conn.execute("SELECT key, value FROM setup WHERE key = 'map_bytes'")).get("map_bytes", 0))
    row = conn.execute("SELECT id FROM run ORDER BY key LIMIT 1").fetchone() if "run" in tables else None
    name = hashlib.blake2b(str(row[0]).encode(), digest_size=8).hexdigest() if row else ""
    return StateIdentity(name, size=size, older=True)
