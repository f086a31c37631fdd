"""Says when a host has given nothing for long, while somebody waits for it. It must not know what the host gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")
SILENCE = 15.0
"""Seconds without an entry that are worth a word; after it, twice as many, and so on."""
_EARLY = 0.001


async def patiently(
    entries: AsyncGenerator[T], silent: Callable[[float], None], silence: float = SILENCE
) -> AsyncGenerator[T]:
    """Yield the entries; `silent` is told for how many seconds none has come although it was waited for."""
    watch = _Watch(silent, silence)
    try:
        async with aclosing(entries):
            while True:
                watch.wait()
                try:
                    entry = await anext(entries)
                except StopAsyncIteration:
                    return
                finally:
                    watch.rest()
                yield entry
    finally:
        watch.close()


class _Watch:
    """Looks at one wait after the other, with one timer for all: most are over long before it rings."""

    def __init__(self, silent: Callable[[float], None], silence: float) -> None:
        self._silent, self._silence = silent, silence
        self._seconds = silence
        """After how many seconds of this wait the next word is due."""
        self._since: float | None = None
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(silence, self._ring)

    def wait(self) -> None:
        """A wait begins."""
        self._since = self._loop.time()
        if self._seconds > self._silence:
            # The last wait was so long that the timer is set for later than this one is due.
            self._seconds = self._silence
            self._set(self._since + self._silence)

    def rest(self) -> None:
        """It is over."""
        self._since = None

    def close(self) -> None:
        """Nothing is waited for any more."""
        self._timer.cancel()

    def _ring(self) -> None:
        now = self._loop.time()
        if self._since is None:
            self._set(now + self._silence)
            return
        # An event loop rings a little early at times.
        if self._since + self._seconds <= now + _EARLY:
            self._silent(self._seconds)
            self._seconds *= 2
        self._set(self._since + self._seconds)

    def _set(self, moment: float) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_at(moment, self._ring)
