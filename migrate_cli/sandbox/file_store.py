"""Stores uploaded files, in chunks, on the connection of a `Store`.

Every method is one transaction, committed before it returns.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass

from migrate_cli.sandbox import ids
from migrate_cli.sandbox.choices import FileIdCheck
from migrate_cli.sandbox.rules import KnownFile
from migrate_cli.sandbox.store import transaction

CHUNK = 1024 * 1024
"""Bytes of a file's content in one row."""


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


class FileStore:
    """Reads and writes files. An instance must be used by one thread at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def known_file(self, check: FileIdCheck) -> KnownFile:
        """Return what tells whether items may name a file id."""
        return lambda identifier: check is FileIdCheck.ANY or self.get(identifier) is not None

    def add(
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
        with transaction(self._db):
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

    def get(self, identifier: str) -> StoredFile | None:
        """Return a file unless it is unknown or deleted."""
        row = self._db.execute(
            "SELECT number, id, created_at, expires_at, purpose, filename, bytes FROM file WHERE id = ?", (identifier,)
        ).fetchone()
        return row and StoredFile(*row)

    def page(
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

    def delete(self, number: int) -> None:
        """Delete a file and its content."""
        with transaction(self._db):
            self._db.execute("DELETE FROM file_chunk WHERE file = ?", (number,))
            self._db.execute("DELETE FROM file WHERE number = ?", (number,))
