"""Reads several threads at a time and gives them in the order of their names, except for those that keep it waiting.

A host may answer for almost all of its threads at once, and for one of them only after many tries, or never. The others
are not to wait for that one. It must not know how a thread is read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from migrate_cli.model import Unreadable
from migrate_cli.sources.api.ids import ThreadName
from migrate_cli.sources.api.thread_record import LeftOut, ThreadRecord, Unchanged

Entry = ThreadRecord | Unreadable | LeftOut | Unchanged
Read = Callable[[ThreadName], Awaitable[Entry]]

PATIENCE = 0.2
"""Seconds after which the thread whose turn it is lets the others pass, if all of them are there."""
STALLED = 5
"""So many times that long without any thread, and it lets them pass although some of them are not there either."""
MOST_LATE = 8
"""So many threads for each worker may be late. They hold little: what keeps them is an answer that does not come."""


def in_order(
    names: AsyncIterator[ThreadName | Unreadable], read: Read, workers: int, limit: int | None
) -> AsyncGenerator[Entry]:
    """Yield at most `limit` threads, `workers` of them read at a time, and others; raises what `read` raises."""
    return _Reading(names, read, workers, limit).entries()


class _Reading:
    def __init__(
        self, names: AsyncIterator[ThreadName | Unreadable], read: Read, workers: int, limit: int | None
    ) -> None:
        self._names, self._read, self._workers, self._limit = names, read, workers, limit
        self._slots = asyncio.Semaphore(workers)
        self._pending: deque[asyncio.Task[Entry]] = deque()
        self._late: set[asyncio.Task[Entry]] = set()
        """Those whose turn has passed. They are given when they are there, and their slots to others."""
        self._given = self._idle = self._ready = 0
        self._more = True

    async def entries(self) -> AsyncGenerator[Entry]:
        try:
            while True:
                await self._begin_more()
                if not (self._pending or self._late):
                    return
                entry = await self._next()
                self._given += isinstance(entry, ThreadRecord)
                yield entry
        finally:
            left = [*self._pending, *self._late]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _begin_more(self) -> None:
        while self._more and len(self._pending) < 2 * self._workers and self._may_begin():
            try:
                self._pending.append(asyncio.create_task(self._one(await anext(self._names))))
            except StopAsyncIteration:
                self._more = False

    def _may_begin(self) -> bool:
        return self._limit is None or self._given + len(self._pending) + len(self._late) < self._limit

    async def _next(self) -> Entry:
        """Wait for the thread whose turn it is, or for one whose turn has passed, whichever is there first."""
        while True:
            turn = self._pending[0] if self._pending else None
            if turn is not None and turn.done():
                self._idle = 0
                return self._pending.popleft().result()
            done, _ = await asyncio.wait(
                self._late if turn is None else {turn, *self._late},
                timeout=PATIENCE if self._may_pass() else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done & self._late:
                self._late.discard(task)
                return task.result()
            if not done and self._is_kept_waiting():
                self._late.add(self._pending.popleft())
                self._slots.release()
                await self._begin_more()

    def _is_kept_waiting(self) -> bool:
        ready = sum(task.done() for task in self._pending)
        self._idle = self._idle + 1 if ready == self._ready else 0
        self._ready = ready
        return ready == len(self._pending) - 1 or self._idle >= STALLED

    def _may_pass(self) -> bool:
        return len(self._pending) > 1 and len(self._late) < MOST_LATE * self._workers

    async def _one(self, named: ThreadName | Unreadable) -> Entry:
        if isinstance(named, Unreadable):
            return named
        await self._slots.acquire()
        try:
            return await self._read(named)
        finally:
            if asyncio.current_task() not in self._late:
                self._slots.release()
