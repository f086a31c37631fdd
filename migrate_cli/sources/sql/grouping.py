"""Collects the rows of one thread as they come, and makes a `Thread` of them.

It joins and tells what it met; which rows come, and in which order, is the database's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from migrate_cli.model import Certificate, JsonObject, Origin, Thread
from migrate_cli.sources import normalise, ordering
from migrate_cli.sources.evidence import Chronicle, chronicle_of, note_order
from migrate_cli.sources.normalise import Notes
from migrate_cli.sources.spool import SpooledList, messages_of
from migrate_cli.sources.sql.row_order import in_order
from migrate_cli.sources.sql.rows import MessageRow


@dataclass(frozen=True, slots=True)
class RowOrder:
    """How the rows of one query are ordered."""

    named: str
    """By which columns, in words."""
    column: str | None = None
    """That there is a column which counts, in words for the certificate."""
    time_column: str | None = None
    insertion: str | None = None
    """That the database tells the order of insertion, or the ids count, in words for the certificate."""
    way: int = 0
    """What the setting says of the direction, as in `ordering.WAYS`."""


class ThreadRows:
    """One thread on its way from rows to a `Thread`."""

    def __init__(self, thread_id: str) -> None:
        self._id, self._notes = thread_id, Notes(thread_id)
        self._raws = SpooledList()
        self._seen: dict[str, int] = {}
        self._facts: JsonObject = {}
        self._key: tuple[Any, ...] | None = None
        self._ties = self._tied = 0
        """Rows that are alike in order and time with the one before: those without a certain place, and all."""
        self._places: list[int | None] = []
        """When each row was inserted, as far as all rows are held."""

    def add(self, entry: MessageRow, inserted: int | None) -> None:
        """Add the next row; `inserted` counts rows as they came into the table, None where nothing tells that."""
        tied = entry.key == self._key
        self._ties += tied and inserted is None
        self._tied += tied
        self._key = entry.key
        self._facts = {**entry.thread, **self._facts}
        raw = entry.message
        if raw is None or self._repeated(raw):
            return
        self._raws.append(raw)
        if not self._raws.long:
            self._places.append(inserted)

    def thread(self, origin: Origin, shape: str, ordered: RowOrder) -> Thread:
        """Return the thread; no row can be added after it."""
        self._raws.turned = ordered.way < 0
        if self._ties and not ordered.way:
            detail = (
                f"{self._ties} messages have the same {ordered.named} as the one before; they are kept in the order of "
                "their ids, which may be arbitrary. Map a sequence column: source.columns.order."
            )
            self._notes.add("order-unknown", detail)
        seen = chronicle_of(self._raws)
        doubtful = seen.gone_back is not None or seen.unreadable or self._tied
        if doubtful and ordered.column is None and not ordered.way and self._arrange(seen):
            seen = chronicle_of(self._raws)
        if seen.missing and seen.tells and ordered.column is None and not ordered.way:
            have = "has" if seen.missing == 1 else "have"
            detail = f"{seen.missing:,} of its messages {have} no time, so their place is not known."
            self._notes.add("order-unknown", detail)
        known_by = "the setting source.order" if ordered.way else ordered.column
        if seen.unreadable and ordered.column is None and not ordered.way:
            detail = f"The times of {seen.unreadable:,} messages cannot be read, so their order may be wrong."
            self._notes.add("order-unknown", detail)
        elif known_by is None and not self._ties and not seen.tells:
            known_by = None if seen.looks_reversed else ordered.insertion
        order = note_order(self._notes, seen, known_by, ordered.time_column or "created_at")
        messages = messages_of(self._raws, self._id, self._notes)
        return Thread(
            id=self._id,
            messages=messages,
            origin=origin,
            shape=shape,
            findings=tuple(self._notes.findings),
            certificate=Certificate(
                "the column of the thread", order, "the database's query", self._notes.fields, self._notes.set_aside
            ),
            **normalise.thread_facts(self._facts),
        )

    def _arrange(self, seen: Chronicle) -> bool:
        """Put rows in order that the database could not; those that lie on disk stay. Return whether that was done."""
        if self._raws.long or seen.count < 2:
            return False
        rows, told = in_order(list(zip(self._raws, self._places, strict=True)), seen)
        if told is not None:
            self._notes.add("order-unknown", told)
        self._raws = SpooledList()
        self._raws.extend(rows)
        return True

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
