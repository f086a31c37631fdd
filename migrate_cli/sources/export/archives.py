"""Unpacks zip and tar archives into a private folder, and refuses members that a legitimate archive does not have.

Members are written under numbers, never under their own names, so that none can escape from the folder; links, devices
and names that point outside are refused nevertheless, and a decompression bomb stops the whole archive. An archive has
to prove that it is complete, a zip by its directory and a tar by two blocks of zeros; otherwise it is reported as
truncated, and its complete members are read.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from migrate_cli.model import Origin
from migrate_cli.sources.export.folder import order
from migrate_cli.sources.export.inputs import GZIP_MAGIC, Input, Refuse, file_parts

MAX_RATIO = 200
"""JSON usually compresses to a tenth, rarely to a fiftieth; a bomb to a thousandth or less."""
ALWAYS_ALLOWED = 256 << 20
"""Unpacked size in bytes that is always allowed, whatever the ratio."""
_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_PACKERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    GZIP_MAGIC: lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_BLOCK = tarfile.BLOCKSIZE
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)
_CHUNK = 1 << 20
_PIECE = 1 << 12
"""Bytes per read from tarfile, which returns nothing of a read that hits the end of a truncated archive."""


class ArchiveError(Exception):
    """The archive as a whole is refused, with a `code` and a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(slots=True)
class UnpackingBudget:
    """The number of bytes that may still be unpacked from one compressed file."""

    packed: int
    unpacked: int = 0

    def spend(self, count: int) -> None:
        """Count unpacked bytes. Raises ArchiveError for a bomb."""
        self.unpacked += count
        if self.unpacked > max(ALWAYS_ALLOWED, MAX_RATIO * self.packed):
            detail = (
                f"It expands to more than {MAX_RATIO} times its size, like a decompression bomb; unpack it by hand."
            )
            raise ArchiveError("archive-bomb", detail)

    def copy(self, packed: IO[bytes], plain: IO[bytes], size: int = _CHUNK) -> None:
        """Copy and count a decompressing stream. Of a truncated one, everything before the end is copied."""
        while chunk := cast(bytes, getattr(packed, "read1", packed.read)(size)):
            self.spend(len(chunk))
            plain.write(chunk)


def is_archive(input_: Input, *, named: bool = True) -> bool:
    """Whether a file is a zip or tar archive by its content and, if `named`, also by its suffix.

    Office documents are zip archives too, so inside a folder the suffix must agree. An archive that was truncated very
    early can only be recognised by its suffix.
    """
    suffixed = input_.name.lower().endswith(_SUFFIXES)
    if named and not suffixed:
        return False
    return _is_zip(input_) or _is_tar(input_) or (suffixed and not _looks_json(input_))


def _is_zip(input_: Input) -> bool:
    return _raw_head(input_).startswith(_ZIP_MAGIC) or zipfile.is_zipfile(input_.local)


def _is_tar(input_: Input) -> bool:
    head = _head(input_)
    if head[257:262] == b"ustar":
        return True
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def _looks_json(input_: Input) -> bool:
    return _head(input_).lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))


def _raw_head(input_: Input) -> bytes:
    try:
        with input_.local.open("rb") as stream:
            return stream.read(8)
    except OSError:
        return b""


def _head(input_: Input) -> bytes:
    """The first block, decompressed as far as possible."""
    try:
        with _plain(input_) as stream:
            return cast(bytes, stream.read(_BLOCK))
    except (OSError, EOFError, *_DAMAGED):
        return b""


def _plain(input_: Input) -> Any:
    """Open a file and decompress it. All supported formats detect truncated data."""
    raw = input_.local.open("rb")
    head = raw.peek(8)
    packer = next((packer for magic, packer in _PACKERS.items() if head.startswith(magic)), None)
    return raw if packer is None else _Closing(packer(raw), raw)


class _Closing(io.RawIOBase):
    """A decompressing stream that closes the underlying file."""

    def __init__(self, stream: Any, below: IO[bytes]) -> None:
        self._stream = stream
        self._below = below

    def read(self, size: int = -1) -> bytes:
        """Read unpacked bytes."""
        return cast(bytes, self._stream.read1(size) if size >= 0 else self._stream.read())

    def close(self) -> None:
        """Close both."""
        super().close()
        self._stream.close()
        self._below.close()


def unpack(archive: Input, folder: Path, refuse: Refuse) -> list[Input]:
    """Unpack into an empty folder; return the members in natural order of their names. Raises ArchiveError."""
    folder.mkdir(mode=0o700)
    unpacking = _Unpacking(archive, folder, refuse)
    if archive.size() == 0:
        raise ArchiveError("file-empty", f"{archive.origin} is empty; export it again, or remove it.")
    if _is_zip(archive):
        unpacking.zip()
    else:
        unpacking.tar()
    return sorted(unpacking.found, key=lambda member: order(member.name))


class _Unpacking:
    """The extraction of one archive into a folder."""

    def __init__(self, archive: Input, folder: Path, refuse: Refuse) -> None:
        self._archive = archive
        self._folder = folder
        self.refuse = refuse
        """Called for each member that is not read."""
        self._budget = UnpackingBudget(archive.size())
        self.found: list[Input] = []
        self._met = 0
        self._damaged = False

    def zip(self) -> None:
        """Unpack a zip archive, whose members are independent of each other."""
        if not zipfile.is_zipfile(self._archive.local):
            self.problem("file-cut-off", "is truncated: the list of its members, at its end, is missing")
            return
        try:
            with zipfile.ZipFile(self._archive.local) as opened:
                for info in opened.infolist():
                    if not info.is_dir():
                        self._zip_member(opened, info)
        except (*_DAMAGED, NotImplementedError):
            self.problem("archive-damaged", "is damaged")
        if self._damaged and not self.found:
            self.problem("archive-damaged", "is damaged")

    def _zip_member(self, opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        link = "a link" if stat.S_ISLNK(info.external_attr >> 16) else None
        origin = self._welcome(info.filename, link)
        if origin is None:
            return
        try:
            with opened.open(info) as packed:
                self._put(origin, packed)
        except (*_DAMAGED, EOFError):
            self._damaged = True
            self.refuse(origin, "archive-damaged", f"{origin} is damaged; download or copy the archive again.")
        except NotImplementedError:
            detail = f"{origin} is compressed in a way that is not supported; unpack the archive by hand."
            self.refuse(origin, "archive-damaged", detail)
        except RuntimeError as error:  # zipfile raises this if a password is needed
            detail = f"{self._archive.origin} is encrypted; unpack it by hand."
            raise ArchiveError("archive-encrypted", detail) from error

    def tar(self) -> None:
        """Unpack a tar archive, compressed or not, up to the point where it is truncated."""
        stream = None
        try:
            with _plain(self._archive) as plain:
                stream = _Tail(plain, UnpackingBudget(self._archive.size()))
                with tarfile.open(fileobj=stream, mode="r|") as opened:  # type: ignore[call-overload]  # it reads, that is all
                    for info in opened:
                        self._tar_member(opened, info)
                    end = opened.offset
                stream.drain()
        except EOFError:
            self.problem("file-cut-off", "is truncated")
        except _DAMAGED:
            ended = stream is not None and stream.ended
            self.problem(*(("file-cut-off", "is truncated") if ended else ("archive-damaged", "is damaged")))
        except OSError as error:
            if error.errno is not None:
                raise
            self.problem("archive-damaged", "is damaged")
        else:
            self._check_end(stream, end)

    def _check_end(self, stream: _Tail, end: int) -> None:
        """Check the end of a tar archive, because tarfile accepts any end."""
        if stream.meant > end and stream.length - end >= _BLOCK:
            self.problem("archive-damaged", f"continues after {end:,} bytes with data that is not a member of it")
        elif stream.length - end < 2 * _BLOCK:
            self.problem("file-cut-off", "is truncated: the zeros at its end are missing")

    def _tar_member(self, opened: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        if info.isdir():
            return
        fault = None if info.isreg() else "a link" if info.issym() or info.islnk() else "a device"
        origin = self._welcome(info.name, fault)
        packed = None if origin is None else opened.extractfile(info)
        if origin is not None and packed is not None:
            with packed:
                self._put(origin, packed, partly=True)

    def _welcome(self, name: str, fault: str | None) -> Origin | None:
        """Return the origin of a member; None if it is refused."""
        origin = Origin(self._archive.origin.path, name)
        fault = fault or _leaves_folder(name)
        if fault is not None:
            self.refuse(origin, "archive-member-refused", f"{origin} is {fault}; it was not read.")
            return None
        return origin

    def _put(self, origin: Origin, packed: IO[bytes], *, partly: bool = False) -> None:
        """Write a member. With `partly`, keep what there is of a truncated member, unless it is an attached file."""
        local = self._folder / f"{self._met}{PurePosixPath(origin.member or '').suffix[:10]}"
        self._met += 1
        try:
            with local.open("xb") as plain:
                self._budget.copy(packed, plain, _PIECE if partly else _CHUNK)
        except (EOFError, tarfile.ReadError):
            if partly and local.stat().st_size and file_parts(PurePosixPath(origin.member or "").parts) is None:
                self.found.append(Input(local, origin))
            raise
        self.found.append(Input(local, origin))

    def problem(self, code: str, what: str) -> None:
        """Report a truncated archive. Raises ArchiveError if nothing of it could be read."""
        detail = f"{self._archive.origin} {what}; download or copy it again."
        if not self.found:
            raise ArchiveError(code, detail)
        self.refuse(self._archive.origin, code, f"{detail} The members before it were read.")


class _Tail:
    """Wraps a stream and records about its end what tarfile does not report."""

    def __init__(self, stream: Any, budget: UnpackingBudget) -> None:
        self._stream = stream
        self._budget = budget
        self.length = 0
        """Bytes read so far."""
        self.meant = 0
        """The offset after the last non-zero byte."""
        self.ended = False

    def read(self, size: int = -1) -> bytes:
        """Read and inspect the data."""
        data: bytes = self._stream.read(size)
        self.ended |= not data
        self._budget.spend(len(data))
        kept = len(data.rstrip(b"\0"))
        if kept:
            self.meant = self.length + kept
        self.length += len(data)
        return data

    def drain(self) -> None:
        """Read the rest, so that a compressed stream checks its end too."""
        while self.read(_CHUNK):
            pass


def _leaves_folder(name: str) -> str | None:
    plain = name.replace("\\", "/")
    if plain.startswith("/") or ":" in plain.split("/", 1)[0] or ".." in plain.split("/"):
        return "outside of the archive's folder"
    return None
