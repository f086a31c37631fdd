"""Time: what a run needs of it, and the real one, whose waits end early when the run is asked to end.

It must not know why anybody waits.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests need none."""

    def now(self) -> float:
        """Seconds, monotonic."""

    def wall(self) -> float:
        """Unix seconds, to compare with what an earlier run noted."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class WallClock:
    """Sleeping ends early when the run drains, so that Ctrl-C is not kept waiting."""

    def __init__(self) -> None:
        self._drain: asyncio.Event | None = None

    def wake_on(self, drain: asyncio.Event) -> None:
        """End every sleep when this event is set."""
        self._drain = drain

    def draining(self) -> bool:
        """Whether the run was asked to end."""
        return self._drain is not None and self._drain.is_set()

    def now(self) -> float:
        """Seconds, monotonic."""
        return time.monotonic()

    def wall(self) -> float:
        """Unix seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait, or until the run drains."""
        if self._drain is None:
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._drain.wait()
        except TimeoutError:
            return
