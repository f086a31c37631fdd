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
from contextlib import contextmanager, suppress

from migrate_cli.errors import ExitCode
from migrate_cli.report.progress import ProgressView
from migrate_cli.work.stopping import NUMBERS, WITHIN, Manner
from migrate_cli.work.stopping import STOPPING as STOPPING_PROCESS

STOPPING = "Stopping when the requests in flight are done. Press Ctrl-C again to stop now."
STOPPED = "migrate-cli: stopped at once; run the same command again to resume\n"
TIME_IS_OVER = "Stopping: the time given with --max-duration is up. Requests in flight are completed first."


class Interrupts:
    """Whether the command was asked to stop.

    The first signal shows `notice` and calls `drain`. The second, and the end of the seconds `within` which it has to
    end, call `abort`, write `farewell` to stderr and exit.
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
        within: float = WITHIN,
    ) -> None:
        self._view, self._drain, self._abort = view, drain, abort
        self._notice, self._farewell, self._within = notice, farewell, within
        self._arrived = 0
        self.met = False
        """Whether a signal was acted upon."""

    @contextmanager
    def on_loop(self) -> Iterator[None]:
        """Act on signals between two steps of the running event loop."""
        loop = asyncio.get_running_loop()

        def first() -> None:
            with suppress(RuntimeError):  # the loop has ended: then all of it has
                loop.call_soon_threadsafe(self._arrive)

        manner = Manner(first, self._leave, self._within)
        with STOPPING_PROCESS.listening(lambda: self._farewell), STOPPING_PROCESS.in_good_order(manner):
            yield

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

        before = [signal.signal(number, count) for number in NUMBERS]
        try:
            with STOPPING_PROCESS.left_alone():
                yield
        finally:
            for number, handler in zip(NUMBERS, before, strict=True):
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

    def _leave(self) -> None:
        if self._abort is not None:
            self._abort()
        self._view.close()

    def _exit(self) -> None:
        self._leave()
        sys.stderr.write(self._farewell)
        sys.stderr.flush()
        # Not sys.exit: threads and requests in flight would be waited for.
        os._exit(ExitCode.INTERRUPTED)
