"""The limit in requests a minute, by a clock of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.sandbox.rate_limit import TokenBucket, duration, rate_limited


def test_a_burst_is_taken_and_then_the_pace_holds() -> None:
    bucket = TokenBucket(limit=60, burst=3, now=0)
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, 1]
    assert bucket.take(0.5) == pytest.approx(0.5)
    assert bucket.take(1) == 0


@given(st.lists(st.floats(0, 0.5), max_size=300), st.integers(1, 600))
def test_no_minute_ever_holds_more_than_burst_and_limit(waits: list[float], limit: int) -> None:
    bucket, now, taken = TokenBucket(limit, 5, 0), 0.0, 0
    for wait in waits:
        now += wait
        taken += bucket.take(now) == 0
    assert taken <= 5 + now * limit / 60 + 1e-6


def test_waiting_as_told_is_enough() -> None:
    bucket = TokenBucket(limit=90, burst=1, now=0)
    bucket.take(0)
    wait = bucket.take(0)
    assert bucket.take(wait + 1e-9) == 0


def test_a_limit_that_drops_holds_at_once() -> None:
    bucket = TokenBucket(limit=6000, burst=None, now=0)
    bucket.change(60, None, 0)
    assert sum(bucket.take(0) == 0 for _ in range(100)) == 60
    assert bucket.take(0) == pytest.approx(1)


def test_headers_say_how_things_stand() -> None:
    bucket = TokenBucket(limit=30_000, burst=None, now=0)
    bucket.take(0)
    assert bucket.headers() == {
        "x-ratelimit-limit-requests": "30000",
        "x-ratelimit-remaining-requests": "29999",
        "x-ratelimit-reset-requests": "2ms",
    }


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.002, "2ms"), (1.5, "1.5s"), (60, "1m0s"), (360, "6m0s"), (59.9999, "1m0s")]
)
def test_durations_are_written_as_the_service_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_wait_of_less_than_a_second_is_also_given_in_milliseconds() -> None:
    assert rate_limited(2).headers == {"retry-after": "2"}
    assert rate_limited(0.25).headers == {"retry-after": "1", "retry-after-ms": "250"}
    assert rate_limited(None).headers == {}
