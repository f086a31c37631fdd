"""What was read of one thread, as the wire has it, and its way to the model's `Thread`.

Short lists are held; long ones go to a temporary file and are read from there at each iteration.
"""

from __future__ import annotations

import json
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from migrate_cli.model import Finding, JsonObject, Message, Origin, Thread
from migrate_cli.sources import normalise, ordering
from migrate_cli.sources.normalise import Notes

LONG = 5_000
"""Lists of more objects than this are not held."""
SHAPE = "api"


class Sheaf:
    """Wire objects in order; iterated as often as wanted, and turned round where the host ignored the order."""

    def __init__(self) -> None:
        self._held: list[JsonObject] = []
        self._file: IO[bytes] | None = None
        self._starts = array("q")
        self._ends: tuple[Any, Any] = (None, None)
        self.turned = False

    def __len__(self) -> int:
        return len(self._starts) if self._file is not None else len(self._held)

    @property
    def long(self) -> bool:
        """Whether the objects are on disk."""
        return self._file is not None

    def extend(self, entries: Iterable[JsonObject]) -> None:
        """Put objects behind those that are there."""
        entries = list(entries)
        if entries and self._file is None and len(self._held) + len(entries) <= LONG:
            self._ends = (self._ends[0] or entries[0], entries[-1])
            self._held += entries
            return
        for entry in entries:
            self._ends = (self._ends[0] or entry, entry)
            if self._file is not None:
                self._write(self._file, entry)
            else:
                self._held.append(entry)
                if len(self._held) > LONG:
                    self._spill()

    def __iter__(self) -> Iterator[JsonObject]:
        if self._file is None:
            yield from reversed(self._held) if self.turned else self._held
            return
        places = range(len(self._starts))
        for place in reversed(places) if self.turned else places:
            self._file.seek(self._starts[place])
            yield json.loads(self._file.readline())

    def arrange(self, notes: Notes, what: str) -> None:
        """Turn the objects round if their times say that the newest stands first."""
        if len(self) < 2:
            return
        first, last = self._ends
        stretch = ordering.Stretch(len(self), ordering.time_of(first), ordering.time_of(last), False, False)
        ((_, self.turned),) = ordering.arrange([stretch], notes, what)

    def _spill(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="migrate-cli-")  # noqa: SIM115 - it is closed with this object
        weakref.finalize(self, self._file.close)
        for entry in self._held:
            self._write(self._file, entry)
        self._held = []

    def _write(self, file: IO[bytes], entry: JsonObject) -> None:
        self._starts.append(file.seek(0, 2))
        file.write(json.dumps(entry).encode() + b"\n")


@dataclass(slots=True)
class ThreadRecord:
    """One thread with all that belongs to it, lists oldest first."""

    id: str
    thread: JsonObject
    origin: Origin
    messages: Sheaf = field(default_factory=Sheaf)
    runs: list[JsonObject] = field(default_factory=list)
    steps: list[JsonObject] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def arrange(record: ThreadRecord) -> None:
    """Put the lists the right way round, and note what times tell of the order."""
    notes = Notes(record.id)
    record.messages.arrange(notes, "messages")
    for name in ("runs", "steps"):
        if not getattr(record, name):
            continue
        sheaf = Sheaf()
        sheaf.extend(getattr(record, name))
        sheaf.arrange(notes, name)
        setattr(record, name, list(sheaf))
    record.findings += notes.findings


def thread_of(record: ThreadRecord) -> Thread:
    """Return the model's thread of an arranged record."""
    notes = Notes(record.id)
    ordering.note_chronology(record.messages, notes)
    messages: Iterable[Message]
    if record.messages.long:
        # Once through, for the findings; then at each iteration from disk.
        for _ in normalise.messages_of(record.messages, record.id, notes):
            pass
        messages = LongMessages(record)
    else:
        messages = tuple(normalise.messages_of(record.messages, record.id, notes))
    return Thread(
        id=record.id,
        messages=messages,
        origin=record.origin,
        shape=SHAPE,
        runs=normalise.runs_of(record.runs),
        run_steps=normalise.steps_of(record.steps),
        findings=(*record.findings, *notes.findings),
        **normalise.thread_facts(record.thread),
    )


class LongMessages:
    """The messages of a long thread, read from disk at each iteration."""

    def __init__(self, record: ThreadRecord) -> None:
        self._record = record

    def __iter__(self) -> Iterator[Message]:
        """Read the messages, oldest first."""
        return normalise.messages_of(self._record.messages, self._record.id, Notes(self._record.id))
