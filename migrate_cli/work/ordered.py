"""Prepares several threads at a time, and yields their drafts in the order in which the threads came.

It must not convert anything itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from migrate_cli.model import Draft, Thread, Unreadable
from migrate_cli.work.queue import queue_of

AHEAD = 32
"""Threads that wait at a time; what stands behind them is held, so this bounds memory."""


Entry = Draft | Thread | Unreadable
"""What a queue gives out: a Thread is one whose files must be looked into before it can be converted."""


async def in_order(
    entries: Iterator[Entry] | AsyncIterator[Entry],
    prepare: Callable[[Thread], Awaitable[Draft | None]],
    *,
    live: bool = False,
) -> AsyncIterator[Draft | Unreadable]:
    """Yield all entries in their order; threads are prepared beside each other. `live`: the next one may block."""
    waiting: deque[asyncio.Task[Draft | None] | Draft | Unreadable] = deque()
    try:
        async with queue_of(entries, AHEAD, asyncio.Event(), live=live) as queue:
            while (entry := await queue.take()) is not None:
                waiting.append(asyncio.ensure_future(_run(prepare, entry)) if isinstance(entry, Thread) else entry)
                while waiting and (len(waiting) >= AHEAD or not isinstance(waiting[0], asyncio.Task)):
                    done = await _settled(waiting.popleft())
                    if done is not None:
                        yield done
        while waiting:
            done = await _settled(waiting.popleft())
            if done is not None:
                yield done
    finally:
        for left in waiting:
            if isinstance(left, asyncio.Task):
                left.cancel()


async def _run(prepare: Callable[[Thread], Awaitable[Draft | None]], thread: Thread) -> Draft | None:
    return await prepare(thread)


async def _settled(entry: asyncio.Task[Draft | None] | Draft | Unreadable) -> Draft | Unreadable | None:
    return await entry if isinstance(entry, asyncio.Task) else entry
