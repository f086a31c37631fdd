"""Finds out about files again after the state file was lost: nothing is uploaded, and nothing is transcribed.

Whether the target has a file is asked. Under which id a file was uploaded nobody can ask: a conversation that is
otherwise the thread's names it, and from then on it is known. It must not send anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from migrate_cli.files.dry_run import FileDryRun
from migrate_cli.files.host import FileHost
from migrate_cli.files.local import LocalFile, sha256_of
from migrate_cli.files.needs import Need
from migrate_cli.files.record import FileMemory
from migrate_cli.files.transfer import FileChecker, TransferJob
from migrate_cli.model import FileRecord, Finding, Status


class FileRecovery:
    """What is known of files, for `recover`; the facts that it finds out are noted as `apply` notes them."""

    def __init__(self, host: FileHost, memory: FileMemory) -> None:
        self.counts: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self._checker = FileChecker(host, self.findings)
        self._foretold = FileDryRun(None)
        self._memory = memory
        self._uploads: dict[str, FileRecord] = {}
        """Files that must have been uploaded, as their records would be but for the id."""
        self._ids: dict[str, str] = {}
        """Their ids at the target, as far as they are known."""

    async def do(self, job: TransferJob) -> FileRecord | None:
        """Return what is known of a file; one that was uploaded has no id yet."""
        if job.need is Need.CHECK:
            record = await self._checker.check(job.file_id)
            if record is not None:
                self._memory.note(job.file_id, record)
        else:
            record = await self._foretold.do(job)
        if record is not None and record.status is Status.UPLOADED:
            local = job.local
            sha256 = await sha256_of(local.path) if isinstance(local, LocalFile) else None
            record = self._uploads.setdefault(job.file_id, replace(record, sha256=sha256))
        elif record is not None:
            self.counts[record.status.value] += 1
        return record

    def may_be(self, file_id: str, target_id: str) -> bool:
        """Whether an upload of this file may have got this id."""
        return file_id in self._uploads and self._ids.get(file_id, target_id) == target_id

    def learn(self, ids: Mapping[str, str]) -> None:
        """Note the ids that files have at the target."""
        for file_id, target_id in ids.items():
            if self._ids.setdefault(file_id, target_id) == target_id:
                self._memory.note(file_id, replace(self._uploads[file_id], target_id=target_id))
                self.counts[Status.UPLOADED.value] += 1
