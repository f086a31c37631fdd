"""What long commands do about Ctrl-C and SIGTERM: the first drains what is in flight, the second exits immediately.

It decides when, never what: the command says how it stops, and which result it has then.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from migrate_cli.errors import ExitCode
from migrate_cli.report.progress import ProgressView

STOPPING = "Stopping: requests under way are allowed to end. Press Ctrl-C again to stop at once."
STOPPED = "migrate-cli: stopped at once; run the same command again to go on\n"

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Whether the command was asked to stop.

    The first signal shows `notice` and calls `drain`. The second calls `abort`, writes `farewell` to stderr and exits.
    Signals reach the main thread only; in any other, the blocks below change nothing.
    """

    def __init__(
        self,
        view: ProgressView,
        drain: Callable[[], None],
        *,
        notice: str = STOPPING,
        farewell: str = "",
        abort: Callable[[], None] | None = None,
    ) -> None:
        self._view, self._drain, self._abort = view, drain, abort
        self._notice, self._farewell = notice, farewell
        self._arrived = 0
        self.met = False
        """Whether a signal was acted upon."""

    @contextmanager
    def on_loop(self) -> Iterator[None]:
        """Act on signals between two steps of the running event loop."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in _NUMBERS:
            loop.add_signal_handler(number, self._arrive)
        try:
            yield
        finally:
            for number in _NUMBERS:
                loop.remove_signal_handler(number)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count signals for a command that blocks instead of awaiting; `check` acts on them.

        A handler runs in the middle of whatever the main thread does, which may be drawing or holding a lock, so it
        must do nothing but count.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def count(*_: object) -> None:
            self._arrived += 1

        before = [signal.signal(number, count) for number in _NUMBERS]
        try:
            yield
        finally:
            for number, handler in zip(_NUMBERS, before, strict=True):
                signal.signal(number, handler)

    def check(self) -> None:
        """Act on the signals that have arrived so far."""
        if self._arrived and not self.met:
            self.met = True
            self._view.note(self._notice)
            self._drain()
        if self._arrived > 1:
            self._exit()

    def _arrive(self) -> None:
        self._arrived += 1
        self.check()

    def _exit(self) -> None:
        if self._abort is not None:
            self._abort()
        self._view.close()
        sys.stderr.write(self._farewell)
        sys.stderr.flush()
        # Not sys.exit: threads and requests in flight would be waited for.
        os._exit(ExitCode.INTERRUPTED)
