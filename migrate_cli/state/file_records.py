"""What the state file records of files: what became of each one, and which uploads may have left a copy.

It must not look at a file or decide what to do about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate_cli.state import statements
from migrate_cli.state.session import StatePart, StateSession


class FileRecords(StatePart):
    """Notes and answers what became of each file; implements `files.record.FileMemory`."""

    def __init__(self, session: StateSession) -> None:
        super().__init__(session)
        self._file_copies = bool(session.ask("SELECT 1 FROM file_copy LIMIT 1"))

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
        """Note what became of a file; `transcript` is only given where the user asked for transcripts."""
        known = (target_file_id, kind, bytes, sha256, status, detail, filename, media_type, transcript)
        row = (source_file_id, *known, lost_uploads, lost_as)
        self._session.note(statements.file(row, self._session.seconds()))

    def file_row(self, source_file_id: str) -> dict[str, Any] | None:
        """Return what became of a file: all columns of the table `file`, or None."""
        cursor = self._session.query("SELECT * FROM file WHERE source_file_id = ?", source_file_id)
        row = cursor.fetchone()
        return None if row is None else dict(zip([column[0] for column in cursor.description], row, strict=True))

    def own_file_row(self, thread_id: str, source_file_id: str) -> dict[str, Any] | None:
        """Return what the shard that loaded a thread knew of a file, where a merge found several answers; or None."""
        if not self._file_copies:
            return None
        sql = """SELECT file_copy.* FROM file_copy JOIN thread ON thread.origin = file_copy.origin
            WHERE thread.id = ? AND source_file_id = ?"""
        cursor = self._session.query(sql, thread_id, source_file_id)
        row = cursor.fetchone()
        return None if row is None else dict(zip([column[0] for column in cursor.description], row, strict=True))

    def lost_files(self) -> list[Mapping[str, Any]]:
        """Return the rows of files with uploads whose answer was lost."""
        cursor = self._session.query("SELECT * FROM file WHERE lost_uploads > 0 ORDER BY source_file_id")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def knows_file(self, target_file_id: str) -> bool:
        """Whether any row names this file, as the target's or as the source's."""
        sql = """SELECT 1 FROM file WHERE target_file_id = ?1 OR source_file_id = ?1
            UNION ALL SELECT 1 FROM file_copy WHERE target_file_id = ?1 LIMIT 1"""
        return bool(self._session.ask(sql, target_file_id))
