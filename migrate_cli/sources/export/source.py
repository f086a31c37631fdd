"""An export on disk as a source: whole threads are streamed, and what is spread over files is joined.

Two walks: the first looks into every file and indexes what belongs together (`indexer.py`, `index.py`); the second
reads the files that hold whole threads, one at a time. Then the joined threads follow, and what could not be read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from migrate_cli.model import JsonObject, Origin, Thread, Unreadable
from migrate_cli.sources.disk_set import DiskSet, temporary_folder
from migrate_cli.sources.explain import Explanation
from migrate_cli.sources.export.assemble import Assembler
from migrate_cli.sources.export.explaining import explain_file
from migrate_cli.sources.export.index import ThreadIndex
from migrate_cli.sources.export.indexer import Indexer, ShapeCounts
from migrate_cli.sources.export.input_files import InputFiles
from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.export.nothing_there import refuse
from migrate_cli.sources.export.recognise import Recogniser
from migrate_cli.sources.export.stored_files import files_of
from migrate_cli.sources.export.stored_stores import stores_of
from migrate_cli.sources.interface import FileInfo, Selection, ShapeTaken, Source, StoreInfo
from migrate_cli.sources.read_meter import ReadMeter
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes import ShapeTable
from migrate_cli.sources.shapes.base import Shape, Whole

WEIGHED = 1000
"""Files of one source that are weighed before they are read; of more, looking at each is the work."""


class ExportSource(Source):
    """Files of saved threads: one, a folder, archives, or standard input. Its temporary index goes with it."""

    kind = "export"
    known_by_content = True

    def __init__(self, path: str, table: ShapeTable, *, join: bool = False) -> None:
        self._path = path
        self._index = ThreadIndex()
        self._files = InputFiles(path, self._index.folder, self._index.problem)
        self._surveyed = ShapeCounts()
        self._read = ShapeCounts()
        self._recogniser = Recogniser(table, self._index.folder)
        self._indexer = Indexer(self._index, self._recogniser, self._surveyed, join=join)
        self._assembler = Assembler(self._index, table)
        self._whole_files: int | None = None
        self._meter = ReadMeter(lambda: self.reading)
        self._to_read = 0
        """The bytes of the files that hold whole threads."""

    @property
    def identity(self) -> str:
        """The resolved path, or the hash of what came in on standard input."""
        return self._files.identity

    def close(self) -> None:
        """Delete the temporary files; the source cannot be read any more."""
        self._index.close()

    def threads(self, selection: Selection) -> Iterator[Thread | Unreadable]:
        """Yield whole threads in the order of their files, then joined ones, then what could not be read."""
        yield from self.chosen(self._all(selection), selection)

    def some(self, wanted: Callable[[str], bool]) -> Iterator[Thread]:
        """Yield wanted threads, whole ones first; others are not put together, and what is unreadable is passed by."""
        self._survey()
        counts = ShapeCounts()
        for input_ in self._files:
            for shape, whole, thread_id in self._named_wholes(input_, counts):
                if wanted(thread_id):
                    yield self._assembler.whole(whole, thread_id, input_.origin, shape.name)
        yield from (self._assembler.joined(thread_id) for thread_id in self._index.threads() if wanted(thread_id))

    def shapes(self) -> list[ShapeTaken]:
        """Return how many files were read as each format; `ignored` and `unreadable` count the others."""
        both = ShapeCounts()
        both.add(self._surveyed)
        both.add(self._read)
        return both.shapes()

    def explain(self, name: str | None) -> Explanation:
        """Return how the first records of a file are read."""
        return explain_file(self._files, self._recogniser, name)

    def expected(self) -> int | None:
        """Return how many threads there are, unless a file holds an unknown number of whole threads."""
        whole = self._survey()
        return None if self._recogniser.several else whole + self._index.count()

    def assistants(self) -> Iterator[JsonObject]:
        """Yield the assistant objects, each id once."""
        self._survey()
        yield from self._index.objects(RecordKind.ASSISTANT)

    def repeated_assistants(self) -> Mapping[str, int]:
        """Return how many objects of one assistant differ, by its id; files of whole threads count once read."""
        return self._index.repeated(RecordKind.ASSISTANT)

    def lacks_assistants(self) -> bool:
        """Return whether pages of a list of assistants were saved, and the last is not among them."""
        return self._indexer.more_assistants == {True: True}

    def files(self) -> Mapping[str, FileInfo]:
        """Return the file objects of the export and the bytes in its `files/` folders, by file id."""
        self._survey()
        return files_of(self._index.objects(RecordKind.FILE), self._files.stored())

    def vector_stores(self, named: Collection[str] = ()) -> Iterator[StoreInfo]:  # noqa: ARG002 - it can ask nobody
        """Yield the vector stores whose objects, or whose files' objects, the export holds."""
        self._survey()
        yield from stores_of(self._index.objects(RecordKind.STORE), self._index.objects(RecordKind.STORE_FILE))

    def _survey(self) -> int:
        """Index what is spread over files, once, and return how many files hold whole threads."""
        if self._whole_files is None:
            whole = 0
            try:
                self._meter.begin(self._size())
                for input_ in self._metered():
                    if not self._indexer.survey(input_):
                        whole += 1
                        self._to_read += _weight(input_)
            except sqlite3.Error as error:
                raise temporary_folder(error) from error
            self._whole_files = whole
        return self._whole_files

    def _size(self) -> int:
        """The bytes of all files, where there are not too many to look at each before anything else; else 0."""
        sizes = [_weight(input_) for input_ in islice(self._files, WEIGHED + 1)]
        return sum(sizes) if len(sizes) <= WEIGHED else 0

    def _metered(self) -> Iterator[Input]:
        """Yield the files, and weigh what is read of those that are not in the index yet."""
        for input_ in self._files:
            self._meter.file(0 if self._indexer.has(input_) else _weight(input_))
            yield replace(input_, meter=self._meter)

    def _all(self, selection: Selection) -> Iterator[Thread | Unreadable]:
        seen = DiskSet()
        self._survey()
        self._read = ShapeCounts()
        self._meter.begin(self._to_read)
        for input_ in self._metered():
            yield from self._whole_threads(input_, selection, seen)
        self._meter.end()
        yield from self._joined_threads(selection, seen)
        if not seen:
            shapes = self.shapes() if self.recognised() else None
            refuse(self._path, self._index, self._indexer, shapes, single=self._files.single)
        yield from self._problems(selection)

    def _whole_threads(self, input_: Input, selection: Selection, seen: DiskSet) -> Iterator[Thread | Unreadable]:
        for shape, whole, thread_id in self._named_wholes(input_, self._read):
            known = not seen.add(thread_id, str(input_.origin))
            if not selection.wants(thread_id):
                continue
            if known:
                yield _duplicate(input_.origin, thread_id, seen)
            else:
                if selection.limit is None and not selection.choice:
                    self._meter.thread()
                yield self._assembler.whole(whole, thread_id, input_.origin, shape.name)

    def _named_wholes(self, input_: Input, counts: ShapeCounts) -> Iterator[tuple[Shape, Whole, str]]:
        """Yield the whole threads of a file with their ids."""
        nameless = 0
        for shape, whole in self._indexer.wholes(input_, counts):
            yield shape, whole, self._indexer.names.whole_id(input_, shape, whole, nameless)
            nameless += whole.thread_id is None

    def _joined_threads(self, selection: Selection, seen: DiskSet) -> Iterator[Thread | Unreadable]:
        for thread_id in self._index.threads():
            known = not seen.add(thread_id)
            if not selection.wants(thread_id) or thread_id in self._index.held:
                continue
            if not known:
                yield self._assembler.joined(thread_id)
            elif self._index.blocks(thread_id).get(RecordKind.MESSAGE):
                yield _duplicate(self._assembler.origin(thread_id), thread_id, seen)

    def _problems(self, selection: Selection) -> Iterator[Unreadable]:
        for problem in self._index.problems():
            if problem.thread_id is None or selection.wants(problem.thread_id):
                yield problem

    def recognised(self) -> bool:
        """Whether any file is of a known format, whatever could be read of it."""
        return self._recogniser.met


def _weight(input_: Input) -> int:
    """The bytes of a file; what cannot be read is told when it is read."""
    try:
        return input_.size()
    except OSError:
        return 0


def _duplicate(origin: Origin, thread_id: str, seen: DiskSet) -> Unreadable:
    first = seen.note(thread_id)
    where = "the same file" if first == str(origin) else first
    detail = (
        f"{origin} holds the thread {thread_id} again; only the first, in {where}, is read. Set source.join: true "
        "to join them (each message id once, all in the order of their times), or remove one of the two."
    )
    return Unreadable(origin, "duplicate-thread-id", detail, thread_id)
