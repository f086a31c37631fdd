"""A line that carries less than a request in a timeout: nothing is doubled, and requests become smaller."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.http.line_speed import FIRST, PART, LineSpeed

from support.slow_line import slow_line
from support.world import draft_of

from .conftest import Bench, texts_of  # noqa: TID252 - the folder's own fixtures

TIMEOUT = 0.5
MESSAGES = [f"{number} {'x' * 20_000}" for number in range(10)]
"""200 kB: over a line of 100 kB/s they take four timeouts."""


@pytest.fixture
def over_a_slow_line(bench: Bench) -> Iterator[Bench]:
    with slow_line(bench.server.base_url, 100_000) as url:
        bench.base_url = url
        yield bench


def test_nothing_is_doubled_over_a_slow_line(over_a_slow_line: Bench) -> None:
    draft = draft_of(MESSAGES)
    seen = over_a_slow_line.load(draft, timeout=TIMEOUT, late=TIMEOUT)
    assert seen.states() == {draft.thread_id: "loaded"}
    assert over_a_slow_line.traffic["ambiguous"] == 0, "bytes that still move are not silence"
    assert over_a_slow_line.texts() == {draft.thread_id: texts_of(draft)}


def test_requests_become_as_small_as_the_line_needs_them(over_a_slow_line: Bench) -> None:
    first, second = draft_of(MESSAGES), draft_of(MESSAGES, "thread_2")
    over_a_slow_line.load(first, second, workers=1, timeout=TIMEOUT, late=TIMEOUT)
    assert over_a_slow_line.stats()["requests"]["append"] >= 10, "after the first, one item makes a request"
    over_a_slow_line.audit(first, second)


WHILE = 10.0
"""Seconds that a request may be on its way, of a timeout of so many times `PART`."""


@given(st.floats(100, 1e9), st.integers(1, 10**8))
def test_a_request_is_soon_as_large_as_the_line_carries_in_a_part_of_the_timeout(rate: float, most: int) -> None:
    line = LineSpeed(PART * WHILE)
    for _ in range(60):
        size = min(line.carries, most)
        line.took(size, size / rate)
    fits = rate * WHILE
    assert min(line.carries, most) <= max(1.0, fits), "no request takes longer"
    assert line.carries >= min(fits, most, FIRST) / 4, "and none is needlessly small"


@given(st.lists(st.tuples(st.integers(1, 10**7), st.floats(0, 10_000)), max_size=50))
def test_whatever_is_measured_a_request_may_hold_something(taken: list[tuple[int, float]]) -> None:
    line = LineSpeed(PART * WHILE)
    for size, seconds in taken:
        line.took(size, seconds)
        assert line.carries >= 1


def test_small_bodies_and_a_slow_host_say_nothing_about_the_line() -> None:
    line = LineSpeed(PART * WHILE)
    for _ in range(100):
        line.took(1_000, WHILE / 2)
    assert line.carries == FIRST
