"""Compares a snapshot with its manifest: every file there, every byte as it was written, every thread counted.

Read-only; what is wrong is returned, never repaired.
"""

from __future__ import annotations

import gzip
import shlex
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from migrate_cli.bounds import loads
from migrate_cli.model import Problem
from migrate_cli.sources.shapes.snapshot import THREAD
from migrate_cli.sources.snapshot.layout import (
    MANIFEST,
    THREADS,
    Manifest,
    SnapshotPart,
    lies_in,
    read_manifest,
    sha256_of,
)
from migrate_cli.sources.snapshot.source import entries_of


@dataclass(slots=True)
class Verified:
    """What was compared, and what was wrong."""

    manifest: Manifest
    parts: int = 0
    threads: int = 0
    messages: int = 0
    files: int = 0
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, code: str, message: str) -> None:
        """Record one difference."""
        self.problems.append(Problem(code, message))


def verify_snapshot(folder: Path) -> Verified:
    """Compare everything. Raises SourceError where there is no manifest to compare with."""
    verified = Verified(read_manifest(folder))
    if not verified.manifest.complete:
        verified.wrong(
            "snapshot-incomplete",
            f"{folder / MANIFEST}: the snapshot is not complete; run `migrate-cli snapshot --out "
            f"{shlex.quote(str(folder))}` again to resume it",
        )
    for part in verified.manifest.parts:
        if _same(verified, folder, part.name, part.bytes, part.sha256):
            verified.parts += 1
            _count(verified, folder, part)
    for entry in _reported(folder, verified.manifest):
        path, size, digest = entry.get("path"), entry.get("bytes"), entry.get("sha256")
        if isinstance(path, str) and _same(verified, folder, path, size, digest):
            verified.files += 1
    for name in _strays(folder, verified.manifest):
        verified.wrong("snapshot-stray", f"{name} is not in the manifest; remove it, or take the snapshot again")
    return verified


def _same(verified: Verified, folder: Path, name: str, size: object, digest: object) -> bool:
    path = folder / name
    if not lies_in(folder, name):
        what = "is not a file of this snapshot" if path.exists() else "is missing"
        verified.wrong("snapshot-part-missing", f"{name} {what}; restore it from a copy")
    elif path.stat().st_size != size:
        verified.wrong(
            "snapshot-damaged", f"{name} has {path.stat().st_size} bytes, not {size}; restore it from a copy"
        )
    elif sha256_of(path) != digest:
        verified.wrong("snapshot-damaged", f"{name} is not as it was written; restore it from a copy")
    else:
        return True
    return False


def _count(verified: Verified, folder: Path, part: SnapshotPart) -> None:
    if part.holds != "threads":
        return
    threads = messages = 0
    try:
        with gzip.open(folder / part.name) as lines:
            for line in lines:
                value = loads(line)
                kind = value.get("object")
                threads += kind in (THREAD, "thread")
                messages += len(value["messages"]) if kind == THREAD else kind == "thread.message"
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        verified.wrong("snapshot-damaged", f"{part.name} cannot be read ({type(error).__name__})")
        return
    verified.threads += threads
    verified.messages += messages
    if (threads, messages) != (part.entries, part.messages):
        verified.wrong(
            "snapshot-damaged",
            f"{part.name} holds {threads} threads and {messages} messages, not {part.entries} and {part.messages}",
        )


def _reported(folder: Path, manifest: Manifest) -> Iterator[dict[str, object]]:
    for part in manifest.parts:
        if part.holds == "file-report" and lies_in(folder, part.name):
            yield from entries_of(folder / part.name, "file")


def _strays(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Yield parts that nobody wrote. More files may lie in `files/`: people add what the host did not give out."""
    known = {part.name for part in manifest.parts}
    for path in sorted((folder / THREADS).glob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in known and not path.name.startswith("."):
            yield name
