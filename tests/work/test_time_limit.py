"""The longest that a run may take: how it is written, and what it ends."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest
from migrate_cli.errors import UsageError
from migrate_cli.work.time_limit import TimeLimit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1d", 86_400), (" 2H ", 7200)],
)
def test_a_time_is_written_as_people_write_it(text: str, seconds: int) -> None:
    assert TimeLimit.parse(text).seconds == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "-5", "1.5h", "soon", "30m2h", "h", "9" * 40])
def test_what_is_no_time_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="--max-duration takes a time such as 90s"):
        TimeLimit.parse(text)


def test_without_a_limit_nothing_ends() -> None:
    limit = TimeLimit.parse(None)
    assert limit.left is None and not limit.over() and not limit.reached


def test_the_time_counts_from_the_moment_when_the_limit_was_made() -> None:
    now = [100.0]
    limit = TimeLimit(10, now=lambda: now[0])
    now[0] = 107.0
    assert limit.left == 3 and not limit.over()
    now[0] = 120.0
    assert limit.left == 0 and limit.over() and limit.reached


def test_work_on_an_event_loop_is_asked_to_end() -> None:
    async def work() -> bool:
        limit, ended = TimeLimit(5, now=iter([0.0, 5.0, 5.0, 5.0]).__next__), asyncio.Event()
        with limit.on_loop(ended.set):
            await ended.wait()
        return limit.reached

    assert asyncio.run(work())


def test_work_that_ends_before_its_time_was_not_ended_by_it() -> None:
    async def work() -> bool:
        limit = TimeLimit(1000)
        with limit.on_loop(lambda: pytest.fail("it had ended")):
            await asyncio.sleep(0)
        return limit.reached

    assert not asyncio.run(work())


@pytest.mark.parametrize("before", [signal.default_int_handler, signal.SIG_IGN], ids=["in front", "in the background"])
def test_work_that_blocks_is_interrupted(before: Any) -> None:
    found = signal.signal(signal.SIGINT, before)
    try:
        _interrupted()
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, found)


def _interrupted() -> None:
    limit = TimeLimit(5, now=iter([0.0, 5.0, 5.0, 5.0]).__next__)
    with pytest.raises(KeyboardInterrupt), limit.in_main_thread():
        asyncio.run(asyncio.Event().wait())  # for ever
    assert limit.reached
