"""Opens the sandbox's SQLite file, and stores conversations and their items in it.

Every method is one transaction, committed before it returns. WAL with `synchronous=NORMAL` keeps every commit when the
process is killed (the operating system has the pages by then); only a power failure can lose the latest ones. A deleted
conversation keeps its items, as on the real service. An instance must be used by one thread at a time.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from migrate_cli.disk.shared_sqlite import connect_shared
from migrate_cli.errors import UsageError
from migrate_cli.sandbox import ids
from migrate_cli.sandbox.encoding import encode
from migrate_cli.sandbox.rules import CheckedItem

APPLICATION_ID = 0x6D637362
"""Marks the file as a sandbox's ("mcsb"), so that no other database is ever written to."""

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
CREATE TABLE IF NOT EXISTS conversation (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS item (
    conversation INTEGER NOT NULL,
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    partly_hidden INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS item_place ON item (conversation, position);
CREATE TABLE IF NOT EXISTS file (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    purpose TEXT NOT NULL,
    filename TEXT NOT NULL,
    bytes INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS file_chunk (
    file INTEGER NOT NULL,
    place INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (file, place)
);
"""


_KIND, _AGENT_NAME, _AGENT_VERSION = (
    f"json_extract(CAST(item.body AS TEXT), '$.{path}')"
    for path in ("type", "created_by.agent.name", "created_by.agent.version")
)
_AGENT_ID = f"{_AGENT_NAME} || ':' || {_AGENT_VERSION}"


@dataclass(frozen=True, slots=True)
class PageBounds:
    """Which part of a list is asked for, by positions."""

    limit: int
    descending: bool
    after: int | None = None
    before: int | None = None

    def sql(self, position: str) -> str:
        """The end of a query, to follow a condition: one row more than fits tells whether there are more."""
        low, high = (self.before, self.after) if self.descending else (self.after, self.before)
        bounds = [f"{position} > {low:d}"] if low is not None else []
        bounds += [f"{position} < {high:d}"] if high is not None else []
        conditions = "".join(f"AND {bound} " for bound in bounds)
        return f"{conditions}ORDER BY {position} {'DESC' if self.descending else 'ASC'} LIMIT {self.limit + 1:d}"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation that is not deleted."""

    number: int
    id: str
    created_at: int
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class StoredItem:
    """One item with its id; `body` is its whole JSON, encoded."""

    id: str
    body: bytes
    partly_hidden: bool


class Store:
    """Opens or creates the file at `path`. Raises UsageError when it cannot be used as a sandbox's data."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # The server runs in one thread, but a caller may open and close the store in another.
        self._db = self._open()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open database, for the stores of files, of responses and of the source side."""
        return self._db

    def close(self) -> None:
        """Checkpoint the write-ahead log and close the file."""
        self._db.close()

    def create_conversation(self, metadata: dict[str, str], items: Sequence[CheckedItem]) -> Conversation:
        """Create a conversation and its first items in one transaction."""
        identifier, now = ids.conversation_id(), int(time.time())
        with transaction(self._db):
            cursor = self._db.execute(
                "INSERT INTO conversation (id, created_at, metadata) VALUES (?, ?, ?)",
                (identifier, now, encode(metadata).decode()),
            )
            number = cursor.lastrowid or 0
            self._insert(number, identifier, 0, items)
        return Conversation(number, identifier, now, metadata)

    def conversation(self, identifier: str) -> Conversation | None:
        """Return the conversation unless it is unknown or deleted."""
        row = self._db.execute(
            "SELECT number, id, created_at, metadata FROM conversation WHERE id = ? AND NOT deleted", (identifier,)
        ).fetchone()
        return row and Conversation(row[0], row[1], row[2], json.loads(row[3]))

    def set_metadata(self, number: int, metadata: dict[str, str]) -> None:
        """Replace a conversation's metadata."""
        self._db.execute("UPDATE conversation SET metadata = ? WHERE number = ?", (encode(metadata).decode(), number))

    def delete_conversation(self, number: int) -> None:
        """Mark a conversation as deleted; its items stay."""
        self._db.execute("UPDATE conversation SET deleted = 1 WHERE number = ?", (number,))

    def append(self, conversation: Conversation, items: Sequence[CheckedItem]) -> list[StoredItem]:
        """Append items, all or none, and return them with their ids in order."""
        with transaction(self._db):
            (last,) = self._db.execute(
                "SELECT max(position) FROM item WHERE conversation = ?", (conversation.number,)
            ).fetchone()
            return self._insert(conversation.number, conversation.id, 0 if last is None else last + 1, items)

    def conversations(
        self, bounds: PageBounds, *, agent_name: str | None = None, agent_id: str | None = None
    ) -> tuple[list[Conversation], bool]:
        """Return a page of the conversations that are not deleted, and whether there are more.

        `agent_name` and `agent_id` (`NAME:VERSION`) ask for those in which this agent has written an item.
        """
        wanted, values = "NOT deleted", []
        for given, value in ((_AGENT_NAME, agent_name), (_AGENT_ID, agent_id)):
            if value is not None:
                wanted += f" AND EXISTS (SELECT 1 FROM item WHERE conversation = number AND {given} = ?)"  # noqa: S608 - no user text
                values.append(value)
        rows = self._db.execute(
            f"SELECT number, id, created_at, metadata FROM conversation WHERE {wanted} {bounds.sql('number')}",  # noqa: S608 - no user text
            values,
        ).fetchall()
        found = [Conversation(row[0], row[1], row[2], json.loads(row[3])) for row in rows[: bounds.limit]]
        return found, len(rows) > bounds.limit

    def items(self, number: int, bounds: PageBounds, *, kind: str | None = None) -> tuple[list[StoredItem], bool]:
        """Return a page of items, of one `kind` if that is asked for, and whether there are more."""
        of_kind = "" if kind is None else f"AND {_KIND} = :kind"
        rows = self._db.execute(
            f"SELECT id, body, partly_hidden FROM item WHERE conversation = :number {of_kind} {bounds.sql('position')}",  # noqa: S608 - no user text
            {"number": number, "kind": kind},
        ).fetchall()
        limit = bounds.limit
        return [StoredItem(row[0], row[1], bool(row[2])) for row in rows[:limit]], len(rows) > limit

    def item(self, conversation: Conversation, identifier: str) -> tuple[int, StoredItem] | None:
        """Return an item of the conversation and its position."""
        position = ids.position_in(identifier, conversation.id)
        row = self._db.execute(
            "SELECT id, body, partly_hidden FROM item WHERE conversation = ? AND position = ? AND id = ?",
            (conversation.number, position, identifier),
        ).fetchone()
        if row is None or position is None:
            return None
        return position, StoredItem(row[0], row[1], bool(row[2]))

    def delete_item(self, number: int, position: int) -> None:
        """Delete one item of a conversation."""
        self._db.execute("DELETE FROM item WHERE conversation = ? AND position = ?", (number, position))

    def _insert(self, number: int, conversation: str, start: int, items: Sequence[CheckedItem]) -> list[StoredItem]:
        stored = []
        for position, item in enumerate(items, start):
            identifier = ids.item_id(item.body["type"], conversation, position)
            stored.append(StoredItem(identifier, encode({"id": identifier, **item.body}), item.partly_hidden))
        self._db.executemany(
            "INSERT INTO item VALUES (?, ?, ?, ?, ?)",
            [(number, start + place, item.id, item.partly_hidden, item.body) for place, item in enumerate(stored)],
        )
        return stored

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.touch(mode=0o600)
            db = connect_shared(self._path, timeout=10)
        except (OSError, sqlite3.Error) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise _not_kept(self._path, reason) from error
        try:
            self._prepare(db)
        except sqlite3.Error as error:
            db.close()
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY:
                raise _not_kept(self._path, "it is not writable") from error
            raise UsageError(f"{self._path} is not a sandbox's data file ({error}); name another file.") from error
        except UsageError:
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if application != APPLICATION_ID and tables:
            raise UsageError(f"{self._path} is a database of another program, not a sandbox's data; name another file.")
        db.executescript(
            f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536; {_SCHEMA}"
        )


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes, or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _not_kept(path: Path, reason: str) -> UsageError:
    return UsageError(f"the sandbox cannot keep its data in {path} ({reason}); name another file with --data")
