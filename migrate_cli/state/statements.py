"""The statements that several parts of the store write, and the small values that their rows are made of.

A thread's row is made by whatever names the thread first, so no statement depends on another having come before it.
Pure: it must not touch the file.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from migrate_cli.model import Progress


def with_keys(text: str) -> str:
    """Spell out `<key>` and `<run>`: the integer keys of the thread and the run whose ids are bound there."""
    thread, run = "(SELECT key FROM thread WHERE id = ?)", "(SELECT key FROM run WHERE id = ?)"
    return text.replace("<key>", thread).replace("<run>", run)


SETUP = "INSERT OR REPLACE INTO setup VALUES (?, ?)"
ITEM = (
    "INSERT OR REPLACE INTO item SELECT key, column1, column2, column3, column4, column5, column6 FROM thread, (VALUES "
)
DROP_ITEMS = with_keys("DELETE FROM item WHERE thread = <key> AND idx >= ?")
POSITION = "UPDATE thread SET position = ?, ambiguous = ?, attempts = ?, updated_at = ? WHERE id = ?"
STATE = with_keys("""
INSERT INTO thread (id, state, error_code, error_detail, run, updated_at) VALUES (?, ?, ?, ?, <run>, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, error_code = excluded.error_code,
  error_detail = excluded.error_detail, updated_at = excluded.updated_at""")
FORGET = """
UPDATE thread SET state = 'pending', conversation_id = NULL, position = 0, ambiguous = 0, reason = NULL,
  error_code = NULL, error_detail = NULL, updated_at = ? WHERE id = ?"""
REFUSED = with_keys("INSERT OR REPLACE INTO refused_item VALUES (<key>, ?, ?, ?, ?)")
DROP_REFUSED = with_keys("DELETE FROM refused_item WHERE thread = <key>")
ABANDONED_GONE = "UPDATE abandoned SET deleted_at = ? WHERE conversation_id = ?"
FILE_COLUMNS = (
    "source_file_id", "target_file_id", "kind", "bytes", "sha256", "status", "detail", "filename", "media_type",
    "transcript", "lost_uploads", "lost_as", "updated_at",
)  # fmt: skip
FILE = f"INSERT OR REPLACE INTO file ({', '.join(FILE_COLUMNS)}) VALUES ({', '.join('?' * len(FILE_COLUMNS))})"  # noqa: S608
AGENT_COLUMNS = ("assistant_id", "name", "digest", "version", "status", "updated_at")
AGENT = f"INSERT OR REPLACE INTO agent ({', '.join(AGENT_COLUMNS)}) VALUES ({', '.join('?' * len(AGENT_COLUMNS))})"  # noqa: S608
STORE_COLUMNS = (
    "source_store_id", "target_store_id", "name", "status", "detail", "lost_creates", "lost_at", "updated_at",
)  # fmt: skip
STORE = (
    f"INSERT OR REPLACE INTO vector_store ({', '.join(STORE_COLUMNS)}) VALUES ({', '.join('?' * len(STORE_COLUMNS))})"  # noqa: S608
)
SCRATCH_GONE = "DELETE FROM scratch WHERE conversation_id = ?"
RESTORED = "restored"
"""The reason of a thread that is loaded, as the list of ids says, and whose items' ids are to be learned again."""


def doubts(progress: Progress) -> int:
    """How many sends had an unclear answer; what is in the column `ambiguous`."""
    return max(progress.unclear, int(progress.ambiguous))


@lru_cache(maxsize=16)
def stamp(now: int) -> str:
    """Unix seconds as ISO 8601, UTC."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(value: Any) -> str:
    """Return a value as compact JSON; what JSON does not know as its text."""
    return json.dumps(value, separators=(",", ":"), default=str)
