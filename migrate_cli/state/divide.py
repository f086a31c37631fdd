"""Begins the state file of one shard with what the whole state file knows of its threads: the opposite of a merge.

A shard that knows what is loaded does not load it again, whatever number of shards loaded it before. The whole file is
read and never changed; what belongs to no thread (results of replays, orphans, what was given up) stays there alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from migrate_cli.errors import StateError
from migrate_cli.sources.interface import shard_of
from migrate_cli.state import opening
from migrate_cli.state.runs import SHARD

_OF_THREADS = ("item", "thread_finding", "aside", "refused_item")
_WHOLE = ("run", "file", "file_copy", "vector_store", "vector_store_file")
"""What belongs to all threads: uploads that need not be made again, and how earlier runs ended."""
_SORT = (
    "CREATE TEMP TABLE sorted (shard INTEGER NOT NULL, key INTEGER NOT NULL, PRIMARY KEY (shard, key)) WITHOUT ROWID"
)


def folder_of(state: Path) -> Path:
    """Where the shards of a state file lie while they run."""
    return state.with_name(state.name + ".shards")


def refuse_leftovers(state: Path) -> None:
    """Raise StateError where shards appeared before a state file was locked that had none; ask with it locked."""
    if folder_of(state).is_dir():
        raise StateError(
            f"{folder_of(state)} holds shards of {state} that another run has just begun; run the same command again.",
            code="shards-unjoined",
        )


def divide(whole: Path, parts: Sequence[Path]) -> None:
    """Make one state file for each shard, the I-th of `parts` for shard I. None of them may exist.

    Raises StateError for a place that cannot hold one.
    """
    for part in parts:
        opening.check_place(part, create=True)
        opening.connect(part).close()
    try:
        with closing(sqlite3.connect(":memory:", isolation_level=None, uri=True)) as conn:
            conn.execute("ATTACH ? AS whole", (f"{whole.resolve().as_uri()}?mode=ro",))
            conn.execute(_SORT)
            conn.create_function("shard", 1, lambda thread_id: shard_of(thread_id, len(parts)), deterministic=True)
            conn.execute("INSERT INTO temp.sorted SELECT shard(id), key FROM whole.thread")
            for number, part in enumerate(parts, 1):
                conn.execute("ATTACH ? AS part", (str(part),))
                _fill(conn, number, len(parts))
                conn.execute("DETACH part")
    except sqlite3.Error as error:
        raise opening.translate(error, whole) from error


def _fill(conn: sqlite3.Connection, number: int, total: int) -> None:
    """Copy in one transaction: a part that is cut off holds nothing."""
    mine = f"SELECT key FROM temp.sorted WHERE shard = {number:d}"  # noqa: S608 - a number
    conn.execute("BEGIN IMMEDIATE")
    _copy(conn, "thread", f"key IN ({mine})")
    for table in _OF_THREADS:
        _copy(conn, table, f"thread IN ({mine})")
    for table in _WHOLE:
        _copy(conn, table, "1")
    _copy(conn, "setup", f"key <> '{SHARD}'")
    conn.execute("INSERT INTO part.setup VALUES (?, ?)", (SHARD, f"{number}/{total}"))
    conn.execute("COMMIT")


def _copy(conn: sqlite3.Connection, table: str, some: str) -> None:
    names = ", ".join(row[1] for row in conn.execute(f"PRAGMA whole.table_info({table})"))
    conn.execute(f"INSERT INTO part.{table} ({names}) SELECT {names} FROM whole.{table} WHERE {some}")  # noqa: S608
