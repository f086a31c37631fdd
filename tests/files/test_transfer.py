"""Finding out about files: what the answers of a host mean, and what is noted when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from migrate_cli.errors import TemporaryError, UsageError
from migrate_cli.files.dry_run import FileDryRun
from migrate_cli.files.host import FileHost, FileListing
from migrate_cli.files.local import LocalFile, look_at
from migrate_cli.files.needs import Need
from migrate_cli.files.orphans import OrphanedUploads
from migrate_cli.files.transfer import FileChecker, FileTransfer, TransferJob
from migrate_cli.http.outcomes import Ambiguous, Applied, Draining, NotApplied, NotAppliedKind, Refused, Reply
from migrate_cli.http.retry import ATTEMPTS, send_until_clear
from migrate_cli.model import FileRecord, Finding, Lost, Status

NOT_THERE = Refused(404, "http-404", "No such File object")


class Host(FileHost):
    """A host that answers what it was told to, in order; the last answer is repeated."""

    def __init__(self, *answers: Reply, files: bool = True) -> None:
        self.answers = list(answers)
        self.files = files
        self.calls = 0

    def _next(self) -> Reply:
        self.calls += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def retrieve(self, file_id: str) -> Applied | Refused:
        answer = self._next()
        assert isinstance(answer, Applied | Refused)
        return answer

    async def made_since(self, moment: float, wall: Callable[[], float]) -> FileListing | None:
        return None

    async def has_files(self) -> bool:
        return self.files

    async def upload(self, local: LocalFile, purpose: str) -> Reply:
        return self._next()

    async def transcribe(self, local: LocalFile, model: str) -> Reply:
        return self._next()


class Memory:
    """Notes in the order in which they were made."""

    def __init__(self) -> None:
        self.notes: list[FileRecord] = []
        self.flushed = 0

    def record(self, file_id: str) -> FileRecord | None:
        return None

    def own_record(self, thread_id: str, file_id: str) -> FileRecord | None:
        return None

    def note(self, file_id: str, record: FileRecord) -> None:
        self.notes.append(record)

    def lost_files(self) -> list[tuple[str, FileRecord]]:
        return []

    def knows_file(self, target_file_id: str) -> bool:
        return False

    async def durable(self) -> None:
        self.flushed = len(self.notes)


class Clock:
    """Nobody waits."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def work(host: Host, memory: Memory | None = None) -> FileTransfer:
    clock, kept = Clock(), memory or Memory()
    return FileTransfer(
        host, kept, clock, OrphanedUploads(host, kept, clock), preset="openai", audio_model="gpt-transcribe"
    )


@pytest.fixture
def pdf(tmp_path: Path) -> LocalFile:
    (tmp_path / "plan.pdf").write_bytes(b"%PDF-1.7")
    return look_at(tmp_path / "plan.pdf")


@pytest.fixture
def memo(tmp_path: Path) -> LocalFile:
    (tmp_path / "memo.mp3").write_bytes(b"ID3" + bytes(9))
    return look_at(tmp_path / "memo.mp3")


def test_a_404_means_missing_only_where_the_host_has_files_at_all() -> None:
    findings: list[Finding] = []
    record = asyncio.run(FileChecker(Host(NOT_THERE), findings).check("file-a"))
    assert record is not None
    assert record.status is Status.MISSING
    host = Host(NOT_THERE, files=False)
    checker = FileChecker(host, findings)
    assert asyncio.run(checker.check("file-a")) is None
    assert asyncio.run(checker.check("file-b")) is None
    assert host.calls == 1
    assert [found.code for found in findings] == ["files-not-checked"]


def test_a_host_that_will_not_tell_leaves_the_file_unknown() -> None:
    record = asyncio.run(FileChecker(Host(Refused(403, "forbidden", "No.")), []).check("file-a"))
    assert record is not None
    assert record.status is Status.UNKNOWN


def test_an_upload_is_noted_before_it_is_sent_and_durable_before_it_is_named(pdf: LocalFile) -> None:
    memory = Memory()
    host = Host(Ambiguous("no answer"), Applied({"id": "file-new"}))
    record = asyncio.run(work(host, memory).do(TransferJob(Need.UPLOAD, "file-a", pdf, None)))
    assert record is not None
    assert record.target_id == "file-new"
    assert [(note.status, note.lost.count) for note in memory.notes] == [
        ("missing", 1), ("missing", 2), ("uploaded", 1),
    ]  # fmt: skip
    assert memory.flushed == 3


def test_copies_that_earlier_runs_may_have_left_are_not_forgotten(pdf: LocalFile) -> None:
    before = FileRecord(Status.MISSING, lost=Lost(1))
    record = asyncio.run(work(Host(Applied({"id": "file-new"}))).do(TransferJob(Need.UPLOAD, "file-a", pdf, before)))
    assert record is not None
    assert record.lost == Lost(1)


def test_a_refused_upload_says_why_and_is_not_tried_again(pdf: LocalFile) -> None:
    host = Host(Refused(400, "invalid", "Purpose not allowed."))
    record = asyncio.run(work(host).do(TransferJob(Need.UPLOAD, "file-a", pdf, None)))
    assert record is not None
    assert (record.status, record.sent, host.calls) == (Status.REFUSED, True, 1)
    assert "Purpose not allowed." in (record.detail or "")


@pytest.mark.parametrize("reply", [Refused(404, "http-404", "No."), Refused(403, "model_not_found", "No.")])
def test_a_refused_model_is_the_users_to_change(memo: LocalFile, reply: Refused) -> None:
    with pytest.raises(UsageError, match=r"audio\.model"):
        asyncio.run(work(Host(reply)).do(TransferJob(Need.TRANSCRIBE, "file-a", memo, None)))


def test_a_refused_file_stays_without_transcript(memo: LocalFile) -> None:
    record = asyncio.run(
        work(Host(Refused(400, "invalid", "Corrupted."))).do(TransferJob(Need.TRANSCRIBE, "f", memo, None))
    )
    assert record is not None
    assert (record.status, record.transcript) == (Status.UNTRANSCRIBED, None)


def test_foretelling_sends_nothing(pdf: LocalFile, memo: LocalFile) -> None:
    own = FileDryRun(None)
    statuses = [
        record.status if record else None
        for record in (
            asyncio.run(own.do(TransferJob(need, "file-a", local, None)))
            for need, local in (
                (Need.UPLOAD, pdf), (Need.UPLOAD, None), (Need.LACKING, None), (Need.TRANSCRIBE, memo),
                (Need.CHECK, None),
            )
        )
    ]  # fmt: skip
    assert statuses == [Status.UPLOADED, Status.MISSING, Status.MISSING, Status.TRANSCRIBED, None]


def test_sending_waits_as_long_as_it_is_told_and_gives_up_in_the_end() -> None:
    clock = Clock()

    async def throttled() -> Reply:
        return NotApplied(NotAppliedKind.THROTTLED, "rate_limited", 60.0)

    with pytest.raises(TemporaryError, match="rate_limited"):
        asyncio.run(send_until_clear(throttled, clock, "the upload of x"))
    assert clock.slept == [60.0] * (ATTEMPTS - 1)


def test_nothing_new_is_sent_once_the_run_drains() -> None:
    async def never() -> Reply:
        raise AssertionError("sent")

    with pytest.raises(Draining):
        asyncio.run(send_until_clear(never, Clock(), "x", draining=lambda: True))


def test_an_upload_that_never_got_its_turn_counts_as_no_lost_copy(pdf: LocalFile) -> None:
    class Ending(Host):
        async def upload(self, local: LocalFile, purpose: str) -> Reply:
            if self.calls:
                raise Draining
            return await super().upload(local, purpose)

    memory = Memory()
    with pytest.raises(Draining):
        asyncio.run(work(Ending(Ambiguous("no answer")), memory).do(TransferJob(Need.UPLOAD, "file-a", pdf, None)))
    assert [(note.status, note.lost.count) for note in memory.notes][-1] == ("missing", 1)


@pytest.mark.parametrize(("need", "status"), [(Need.UPLOAD, "missing"), (Need.TRANSCRIBE, "untranscribed")])
def test_bytes_that_vanish_under_the_work_are_told_and_end_nothing(
    pdf: LocalFile, memo: LocalFile, need: Need, status: str
) -> None:
    local = pdf if need is Need.UPLOAD else memo
    local.path.unlink()
    record = asyncio.run(
        work(Host(Applied({"id": "file-new", "text": "x"}))).do(TransferJob(need, "file-a", local, None))
    )
    assert record is not None
    assert record.status.value == status
    assert "cannot be read" in (record.detail or "")
    assert not record.sent
