"""Reads a sandbox's data file directly, bypassing HTTP, for checks that must not trust the server.

It is read-only, and safe to use while the server runs.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from migrate_cli.model import JsonObject


def read_conversations(path: Path, *, deleted: bool = True) -> Iterator[tuple[str, dict[str, str], list[JsonObject]]]:
    """Yield every conversation in the order of creation: its id, its metadata and its items in order.

    With `deleted` (the default) also those that were deleted, whose items stay behind. Each conversation is read whole.
    """
    condition = "" if deleted else "WHERE NOT deleted"
    with closing(_open(path)) as db:
        conversations = db.execute(f"SELECT number, id, metadata FROM conversation {condition} ORDER BY number")  # noqa: S608
        for number, identifier, metadata in conversations:
            rows = db.execute("SELECT body FROM item WHERE conversation = ? ORDER BY position", (number,))
            yield identifier, json.loads(metadata), [json.loads(body) for (body,) in rows]


def read_deleted(path: Path) -> set[str]:
    """The ids of the conversations that were deleted."""
    with closing(_open(path)) as db:
        return {identifier for (identifier,) in db.execute("SELECT id FROM conversation WHERE deleted")}


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
