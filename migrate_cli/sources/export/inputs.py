"""One file of an export, and the walk over a folder of them in a stable order.

It must not know what is inside a file; that is told by content, in `recognise.py`.
"""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import IO, Any, cast

from migrate_cli.errors import SourceError
from migrate_cli.model import Origin
from migrate_cli.sources.export.folder import entries
from migrate_cli.sources.read_meter import ReadMeter

GZIP_MAGIC = b"\x1f\x8b"
SQLITE_MAGIC = b"SQLite format 3\0"
BESIDE_A_STATE = (".lock", ".map.jsonl")
"""JSON that `apply` writes next to its state file, under the state file's name."""
FILES_FOLDER = "files"
"""The folder of an export that holds the bytes of files."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file of an export: where its bytes are now, and where the user knows it from."""

    local: Path
    origin: Origin
    meter: ReadMeter | None = field(default=None, kw_only=True, compare=False, repr=False)
    """Is told what is read of it."""

    @property
    def name(self) -> str:
        """The name to judge by: the member's where it came out of an archive."""
        return self.origin.member or self.origin.path

    @property
    def suffix(self) -> str:
        """The name's last suffix in lower case, compression aside."""
        return PurePath(self.name.removesuffix(".gz")).suffix.lower()

    def open(self) -> IO[bytes]:
        """Open for reading, decompressed if the bytes are gzip (told by their magic, not by the name)."""
        stream = cast(io.BufferedReader, self.local.open("rb") if self.meter is None else self.meter.open(self.local))
        if stream.peek(2)[:2] != GZIP_MAGIC:
            return stream
        return cast(IO[bytes], _GzipWithFile(stream))

    def read(self) -> bytes:
        """Return all bytes, decompressed."""
        with self.open() as stream:
            return stream.read()

    def compressed(self) -> bool:
        """Whether the bytes on disk are gzip."""
        with self.local.open("rb") as stream:
            return stream.read(2) == GZIP_MAGIC

    def size(self) -> int:
        """Return the bytes on disk."""
        return self.local.stat().st_size


@dataclass(frozen=True, slots=True)
class InputSlice(Input):
    """A part of a plain file, such as one very long line."""

    start: int
    end: int
    """Bytes, the last excluded."""

    def open(self) -> IO[bytes]:
        """Open for reading; nothing before or behind the section is seen."""
        return cast(IO[bytes], io.BufferedReader(_Window(self.local.open("rb"), self.start, self.end)))

    def compressed(self) -> bool:
        """A section of plain text is never packed."""
        return False

    def size(self) -> int:
        """Return the bytes of the section."""
        return self.end - self.start


class _Window(io.RawIOBase):
    """Reads a file from one place to another, and closes it."""

    def __init__(self, below: IO[bytes], start: int, end: int) -> None:
        below.seek(start)
        self._below = below
        self._left = end - start

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the section goes."""
        data = self._below.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self) -> None:
        """Close both."""
        try:
            super().close()
        finally:
            self._below.close()


class _GzipWithFile(gzip.GzipFile):
    """A gzip stream that closes the file below it."""

    def __init__(self, below: IO[bytes]) -> None:
        super().__init__(fileobj=below, mode="rb")
        self._below = below

    def close(self) -> None:
        """Close both."""
        try:
            super().close()
        finally:
            self._below.close()


Refuse = Callable[[Origin, str, str], None]
"""Is told of what is not read: origin, code, sentence."""


def _silent(*_: object) -> None:
    """What is refused is told elsewhere."""


def walk(root: Path, refuse: Refuse = _silent) -> Iterator[Input]:
    """Yield the files below a folder, or the one file, in a stable order; raises SourceError where it is unreadable.

    Hidden entries and folders called `files` are left out, as are the lock and the map of ids beside a state file. What
    cannot be read below the root, and each link that leaves it, goes to `refuse`.
    """
    if not root.is_dir():
        yield Input(root, Origin(str(root)))
        return
    for path, inside in _walk(root, refuse):
        if inside is None and not _is_beside_a_state(path):
            yield Input(Path(path), Origin(path))


def _walk(root: Path, refuse: Refuse) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """Yield each file's path and, below a folder called `files`, the path from there on, in parts.

    Only the names of the folders on the way down are held.
    """
    top = os.path.realpath(root)
    first: tuple[str, ...] | None = None
    below = [(str(root), first, entries(root, top))]
    while below:
        folder, inside, left = below[-1]
        try:
            entry = next(left, None)
        except SourceError as error:
            if len(below) == 1:
                raise
            refuse(Origin(folder), "file-unreadable", str(error))
            entry = None
        if entry is None:
            below.pop()
            continue
        name = os.fsdecode(entry.name)
        path = os.path.join(folder, name)  # noqa: PTH118 - a Path for each file costs more
        if entry.fault is not None:
            refuse(Origin(path), "entry-refused", f"{path} is {entry.fault}; it was not read.")
        elif not entry.is_folder:
            yield path, None if inside is None else (*inside, name)
        else:
            started = () if name == FILES_FOLDER else None
            below.append((path, started if inside is None else (*inside, name), entries(Path(path), top)))


def _is_beside_a_state(path: str) -> bool:
    """Whether a file is the lock or the map of ids next to a state file, which may lie in the folder of the export."""
    stem = next((path.removesuffix(own) for own in BESIDE_A_STATE if path.endswith(own)), None)
    return stem is not None and is_database(Path(stem))


def is_database(path: Path) -> bool:
    """Whether a path leads to an SQLite database, by its first bytes. A pipe is left alone."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return stream.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    except OSError:
        return False


def stored_files(root: Path, refuse: Refuse = _silent) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Yield what lies in folders called `files`: the path below that folder, in parts, and the file."""
    for path, inside in _walk(root, refuse):
        if inside is not None:
            yield inside, Path(path)


def file_parts(parts: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the part of a path below its first folder called `files`, or None if there is none."""
    if FILES_FOLDER not in parts[:-1]:
        return None
    return parts[parts.index(FILES_FOLDER) + 1 :]
