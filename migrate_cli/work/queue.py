"""Queues of entries for the workers, one for each way of reading a source.

A file is read on the event loop, some entries in one go; an asynchronous source is awaited; one that blocks is read in
a thread, ahead of the workers, so that a worker finds its next entry waiting. A queue must not look at its entries.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
U = TypeVar("U")
Out_co = TypeVar("Out_co", covariant=True)

LAST_READ = 2.0
"""Seconds that a read under way may take when the run ends; a host that is down would be asked for minutes."""


AT_ONCE = 32
"""Entries of a file that are read in one go: work of one kind, done together, takes a tenth less time."""
LONGEST_READ = 0.01
"""Seconds after which no further entry is read in the same go: those that are large are not held beside each other, and
nothing else waits for long."""


class EntryQueue(Protocol[Out_co]):
    """Gives one entry after another to whoever asks; one asks at a time."""

    async def take(self) -> Out_co | None:
        """Return the next entry, None after the last; raises what the iterator raises."""

    def stop(self) -> None:
        """Give nothing more, also to who waits for an entry now."""

    async def close(self) -> None:
        """End the reading, whatever is left."""


@asynccontextmanager
async def queue_of(
    entries: Iterator[T] | AsyncIterator[T], ahead: int, drain: asyncio.Event, *, live: bool
) -> AsyncIterator[EntryQueue[T]]:
    """Give the entries until the run drains; a `live` source that blocks is read up to `ahead` entries ahead."""
    queue: EntryQueue[T]
    if isinstance(entries, AsyncIterator):
        queue = AsyncQueue(entries)
    else:
        queue = ThreadedQueue(entries, ahead) if live else InlineQueue(entries, min(ahead, AT_ONCE))

    async def stop() -> None:
        await drain.wait()
        queue.stop()

    stopping = asyncio.create_task(stop())
    try:
        yield queue
    finally:
        stopping.cancel()
        await queue.close()


async def piped(entries: AsyncGenerator[T], pipe: Callable[[Iterator[T]], Iterator[U]]) -> AsyncGenerator[U]:
    """Send what arrives through a pipe of plain iterators, which must yield one value for each entry that it takes."""
    held: list[T] = []

    def taken() -> Iterator[T]:
        while held:
            yield held.pop()

    values = pipe(taken())
    async with aclosing(entries):
        async for entry in entries:
            held.append(entry)
            yield next(values)


class InlineQueue(Generic[T]):
    """Takes from an iterator that never waits for long."""

    def __init__(self, entries: Iterator[T], at_once: int = AT_ONCE) -> None:
        self._entries = entries
        self._at_once = at_once
        self._held: deque[T] = deque()
        self._error: Exception | None = None
        self._stopped = False

    async def take(self) -> T | None:
        """Return the next entry."""
        if self._stopped:
            return None
        if not self._held:
            if self._error is not None:
                raise self._error
            self._read()
            if not self._held and self._error is not None:
                raise self._error
        return self._held.popleft() if self._held else None

    def _read(self) -> None:
        """Take some entries; what the iterator raises waits until they are given."""
        until = time.monotonic() + LONGEST_READ
        try:
            for entry in self._entries:
                self._held.append(entry)
                if len(self._held) >= self._at_once or time.monotonic() > until:
                    return
        except Exception as error:  # whoever takes the entries has to hear of it, whatever it is
            self._error = error

    def stop(self) -> None:
        """Give nothing more."""
        self._stopped = True
        self._held.clear()

    async def close(self) -> None:
        """Leave the rest unread."""


class AsyncQueue(Generic[T]):
    """Takes from an asynchronous iterator, which reads ahead by itself if it does."""

    def __init__(self, entries: AsyncIterator[T]) -> None:
        self._entries = entries
        self._taking: asyncio.Task[Any] | None = None
        self._stopped = False

    async def take(self) -> T | None:
        """Return the next entry, once there is one."""
        if self._stopped:
            return None
        taking = asyncio.current_task()
        self._taking = taking
        try:
            return await anext(self._entries, None)
        except asyncio.CancelledError:
            # `stop` called this off, unless somebody else did too.
            if not self._stopped or taking is None or taking.uncancel():
                raise
            return None
        finally:
            self._taking = None

    def stop(self) -> None:
        """Give nothing more, and call off the wait for what is to come."""
        if not self._stopped and self._taking is not None:
            self._taking.cancel()
        self._stopped = True

    async def close(self) -> None:
        """End the reading."""
        self.stop()
        close = getattr(self._entries, "aclose", None)
        if close is not None:
            await close()


class ThreadedQueue(Generic[T]):
    """Takes from an iterator in a thread of its own, some entries ahead.

    Each call across threads makes both sides wait for Python's lock, so one side calls the other only when that waits:
    the reading thread for an entry that nobody waits for says nothing, and room is made for several entries at once.
    """

    def __init__(self, entries: Iterator[T], ahead: int) -> None:
        self._entries = entries
        self._room = threading.Semaphore(ahead)
        self._at_once = max(1, ahead // 4)
        self._taken = 0
        """Entries that were taken since room was made."""
        self._held: deque[T] = deque()
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)
        self._thread.start()

    async def take(self) -> T | None:
        """Return the next entry, once there is one."""
        while not self._held or self._stopped:
            if self._stopped:
                return None
            if self._ended and not self._held:
                if self._error is not None:
                    raise self._error
                return None
            waiter = self._waiter = self._loop.create_future()
            # The other thread sees the waiter from here on; what came before that is here already.
            if not (self._held or self._ended):
                await waiter
            self._waiter = None
        self._taken += 1
        if self._taken >= self._at_once:
            self._room.release(self._taken)
            self._taken = 0
        return self._held.popleft()

    def stop(self) -> None:
        """Give nothing more, and wake who waits."""
        self._stopped = True
        self._room.release()
        self._wake()

    async def close(self) -> None:
        """End the reading after the entry that is being read, and let go of the source."""
        self.stop()
        await asyncio.to_thread(self._thread.join, LAST_READ)

    def _run(self) -> None:
        try:
            while self._room.acquire() and not self._stopped:
                entry = next(self._entries, None)
                if entry is None:
                    return
                self._held.append(entry)
                self._nudge()
        except BaseException as error:  # whoever takes the entries has to hear of it, whatever it is
            self._error = error
        finally:
            close = getattr(self._entries, "close", None)
            if close is not None:
                close()
            self._ended = True
            self._nudge()

    def _nudge(self) -> None:
        """Wake whoever waits for an entry, if anyone does."""
        if self._waiter is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:  # the loop was closed: nobody listens any more
            self._stopped = True

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
