"""Indexes the files of an export, or cuts them into whole threads where a file needs no sibling.

What a file is, `recognise.py` tells; how a thread is put together, `assemble.py` knows. It must not order messages.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from migrate_cli.model import JsonObject, Origin
from migrate_cli.sources.disk_set import DiskSet
from migrate_cli.sources.export import recognise
from migrate_cli.sources.export.archives import ArchiveError
from migrate_cli.sources.export.index import Block, ThreadIndex
from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.export.json_lines import LineRun, Record, records
from migrate_cli.sources.export.json_stream import StreamedAt
from migrate_cli.sources.export.json_text import BadJsonError
from migrate_cli.sources.export.looked_at import NotOursError, Recognised
from migrate_cli.sources.export.recognise import Recogniser, named_thread, stem
from migrate_cli.sources.export.table_indexer import index_table
from migrate_cli.sources.export.thread_names import ThreadNames
from migrate_cli.sources.interface import ShapeTaken
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.record_kinds import OF_NO_THREAD, RecordKind, kind_of
from migrate_cli.sources.shapes.base import MORE_PAGES, Fault, Form, Growth, Loose, Piece, Shape, Whole
from migrate_cli.sources.shapes.flat import FlatRow
from migrate_cli.sources.shapes.nothing import is_empty
from migrate_cli.sources.shapes.recordings import Recording
from migrate_cli.sources.spellings_met import MOST_SHOWN, of_columns

_MOST_FIELDS = 100
"""Fields beside records that are counted by name, for each shape."""
_OF_THREADS = frozenset({RecordKind.MESSAGE, RecordKind.RUN, RecordKind.STEP})
_FAULTS = (NotOursError, BadJsonError, ArchiveError, OSError, EOFError, zlib.error)
"""What one file may raise without an end of the others."""


@dataclass(slots=True)
class ShapeCounts:
    """How many files were read as each format."""

    files: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    spellings: dict[str, dict[str, None]] = field(default_factory=dict)
    frames: dict[str, Counter[str]] = field(default_factory=dict)

    def take(self, shape: str, origin: Origin, frame: Iterable[str] = (), spelling: Iterable[str] = ()) -> None:
        """Count one file; `frame` are the fields that are next to its records and carry nothing."""
        told = self.spellings.setdefault(shape, {})
        told.update((one, None) for one in spelling if len(told) < MOST_SHOWN)
        counted = self.frames.setdefault(shape, Counter())
        counted.update(name for name in frame if name in counted or len(counted) < _MOST_FIELDS)
        self.files[shape] = self.files.get(shape, 0) + 1
        self.examples.setdefault(shape, str(origin))

    def add(self, other: ShapeCounts) -> None:
        """Add the counts of another reading."""
        for name, count in other.files.items():
            self.files[name] = self.files.get(name, 0) + count
            self.examples.setdefault(name, other.examples[name])
            self.frames.setdefault(name, Counter()).update(other.frames[name])
            self.spellings.setdefault(name, {}).update(other.spellings[name])

    def shapes(self) -> list[ShapeTaken]:
        """Return the counts, by name."""
        return [
            ShapeTaken(name, self.files[name], self.examples[name], self.frames[name], tuple(self.spellings[name]))
            for name in sorted(self.files)
        ]


class Indexer:
    """Reads one file after the other; what is wrong with one becomes a problem in the index."""

    def __init__(self, index: ThreadIndex, recogniser: Recogniser, counts: ShapeCounts, *, join: bool = False) -> None:
        self._index = index
        self._recogniser = recogniser
        self._counts = counts
        self._join = join
        """Whether whole threads are indexed too, so that several records of one thread become one."""
        self.names = ThreadNames(index)
        """Says which thread each piece belongs to."""
        self._done = DiskSet()
        """The files and long lines that need not be read again: their objects, or their faults, are in the index."""
        self.held = False
        """Whether any file held an entry, of whatever kind: where none did, the source is really empty."""
        self.more_assistants: dict[bool, bool] = {}
        """What lists of assistants said of further pages: whether any said that there are more, and any that not."""
        self.ignored: NotOursError | None = None
        """Why the first of the files that are no part of an export is none."""
        self.kinds: Counter[str] = Counter()
        """What files are that are no part of an export, as far as their first bytes tell."""
        self._lost = False
        """Whether an entry of the document at hand was left out that does not tell its thread."""
        self._faulty = False
        """Whether the document at hand has places that cannot be read."""

    def survey(self, input_: Input) -> bool:
        """Index a file whose objects may have siblings; return False for one that holds whole threads."""
        try:
            if not self._join and self._recogniser.surely_whole(input_):
                return False
            found = self._recogniser.look(input_)
            if found.shape.whole and not self._join and not _one_huge_thread(found):
                return False
            self._index_file(found)
            _tell_cut(self._index, found)
            self._counts.take(found.shape.name, input_.origin, found.frame, self._spelling(found))
        except _FAULTS as error:
            self._refuse(input_, error, self._counts)
        self._done.add(str(input_.origin))
        return True

    def has(self, input_: Input) -> bool:
        """Whether a file need not be read again."""
        return str(input_.origin) in self._done

    def wholes(self, input_: Input, counts: ShapeCounts) -> Iterator[tuple[Shape, Whole]]:
        """Yield the whole threads of a file, if it still holds any that are not indexed."""
        if self.has(input_):
            return
        held = False
        try:
            found = self._recogniser.look(input_)
            if not found.shape.whole or _one_huge_thread(found):
                self._index_file(found)
                _tell_cut(self._index, found)
                self._counts.take(found.shape.name, input_.origin, found.frame, self._spelling(found))
                self._done.add(str(input_.origin))
                return
            self.held = True
            for piece in self._pieces(found):
                if isinstance(piece, Whole):
                    held = True
                    yield found.shape, piece
                elif isinstance(piece, Loose) and piece.kind in OF_NO_THREAD:
                    self._keep(found.input, piece)
            _tell_cut(self._index, found)
            counts.take(found.shape.name, input_.origin, found.frame, self._spelling(found))
        except _FAULTS as error:
            self._refuse(input_, error, counts if held else self._counts)
            if not held:
                self._done.add(str(input_.origin))

    def _spelling(self, found: Recognised) -> tuple[str, ...]:
        """Return how the names of a file that was just read differ from the wire's."""
        columns = of_columns(found.shape.columns.met()) if isinstance(found.shape, FlatRow) else ()
        return (*columns, *self._recogniser.spellings())

    def _pieces(self, found: Recognised) -> Iterator[Piece]:
        """Cut a file of any form and size into pieces."""
        if found.shape.form is Form.LINES:
            for number, _, _, value in self._records(found):
                pieces = list(found.shape.pieces(value))
                if not pieces:
                    self._unknown_line(found, number)
                yield from pieces
        elif found.large is not None:
            refuse = partial(self._refuse_entry, found.input)
            for fragment in found.large.fragments(found.shape.growth, found.shape.batch, refuse):
                yield from found.shape.pieces(self._recogniser.wire(fragment))
        else:
            meter, of = found.input.meter, _entries(found.value)
            for number, piece in enumerate(found.shape.pieces(found.value), 1):
                if meter is not None:
                    meter.entry(number, of)
                yield _of_page(piece) if found.more else piece

    # Indexing

    def _index_file(self, found: Recognised) -> None:
        if found.shape.form is Form.CSV:
            self.held |= index_table(found, self._index, self.names, self._recogniser.wire)
            return
        self.held |= found.value is None or not is_empty(found.value)
        if found.shape.form is Form.LINES and not found.shape.whole:
            self._index_lines(found)
        elif found.shape.whole or found.large is not None:
            self._spool(found, _loose(found, self.names, self._pieces(found)))
        else:
            self._index_document(found)

    def _index_document(self, found: Recognised) -> None:
        """Index by reference where the messages are about one thread, else by way of the spool."""
        pieces = list(_loose(found, self.names, self._without_faults(found)))
        if not (pieces or self._faulty) and isinstance(found.shape, Recording):
            detail = (
                f"{found.input.origin} is a recording, but no thread was read in it; record one that lists messages."
            )
            raise NotOursError("no-thread-in-recording", detail)
        messages = [place for place, piece in enumerate(pieces) if piece.kind is RecordKind.MESSAGE]
        if len(messages) == 1 and found.shape.growth is not Growth.NONE:
            place = messages[0]
            piece = pieces.pop(place)
            thread = self.names.thread_of(found.input, piece)
            if thread is not None:
                self.names.check(found.input, piece)
                self._refer(found, piece, place, thread)
        self._spool(found, iter(pieces))

    def _without_faults(self, found: Recognised) -> Iterator[Piece]:
        """Yield the pieces of a document, and tell of its places that cannot be read."""
        self._faulty = False
        for piece in found.shape.pieces(found.value):
            if isinstance(piece, Fault):
                self._faulty = True
                detail = f"{found.input.origin}: {piece.detail}"
                self._index.problem(found.input.origin, piece.code, detail, piece.thread_id)
            else:
                yield _of_page(piece) if found.more else piece

    def _refer(self, found: Recognised, piece: Loose, place: int, thread: str) -> None:
        stretch = self._index.stretch(found.shape.name, found.input, api_page=piece.api_page, has_more=piece.has_more)
        block = Block(piece.kind, thread, stretch, piece=place, entries=len(piece.raws))
        if piece.raws:
            block.measure(piece.raws[0], piece.raws[-1])
        self._index.add(block)
        self._index.remark(thread, *piece.remarks)

    def _spool(self, found: Recognised, pieces: Iterator[Loose]) -> None:
        """Write the objects to the spool; the fragments of one large document are one stretch for each thread."""
        stretches: dict[tuple[RecordKind, str], int] = {}
        self._lost = False
        try:
            self._spool_all(found, pieces, stretches)
        except BadJsonError as bad:
            raise self._lacking(found, bad) from None
        if self._lost:
            for _, thread in stretches:
                self._index.hold_back(thread)

    def _lacking(self, found: Recognised, bad: BadJsonError) -> BadJsonError:
        """Hold back the thread at which an array of its parts breaks off: what follows is most likely of the same."""
        last = None if found.large is None or found.shape.batch == 1 else found.large.last
        thread = clean_id(last.get("thread_id")) if isinstance(last, dict) else None
        thread = thread or (None if last is None else named_thread(found.input) or stem(found.input))
        if thread is None:
            return bad
        self._index.hold_back(thread)
        detail = f"{bad.detail} The thread {thread} is not read, because more may be missing."
        return BadJsonError(bad.code, detail, bad.line, bad.column)

    def _spool_all(
        self, found: Recognised, pieces: Iterator[Loose], stretches: dict[tuple[RecordKind, str], int]
    ) -> None:
        for piece in pieces:
            if piece.kind in OF_NO_THREAD:
                self._keep(found.input, piece)
                continue
            thread = self.names.thread_of(found.input, piece)
            if thread is None:
                continue
            key = (piece.kind, thread)
            if key not in stretches or found.large is None:
                stretches[key] = self._index.stretch(
                    found.shape.name, found.input, api_page=piece.api_page, has_more=piece.has_more, spooled=True
                )
            self._index.spool(piece.kind, thread, stretches[key], piece.raws)
            self._index.remark(thread, *piece.remarks)

    def _keep(self, input_: Input, piece: Loose) -> None:
        """Keep assistants, files and stores for whoever asks; what stands among them and is neither is told."""
        known = [raw for raw in piece.raws if kind_of(raw) is not None]
        for raw in known:
            self._index.keep(piece.kind, _key_of(piece.kind, raw), raw)
        if odd := len(piece.raws) - len(known):
            detail = (
                f"{input_.origin}: {odd:,} entries among the {piece.kind} objects are not such objects. The "
                "others are read."
            )
            self._index.problem(input_.origin, "entry-unknown", detail)
        if piece.kind is RecordKind.ASSISTANT and piece.has_more is not None:
            self.more_assistants[piece.has_more] = True

    # Lines

    def _index_lines(self, found: Recognised) -> None:
        stretch = self._index.stretch(found.shape.name, found.input)
        run: LineRun | None = None
        for number, start, end, value in self._records(found):
            piece = self._line_piece(found, number, value)
            thread = None if piece is None else self.names.thread_of(found.input, piece)
            if run is not None and not run.goes_on(piece, thread, start):
                self._index.add(run.block())
                run = None
            if piece is None or thread is None:
                continue
            if run is None:
                run = LineRun(piece.kind, thread, stretch, start, piece.raws[0])
            run.entries += len(piece.raws)
            run.end = end
            run.last = piece.raws[-1]
        if run is not None:
            self._index.add(run.block())

    def _line_piece(self, found: Recognised, number: int, value: Any) -> Loose | None:
        """Return what a line holds for a thread; assistants and files are kept, what is unknown is a problem.

        A line that holds several pieces goes by way of the spool, since it cannot be referred to.
        """
        pieces = found.shape.records(value)
        if len(pieces) > 1:
            self._spool(found, iter(pieces))
            return None
        piece = pieces[0] if pieces else None
        if piece is not None and piece.kind in OF_NO_THREAD:
            self._keep(found.input, piece)
            return None
        if piece is None and kind_of(value) is None:
            self._unknown_line(found, number)
        return piece

    def _unknown_line(self, found: Recognised, number: int) -> None:
        here = replace(found.input.origin, line=number)
        detail = f"{here}: The line is not in the format {found.shape.name}. The other lines are read."
        self._index.problem(here, "unknown-line", detail)

    def _records(self, found: Recognised) -> Iterator[Record]:
        wire = self._recogniser.wire
        if found.shape.document is None:
            lines = records(found.input, self._bad_line)
        else:
            take = partial(self._long_line, found)
            lines = records(found.input, self._bad_line, most=recognise.LARGE, long_line=take)
            # A list alone on its line is a thread's messages, where lines are threads.
            lines = (
                (number, start, end, {"messages": value} if type(value) is list and value else value)
                for number, start, end, value in lines
            )
        return ((number, start, end, wire(value)) for number, start, end, value in lines)

    def _bad_line(self, origin: Origin, code: str, detail: str, thread: str | None) -> None:
        """Report a line; the thread of one that is cut off is not whole, and waits for a whole file."""
        if thread is not None:
            self._index.hold_back(thread)
        self._index.problem(origin, code, detail, thread)

    def _long_line(self, found: Recognised, number: int, start: int, end: int) -> None:
        """Index a thread that is too long to be held, the first time that its line is met."""
        here = replace(found.input.origin, line=number)
        if found.shape.document is None or not self._done.add(str(here)):
            return
        try:
            line = self._recogniser.long_line(found.input, start, end, found.shape.document)
            self._spool(line, _loose(line, self.names, self._pieces(line)))
        except NotOursError:
            self._unknown_line(found, number)
        except BadJsonError as bad:
            detail = f"{here}: {bad.detail} Everything before it is read, and so are the other lines."
            self._index.problem(here, bad.code, detail)

    # Problems

    def _refuse_entry(self, input_: Input, code: str, detail: str, entry: Any) -> None:
        """Report an entry of a document that is left out; a thread that would lack it waits for another bound."""
        thread = None
        if kind_of(entry) in _OF_THREADS:
            thread = clean_id(entry.get("thread_id"))
            self._lost |= thread is None
        lacking = ""
        if thread is not None:
            self._index.hold_back(thread)
            lacking = f" The thread {thread} is not read, because it would be incomplete."
        self._index.problem(input_.origin, code, f"{input_.origin}: {detail}.{lacking} The others are read.", thread)

    def _refuse(self, input_: Input, error: Exception, counts: ShapeCounts) -> None:
        fault = _fault_of(input_, error)
        if fault.code is None and fault.kind != "table":
            from migrate_cli.sources.export.left_behind import with_history_told  # noqa: PLC0415 - few files are ignored

            fault = with_history_told(input_, fault)
        if fault.code is None:
            counts.take("ignored", input_.origin)
            self.kinds[fault.kind] += 1
            self.ignored = self.ignored or fault
            return
        counts.take("unreadable", input_.origin)
        origin = Origin(input_.origin.path, input_.origin.member, fault.line)
        self._index.problem(origin, fault.code, fault.detail, named_thread(input_), fault.shown)


def _tell_cut(index: ThreadIndex, found: Recognised) -> None:
    """Report a file that breaks off what its lines or entries do not show."""
    if found.cut or found.broken:
        origin = found.input.origin
        what = found.broken or "The compressed file is truncated; copy it again."
        index.problem(origin, "file-cut-off", f"{origin}: {what} Everything before that is read.")


def _of_page(piece: Piece) -> Piece:
    """Return a piece of a document that says that there are further pages."""
    if isinstance(piece, Whole) or (isinstance(piece, Loose) and piece.kind is RecordKind.MESSAGE):
        piece.remarks = (*piece.remarks, MORE_PAGES)
    return piece


def _key_of(kind: RecordKind, raw: JsonObject) -> str:
    """By what an object is known again; a file may be in several vector stores."""
    own = clean_id(raw.get("id")) or clean_id(raw.get("name")) or ""
    return f"{clean_id(raw.get('vector_store_id')) or ''}/{own}" if kind is RecordKind.STORE_FILE else own


def _one_huge_thread(found: Recognised) -> bool:
    """Whether a thread is too long to be held, so that even its own file has to be indexed."""
    if found.large is None or isinstance(found.large, StreamedAt):
        return False
    return found.shape.growth is Growth.LISTS and isinstance(found.large.sketch(), dict)


def _loose(found: Recognised, names: ThreadNames, pieces: Iterable[Piece]) -> Iterator[Loose]:
    """Take the fragments of one huge thread apart; other pieces are loose already."""
    seen: set[str] = set()
    nameless = 0
    for piece in pieces:
        if not isinstance(piece, Whole):
            if isinstance(piece, Loose):
                yield piece
            continue
        thread = names.whole_id(found.input, found.shape, piece, nameless)
        nameless += piece.thread_id is None
        first = thread not in seen
        seen.add(thread)
        for kind, raws in (
            (RecordKind.THREAD, [_own_object(piece, thread)] if first else []),
            (RecordKind.MESSAGE, piece.messages),
            (RecordKind.RUN, piece.runs),
            (RecordKind.STEP, piece.steps),
        ):
            if raws:
                yield Loose(kind, raws, thread, piece.api_page, piece.has_more, piece.remarks)


def _own_object(piece: Whole, thread: str) -> JsonObject:
    """The thread's own object; of one that holds nothing at all, its id."""
    return piece.thread or {"id": thread}


def _fault_of(input_: Input, error: Exception) -> NotOursError:
    """Return what went wrong with a file as a code and a sentence."""
    if isinstance(error, NotOursError):
        return error
    if isinstance(error, BadJsonError):
        return NotOursError(error.code, f"{input_.origin}: {error.detail}", error.line)
    if isinstance(error, ArchiveError):
        return NotOursError(error.code, f"{input_.origin}: {error}")
    if isinstance(error, EOFError):
        return NotOursError("file-cut-off", f"{input_.origin}: The compressed file is truncated; copy it again.")
    if isinstance(error, (zlib.error, gzip.BadGzipFile)):
        return NotOursError("file-damaged", f"{input_.origin}: The compressed file is damaged; copy it again.")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return NotOursError("file-unreadable", f"{input_.origin} cannot be read: {reason}. Check it and its permissions.")


def _entries(value: Any) -> int:
    """How many entries a document holds, roughly: for progress only."""
    if isinstance(value, list):
        return len(value)
    if not isinstance(value, dict):
        return 1
    return max(len(held) for held in (value, *(each for each in value.values() if isinstance(each, list))))
