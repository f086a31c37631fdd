"""Several threads read at a time: in order, but nobody waits for one that does not come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from migrate_cli.model import Origin, Unreadable
from migrate_cli.sources.api import ordered_reads
from migrate_cli.sources.api.ids import ThreadName
from migrate_cli.sources.api.ordered_reads import Entry, in_order
from migrate_cli.sources.api.thread_record import ThreadRecord


async def named(ids: Iterable[str]) -> AsyncIterator[ThreadName | Unreadable]:
    for thread_id in ids:
        yield ThreadName(thread_id)


def record(thread_id: str) -> ThreadRecord:
    return ThreadRecord(thread_id, {"id": thread_id}, Origin("here"))


IDS = [f"thread_{number}" for number in range(100)]


def test_threads_come_in_the_order_of_their_names_however_long_each_takes() -> None:
    async def read(one: ThreadName) -> Entry:
        for _ in range(hash(one.id) % 7):
            await asyncio.sleep(0)
        return record(one.id)

    async def run(limit: int | None) -> list[str]:
        return [entry.id async for entry in in_order(named(IDS), read, 4, limit) if isinstance(entry, ThreadRecord)]

    assert asyncio.run(run(None)) == IDS
    assert asyncio.run(run(7)) == IDS[:7]


@pytest.mark.parametrize("stuck", [1, 4, 30])
def test_threads_that_do_not_come_let_all_others_pass(stuck: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered_reads, "PATIENCE", 0.001)
    late = set(IDS[3 : 3 + 3 * stuck : 3])

    async def run() -> list[str]:
        others = asyncio.Event()

        async def read(one: ThreadName) -> Entry:
            if one.id in late:
                await others.wait()
            return record(one.id)

        given = []
        async for entry in in_order(named(IDS), read, 4, None):
            assert isinstance(entry, ThreadRecord)
            given.append(entry.id)
            if len(given) == len(IDS) - len(late):
                assert not late.intersection(given)
                others.set()
        return given

    given = asyncio.run(asyncio.wait_for(run(), 30))
    assert given[: -len(late)] == [one for one in IDS if one not in late]
    assert sorted(given) == sorted(IDS)


def test_what_ends_the_reading_is_raised_and_nothing_goes_on_behind() -> None:
    running: set[str] = set()

    async def read(one: ThreadName) -> Entry:
        running.add(one.id)
        try:
            if one.id == IDS[5]:
                raise RuntimeError("the host is gone")
            await asyncio.sleep(0 if one.id in IDS[:5] else 60)
            return record(one.id)
        finally:
            running.discard(one.id)

    async def run() -> None:
        async for _ in in_order(named(IDS), read, 4, None):
            pass

    with pytest.raises(RuntimeError, match="gone"):
        asyncio.run(run())
    assert not running
