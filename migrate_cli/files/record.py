"""Where records of files are kept, and how one becomes the fact that the converter is told.

Pure. It must not look at the disk, ask the target or decide what to do about a file.
"""

from __future__ import annotations

from typing import Protocol

from migrate_cli.convert.options import FileFact
from migrate_cli.model import FileRecord, Status
from migrate_cli.sources.interface import FileInfo


class FileMemory(Protocol):
    """Where records are kept from run to run: the state file."""

    def record(self, file_id: str) -> FileRecord | None:
        """Return what became of a file, or None."""

    def own_record(self, thread_id: str, file_id: str) -> FileRecord | None:
        """Return the record that one thread goes by instead, or None."""

    def note(self, file_id: str, record: FileRecord) -> None:
        """Note what became of a file; durable with the next commit."""

    def lost_files(self) -> list[tuple[str, FileRecord]]:
        """Return the files with uploads whose answer was lost, as far as they are on disk."""

    def knows_file(self, target_file_id: str) -> bool:
        """Whether any row names this file, as the target's or as the source's."""

    async def durable(self) -> None:
        """Return once all that was noted is on disk."""


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
