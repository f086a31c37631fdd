"""Checks a state file without locking it: pages, keys, consistent counts, the list of ids. It changes nothing.

Each check returns the problems that it found, as sentences with counts; an empty list means that there are none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from migrate_cli.bounds import loads
from migrate_cli.model import ThreadState
from migrate_cli.state.opening import map_path

_COUNTS: tuple[tuple[str, str, str], ...] = (
    (
        "positions",
        """SELECT count(*) FROM thread WHERE state <> 'undone' AND position <>
            (SELECT count(*) FROM item WHERE item.thread = thread.key AND idx < thread.position)""",
        "{} threads record a number of items that differs from their rows",
    ),
    (
        "positions",
        "SELECT count(*) FROM item WHERE NOT EXISTS (SELECT 1 FROM thread WHERE thread.key = item.thread)",
        "{} items belong to no thread",
    ),
    (
        "states",
        """SELECT count(*) FROM thread WHERE state IN ('loaded', 'verified', 'differs', 'loading')
            AND conversation_id IS NULL""",
        "{} threads are loaded or in progress but have no conversation",
    ),
    (
        "states",
        """SELECT count(*) FROM thread WHERE state IN ('loaded', 'verified') AND items IS NOT NULL
            AND digest IS NOT NULL AND position < items AND reason IS NOT 'restored'""",
        "{} threads count as loaded but have fewer items than they should",
    ),
    (
        "conversations",
        """SELECT count(*) FROM (SELECT 1 FROM thread WHERE conversation_id IS NOT NULL
            GROUP BY conversation_id HAVING count(*) > 1)""",
        "{} conversations belong to several threads",
    ),
    (
        "conversations",
        "SELECT count(*) FROM (SELECT 1 FROM item GROUP BY item_id HAVING count(*) > 1)",
        "{} items of the target are in several places",
    ),
    (
        "findings",
        """SELECT count(*) FROM thread WHERE findings <>
            (SELECT count(*) FROM thread_finding WHERE thread_finding.thread = thread.key)""",
        "{} threads record a number of findings that differs from their rows",
    ),
)
_LOOSE = ("thread_finding", "aside", "refused_item")


@dataclass(frozen=True, slots=True)
class StateFault:
    """One inconsistency."""

    check: str
    detail: str


def check_file(path: Path) -> list[StateFault]:
    """Run all checks on a state file. Raises sqlite3.Error if it cannot be opened."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as conn:
        conn.execute("BEGIN")
        broken = list(_pages(conn))
        return broken or [fault for check in _CHECKS for fault in check(conn, path)]


def sound(path: Path) -> bool:
    """Whether a file is consistent without its write-ahead log; a copy made during a commit is not."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as conn:
            return not (list(_pages(conn)) or list(_counts(conn, path)))
    except sqlite3.Error:
        return False


def possible_orphans(path: Path) -> int:
    """How many empty conversations, whose ids were lost, may exist at the target."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as conn:
        return int(conn.execute("SELECT count(*) FROM orphan").fetchone()[0])


def _pages(conn: sqlite3.Connection) -> Iterator[StateFault]:
    for (verdict,) in conn.execute("PRAGMA integrity_check(20)"):
        if verdict != "ok":
            yield StateFault("integrity", " ".join(str(verdict).split()))


def _counts(conn: sqlite3.Connection, _: Path) -> Iterator[StateFault]:
    for name, sql, sentence in _COUNTS:
        count = conn.execute(sql).fetchone()[0]
        if count:
            yield StateFault(name, sentence.format(count))


def _states(conn: sqlite3.Connection, _: Path) -> Iterator[StateFault]:
    known = {state.value for state in ThreadState}
    for (state,) in conn.execute("SELECT DISTINCT state FROM thread"):
        if state not in known:
            yield StateFault("states", f"an unknown state: {state}")


def _references(conn: sqlite3.Connection, _: Path) -> Iterator[StateFault]:
    for table in _LOOSE:
        sql = f"SELECT count(*) FROM {table} WHERE thread IS NOT NULL AND thread NOT IN (SELECT key FROM thread)"  # noqa: S608
        count = conn.execute(sql).fetchone()[0]
        if count:
            yield StateFault("references", f"{count} rows of {table} belong to no thread")


def _second_copy(conn: sqlite3.Connection, path: Path) -> Iterator[StateFault]:
    """Check that the list of ids, which is written first, has every conversation of the file."""
    listed = map_path(path)
    missing = conn.execute("SELECT count(*) FROM thread WHERE conversation_id IS NOT NULL").fetchone()[0]
    if not listed.is_file():
        if missing:
            yield StateFault("second copy", f"{listed.name} is missing; the next apply writes it again")
        return
    conn.execute("CREATE TEMP TABLE listed (conversation_id TEXT PRIMARY KEY, thread_id TEXT) WITHOUT ROWID")
    conn.executemany("INSERT OR REPLACE INTO listed VALUES (?, ?)", _lines(listed))
    lost = conn.execute(
        """SELECT count(*) FROM thread LEFT JOIN listed USING (conversation_id)
        WHERE thread.conversation_id IS NOT NULL AND listed.thread_id IS NOT thread.id"""
    ).fetchone()[0]
    if lost:
        yield StateFault("second copy", f"{listed.name} lacks {lost} conversations, or names other threads for them")


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        for raw in file:
            try:
                line = loads(raw)
                yield line["conversation_id"], line["thread_id"]
            except (ValueError, KeyError, TypeError):
                continue


_CHECKS: tuple[Callable[[sqlite3.Connection, Path], Iterator[StateFault]], ...] = (
    _counts,
    _states,
    _references,
    _second_copy,
)
