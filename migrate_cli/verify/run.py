"""Compares many conversations: take a task, compare, record the outcome, take the next. Read-only at the target.

One conversation that cannot be read is an outcome; several in a row are a host that is down, which ends the run. It
must not know where tasks come from or how outcomes are shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Protocol

from migrate_cli.errors import TemporaryError
from migrate_cli.model import CONVERSATION_UNREADABLE, ThreadState
from migrate_cli.verify.comparisons import Entry
from migrate_cli.verify.conversation import ComparisonTask
from migrate_cli.verify.items import unread
from migrate_cli.verify.outcome import Verdict
from migrate_cli.work.pool import WorkerPool
from migrate_cli.work.queue import EntryQueue, queue_of

GRACE = 2.0
"""Seconds that comparisons under way get when the run is to end. They change nothing, and the next run repeats them."""
IN_A_ROW = 3
"""After so many conversations in a row without an answer, the host is taken to be down."""
NOT_COMPARED = "not-compared"
HIDDEN = "the target does not return the URLs of images, and the state file knows these items only by hash"
"""Why items were not compared that are at their place."""


class ThreadStates(Protocol):
    """Where outcomes are kept."""

    def set_state(self, thread_id: str, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note a thread's state."""

    async def durable(self) -> None:
        """Return once all is on disk."""


class VerifyObserver(Protocol):
    """Hears of each thread; counts and shows."""

    def compared(self, task: ComparisonTask, verdict: Verdict, *, failed: bool) -> None:
        """One conversation was compared."""

    def aside(self, entry: Entry) -> None:
        """Something that needs no comparison, or cannot have one."""


class VerifyRun:
    """One run over a stream of tasks. `compare_one` reads a conversation and returns the verdict on it."""

    def __init__(
        self,
        compare_one: Callable[[ComparisonTask], Awaitable[Verdict]],
        *,
        states: ThreadStates,
        observer: VerifyObserver,
        workers: int,
        strict: bool = False,
        live: bool = False,
        drain: asyncio.Event | None = None,
    ) -> None:
        self.drain = drain or asyncio.Event()
        self._compare, self._states, self._observer = compare_one, states, observer
        self._workers, self._strict, self._live = workers, strict, live
        self._silent = 0
        """Conversations in a row that had no answer."""

    async def run(self, entries: Iterator[Entry]) -> None:
        """Compare everything. Raises what ended the run, after every worker has come to rest."""
        pool = WorkerPool(self._workers, self.drain, grace=GRACE)
        async with queue_of(entries, self._workers, self.drain, live=self._live) as queue:
            try:
                await pool.run(partial(self._take, queue), self._handle)
            finally:
                await self._states.durable()
        pool.raise_failure()

    async def _take(self, queue: EntryQueue[Entry]) -> ComparisonTask | None:
        """Take the next task; what is none is told on the way."""
        while not self.drain.is_set():
            entry = await queue.take()
            if entry is None or isinstance(entry, ComparisonTask):
                return entry
            self._observer.aside(entry)
        return None

    async def _handle(self, task: ComparisonTask) -> None:
        try:
            verdict = await self._compare(task)
        except TemporaryError as error:
            if self.drain.is_set():
                return
            self._silent += 1
            if self._silent >= IN_A_ROW or error.by_all:
                raise
            verdict = unread(task.items, CONVERSATION_UNREADABLE, str(error))
            self._states.set_state(task.thread_id, task.state, CONVERSATION_UNREADABLE, str(error))
            self._observer.compared(task, verdict, failed=True)
            return
        self._silent = 0
        failed = verdict.fails(strict=self._strict)
        self._states.set_state(task.thread_id, *state_of(verdict, failed=failed))
        self._observer.compared(task, verdict, failed=failed)


def state_of(verdict: Verdict, *, failed: bool) -> tuple[str, str | None, str | None]:
    """The thread's new state with its reason; details hold no text of messages."""
    worst = min(verdict.differences, key=lambda one: "-*!+".index(one.outcome.value), default=None)
    if failed:
        code, detail = (worst.code, worst.detail) if worst is not None else ("differs", None)
        return ThreadState.DIFFERS.value, code, detail
    if verdict.not_compared:
        return ThreadState.VERIFIED.value, NOT_COMPARED, f"{verdict.not_compared:,} items with images: {HIDDEN}"
    if verdict.continued:
        repeats = f", of which {verdict.repeated:,} repeat items of it" if verdict.repeated else ""
        detail = f"{verdict.continued:,} items were added after the history{repeats}"
        return ThreadState.VERIFIED.value, "continued", detail
    if verdict.extra and worst is not None:
        return ThreadState.VERIFIED.value, worst.code, worst.detail
    return ThreadState.VERIFIED.value, None, None
