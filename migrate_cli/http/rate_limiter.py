"""The pace of all requests to one host.

It starts gently and doubles for as long as all goes well (quick start). An isolated 429 only costs the wait that the
host asks for. Where many answers of that moment are 429s, or others follow soon, there is a limit: it starts once
more from one request at a time, measures what is let through until the next 429, and from then on spaces requests
evenly around that rate, ever more rarely trying a little more (`rate_curve.py`). Answers that are missing or
unclear halve the number of requests in flight; when most of them are, everything pauses. A wait that the server asks
for holds every worker, not only the one that was told. It must not know what the requests are, nor send any.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from enum import StrEnum

from migrate_cli.http.concurrency import ConcurrencyGate
from migrate_cli.http.outage import RecentAnswers
from migrate_cli.http.outcomes import Ambiguous, Applied, Draining, NotApplied, NotAppliedKind, OutOfBounds, Reply
from migrate_cli.http.rate_curve import RateCurve, ThroughputMeter
from migrate_cli.work.waiting import waiting

FIRST_WINDOW = 16.0
"""Requests at a time to begin with: as many as the default workers, so that a small run is not held back."""
BREAKER_PAUSE = 30.0
LATENESS = 0.02
"""Seconds that a turn may be late and still be made up for."""
TOO_SOON = 8
"""So few answers between two 429s mean that the rate was far off, not a little."""
LOOKED_BACK = 300
"""Answers among which 429s are counted."""
STRAY_SHARE = 0.03
"""One 429, and so many of these answers, are strays; more are a limit."""
STRAY_TOGETHER = 2
"""More 429s than this at one moment, and more than a quarter of its answers, are a limit."""


class Signal(StrEnum):
    """What an answer says about the pace."""

    FINE = "fine"
    THROTTLED = "throttled"
    TROUBLE = "trouble"
    """No answer, or an unclear one."""
    UNREACHABLE = "unreachable"
    """The host takes no connections; those who ask back off by themselves."""
    NEUTRAL = "neutral"


def signal_of(reply: Reply) -> Signal:
    """Return what the outcome of a request says about the pace."""
    if isinstance(reply, Applied):
        return Signal.FINE
    if isinstance(reply, Ambiguous):
        # A host whose answer is too large is well: it answers.
        return Signal.NEUTRAL if isinstance(reply, OutOfBounds) else Signal.TROUBLE
    return _SIGNALS[reply.kind] if isinstance(reply, NotApplied) else Signal.NEUTRAL


_SIGNALS = {
    NotAppliedKind.UNREACHABLE: Signal.UNREACHABLE,
    NotAppliedKind.PROXY: Signal.UNREACHABLE,
    NotAppliedKind.THROTTLED: Signal.THROTTLED,
    NotAppliedKind.LOCKED: Signal.NEUTRAL,
}


class Slot:
    """One turn of a limiter's, for `async with`."""

    __slots__ = ("_limiter",)

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    async def __aenter__(self) -> float:
        return await self._limiter.take()

    async def __aexit__(self, *_error: object) -> None:
        self._limiter.release()


class RateLimiter:
    """Says when each request may go: how many at a time (`gate`), and how many a second once a limit is known."""

    def __init__(
        self,
        *,
        most_in_flight: int,
        requests_per_minute: float | None = None,
        breaker: bool = True,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        draining: Callable[[], bool] = lambda: False,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.gate = ConcurrencyGate(FIRST_WINDOW, float(most_in_flight))
        self.release = self.gate.leave
        """Gives a turn back."""
        self.opened_breaker = 0
        """How often everything paused because most answers were unclear."""
        self._shortest = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._now, self._sleep, self._draining, self._jitter = now, sleep, draining, jitter
        self._quick_start = True
        self._searching = False
        self._curve: RateCurve | None = None
        self._meter = ThroughputMeter(now())
        self._hint: float | None = None
        self._not_before = 0.0
        self._last_start = float("-inf")
        self._at_the_clock = asyncio.Lock()
        self._last_cut = float("-inf")
        self._lately: deque[bool] = deque(maxlen=LOOKED_BACK)
        """The last answers; True for a 429."""
        self._stray: list[bool] | None = None
        """While a 429 is treated as a stray: the answers to what was under way then; True for another 429."""
        self._recent = RecentAnswers()
        self._breaker = breaker

    @property
    def host_is_well(self) -> bool:
        """Whether almost all recent answers were clear, so that what fails fails for reasons of its own."""
        return self._recent.mostly_clear()

    @property
    def wants_hint(self) -> bool:
        """Whether the rate headers of an answer are worth reading: only before a rate is known."""
        return self._curve is None

    def slot(self) -> Slot:
        """Wait for a turn, then hold it: `async with` gives the moment at which it began, or raises Draining."""
        return Slot(self)

    def at_once(self) -> float | None:
        """Take a turn, as `take` does, if nothing has to be waited for; else return None. Raises Draining."""
        if not (self.gate.open() and self._free()):
            return None
        self.gate.in_flight += 1
        return self._now()

    async def take(self) -> float:
        """Wait for a turn and return the moment at which it began; `release` gives it back. Raises Draining."""
        gate = self.gate
        if not gate.open():
            await gate.wait()
        gate.in_flight += 1
        try:
            while not (self._free() or await self._space_out()):
                gate.in_flight -= 1
                try:
                    await gate.wait()
                finally:
                    gate.in_flight += 1
        except BaseException:
            gate.leave()
            raise
        return self._now()

    def report(self, signal: Signal, *, began: float, wait: float | None = None) -> None:
        """Learn from one answer. `wait` is what the server asked for; without it, throttling pauses a little."""
        now = self._now()
        if signal is Signal.FINE:
            if began >= self._last_cut:
                self._meter.count(now)
                self._lately.append(False)
                self._grow()
            elif self._stray is not None:
                self._stray.append(False)
            self._recent.add(unclear=False)
        elif signal is Signal.THROTTLED:
            self._throttled(began, now, wait)
        elif signal is Signal.UNREACHABLE:
            self._cut_window(began, now)
        elif signal is Signal.TROUBLE:
            self._cut_window(began, now)
            self._recent.add(unclear=True)
            self._pause_if_mostly_unclear()

    def hint(self, per_second: float, remaining: float) -> None:
        """Take note of the rate that an answer's headers tell; it counts only when little of the limit is left."""
        if self._curve is None and remaining <= 2 * self.gate.most and per_second > 0:
            self._hint = per_second
            if self._searching or remaining <= self.gate.in_flight:
                self._follow(per_second)

    def pause(self, seconds: float) -> None:
        """Hold all requests for a while."""
        self._not_before = max(self._not_before, self._now() + seconds)

    # ---- learning

    def _grow(self) -> None:
        if self._curve is not None:
            self._curve.step()
        gate = self.gate
        if gate.window < gate.most:
            gate.resize(gate.window + (1.0 if self._quick_start else 1.0 / gate.window))

    def _throttled(self, began: float, now: float, wait: float | None) -> None:
        self.pause(wait if wait is not None else 1.0 + self._jitter())
        if began <= self._last_cut:
            self._doubt_stray(now)
            return
        self._last_cut = now
        self._lately.append(True)
        few = sum(self._lately) <= 1 + STRAY_SHARE * len(self._lately)
        if few and self._curve is None and self._hint is None and not self._searching:
            self._stray = [True]
            return
        self._stray = None
        measured = self._meter.rate(now)
        if self._curve is not None and self._curve.steps >= TOO_SOON:
            self._curve.cut()
        elif self._curve is not None and self._curve.slow_down():
            return
        elif self._hint is not None and self._curve is None:
            self._follow(self._hint)
        elif self._searching and measured is not None:
            self._follow(measured)
        else:
            self._search(now)

    def _doubt_stray(self, now: float) -> None:
        """Another 429 to what was under way with the one that was treated as a stray."""
        if self._stray is None:
            return
        self._stray.append(True)
        throttled = sum(self._stray)
        if throttled > STRAY_TOGETHER and 4 * throttled > len(self._stray):
            self._stray = None
            self._search(now)

    def _search(self, now: float) -> None:
        """Begin again from one request at a time, to see what is let through."""
        self._curve = None
        self._searching = self._quick_start = True
        self._hint = None
        self.gate.resize(1.0)
        self._meter = ThroughputMeter(max(now, self._not_before))

    def _follow(self, per_second: float) -> None:
        """Space requests evenly from now on; how many are in flight follows from that."""
        self._curve = RateCurve(per_second)
        self._searching = self._quick_start = False
        self._last_start = self._now()
        self.gate.resize(self.gate.most)

    def _cut_window(self, began: float, now: float) -> None:
        self._quick_start = False
        if began > self._last_cut:
            self.gate.resize(self.gate.window / 2)
            self._last_cut = now

    def _pause_if_mostly_unclear(self) -> None:
        """Each unclear answer is a doubt that costs requests to settle."""
        if self._breaker and self._recent.mostly_unclear():
            self._recent.forget()
            self.opened_breaker += 1
            self.pause(BREAKER_PAUSE)
            self.gate.resize(self.gate.window / 2)

    # ---- turns

    def _interval(self) -> float:
        return max(self._shortest, 1 / self._curve.rate) if self._curve is not None else self._shortest

    def _free(self) -> bool:
        """Whether neither a rate nor a wish of the server's says when the next request may go. Raises Draining."""
        if self._draining():
            raise Draining
        return not self._interval() and self._now() >= self._not_before

    async def _space_out(self) -> bool:
        """Wait until the rate and the server's wishes allow a request.

        One waits for the clock at a time, and the others for it, so that a new rate holds at once. False when the
        window has become smaller meanwhile, so that a new turn is needed.
        """
        async with self._at_the_clock:
            while self.gate.in_flight <= int(self.gate.window):
                if self._draining():
                    raise Draining
                now, interval = self._now(), self._interval()
                # A sleeper wakes a little late; that much may be made up for, so that no turn is lost.
                start = max(self._last_start + interval, self._not_before, now - max(interval, LATENESS))
                if start <= now:
                    self._last_start = start
                    return True
                with waiting("the time at which the host allows the next request", moves=False):
                    await self._sleep(start - now)
        return False
