"""How fast to go: one pacer for all requests to one host.

It starts gently, doubles for as long as it goes well (quick start), then adds a little and halves on trouble (additive
increase, multiplicative decrease). A wait that the server asks for holds every worker, not only the one that was told.
A cap in requests a minute spaces requests evenly. It must not know what the requests are, nor send any.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

FIRST_WINDOW = 4.0
LONGEST_PAUSE = 60.0


class Sign(StrEnum):
    """What an answer says about the pace."""

    FINE = "fine"
    THROTTLED = "throttled"
    TROUBLE = "trouble"
    NEUTRAL = "neutral"


class Pacer:
    """Hands out slots for requests. `window` is how many may be in flight; times are in seconds."""

    def __init__(
        self,
        *,
        most_in_flight: int,
        requests_per_minute: float | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.window = min(FIRST_WINDOW, float(most_in_flight))
        self._most = float(most_in_flight)
        self._interval = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._quick_start = True
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._not_before = 0.0
        self._next_slot = 0.0
        self._last_cut = float("-inf")
        self._round_trip = 0.1
        self._now, self._sleep, self._jitter = now, sleep, jitter

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[float]:
        """Wait for a turn, then hold it; yields the moment at which it began."""
        await self._turn()
        self._in_flight += 1
        try:
            await self._space_out()
            yield self._now()
        finally:
            self._in_flight -= 1
            self._wake()

    def report(self, sign: Sign, *, began: float, wait: float | None = None) -> None:
        """Learn from one answer. `wait` is what the server asked for; without it, throttling pauses a little."""
        now = self._now()
        if sign is Sign.FINE:
            self._round_trip += 0.1 * (now - began - self._round_trip)
            self._grow()
        elif sign is Sign.THROTTLED:
            self._hold(now, wait if wait is not None else 1.0 + self._jitter())
            self._cut(began, now)
        elif sign is Sign.TROUBLE:
            self._cut(began, now)

    def pause(self, seconds: float) -> None:
        """Hold all requests for a while."""
        self._hold(self._now(), seconds)

    def _hold(self, now: float, seconds: float) -> None:
        self._not_before = max(self._not_before, now + seconds)

    def _grow(self) -> None:
        step = 1.0 if self._quick_start else 1.0 / self.window
        self.window = min(self._most, self.window + step)
        self._wake()

    def _cut(self, began: float, now: float) -> None:
        self._quick_start = False
        if began >= self._last_cut:
            self.window = max(1.0, self.window / 2)
            self._last_cut = now

    async def _turn(self) -> None:
        while self._in_flight >= int(self.window) or self._waiting_ahead():
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

    async def _space_out(self) -> None:
        while (pause := self._not_before - self._now()) > 0:
            await self._sleep(pause + 0.05 * self._jitter())
        if not self._interval:
            return
        now = self._now()
        self._next_slot = max(self._next_slot + self._interval, now)
        if self._next_slot > now:
            await self._sleep(self._next_slot - now)
