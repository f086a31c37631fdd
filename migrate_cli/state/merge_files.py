"""What several shards know of the same files. Each shard has uploaded for itself, and its threads name its own uploads.

The destination's own row of a file stays; where another file says otherwise, its row stands aside under an origin, and
its threads bear that origin. No id of an upload is lost, and every thread is converted again as it was loaded.
It works inside the transaction of `merge_rows`, which has made the temporary table `origins`.
"""

from __future__ import annotations

import sqlite3

FACTS = (
    "target_file_id",
    "kind",
    "bytes",
    "sha256",
    "status",
    "detail",
    "filename",
    "media_type",
    "transcript",
    "lost_uploads",
    "lost_as",
)
"""What makes two rows of one file differ; when they were written does not."""
_ROW = ("source_file_id", *FACTS, "updated_at")
_NAMES = ", ".join(_ROW)
_ALIKE = " AND ".join(f"f.{name} IS p.{name}" for name in FACTS)
# What the threads of one origin go by: the rows that stand aside for it, and the file's own where there is none.
_EFFECTIVE = f"""
SELECT {_NAMES} FROM file_copy WHERE origin = ?1
UNION ALL
SELECT {_NAMES} FROM file WHERE NOT EXISTS
  (SELECT 1 FROM file_copy AS c WHERE c.origin = ?1 AND c.source_file_id = file.source_file_id)"""  # noqa: S608
_COMPARED = ", ".join(("source_file_id", *FACTS))


def join_files(into: sqlite3.Connection, source: sqlite3.Connection) -> None:
    """Put the rows of files into the destination, and fill `origins`: what each origin of the file is called there."""
    into.execute("CREATE TEMP TABLE IF NOT EXISTS aside_file AS SELECT * FROM main.file WHERE 0")
    origins = [row[0] for row in source.execute("SELECT DISTINCT origin FROM file_copy ORDER BY origin")]
    for origin in (0, *origins):
        into.execute("DELETE FROM temp.aside_file")
        marks = ", ".join("?" * len(_ROW))
        into.executemany(
            f"INSERT INTO temp.aside_file ({_NAMES}) VALUES ({marks})",  # noqa: S608 - columns
            source.execute(_EFFECTIVE, (origin,)),
        )
        if origin == 0:
            into.execute(f"INSERT OR IGNORE INTO main.file ({_NAMES}) SELECT {_NAMES} FROM temp.aside_file")  # noqa: S608
        into.execute(
            f"""DELETE FROM temp.aside_file AS f WHERE EXISTS
            (SELECT 1 FROM main.file AS p WHERE p.source_file_id = f.source_file_id AND {_ALIKE})"""  # noqa: S608
        )
        into.execute("INSERT INTO temp.origins VALUES (?, ?)", (origin, _origin(into)))


def _origin(into: sqlite3.Connection) -> int | None:
    """The origin under which exactly the rows at hand stand aside; made where there is none yet. None for no rows."""
    if into.execute("SELECT 1 FROM temp.aside_file LIMIT 1").fetchone() is None:
        return None
    known = [row[0] for row in into.execute("SELECT DISTINCT origin FROM main.file_copy ORDER BY origin")]
    at_hand = f"SELECT {_COMPARED} FROM temp.aside_file"  # noqa: S608 - columns
    for origin in known:
        there = f"SELECT {_COMPARED} FROM main.file_copy WHERE origin = {origin:d}"  # noqa: S608 - a number
        differ = f"SELECT 1 FROM ({at_hand} EXCEPT {there}) UNION ALL SELECT 1 FROM ({there} EXCEPT {at_hand}) LIMIT 1"  # noqa: S608
        if into.execute(differ).fetchone() is None:
            return int(origin)
    fresh = max(known, default=0) + 1
    into.execute(
        f"INSERT INTO main.file_copy (origin, {_NAMES}) SELECT {fresh:d}, {_NAMES} FROM temp.aside_file"  # noqa: S608
    )
    return fresh
