"""Time that costs none: an event loop whose clock jumps, and a host with a limit to send requests to.

`python -m support.virtual` (in `tests/`) prints the table of the limiter under several limits.
"""

from __future__ import annotations

import asyncio
import random
import selectors
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from migrate_cli.http.rate_limiter import RateLimiter, Signal
from migrate_cli.sandbox.rate_limit import TokenBucket


class _Jump(selectors.SelectSelector):
    """Waits for nothing: what would be waited for is over at once."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("everything waits, and nothing will ever happen")
        self.time += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which sleeping takes no time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        """Seconds of the virtual clock."""
        return self._jump.time


def run_virtual(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a virtual clock."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


@dataclass(frozen=True)
class Case:
    """A host's limit and the load on it; latency is lognormal around a median, in seconds."""

    name: str
    limit: float
    """Requests a minute."""
    requests: int
    then: float | None = None
    """The limit from the middle on."""
    burst_seconds: float = 1.0
    """How many seconds' worth of requests the host takes at once."""
    retry_after: str = "exact"
    """`exact`, `whole` seconds, or `none`."""
    headers: bool = False
    workers: int = 64
    median: float = 0.25
    sigma: float = 0.4
    cap: float | None = None
    """The user's own cap in requests a minute."""


@dataclass
class Figures:
    """What became of one case."""

    seconds: float = 0.0
    throttled: int = 0
    served: int = 0
    steady_throttled: int = 0
    steady_served: int = 0
    steady_share: float = 0.0
    """Requests served in the steady part, as a share of what the limit allowed."""
    busiest_minute: int = 0

    @property
    def per_thousand(self) -> float:
        """429s for each thousand requests served, in the steady part."""
        return 1000 * self.steady_throttled / max(1, self.steady_served)

    @property
    def per_thousand_in_all(self) -> float:
        """The same, with the start."""
        return 1000 * self.throttled / max(1, self.served)


class Host:
    """Lets requests through a bucket, on a virtual clock."""

    def __init__(self, case: Case, seed: int) -> None:
        self.case, self.random = case, random.Random(seed)
        self.limit = case.limit
        self.bucket = TokenBucket(case.limit, case.limit / 60 * case.burst_seconds, 0.0)
        self.log: list[tuple[float, bool]] = []
        self.served = 0

    def ask(self, now: float) -> float:
        """Take one request; returns 0, or the seconds to wait."""
        if self.case.then is not None and self.served >= self.case.requests // 2 and self.limit != self.case.then:
            self.limit = self.case.then
            self.bucket.change(self.limit, self.limit / 60 * self.case.burst_seconds, now)
        wait = self.bucket.take(now)
        self.served += not wait
        self.log.append((now, not wait))
        return wait

    def told(self, wait: float) -> float | None:
        """The wait as the host tells it."""
        if self.case.retry_after == "none":
            return None
        return float(int(wait) + 1) if self.case.retry_after == "whole" else wait


async def _work(host: Host, limiter: RateLimiter, left: list[int]) -> None:
    loop = asyncio.get_running_loop()
    while left[0] > 0:
        left[0] -= 1
        done = False
        while not done:
            async with limiter.slot() as began:
                latency = host.case.median * host.random.lognormvariate(0.0, host.case.sigma)
                await asyncio.sleep(latency / 3)
                wait = host.ask(loop.time())
                await asyncio.sleep(0.02 if wait else latency * 2 / 3)
                if host.case.headers and limiter.wants_hint:
                    limiter.hint(host.limit / 60, host.bucket._level)
                done = not wait
                limiter.report(
                    Signal.FINE if done else Signal.THROTTLED, began=began, wait=host.told(wait) if wait else None
                )


async def _simulate(case: Case, seed: int) -> Figures:
    loop = asyncio.get_running_loop()
    host = Host(case, seed)
    limiter = RateLimiter(
        most_in_flight=case.workers, requests_per_minute=case.cap, now=loop.time, jitter=random.Random(seed).random
    )
    left = [case.requests]
    await asyncio.gather(*(_work(host, limiter, left) for _ in range(case.workers)))
    return _figures(case, host)


def _figures(case: Case, host: Host) -> Figures:
    served = [at for at, fine in host.log if fine]
    figures = Figures(seconds=served[-1], served=len(served), throttled=len(host.log) - len(served))
    # The steady part: after the first quarter and before the last workers run out of work.
    begin, end = served[len(served) // 4], served[-case.workers]
    if case.then is not None:
        begin = served[int(len(served) * 0.6)]
    steady = [(at, fine) for at, fine in host.log if begin <= at < end]
    figures.steady_served = sum(fine for _, fine in steady)
    figures.steady_throttled = len(steady) - figures.steady_served
    limit = min(case.then or case.limit, case.cap or float("inf"))
    figures.steady_share = figures.steady_served / (limit / 60 * (end - begin))
    figures.busiest_minute = max(sum(at <= other < at + 60 for other, _ in host.log) for at, _ in host.log[::97])
    return figures


def simulate(case: Case, seed: int) -> Figures:
    """Run one case; takes no time but the processor's."""
    figures: Figures = run_virtual(_simulate(case, seed))
    return figures


CASES = (
    Case("300 a minute", 300, 3000),
    Case("3,000 a minute", 3000, 6000),
    Case("12,000 a minute", 12_000, 20_000),
    Case("3,000, then 600", 3000, 5000, then=600),
    Case("3,000, whole seconds", 3000, 6000, retry_after="whole"),
    Case("3,000, no Retry-After", 3000, 6000, retry_after="none"),
    Case("3,000, a minute at once", 3000, 12_000, burst_seconds=60),
    Case("3,000, told by headers", 3000, 6000, headers=True),
    Case("no limit", 10_000_000, 6000),
)
SEEDS = (1, 2, 3, 4, 5)


def main() -> None:
    """Print the table, medians over the seeds."""
    rows = [f"{'limit':26} {'seconds':>8} {'used':>6} {'429 per 1,000':>14} {'with the start':>15}"]
    for case in CASES:
        runs = sorted((simulate(case, seed) for seed in SEEDS), key=lambda one: one.per_thousand)
        middle = runs[len(runs) // 2]
        used = sorted(one.steady_share for one in runs)[len(runs) // 2]
        in_all = sorted(one.per_thousand_in_all for one in runs)[len(runs) // 2]
        share = f"{100 * used:.0f} %" if case.name != "no limit" else "-"
        rows.append(f"{case.name:26} {middle.seconds:8.0f} {share:>6} {middle.per_thousand:14.1f} {in_all:15.1f}")
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
