"""Merges the data files of sandboxes, for a rehearsal that ran in shards with a sandbox each.

Ids are random, so no id means different things in two files. Responses are not merged: what was replayed in a shard
stays there. No server may be running on either file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from migrate_cli.errors import UsageError
from migrate_cli.sandbox.store import Store

# A conversation that both have is taken again where theirs has gone on: a shard that was merged before it was done.
_MOVES = """
CREATE TEMP TABLE moved AS
SELECT theirs.number AS old, ours.number AS new FROM part.conversation AS theirs
LEFT JOIN main.conversation AS ours ON ours.id = theirs.id
WHERE ours.number IS NULL OR ours.deleted < theirs.deleted OR
  (SELECT count(*) FROM part.item WHERE item.conversation = theirs.number) >
  (SELECT count(*) FROM main.item WHERE item.conversation = ours.number);
DELETE FROM main.item WHERE conversation IN (SELECT new FROM moved);
DELETE FROM main.conversation WHERE number IN (SELECT new FROM moved);
UPDATE moved SET new = old + (SELECT coalesce(max(number), 0) FROM main.conversation) WHERE new IS NULL;
INSERT INTO main.conversation (number, id, created_at, metadata, deleted)
  SELECT new, id, created_at, metadata, deleted FROM part.conversation JOIN moved ON old = number;
INSERT INTO main.item (conversation, position, id, partly_hidden, body)
  SELECT new, position, id, partly_hidden, body FROM part.item JOIN moved ON old = conversation
  ORDER BY new, position;
CREATE TEMP TABLE sent AS
SELECT number AS old, number + (SELECT coalesce(max(number), 0) FROM main.file) AS new FROM part.file
WHERE id NOT IN (SELECT id FROM main.file);
INSERT INTO main.file (number, id, created_at, expires_at, purpose, filename, bytes)
  SELECT new, id, created_at, expires_at, purpose, filename, bytes FROM part.file JOIN sent ON old = number;
INSERT INTO main.file_chunk (file, place, data)
  SELECT new, place, data FROM part.file_chunk JOIN sent ON old = file;
DROP TABLE moved;
DROP TABLE sent;
"""


def join_sandboxes(parts: Sequence[Path], into: Path) -> None:
    """Put the conversations and files of sandboxes into another; may be repeated. Raises UsageError for odd files."""
    store = Store(into)
    try:
        for part in parts:
            # Opened as its own, once: that checks it, and folds what a killed server left in its log.
            Store(part).close()
            _join(store.connection, part)
    except sqlite3.Error as error:
        raise UsageError(f"the sandboxes of the shards cannot be joined in {into}: {error}") from error
    finally:
        store.close()


def _join(conn: sqlite3.Connection, part: Path) -> None:
    conn.execute("ATTACH ? AS part", (str(part),))
    try:
        conn.executescript(f"BEGIN IMMEDIATE; {_MOVES} COMMIT;")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
    finally:
        conn.execute("DETACH part")
