"""What takes too long is ended, and told from what somebody else called off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.http.deadlines import Deadlines

from support.virtual import run_virtual

EVERY = 1.0


def ends_at(steps: list[float], silence: float, whole: float) -> tuple[float, bool]:
    """When work ends that gives a sign of life after each of these seconds, and whether it came to its own end."""

    async def work() -> tuple[float, bool]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            with Deadlines(EVERY).within(silence, whole) as deadline:
                for seconds in steps:
                    await asyncio.sleep(seconds)
                    deadline.heard()
        except TimeoutError:
            return loop.time() - began, False
        return loop.time() - began, True

    ended: tuple[float, bool] = run_virtual(work())
    return ended


def test_silence_ends_it() -> None:
    ended, whole = ends_at([2.0, 100.0], silence=10.0, whole=1000.0)
    assert not whole
    assert 12.0 <= ended <= 12.0 + EVERY


def test_signs_of_life_keep_it_up_but_not_for_ever() -> None:
    assert ends_at([9.0] * 5, silence=10.0, whole=1000.0) == (45.0, True)
    ended, whole = ends_at([9.0] * 50, silence=10.0, whole=100.0)
    assert not whole
    assert 100.0 <= ended <= 100.0 + EVERY


@given(st.lists(st.floats(0.0, 30.0), max_size=20), st.floats(0.5, 20.0), st.floats(0.5, 200.0))
def test_it_is_ended_only_when_its_time_is_over_and_soon_after(
    steps: list[float], silence: float, whole: float
) -> None:
    ended, own = ends_at(steps, silence, whole)
    little = 1e-6
    if own:
        assert max(steps, default=0.0) <= silence + EVERY + little
        assert ended <= whole + EVERY + little
        return
    heard = max((moment for moment in accumulate(steps) if moment < ended), default=0.0)
    assert ended - heard >= silence - little or ended >= whole - little
    assert ended - heard <= silence + EVERY + little
    assert ended <= whole + EVERY + little


def outcome_of(work: Callable[[Deadlines], Coroutine[Any, Any, str]], *, cancel_after: float) -> str:
    async def run() -> str:
        task = asyncio.create_task(work(Deadlines(EVERY)))
        await asyncio.sleep(cancel_after)
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            return "called off"

    outcome: str = run_virtual(run())
    return outcome


async def _slow(deadlines: Deadlines) -> str:
    try:
        with deadlines.within(10.0, 10.0):
            await asyncio.sleep(100.0)
    except TimeoutError:
        return "too late"
    return "done"


@pytest.mark.parametrize(("after", "outcome"), [(5.0, "called off"), (50.0, "too late")])
def test_what_somebody_else_calls_off_is_no_timeout(after: float, outcome: str) -> None:
    assert outcome_of(_slow, cancel_after=after) == outcome


def test_who_is_called_off_at_the_moment_of_the_timeout_still_obeys() -> None:
    async def run() -> str:
        deadlines = Deadlines(EVERY)
        task = asyncio.create_task(_slow(deadlines))
        # The timer looks at whole seconds; this is called in the same turn of the loop, after it.
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_at(asyncio.get_running_loop().time() + 10.0, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return "called off"

    assert run_virtual(run()) == "called off"


def test_many_are_looked_after_by_one_timer_and_none_is_forgotten() -> None:
    async def run() -> list[str]:
        deadlines = Deadlines(EVERY)

        async def wait(seconds: float, silence: float) -> str:
            await asyncio.sleep(seconds)
            try:
                with deadlines.within(silence, 1000.0):
                    await asyncio.sleep(20.0)
            except TimeoutError:
                return "too late"
            return "done"

        # The second half begins after the first is over, when the timer has come to rest.
        waits = [wait(at, silence) for at in (0.0, 500.0) for silence in (5.0, 50.0)]
        return await asyncio.gather(*waits)

    assert run_virtual(run()) == ["too late", "done"] * 2


def test_the_loop_is_free_to_end_once_nothing_is_under_way() -> None:
    async def run() -> int:
        with Deadlines(EVERY).within(5.0, 5.0):
            await asyncio.sleep(0.5)
        await asyncio.sleep(3 * EVERY)
        return len(asyncio.get_running_loop()._scheduled)  # type: ignore[attr-defined]

    assert run_virtual(run()) == 0
