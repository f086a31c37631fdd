"""Stores vector stores and the files in them, on the connection of a `Store`. Indexing goes on a step at each look.

A file is `in_progress` for so many looks at it or at its store, and then what it was attached to become: no clock is
needed, so that whoever waits for it can be tested without time. Every method is one transaction.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox import ids
from migrate_cli.sandbox.encoding import encode_any
from migrate_cli.sandbox.store import transaction
from migrate_cli.sandbox.vector_store_rules import CheckedStore, CheckedStoreFile

NEVER = -1
"""Looks until the end of an indexing that has none."""
DAY = 86_400
STATUSES = ("in_progress", "completed", "failed", "cancelled")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vector_store (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    metadata TEXT NOT NULL,
    days INTEGER,
    last_active_at INTEGER NOT NULL,
    expired INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS vector_store_file (
    number INTEGER PRIMARY KEY,
    store INTEGER NOT NULL,
    file TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    status TEXT NOT NULL,
    looks INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT,
    chunking TEXT NOT NULL,
    attributes TEXT NOT NULL,
    batch TEXT,
    UNIQUE (store, file)
);
CREATE TABLE IF NOT EXISTS vector_store_batch (
    id TEXT PRIMARY KEY,
    store INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
"""
_STORE = "SELECT number, id, created_at, name, description, metadata, days, last_active_at, expired FROM vector_store"
_FILE = "SELECT number, file, created_at, bytes, status, error, chunking, attributes FROM vector_store_file"


@dataclass(frozen=True, slots=True)
class StoredVectorStore:
    """One vector store. Times are Unix seconds."""

    number: int
    id: str
    created_at: int
    name: str
    description: str | None
    metadata: dict[str, str]
    days: int | None
    last_active_at: int
    expired: bool


@dataclass(frozen=True, slots=True)
class StoredVectorFile:
    """One file in a vector store, by the id of the file."""

    number: int
    id: str
    created_at: int
    bytes: int
    status: str
    error: JsonObject | None
    chunking: JsonObject
    attributes: JsonObject


@dataclass(frozen=True, slots=True)
class Indexing:
    """How the indexing of a file goes: after so many looks it is `outcome`, with the error of one that failed."""

    looks: int = 1
    outcome: str = "completed"
    error: JsonObject | None = None


class VectorStoreTable:
    """Reads and writes vector stores. An instance must be used by one thread at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)

    def add(
        self,
        checked: CheckedStore,
        *,
        identifier: str | None = None,
        created_at: int | None = None,
        expired: bool = False,
    ) -> StoredVectorStore:
        """Make a store, without its files. The rest is for one that is known from elsewhere."""
        now = int(time.time())
        cursor = self._db.execute(
            "INSERT INTO vector_store (id, created_at, name, description, metadata, days, last_active_at, expired) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                identifier or ids.vector_store_id(),
                created_at or now,
                checked.name,
                checked.description,
                encode_any(checked.metadata).decode(),
                checked.days,
                now,
                expired,
            ),
        )
        return self._one("number = ?", cursor.lastrowid)

    def get(self, identifier: str) -> StoredVectorStore | None:
        """Return a store unless it is unknown or deleted."""
        row = self._db.execute(f"{_STORE} WHERE id = ? AND NOT deleted", (identifier,)).fetchone()
        return None if row is None else _store(row)

    def change(self, number: int, changes: JsonObject) -> StoredVectorStore:
        """Change the name, the days or the metadata."""
        if "metadata" in changes:
            changes = {**changes, "metadata": encode_any(changes["metadata"]).decode()}
        with transaction(self._db):
            for name in ("name", "days", "metadata"):
                if name in changes:
                    sql = f"UPDATE vector_store SET {name} = ? WHERE number = ?"  # noqa: S608 - a constant
                    self._db.execute(sql, (changes[name], number))
        return self._one("number = ?", number)

    def touch(self, number: int) -> None:
        """Note that a store was used."""
        now = int(time.time())
        self._db.execute("UPDATE vector_store SET last_active_at = ? WHERE number = ?", (now, number))

    def delete(self, number: int) -> None:
        """Delete a store; its files stay where files are."""
        with transaction(self._db):
            self._db.execute("DELETE FROM vector_store_file WHERE store = ?", (number,))
            self._db.execute("DELETE FROM vector_store_batch WHERE store = ?", (number,))
            self._db.execute("UPDATE vector_store SET deleted = 1 WHERE number = ?", (number,))

    def was_deleted(self, identifier: str) -> bool:
        """Whether there was such a store once."""
        sql = "SELECT 1 FROM vector_store WHERE id = ? AND deleted"
        return self._db.execute(sql, (identifier,)).fetchone() is not None

    def page(
        self, *, after: int | None, before: int | None, limit: int, descending: bool
    ) -> tuple[list[StoredVectorStore], bool]:
        """Return up to `limit` stores between two numbers, and whether there are more in that direction."""
        sql = f"{_STORE}{_PAGE[descending]}".replace("WHERE", "WHERE NOT deleted AND")
        rows = self._db.execute(sql, (*_between(after, before, descending), limit + 1)).fetchall()
        return [_store(row) for row in rows[:limit]], len(rows) > limit

    # ---- files

    def attach(
        self, number: int, files: Iterable[tuple[CheckedStoreFile, int, Indexing]], batch: str | None = None
    ) -> None:
        """Put files into a store, each with its bytes; one that is there already stays as it is."""
        now = int(time.time())
        with transaction(self._db):
            if batch is not None:
                self._db.execute("INSERT INTO vector_store_batch VALUES (?, ?, ?)", (batch, number, now))
            for file, size, indexing in files:
                status = "in_progress" if indexing.looks else indexing.outcome
                self._db.execute(
                    "INSERT OR IGNORE INTO vector_store_file (store, file, created_at, bytes, status, looks, outcome, "
                    "error, chunking, attributes, batch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        number,
                        file.file_id,
                        now,
                        size,
                        status,
                        indexing.looks,
                        indexing.outcome,
                        None if indexing.error is None else json.dumps(indexing.error),
                        json.dumps(file.chunking),
                        encode_any(file.attributes).decode(),
                        batch,
                    ),
                )
            self._db.execute("UPDATE vector_store SET last_active_at = ? WHERE number = ?", (now, number))

    def look(self, number: int) -> None:
        """Let the indexing of a store go on by one step."""
        with transaction(self._db):
            self._db.execute(
                "UPDATE vector_store_file SET looks = looks - 1 "
                "WHERE store = ? AND status = 'in_progress' AND looks > 0",
                (number,),
            )
            self._db.execute(
                "UPDATE vector_store_file SET status = outcome "
                "WHERE store = ? AND status = 'in_progress' AND looks = 0",
                (number,),
            )

    def counts(self, number: int, batch: str | None = None) -> tuple[dict[str, int], int]:
        """Return how many files of a store, or of a batch, have each status, and the bytes of those that are ready."""
        sql = """SELECT status, count(*), sum(iif(status = 'completed', bytes, 0)) FROM vector_store_file
            WHERE store = ?1 AND (?2 IS NULL OR batch = ?2) GROUP BY status"""
        counts, used = dict.fromkeys(STATUSES, 0), 0
        for status, count, size in self._db.execute(sql, (number, batch)):
            counts[status] = count
            used += size
        return counts | {"total": sum(counts.values())}, used

    def file(self, number: int, file_id: str) -> StoredVectorFile | None:
        """Return a file of a store."""
        row = self._db.execute(f"{_FILE} WHERE store = ? AND file = ?", (number, file_id)).fetchone()
        return None if row is None else _file(row)

    def files(
        self,
        number: int,
        *,
        after: int | None,
        before: int | None,
        limit: int,
        descending: bool,
        status: str | None = None,
        batch: str | None = None,
    ) -> tuple[list[StoredVectorFile], bool]:
        """Return up to `limit` files of a store, of a status or of a batch, and whether there are more."""
        sql = f"{_FILE}{_PAGE[descending]}".replace(
            "WHERE", "WHERE store = ?4 AND (?5 IS NULL OR status = ?5) AND (?6 IS NULL OR batch = ?6) AND"
        )
        between = _between(after, before, descending)
        rows = self._db.execute(sql, (*between, limit + 1, number, status, batch)).fetchall()
        return [_file(row) for row in rows[:limit]], len(rows) > limit

    def ready(self, number: int) -> Iterator[StoredVectorFile]:
        """Yield the files of a store that can be searched."""
        rows = self._db.execute(
            f"{_FILE} WHERE store = ? AND status = 'completed' ORDER BY number", (number,)
        ).fetchall()
        return map(_file, rows)

    def set_attributes(self, number: int, attributes: JsonObject) -> None:
        """Replace a file's attributes."""
        row = (encode_any(attributes).decode(), number)
        self._db.execute("UPDATE vector_store_file SET attributes = ? WHERE number = ?", row)

    def detach(self, number: int) -> None:
        """Take a file out of its store."""
        self._db.execute("DELETE FROM vector_store_file WHERE number = ?", (number,))

    def batch(self, number: int, identifier: str) -> int | None:
        """Return when a batch of a store was made, or None."""
        sql = "SELECT created_at FROM vector_store_batch WHERE store = ? AND id = ?"
        row = self._db.execute(sql, (number, identifier)).fetchone()
        return None if row is None else int(row[0])

    def cancel(self, number: int, batch: str) -> None:
        """Cancel what of a batch is not indexed yet."""
        self._db.execute(
            "UPDATE vector_store_file SET status = 'cancelled' "
            "WHERE store = ? AND batch = ? AND status = 'in_progress'",
            (number, batch),
        )

    def _one(self, condition: str, *values: object) -> StoredVectorStore:
        return _store(self._db.execute(f"{_STORE} WHERE {condition}", values).fetchone())


_PAGE = {
    descending: " WHERE (?1 IS NULL OR number > ?1) AND (?2 IS NULL OR number < ?2) "
    f"ORDER BY number {'DESC' if descending else 'ASC'} LIMIT ?3"
    for descending in (False, True)
}


def _between(after: int | None, before: int | None, descending: bool) -> tuple[int | None, int | None]:
    """The numbers that bound a page: in a descending list, what comes after has lower ones."""
    return (before, after) if descending else (after, before)


def _store(row: tuple[Any, ...]) -> StoredVectorStore:
    number, identifier, created_at, name, description, metadata, days, last_active_at, expired = row
    over = isinstance(days, int) and isinstance(last_active_at, int) and time.time() > last_active_at + days * DAY
    return StoredVectorStore(
        number, identifier, created_at, name, description, json.loads(str(metadata)), days, last_active_at,
        bool(expired) or over,
    )  # fmt: skip


def _file(row: tuple[Any, ...]) -> StoredVectorFile:
    number, identifier, created_at, size, status, error, chunking, attributes = row
    return StoredVectorFile(
        number, identifier, created_at, size, status,
        None if error is None or status != "failed" else json.loads(str(error)),
        json.loads(str(chunking)),
        json.loads(str(attributes)),
    )  # fmt: skip
