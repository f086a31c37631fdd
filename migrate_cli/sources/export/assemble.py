"""Builds threads: from a whole thread of one file, and from what is indexed of it in others.

Small threads become tuples; long ones stay on disk and are read again at each iteration. It must not tell shapes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from migrate_cli.model import Message, Origin, Thread
from migrate_cli.sources import normalise, ordering
from migrate_cli.sources.disk_set import DiskSet
from migrate_cli.sources.export import json_text
from migrate_cli.sources.export.index import Block, IndexedBlock, StretchRow, ThreadIndex
from migrate_cli.sources.normalise import Notes
from migrate_cli.sources.ordering import Stretch
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes import ShapeTable
from migrate_cli.sources.shapes.base import INCOMPLETE, Loose, Remark, Shape, Whole
from migrate_cli.sources.spool import LongMessages, is_long


class Assembler:
    """Builds the threads of one source."""

    def __init__(self, index: ThreadIndex, table: ShapeTable) -> None:
        self._index = index
        self._table = table

    def whole(self, whole: Whole, thread_id: str, origin: Origin, shape: str) -> Thread:
        """Return the thread of one file, completed by what is indexed of it."""
        notes = Notes(thread_id)
        _note_strangers(whole.messages, thread_id, notes)
        messages = _ordered(whole.messages, notes, api_page=whole.api_page)
        indexed = _IndexedThread(self._index, self._table, thread_id, notes)
        _remark(notes, [*whole.remarks, *indexed.remarks()])
        raw = whole.thread or indexed.thread()
        return Thread(
            id=thread_id,
            messages=tuple(_messages(messages, thread_id, notes)) if messages else indexed.messages(),
            origin=origin,
            shape=shape,
            runs=normalise.runs_of([*_ordered(whole.runs, notes, what="runs"), *indexed.entries(RecordKind.RUN)]),
            run_steps=normalise.steps_of(
                [*_ordered(whole.steps, notes, what="steps"), *indexed.entries(RecordKind.STEP)]
            ),
            findings=tuple(notes.findings),
            **normalise.thread_facts(raw),
        )

    def joined(self, thread_id: str) -> Thread:
        """Return a thread that is spread over files or lines."""
        notes = Notes(thread_id)
        indexed = _IndexedThread(self._index, self._table, thread_id, notes)
        _remark(notes, indexed.remarks())
        row = indexed.row()
        return Thread(
            id=thread_id,
            messages=indexed.messages(),
            origin=row.input.origin,
            shape=row.shape,
            runs=normalise.runs_of(indexed.entries(RecordKind.RUN)),
            run_steps=normalise.steps_of(indexed.entries(RecordKind.STEP)),
            findings=tuple(notes.findings),
            **normalise.thread_facts(indexed.thread()),
        )

    def origin(self, thread_id: str) -> Origin:
        """Return where a thread that is spread over files was met first."""
        return _IndexedThread(self._index, self._table, thread_id, Notes(thread_id)).row().input.origin


def _remark(notes: Notes, remarks: list[Remark]) -> None:
    for remark in remarks:
        notes.add(remark.code, remark.detail)


def _ordered(raws: list[Any], notes: Notes, *, api_page: bool = False, what: str = "messages") -> list[Any]:
    if len(raws) < 2:
        return raws
    ((_, turned),) = ordering.arrange([ordering.stretch_of(raws, api_page=api_page)], notes, what)
    return raws[::-1] if turned else raws


def _messages(raws: list[Any], thread_id: str, notes: Notes) -> Iterator[Message]:
    once = list(ordering.each_once(raws, notes))
    ordering.note_chronology(once, notes)
    return normalise.messages_of(once, thread_id, notes)


def _note_strangers(raws: Sequence[Any], thread_id: str, notes: Notes) -> None:
    strangers = sum(type(raw) is dict and (raw.get("thread_id") or thread_id) != thread_id for raw in raws)
    if strangers:
        notes.add("message-of-another-thread", f"{strangers} of its messages name another thread; they are kept here.")


class _IndexedThread:
    """What the index holds of one thread."""

    def __init__(self, index: ThreadIndex, table: ShapeTable, thread_id: str, notes: Notes) -> None:
        self._index = index
        self._table = table
        self._id = thread_id
        self._notes = notes
        self._blocks = index.blocks(thread_id)

    def thread(self) -> dict[str, Any]:
        """Return the thread's own wire object, the first of several."""
        for entry in self.entries(RecordKind.THREAD):
            if isinstance(entry, dict):
                return entry
        return {}

    def entries(self, kind: RecordKind) -> list[Any]:
        """Return the wire objects of one kind, oldest first."""
        return [entry for part in self._plan(kind) for entry in part.read()]

    def remarks(self) -> list[Remark]:
        """Return what the shapes found."""
        return self._index.remarks(self._id)

    def messages(self) -> Iterable[Message]:
        """Return the messages, oldest first."""
        plan = self._plan(RecordKind.MESSAGE)
        if plan and all(part.row.has_more for part in plan):
            _remark(self._notes, [INCOMPLETE])
        if is_long(sum(part.block.entries for part in plan)):
            raws = _EachOnce(plan, self._notes)
            ordering.note_chronology(raws, self._notes)
            return LongMessages(raws, self._id, self._notes)
        return tuple(_messages([entry for part in plan for entry in part.read()], self._id, self._notes))

    def row(self) -> StretchRow:
        """Return the stretch that the thread is named after: the first of its messages, or of whatever there is."""
        placed = self._blocks.get(RecordKind.MESSAGE) or next(iter(self._blocks.values()))
        return placed[0].row

    def _plan(self, kind: RecordKind) -> list[BlockReader]:
        placed = self._blocks.get(kind)
        if not placed:
            return []
        by_stretch: dict[int, list[IndexedBlock]] = {}
        for one in placed:
            by_stretch.setdefault(one.row.id, []).append(one)
        groups = list(by_stretch.values())
        parts = []
        for place, turned in ordering.arrange([_summary(group) for group in groups], self._notes, f"{kind.value}s"):
            group = groups[place][::-1] if turned else groups[place]
            shape = self._table.by_name[group[0].row.shape]
            translate = self._table.translator.value
            parts += [BlockReader(self._index, one.block, one.row, shape, turned, translate) for one in group]
        return parts


def _summary(group: list[IndexedBlock]) -> Stretch:
    firsts = [one.block.first for one in group if one.block.first is not None]
    lasts = [one.block.last for one in group if one.block.last is not None]
    return Stretch(
        count=sum(one.block.entries for one in group),
        first=firsts[0] if firsts else None,
        last=lasts[-1] if lasts else None,
        opens=bool(group[0].block.opens),
        closes=bool(group[-1].block.closes),
        api_page=group[0].row.api_page,
    )


@dataclass(frozen=True, slots=True)
class BlockReader:
    """One block, and which way round to read it."""

    index: ThreadIndex
    block: Block
    row: StretchRow
    shape: Shape
    turned: bool
    translate: Callable[[Any], Any]

    def read(self) -> list[Any]:
        """Return the block's entries, oldest first."""
        raws = self._piece() if self.block.piece >= 0 else self._lines()
        return raws[::-1] if self.turned else raws

    def _piece(self) -> list[Any]:
        value = self.translate(json_text.parse(self.row.input.read()))
        for place, piece in enumerate(self.shape.pieces(value)):
            if place == self.block.piece and isinstance(piece, Loose):
                return piece.raws
        return []

    def _lines(self) -> list[Any]:
        data = self.index.read(self.row.input.local, self.block.start, self.block.length)
        # What is no JSON was told when the lines were indexed.
        values = [value for line in data.split(b"\n") if (value := json_text.line(line)) is not None]
        if self.row.wire:
            return values
        return [entry for value in values for entry in self.shape.entries(self.translate(value))]


class _EachOnce:
    """The wire objects of a long list of messages: read from disk at each iteration, a block at a time.

    Of messages that are there several times only the first is given. Which those are is found out once, since the
    ids of a long thread are too many to be held at each reading.
    """

    def __init__(self, plan: list[BlockReader], notes: Notes) -> None:
        self._plan = plan
        self._repeated = self._repeats()
        if self._repeated:
            self._note_repeats(notes)

    def __iter__(self) -> Iterator[Any]:
        if not self._repeated:
            return self._entries()
        return (raw for place, raw in enumerate(self._entries()) if place not in self._repeated)

    def _repeats(self) -> dict[int, str]:
        """Return the places of repeated messages, each with its id."""
        seen = DiskSet()
        repeated: dict[int, str] = {}
        for place, raw in enumerate(self._entries()):
            message_id = _id_of(raw)
            if message_id is not None and not seen.add(message_id):
                repeated[place] = message_id
        seen.close()
        return repeated

    def _note_repeats(self, notes: Notes) -> None:
        """Note each repeated message, and whether it is the same as the first of its id."""
        wanted = set(self._repeated.values())
        firsts: dict[str, bytes] = {}
        for place, raw in enumerate(self._entries()):
            if place in self._repeated:
                same = firsts[self._repeated[place]] == _fingerprint(raw)
                ordering.note_duplicate(notes, self._repeated[place], same=same)
            elif (message_id := _id_of(raw)) in wanted:
                firsts[str(message_id)] = _fingerprint(raw)

    def _entries(self) -> Iterator[Any]:
        for part in self._plan:
            yield from part.read()


def _id_of(raw: Any) -> str | None:
    return normalise.clean_id(raw.get("id")) if isinstance(raw, dict) else None


def _fingerprint(raw: Any) -> bytes:
    return hashlib.blake2b(repr(raw).encode("utf-8", "surrogatepass"), digest_size=16).digest()
