"""What is known of one file, as a value: it comes from the state file, goes there, and becomes the converter's fact.

Pure. It must not look at the disk, ask the target or decide what to do about a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

from migrate_cli.convert.options import FileFact
from migrate_cli.model import FileRecord, Lost, SentAs, Status
from migrate_cli.sources.interface import FileInfo


class FileMemory(Protocol):
    """Where records are kept from run to run: the state file."""

    def file_row(self, source_file_id: str) -> Mapping[str, Any] | None:
        """Return the row of a file, or None."""

    def own_file_row(self, thread_id: str, source_file_id: str) -> Mapping[str, Any] | None:
        """Return the row that one thread goes by instead, or None."""

    def file(
        self,
        source_file_id: str,
        target_file_id: str | None,
        status: str,
        *,
        kind: str | None = None,
        bytes: int | None = None,
        sha256: str | None = None,
        detail: str | None = None,
        filename: str | None = None,
        media_type: str | None = None,
        transcript: str | None = None,
        lost_uploads: int = 0,
        lost_as: str | None = None,
    ) -> None:
        """Note a file."""

    def lost_files(self) -> list[Mapping[str, Any]]:
        """Return the rows of files with uploads whose answer was lost, as far as they are on disk."""

    def knows_file(self, target_file_id: str) -> bool:
        """Whether any row names this file, as the target's or as the source's."""

    async def durable(self) -> None:
        """Return once all that was noted is on disk."""


def record_of(row: Mapping[str, Any]) -> FileRecord:
    """Return the record in a row of the table `file`."""
    return FileRecord(
        status=Status(row["status"]),
        target_id=row["target_file_id"],
        kind=row["kind"],
        bytes=row["bytes"],
        sha256=row["sha256"],
        filename=row["filename"],
        media_type=row["media_type"],
        transcript=row["transcript"],
        detail=row["detail"],
        lost=_lost_of(row["lost_uploads"], row["lost_as"]),
    )


def _lost_of(count: int, lost_as: str | None) -> Lost:
    """Losses that an older version noted are known by their number alone."""
    if not count or lost_as is None:
        return Lost(count)
    told = json.loads(lost_as)
    return Lost(count, told["since"], told["last"], SentAs(**told["sent_as"]) if told["sent_as"] else None)


def _lost_as(lost: Lost) -> str | None:
    if not lost.count:
        return None
    sent_as = asdict(lost.sent_as) if lost.sent_as else None
    return json.dumps({"since": lost.since, "last": lost.last, "sent_as": sent_as})


def note(memory: FileMemory, file_id: str, record: FileRecord) -> None:
    """Note a record; durable with the next commit."""
    memory.file(
        file_id,
        record.target_id,
        record.status.value,
        kind=record.kind,
        bytes=record.bytes,
        sha256=record.sha256,
        detail=record.detail,
        filename=record.filename,
        media_type=record.media_type,
        transcript=record.transcript,
        lost_uploads=record.lost.count,
        lost_as=_lost_as(record.lost),
    )


def fact_of(record: FileRecord | None, info: FileInfo | None, media_type: str | None = None) -> FileFact:
    """Return what the converter is told: the record, completed by what the source knows."""
    name, size = (info.filename, info.bytes) if info else (None, None)
    if record is None:
        return FileFact(filename=name, bytes=size, media_type=media_type)
    return FileFact(
        status=_TOLD[record.status],
        target_id=record.target_id,
        filename=record.filename or name,
        bytes=record.bytes if record.bytes is not None else size,
        media_type=record.media_type or media_type,
        transcript=record.transcript,
        reason=record.detail,
    )


_TOLD = {
    Status.PRESENT: "present",
    Status.MISSING: "missing",
    Status.UNKNOWN: "unknown",
    Status.UPLOADED: "uploaded",
    Status.REFUSED: "missing",
    Status.TRANSCRIBED: "unknown",
    Status.UNTRANSCRIBED: "unknown",
}
"""The words of `FileFact.status`; a transcript says nothing about the target, which need not have the file."""
