"""Threads with an unclear response: they wait until a late copy would have landed, and are then read back.

They wait together at the end of the run, so that there is only one wait. It must not decide when the run
ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from migrate_cli.load.decide import Action
from migrate_cli.load.interface import LoadObserver
from migrate_cli.load.thread import ThreadLoad
from migrate_cli.work.clock import Clock

WORTH_SAYING = 1.0
"""Seconds of waiting that a person who watches would take for a hang."""

HELD = 64_000_000
"""Bytes of items in threads that wait to be looked at again; beyond, those whose time has come are not kept waiting for
the end of the run."""


@dataclass(frozen=True, slots=True)
class LateThread:
    """One such thread, and when it is to be looked at again."""

    load: ThreadLoad
    action: Action
    due: float
    bytes: int


class LateThreads:
    """Those of one run, in the order in which they had their unclear answers."""

    def __init__(self, clock: Clock, observer: LoadObserver) -> None:
        self._clock, self._observer = clock, observer
        self._waiting: deque[LateThread] = deque()
        self._held = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put_off(self, load: ThreadLoad, action: Action, due: float) -> None:
        """Keep a thread until it is due."""
        size = sum(len(item.body) for item in load.draft.items)
        self._waiting.append(LateThread(load, action, due, size))
        self._held += size

    def announce(self) -> None:
        """Say for whom and how long the run waits before it ends."""
        seconds = max(late.due for late in self._waiting) - self._clock.now()
        if seconds < WORTH_SAYING:
            return
        count = len(self._waiting)
        threads, them = ("1 thread", "it") if count == 1 else (f"{count:,} threads", "them")
        self._observer.say(
            f"Waiting {round(seconds)} s: {threads} had an unclear response, and what was sent may still take effect "
            f"(load.late). All other threads are done; Ctrl-C leaves {them} for the next run."
        )

    def take_overdue(self) -> LateThread | None:
        """Return a thread that is to be looked at now, because those that wait hold too much memory; or None."""
        if self._held <= HELD or self._waiting[0].due > self._clock.now():
            return None
        return self._next()

    async def take(self) -> LateThread | None:
        """Return the thread that has waited longest, None where there is none."""
        return self._next() if self._waiting else None

    async def look(self, late: LateThread) -> None:
        """Wait until a thread is due, and bring it to its end."""
        try:
            await late.load.look_again()
        except asyncio.CancelledError:
            late.load.cut_off()
            raise
        finally:
            tell(self._observer, late.load, late.action)

    def leave(self) -> None:
        """Leave to the next run what this one does not look at any more."""
        while self._waiting:
            late = self._next()
            late.load.leave()
            tell(self._observer, late.load, late.action)

    def _next(self) -> LateThread:
        late = self._waiting.popleft()
        self._held -= late.bytes
        return late


def tell(observer: LoadObserver, load: ThreadLoad, action: Action) -> None:
    """Tell how the load of one thread ended."""
    observer.thread(load.draft, action, load.progress, load.code, load.detail)
