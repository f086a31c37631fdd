"""Progress views that say what the command is waiting for, and that never fall silent for long.

They add to `progress.py` what a command's own thread cannot do while it waits; all methods here may be called from
another thread. They must not decide what is worth saying.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from migrate_cli.report.escape import duration, visible
from migrate_cli.report.progress import (
    READING,
    JsonProgress,
    LiveProgress,
    PlainProgress,
    ProgressCounts,
    ProgressView,
    describe,
    progress_view,
)

SILENT = 30.0
"""Seconds without a line, after which a log is told how far the work is."""


class SpokenPlain(PlainProgress):
    """Notes, and a line with counts where there was none for long."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._counts: ProgressCounts | None = None
        self._last = clock()

    def start(self, total_threads: int | None, what: str) -> None:
        """Begin to count."""
        self._counts = ProgressCounts(self._clock(), total_threads, what)
        self._last = self._clock()

    def thread_done(self, state: str, messages: int) -> None:
        """Count."""
        if self._counts is not None:
            self._counts.count(state, messages)

    def read(self, threads: int, share: float | None) -> None:
        """Remember. Reading that goes before the work is a phase of its own."""
        if self._counts is None and not threads:
            self.start(None, READING)
        if self._counts is not None:
            self._counts.read(threads, share)

    def rates(self, requests_per_minute: float) -> None:
        """Remember."""
        if self._counts is not None:
            self._counts.requests_per_minute = requests_per_minute

    def note(self, text: str) -> None:
        """Write the sentence."""
        self._last = self._clock()
        super().note(text)

    def close(self) -> None:
        """Count no more."""
        self._counts = None

    def beat(self) -> None:
        """Say how far it is, where nothing was said for long."""
        now, counts = self._clock(), self._counts
        if counts is None or now - self._last < SILENT:
            return
        numbers, aside = describe(counts, now)
        told = " · ".join(part for part in (numbers, aside) if part)
        self.note(f"{counts.what}: {told} ({duration(now - counts.started)} so far)")


class SpokenJson(JsonProgress):
    """Lines for programs, also while nothing happens."""

    def beat(self) -> None:
        """Write a line where there was none for long."""
        if self._clock() - self._last >= SILENT:
            self._write_if_due()


class SpokenLive(LiveProgress):
    """The bar, with what is waited for in its line until something moves again."""

    def waits(self, text: str) -> None:
        """Show it."""
        if self._bar is None or self._task is None:
            self.note(text)
        else:
            self._bar.update(self._task, aside=visible(text))


def spoken_view(mode: str, stderr_is_tty: bool, quiet: bool) -> ProgressView:
    """Choose a view, as `progress_view` does."""
    view = progress_view(mode, stderr_is_tty, quiet)
    if isinstance(view, LiveProgress):
        return SpokenLive()
    if isinstance(view, JsonProgress):
        return SpokenJson()
    return SpokenPlain() if isinstance(view, PlainProgress) else view


def tell_wait(view: ProgressView, text: str) -> None:
    """Tell what is waited for: in the line that moves, where there is one, else as a note."""
    if isinstance(view, SpokenLive):
        view.waits(text)
    else:
        view.note(text)


def beat(view: ProgressView) -> None:
    """Let a view say how far the work is, where it has said nothing for long."""
    if isinstance(view, SpokenPlain | SpokenJson):
        view.beat()
