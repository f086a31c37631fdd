"""What the state file records of files: what became of each one, and which uploads may have left a copy.

It must not look at a file or decide what to do about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from migrate_cli.model import FileRecord, Lost, SentAs, Status
from migrate_cli.state.id_list import fact_line
from migrate_cli.state.session import StatePart, StateSession, named
from migrate_cli.state.statements import FILE
from migrate_cli.state.writer import PendingWrite


class FileRecords(StatePart):
    """Notes and answers what became of each file; implements `files.record.FileMemory`."""

    def __init__(self, session: StateSession) -> None:
        super().__init__(session)
        self._file_copies = bool(session.ask("SELECT 1 FROM file_copy LIMIT 1"))

    def note(self, file_id: str, record: FileRecord) -> None:
        """Note what became of a file; it has a transcript only where the user asked for transcripts."""
        now = self._session.seconds()
        row = (
            file_id, record.target_id, record.kind, record.bytes, record.sha256, record.status.value, record.detail,
            record.filename, record.media_type, record.transcript, record.lost.count, _lost_as(record.lost), now,
        )  # fmt: skip
        self._session.note([PendingWrite(FILE, [row], line=fact_line("file", row))])

    def record(self, file_id: str) -> FileRecord | None:
        """Return what became of a file, or None."""
        return self._first("SELECT * FROM file WHERE source_file_id = ?", file_id)

    def own_record(self, thread_id: str, file_id: str) -> FileRecord | None:
        """Return what the shard that loaded a thread knew of a file, where a merge found several answers; or None."""
        if not self._file_copies:
            return None
        sql = """SELECT file_copy.* FROM file_copy JOIN thread ON thread.origin = file_copy.origin
            WHERE thread.id = ? AND source_file_id = ?"""
        return self._first(sql, thread_id, file_id)

    def lost_files(self) -> list[tuple[str, FileRecord]]:
        """Return the files with uploads whose answer was lost."""
        rows = named(self._session.query("SELECT * FROM file WHERE lost_uploads > 0 ORDER BY source_file_id"))
        return [(row["source_file_id"], _record_of(row)) for row in rows]

    def knows_file(self, target_file_id: str) -> bool:
        """Whether any row names this file, as the target's or as the source's."""
        sql = """SELECT 1 FROM file WHERE target_file_id = ?1 OR source_file_id = ?1
            UNION ALL SELECT 1 FROM file_copy WHERE target_file_id = ?1 LIMIT 1"""
        return bool(self._session.ask(sql, target_file_id))

    def _first(self, sql: str, *values: str) -> FileRecord | None:
        row = next(named(self._session.query(sql, *values)), None)
        return None if row is None else _record_of(row)


def _record_of(row: Mapping[str, Any]) -> FileRecord:
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
