"""How fast requests go: found out from the answers, on a clock that costs no time."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from migrate_cli.http.outage import LOOKED_AT
from migrate_cli.http.outcomes import Draining, rate_told
from migrate_cli.http.rate_curve import RateCurve, ThroughputMeter
from migrate_cli.http.rate_limiter import BREAKER_PAUSE, FIRST_WINDOW, RateLimiter, Signal

from support.virtual import CASES, Case, run_virtual, simulate

BY_NAME = {case.name: case for case in CASES}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ["300 a minute", "3,000 a minute", "12,000 a minute", "3,000, whole seconds"])
def test_a_steady_limit_is_used_with_a_few_refusals_for_each_thousand_requests(name: str, seed: int) -> None:
    case = BY_NAME[name]
    figures = simulate(replace(case, requests=min(case.requests, 8000)), seed)
    assert figures.steady_share >= 0.95
    assert figures.per_thousand <= 6
    assert figures.per_thousand_in_all <= 25


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_limit_that_drops_is_followed(seed: int) -> None:
    figures = simulate(BY_NAME["3,000, then 600"], seed)
    assert figures.steady_share >= 0.95
    assert figures.per_thousand <= 8
    assert figures.per_thousand_in_all <= 30


def test_a_limit_that_rises_is_found() -> None:
    figures = simulate(Case("600, then 3,000", 600, 8000, then=3000), 1)
    assert figures.seconds < 0.88 * 8000 / 10


def test_without_a_limit_all_workers_are_busy_after_a_quick_start() -> None:
    case = BY_NAME["no limit"]
    figures = simulate(case, 1)
    assert figures.throttled == 0
    assert figures.seconds < 1.15 * case.requests / (case.workers / (case.median * 1.08))


def test_headers_tell_the_rate_before_the_limit_is_hit() -> None:
    blind, told = simulate(BY_NAME["3,000 a minute"], 1), simulate(BY_NAME["3,000, told by headers"], 1)
    assert told.throttled < blind.throttled / 3


def test_the_users_own_cap_is_never_passed_and_is_used() -> None:
    figures = simulate(Case("capped", 100_000, 1500, cap=600), 1)
    assert figures.throttled == 0
    assert figures.busiest_minute <= 601
    assert figures.steady_share >= 0.97


def test_a_wait_that_the_server_asks_for_holds_every_worker() -> None:
    begun: list[float] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        limiter = RateLimiter(most_in_flight=8, now=loop.time, jitter=lambda: 0.0)
        async with limiter.slot() as began:
            limiter.report(Signal.THROTTLED, began=began, wait=20.0)

        async def one() -> None:
            async with limiter.slot() as began:
                begun.append(began)
                limiter.report(Signal.FINE, began=began)

        await asyncio.gather(*(one() for _ in range(20)))

    run_virtual(work())
    assert len(begun) == 20
    assert min(begun) >= 20.0


def test_trouble_halves_what_is_in_flight_once_for_each_round_trip() -> None:
    now = [0.0]
    limiter = RateLimiter(most_in_flight=64, now=lambda: now[0])
    for _ in range(60):
        limiter.report(Signal.FINE, began=0.0)
    assert limiter.gate.window == 64
    for _ in range(10):
        limiter.report(Signal.TROUBLE, began=0.0)
    assert limiter.gate.window == 32
    now[0] = 1.0
    limiter.report(Signal.UNREACHABLE, began=0.5)
    assert limiter.gate.window == 16


def test_everything_pauses_when_most_answers_are_unclear() -> None:
    async def work() -> float:
        loop = asyncio.get_running_loop()
        limiter = RateLimiter(most_in_flight=16, now=loop.time, jitter=lambda: 0.0)
        for number in range(LOOKED_AT + 4):
            limiter.report(Signal.TROUBLE if number % 2 or number > 40 else Signal.FINE, began=loop.time())
        assert limiter.opened_breaker == 1
        async with limiter.slot() as began:
            return began

    assert run_virtual(work()) >= BREAKER_PAUSE


def test_a_few_unclear_answers_do_not_stop_everything() -> None:
    limiter = RateLimiter(most_in_flight=16, now=lambda: 0.0)
    for number in range(500):
        limiter.report(Signal.TROUBLE if number % 3 == 0 else Signal.FINE, began=0.0)
    assert limiter.opened_breaker == 0


def test_nothing_more_is_sent_once_the_run_drains() -> None:
    async def work() -> int:
        loop = asyncio.get_running_loop()
        draining: list[bool] = []
        limiter = RateLimiter(most_in_flight=2, now=loop.time, draining=lambda: bool(draining))
        limiter.pause(50.0)
        refused = 0

        async def one() -> None:
            nonlocal refused
            try:
                async with limiter.slot():
                    pass
            except Draining:
                refused += 1

        tasks = [asyncio.ensure_future(one()) for _ in range(6)]
        await asyncio.sleep(1.0)
        draining.append(True)
        await asyncio.gather(*tasks)
        return refused

    assert run_virtual(work()) == 6


def test_a_worker_that_is_cut_off_gives_its_slot_back() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        limiter = RateLimiter(most_in_flight=1, now=loop.time)

        async def hold() -> None:
            async with limiter.slot():
                await asyncio.sleep(1000.0)

        first, second = asyncio.ensure_future(hold()), asyncio.ensure_future(hold())
        await asyncio.sleep(1.0)
        second.cancel()
        first.cancel()
        async with limiter.slot():
            return

    run_virtual(work())


def test_the_curve_returns_to_the_limit_and_then_tries_more() -> None:
    curve = RateCurve(100.0)
    low = curve.rate
    rates = []
    for _ in range(3000):
        curve.step()
        rates.append(curve.rate)
    assert low < 100.0 <= max(rates)
    assert rates == sorted(rates)
    before = curve.rate
    curve.cut()
    assert curve.rate < before


def test_the_meter_tells_the_recent_rate() -> None:
    meter = ThroughputMeter(0.0)
    assert meter.rate(1.0) is None
    for number in range(200):
        meter.count(number / 20)
    assert meter.rate(10.0) == pytest.approx(20, rel=0.1)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (("300", "290", "2s"), (5.0, 290.0)),
        (("10000", "9999", "8.64s"), (1 / 8.64, 9999.0)),
        (("300", "0", "1m0s"), (5.0, 0.0)),
        (("300", "299", "200ms"), (5.0, 299.0)),
        (("300", "300", "0s"), None),
        (("300", "x", "1s"), None),
        (("300", "20", "soon"), None),
    ],
)
def test_the_rate_is_read_from_headers_whatever_the_window(
    headers: tuple[str, str, str], told: tuple[float, float] | None
) -> None:
    names = ("limit", "remaining", "reset")
    found = rate_told({f"x-ratelimit-{name}-requests": value for name, value in zip(names, headers, strict=True)})
    assert (found is None) is (told is None)
    if found is not None and told is not None:
        assert found == pytest.approx(told)


def test_a_stray_429_holds_everyone_for_its_wait_and_changes_nothing_else() -> None:
    now = [0.0]
    limiter = RateLimiter(most_in_flight=16, now=lambda: now[0])
    for _ in range(100):
        limiter.report(Signal.FINE, began=0.0)
    now[0] = 1.0
    limiter.report(Signal.THROTTLED, began=0.5, wait=2.0)
    for _ in range(15):
        limiter.report(Signal.FINE, began=0.5)
    assert limiter.gate.window == 16
    assert limiter.at_once() is None
    now[0] = 3.0
    assert limiter.at_once() == 3.0


@pytest.mark.parametrize("beside", [2, 8])
def test_many_429s_at_one_moment_are_a_limit(beside: int) -> None:
    limiter = RateLimiter(most_in_flight=16, now=lambda: 1.0)
    for _ in range(100):
        limiter.report(Signal.FINE, began=0.0)
    for _ in range(beside):
        limiter.report(Signal.FINE, began=0.5)
    for _ in range(6):
        limiter.report(Signal.THROTTLED, began=0.5, wait=2.0)
    assert limiter.gate.window == 1


def test_a_429_soon_after_a_stray_one_is_a_limit() -> None:
    now = [1.0]
    limiter = RateLimiter(most_in_flight=16, now=lambda: now[0])
    limiter.report(Signal.THROTTLED, began=0.5, wait=1.0)
    assert limiter.gate.window == FIRST_WINDOW
    now[0] = 3.0
    limiter.report(Signal.FINE, began=2.5)
    limiter.report(Signal.THROTTLED, began=2.5, wait=1.0)
    assert limiter.gate.window == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_host_that_refuses_a_few_requests_for_no_reason_of_pace_costs_their_waits_and_little_more(seed: int) -> None:
    waits, requests, workers, latency = 1.0, 4000, 64, 0.2
    refused = 0

    async def work() -> float:
        nonlocal refused
        loop, chance = asyncio.get_running_loop(), random.Random(seed)
        limiter = RateLimiter(most_in_flight=workers, now=loop.time, jitter=lambda: 0.0)
        left = iter(range(requests))

        async def worker() -> None:
            nonlocal refused
            for _ in left:
                done = False
                while not done:
                    async with limiter.slot() as began:
                        await asyncio.sleep(latency)
                        done = chance.random() > 0.003
                        signal = Signal.FINE if done else Signal.THROTTLED
                        limiter.report(signal, began=began, wait=None if done else waits)
                    refused += not done

        await asyncio.gather(*(worker() for _ in range(workers)))
        return loop.time()

    seconds = run_virtual(work())
    assert seconds <= 1.3 * requests * latency / workers + refused * (waits + latency)
