"""What work on files would find, for `plan`. It must not send anything, nor ask a target without a key."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from migrate_cli.errors import MigrateError
from migrate_cli.files.host import FileHost
from migrate_cli.files.needs import Need
from migrate_cli.files.transfer import FileChecker, TransferJob, lack_of, lacking, of_local, unfit_record
from migrate_cli.model import FileRecord, Finding, Status


class FileDryRun:
    """What `apply` would find, for `plan`: nothing is sent; the target is asked for files only where there is a key."""

    def __init__(self, host: FileHost | None) -> None:
        self.counts: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self._counted: set[str] = set()
        """Files that are in the counts: what a thread names may be in a vector store, too."""
        self._checker = None if host is None else FileChecker(host, self.findings)

    async def do(self, job: TransferJob) -> FileRecord | None:
        """Foretell it."""
        record = await self._foretold(job)
        if record is not None and job.file_id not in self._counted:
            self._counted.add(job.file_id)
            self.counts[record.status.value] += 1
        return record

    async def _foretold(self, job: TransferJob) -> FileRecord | None:
        local = job.local
        if job.need is Need.CHECK:
            return await self._asked(job.file_id)
        if lacking(job):
            return lack_of(job)
        if local is None:
            return None
        if job.need is Need.NOTHING:
            return of_local(local)
        done = replace(of_local(local), status=Status.UPLOADED)
        if job.need is Need.TRANSCRIBE:
            done = replace(of_local(local), status=Status.TRANSCRIBED, transcript="…")
        return unfit_record(job) or done

    async def _asked(self, file_id: str) -> FileRecord | None:
        if self._checker is None:
            return None
        try:
            return await self._checker.check(file_id)
        except MigrateError as error:
            # Planning needs no target: what cannot be asked is left open.
            self._checker.give_up(str(error))
            return None
