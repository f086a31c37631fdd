"""Stores conversations, items and files in one SQLite file.

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

from migrate_cli.errors import UsageError
from migrate_cli.sandbox import ids
from migrate_cli.sandbox.encoding import encode
from migrate_cli.sandbox.rules import CheckedItem

APPLICATION_ID = 0x6D637362
"""Marks the file as a sandbox's ("mcsb"), so that no other database is ever written to."""

CHUNK = 1024 * 1024
"""Bytes of a file's content in one row."""

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


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One uploaded file, without its content. Times are Unix seconds."""

    number: int
    id: str
    created_at: int
    expires_at: int | None
    purpose: str
    filename: str
    bytes: int


class Store:
    """Opens or creates the file at `path`. Raises UsageError when it cannot be used as a sandbox's data."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # The server runs in one thread, but a caller may open and close the store in another.
        self._db = self._open()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open database, for the tables of the source side and of responses."""
        return self._db

    def close(self) -> None:
        """Checkpoint the write-ahead log and close the file."""
        self._db.close()

    def create_conversation(self, metadata: dict[str, str], items: Sequence[CheckedItem]) -> Conversation:
        """Create a conversation and its first items in one transaction."""
        identifier, now = ids.conversation_id(), int(time.time())
        with self._transaction():
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
        with self._transaction():
            (last,) = self._db.execute(
                "SELECT max(position) FROM item WHERE conversation = ?", (conversation.number,)
            ).fetchone()
            return self._insert(conversation.number, conversation.id, 0 if last is None else last + 1, items)

    def items(self, number: int, *, after: int | None, limit: int, descending: bool) -> tuple[list[StoredItem], bool]:
        """Return up to `limit` items beyond the position `after`, and whether there are more."""
        beyond, direction = ("<", "DESC") if descending else (">", "ASC")
        condition = "" if after is None else f"AND position {beyond} {after:d}"
        rows = self._db.execute(
            f"SELECT id, body, partly_hidden FROM item WHERE conversation = ? {condition} "  # noqa: S608 - no user text
            f"ORDER BY position {direction} LIMIT ?",
            (number, limit + 1),
        ).fetchall()
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

    def add_file(
        self,
        purpose: str,
        filename: str,
        expires_after: int | None,
        chunks: Iterator[bytes],
        *,
        identifier: str | None = None,
        created_at: int | None = None,
        size: int | None = None,
    ) -> StoredFile:
        """Store a file; the content is taken in chunks of at most `CHUNK` bytes.

        The rest is for files whose facts are known from elsewhere: `size` counts where there is no content.
        """
        now, told, size = created_at or int(time.time()), size or 0, 0
        expires_at = None if expires_after is None else now + expires_after
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO file (id, created_at, expires_at, purpose, filename, bytes) VALUES (?, ?, ?, ?, ?, 0)",
                (identifier := identifier or ids.file_id(), now, expires_at, purpose, filename),
            )
            number = cursor.lastrowid or 0
            for place, chunk in enumerate(chunks):
                self._db.execute("INSERT INTO file_chunk VALUES (?, ?, ?)", (number, place, chunk))
                size += len(chunk)
            size = size or told
            self._db.execute("UPDATE file SET bytes = ? WHERE number = ?", (size, number))
        return StoredFile(number, identifier, now, expires_at, purpose, filename, size)

    def file(self, identifier: str) -> StoredFile | None:
        """Return a file unless it is unknown or deleted."""
        row = self._db.execute(
            "SELECT number, id, created_at, expires_at, purpose, filename, bytes FROM file WHERE id = ?", (identifier,)
        ).fetchone()
        return row and StoredFile(*row)

    def files(
        self, *, purpose: str | None, after: int | None, limit: int, descending: bool
    ) -> tuple[list[StoredFile], bool]:
        """Return up to `limit` files beyond the file numbered `after`, and whether there are more."""
        beyond, direction = ("<", "DESC") if descending else (">", "ASC")
        rows = self._db.execute(
            "SELECT number, id, created_at, expires_at, purpose, filename, bytes FROM file "  # noqa: S608 - no user text
            f"WHERE (?1 IS NULL OR purpose = ?1) AND (?2 IS NULL OR number {beyond} ?2) "
            f"ORDER BY number {direction} LIMIT ?3",
            (purpose, after, limit + 1),
        ).fetchall()
        return [StoredFile(*row) for row in rows[:limit]], len(rows) > limit

    def has_content(self, number: int) -> bool:
        """Whether any content of the file is here."""
        return self._db.execute("SELECT 1 FROM file_chunk WHERE file = ? LIMIT 1", (number,)).fetchone() is not None

    def content(self, number: int) -> Iterator[bytes]:
        """Yield a file's content in chunks."""
        for (chunk,) in self._db.execute("SELECT data FROM file_chunk WHERE file = ? ORDER BY place", (number,)):
            yield chunk

    def delete_file(self, number: int) -> None:
        """Delete a file and its content."""
        with self._transaction():
            self._db.execute("DELETE FROM file_chunk WHERE file = ?", (number,))
            self._db.execute("DELETE FROM file WHERE number = ?", (number,))

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

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.touch(mode=0o600)
            db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=10)
        except (OSError, sqlite3.Error) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise UsageError(
                f"the sandbox cannot keep its data in {self._path} ({reason}); name another file with --data"
            ) from error
        try:
            self._prepare(db)
        except sqlite3.Error as error:
            db.close()
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
