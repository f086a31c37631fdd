"""Lists of wire objects that may be long: short ones are held in memory, long ones lie in a private temporary file.

The file has no name and goes with its list. It must not judge or order what it keeps.
"""

from __future__ import annotations

import json
import tempfile
import threading
import weakref
from array import array
from collections.abc import Iterable, Iterator
from typing import IO, Any

from migrate_cli.model import JsonObject, Message
from migrate_cli.sources import normalise
from migrate_cli.sources.normalise import Notes

LONG = 5_000
"""Lists of more objects than this are not held."""


def is_long(count: int) -> bool:
    """Whether so many objects are too many to be held."""
    return count > LONG


class SpooledList:
    """Wire objects in order, iterated as often as wanted: from the first, or from the last where `turned`."""

    def __init__(self) -> None:
        self._held: list[JsonObject] = []
        self._file: IO[bytes] | None = None
        self._starts = array("q")
        """Where each object begins in the file, so that it can be read from either end."""
        self._ends: tuple[Any, Any] = (None, None)
        self._reading = threading.Lock()
        self.turned = False

    def __len__(self) -> int:
        return len(self._starts) if self._file is not None else len(self._held)

    @property
    def long(self) -> bool:
        """Whether the objects are on disk."""
        return self._file is not None

    @property
    def ends(self) -> tuple[Any, Any]:
        """The first and the last object that were put in; None for each of an empty list."""
        return self._ends

    def append(self, entry: JsonObject) -> None:
        """Put an object behind those that are there."""
        self._ends = (self._ends[0] or entry, entry)
        if self._file is not None:
            self._write(self._file, entry)
            return
        self._held.append(entry)
        if is_long(len(self._held)):
            self._spill()

    def extend(self, entries: Iterable[JsonObject]) -> None:
        """Put objects behind those that are there."""
        for entry in entries:
            self.append(entry)

    def __iter__(self) -> Iterator[JsonObject]:
        if self._file is None:
            yield from reversed(self._held) if self.turned else self._held
            return
        places = range(len(self._starts))
        for place in reversed(places) if self.turned else places:
            yield json.loads(self._line(self._file, self._starts[place]))

    def _line(self, file: IO[bytes], start: int) -> bytes:
        # A thread may be read by several threads at a time, which share the file's one position.
        with self._reading:
            file.seek(start)
            return file.readline()

    def _spill(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="migrate-cli-")  # noqa: SIM115 - it is closed with this object
        weakref.finalize(self, self._file.close)
        for entry in self._held:
            self._write(self._file, entry)
        self._held = []

    def _write(self, file: IO[bytes], entry: JsonObject) -> None:
        self._starts.append(file.seek(0, 2))
        file.write(json.dumps(entry).encode() + b"\n")


class LongMessages:
    """The messages of a long thread, made from their wire objects again at each iteration, oldest first."""

    def __init__(self, raws: Iterable[Any], thread_id: str, notes: Notes) -> None:
        self._raws, self._id = raws, thread_id
        # Once through for the findings, which have to be complete before anybody reads the messages.
        for _ in normalise.messages_of(raws, thread_id, notes):
            pass

    def __iter__(self) -> Iterator[Message]:
        return normalise.messages_of(self._raws, self._id, Notes(self._id))


def messages_of(raws: SpooledList, thread_id: str, notes: Notes) -> Iterable[Message]:
    """Return the messages of wire objects: all of them, or what reads them from disk where they are many."""
    if raws.long:
        return LongMessages(raws, thread_id, notes)
    return tuple(normalise.messages_of(raws, thread_id, notes))
