"""Many conversations at a time: take a task, compare, note the outcome, take the next. Read-only at the target.

One conversation that cannot be read is an outcome; several in a row are a host that is down, which ends the run. It
must not know where tasks come from or how outcomes are shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

from migrate_cli.errors import MigrateError, TemporaryError, Unanswered
from migrate_cli.model import ThreadState
from migrate_cli.verify.comparisons import Entry
from migrate_cli.verify.conversation import EachPage, Reads, Task, compare
from migrate_cli.verify.march import unread
from migrate_cli.verify.outcome import Verdict
from migrate_cli.work.pool import at_rest
from migrate_cli.work.queue import Feed, feeding

GRACE = 2.0
"""Seconds that comparisons under way get when the run is to end. They change nothing, and the next run repeats them."""
IN_A_ROW = 3
"""After so many conversations in a row without an answer, the host is taken to be down."""
NOT_COMPARED = "not-compared"
HIDDEN = "the target does not show images' addresses, and the state file knows these items by hash alone"
"""Why items were not compared that stand at their place."""
UNREADABLE = "unreadable"
"""The code that a thread has in the state file when its conversation could not be read."""


class States(Protocol):
    """Where outcomes are kept."""

    def set_state(self, thread_id: str, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note a thread's state."""

    async def durable(self) -> None:
        """Return once all is on disk."""


class Observer(Protocol):
    """Hears of each thread; counts and shows."""

    def compared(self, task: Task, verdict: Verdict, *, failed: bool) -> None:
        """One conversation was compared."""

    def aside(self, entry: Entry) -> None:
        """Something that needs no comparison, or cannot have one."""


class VerifyRun:
    """One run over a stream of tasks."""

    def __init__(
        self,
        *,
        target: Reads,
        states: States,
        observer: Observer,
        workers: int,
        strict: bool = False,
        excerpts: bool = False,
        each_page: EachPage | None = None,
        live: bool = False,
        drain: asyncio.Event | None = None,
    ) -> None:
        self.drain = drain or asyncio.Event()
        self._target, self._states, self._observer = target, states, observer
        self._workers, self._strict, self._excerpts = workers, strict, excerpts
        self._each_page, self._live = each_page, live
        self._leasing = asyncio.Lock()
        self._silent = 0
        self._fatal: MigrateError | None = None

    async def run(self, entries: Iterator[Entry]) -> None:
        """Compare everything. Raises what ended the run, after every worker has come to rest."""
        async with feeding(entries, self._workers, self.drain, live=self._live) as feed:
            workers = [asyncio.create_task(self._work(feed)) for _ in range(self._workers)]
            try:
                await at_rest(workers, self.drain, GRACE)
            finally:
                await self._states.durable()
        if self._fatal is not None:
            raise self._fatal

    async def _work(self, entries: Feed[Entry]) -> None:
        while not self.drain.is_set():
            task = await self._next(entries)
            if task is None:
                return
            try:
                await self._handle(task)
            except MigrateError as error:
                self._fatal = self._fatal or error
                self.drain.set()
            except BaseException:
                self.drain.set()
                raise

    async def _next(self, entries: Feed[Entry]) -> Task | None:
        async with self._leasing:
            while not self.drain.is_set():
                entry = await entries.take()
                if entry is None or isinstance(entry, Task):
                    return entry
                self._observer.aside(entry)
        return None

    async def _handle(self, task: Task) -> None:
        try:
            verdict = await compare(self._target, task, excerpts=self._excerpts, each_page=self._each_page)
        except TemporaryError as error:
            if self.drain.is_set():
                return
            self._silent += 1
            if self._silent >= IN_A_ROW or (isinstance(error, Unanswered) and error.by_all):
                raise
            verdict = unread(task.items, UNREADABLE, str(error))
            self._states.set_state(task.thread_id, task.state, UNREADABLE, str(error))
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
