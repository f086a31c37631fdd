"""What the state file records of threads: how far each one is loaded, and what its items are.

Answers come from the file, so they do not show what was noted and not yet committed. It must not write anything.
"""

from __future__ import annotations

from typing import Any

from migrate_cli.model import Item, Progress
from migrate_cli.state import statements
from migrate_cli.state.item_ids import unpacked
from migrate_cli.state.session import StatePart, StateSession, named

_OF_THREAD = """
SELECT item.{} FROM item JOIN thread ON thread.key = item.thread
WHERE thread.id = ? AND idx < thread.position ORDER BY idx"""


class RecordedThreads(StatePart):
    """Answers what earlier runs, and this one, recorded of a thread."""

    def __init__(self, session: StateSession) -> None:
        super().__init__(session)
        self._readers: dict[int | None, int | None] = {}

    def progress_of(self, thread_id: str) -> Progress | None:
        """Return where the thread's load stands, or None when nothing was ever noted about it."""
        if self._session.surely_unknown(thread_id):
            return None
        row = self.thread_row(thread_id)
        if row is None:
            return None
        self._session.asked.add(row["key"])
        anchor = self.item_at(thread_id, row["position"] - 1)
        return Progress(
            thread_id=thread_id,
            state=row["state"],
            conversation_id=row["conversation_id"],
            position=row["position"],
            anchor=anchor,
            ambiguous=bool(row["ambiguous"]),
            unclear=row["ambiguous"],
            touched_at=row["updated_at"],
            attempts=row["attempts"],
            digest=row["digest"] or "",
            reader=self.reader_of(row["run"]),
            code=row["error_code"],
            detail=row["error_detail"],
            restored=row["items"] if row["state"] == "loaded" and row["reason"] == statements.RESTORED else 0,
        )

    def thread_row(self, thread_id: str) -> dict[str, Any] | None:
        """Return all columns of the table `thread`, or None."""
        cursor = self._session.query("SELECT * FROM thread WHERE id = ?", thread_id)
        return next(named(cursor), None)

    def thread_rows(self, thread_id: str, most: int) -> list[dict[str, Any]]:
        """Return all columns of a thread and of those whose rows were made next, `most` in all; none if it is unknown.

        Each question to the file costs far more than each row.
        """
        sql = "SELECT * FROM thread WHERE key >= (SELECT key FROM thread WHERE id = ?) ORDER BY key LIMIT ?"
        return list(named(self._session.query(sql, thread_id, most)))

    def a_thread(self) -> str | None:
        """Return the id of the thread that was noted first, as an example."""
        rows = self._session.ask("SELECT id FROM thread ORDER BY key LIMIT 1")
        return rows[0][0] if rows else None

    def reader_of(self, run: int | None) -> int | None:
        """Return the generation of reading (`READER`) that a run worked with; None if it was not recorded."""
        if run not in self._readers:
            rows = self._session.ask("SELECT json_extract(options, '$.reader') FROM run WHERE key = ?", run)
            self._readers[run] = rows[0][0] if rows else None
        return self._readers[run]

    def recorded_digests(self, thread_id: str) -> list[bytes]:
        """Return the digests of the items that are loaded, in order."""
        return [row[0] for row in self._session.ask(_OF_THREAD.format("digest"), thread_id)]

    def recorded_items(self, thread_id: str) -> list[Item]:
        """Return the items that are loaded, in order, known by their digests alone: their bodies are empty."""
        rows = self._session.ask(_OF_THREAD.format("digest, coalesce(kind, 'message'), message_id"), thread_id)
        return [Item(b"", digest, kind, message_id) for digest, kind, message_id in rows]

    def item_ids(self, thread_id: str) -> list[str]:
        """Return the ids of the items that are loaded, in order."""
        return [unpacked(row[0]) for row in self._session.ask(_OF_THREAD.format("item_id"), thread_id)]

    def item_at(self, thread_id: str, position: int) -> str | None:
        """Return the id of the item at a position (0-based), or None."""
        sql = "SELECT item_id FROM item WHERE idx = ? AND thread = (SELECT key FROM thread WHERE id = ?)"
        rows = self._session.ask(sql, position, thread_id)
        return unpacked(rows[0][0]) if rows else None

    def refused_items(self) -> dict[str, dict[int, tuple[str, str]]]:
        """Return code and detail of all refused items that notes stand for, by thread and place; there are few."""
        found: dict[str, dict[int, tuple[str, str]]] = {}
        sql = "SELECT thread.id, idx, code, detail FROM refused_item JOIN thread ON thread.key = refused_item.thread"
        for thread_id, place, code, detail in self._session.query(sql):
            found.setdefault(thread_id, {})[place] = (code, detail)
        return found
