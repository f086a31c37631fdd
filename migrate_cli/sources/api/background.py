"""Runs an asynchronous stream in a thread of its own, and hands its values over through a bounded queue.

Sources are synchronous iterators, and reading a host is not: this is the one bridge. It must not know what flows.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
AHEAD = 32
"""Values that may wait to be taken."""


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None = None


def stream(make: Callable[[], AsyncIterator[T]], ahead: int = AHEAD) -> Iterator[T]:
    """Yield what the asynchronous iterator yields; it runs on an event loop of its own, `ahead` values ahead.

    Its exception is raised here. When this iterator is closed, the other one is cancelled and waited for.
    """
    feed = _Feed(make, ahead)
    thread = threading.Thread(target=feed.run, name="source", daemon=True)
    thread.start()
    try:
        while True:
            value = feed.box.get()
            if isinstance(value, _End):
                if value.error is not None:
                    raise value.error
                return
            feed.taken()
            yield value
    finally:
        feed.stop()
        thread.join()


class _Feed(Generic[T]):
    def __init__(self, make: Callable[[], AsyncIterator[T]], ahead: int) -> None:
        self.box: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
        self._make = make
        self._ahead = ahead
        self._taken = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._room: asyncio.Semaphore | None = None
        self._stopped = False

    def run(self) -> None:
        """Fill the box until the stream ends; the thread's whole work."""
        try:
            asyncio.run(self._fill())
        except asyncio.CancelledError:
            self.box.put(_End())
        except BaseException as error:  # the thread that takes the values has to hear of it, whatever it is
            self.box.put(_End(error))
        else:
            self.box.put(_End())

    def taken(self) -> None:
        """Make room for another value: for several at once, since each call makes both threads wait for each other."""
        self._taken += 1
        if self._taken < self._ahead // 2:
            return
        if self._loop is not None and self._room is not None:
            with suppress(RuntimeError):  # the loop has ended, and everything is in the box
                self._loop.call_soon_threadsafe(self._make_room, self._room, self._taken)
        self._taken = 0

    @staticmethod
    def _make_room(room: asyncio.Semaphore, values: int) -> None:
        for _ in range(values):
            room.release()

    def stop(self) -> None:
        """Cancel the stream, if it still runs."""
        self._stopped = True
        if self._loop is not None and self._task is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._task.cancel)

    async def _fill(self) -> None:
        room = self._room = asyncio.Semaphore(self._ahead)
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        if self._stopped:
            return
        values = self._make()
        try:
            async for value in values:
                await room.acquire()
                if self._stopped:
                    return
                self.box.put(value)
        finally:
            close = getattr(values, "aclose", None)
            if close is not None:
                await close()
