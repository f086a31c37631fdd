"""Finds out about files: asks the target, uploads bytes, has audio transcribed; each once, and on record.

It must not know of threads or drafts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from migrate_cli.errors import UsageError
from migrate_cli.files import audio
from migrate_cli.files.host import FileHost
from migrate_cli.files.local import FileLook, LocalFile, sha256_of
from migrate_cli.files.needs import Need, purpose_of, too_large
from migrate_cli.files.orphans import OrphanedUploads
from migrate_cli.files.record import FileMemory
from migrate_cli.findings import finding
from migrate_cli.http.outcomes import Ambiguous, Applied, Draining, Refused, Reply
from migrate_cli.http.retry import Sleeper, send_until_clear
from migrate_cli.model import NOTHING_LOST, FileRecord, Finding, Lost, SentAs, Status

NO_BYTES = "it is not in the export's files/ folder"


@dataclass(frozen=True, slots=True)
class TransferJob:
    """What is to be found out about one file."""

    need: Need
    file_id: str
    local: FileLook | None
    """Its bytes, where there are any; for foretelling, a promise of them is enough."""
    known: FileRecord | None
    """What was recorded before."""
    lack: str = NO_BYTES
    """Why there are none, where some would be needed."""
    aside: bool = False
    """Whether no conversation names the file."""


class FileWork(Protocol):
    """Does what files need. `counts` and `findings` tell of the run as a whole."""

    counts: Counter[str]
    findings: list[Finding]

    async def do(self, job: TransferJob) -> FileRecord | None:
        """Return what was found out; None where nothing could be."""


class FileChecker:
    """Asks the target for files, each once; notices when that makes no sense."""

    def __init__(self, host: FileHost, findings: list[Finding]) -> None:
        self._host = host
        self._findings = findings
        self._speaks_files: bool | None = None

    async def check(self, file_id: str) -> FileRecord | None:
        """Return the record of a file; None when the target has no files to ask for."""
        if self._speaks_files is False:
            return None
        reply = await self._host.retrieve(file_id)
        if isinstance(reply, Applied):
            self._speaks_files = True
            return _present(reply)
        if reply.status not in (404, 410):
            return FileRecord(Status.UNKNOWN, detail=f"the target did not say ({reply.status}: {reply.message})")
        if self._speaks_files is None:
            await self._find_out()
        return FileRecord(Status.MISSING, detail="the target does not have it") if self._speaks_files else None

    def give_up(self, reason: str) -> None:
        """Ask no more, and say why, once."""
        if self._speaks_files is not False:
            self._speaks_files = False
            self._findings.append(finding("files-not-checked", f"The target was not asked for files: {reason}."))

    async def _find_out(self) -> None:
        if await self._host.has_files():
            self._speaks_files = True
        else:
            self.give_up("it has no files endpoint (GET /files is refused)")


class FileTransfer:
    """The real work, for `apply`."""

    def __init__(
        self,
        host: FileHost,
        memory: FileMemory,
        clock: Sleeper,
        orphans: OrphanedUploads,
        *,
        preset: str,
        audio_model: str,
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        self._orphans = orphans
        self.counts: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self._lost: dict[str, Lost] = {}
        """What is known of lost uploads of the files that were uploaded in this run."""
        self._host, self._memory, self._clock, self._draining = host, memory, clock, draining
        self._preset, self._model = preset, audio_model
        self._checker = FileChecker(host, self.findings)

    async def do(self, job: TransferJob) -> FileRecord | None:
        """Do it, and note it; what was sent is on disk before anything can name it."""
        try:
            record = await self._done(job)
        except OSError as error:
            # Bytes that were there a moment ago; without `sha256` the next run looks again.
            status = Status.UNTRANSCRIBED if job.need is Need.TRANSCRIBE else Status.MISSING
            record = FileRecord(status, detail=f"it cannot be read: {error.strerror or type(error).__name__}")
        if record is not None:
            # Whatever becomes of the file, copies that were left are not forgotten.
            before = job.known.lost if job.known else NOTHING_LOST
            record = replace(record, lost=self._lost.get(job.file_id, before))
            self.counts[record.status.value] += 1
            self._memory.note(job.file_id, record)
            if record.sent:
                await self._memory.durable()
        return record

    async def _done(self, job: TransferJob) -> FileRecord | None:
        if job.need is Need.CHECK:
            return await self._checker.check(job.file_id)
        if lacking(job):
            return lack_of(job)
        unfit = unfit_record(job)
        if unfit is not None or not isinstance(job.local, LocalFile):
            return unfit
        if job.need is Need.NOTHING:
            return of_local(job.local)
        if job.need is Need.UPLOAD:
            return await self._upload(job, job.local)
        return await self._transcribe(job.local)

    async def _upload(self, job: TransferJob, local: LocalFile) -> FileRecord:
        file_id, known, base = job.file_id, job.known, of_local(local)
        if job.aside and local.filename == file_id:
            # It has no name; threads that speak of it must not find that it has one since it was uploaded.
            base = replace(base, filename=None)
        sha256 = await sha256_of(local.path)
        purpose = purpose_of(local.kind, self._preset)
        sent_as = SentAs(local.filename, local.bytes, purpose, sha256)
        self._lost[file_id] = known.lost if known else NOTHING_LOST
        sent = await send_until_clear(
            lambda: self._attempt(file_id, local, sent_as),
            self._clock,
            f"the upload of {file_id}",
            draining=self._draining,
        )
        base = replace(base, sha256=sha256)
        if isinstance(sent.reply, Refused):
            return replace(base, status=Status.REFUSED, detail=_refused(sent.reply))
        return replace(base, status=Status.UPLOADED, target_id=sent.reply.body["id"])

    async def _attempt(self, file_id: str, local: LocalFile, sent_as: SentAs) -> Reply:
        """Adopt the copy that an earlier upload left, or upload once."""
        before = self._lost[file_id]
        offered = self._orphans.offered(sent_as)
        if offered is not None:
            return Applied({"id": offered})
        adopted = await self._orphans.adopt(file_id, before, sent_as)
        if adopted is not None:
            self._lost[file_id] = replace(before, count=before.count - 1)
            return Applied({"id": adopted})
        # On disk before it is sent, so that a copy is not forgotten if this process dies meanwhile.
        under_way = before.one_more(sent_as, self._orphans.wall())
        self._note_unfinished(file_id, under_way)
        await self._memory.durable()
        try:
            reply = await self._host.upload(local, sent_as.purpose)
        except Draining:
            # It has not gone out, so no copy of it can be anywhere.
            self._note_unfinished(file_id, before)
            raise
        if isinstance(reply, Ambiguous):
            self._lost[file_id] = under_way
        elif not isinstance(reply, Applied):
            self._note_unfinished(file_id, before)
        return reply

    def _note_unfinished(self, file_id: str, lost: Lost) -> None:
        """Without `sha256` the row settles nothing: the next run looks for a copy, or uploads again."""
        self._memory.note(file_id, FileRecord(Status.MISSING, detail="its upload had begun", lost=lost))

    async def recall(self, target_ids: Iterable[str], alike: Collection[tuple[str | None, int | None]]) -> None:
        """Let files of the target that no record knows be adopted in place of uploads, by name and size."""
        await self._orphans.offer(target_ids, alike)

    async def settle(self) -> None:
        """Once nothing is under way: delete the copies that are certainly left over."""
        await self._orphans.settle()
        await self._memory.durable()

    def tell_left(self) -> None:
        """Count, once at the end, the copies that may be at the target and that nothing names."""
        self.counts += self._orphans.counts
        if left := self._orphans.left():
            self.counts["possible_orphans"] = left
            detail = f"The responses to {left:,} uploads were lost; each may have left a copy to which nothing refers."
            self.findings.append(finding("upload-answer-lost", detail))

    async def _transcribe(self, local: LocalFile) -> FileRecord:
        base = replace(of_local(local), status=Status.UNTRANSCRIBED, kind="audio")
        base = replace(base, sha256=await sha256_of(local.path))
        sent = await send_until_clear(
            lambda: self._host.transcribe(local, self._model),
            self._clock,
            f"the transcription of {local.filename}",
            draining=self._draining,
        )
        if isinstance(sent.reply, Refused):
            check_model(sent.reply, self._model)
            return replace(base, detail=_refused(sent.reply))
        return replace(base, status=Status.TRANSCRIBED, transcript=sent.reply.body["text"])


def check_model(reply: Refused, model: str) -> None:
    """Raise UsageError where not the file was refused but the model, which no other file will change."""
    if reply.status == 404 or reply.code == "model_not_found":
        raise UsageError(
            f"the target cannot transcribe with {model} ({reply.status}: {reply.message}); set audio.model to one that "
            "it has, or audio.transcribe to false",
            code="audio-model-refused",
        )


def lacking(job: TransferJob) -> bool:
    """Whether the file would have to be sent, and there are no bytes."""
    return job.need is Need.LACKING or (job.need in (Need.UPLOAD, Need.TRANSCRIBE) and job.local is None)


def lack_of(job: TransferJob) -> FileRecord:
    """Return the record of a file whose bytes are lacking; without `sha256` the next run looks again."""
    return FileRecord(Status.UNTRANSCRIBED if job.need is Need.TRANSCRIBE else Status.MISSING, detail=job.lack)


def unfit_record(job: TransferJob) -> FileRecord | None:
    """Return the record of a file that is not sent for its size or kind, as far as it is known; None for any other."""
    look = job.local
    if look is None:
        return None
    if job.need is Need.UPLOAD and (reason := too_large(look, aside=job.aside)):
        return replace(of_local(look), status=Status.REFUSED, detail=reason)
    if job.need is Need.TRANSCRIBE and (reason := audio.refusal(look.filename, look.bytes, look.media_type)):
        return replace(of_local(look), status=Status.UNTRANSCRIBED, kind="audio", detail=reason)
    return None


def of_local(local: FileLook) -> FileRecord:
    """Return what the bytes tell, with the status still open."""
    return FileRecord(
        Status.UNKNOWN,
        kind=local.kind.value,
        bytes=local.bytes,
        filename=local.filename,
        media_type=local.media_type,
    )


def _refused(reply: Refused) -> str:
    return f"the target refused it ({reply.status}: {reply.message})"


def _present(reply: Applied) -> FileRecord:
    name, size = reply.body.get("filename"), reply.body.get("bytes")
    return FileRecord(
        Status.PRESENT,
        filename=name if isinstance(name, str) else None,
        bytes=size if isinstance(size, int) else None,
    )
