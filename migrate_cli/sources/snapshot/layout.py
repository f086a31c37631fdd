"""Where everything is in a snapshot, and its manifest: what each file holds, with counts and hashes.

    manifest.jsonl              a header with the counts, then one line for each file below
    threads/part-00001.jsonl.gz threads, one a line, with messages, runs and steps inside
    threads/long-00002.jsonl.gz one long thread: its object, its messages, runs and steps, each on a line
    assistants.jsonl.gz         assistants, as the host has them
    vector-stores.jsonl.gz      vector stores, as the host has them
    vector-stores-files.jsonl.gz  what is in each: a line for a file in a store
    files.jsonl.gz              facts of files, as the host has them
    files/ID/NAME               what could be downloaded
    file-report.jsonl.gz        for each file whether it is there, its hash, or why it is not
    unreadable.jsonl.gz         threads that could not be read, and why

Names that begin with a dot are the program's own, for resuming.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from migrate_cli.bounds import loads
from migrate_cli.errors import SourceError
from migrate_cli.model import JsonObject
from migrate_cli.sources.shapes.snapshot import HEADER

VERSION = 1
MANIFEST = "manifest.jsonl"
THREADS = "threads"
FILES = "files"
STORES = "vector-stores"
PROGRESS = ".progress.db"
ID_LIST = ".threads.db"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """One file of a snapshot."""

    name: str
    """Its path below the snapshot."""
    holds: str
    """`threads`, `assistants`, `vector-stores`, `vector-stores-files`, `files`, `file-report` or `unreadable`."""
    entries: int
    messages: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot holds."""

    source: str
    """The identity of the source."""
    complete: bool
    """Whether everything that was asked for has been read."""
    whole_source: bool
    """False when only a selection of the source's threads was asked for."""
    taken_at: float
    """Unix seconds of the last change."""
    counts: dict[str, int] = field(default_factory=dict)
    parts: tuple[SnapshotPart, ...] = ()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step."""
    head = {"object": HEADER, "version": VERSION, **{k: v for k, v in asdict(manifest).items() if k != "parts"}}
    lines = [head, *({"object": f"{HEADER}.part", **asdict(part)} for part in manifest.parts)]
    replace_file(folder / MANIFEST, b"".join(encoded(line) for line in lines))


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest. Raises SourceError where the folder holds none, or one of a newer version."""
    path = folder / MANIFEST
    try:
        head, *parts = [loads(line) for line in path.read_bytes().splitlines()]
        if head.get("object") != HEADER or int(head["version"]) > VERSION:
            raise SourceError(f"{path} was written by a newer version of migrate-cli; update it", code="snapshot-newer")
        names = SnapshotPart.__dataclass_fields__
        return Manifest(
            source=str(head["source"]),
            complete=bool(head["complete"]),
            whole_source=bool(head["whole_source"]),
            taken_at=float(head["taken_at"]),
            counts={str(name): int(count) for name, count in head["counts"].items()},
            parts=tuple(SnapshotPart(**{name: part[name] for name in names}) for part in parts),
        )
    except FileNotFoundError:
        detail = f"{folder} holds no snapshot: there is no {MANIFEST} in it; name the folder that snapshot wrote to"
        raise SourceError(detail, code="no-snapshot") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        detail = f"{path} cannot be read ({type(error).__name__}); restore it from a copy, or take the snapshot again"
        raise SourceError(detail, code="snapshot-damaged") from error


def lies_in(folder: Path, name: str) -> bool:
    """Whether a name in the manifest leads to a file of the snapshot: no link and no `..` may lead out of it."""
    path = folder / name
    return path.is_file() and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def is_snapshot(folder: Path) -> bool:
    """Whether a folder is a snapshot, by its manifest's first line."""
    path = folder / MANIFEST
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            head = loads(stream.readline(1 << 16))
    except (OSError, ValueError):
        return False
    return isinstance(head, dict) and head.get("object") == HEADER


def encoded(value: Any) -> bytes:
    """Return a value as one line; half of a surrogate pair stays an escape."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that there is either the old one or the whole new one, also after a power cut."""
    number, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        settle(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def settle(temporary: Path, path: Path) -> None:
    """Give a synced file its name, durably."""
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_lines(path: Path, values: Iterable[JsonObject]) -> int:
    """Write compressed lines in one step, and return how many there were."""
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        for count, value in enumerate(values, 1):  # noqa: B007 - the last number is the count
            yield encoded(value)

    replace_file(path, gzip.compress(b"".join(lines()), mtime=0))
    return count


def sha256_of(path: Path) -> str:
    """Return the hash of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
