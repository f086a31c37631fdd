"""Unpacks zip and tar archives into a private folder, and refuses what an honest archive does not hold.

Members are written under numbers, never under their own names, so that none can leave the folder; links, devices and
names that point outside are refused all the same, and a bomb stops the whole archive.
"""

from __future__ import annotations

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from migrate_cli.model import Origin
from migrate_cli.sources.folder import order
from migrate_cli.sources.inputs import Input, Refuse

MAX_RATIO = 200
"""Honest JSON shrinks to a tenth, seldom to a fiftieth; a bomb to a thousandth and less."""
ALWAYS_ALLOWED = 256 << 20
"""Bytes that an archive may always unpack to, whatever the ratio."""
_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_CHUNK = 1 << 20


class ArchiveError(Exception):
    """The archive as a whole is refused: `code` and a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(slots=True)
class Budget:
    """How many bytes may still be unpacked from one compressed file."""

    packed: int
    unpacked: int = 0

    def spend(self, count: int) -> None:
        """Count unpacked bytes; raises ArchiveError for a bomb."""
        self.unpacked += count
        if self.unpacked > max(ALWAYS_ALLOWED, MAX_RATIO * self.packed):
            detail = f"It unpacks to more than {MAX_RATIO} times its size, as only a bomb does; unpack it by hand."
            raise ArchiveError("archive-bomb", detail)

    def copy(self, packed: IO[bytes], plain: IO[bytes]) -> None:
        """Copy a decompressing stream, counting."""
        while chunk := packed.read(_CHUNK):
            self.spend(len(chunk))
            plain.write(chunk)


def is_archive(input_: Input, *, named: bool = True) -> bool:
    """Whether a file is a zip or tar archive by its bytes and, where `named`, by its suffix too.

    Office documents are zip archives as well, so inside a folder the suffix must agree.
    """
    if named and not input_.name.lower().endswith(_SUFFIXES):
        return False
    return zipfile.is_zipfile(input_.local) or _is_tar(input_)


def _is_tar(input_: Input) -> bool:
    try:
        with input_.open() as stream:
            head = stream.read(512)
    except (OSError, EOFError, zlib.error):
        return False
    return head[257:262] == b"ustar" or (input_.name.lower().endswith(_SUFFIXES) and tarfile.is_tarfile(input_.local))


def unpack(archive: Input, folder: Path, refuse: Refuse) -> list[Input]:
    """Unpack into an empty folder and return the members, in natural order of their names; raises ArchiveError."""
    folder.mkdir(mode=0o700)
    budget = Budget(archive.size())
    found = []
    try:
        members = _zip_members(archive) if zipfile.is_zipfile(archive.local) else _tar_members(archive)
        for number, (name, fault, opened) in enumerate(members):
            origin = Origin(archive.origin.path, name)
            fault = fault or _leaves_folder(name)  # noqa: PLW2901 - the name's fault counts where nothing else does
            if fault is not None or opened is None:
                refuse(origin, "archive-member-refused", f"{origin} is {fault}; it was not read.")
                continue
            local = folder / f"{number}{PurePosixPath(name).suffix[:10]}"
            with opened as packed, local.open("xb") as plain:
                budget.copy(packed, plain)
            found.append(Input(local, origin))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, NotImplementedError) as error:
        detail = f"{archive.origin} is damaged or cut off ({type(error).__name__}); download or copy it again."
        if not found:
            raise ArchiveError("archive-damaged", detail) from error
        refuse(archive.origin, "archive-damaged", f"{detail} The members before were read.")
    except RuntimeError as error:  # zipfile's way to ask for a password
        raise ArchiveError("archive-encrypted", f"{archive.origin} is encrypted; unpack it by hand.") from error
    return sorted(found, key=lambda member: order(member.name))


Member = tuple[str, str | None, IO[bytes] | None]
"""A member's name, what is wrong with it, and its bytes."""


def _zip_members(archive: Input) -> Iterator[Member]:
    with zipfile.ZipFile(archive.local) as opened:
        for info in opened.infolist():
            if info.is_dir():
                continue
            linked = stat.S_ISLNK(info.external_attr >> 16)
            yield info.filename, "a link" if linked else None, None if linked else opened.open(info)


def _tar_members(archive: Input) -> Iterator[Member]:
    with tarfile.open(archive.local, "r|*") as opened:
        for info in opened:
            if info.isdir():
                continue
            if info.isreg():
                yield info.name, None, opened.extractfile(info)
            else:
                yield info.name, "a link" if info.issym() or info.islnk() else "a device", None


def _leaves_folder(name: str) -> str | None:
    plain = name.replace("\\", "/")
    if plain.startswith("/") or ":" in plain.split("/", 1)[0] or ".." in plain.split("/"):
        return "outside of the archive's folder"
    return None
