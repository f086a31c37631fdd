"""The pool of workers: what each of them finishes, and what ends all of them."""

from __future__ import annotations

import asyncio

import pytest
from migrate_cli.errors import TemporaryError, UsageError
from migrate_cli.work.pool import WorkerPool, each_of


def pool_of(workers: int, *, grace: float | None = None) -> tuple[WorkerPool, asyncio.Event]:
    drain = asyncio.Event()
    return WorkerPool(workers, drain, grace=grace), drain


def test_every_entry_is_handled_once_and_several_at_a_time() -> None:
    async def go() -> tuple[list[int], int]:
        done: list[int] = []
        under_way = most = 0

        async def handle(number: int) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            done.append(number)

        pool, _ = pool_of(3)
        await pool.run(each_of(iter(range(10))), handle)
        return sorted(done), most

    assert asyncio.run(go()) == (list(range(10)), 3)


def test_one_worker_at_a_time_asks_for_the_next_entry() -> None:
    async def go() -> int:
        asking = 0
        entries = iter(range(6))

        async def take() -> int | None:
            nonlocal asking
            asking += 1
            assert asking == 1
            await asyncio.sleep(0)
            asking -= 1
            return next(entries, None)

        done: list[int] = []

        async def handle(number: int) -> None:
            done.append(number)

        pool, _ = pool_of(4)
        await pool.run(take, handle)
        return len(done)

    assert asyncio.run(go()) == 6


def test_a_failure_lets_the_others_finish_what_they_do_and_nothing_more_is_taken() -> None:
    async def go() -> tuple[list[int], WorkerPool]:
        all_begun, failed = asyncio.Event(), asyncio.Event()
        done: list[int] = []

        async def handle(number: int) -> None:
            if number == 0:
                await all_begun.wait()
                failed.set()
                raise TemporaryError("away")
            if number == 2:
                all_begun.set()
            await failed.wait()
            await asyncio.sleep(0)
            done.append(number)

        pool, drain = pool_of(3)
        await pool.run(each_of(iter(range(100))), handle)
        assert drain.is_set()
        return done, pool

    done, pool = asyncio.run(go())
    assert done == [1, 2]
    with pytest.raises(TemporaryError, match="away"):
        pool.raise_failure()


def test_what_does_not_finish_in_time_is_cut_off() -> None:
    async def go() -> list[str]:
        heard: list[str] = []

        async def handle(number: int) -> None:
            drain.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                heard.append("cut off")
                raise

        pool, drain = pool_of(1, grace=0.0)
        await pool.run(each_of(iter([1])), handle)
        return heard

    assert asyncio.run(go()) == ["cut off"]


def test_who_cancels_the_pool_waits_for_what_its_workers_clean_up() -> None:
    async def go() -> list[str]:
        begun = asyncio.Event()
        heard: list[str] = []

        async def handle(number: int) -> None:
            try:
                begun.set()
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                heard.append("cleaned up")

        pool, _ = pool_of(1)
        running = asyncio.create_task(pool.run(each_of(iter([1])), handle))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return heard

    assert asyncio.run(go()) == ["cleaned up"]


def test_an_error_of_the_source_is_raised_once_the_workers_are_done() -> None:
    async def go() -> list[int]:
        done: list[int] = []
        entries = iter(range(2))

        async def take() -> int | None:
            number = next(entries, None)
            if number is None:
                raise UsageError("the file ends in the middle")
            return number

        async def handle(number: int) -> None:
            await asyncio.sleep(0)
            done.append(number)

        pool, _ = pool_of(2)
        with pytest.raises(UsageError, match="in the middle"):
            await pool.run(take, handle)
        return done

    assert asyncio.run(go()) == [0, 1]
