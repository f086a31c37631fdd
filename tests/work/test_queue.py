"""The queue between a source and the workers: in order, ahead but not far, and it ends when it is told to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator

import pytest
from migrate_cli.work.queue import LONGEST_READ, EntryQueue, InlineQueue, ThreadedQueue, piped, queue_of


async def all_of(queue: EntryQueue[int]) -> list[int]:
    """Everything that a queue gives."""
    taken = []
    while (entry := await queue.take()) is not None:
        taken.append(entry)
    return taken


@pytest.mark.parametrize("ahead", [1, 3, 100])
def test_a_pump_gives_everything_in_order_and_then_nothing(ahead: int) -> None:
    async def run() -> None:
        queue = ThreadedQueue(iter(range(50)), ahead)
        assert await all_of(queue) == list(range(50))
        assert await queue.take() is None
        await queue.close()

    asyncio.run(run())


@pytest.mark.parametrize("ahead", [1, 4, 64])
def test_a_pump_wakes_who_waits_for_a_slow_source(ahead: int) -> None:
    asked = threading.Semaphore(0)

    def slow() -> Iterator[int]:
        for number in range(200):
            assert asked.acquire(timeout=10)
            yield number

    async def run() -> None:
        queue = ThreadedQueue(slow(), ahead)
        for number in range(200):
            taking = asyncio.create_task(queue.take())
            await asyncio.sleep(0)
            asked.release()
            assert await asyncio.wait_for(taking, 10) == number
        assert await queue.take() is None
        await queue.close()

    asyncio.run(run())


def test_an_inline_feed_gives_the_same() -> None:
    async def run() -> None:
        queue = InlineQueue(iter(range(5)))
        assert await all_of(queue) == list(range(5))
        await queue.close()

    asyncio.run(run())


def test_an_inline_feed_reads_some_entries_in_one_go_but_no_more() -> None:
    read: list[int] = []

    def entries() -> Iterator[int]:
        for number in range(100):
            read.append(number)
            yield number

    async def run() -> None:
        queue = InlineQueue(entries(), at_once=4)
        assert await queue.take() == 0
        assert len(read) == 4
        assert [await queue.take() for _ in range(4)] == [1, 2, 3, 4]
        assert len(read) == 8
        queue.stop()
        assert await queue.take() is None

    asyncio.run(run())


def test_entries_that_take_long_to_read_are_not_held_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    read: list[int] = []

    def slow() -> Iterator[int]:
        nonlocal clock
        for number in range(10):
            clock += LONGEST_READ * 0.4
            read.append(number)
            yield number

    async def run() -> None:
        queue = InlineQueue(slow(), at_once=100)
        assert await queue.take() == 0
        assert len(read) == 3

    monkeypatch.setattr("migrate_cli.work.queue.time.monotonic", lambda: clock)
    asyncio.run(run())


@pytest.mark.parametrize("kind", [ThreadedQueue, InlineQueue])
def test_what_the_source_raises_comes_after_what_it_gave(
    kind: type[ThreadedQueue[int]] | type[InlineQueue[int]],
) -> None:
    def broken() -> Iterator[int]:
        yield from (1, 2)
        raise OSError("the host is gone")

    async def run() -> None:
        queue = kind(broken(), 10)
        assert [await queue.take(), await queue.take()] == [1, 2]
        with pytest.raises(OSError, match="gone"):
            await queue.take()
        await queue.close()

    asyncio.run(run())


def test_no_more_is_read_than_may_wait_and_the_source_is_let_go() -> None:
    given: list[int] = []
    let_go = threading.Event()
    second = threading.Event()

    def source() -> Iterator[int]:
        try:
            for number in range(1000):
                given.append(number)
                if number == 1:
                    second.set()
                yield number
        finally:
            let_go.set()

    async def run() -> None:
        queue = ThreadedQueue(source(), 2)
        assert await asyncio.to_thread(second.wait, 10)
        await queue.close()

    asyncio.run(run())
    assert let_go.is_set()
    assert len(given) <= 3


@pytest.mark.parametrize("live", [True, False])
def test_whoever_waits_for_a_source_that_gives_nothing_is_let_go_when_the_run_drains(live: bool) -> None:
    never = threading.Event()

    def silent() -> Iterator[int]:
        yield 1
        if live:
            never.wait(20)
        yield 2

    async def run() -> list[int | None]:
        drain = asyncio.Event()
        async with queue_of(silent(), 4, drain, live=live) as queue:
            taken = [await queue.take()]
            waiting = asyncio.create_task(queue.take()) if live else None
            await asyncio.sleep(0)
            drain.set()
            await asyncio.sleep(0)
            taken.append(await (waiting or queue.take()))
            never.set()
        return taken

    assert asyncio.run(run()) == [1, None]


def test_what_arrives_on_the_loop_is_given_in_order_and_its_wait_called_off_when_the_run_drains() -> None:
    closed: list[bool] = []

    async def host() -> AsyncGenerator[int]:
        try:
            yield 1
            yield 2
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def run() -> list[int | None]:
        drain = asyncio.Event()
        async with queue_of(host(), 4, drain, live=True) as queue:
            taken = [await queue.take(), await queue.take()]
            waiting = asyncio.create_task(queue.take())
            await asyncio.sleep(0)
            drain.set()
            return [*taken, await waiting, await queue.take()]

    assert asyncio.run(run()) == [1, 2, None, None]
    assert closed == [True]


def test_a_worker_that_is_cut_off_while_it_waits_is_cut_off() -> None:
    async def host() -> AsyncGenerator[int]:
        await asyncio.Event().wait()
        yield 1

    async def run() -> None:
        async with queue_of(host(), 4, asyncio.Event(), live=True) as queue:
            waiting = asyncio.create_task(queue.take())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(run())


def test_what_arrives_goes_through_a_pipe_of_plain_iterators_one_by_one() -> None:
    passed: list[int] = []

    def doubled(numbers: Iterator[int]) -> Iterator[int]:
        for number in numbers:
            passed.append(number)
            yield 2 * number

    async def host() -> AsyncGenerator[int]:
        for number in range(3):
            yield number
            assert passed == list(range(number + 1))

    async def run() -> list[int]:
        return [value async for value in piped(host(), doubled)]

    assert asyncio.run(run()) == [0, 2, 4]
