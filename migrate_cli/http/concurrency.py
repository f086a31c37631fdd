"""How many requests to one host are in flight, and which goes next when there is room. It must not know why the limit
changes, nor wait for anything except a free slot.
"""

from __future__ import annotations

import asyncio
from collections import deque


class ConcurrencyGate:
    """Lets requests in while fewer than `window` are under way; those that wait go in order."""

    def __init__(self, window: float, most: float) -> None:
        self.most = most
        self.window = min(window, most)
        """How many may be under way; a fraction, so that it can grow by less than one at a time."""
        self.in_flight = 0
        """How many are. Whoever found the gate open, or waited for it, counts itself in, with no await in between."""
        self._waiting: deque[asyncio.Future[None]] = deque()

    def open(self) -> bool:
        """Whether there is room for one more, and nobody else waits for it."""
        return self.in_flight < int(self.window) and not self._waiting_ahead()

    async def wait(self) -> None:
        """Wait until there is room."""
        while not self.open():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                # The place that this one was given and cannot take is the next one's.
                if waiter.done() and not waiter.cancelled():
                    self._wake()
                raise
            if self.in_flight < int(self.window):
                return

    def leave(self) -> None:
        """Give a place back."""
        self.in_flight -= 1
        self._wake()

    def resize(self, window: float) -> None:
        """Let so many in from now on: one at least, `most` at most."""
        grown, self.window = window >= self.window, max(1.0, min(self.most, window))
        if grown:
            self._wake()

    def _waiting_ahead(self) -> bool:
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()
        return bool(self._waiting)

    def _wake(self) -> None:
        free = int(self.window) - self.in_flight
        while free > 0 and self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                free -= 1
