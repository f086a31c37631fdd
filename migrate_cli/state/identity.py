"""Who a state file is and how much it knows: its id, its session, and the number of the last line of the list of ids.

Every copy of one state bears the same id, and lines of the list are counted through its whole life, so that files of
different states are never mixed and *knows less* can be decided. It decides nothing and knows no paths but those given.
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
    """What a state file or its backup says of itself."""

    state: str
    """The id of the state, the same in all its copies; empty in a file to which nothing was ever noted."""
    session: str = ""
    """A random word for each time that the file was opened for writing: a log of another session is not its own."""
    line: int = 0
    """The number of the last line of the list of ids that it has taken in."""
    size: int = 0
    """The size of the list in bytes at that moment, to find the place again without reading the whole."""
    open: str = ""
    """The session that may know more than stands here; empty once it was closed, and nothing came after."""
    backup: bool = False
    """A backup, which has no write-ahead log of its own."""
    unlisted: bool = False
    """Something stands here that the list lacks, since the disk was full; the list is to be written anew."""
    older: bool = False
    """Written by a version that recorded none of this."""


def read(conn: sqlite3.Connection) -> StateIdentity:
    """Return the identity of an open file. Raises sqlite3.Error for one that is no state file."""
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
    """Return the identity of a closed file, with what stands in its write-ahead log or without; None if damaged."""
    how = "mode=ro" if log else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=10)) as conn:
            return read(conn)
    except sqlite3.Error:
        return None


def new_session(conn: sqlite3.Connection, state: str | None) -> StateIdentity:
    """Return what a file says of itself once it is open for writing; it is called `state` if it has no id yet."""
    was, session = read(conn), secrets.token_hex(4)
    return replace(
        was, state=was.state or state or secrets.token_hex(8), session=session, open=session, backup=False, older=False
    )


def open_session(conn: sqlite3.Connection, session: StateIdentity) -> None:
    """Record that a file is open for writing; part of the transaction that is under way."""
    conn.executemany(_WRITE, _rows(session))


def settle_log(conn: sqlite3.Connection) -> None:
    """Put what was committed into the file itself, so that it says without its log that it is open."""
    # A reader that is at work can keep part of it in the log; then a lost log is found by the list of ids alone.
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def note_line(conn: sqlite3.Connection, line: int, size: int, *, unlisted: bool = False) -> None:
    """Record how much of the list of ids stands in the file; part of the transaction that is under way."""
    rows = [("line", str(line)), ("map_bytes", str(size)), ("unlisted", "1" if unlisted else "")]
    conn.executemany(_WRITE, rows)


def close_session(conn: sqlite3.Connection) -> None:
    """Record that nothing is under way any more."""
    conn.execute(_WRITE, ("open", ""))


def make_backup(copy: sqlite3.Connection, beyond: str) -> None:
    """Mark an open copy as a backup, which the session `beyond` may leave behind; empty when that has ended."""
    copy.execute("PRAGMA journal_mode = DELETE").fetchall()
    copy.executemany(_WRITE, [("backup", "1"), ("open", beyond)])


def leave_behind(path: Path, identity: StateIdentity) -> None:
    """Mark the backup at this path as one that knows less from now on. Raises sqlite3.Error.

    One that is damaged, or of a version that marked nothing, is never trusted alone, so it needs no mark.
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
    """What can be told of a file of an older version: its first run names it."""
    size = 0
    if "setup" in tables:
        size = int(dict(conn.execute("SELECT key, value FROM setup WHERE key = 'map_bytes'")).get("map_bytes", 0))
    row = conn.execute("SELECT id FROM run ORDER BY key LIMIT 1").fetchone() if "run" in tables else None
    name = hashlib.blake2b(str(row[0]).encode(), digest_size=8).hexdigest() if row else ""
    return StateIdentity(name, size=size, older=True)
