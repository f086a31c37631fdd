"""What was read of one thread, as the wire has it, and its way to the model's `Thread`.

It must not ask a host for anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from migrate_cli.model import Certificate, Finding, JsonObject, Origin, Thread
from migrate_cli.sources import normalise, ordering
from migrate_cli.sources.evidence import chronicle_of, note_order
from migrate_cli.sources.normalise import Notes
from migrate_cli.sources.spool import SpooledList, messages_of

SHAPE = "api"


@dataclass(slots=True)
class ThreadRecord:
    """One thread with all that belongs to it, lists oldest first."""

    id: str
    thread: JsonObject
    origin: Origin
    messages: SpooledList = field(default_factory=SpooledList)
    runs: list[JsonObject] = field(default_factory=list)
    steps: list[JsonObject] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A thread that was asked for by no choice, so that it was read no further than it took to know that."""

    id: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A thread that is as it was when it was saved, as far as a few small answers tell."""

    id: str


def arrange(record: ThreadRecord) -> None:
    """Put the lists the right way round, and note what times tell of the order."""
    notes = Notes(record.id)
    _arrange(record.messages, notes, "messages")
    for name in ("runs", "steps"):
        entries = SpooledList()
        entries.extend(getattr(record, name))
        _arrange(entries, notes, name)
        setattr(record, name, list(entries))
    record.findings += notes.findings


def _arrange(entries: SpooledList, notes: Notes, what: str) -> None:
    """Turn a list round if its times say that the newest stands first: some hosts ignore the order asked for."""
    if len(entries) < 2:
        return
    first, last = map(ordering.time_of, entries.ends)
    stretch = ordering.Stretch(len(entries), first, last, False, False)
    ((_, entries.turned),) = ordering.arrange([stretch], notes, what)


def thread_of(record: ThreadRecord) -> Thread:
    """Return the model's thread of an arranged record."""
    notes = Notes(record.id)
    order = note_order(notes, chronicle_of(record.messages), "the host's list")
    messages = messages_of(record.messages, record.id, notes)
    return Thread(
        id=record.id,
        messages=messages,
        origin=record.origin,
        shape=SHAPE,
        runs=normalise.runs_of(record.runs),
        run_steps=normalise.steps_of(record.steps),
        findings=(*record.findings, *notes.findings),
        certificate=Certificate("the host", order, "the host's pages", notes.fields, notes.set_aside),
        **normalise.thread_facts(record.thread),
    )
