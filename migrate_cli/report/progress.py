"""Shows on stderr how far a long command is, for people or programs. It must not slow the work or write to stdout.

A whole is shown only where it is known, or follows from how much of the source has been read; time left only where
enough is done to tell, and something still moves. Every call is O(1) and throttled by time, so that a run of a million
threads pays for a counter, not for a terminal. A view only shows: what it is told must be counted and stored elsewhere
too.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from migrate_cli.disk.plain import has_marks
from migrate_cli.report.escape import duration, number, percent, visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

DRAW_EVERY = 0.1
"""Seconds between two updates of the live bar."""
LINE_EVERY = 1.0
"""Seconds between two JSON lines."""
ENOUGH = 10
"""Threads, or half of them all, that must be done before their pace says anything of the rest."""
ENOUGH_READ = 0.01
"""The share of a source that must be read before the pace says anything of the rest."""
LATELY = 20.0
"""Seconds whose pace tells how long the rest takes."""
SETTLED = 3.0
"""Seconds after which a person is told of it: a run begins slowly."""
STILL = 10.0
"""Seconds without a thread's end after which no time left is shown: the pace so far is not the pace any more."""
READING = "Reading"
"""The phase in which a source is looked through before the work on its threads begins."""
SHOWN_ASIDE = ("failed", "in_doubt", "skipped", "differs", "gone", "unread")


class ProgressView(Protocol):
    """What long commands report to. Safe to call in any order; `close` may be called twice."""

    def start(self, total_threads: int | None, what: str) -> None:
        """Begin: how many threads are expected (None: not known), and what is done to them, such as `Migrating`."""

    def thread_done(self, state: str, messages: int) -> None:
        """Count one thread that reached a final state, with the messages it holds."""

    def read(self, threads: int, share: float | None) -> None:
        """Tell how far reading is: so many threads, and the share of the source that held them (None: not known)."""

    def note(self, text: str) -> None:
        """Show one sentence now, such as `Slowing down: the target asks for 20 s`."""

    def rates(self, requests_per_minute: float) -> None:
        """Tell how fast requests go out at the moment."""

    def close(self) -> None:
        """Show the last numbers and leave the terminal as it was."""


@dataclass(slots=True)
class ProgressCounts:
    """The numbers behind every view."""

    started: float
    total: int | None = None
    what: str = ""
    threads: int = 0
    messages: int = 0
    requests_per_minute: float | None = None
    states: dict[str, int] = field(default_factory=dict)
    threads_read: int = 0
    share: float | None = None
    """How much of the source has been read, from 0 to 1."""
    _moved: tuple[float, float] = (0, 0.0)
    """How far it was when a view looked last, and since when."""
    _marks: deque[tuple[float, int]] = field(default_factory=deque)
    """Moments lately, and how many threads were done then."""

    def count(self, state: str, messages: int) -> None:
        """Count one thread."""
        self.threads += 1
        self.messages += messages
        self.states[state] = self.states.get(state, 0) + 1

    def read(self, threads: int, share: float | None) -> None:
        """Take note of how far reading is."""
        self.threads_read, self.share = threads, share

    def whole(self) -> int | None:
        """How many threads there are in all: as was told, else by the share that has been read; None for a guess."""
        if self.total is not None:
            return self.total
        if not self.share or (self.threads_read < ENOUGH and self.share < 1):
            return None
        return max(self.threads, round(self.threads_read / min(self.share, 1.0)))

    def exact(self) -> bool:
        """Whether the whole is known, not estimated."""
        return self.total is not None or (self.share is not None and self.share >= 1)

    def eta(self, now: float) -> float | None:
        """Seconds left at the pace so far; None while that would be a guess, and where nothing moves."""
        seconds, whole = now - self.started, self.whole()
        if seconds <= 0 or self.still(now) >= STILL:
            return None
        if self.what == READING:
            return seconds * (1 / self.share - 1) if self.share and self.share >= ENOUGH_READ else None
        if whole is None or not self.threads or self.threads < min(ENOUGH, whole / 2):
            return None
        since, threads = self._lately(now)
        # What was done lately says more of the rest than a slow start does.
        if threads == self.threads or since >= now:
            since, threads = self.started, 0
        return max(whole - self.threads, 0) * (now - since) / (self.threads - threads)

    def _lately(self, now: float) -> tuple[float, int]:
        """The moment from which on the pace is taken, and how many threads were done then."""
        marks = self._marks
        if not marks:
            marks.append((self.started, 0))
        if now - marks[-1][0] >= 1:
            marks.append((now, self.threads))
        while len(marks) > 2 and now - marks[1][0] >= LATELY:
            marks.popleft()
        return marks[0]

    def still(self, now: float) -> float:
        """Seconds since a thread finished, or the reading before the work went on, as far as views looked."""
        moved = self.share or 0.0 if self.what == READING else self.threads
        if moved != self._moved[0] or not self._moved[1]:
            self._moved = moved, now
        return now - self._moved[1]

    def as_dict(self, now: float) -> dict[str, Any]:
        """One progress line of `--progress json`."""
        seconds = max(now - self.started, 0.0)
        left, whole = self.eta(now), self.whole()
        return {
            "what": self.what,
            "threads": self.threads,
            "total": whole if self.exact() else None,
            "estimated_total": None if self.exact() else whole,
            "read": None if self.share is None else {"threads": self.threads_read, "share": round(self.share, 4)},
            "messages": self.messages,
            "messages_per_second": round(self.messages / seconds, 1) if seconds > 0 else None,
            "requests_per_minute": None if self.requests_per_minute is None else round(self.requests_per_minute, 1),
            "seconds": round(seconds, 1),
            "seconds_left": None if left is None else round(left, 1),
            "states": dict(self.states),
        }


class SilentProgress:
    """Shows nothing; notes are dropped too, since the report repeats what matters."""

    def start(self, total_threads: int | None, what: str) -> None:
        """Do nothing."""

    def thread_done(self, state: str, messages: int) -> None:
        """Do nothing."""

    def read(self, threads: int, share: float | None) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def rates(self, requests_per_minute: float) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class PlainProgress(SilentProgress):
    """For logs and pipes: notes as lines, and nothing that moves."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def note(self, text: str) -> None:
        """Write the sentence on a line of its own."""
        print(visible(text), file=self._stream, flush=True)


class JsonProgress:
    """One JSON object a second, one for each note, and one at the end (`"done": true`), each on its own line."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._tally = ProgressCounts(clock())
        self._last = float("-inf")
        self._open = False

    def start(self, total_threads: int | None, what: str) -> None:
        """Begin a phase and write its first line."""
        self._tally = ProgressCounts(self._clock(), total_threads, what)
        self._open = True
        self._write({"type": "progress", **self._tally.as_dict(self._clock())})

    def thread_done(self, state: str, messages: int) -> None:
        """Count; write when a second has passed since the last line."""
        self._tally.count(state, messages)
        self._write_if_due()

    def read(self, threads: int, share: float | None) -> None:
        """Remember; write when a second has passed. Reading that goes before the work is a phase of its own."""
        if not (self._open or threads):
            self.start(None, READING)
        self._tally.read(threads, share)
        self._write_if_due()

    def note(self, text: str) -> None:
        """Write the sentence as an object of its own."""
        print(json.dumps({"type": "note", "text": visible(text)}), file=self._stream, flush=True)

    def rates(self, requests_per_minute: float) -> None:
        """Remember; write when a second has passed, so that one very long thread does not look like a hang."""
        self._tally.requests_per_minute = requests_per_minute
        self._write_if_due()

    def close(self) -> None:
        """Write the last line."""
        if self._open:
            self._open = False
            self._write({"type": "progress", **self._tally.as_dict(self._clock()), "done": True})

    def _write_if_due(self) -> None:
        if self._open and self._clock() - self._last >= LINE_EVERY:
            self._write({"type": "progress", **self._tally.as_dict(self._clock())})

    def _write(self, line: dict[str, Any]) -> None:
        self._last = self._clock()
        print(json.dumps(line), file=self._stream, flush=True)


class LiveProgress:
    """A bar that moves, on a terminal: threads, messages a second, time left, and what went aside."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._tally = ProgressCounts(clock())
        self._last = float("-inf")
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def start(self, total_threads: int | None, what: str) -> None:
        """Show the bar; a second call begins another phase on a new one."""
        self.close()
        self._tally = ProgressCounts(self._clock(), total_threads, visible(what))
        self._bar = _make_bar(self._stream or sys.stderr, self._numbers)
        self._task = self._bar.add_task(self._tally.what, total=total_threads, aside="")
        self._bar.start()
        self._draw()

    def thread_done(self, state: str, messages: int) -> None:
        """Count; draw when a tenth of a second has passed."""
        self._tally.count(state, messages)
        self._draw_if_due()

    def read(self, threads: int, share: float | None) -> None:
        """Remember; draw when a tenth of a second has passed. Reading before the work is a phase of its own."""
        if self._bar is None and not threads:
            self.start(None, READING)
        self._tally.read(threads, share)
        self._draw_if_due()

    def note(self, text: str) -> None:
        """Write the sentence above the bar."""
        if self._bar is None:
            print(visible(text), file=self._stream or sys.stderr, flush=True)
        else:
            self._bar.console.print(visible(text), markup=False, highlight=False)

    def rates(self, requests_per_minute: float) -> None:
        """Remember for the next drawing."""
        self._tally.requests_per_minute = requests_per_minute

    def close(self) -> None:
        """Draw the last numbers and stop."""
        if self._bar is not None:
            self._draw()
            self._bar.stop()
            self._bar = None

    def _draw_if_due(self) -> None:
        if self._clock() - self._last >= DRAW_EVERY:
            self._draw()

    def _draw(self) -> None:
        if self._bar is None or self._task is None:
            return
        self._last = self._clock()
        aside = describe(self._tally, self._last)[1]
        # Before the work it is the reading that goes to an end.
        done, whole = self._tally.threads, self._tally.whole()
        if self._tally.what == READING and self._tally.share is not None:
            done, whole = round(1000 * self._tally.share), 1000
        self._bar.update(self._task, completed=done, total=whole, aside=aside)

    def _numbers(self) -> str:
        """What is next to the bar, asked for again at each refresh: time goes on while nothing else does."""
        return describe(self._tally, self._clock())[0]


def describe(tally: ProgressCounts, now: float) -> tuple[str, str]:
    """Return the two texts beside the bar: how far, pace and time left, and what went aside."""
    seconds = max(now - tally.started, 0.0)
    words = [_how_far(tally)]
    if seconds > 0 and tally.messages:
        words.append(f"{number(round(tally.messages / seconds))} msg/s")
    if tally.requests_per_minute is not None:
        words.append(f"{number(round(tally.requests_per_minute))} req/min")
    left = tally.eta(now)
    if left is not None and seconds >= SETTLED:
        words.append(f"{'' if tally.exact() else 'about '}{duration(left)} left")
    elif tally.threads and tally.still(now) >= STILL:
        words.append(f"none finished for {duration(tally.still(now))}")
    aside = [f"{tally.states[state]:,} {state.replace('_', ' ')}" for state in SHOWN_ASIDE if tally.states.get(state)]
    return " · ".join(words), " · ".join(aside)


def _how_far(tally: ProgressCounts) -> str:
    whole = tally.whole()
    if tally.what == READING:
        return "the source" if tally.share is None else f"{percent(round(1000 * tally.share), 1000)} of the source"
    if tally.exact():
        return f"{tally.threads:,}/{whole:,} threads"
    if whole is not None:
        return f"{tally.threads:,} of about {_rough(whole):,} threads"
    if tally.threads_read and tally.share is None:
        return f"{tally.threads:,} of {tally.threads_read:,} threads listed so far"
    return f"{tally.threads:,} threads"


def _rough(count: int) -> int:
    """An estimate with no more digits than it is worth."""
    unit: int = 10 ** max(0, len(str(count)) - 2)
    return round(count / unit) * unit


def _make_bar(stream: TextIO, numbers: Callable[[], str]) -> Progress:
    # rich costs a tenth of a second to import, which JSON output and pipes need not pay.
    from rich.console import Console, RenderableType  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class EndedBar(ProgressColumn):
        """A bar only where its end is known; one that swings to and fro says nothing."""

        bar = BarColumn(bar_width=None, style="dim", complete_style="cyan", finished_style="green")

        def render(self, task: Task) -> RenderableType:
            """Draw it."""
            return self.bar.render(task) if task.total is not None else Text("")

    class Numbers(ProgressColumn):
        """The words of this moment."""

        max_refresh = 0.2

        def render(self, task: Task) -> Text:  # noqa: ARG002 - there is one task
            """Ask for them."""
            return Text(numbers())

    return Progress(
        SpinnerColumn("dots" if has_marks(stream.encoding) else "line", style="cyan"),
        TextColumn("{task.description}", markup=False),
        EndedBar(),
        Numbers(),
        TextColumn("{task.fields[aside]}", style="yellow", markup=False),
        console=Console(file=stream, highlight=False),
        refresh_per_second=4,
        transient=True,
    )


def progress_view(
    mode: str,
    stderr_is_tty: bool,
    quiet: bool,
    *,
    stream: TextIO | None = None,
    clock: Callable[[], float] | None = None,
) -> ProgressView:
    """Choose a view. `mode` is `auto`, `json` or `none`; anything else is a ValueError.

    `auto` draws a bar on a terminal and writes only notes elsewhere; `quiet` shows nothing, except that an explicit
    `json` stays, because a program reads it.
    """
    tick = clock or time.monotonic
    if mode == "json":
        return JsonProgress(stream, tick)
    if mode not in ("auto", "none"):
        raise ValueError(f"unknown progress mode {mode!r}: use auto, json or none")
    if quiet or mode == "none":
        return SilentProgress()
    return LiveProgress(stream, tick) if stderr_is_tty else PlainProgress(stream)
