"""The longest that a run may take: when it is over, the run ends in good order, as a drain, and can be resumed.

It must not know what is under way, nor how it ends.
"""

from __future__ import annotations

import asyncio
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from migrate_cli.errors import UsageError

_SPAN = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s?)?", re.IGNORECASE)
_SECONDS = (86_400, 3_600, 60, 1)


class TimeLimit:
    """Counts from the moment when it is made. `seconds` None: there is no limit."""

    def __init__(self, seconds: float | None = None, *, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self.reached = False
        """Whether the run was asked to end because its time was over."""
        self._now, self._began = now, now()

    @classmethod
    def parse(cls, text: str | None) -> TimeLimit:
        """Read `90s`, `30m`, `2h` or `1h30m`; a bare number counts seconds. Raises UsageError."""
        if text is None:
            return cls()
        found = _SPAN.fullmatch(text.strip())
        seconds = (
            sum(int(part or 0) * each for part, each in zip(found.groups(), _SECONDS, strict=True)) if found else 0
        )
        if not seconds:
            raise UsageError(f"--max-duration takes a time such as 90s, 30m, 2h or 1h30m, not {text}")
        return cls(seconds)

    @property
    def left(self) -> float | None:
        """Seconds until the time is over; None without a limit."""
        return None if self.seconds is None else max(0.0, self._began + self.seconds - self._now())

    @contextmanager
    def on_loop(self, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` between two steps of the running event loop once the time is over, unless this block has ended."""
        if self.left is None:
            yield
            return
        timer = asyncio.get_running_loop().call_later(self.left, self._end, end)
        try:
            yield
        finally:
            timer.cancel()

    @contextmanager
    def in_main_thread(self) -> Iterator[None]:
        """Interrupt this block, as Ctrl-C would, once the time is over; only the main thread can be interrupted."""
        main = threading.main_thread()
        if self.left is None or threading.current_thread() is not main or main.ident is None:
            yield
            return
        ident = main.ident
        timer = threading.Timer(self.left, self._end, [lambda: signal.pthread_kill(ident, signal.SIGINT)])
        timer.daemon = True
        before = signal.getsignal(signal.SIGINT)
        if before is signal.SIG_IGN:
            # So a shell starts what goes on in the background, and the interruption would be lost.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            timer.start()
            yield
        finally:
            timer.cancel()
            if before is signal.SIG_IGN:
                signal.signal(signal.SIGINT, before)

    def over(self) -> bool:
        """Whether the time is over; the run is taken to end then."""
        self.reached = self.reached or self.left == 0
        return self.reached

    def _end(self, end: Callable[[], None]) -> None:
        self.reached = True
        end()
