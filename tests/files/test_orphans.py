"""Copies that lost answers left: which are ours for certain, which are kept, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.files.host import FileHost, FileListing, ListedFile
from migrate_cli.files.orphans import SLACK, OrphanedUploads
from migrate_cli.http.outcomes import Applied, Refused, Reply
from migrate_cli.model import NOTHING_LOST, FileRecord, Lost, SentAs, Status

NOW = 1_000_000.0
SINCE = NOW - 100
QUIET = 60.0
SENT = SentAs("plan.pdf", 8, "user_data", "hash-a")


def copy(identifier: str, made: float = SINCE + 1, **other: Any) -> ListedFile:
    return replace(ListedFile(identifier, "plan.pdf", 8, "user_data", made), **other)


class Host(FileHost):
    """Lists these files, and deletes."""

    def __init__(self, *files: ListedFile, whole: bool = True, ahead: float = 0.0, lists: bool = True) -> None:
        self.files = {one.id: one for one in files}
        self.whole, self.ahead, self.lists = whole, ahead, lists
        self.asked = 0

    async def made_since(self, moment: float, wall: Callable[[], float]) -> FileListing | None:
        self.asked += 1
        return FileListing(list(self.files.values()), self.whole, self.ahead) if self.lists else None

    async def delete(self, file_id: str) -> Reply:
        if self.files.pop(file_id, None) is None:
            return Refused(404, "http-404", "No such File object")
        return Applied({"id": file_id, "deleted": True})


class Memory:
    """Records as the state file keeps them."""

    def __init__(self, records: Mapping[str, FileRecord]) -> None:
        self.records: dict[str, FileRecord] = {}
        for file_id, record in records.items():
            self.note(file_id, record)

    def note(self, file_id: str, record: FileRecord) -> None:
        self.records[file_id] = record if record.lost.count else replace(record, lost=NOTHING_LOST)

    def record(self, file_id: str) -> FileRecord | None:
        return self.records.get(file_id)

    def own_record(self, thread_id: str, file_id: str) -> FileRecord | None:
        return None

    def lost_files(self) -> list[tuple[str, FileRecord]]:
        return [(file_id, record) for file_id, record in self.records.items() if record.lost.count]

    def knows_file(self, target_file_id: str) -> bool:
        return any(target_file_id in (file_id, record.target_id) for file_id, record in self.records.items())

    async def durable(self) -> None:
        """All is on disk."""

    def lost(self, source_id: str = "file-a") -> Lost:
        return self.records[source_id].lost


class Clock:
    async def sleep(self, seconds: float) -> None:
        """Nobody waits."""


def lost(count: int = 1, since: float = SINCE, sent_as: SentAs | None = SENT) -> Lost:
    return Lost(count, since, since, sent_as)


def uploaded(target_id: str, left: Lost = NOTHING_LOST) -> FileRecord:
    return FileRecord(Status.UPLOADED, target_id, sha256="hash-a", lost=left)


def begun(left: Lost) -> FileRecord:
    return FileRecord(Status.MISSING, lost=left)


def strays(host: Host, memory: Memory, *, alone: bool = True) -> OrphanedUploads:
    return OrphanedUploads(host, memory, Clock(), wall=lambda: NOW, quiet=QUIET, alone=alone)


def adopted(host: Host, known: Mapping[str, FileRecord], sent_as: SentAs = SENT, *, alone: bool = True) -> str | None:
    memory = Memory(known)
    return asyncio.run(strays(host, memory, alone=alone).adopt("file-a", memory.lost("file-a"), sent_as))


def settled(host: Host, known: Mapping[str, FileRecord], *, alone: bool = True) -> Memory:
    memory = Memory(known)
    asyncio.run(strays(host, memory, alone=alone).settle())
    return memory


# ---- adopting


def test_the_copy_of_a_lost_upload_is_adopted() -> None:
    assert adopted(Host(copy("file-1"), copy("file-2", filename="other.pdf")), {"file-a": begun(lost())}) == "file-1"


@pytest.mark.parametrize(
    "other",
    [
        copy("x", filename="other.pdf"),
        copy("x", bytes=9),
        copy("x", purpose="vision"),
        copy("x", SINCE - SLACK - 1),
        copy("x", NOW + SLACK + 1),
    ],
)
def test_a_file_of_another_name_size_purpose_or_time_is_none(other: ListedFile) -> None:
    assert adopted(Host(other), {"file-a": begun(lost())}) is None


def test_times_are_those_of_the_targets_clock() -> None:
    assert adopted(Host(copy("file-1", SINCE + 900), ahead=900), {"file-a": begun(lost())}) == "file-1"
    assert adopted(Host(copy("file-1"), ahead=900), {"file-a": begun(lost())}) is None


def test_a_file_that_some_record_names_is_never_taken() -> None:
    known = {"file-a": begun(lost()), "file-b": uploaded("file-1")}
    assert adopted(Host(copy("file-1")), known) is None
    assert adopted(Host(copy("file-b")), known) is None, "it is one of the source's"


def test_more_copies_than_lost_answers_are_a_doubt() -> None:
    assert adopted(Host(copy("file-1"), copy("file-2")), {"file-a": begun(lost())}) is None
    assert adopted(Host(copy("file-1"), copy("file-2")), {"file-a": begun(lost(2))}) == "file-1"


def test_bytes_that_changed_since_are_not_taken_for_those_that_were_sent() -> None:
    assert adopted(Host(copy("file-1")), {"file-a": begun(lost())}, replace(SENT, sha256="hash-b")) is None


def test_another_file_that_looks_the_same_and_may_be_on_its_way_is_a_doubt() -> None:
    rival = begun(lost(sent_as=replace(SENT, sha256="hash-b")))
    assert adopted(Host(copy("file-1")), {"file-a": begun(lost()), "file-b": rival}) is None
    other = begun(lost(sent_as=replace(SENT, filename="other.pdf")))
    assert adopted(Host(copy("file-1")), {"file-a": begun(lost()), "file-b": other}) == "file-1"


@pytest.mark.parametrize("host", [Host(copy("file-1"), whole=False), Host(lists=False)])
def test_a_list_that_does_not_show_all_proves_nothing(host: Host) -> None:
    assert adopted(host, {"file-a": begun(lost())}) is None


def test_nobody_is_asked_where_nothing_was_lost_or_others_upload_too() -> None:
    host = Host(copy("file-1"))
    assert adopted(host, {"file-a": begun(Lost())}) is None
    assert adopted(host, {"file-a": begun(Lost(1))}) is None, "an older version noted no more than the number"
    assert adopted(host, {"file-a": begun(lost())}, alone=False) is None
    assert host.asked == 0


# ---- what is left over


def test_a_copy_beside_the_file_that_is_named_is_deleted() -> None:
    host = Host(copy("file-new"), copy("file-1"))
    memory = settled(host, {"file-a": uploaded("file-new", lost())})
    assert set(host.files) == {"file-new"}
    assert memory.lost() == NOTHING_LOST


def test_in_doubt_all_are_kept_and_counted() -> None:
    host = Host(copy("file-new"), copy("file-1"), copy("file-2"))
    assert settled(host, {"file-a": uploaded("file-new", lost())}).lost().count == 2
    assert len(host.files) == 3


def test_what_never_arrived_is_counted_only_while_it_still_may() -> None:
    assert settled(Host(), {"file-a": uploaded("file-new", lost())}).lost().count == 0
    assert settled(Host(), {"file-a": uploaded("file-new", lost(since=NOW - QUIET + 1))}).lost().count == 1
    assert settled(Host(whole=False), {"file-a": uploaded("file-new", lost())}).lost().count == 1


def test_copies_of_a_file_without_an_id_wait_for_it() -> None:
    host = Host(copy("file-1"))
    assert settled(host, {"file-a": begun(lost())}).lost() == lost()
    assert (len(host.files), host.asked) == (1, 0)


def test_another_process_that_uploads_keeps_all() -> None:
    host = Host(copy("file-new"), copy("file-1"))
    assert settled(host, {"file-a": uploaded("file-new", lost())}, alone=False).lost().count == 1
    assert len(host.files) == 2


@given(
    arrived=st.lists(st.booleans(), min_size=1, max_size=4),
    foreign=st.lists(st.floats(SINCE - 50, NOW + 50), max_size=3),
    alone=st.booleans(),
    whole=st.booleans(),
)
def test_nothing_of_others_is_deleted_beyond_what_was_lost_and_what_is_left_of_ours_is_counted(
    arrived: list[bool], foreign: list[float], alone: bool, whole: bool
) -> None:
    ours = [copy(f"ours-{number}") for number, landed in enumerate(arrived) if landed]
    theirs = [copy(f"theirs-{number}", made) for number, made in enumerate(foreign)]
    old = [one for one in theirs if not SINCE - SLACK <= one.created_at <= NOW + SLACK]
    host = Host(copy("file-new"), *ours, *theirs, whole=whole)
    memory = settled(host, {"file-a": uploaded("file-new", lost(len(arrived)))}, alone=alone)
    assert "file-new" in host.files
    assert all(one.id in host.files for one in old)
    assert 1 + len(ours) + len(theirs) - len(host.files) <= (len(arrived) if alone else 0)
    assert memory.lost().count >= sum(one.id in host.files for one in ours)


# ---- losses as values


def test_losses_of_other_bytes_are_only_counted() -> None:
    first = NOTHING_LOST.one_more(SENT, 10.0)
    assert first == Lost(1, 10.0, 10.0, SENT)
    assert first.one_more(SENT, 20.0) == Lost(2, 10.0, 20.0, SENT)
    assert first.one_more(replace(SENT, sha256="hash-b"), 20.0) == Lost(2, None, 20.0, None)


@given(st.builds(Lost, st.integers(1, 9), st.none() | st.floats(0, NOW), st.floats(0, NOW), st.none() | st.just(SENT)))
def test_what_was_lost_outlives_the_process(left: Lost) -> None:
    assert Memory({"file-a": begun(left)}).lost() == left
