"""Loads many threads at once: take one, decide, load it, record the outcome, take the next.

The first threads are a pilot that is read back whole before the rest begins. Threads that had an unclear answer are
checked again at the end, after one wait for all of them (`late.py`). A failure that concerns the whole run lets every
other worker finish its request, and only then ends the run: a request that is cut off would be in doubt.
It must not know where threads come from or how outcomes are shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from migrate_cli.convert.canonical import read_alike
from migrate_cli.errors import GivenUp, TemporaryError, Unanswered
from migrate_cli.http.outcomes import Draining
from migrate_cli.load.context import ThreadStopped
from migrate_cli.load.decide import Action, decide
from migrate_cli.load.interface import LoadObserver, LoadStore, LoadTarget
from migrate_cli.load.late import WORTH_SAYING, LateThreads, tell
from migrate_cli.load.policy import LoadOptions, LoadPolicy
from migrate_cli.load.refusal import with_notes
from migrate_cli.load.thread import ThreadLoad, left_to_settle
from migrate_cli.model import Draft, Progress, Thread, ThreadState, Unreadable
from migrate_cli.work.clock import Clock
from migrate_cli.work.ordered import Entry
from migrate_cli.work.pool import Take, WorkerPool
from migrate_cli.work.queue import EntryQueue, queue_of

READ_DIFFERENTLY = "read-differently"
OTHER_VERSION = "this version of migrate-cli reads the thread differently from the one that loaded it"
IN_A_ROW = 3
"""After so many threads without an answer, and none that was loaded, the target is taken to be down."""
ALIKE = 10
"""If this many threads in a row fail from the start, all with one code, the run is misconfigured."""

Prepare = Callable[[Thread], Awaitable[Draft | None]]
"""Converts a thread that had to wait for something, such as its files; None when the run ends meanwhile."""


@dataclass(slots=True)
class Pilot:
    """The first threads of a run, which are read back whole before the rest begins."""

    wanted: int
    threads: int = 0
    """So many were loaded and read back."""
    passed: bool = False
    stopped_by: str | None = None
    """The thread that did not read back as it was sent."""

    def as_dict(self) -> dict[str, Any]:
        """The pilot as results show it."""
        stopped = {} if self.stopped_by is None else {"stopped_by": self.stopped_by}
        return {"threads": self.threads, "passed": self.passed, **stopped}


class FailureLimit:
    """The failed threads of a run, which end it where it cannot succeed."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._count = 0
        self._first_codes: list[str | None] | None = []
        """Codes of the threads so far, as long as each of them has failed."""

    def count(self, progress: Progress, code: str | None) -> None:
        """Take note of a thread's end. Raises TemporaryError for too many failures, or nothing but one and the same."""
        failed = progress.state == ThreadState.FAILED
        self._count += failed
        if self._most is not None and self._count > self._most:
            raise TemporaryError(
                f"more than {self._most} threads failed; look at the first with `migrate-cli status`, "
                "or allow more with --max-errors",
                code="too-many-errors",
            )
        if self._first_codes is None:
            return
        self._first_codes = [*self._first_codes, code] if failed else None
        if self._first_codes and len(self._first_codes) >= ALIKE and len(set(self._first_codes)) == 1:
            raise TemporaryError(
                f"the first {ALIKE} threads all failed with {code}; look at one with `migrate-cli status`",
                code="all-fail-alike",
            )


class LoadRun:
    """One run of the loader over a stream of drafts."""

    def __init__(
        self,
        *,
        target: LoadTarget,
        store: LoadStore,
        clock: Clock,
        policy: LoadPolicy,
        observer: LoadObserver,
        prepare: Prepare | None = None,
        options: LoadOptions | None = None,
    ) -> None:
        self.drain = asyncio.Event()
        self._target, self._store, self._clock, self._policy = target, store, clock, policy
        self._observer, self._prepare = observer, prepare
        self._options = options or LoadOptions()
        self._refused = store.refused_items()
        self.pilot = Pilot(policy.pilot) if self._options.pilot and policy.pilot else None
        self._pool = WorkerPool(policy.workers, self.drain, grace=policy.drain)
        self._late = LateThreads(clock, observer)
        self._failures = FailureLimit(policy.max_errors)
        self._said_waiting = False
        self._unanswered: int | None = None
        """Threads that the target did not answer for since it let one be loaded; None while none has been."""

    async def run(self, drafts: Iterator[Entry] | AsyncIterator[Entry]) -> None:
        """Load all drafts. Raises what ended the run as a whole, after every worker has come to rest."""
        async with queue_of(drafts, self._policy.workers, self.drain, live=self._options.live) as queue:
            take = partial(self._take, queue)
            try:
                if self.pilot is not None:
                    await self._run_pilot(take, self.pilot)
                await self._pool.run(take, self._load_next)
                await self._look_again()
            finally:
                self._late.leave()
        await self._store.durable()
        self._pool.raise_failure()

    async def _take(self, queue: EntryQueue[Entry]) -> Draft | Thread | None:
        """Take the next draft; what could not be read is noted on the way."""
        while not self.drain.is_set():
            entry = await queue.take()
            if not isinstance(entry, Unreadable):
                return entry
            self._store.unreadable(entry)
            self._observer.unreadable(entry)
        return None

    async def _run_pilot(self, take: Take[Draft | Thread], pilot: Pilot) -> None:
        """Load the first threads side by side and read each back; drains the run when it must not go on.

        Those that were begun beside one that fails are ended as any other: a request that is cut off is a doubt.
        """
        under_way = 0

        async def take_some() -> Draft | Thread | None:
            nonlocal under_way
            if pilot.stopped_by is not None or pilot.threads + under_way >= pilot.wanted:
                return None
            entry = await take()
            under_way += entry is not None
            return entry

        async def load_one(entry: Draft | Thread) -> None:
            # A thread with which nothing has to be done is none of the pilot: its worker takes the next.
            nonlocal under_way
            try:
                progress = await self._handle(entry, read_back=True)
            finally:
                under_way -= 1
            if progress is None:
                return
            pilot.threads += 1
            if progress.state == ThreadState.IN_DOUBT and pilot.stopped_by is None:
                pilot.stopped_by = progress.thread_id
                self._observer.say(
                    "A thread of the pilot does not read back as sent; the run stops before more are loaded."
                )

        await self._pool.run(take_some, load_one, workers=min(pilot.wanted, self._policy.workers))
        if pilot.stopped_by is not None:
            self.drain.set()
        pilot.passed = not self.drain.is_set()

    async def _load_next(self, entry: Draft | Thread) -> None:
        await self._handle(entry, read_back=False)
        while not self.drain.is_set() and (late := self._late.take_overdue()) is not None:
            await self._late.look(late)

    async def _look_again(self) -> None:
        """Look once more at the threads that had an unclear answer, once all others are done."""
        if self._late and not self.drain.is_set():
            self._late.announce()
            await self._pool.run(self._late.take, self._late.look)

    # ---- one thread

    async def _drafted(self, entry: Draft | Thread) -> Draft | None:
        """Return the draft, once whatever its thread waits for is there."""
        if isinstance(entry, Draft):
            return entry
        if self._prepare is None:
            raise TypeError("a thread was fed, and nothing prepares threads")
        return await self._prepare(entry)

    async def _handle(self, entry: Draft | Thread, *, read_back: bool) -> Progress | None:
        """Do what is to be done with one thread; returns its progress when it was loaded or tried."""
        try:
            draft = await self._drafted(entry)
        except Draining:
            return None
        if draft is None:
            return None
        known = self._store.progress_of(draft.thread_id)
        draft = with_notes(draft, self._refused.get(draft.thread_id, {}))
        action = decide(draft, known, self._recorded(draft, known), retry_failed=self._options.retry_failed)
        if known is not None and action is Action.LEARN:
            action = await self._learn(draft, known)
        if action is Action.SKIP:
            self._store.skip(draft, draft.skip_reason or "nothing-to-load")
        if known is not None and action is Action.CONFLICT:
            self._conflict(draft, known)
            return None
        if known is not None and action is Action.GROWN and self._options.append and known.state != ThreadState.DIFFERS:
            return await self._append_grown(draft, known)
        if action not in (Action.LOAD, Action.RESUME):
            # Why a thread was left alone then is why it is now; of loaded ones the code says what `verify` found.
            left = known if known is not None and action is Action.LEAVE else Progress(draft.thread_id)
            self._observer.thread(draft, action, known, left.code, left.detail)
            return None
        progress = known if known is not None and action is Action.RESUME else self._fresh(draft, known)
        self._say_waiting(progress)
        return await self._run_load(self._load(draft, progress, read_back=read_back), action)

    async def _learn(self, draft: Draft, known: Progress) -> Action:
        """Learn again what was lost with the state file of a thread that is loaded; return what is to be done then."""
        loaded = replace(draft, items=draft.items[: known.restored], digest=known.digest)
        load = self._load(loaded, known, read_back=False)
        await load.learn()
        known.code, known.detail = load.code, load.detail
        return decide(draft, known, [item.digest for item in loaded.items])

    def _say_waiting(self, progress: Progress) -> None:
        """Say, once for the run, that threads of an earlier run wait before they go on."""
        seconds = left_to_settle(progress, self._policy, self._clock) if progress.conversation_id else 0.0
        if self._said_waiting or seconds < WORTH_SAYING:
            return
        self._said_waiting = True
        self._observer.say(f"Waiting {round(seconds)} s for requests of the interrupted run to settle (load.settle).")

    def _load(self, draft: Draft, progress: Progress, *, read_back: bool) -> ThreadLoad:
        return ThreadLoad(
            draft,
            progress,
            target=self._target,
            journal=self._store,
            clock=self._clock,
            policy=self._policy,
            read_back=read_back,
            draining=self.drain.is_set,
        )

    async def _run_load(self, load: ThreadLoad, action: Action) -> Progress:
        try:
            await load.run()
        except asyncio.CancelledError:
            load.cut_off()
            tell(self._observer, load, action)
            raise
        except (Unanswered, GivenUp) as error:
            if not self._is_of_one_thread(error):
                raise
            load.left_unanswered(str(error))
            tell(self._observer, load, action)
            return load.progress
        if load.progress.state == ThreadState.LOADED:
            self._unanswered = 0
        if load.due is not None:
            self._late.put_off(load, action, load.due)
        else:
            tell(self._observer, load, action)
            self._failures.count(load.progress, load.code)
        return load.progress

    def _is_of_one_thread(self, error: Unanswered | GivenUp) -> bool:
        """Whether the target fails on one thread and not on all: others were loaded, also since the last such one."""
        silent = error.silent if isinstance(error, GivenUp) else not error.by_all
        if not silent or self._unanswered is None:
            return False
        self._unanswered += 1
        return self._unanswered < IN_A_ROW

    async def _append_grown(self, draft: Draft, known: Progress) -> Progress | None:
        """Append the new items of a thread that was loaded, unless the conversation has gone on without us."""
        load = self._load(draft, known, read_back=True)
        try:
            untouched = await load.untouched()
        except Draining:
            return None
        except ThreadStopped as stop:
            self._observer.thread(draft, Action.GROWN, known, stop.code, stop.detail)
            return None
        if not untouched:
            detail = "somebody has written into the conversation since it was loaded, so nothing was appended"
            self._observer.thread(draft, Action.GROWN, known, "conversation-continued", detail)
            return None
        return await self._run_load(load, Action.RESUME)

    def _recorded(self, draft: Draft, known: Progress | None) -> Sequence[bytes]:
        if known is None or known.conversation_id is None or (known.digest == draft.digest and known.position == 0):
            return ()
        done = known.state in (ThreadState.LOADED, ThreadState.VERIFIED, ThreadState.DIFFERS)
        return () if done and known.digest == draft.digest else self._store.recorded_digests(known.thread_id)

    def _fresh(self, draft: Draft, known: Progress | None) -> Progress:
        progress = Progress(draft.thread_id, unheard=known is None)
        if known is not None and known.state == ThreadState.CREATING:
            progress.state = known.state
        return progress

    def _conflict(self, draft: Draft, known: Progress) -> None:
        code, detail = "source-changed", "the source no longer begins with what an earlier run had already sent"
        if not read_alike(known.digest, known.reader):
            code, detail = READ_DIFFERENTLY, f"{OTHER_VERSION}, and part of it was sent already"
        known.state = ThreadState.IN_DOUBT.value
        self._store.outcome(known, known.state, code, detail)
        self._observer.thread(draft, Action.CONFLICT, known, code, detail)
