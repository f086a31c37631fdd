"""Ends requests that take too long. One timer watches all of them, since one timer each would cost too much.

It must not know what they are waiting for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from types import TracebackType
from typing import Self


class Deadlines:
    """All that is under way on one event loop. `every` is how many seconds one may last beyond its deadline."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._loop = asyncio.get_running_loop()
        self._open: set[Deadline] = set()
        self._look: asyncio.TimerHandle | None = None

    def within(self, silence: float, whole: float, moving: Callable[[], int] | None = None) -> Deadline:
        """Return a context that raises TimeoutError after `whole` seconds, or `silence` seconds without a sign.

        Where `moving` tells another number than a moment ago, that is a sign too.
        """
        return Deadline(self, self._loop.time(), silence, whole, moving)

    def add(self, one: Deadline) -> None:
        """Look after one more."""
        self._open.add(one)
        if self._look is None:
            self._look = self._loop.call_later(self._every, self._end_late)

    def discard(self, one: Deadline) -> None:
        """Look after it no more."""
        self._open.discard(one)

    def time(self) -> float:
        """Seconds of the event loop's clock."""
        return self._loop.time()

    def _end_late(self) -> None:
        self._look = self._loop.call_later(self._every, self._end_late) if self._open else None
        now = self._loop.time()
        for one in self._open:
            one.look()
        for one in [one for one in self._open if one.at <= now]:
            self._open.discard(one)
            one.end()


class Deadline:
    """The time that one thing may take; used once, by the task that does it."""

    __slots__ = (
        "_all",
        "_cancelling",
        "_ended",
        "_flows_until",
        "_moved",
        "_moving",
        "_rate",
        "_silence",
        "_task",
        "_until",
        "at",
    )

    def __init__(
        self, all_: Deadlines, now: float, silence: float, whole: float, moving: Callable[[], int] | None
    ) -> None:
        self._all = all_
        self._moving, self._moved = moving, 0
        self._silence = silence
        self._until = self._flows_until = now + whole
        self._rate = inf
        self.at = min(now + silence, self._until)
        """When it is over, by the event loop's clock."""
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._ended = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be called off")
        self._task, self._cancelling = task, task.cancelling()
        self._all.add(self)
        return self

    def flows(self, slack: float, rate: float) -> None:
        """From now on it may last `slack` seconds, and a second more for every `rate` bytes that are heard.

        Signs of life alone do not stretch it: what trickles gives one again and again.
        """
        self._flows_until, self._rate = min(self._until, self._all.time() + slack), rate
        self.heard()

    def heard(self, size: int = 0) -> None:
        """Take note of a sign of life, and of so many bytes."""
        self._flows_until = min(self._until, self._flows_until + size / self._rate)
        self.at = min(self._all.time() + self._silence, self._flows_until)

    def look(self) -> None:
        """See whether something has moved."""
        if self._moving is not None and (moved := self._moving()) != self._moved:
            self._moved = moved
            self.heard()

    def end(self) -> None:
        """Call the task off."""
        if self._task is not None:
            self._ended = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._all.discard(self)
        # Whoever else called the task off meanwhile is still to be obeyed.
        if (
            self._ended
            and self._task is not None
            and self._task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise TimeoutError from error
