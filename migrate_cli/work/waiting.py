"""What is waited for, so that the user is told: answers, pauses, tokens, locks, disks, databases.

Whoever waits says so with `waiting`; a `WaitWatch` looks from a thread of its own, because the one that waits cannot,
and tells. Beginning and ending a wait costs a few hundred nanoseconds. It must not know who watches, nor end anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FIRST_WORD = 5.0
"""Seconds of standstill after which a person who watches is told."""
NEXT_WORD = 30.0
"""Seconds between two words about one standstill."""
_LOOKS = 0.5
_GAP = 1.0
"""Seconds without any wait that end a standstill: something was worked on."""


class Waits:
    """All waits of the process. Safe to use from any thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open: dict[int, str] = {}
        self._count = 0
        self._since = self._ended = float("-inf")

    def begin(self, what: str) -> int:
        """Something is waited for; returns what `end` takes."""
        now = self._now()
        if not self._open and now - self._ended > _GAP:
            self._since = now
        self._count += 1
        number = self._count
        self._open[number] = what
        return number

    def end(self, number: int, *, moved: bool = True) -> None:
        """That is over. `moved`: what was waited for has come."""
        self._open.pop(number, None)
        self._ended = self._now()
        if moved:
            self._since = self._ended

    def standstill(self) -> tuple[float, str] | None:
        """For how many seconds nothing has moved, and what is waited for longest; None where nothing is waited for."""
        what = next(iter(list(self._open.values())), None)
        return None if what is None else (self._now() - self._since, what)

    @property
    def since(self) -> float:
        """When the last standstill began."""
        return self._since


WAITS = Waits()
"""Those of this process."""


@contextmanager
def waiting(what: str, *, moves: bool = True) -> Iterator[None]:
    """Say what is waited for in this block: the end of a sentence that begins with "Waiting for".

    `moves`: that it ends by itself is a sign of life; a pause between two attempts is none.
    """
    number, moved = WAITS.begin(what), False
    try:
        yield
        moved = moves
    finally:
        WAITS.end(number, moved=moved)


class WaitWatch:
    """Tells of standstills: after some seconds, then now and then. It calls `tell` and `beat` from another thread.

    `beat` is called at each look, for what else is to be said now and then.
    """

    def __init__(
        self, tell: Callable[[str], None], beat: Callable[[], None] = lambda: None, waits: Waits = WAITS
    ) -> None:
        self._tell, self._beat, self._waits = tell, beat, waits
        self._about: float | None = None
        """When the standstill began that was told of last."""
        self._due = FIRST_WORD
        self._over = threading.Event()

    def look(self) -> None:
        """Tell what there is to tell at this moment."""
        standing = self._waits.standstill()
        if standing is None or standing[0] < FIRST_WORD:
            return
        seconds, what = standing
        if self._about != self._waits.since:
            self._about, self._due = self._waits.since, FIRST_WORD
        if seconds >= self._due:
            self._due = seconds + NEXT_WORD
            self._tell(f"Waiting for {what} ({seconds:.0f} s so far).")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look now and then while this block lasts."""
        thread = threading.Thread(target=self._run, name="waiting", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()

    def _run(self) -> None:
        while not self._over.wait(_LOOKS):
            self.look()
            self._beat()
