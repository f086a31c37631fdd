"""Builds threads: from a whole thread of one file, and from what is indexed of it in others.

Small threads become tuples; long ones stay on disk and are read again at each iteration. It must not tell shapes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from migrate_cli.model import Certificate, JsonObject, Message, Origin, Thread
from migrate_cli.sources import normalise, ordering
from migrate_cli.sources.disk_set import DiskSet
from migrate_cli.sources.evidence import chronicle_of, identity_of, note_completeness, note_order, told_by_runs
from migrate_cli.sources.export import json_text
from migrate_cli.sources.export.index import Block, IndexedBlock, StretchRow, ThreadIndex
from migrate_cli.sources.normalise import Notes
from migrate_cli.sources.ordering import Stretch
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes import ShapeTable
from migrate_cli.sources.shapes.base import MORE_RUNS, Loose, Remark, Shape, Whole
from migrate_cli.sources.shapes.thread_file import merged
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
        indexed = _IndexedThread(self._index, self._table, thread_id, notes)
        whole.messages = indexed.kept(whole.messages)
        _remark(notes, [*whole.remarks, *indexed.remarks()])
        runs = [*_ordered(whole.runs, notes, what="runs"), *indexed.entries(RecordKind.RUN)]
        steps = [*_ordered(whole.steps, notes, what="steps"), *indexed.entries(RecordKind.STEP)]
        listed = self._listed(whole, shape, notes, runs, steps) if whole.messages else indexed.messages(runs, steps)
        return self._thread(
            thread_id, listed, origin, shape, runs, steps, notes, merged(whole.thread, indexed.thread())
        )

    def joined(self, thread_id: str) -> Thread:
        """Return a thread that is spread over files or lines."""
        notes = Notes(thread_id)
        indexed = _IndexedThread(self._index, self._table, thread_id, notes)
        _remark(notes, indexed.remarks())
        row = indexed.row()
        runs, steps = indexed.entries(RecordKind.RUN), indexed.entries(RecordKind.STEP)
        listed = indexed.messages(runs, steps)
        return self._thread(thread_id, listed, row.input.origin, row.shape, runs, steps, notes, indexed.thread())

    def _listed(self, whole: Whole, shape: str, notes: Notes, runs: list[Any], steps: list[Any]) -> _Listed:
        """Return the messages of a whole thread in order, and what tells that order."""
        stretch = ordering.stretch_of(whole.messages, api_page=whole.api_page)
        way, known_by = _direction(self._table, self._table.by_name[shape], [stretch], whole.messages, runs, steps)
        ((_, turned),) = ordering.arrange([stretch], notes, way=way)
        raws = whole.messages[::-1] if turned else whole.messages
        once = list(ordering.each_once(raws, notes))
        return _Listed(once, known_by, whole.has_more, turned)

    def _thread(
        self,
        thread_id: str,
        listed: _Listed,
        origin: Origin,
        shape: str,
        runs: list[Any],
        steps: list[Any],
        notes: Notes,
        raw: JsonObject,
    ) -> Thread:
        seen = chronicle_of(listed.raws)
        order = note_order(notes, seen, listed.known_by, self._table.time_columns(shape))
        proof = self._table.by_name[shape].proof
        known_complete = proof or note_completeness(notes, seen, has_more=listed.has_more, turned=listed.turned)
        messages = listed.messages(thread_id, notes)
        return Thread(
            id=thread_id,
            messages=messages,
            origin=origin,
            shape=shape,
            runs=normalise.runs_of(runs),
            run_steps=normalise.steps_of(steps),
            findings=tuple(notes.findings),
            certificate=Certificate(
                identity_of(notes, raw, listed.raws), order, known_complete, notes.fields, notes.set_aside
            ),
            **normalise.thread_facts(raw),
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


@dataclass(frozen=True, slots=True)
class _Listed:
    """The wire messages of a thread in order, each once, and what is known of that order."""

    raws: Iterable[Any]
    known_by: str | None = None
    """What tells the order whatever the times are."""
    has_more: bool | None = None
    turned: bool | None = None
    """Whether the last list stood newest first; None where there is no telling."""
    long: bool = False

    def messages(self, thread_id: str, notes: Notes) -> Iterable[Message]:
        """Return the messages: all of them, or what reads them from disk where they are many."""
        if self.long:
            return LongMessages(self.raws, thread_id, notes)
        return tuple(normalise.messages_of(self.raws, thread_id, notes))


def _direction(
    table: ShapeTable,
    shape: Shape,
    stretches: Sequence[Stretch],
    raws: Iterable[Any],
    runs: list[Any],
    steps: list[Any],
) -> tuple[int, str | None]:
    """Return which way round messages stand, as `ordering.arrange` takes it, and what tells it beside their times."""
    if shape.orders is not None:
        return 0, shape.orders
    if table.way:
        return table.way, "the setting source.order"
    if (runs or steps) and ordering.untold(stretches):
        way = told_by_runs(raws, runs, steps)
        if way:
            return way, "the times of runs"
    return 0, None


def _note_strangers(raws: Sequence[Any], thread_id: str, notes: Notes) -> None:
    strangers = 0
    for raw in raws:
        named = raw.get("thread_id") if type(raw) is dict else None
        # A number of one file may be a text in another.
        if named and named != thread_id and normalise.clean_id(named) != thread_id:
            strangers += 1
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
        self._deleted: frozenset[str | None] = frozenset()
        if RecordKind.DELETED in self._blocks:
            self._deleted = frozenset(map(_id_of, self.entries(RecordKind.DELETED)))

    def thread(self) -> JsonObject:
        """Return the thread's own wire object; of several, the first has the say, and no field of another is lost."""
        found: JsonObject = {}
        for entry in self.entries(RecordKind.THREAD):
            if isinstance(entry, dict):
                found = merged(found, entry)
        return found

    def entries(self, kind: RecordKind) -> list[Any]:
        """Return the wire objects of one kind, oldest first."""
        groups = self._groups(kind)
        if not groups:
            return []
        if kind in (RecordKind.RUN, RecordKind.STEP) and all(group[0].row.has_more for group in groups):
            _remark(self._notes, [MORE_RUNS])
        plan = self._plan(groups, [_summary(group) for group in groups], kind)
        return [entry for part in plan for entry in part.read()]

    def remarks(self) -> list[Remark]:
        """Return what the shapes found."""
        return self._index.remarks(self._id)

    def messages(self, runs: list[Any], steps: list[Any]) -> _Listed:
        """Return the messages, oldest first, and what tells their order."""
        groups = self._groups(RecordKind.MESSAGE)
        if not groups:
            return _Listed([])
        stretches = [ordering.looked_through(_summary(group), self._entries_of(group)) for group in groups]
        shape = self._table.by_name[groups[0][0].row.shape]
        met = (entry for group in groups for entry in self._entries_of(group))
        way, known_by = _direction(self._table, shape, stretches, met, runs, steps)
        plan = self._plan(groups, stretches, RecordKind.MESSAGE, way)
        said = [part.row.has_more for part in plan]
        # One page that is the last is enough: the others are followed by it.
        has_more = True if all(said) else False if False in said else None
        if self._deleted:
            self._note_deleted(sum(_id_of(raw) in self._deleted for part in plan for raw in part.all()))
        ways = {part.turned for part in plan if part.block.entries > 1}
        turned = ways.pop() if len(ways) == 1 else None
        if is_long(sum(part.block.entries for part in plan)):
            return _Listed(_EachOnce(plan, self._notes), known_by, has_more, turned, long=True)
        lists: dict[int, list[Any]] = {}
        for part in plan:
            lists.setdefault(part.row.id, []).extend(part.read())
        once = list(ordering.each_once(ordering.woven(list(lists.values())), self._notes))
        return _Listed(once, known_by, has_more, turned)

    def kept(self, raws: list[Any]) -> list[Any]:
        """Return messages without those that were deleted later, and note how many these are."""
        if not self._deleted:
            return raws
        left = [raw for raw in raws if _id_of(raw) not in self._deleted]
        self._note_deleted(len(raws) - len(left))
        return left

    def _note_deleted(self, count: int) -> None:
        if count:
            them = "message was" if count == 1 else "messages were"
            self._notes.add("message-deleted", f"{count} {them} deleted after being recorded; left out.")

    def row(self) -> StretchRow:
        """Return the stretch that the thread is named after: the first of its messages, or of whatever there is."""
        placed = self._blocks.get(RecordKind.MESSAGE) or next(iter(self._blocks.values()))
        return placed[0].row

    def _groups(self, kind: RecordKind) -> list[list[IndexedBlock]]:
        """Return the blocks of a kind, those of one stretch together."""
        by_stretch: dict[int, list[IndexedBlock]] = {}
        for one in self._blocks.get(kind, ()):
            by_stretch.setdefault(one.row.id, []).append(one)
        return list(by_stretch.values())

    def _plan(
        self, groups: list[list[IndexedBlock]], stretches: list[Stretch], kind: RecordKind, way: int = 0
    ) -> list[BlockReader]:
        parts = []
        for place, turned in ordering.arrange(stretches, self._notes, f"{kind.value}s", way):
            group = groups[place][::-1] if turned else groups[place]
            parts += [self._reader(one, turned=turned) for one in group]
        return parts

    def _entries_of(self, group: list[IndexedBlock]) -> Iterator[Any]:
        """Yield the entries of a stretch as they stand."""
        return (entry for one in group for entry in self._reader(one, turned=False).read())

    def _reader(self, one: IndexedBlock, *, turned: bool) -> BlockReader:
        shape, translate = self._table.by_name[one.row.shape], self._table.translator.value
        gone = self._deleted if one.block.kind is RecordKind.MESSAGE else frozenset()
        return BlockReader(self._index, one.block, one.row, shape, turned, translate, gone)


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
    gone: frozenset[str | None] = frozenset()
    """Messages that were deleted later."""

    def read(self) -> list[Any]:
        """Return the block's entries, oldest first."""
        raws = self.all()
        if self.gone:
            raws = [raw for raw in raws if _id_of(raw) not in self.gone]
        return raws[::-1] if self.turned else raws

    def all(self) -> list[Any]:
        """Return the block's entries as they lie there, deleted ones too."""
        return self._piece() if self.block.piece >= 0 else self._lines()

    def _piece(self) -> list[Any]:
        value = self.translate(json_text.parse(self.row.input.read()))
        for place, piece in enumerate(self.shape.pieces(value)):
            if place == self.block.piece and isinstance(piece, Loose):
                return piece.raws
        return []

    def _lines(self) -> list[Any]:
        data = self.index.read(self.row.input.local, self.block.start, self.block.length)
        # What is not JSON was told when the lines were indexed.
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
