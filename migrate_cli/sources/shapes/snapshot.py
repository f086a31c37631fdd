"""`snapshot`: the parts of an archive that `migrate-cli snapshot` wrote; see `snapshot_layout.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.findings import CATALOGUE
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes.base import Form, Loose, Piece, Remark, Shape
from migrate_cli.sources.shapes.thread_file import whole_thread

HEADER = "migrate-cli.snapshot"
"""The `object` of the first line of every file of a snapshot."""
THREAD = "migrate-cli.snapshot.thread"


class Snapshot(Shape):
    """JSON Lines: a header, then a thread a line with its messages, runs and steps inside, and what was noted."""

    name = "snapshot"
    description = "the parts of an archive that `migrate-cli snapshot` wrote"
    form = Form.LINES
    whole = True
    orders = proof = "the snapshot"

    def matches(self, value: Any) -> bool:
        """Recognise the header."""
        return type(value) is dict and value.get("object") == HEADER

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the thread of one line; lines that hold none belong to the manifest or tell what was not saved."""
        kind = str(value.get("object")) if type(value) is dict else ""
        if kind == THREAD:
            whole = whole_thread({key: entry for key, entry in value.items() if key not in ("object", "findings")})
            whole.remarks = (*whole.remarks, *_remarks(value.get("findings")))
            yield whole
        elif kind.startswith(HEADER):
            yield Loose(RecordKind.OTHER, [])


def _remarks(findings: Any) -> Iterator[Remark]:
    for entry in findings if isinstance(findings, list) else ():
        if isinstance(entry, dict) and entry.get("code") in CATALOGUE:
            yield Remark(entry["code"], str(entry.get("detail")))
