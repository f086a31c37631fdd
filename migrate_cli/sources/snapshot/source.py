"""A snapshot as a source: an export whose manifest says what must be there, and what could not be read from the host.

Reading is the export's; this adds what only the manifest knows. Hashes are compared by `snapshot --verify`, not here.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from migrate_cli.bounds import bounds, loads, too_long
from migrate_cli.model import JsonObject, Origin, Thread, Unreadable
from migrate_cli.sources.export.source import ExportSource
from migrate_cli.sources.interface import Selection
from migrate_cli.sources.shapes import ShapeTable
from migrate_cli.sources.shapes.snapshot import HEADER
from migrate_cli.sources.snapshot.layout import MANIFEST, lies_in, read_manifest


class SnapshotSource(ExportSource):
    """A folder that `migrate-cli snapshot` wrote. Raises SourceError where its manifest cannot be read."""

    kind = "snapshot"

    def __init__(self, path: str) -> None:
        super().__init__(path, ShapeTable())
        self._folder = Path(path).expanduser()
        self._manifest = read_manifest(self._folder)

    def threads(self, selection: Selection) -> Iterator[Thread | Unreadable]:
        """Yield the threads of the export, then what is missing according to the manifest."""
        left = selection.limit
        for entry in super().threads(selection):
            yield entry
            if isinstance(entry, Thread) and left is not None:
                left -= 1
        if left is None or left > 0:
            yield from self._missing(selection)

    def expected(self) -> int | None:
        """Return the number of threads in the manifest."""
        return self._manifest.counts.get("threads")

    def _missing(self, selection: Selection) -> Iterator[Unreadable]:
        for entry in self._unreadable():
            thread_id = entry.get("thread_id")
            if thread_id is None or selection.wants(thread_id):
                code, detail = str(entry.get("code")), f"When the snapshot was taken: {entry.get('detail')}"
                yield Unreadable(Origin(str(entry.get("origin"))), code, detail, thread_id)
        if selection.thread_ids is not None:
            return
        for part in self._manifest.parts:
            if not lies_in(self._folder, part.name):
                detail = f"{part.name} is missing, with {part.entries} entries of {part.holds}; restore it from a copy."
                yield Unreadable(Origin(str(self._folder / part.name)), "snapshot-part-missing", detail)
        if not self._manifest.complete:
            detail = "The snapshot is not complete; run `migrate-cli snapshot` again to resume it."
            yield Unreadable(Origin(str(self._folder / MANIFEST)), "snapshot-incomplete", detail)

    def _unreadable(self) -> Iterator[JsonObject]:
        for part in self._manifest.parts:
            if part.holds == "unreadable" and lies_in(self._folder, part.name):
                yield from entries_of(self._folder / part.name, "unreadable")


def entries_of(path: Path, kind: str) -> Iterator[JsonObject]:
    """Yield the lines of one of a snapshot's lists; nothing where it is missing or damaged, which others tell."""
    try:
        with gzip.open(path) as packed:
            text = packed.read(bounds().string_bytes + 1)
        if len(text) > bounds().string_bytes:
            raise ValueError(too_long("a list"))
        values = [loads(line) for line in text.splitlines()]
    except (OSError, EOFError, zlib.error, ValueError):
        return
    yield from (value for value in values if value.get("object") == f"{HEADER}.{kind}")
