"""Finds out about files again after the state file was lost: nothing is uploaded, and nothing is transcribed.

The target can be asked whether it has a file, but not under which id a file was uploaded, or what its transcript is: a
conversation that is otherwise the thread's reveals it, and from then on it is known. It must not send anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from migrate_cli.convert.placeholders import spoken_in
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
        self._lost: dict[str, tuple[str, FileRecord]] = {}
        """Uploaded or transcribed files by placeholder: with their records, except for the id or the words."""
        self.on_learned: Callable[[str, FileRecord], object] = lambda _file_id, _record: None
        """Hears of each file that is known again."""
        self._values: dict[str, str] = {}
        """What placeholders stand for, as far as it is known."""

    @property
    def unknown(self) -> int:
        """Uploads and transcripts of which nothing was found."""
        return len(self._lost) - len(self._values)

    async def do(self, job: TransferJob) -> FileRecord | None:
        """Return what is known of a file; one that was uploaded has no id yet, a transcript is a placeholder."""
        if job.need is Need.CHECK:
            record = await self._checker.check(job.file_id)
            if record is not None:
                self._memory.note(job.file_id, record)
        else:
            record = await self._foretold.do(job)
        if record is not None and record.status in (Status.UPLOADED, Status.TRANSCRIBED):
            return await self._placeholder(job, record)
        if record is not None:
            self.counts[record.status.value] += 1
        return record

    async def _placeholder(self, job: TransferJob, record: FileRecord) -> FileRecord:
        spoken = record.status is Status.TRANSCRIBED
        placeholder = spoken_in(job.file_id) if spoken else job.file_id
        sha256 = await sha256_of(job.local.path) if isinstance(job.local, LocalFile) else None
        record = replace(record, sha256=sha256, transcript=placeholder if spoken else None)
        return self._lost.setdefault(placeholder, (job.file_id, record))[1]

    def may_be(self, placeholder: str, value: str) -> bool:
        """Whether a placeholder may stand for this id or transcript; always for the same one."""
        return placeholder in self._lost and self._values.get(placeholder, value) == value

    def learn(self, values: Mapping[str, str]) -> None:
        """Note what placeholders stand for."""
        for placeholder, value in values.items():
            if placeholder in self._values:
                continue
            self._values[placeholder] = value
            file_id, record = self._lost[placeholder]
            uploaded = record.status is Status.UPLOADED
            known = replace(record, target_id=value) if uploaded else replace(record, transcript=value)
            self._memory.note(file_id, known)
            self.on_learned(file_id, known)
            self.counts[known.status.value] += 1
