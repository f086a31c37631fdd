"""Builds threads: from a whole thread of one file, and from what the shelf has of it in others.

Small threads become tuples; long ones stay on disk and are read again at each iteration. It must not tell shapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from migrate_cli.model import Message, Origin, Thread
from migrate_cli.sources import jsontext, normalise, ordering
from migrate_cli.sources.normalise import Notes
from migrate_cli.sources.ordering import Stretch
from migrate_cli.sources.records import Kind
from migrate_cli.sources.shapes import ShapeTable
from migrate_cli.sources.shapes.base import INCOMPLETE, Loose, Remark, Shape, Whole
from migrate_cli.sources.shelf import Block, Shelf, StretchRow

LONG = 5_000
"""Threads with more messages than this are not held."""


class Assembler:
    """Builds the threads of one source."""

    def __init__(self, shelf: Shelf, table: ShapeTable) -> None:
        self._shelf = shelf
        self._table = table

    def whole(self, whole: Whole, thread_id: str, origin: Origin, shape: str) -> Thread:
        """Return the thread of one file, completed by what the shelf has of it."""
        notes = Notes(thread_id)
        _note_strangers(whole.messages, thread_id, notes)
        messages = _ordered(whole.messages, notes, api_page=whole.api_page)
        beside = _Beside(self._shelf, self._table, thread_id, notes)
        _remark(notes, [*whole.remarks, *beside.remarks()])
        raw = whole.thread or beside.thread()
        return Thread(
            id=thread_id,
            messages=tuple(_messages(messages, thread_id, notes)) if messages else beside.messages(),
            origin=origin,
            shape=shape,
            runs=normalise.runs_of([*_ordered(whole.runs, notes, what="runs"), *beside.entries(Kind.RUN)]),
            run_steps=normalise.steps_of([*_ordered(whole.steps, notes, what="steps"), *beside.entries(Kind.STEP)]),
            findings=tuple(notes.findings),
            **normalise.thread_facts(raw),
        )

    def joined(self, thread_id: str) -> Thread:
        """Return a thread that is spread over files or lines."""
        notes = Notes(thread_id)
        beside = _Beside(self._shelf, self._table, thread_id, notes)
        _remark(notes, beside.remarks())
        row = beside.row()
        return Thread(
            id=thread_id,
            messages=beside.messages(),
            origin=row.input.origin,
            shape=row.shape,
            runs=normalise.runs_of(beside.entries(Kind.RUN)),
            run_steps=normalise.steps_of(beside.entries(Kind.STEP)),
            findings=tuple(notes.findings),
            **normalise.thread_facts(beside.thread()),
        )

    def origin(self, thread_id: str) -> Origin:
        """Return where a thread that is spread over files was met first."""
        return _Beside(self._shelf, self._table, thread_id, Notes(thread_id)).row().input.origin


def _remark(notes: Notes, remarks: list[Remark]) -> None:
    for remark in remarks:
        notes.add(remark.code, remark.severity, remark.detail)


def _ordered(raws: list[Any], notes: Notes, *, api_page: bool = False, what: str = "messages") -> list[Any]:
    if len(raws) < 2:
        return raws
    ((_, turned),) = ordering.arrange([ordering.stretch_of(raws, api_page=api_page)], notes, what)
    ordered = raws[::-1] if turned else raws
    if what == "messages":
        ordering.note_chronology(ordered, notes)
    return ordered


def _messages(raws: list[Any], thread_id: str, notes: Notes) -> Iterator[Message]:
    return normalise.messages_of(ordering.each_once(raws, notes), thread_id, notes)


def _note_strangers(raws: Sequence[Any], thread_id: str, notes: Notes) -> None:
    strangers = sum(type(raw) is dict and (raw.get("thread_id") or thread_id) != thread_id for raw in raws)
    if strangers:
        notes.warn("message-of-another-thread", f"{strangers} of its messages name another thread; they are kept here.")


class _Beside:
    """What the shelf has of one thread."""

    def __init__(self, shelf: Shelf, table: ShapeTable, thread_id: str, notes: Notes) -> None:
        self._shelf = shelf
        self._table = table
        self._id = thread_id
        self._notes = notes

    def thread(self) -> dict[str, Any]:
        """Return the thread's own wire object, the first of several."""
        for entry in self.entries(Kind.THREAD):
            if isinstance(entry, dict):
                return entry
        return {}

    def entries(self, kind: Kind) -> list[Any]:
        """Return the wire objects of one kind, oldest first."""
        plan = self._plan(kind, f"{kind.value}s")
        return [entry for part in plan for entry in part.read()]

    def remarks(self) -> list[Remark]:
        """Return what the shapes found."""
        return self._shelf.remarks(self._id)

    def messages(self) -> Iterable[Message]:
        """Return the messages, oldest first."""
        plan = self._plan(Kind.MESSAGE, "messages")
        if plan and all(part.row.has_more for part in plan):
            _remark(self._notes, [INCOMPLETE])
        if sum(part.block.entries for part in plan) > LONG:
            return LongMessages(self._id, plan, self._notes)
        raws = [entry for part in plan for entry in part.read()]
        ordering.note_chronology(raws, self._notes)
        return tuple(_messages(raws, self._id, self._notes))

    def row(self) -> StretchRow:
        """Return the stretch that the thread is named after: the first of its messages, or of whatever there is."""
        for kind in (Kind.MESSAGE, Kind.THREAD, Kind.RUN, Kind.STEP):
            for block in self._shelf.blocks(self._id, kind):
                return self._shelf.stretch_row(block.stretch)
        raise KeyError(self._id)

    def _plan(self, kind: Kind, what: str) -> list[Part]:
        blocks = self._shelf.blocks(self._id, kind)
        if not blocks:
            return []
        groups = [list(group) for _, group in groupby(sorted(blocks, key=_stretch), key=_stretch)]
        rows = [self._shelf.stretch_row(group[0].stretch) for group in groups]
        stretches = [_summary(group, row.api_page) for group, row in zip(groups, rows, strict=True)]
        parts = []
        for place, turned in ordering.arrange(stretches, self._notes, what):
            group = groups[place][::-1] if turned else groups[place]
            shape = self._table.by_name[rows[place].shape]
            parts += [Part(block, rows[place], shape, turned) for block in group]
        return parts


def _stretch(block: Block) -> int:
    return block.stretch


def _summary(blocks: list[Block], api_page: bool) -> Stretch:
    firsts = [block.first for block in blocks if block.first is not None]
    lasts = [block.last for block in blocks if block.last is not None]
    return Stretch(
        count=sum(block.entries for block in blocks),
        first=firsts[0] if firsts else None,
        last=lasts[-1] if lasts else None,
        opens=blocks[0].opens,
        closes=blocks[-1].closes,
        api_page=api_page,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """One block, and which way round to read it."""

    block: Block
    row: StretchRow
    shape: Shape
    turned: bool

    def read(self) -> list[Any]:
        """Return the block's entries, oldest first."""
        raws = _document_piece(self) if self.block.piece >= 0 else _lines(self)
        return raws[::-1] if self.turned else raws


def _document_piece(part: Part) -> list[Any]:
    value = jsontext.parse(part.row.input.read())
    for place, piece in enumerate(part.shape.pieces(value)):
        if place == part.block.piece and isinstance(piece, Loose):
            return piece.raws
    return []


def _lines(part: Part) -> list[Any]:
    block = part.block
    with part.row.input.local.open("rb") as stream:
        stream.seek(block.start)
        data = stream.read(block.length)
    raws = []
    for line in data.split(b"\n"):
        text = line.strip(b"\xef\xbb\xbf \t\r")
        if not text:
            continue
        try:
            value = jsontext.parse(text)
        except jsontext.BadJsonError:
            continue  # told when the line was indexed
        raws.append(value if part.row.wire else part.shape.entry(value))
    return raws


class LongMessages:
    """The messages of a long thread: read from disk at each iteration, a block at a time."""

    def __init__(self, thread_id: str, plan: list[Part], notes: Notes) -> None:
        self._id = thread_id
        self._plan = plan
        self._repeated = self._first_pass(notes)

    def _first_pass(self, notes: Notes) -> frozenset[int]:
        """Note everything that is odd, once, and return the places of repeated messages."""
        seen: dict[int, int] = {}
        repeated = set()
        for place, raw in enumerate(self._entries()):
            message_id = normalise.clean_id(raw.get("id")) if isinstance(raw, dict) else None
            if message_id is None:
                continue
            body = hash(repr(raw))
            key = hash(message_id)
            if key in seen:
                ordering.note_duplicate(notes, message_id, same=seen[key] == body)
                repeated.add(place)
            else:
                seen[key] = body
        ordering.note_chronology(self._entries(), notes)
        self._repeated = frozenset(repeated)
        for _ in self._messages(notes):
            pass
        return self._repeated

    def __iter__(self) -> Iterator[Message]:
        return self._messages(Notes(self._id))

    def _messages(self, notes: Notes) -> Iterator[Message]:
        raws = (raw for place, raw in enumerate(self._entries()) if place not in self._repeated)
        return normalise.messages_of(raws, self._id, notes)

    def _entries(self) -> Iterator[Any]:
        for part in self._plan:
            yield from part.read()
