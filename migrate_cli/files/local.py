"""The bytes of a file on this disk: how many, of what type, and their hash. Reads a little, or in pieces."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from migrate_cli.convert.media import MediaKind, kind_of
from migrate_cli.convert.sniff import HEAD_BYTES, sniff
from migrate_cli.sources.interface import FileInfo

PIECE = 1 << 20


class FileLook(Protocol):
    """What decides over a file: its name, size and kind, whether its bytes are here or only promised."""

    @property
    def filename(self) -> str:
        """The name it is sent under."""

    @property
    def bytes(self) -> int | None:
        """Its size; None if it was not recorded."""

    @property
    def media_type(self) -> str | None:
        """Told from its first bytes; None where they are not here, or tell nothing."""

    @property
    def kind(self) -> MediaKind:
        """What it is to the target."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that can be sent."""

    path: Path
    filename: str
    """The name it is sent under: the original one where the source knows it."""
    bytes: int
    media_type: str | None
    """Told from the first bytes; None where they tell nothing."""
    kind: MediaKind

    @property
    def content_type(self) -> str:
        """What to write over it in a form."""
        return self.media_type or mimetypes.guess_type(self.filename)[0] or "application/octet-stream"


def look_at(path: Path, filename: str | None = None) -> LocalFile:
    """Return what a file's size, name and first bytes tell. Raises OSError where it cannot be read."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    name = filename or path.name
    media_type = sniff(head)
    return LocalFile(path, name, path.stat().st_size, media_type, kind_of(name, media_type))


def of_source(info: FileInfo | None) -> LocalFile | None:
    """Return the source's bytes of a file, or None where there are none to be read."""
    if info is None or info.path is None:
        return None
    try:
        return look_at(info.path, info.filename)
    except OSError:
        return None


async def sha256_of(path: Path) -> str:
    """Return the hash of a file's bytes, in hexadecimal; the event loop goes on meanwhile."""
    return await asyncio.to_thread(_sha256, path)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
