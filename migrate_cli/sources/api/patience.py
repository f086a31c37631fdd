"""Says when a host has given nothing for long, while somebody waits for it. It must not know what the host gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")
SILENCE = 15.0
"""Seconds without an entry that are worth a word; after it, twice as many, and so on."""


async def patiently(
    entries: AsyncGenerator[T], silent: Callable[[float], None], silence: float = SILENCE
) -> AsyncGenerator[T]:
    """Yield the entries; `silent` is told for how many seconds none has come although it was waited for."""
    async with aclosing(entries):
        while True:
            watch = _Watch(silent, silence)
            try:
                entry = await anext(entries)
            except StopAsyncIteration:
                return
            finally:
                watch.timer.cancel()
            yield entry


class _Watch:
    """One wait for one entry."""

    def __init__(self, silent: Callable[[float], None], silence: float) -> None:
        self._silent, self._seconds = silent, silence
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.timer = self._loop.call_later(silence, self._speak)

    def _speak(self) -> None:
        self._silent(self._seconds)
        self._seconds *= 2
        self.timer = self._loop.call_at(self._began + self._seconds, self._speak)
