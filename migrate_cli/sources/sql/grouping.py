"""The rows of one thread, piled up as they come: in memory while they are few, in a temporary file from then on.

It joins and tells what it met; which rows come, and in which order, is the database's business.
"""

from __future__ import annotations

import json
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from migrate_cli.model import JsonObject, Message, Origin, Thread
from migrate_cli.sources import normalise, ordering
from migrate_cli.sources.normalise import Notes
from migrate_cli.sources.sql.rows import Entry

LONG = 5_000
"""Threads with more messages than this are not held."""


class Pile:
    """One thread on its way from rows to a `Thread`."""

    def __init__(self, thread_id: str) -> None:
        self._id, self._notes = thread_id, Notes(thread_id)
        self._raws: list[JsonObject] = []
        self._spool: _Spool | None = None
        self._seen: dict[str, int] = {}
        self._facts: JsonObject = {}
        self._key: tuple[Any, ...] | None = None
        self._ties = self._timeless = 0

    def add(self, entry: Entry, *, decided: bool) -> None:
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
        if len(self._raws) > LONG:
            self._spool = self._spool or _Spool()
            self._spool.write(self._raws)
            self._raws = []

    def thread(self, origin: Origin, shape: str, *, ordered: str) -> Thread:
        """Return the thread; the pile is done with."""
        self._note_order(ordered)
        ordering.note_chronology(self._all(), self._notes)
        messages: Iterable[Message]
        if self._spool is None:
            messages = tuple(normalise.messages_of(self._raws, self._id, self._notes))
        else:
            self._spool.write(self._raws)
            messages = SpooledMessages(self._id, self._spool)
            for _ in normalise.messages_of(self._spool, self._id, self._notes):
                pass
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

    def _all(self) -> Iterator[JsonObject]:
        if self._spool is not None:
            yield from self._spool
        yield from self._raws


class SpooledMessages:
    """The messages of a long thread, read from disk at each iteration."""

    def __init__(self, thread_id: str, spool: _Spool) -> None:
        self._id, self._spool = thread_id, spool

    def __iter__(self) -> Iterator[Message]:
        """Read the messages, oldest first."""
        return normalise.messages_of(self._spool, self._id, Notes(self._id))


class _Spool:
    """Lines of JSON in a private temporary file, which goes when nobody needs it any more."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.NamedTemporaryFile(prefix="migrate-cli-", delete=False)  # noqa: SIM115 - lives on
        self._path = Path(self._file.name)
        self._discard = weakref.finalize(self, _discard, self._file, self._path)

    def write(self, raws: list[JsonObject]) -> None:
        self._file.write(b"".join(json.dumps(raw).encode() + b"\n" for raw in raws))
        self._file.flush()

    def __iter__(self) -> Iterator[JsonObject]:
        with self._path.open("rb") as lines:
            for line in lines:
                yield json.loads(line)


def _discard(file: IO[bytes], path: Path) -> None:
    file.close()
    path.unlink(missing_ok=True)
