"""How fast to go: one limiter for all requests to one host.

It starts gently and doubles for as long as it goes well (quick start). The first 429 says that there is a limit: it
starts once more from one request at a time, measures what is let through until the next 429, and from then on spaces
requests evenly around that rate, ever more rarely trying a little more (`rate_curve.py`). Answers that are missing or
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

from migrate_cli.http.outcomes import Ambiguous, Applied, Draining, NotApplied, NotAppliedKind, OutOfBounds, Reply
from migrate_cli.http.rate_curve import RateCurve, ThroughputMeter

FIRST_WINDOW = 4.0
BREAKER_LOOKS_AT = 50
"""The breaker opens when more than half of so many answers were unclear."""
BREAKER_PAUSE = 30.0
LATENESS = 0.02
"""Seconds that a turn may be late and still be made up for."""
MOSTLY = 5
"""A host is well while at most one of so many recent answers was unclear."""
KNOWN = 10
"""So many answers tell whether a host is well."""
TOO_SOON = 8
"""So few answers between two 429s mean that the rate was far off, not a little."""


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
    """Hands out slots for requests. `window` is how many may be in flight, `rate` how many a second; None: any."""

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
        self.window = min(FIRST_WINDOW, float(most_in_flight))
        self.opened_breaker = 0
        """How often everything paused because most answers were unclear."""
        self._most = float(most_in_flight)
        self._shortest = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._now, self._sleep, self._draining, self._jitter = now, sleep, draining, jitter
        self._quick_start = True
        self._searching = False
        self._curve: RateCurve | None = None
        self._meter = ThroughputMeter(now())
        self._hint: float | None = None
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._not_before = 0.0
        self._last_start = float("-inf")
        self._at_the_clock = asyncio.Lock()
        self._last_cut = float("-inf")
        self._unclear: deque[bool] = deque(maxlen=BREAKER_LOOKS_AT)
        self._breaker = breaker

    @property
    def rate(self) -> float | None:
        """Requests a second at the moment; None while no limit is known."""
        interval = self._interval()
        return 1 / interval if interval else None

    @property
    def host_is_well(self) -> bool:
        """Whether almost all recent answers were clear, so that what fails fails for reasons of its own."""
        return len(self._unclear) >= KNOWN and sum(self._unclear) * MOSTLY <= len(self._unclear)

    @property
    def wants_hint(self) -> bool:
        """Whether the rate headers of an answer are worth reading: only before a rate is known."""
        return self._curve is None

    def slot(self) -> Slot:
        """Wait for a turn, then hold it: `async with` gives the moment at which it began, or raises Draining."""
        return Slot(self)

    def at_once(self) -> float | None:
        """Take a turn, as `take` does, if nothing has to be waited for; else return None. Raises Draining."""
        if not (self._open() and self._free()):
            return None
        self._in_flight += 1
        return self._now()

    async def take(self) -> float:
        """Wait for a turn and return the moment at which it began; `release` gives it back. Raises Draining."""
        if not self._open():
            await self._turn()
        self._in_flight += 1
        try:
            while not (self._free() or await self._space_out()):
                self._in_flight -= 1
                try:
                    await self._turn()
                finally:
                    self._in_flight += 1
        except BaseException:
            self.release()
            raise
        return self._now()

    def release(self) -> None:
        """Give a turn back."""
        self._in_flight -= 1
        self._wake()

    def report(self, sign: Signal, *, began: float, wait: float | None = None) -> None:
        """Learn from one answer. `wait` is what the server asked for; without it, throttling pauses a little."""
        now = self._now()
        if sign is Signal.FINE:
            if began >= self._last_cut:
                self._meter.count(now)
                self._grow()
        elif sign is Signal.THROTTLED:
            self._throttled(began, now, wait)
        elif sign in (Signal.TROUBLE, Signal.UNREACHABLE):
            self._cut_window(began, now)
        if sign in (Signal.FINE, Signal.TROUBLE):
            self._watch(sign, now)

    def hint(self, per_second: float, remaining: float) -> None:
        """Take note of the rate that an answer's headers tell; it counts only when little of the limit is left."""
        if self._curve is None and remaining <= 2 * self._most and per_second > 0:
            self._hint = per_second
            if self._searching or remaining <= self._in_flight:
                self._follow(per_second)

    def pause(self, seconds: float) -> None:
        """Hold all requests for a while."""
        self._hold(self._now(), seconds)

    # ---- learning

    def _grow(self) -> None:
        if self._curve is not None:
            self._curve.step()
        if self.window < self._most:
            self.window = min(self._most, self.window + (1.0 if self._quick_start else 1.0 / self.window))
            self._wake()

    def _throttled(self, began: float, now: float, wait: float | None) -> None:
        self._hold(now, wait if wait is not None else 1.0 + self._jitter())
        if began <= self._last_cut:
            return
        self._last_cut = now
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

    def _search(self, now: float) -> None:
        """Begin again from one request at a time, to see what is let through."""
        self._curve = None
        self._searching = self._quick_start = True
        self._hint = None
        self.window = 1.0
        self._meter = ThroughputMeter(max(now, self._not_before))

    def _follow(self, per_second: float) -> None:
        """Space requests evenly from now on; how many are in flight follows from that."""
        self._curve = RateCurve(per_second)
        self._searching = self._quick_start = False
        self.window = self._most
        self._last_start = self._now()
        self._wake()

    def _cut_window(self, began: float, now: float) -> None:
        self._quick_start = False
        if began > self._last_cut:
            self.window = max(1.0, self.window / 2)
            self._last_cut = now

    def _watch(self, sign: Signal, now: float) -> None:
        """Pause when most answers are unclear: each of them is a doubt that costs requests to settle."""
        self._unclear.append(sign is Signal.TROUBLE)
        if self._breaker and sign is Signal.TROUBLE and sum(self._unclear) * 2 > BREAKER_LOOKS_AT:
            self._unclear.clear()
            self.opened_breaker += 1
            self._hold(now, BREAKER_PAUSE)
            self.window = max(1.0, self.window / 2)

    # ---- turns

    def _interval(self) -> float:
        return max(self._shortest, 1 / self._curve.rate) if self._curve is not None else self._shortest

    def _hold(self, now: float, seconds: float) -> None:
        self._not_before = max(self._not_before, now + seconds)

    def _open(self) -> bool:
        """Whether there is room for one more, and nobody else waits for it."""
        return self._in_flight < int(self.window) and not self._waiting_ahead()

    async def _turn(self) -> None:
        while not self._open():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake()
                raise
            if self._in_flight < int(self.window):
                return

    def _waiting_ahead(self) -> bool:
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()
        return bool(self._waiting)

    def _wake(self) -> None:
        free = int(self.window) - self._in_flight
        while free > 0 and self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                free -= 1

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
            while self._in_flight <= int(self.window):
                if self._draining():
                    raise Draining
                now, interval = self._now(), self._interval()
                # A sleeper wakes a little late; that much may be made up for, so that no turn is lost.
                start = max(self._last_start + interval, self._not_before, now - max(interval, LATENESS))
                if start <= now:
                    self._last_start = start
                    return True
                await self._sleep(start - now)
        return False
