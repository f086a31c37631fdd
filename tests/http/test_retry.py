"""How long a request is repeated: what a host asks for, what is unclear, and what is silent."""

from __future__ import annotations

import asyncio

import pytest
from migrate_cli.errors import TemporaryError
from migrate_cli.http.attempt import attempt
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.outcomes import Ambiguous, NotApplied, NotAppliedKind
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.http.retry import Retry
from migrate_cli.http.transport import RawResponse
from migrate_cli.load.policy import LoadPolicy

URL = "https://host.example/v1"
POLICY = LoadPolicy(host=URL, timeout=10.0)
SILENT = Ambiguous("no answer in time", silent=True)


def throttled(wait: float) -> NotApplied:
    return NotApplied(NotAppliedKind.THROTTLED, "rate_limited", wait)


def test_a_stray_429_costs_its_own_wait_whatever_was_unclear_before() -> None:
    retry = Retry(lambda: 0.0, POLICY)
    for _ in range(6):
        retry.pause(Ambiguous("status 500"))
    assert retry.pause(throttled(2.0)) == 2.0


def test_a_host_that_always_asks_for_a_moment_is_asked_ever_more_seldom() -> None:
    retry = Retry(lambda: 0.0, POLICY)
    assert [retry.pause(throttled(0.1)) for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_a_request_that_is_never_answered_is_given_up_after_some_timeouts_with_its_name() -> None:
    now = 0.0
    retry = Retry(lambda: now, POLICY, "POST /conversations")
    with pytest.raises(TemporaryError) as ended:
        for _ in range(20):
            now += POLICY.timeout
            now += retry.pause(SILENT)
    assert now <= 8 * POLICY.timeout
    assert URL in str(ended.value)
    assert "POST /conversations" in str(ended.value)
    assert "nothing is lost" in str(ended.value)


@pytest.mark.parametrize("headers", [{"retry-after": "601"}, {"retry-after-ms": "3600000"}])
def test_a_wait_beyond_the_patience_of_the_run_is_told_and_ends_it(headers: dict[str, str]) -> None:
    async def send(_: object) -> RawResponse:
        return RawResponse(429, headers, b"{}")

    limiter = RateLimiter(most_in_flight=1)
    with pytest.raises(TemporaryError, match=r"asks to wait .* s .*load\.patience.*nothing is lost"):
        asyncio.run(attempt(Endpoint(URL, "sk-test-0123456789"), limiter, send))


def test_a_wait_within_it_is_waited_for() -> None:
    async def send(_: object) -> RawResponse:
        return RawResponse(429, {"retry-after": "599"}, b"{}")

    reply = asyncio.run(attempt(Endpoint(URL, "sk-test-0123456789"), RateLimiter(most_in_flight=1), send))
    assert isinstance(reply, NotApplied)
    assert reply.wait == 599.0
