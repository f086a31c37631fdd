"""Everything that a path stands for, as files: itself, a folder, archives in it, or standard input.

What must be unpacked goes to the source's temporary folder, once. It must not look at what the files mean.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO

from migrate_cli.errors import SourceError
from migrate_cli.model import Origin
from migrate_cli.sources.export.archives import ArchiveError, UnpackingBudget, is_archive, unpack
from migrate_cli.sources.export.inputs import Input, Refuse, file_parts, stored_files, walk

STDIN = "-"


class InputFiles:
    """The files of one source; `folder` is where unpacked ones go."""

    def __init__(self, path: str, folder: Path, refuse: Refuse) -> None:
        self._path = path
        self._folder = folder
        self._refuse = refuse
        self._unpacked: dict[Path, list[Input]] = {}
        self._root = Path(path).expanduser()
        if path == STDIN:
            self._root, self._digest = _spool_stdin(folder)

    @property
    def identity(self) -> str:
        """The resolved path; for standard input, a hash of what came in."""
        return f"stdin:sha256:{self._digest}" if self._path == STDIN else str(self._root.resolve())

    @property
    def single(self) -> bool:
        """Whether the source is one plain file, so that its fault is the whole source's."""
        return not self._root.is_dir() and not is_archive(self._top(), named=False)

    def __iter__(self) -> Iterator[Input]:
        """Yield all files that may hold objects, in a stable order; raises SourceError for an unreadable archive.

        What is refused is told again on each pass; the index keeps it once.
        """
        for input_ in self._found():
            if not _hidden(input_) and file_parts(_parts(input_)) is None:
                yield input_

    def stored(self) -> Iterator[tuple[tuple[str, ...], Path]]:
        """Yield the bytes that lie in `files/` folders: the path below it, and where the bytes are."""
        if self._root.is_dir():
            yield from stored_files(self._root)
        for members in self._unpacked.values():
            for member in members:
                inside = file_parts(_parts(member))
                if inside is not None and not _hidden(member):
                    yield inside, member.local

    def _found(self) -> Iterator[Input]:
        if not self._root.is_dir():
            top = self._top()
            yield from self._members(top) if is_archive(top, named=False) else [top]
            return
        for input_ in walk(self._root, self._refuse):
            yield from self._members(input_) if is_archive(input_) else [input_]

    def _top(self) -> Input:
        return Input(self._root, Origin("standard input" if self._path == STDIN else str(self._root)))

    def _members(self, archive: Input) -> list[Input]:
        known = self._unpacked.get(archive.local)
        if known is None:
            try:
                known = unpack(archive, self._folder / f"archive-{len(self._unpacked)}", self._refuse)
            except ArchiveError as error:
                if archive.local == self._root:
                    raise SourceError(f"{archive.origin}: {error}", code=error.code) from error
                self._refuse(archive.origin, error.code, str(error))
                known = []
            self._unpacked[archive.local] = known
        return known


def _parts(input_: Input) -> tuple[str, ...]:
    return PurePosixPath(input_.origin.member.replace("\\", "/")).parts if input_.origin.member else ()


def _hidden(input_: Input) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in _parts(input_))


def unpack_gzip(input_: Input, folder: Path, *, cut_off: bool = False) -> Path:
    """Decompress one file into the folder and return its path; raises ArchiveError for a bomb.

    Of one that breaks off, `cut_off` takes what there is; it raises EOFError otherwise.
    """
    with _new_file(folder) as plain, input_.open() as packed:
        with suppress(*((EOFError,) if cut_off else ())):
            UnpackingBudget(input_.size()).copy(packed, plain)
        return Path(plain.name)


def transcode(input_: Input, encoding: str, folder: Path) -> Path:
    """Rewrite a file of another encoding as UTF-8 and return its path; raises UnicodeError."""
    with _new_file(folder) as plain, input_.local.open(encoding=encoding, newline="") as text:
        while chunk := text.read(1 << 20):
            plain.write(chunk.encode("utf-8", "surrogatepass"))
        return Path(plain.name)


def _spool_stdin(folder: Path) -> tuple[Path, str]:
    digest = hashlib.sha256()
    with _new_file(folder) as plain:
        while chunk := sys.stdin.buffer.read(1 << 20):
            digest.update(chunk)
            plain.write(chunk)
        return Path(plain.name), digest.hexdigest()


def _new_file(folder: Path) -> IO[bytes]:
    """Open a new private file (mode 0600), whose name is its `name`."""
    return tempfile.NamedTemporaryFile(dir=folder, delete=False)
