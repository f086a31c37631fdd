"""An export on disk as a source: whole threads are streamed, and what is spread over files is joined.

Two walks: the first looks at every file's beginning and indexes what belongs together (`scan.py`, `shelf.py`); the
second reads the files that hold whole threads, one at a time. Then the joined threads follow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from migrate_cli.errors import SourceError
from migrate_cli.model import JsonObject, Origin, Thread, Unreadable
from migrate_cli.sources.assemble import joined_thread, whole_thread
from migrate_cli.sources.filestore import files_of
from migrate_cli.sources.inputs import walk
from migrate_cli.sources.interface import FileInfo, Selection, ShapeTaken, Source
from migrate_cli.sources.records import Kind
from migrate_cli.sources.scan import Scanner, Tally, named_thread, stem
from migrate_cli.sources.shelf import Shelf


class ExportSource(Source):
    """A file or a folder of saved threads. Read-only; its temporary index goes with it."""

    kind = "export"

    def __init__(self, path: Path, only: str | None = None) -> None:
        self._path = path
        self._only = only
        self._shelf: Shelf | None = None
        self._surveyed = Tally()
        self._read = Tally()
        self._indexed: set[int] = set()
        self._whole = 0

    @property
    def identity(self) -> str:
        """The resolved path."""
        return str(self._path.resolve())

    def close(self) -> None:
        """Delete the temporary index."""
        if self._shelf is not None:
            self._shelf.close()
            self._shelf = None

    def threads(self, selection: Selection) -> Iterator[Thread | Unreadable]:
        """Yield whole threads in the order of their files, then joined ones, then what could not be read."""
        left = selection.limit
        seen: set[int] = set()
        for found in self._all(selection, seen):
            if isinstance(found, Thread) and left is not None:
                if left <= 0:
                    return
                left -= 1
            yield found

    def shapes(self) -> list[ShapeTaken]:
        """Return which shapes files were taken for."""
        both = Tally(dict(self._surveyed.files), dict(self._surveyed.examples))
        for name, count in self._read.files.items():
            both.files[name] = both.files.get(name, 0) + count
            both.examples.setdefault(name, self._read.examples[name])
        return both.shapes()

    def expected(self) -> int | None:
        """Return about how many threads there are."""
        return self._survey().count() + self._whole

    def assistants(self) -> Iterator[JsonObject]:
        """Yield the assistant objects, each id once."""
        yield from self._survey().objects(Kind.ASSISTANT)

    def files(self) -> Mapping[str, FileInfo]:
        """Return the file objects of the export and the bytes in its `files/` folders, by file id."""
        return files_of(self._path, self._survey().objects(Kind.FILE))

    def _survey(self) -> Shelf:
        if self._shelf is None:
            shelf = Shelf()
            scanner = Scanner(shelf, self._surveyed, self._only)
            for input_ in walk(self._path):
                if scanner.survey(input_):
                    self._indexed.add(_key(input_.name))
                else:
                    self._whole += 1
            self._shelf = shelf
        return self._shelf

    def _all(self, selection: Selection, seen: set[int]) -> Iterator[Thread | Unreadable]:
        shelf = self._survey()
        self._read = Tally()
        late = Shelf()
        try:
            yield from self._whole_threads(selection, seen, shelf, late)
            yield from self._joined_threads(selection, seen, shelf)
            yield from self._joined_threads(selection, seen, late)
            for where in (shelf, late):
                for origin, code, detail, thread_id in where.problems():
                    if selection.thread_ids is None or thread_id is None or selection.wants(thread_id):
                        yield Unreadable(origin, code, detail, thread_id)
        finally:
            late.close()
        self._refuse_nothing(seen, shelf)

    def _whole_threads(
        self, selection: Selection, seen: set[int], shelf: Shelf, late: Shelf
    ) -> Iterator[Thread | Unreadable]:
        scanner = Scanner(late, self._read, self._only)
        for input_ in walk(self._path):
            if _key(input_.name) in self._indexed:
                continue
            for shape, whole in scanner.pieces(input_):
                thread_id = whole.thread_id or named_thread(input_) or stem(input_)
                if not selection.wants(thread_id):
                    seen.add(_key(thread_id))
                elif _key(thread_id) in seen:
                    yield _duplicate(input_.origin, thread_id)
                else:
                    seen.add(_key(thread_id))
                    yield whole_thread(whole, thread_id, input_.origin, shape.name, shelf)

    def _joined_threads(self, selection: Selection, seen: set[int], shelf: Shelf) -> Iterator[Thread | Unreadable]:
        for thread_id in shelf.threads():
            if not selection.wants(thread_id):
                continue
            if _key(thread_id) not in seen:
                seen.add(_key(thread_id))
                yield joined_thread(thread_id, shelf)
            elif shelf.blocks(thread_id, Kind.MESSAGE):
                yield _duplicate(joined_thread(thread_id, shelf).origin, thread_id)

    def _refuse_nothing(self, seen: set[int], shelf: Shelf) -> None:
        if not seen and not any(True for _ in shelf.problems()):
            raise SourceError(f"{self._path} holds no threads: no file in it is JSON of a known shape.")


def _key(text: str) -> int:
    """Return 8 bytes for a name, so that a million names stay small."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _duplicate(origin: Origin, thread_id: str) -> Unreadable:
    detail = f"{origin} holds the thread {thread_id} once more; the first one is read. Remove one of the two."
    return Unreadable(origin, "duplicate-thread-id", detail, thread_id)
