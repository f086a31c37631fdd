"""Stores the source side: threads, messages, runs, steps and assistants as wire objects, in the sandbox's data file.

It keeps objects in the order of insertion, which is the server's order. It must not interpret them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.encoding import encode_any
from migrate_cli.sandbox.store import transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS source_object (
    kind TEXT NOT NULL,
    parent TEXT NOT NULL,
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, parent, position)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS source_object_id ON source_object (kind, parent, id);
"""


class SourceKind(StrEnum):
    """What a stored object is. Its parent is the thread's id, for a step `THREAD/RUN`, else empty."""

    THREAD = "thread"
    MESSAGE = "message"
    RUN = "run"
    STEP = "step"
    ASSISTANT = "assistant"


class AssistantsStore:
    """The tables of the source side, over the connection of a `Store`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)

    @contextmanager
    def replacing(self) -> Iterator[None]:
        """Forget everything, and put in what the block does, as one transaction."""
        with transaction(self._db):
            self._db.execute("DELETE FROM source_object")
            yield

    def put(self, kind: SourceKind, parent: str, objects: Iterable[JsonObject], *, start: int = 0) -> int:
        """Store objects in order, the first at position `start`; return how many there were."""
        before = self._db.total_changes
        self._db.executemany(
            "INSERT INTO source_object VALUES (?, ?, ?, ?, ?)",
            (
                (kind.value, parent, position, str(each["id"]), encode_any(each))
                for position, each in enumerate(objects, start)
            ),
        )
        return self._db.total_changes - before

    def get(self, kind: SourceKind, parent: str, identifier: str) -> JsonObject | None:
        """Return one object."""
        row = self._db.execute(
            "SELECT body FROM source_object WHERE kind = ? AND parent = ? AND id = ?", (kind.value, parent, identifier)
        ).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def position(self, kind: SourceKind, parent: str, identifier: str) -> int | None:
        """Return an object's place in its list."""
        row = self._db.execute(
            "SELECT position FROM source_object WHERE kind = ? AND parent = ? AND id = ?",
            (kind.value, parent, identifier),
        ).fetchone()
        return None if row is None else int(row[0])

    def page(
        self, kind: SourceKind, parent: str, *, after: int | None, before: int | None, limit: int, descending: bool
    ) -> tuple[list[JsonObject], bool]:
        """Return up to `limit` objects between two positions, and whether there are more in that direction."""
        if descending:
            after, before = before, after
        rows = self._db.execute(
            "SELECT body FROM source_object WHERE kind = ?1 AND parent = ?2 "  # noqa: S608 - no user text
            "AND (?3 IS NULL OR position > ?3) AND (?4 IS NULL OR position < ?4) "
            f"ORDER BY position {'DESC' if descending else 'ASC'} LIMIT ?5",
            (kind.value, parent, after, before, limit + 1),
        ).fetchall()
        return [json.loads(row[0]) for row in rows[:limit]], len(rows) > limit

    def delete_thread(self, identifier: str) -> bool:
        """Delete a thread and all that belongs to it; False where there is none."""
        found = self._db.execute("DELETE FROM source_object WHERE kind = 'thread' AND id = ?", (identifier,)).rowcount
        self._db.execute("DELETE FROM source_object WHERE kind IN ('message', 'run') AND parent = ?", (identifier,))
        self._db.execute("DELETE FROM source_object WHERE kind = 'step' AND parent LIKE ? || '/%'", (identifier,))
        return found > 0
