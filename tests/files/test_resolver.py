"""The resolver: threads without files pass at once, others wait for what must be found out, each file once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from migrate_cli.convert.options import ConvertOptions, Files
from migrate_cli.errors import TemporaryError
from migrate_cli.files.fact_cache import FileFactCache
from migrate_cli.files.needs import FilePolicy
from migrate_cli.files.resolver import FileResolver
from migrate_cli.files.transfer import TransferJob
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.outcomes import Draining
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.model import Attachment, Draft, FileRecord, Finding, Message, Origin, Status, Thread, Unreadable
from migrate_cli.work.ordered import AHEAD, in_order
from migrate_cli.work.queue import AT_ONCE

POLICY = FilePolicy(ConvertOptions())


class Answering:
    """Work that answers at the next turn of the loop, or fails."""

    def __init__(self, failure: Exception | None = None, *, gone: bool = False) -> None:
        self._gone = gone
        self.counts: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self.asked: list[str] = []
        self.most = 0
        self._now = 0
        self._failure = failure

    async def do(self, job: TransferJob) -> FileRecord | None:
        self.asked.append(job.file_id)
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        if self._failure is not None:
            raise self._failure
        if self._gone:
            return FileRecord(Status.MISSING)
        return FileRecord(Status.PRESENT, filename="plan.pdf", bytes=10)


def thread(number: int, *files: str) -> Thread:
    text = {"type": "text", "text": {"value": "Look.", "annotations": []}}
    attachments = tuple(Attachment(file) for file in files)
    return Thread(f"thread_{number}", (Message("msg_1", "user", (text,), attachments),), Origin("x"), "thread-file")


def resolver(work: Answering | None, records: dict[str, FileRecord] | None = None, held: int = 100) -> FileResolver:
    known = FileFactCache(dict, POLICY, (records or {}).get, held)
    return FileResolver(known, work)


async def drafts_of(own: FileResolver, entries: list[Thread | Unreadable]) -> list[Draft | Unreadable]:
    return [entry async for entry in in_order(own.convert(entries), own.draft)]


def test_a_thread_without_files_is_converted_at_once() -> None:
    own = resolver(Answering())
    assert isinstance(own.at_once(thread(1)), Draft)
    assert not own.named_files


def test_a_thread_with_an_unknown_file_waits_and_then_names_it() -> None:
    own = resolver(Answering())
    waiting = own.at_once(thread(1, "file-a"))
    assert isinstance(waiting, Thread)
    draft = asyncio.run(own.draft(waiting))
    assert draft is not None
    assert b'"input_file","file_id":"file-a"' in draft.items[0].body
    assert isinstance(own.at_once(thread(2, "file-a")), Draft), "now it is known"


def test_without_work_everything_is_converted_with_what_is_known() -> None:
    assert isinstance(resolver(None).at_once(thread(1, "file-a")), Draft)


def test_drafts_are_the_same_whether_facts_were_found_now_or_by_an_earlier_run() -> None:
    record = FileRecord(Status.PRESENT, bytes=10, filename="plan.pdf")
    first = asyncio.run(resolver(Answering()).draft(thread(1, "file-a")))
    again = resolver(None, {"file-a": record}).at_once(thread(1, "file-a"))
    assert isinstance(again, Draft)
    assert first is not None
    assert first.digest == again.digest


def citing(number: int, file: str) -> Thread:
    cited = {
        "type": "file_citation",
        "text": "[1]",
        "start_index": 5,
        "end_index": 8,
        "file_citation": {"file_id": file},
    }
    text = {"type": "text", "text": {"value": "Look.[1]", "annotations": [cited]}}
    return Thread(f"thread_{number}", (Message("msg_1", "assistant", (text,)),), Origin("x"), "thread-file")


def test_a_thread_becomes_the_same_whatever_threads_came_before_it() -> None:
    own = resolver(Answering(gone=True))
    first = asyncio.run(drafts_of(own, [citing(1, "file-a"), thread(2, "file-a"), citing(3, "file-a")]))
    other = asyncio.run(drafts_of(resolver(Answering(gone=True)), [thread(2, "file-a"), citing(3, "file-a")]))
    assert first[1:] == other
    assert isinstance(first[1], Draft) and b"input_file" not in first[1].items[0].body, "the target does not have it"


def test_threads_that_share_files_wait_for_one_answer() -> None:
    work = Answering()
    entries: list[Thread | Unreadable] = [thread(n, "file-a", f"file-{n % 7}") for n in range(100)]
    drafts = asyncio.run(drafts_of(resolver(work), entries))
    assert len(drafts) == 100
    assert sorted(work.asked) == sorted({"file-a", *(f"file-{n}" for n in range(7))})
    assert work.most > 1, "they are asked for side by side"


def test_the_order_of_the_feed_is_kept() -> None:
    lost = Unreadable(Origin("y"), "bad", "No.")
    entries: list[Thread | Unreadable] = [
        lost if n % 5 == 0 else thread(n, f"file-{n}") if n % 3 == 0 else thread(n) for n in range(200)
    ]
    done = asyncio.run(drafts_of(resolver(Answering()), entries))
    names = [entry.thread_id if isinstance(entry, Draft) else None for entry in done]
    assert names == [None if n % 5 == 0 else f"thread_{n}" for n in range(200)]


def test_only_a_window_of_threads_waits_at_a_time_and_few_are_read_ahead_of_it() -> None:
    """However long the clock lets a go of reading be."""
    read = given = waiting = most_read = most_waiting = 0

    def source() -> Iterator[Thread]:
        nonlocal read, most_read
        for number in range(500):
            read += 1
            most_read = max(most_read, read - given)
            yield thread(number, f"file-{number}")

    own = resolver(Answering())

    async def draft(one: Thread) -> Draft | None:
        nonlocal waiting, most_waiting
        waiting += 1
        most_waiting = max(most_waiting, waiting)
        try:
            return await own.draft(one)
        finally:
            waiting -= 1

    async def whole() -> None:
        nonlocal given
        async for _ in in_order(own.convert(source()), draft):
            given += 1

    asyncio.run(whole())
    assert given == 500
    assert 1 < most_waiting <= AHEAD
    assert most_read < AHEAD + AT_ONCE


def test_facts_of_a_thread_outlast_the_memory_for_all() -> None:
    own = resolver(Answering(), held=2)
    draft = asyncio.run(own.draft(thread(1, *(f"file-{n}" for n in range(50)))))
    assert draft is not None
    assert draft.items[0].body.count(b'"input_file"') == 50


def test_what_ends_the_run_is_raised_and_draining_gives_nothing() -> None:
    with pytest.raises(TemporaryError):
        asyncio.run(resolver(Answering(TemporaryError("later"))).draft(thread(1, "file-a", "file-b")))
    assert asyncio.run(resolver(Answering(Draining())).draft(thread(1, "file-a"))) is None


@pytest.mark.parametrize("of_assistants", [False, True])
def test_a_file_that_waits_for_its_turn_while_the_run_drains_ends_nothing(*, of_assistants: bool) -> None:
    """The limiter is what says so, deep below the resolver."""

    class Sending(Answering):
        async def do(self, job: TransferJob) -> FileRecord | None:
            endpoint = Endpoint("http://127.0.0.1:9/v1", "sk-test-000000000000")
            async with ApiClient(endpoint, RateLimiter(most_in_flight=1, draining=lambda: True)) as client:
                await client.write("POST", "/files", b"{}")
            raise AssertionError("sent")

    own = FileResolver(
        FileFactCache(dict, FilePolicy(ConvertOptions(files=Files.UPLOAD)), dict[str, FileRecord]().get), Sending()
    )
    if of_assistants:
        assert asyncio.run(own.carry(["file-a"])) == {}
    else:
        assert asyncio.run(own.draft(thread(1, "file-a"))) is None
