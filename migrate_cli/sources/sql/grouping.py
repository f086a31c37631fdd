"""Collects the rows of one thread as they come, and makes a `Thread` of them.

It joins and tells what it met; which rows come, and in which order, is the database's business.
"""

from __future__ import annotations

from typing import Any

from migrate_cli.model import JsonObject, Origin, Thread
from migrate_cli.sources import normalise, ordering
from migrate_cli.sources.normalise import Notes
from migrate_cli.sources.spool import SpooledList, messages_of
from migrate_cli.sources.sql.rows import MessageRow


class ThreadRows:
    """One thread on its way from rows to a `Thread`."""

    def __init__(self, thread_id: str) -> None:
        self._id, self._notes = thread_id, Notes(thread_id)
        self._raws = SpooledList()
        self._seen: dict[str, int] = {}
        self._facts: JsonObject = {}
        self._key: tuple[Any, ...] | None = None
        self._ties = self._timeless = 0

    def add(self, entry: MessageRow, *, decided: bool) -> None:
        """Add the next row; `decided` when its place among rows of the same order and time is certain."""
        self._ties += entry.key == self._key and not decided
        self._key = entry.key
        self._facts = {**entry.thread, **self._facts}
        raw = entry.message
        when = raw.get("created_at")
        self._timeless += when is not None and normalise.unix_seconds(when) is None
        if self._repeated(raw):
            return
        self._raws.append(raw)

    def thread(self, origin: Origin, shape: str, *, ordered: str) -> Thread:
        """Return the thread; no row can be added after it."""
        self._note_order(ordered)
        ordering.note_chronology(self._raws, self._notes)
        messages = messages_of(self._raws, self._id, self._notes)
        return Thread(
            id=self._id,
            messages=messages,
            origin=origin,
            shape=shape,
            findings=tuple(self._notes.findings),
            **normalise.thread_facts(self._facts),
        )

    def _repeated(self, raw: JsonObject) -> bool:
        message_id = normalise.clean_id(raw.get("id"))
        if message_id is None:
            return False
        fingerprint = hash(repr(raw))
        if message_id not in self._seen:
            self._seen[message_id] = fingerprint
            return False
        ordering.note_duplicate(self._notes, message_id, same=self._seen[message_id] == fingerprint)
        return True

    def _note_order(self, ordered: str) -> None:
        if self._ties:
            detail = (
                f"{self._ties} messages are alike in {ordered} with the one before; they stand in the order of their "
                "ids, which may be chance. Name a column that counts: source.columns.order."
            )
            self._notes.add("order-unknown", detail)
        if self._timeless:
            detail = f"The times of {self._timeless} messages cannot be read, so their order may be wrong."
            self._notes.add("order-unknown", detail)
