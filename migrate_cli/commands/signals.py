"""What long commands do about Ctrl-C and SIGTERM: the first lets what is under way end, the second stops at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from migrate_cli.errors import ExitCode
from migrate_cli.report.progress import ProgressView

STOPPING = "Stopping: requests under way are allowed to end. Press Ctrl-C again to stop at once."


class Interrupts:
    """Whether the command was asked to stop. `farewell` is the last line on stderr when it has to stop at once."""

    def __init__(self, drain: asyncio.Event, view: ProgressView, *, farewell: str = "") -> None:
        self.met = False
        self._drain = drain
        self._view = view
        self._farewell = farewell

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Take the signals over while the block runs, if this is the main thread: others get none."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM)
        for number in numbers:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    async def sleep(self, seconds: float) -> None:
        """Wait, or until the command is asked to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._drain.wait()
        except TimeoutError:
            return

    def _stop(self) -> None:
        if self.met:
            self._view.close()
            sys.stderr.write(self._farewell)
            sys.stderr.flush()
            os._exit(ExitCode.INTERRUPTED)
        self.met = True
        self._view.note(STOPPING)
        self._drain.set()
