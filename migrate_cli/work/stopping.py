"""What SIGINT and SIGTERM do to this process: the first asks it to end in good order, and in time; the second ends it.

A thread of its own hears the signals, because the main thread may be inside a call that blocks, such as a query, where
no handler of Python's runs. It must not know what is under way.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130
WITHIN = 4.5
"""Seconds after the first signal when the process is ended, whatever it does: a person was promised five."""


def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class Manner:
    """How what is under way ends in good order. Both functions are called from another thread, and must not wait."""

    first: Callable[[], None] = _nothing
    """Called at the first signal; what is under way ends then by itself."""
    last: Callable[[], None] = _nothing
    """Called before the process is ended."""
    within: float = WITHIN


class Stopping:
    """The signals of the process. What has no manner is ended by KeyboardInterrupt in the main thread."""

    def __init__(self, end: Callable[[int], object] = os._exit) -> None:
        self._end = end
        self._manner: Manner | None = None
        self._listening = self._left_alone = False
        self._arrived = 0
        self._timer: threading.Timer | None = None
        self._last_words: Callable[[], str] = lambda: ""

    @contextmanager
    def listening(self, last_words: Callable[[], str] = lambda: "", *, to_the_end: bool = False) -> Iterator[None]:
        """Act on signals in this block, if nobody does already. In any thread but the main one, nothing is changed.

        `last_words` are written to stderr before the process is ended. `to_the_end`: a signal that has come ends the
        process in time also after this block, since threads that block would be waited for at its exit.
        """
        if self._listening or threading.current_thread() is not threading.main_thread():
            yield
            return
        ear, mouth = socket.socketpair()
        mouth.setblocking(False)
        self._listening, self._arrived, self._last_words = True, 0, last_words
        before = [signal.signal(number, self._raise) for number in NUMBERS]
        woken = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._hear, args=(ear,), name="signals", daemon=True).start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in zip(NUMBERS, before, strict=True):
                signal.signal(number, handler)
            self._listening = False
            mouth.close()
            if self._timer is not None and not to_the_end:
                self._timer.cancel()

    @contextmanager
    def in_good_order(self, manner: Manner) -> Iterator[None]:
        """Let what this block does end in this manner."""
        before, self._manner = self._manner, manner
        try:
            yield
        finally:
            self._manner = before

    @contextmanager
    def left_alone(self) -> Iterator[None]:
        """Leave signals to the handlers that this block installs."""
        before, self._left_alone = self._left_alone, True
        try:
            yield
        finally:
            self._left_alone = before

    def _raise(self, _number: int, _frame: FrameType | None) -> None:
        if self._manner is None and self._arrived < 2:
            raise KeyboardInterrupt

    def _hear(self, ear: socket.socket) -> None:
        with ear:
            while heard := ear.recv(16):
                for number in heard:
                    if number in NUMBERS and not self._left_alone:
                        self._act()

    def _act(self) -> None:
        self._arrived += 1
        if self._arrived > 1:
            self._end_now()
            return
        manner = self._manner or Manner()
        self._timer = threading.Timer(manner.within, self._end_now)
        self._timer.daemon = True
        self._timer.start()
        manner.first()

    def _end_now(self) -> None:
        """End the process. Not by sys.exit: threads and requests under way would be waited for."""
        manner = self._manner
        with suppress(Exception):  # whatever happens, it ends
            if manner is not None:
                manner.last()
            sys.stderr.write(self._last_words())
            sys.stderr.flush()
        self._end(INTERRUPTED)


STOPPING = Stopping()
"""Those of this process."""
