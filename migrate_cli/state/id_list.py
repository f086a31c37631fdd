"""What the list of ids next to a state file says of it, and what a state file takes up from its list.

A row that must outlive the state file bears a line of the list (see `lines.py`). Pure: it must not touch either file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from migrate_cli.state.lines import FactLine, IdLine, Line
from migrate_cli.state.statements import (
    ABANDONED_GONE,
    AGENT,
    AGENT_COLUMNS,
    DROP_ITEMS,
    DROP_REFUSED,
    FILE,
    FILE_COLUMNS,
    FORGET,
    REFUSED,
    RESTORED,
    SCRATCH_GONE,
    SETUP,
    STATE,
    STORE,
    STORE_COLUMNS,
    stamp,
)
from migrate_cli.state.writer import PendingWrite

_TAKE_UP = """
INSERT INTO thread (id, state, conversation_id, ambiguous, updated_at) VALUES (?, 'loading', ?, 1, ?)
ON CONFLICT (id) DO UPDATE SET state = 'loading', conversation_id = excluded.conversation_id, position = 0,
  ambiguous = 1, reason = NULL, updated_at = excluded.updated_at WHERE conversation_id IS NOT excluded.conversation_id
"""
_TAKE_UP_LOADED = """
INSERT INTO thread (id, state, conversation_id, items, digest, reason, ambiguous, updated_at)
VALUES (?, 'loaded', ?, ?, ?, 'restored', 1, ?)
ON CONFLICT (id) DO UPDATE SET state = 'loaded', items = excluded.items, digest = excluded.digest, reason = 'restored',
  position = iif(conversation_id IS excluded.conversation_id, position, 0), conversation_id = excluded.conversation_id,
  ambiguous = 1, error_code = NULL, error_detail = NULL, updated_at = excluded.updated_at
WHERE NOT (state IN ('loaded', 'verified', 'differs') AND conversation_id IS excluded.conversation_id
  AND position = excluded.items)"""
_UNSETTLE = """
UPDATE thread SET ambiguous = max(ambiguous, 1), updated_at = ?
WHERE state IN ('loading', 'failed') AND conversation_id IS NOT NULL"""
_FORGET_ONE = FORGET + " AND conversation_id = ?"
_FACTS: dict[str, tuple[tuple[str, ...], str]] = {
    "setup": (("key", "value"), SETUP),
    "file": (FILE_COLUMNS, FILE),
    "vector_store": (STORE_COLUMNS, STORE),
    "scratch": (("conversation_id", "target", "made_at"), "INSERT OR REPLACE INTO scratch VALUES (?, ?, NULL, ?)"),
    "abandoned": (
        ("conversation_id", "thread_id", "at", "deleted_at"),
        "INSERT OR REPLACE INTO abandoned VALUES (?, ?, ?, ?)",
    ),
    "refused_item": (("thread_id", "idx", "message_id", "code", "detail"), REFUSED),
    "agent": (AGENT_COLUMNS, AGENT),
}
"""Of each table whose rows are in the list: the columns, and what writes a row."""
_FACTS_GONE = {
    "scratch": (("conversation_id",), SCRATCH_GONE),
    "abandoned": (("deleted_at", "conversation_id"), ABANDONED_GONE),
}
_KNOWN_THREADS = """
SELECT id, conversation_id, state, position, digest, reason, items, updated_at FROM thread
WHERE conversation_id IS NOT NULL ORDER BY key"""
_KNOWN_FACTS = {
    "setup": "SELECT key, value FROM setup",
    "file": f"SELECT {', '.join(FILE_COLUMNS)} FROM file",  # noqa: S608 - columns
    "vector_store": f"SELECT {', '.join(STORE_COLUMNS)} FROM vector_store",  # noqa: S608 - columns
    "scratch": "SELECT conversation_id, target, made_at FROM scratch",
    "abandoned": "SELECT conversation_id, thread_id, at, deleted_at FROM abandoned",
    "agent": f"SELECT {', '.join(AGENT_COLUMNS)} FROM agent",  # noqa: S608 - columns
    "refused_item": """SELECT thread.id, idx, message_id, code, detail FROM refused_item
        JOIN thread ON thread.key = refused_item.thread""",
}


def take_up(line: Line, now: int) -> list[PendingWrite]:
    """A line of the list of ids that the state file has missed: the target must be asked what is in there."""
    if isinstance(line, FactLine):
        return _take_up_fact(line)
    thread_id, conversation_id = line.thread_id, line.conversation_id
    if line.state == "undone":
        return [
            PendingWrite(STATE, [(thread_id, "undone", None, None, None, now)]),
            PendingWrite(DROP_REFUSED, [(thread_id,)]),
        ]
    if line.state == "forgotten":
        forgotten = PendingWrite(_FORGET_ONE, [(now, thread_id, conversation_id)])
        return [forgotten, PendingWrite(DROP_ITEMS, [(thread_id, 0)]), PendingWrite(DROP_REFUSED, [(thread_id,)])]
    made = PendingWrite(_TAKE_UP, [(thread_id, conversation_id, now)], vital=True)
    if line.state != "loaded" or line.digest is None or line.items is None:
        return [made]
    return [made, PendingWrite(_TAKE_UP_LOADED, [(thread_id, conversation_id, line.items, line.digest, now)])]


def _take_up_fact(line: FactLine) -> list[PendingWrite]:
    known = (_FACTS_GONE if line.gone else _FACTS).get(line.table)
    if known is None:
        return []
    columns, sql = known
    return [PendingWrite(sql, [tuple(line.row.get(column) for column in columns)])]


def unsettle(now: int) -> list[PendingWrite]:
    """The file may be older than what was sent: no thread that was under way counts as left at rest."""
    return [PendingWrite(_UNSETTLE, [(now,)])]


def known_lines(ask: Callable[[str], Iterable[Sequence[Any]]]) -> Iterator[Line]:
    """Yield the lines that say all that a state file knows, as its list of ids would; `ask` runs a question."""
    for thread_id, conversation_id, reached, position, digest, reason, count, at in ask(_KNOWN_THREADS):
        yield IdLine(thread_id, conversation_id, stamp(at))
        end = {"verified": "loaded", "differs": "loaded"}.get(reached, reached)
        if end in ("loaded", "undone"):
            items = count if reason == RESTORED else position
            yield IdLine(thread_id, conversation_id, stamp(at), end, items, digest if end == "loaded" else None)
    for table, sql in _KNOWN_FACTS.items():
        for row in ask(sql):
            yield fact_line(table, row)


def fact_line(table: str, row: Sequence[Any]) -> FactLine:
    """Return the line for a row of another table, in the order of its columns in `_FACTS`."""
    return FactLine(table, dict(zip(_FACTS[table][0], row, strict=True)))


def reached_line(
    thread_id: str, conversation_id: str | None, state: str, items: int, now: int, *, digest: str | None = None
) -> IdLine | None:
    """Return the line for a thread that is loaded or undone; None for any other state."""
    if conversation_id is None or state not in ("loaded", "undone"):
        return None
    return IdLine(thread_id, conversation_id, stamp(now), state, items, digest if state == "loaded" else None)
