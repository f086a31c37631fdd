"""Stores responses, and the items that a turn adds to its conversation, on the connection of a `Store`.

Every method is one transaction, committed before it returns.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.encoding import encode
from migrate_cli.sandbox.store import StoredItem, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS response (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    previous TEXT,
    conversation INTEGER,
    start INTEGER NOT NULL,
    body BLOB NOT NULL,
    input BLOB NOT NULL,
    output BLOB NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS response_tail ON response (substr(id, -16));
"""
_COLUMNS = "id, previous, conversation, start, body, input, output, deleted"


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """One response with its input and output items; `body` is the response object without its output."""

    id: str
    previous: str | None
    conversation: int | None
    """The number of the conversation that it was in."""
    start: int
    """The position of its first item in that conversation."""
    body: JsonObject
    input: list[JsonObject]
    output: list[JsonObject]
    deleted: bool = False


class ResponseStore:
    """Reads and writes responses. One instance belongs to one thread at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)

    def next_position(self, conversation: int) -> int:
        """The position that the next item of a conversation gets."""
        (last,) = self._db.execute("SELECT max(position) FROM item WHERE conversation = ?", (conversation,)).fetchone()
        return 0 if last is None else int(last) + 1

    def bodies(self, conversation: int, *, before: int | None = None) -> Iterator[bytes]:
        """Yield the JSON of a conversation's items in order: all, or those before a position."""
        condition = "" if before is None else f"AND position < {before:d}"
        query = f"SELECT body FROM item WHERE conversation = ? {condition} ORDER BY position"  # noqa: S608 - a number
        for (body,) in self._db.execute(query, (conversation,)):
            yield body

    def add_turn(
        self, response: StoredResponse | None, conversation: int | None, start: int, items: Sequence[StoredItem]
    ) -> None:
        """Store a response (if given) and put items into a conversation from position `start` on, all or nothing."""
        rows = [
            (conversation, start + place, each.id, each.partly_hidden, each.body) for place, each in enumerate(items)
        ]
        with transaction(self._db):
            if response is not None:
                self._add(response)
            self._db.executemany("INSERT INTO item VALUES (?, ?, ?, ?, ?)", rows)

    def response(self, identifier: str) -> StoredResponse | None:
        """Return a stored response, also one that was deleted."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM response WHERE id = ?", (identifier,)).fetchone()  # noqa: S608
        return row and _response(row)

    def response_of_item(self, item: str) -> StoredResponse | None:
        """Return the response outside of conversations that an item belongs to, which its id tells."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM response WHERE substr(id, -16) = ? AND NOT deleted",  # noqa: S608 - no user text
            (item[-16:],),
        ).fetchone()
        return row and _response(row)

    def delete(self, identifier: str) -> None:
        """Mark a response as deleted; responses that follow it keep their history."""
        self._db.execute("UPDATE response SET deleted = 1 WHERE id = ?", (identifier,))

    def _add(self, response: StoredResponse) -> None:
        parts = [encode(part) for part in (response.body, response.input, response.output)]
        self._db.execute(
            "INSERT INTO response (id, previous, conversation, start, body, input, output) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (response.id, response.previous, response.conversation, response.start, *parts),
        )


def _response(row: tuple[str, str | None, int | None, int, bytes, bytes, bytes, int]) -> StoredResponse:
    body, given, output = (json.loads(part) for part in row[4:7])
    return StoredResponse(row[0], row[1], row[2], row[3], body, given, output, bool(row[7]))
