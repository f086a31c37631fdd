"""Many threads at a time: lease one, decide, load it, note the outcome, take the next.

The first threads are a pilot that is read back whole before the rest begins. Threads that had an unclear answer are
looked at again at the end, after one wait for all of them. A failure that concerns the whole run lets every other
worker finish its request, and only then ends the run: a request that is cut off is a doubt for later.
It must not know where threads come from or how outcomes are shown.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from migrate_cli.convert.canonical import read_alike
from migrate_cli.errors import MigrateError, TemporaryError
from migrate_cli.http.outcomes import Draining
from migrate_cli.load.context import Stopped
from migrate_cli.load.decide import Action, decide
from migrate_cli.load.interface import Journal, Target
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.load.refusal import with_notes
from migrate_cli.load.thread import ThreadLoad, left_to_settle
from migrate_cli.model import Draft, Progress, Thread, ThreadState, Unreadable
from migrate_cli.work.clock import Clock
from migrate_cli.work.pool import at_rest
from migrate_cli.work.queue import Feed, feeding

READ_DIFFERENTLY = "read-differently"
OTHER_VERSION = "this version of migrate-cli reads the thread otherwise than the one that loaded it"
ALIKE = 10
"""If this many threads in a row fail from the start, all with one code, the run is misconfigured."""

WORTH_SAYING = 1.0
"""Seconds of waiting that a person who watches would take for a hang."""

HELD = 64_000_000
"""Bytes of items in threads that wait to be looked at again; beyond, those whose time has come are not kept waiting for
the end of the run."""

Entry = Draft | Thread | Unreadable
"""What a run is fed with. A thread is one that must wait for something, such as its files, before it is converted."""

Prepare = Callable[[Thread], Awaitable[Draft | None]]
"""Converts such a thread; None when the run ends meanwhile."""


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


@dataclass(frozen=True, slots=True)
class _Late:
    """A thread that had an unclear answer, and when it is to be looked at again."""

    load: ThreadLoad
    action: Action
    due: float
    bytes: int


class LoadStore(Journal, Protocol):
    """A journal that also remembers earlier runs."""

    def progress_of(self, thread_id: str) -> Progress | None:
        """Return what is known of a thread, or None."""

    def recorded_digests(self, thread_id: str) -> Sequence[bytes]:
        """Return the digests of the thread's items that are known to be loaded, in order."""

    def refused_items(self) -> dict[str, dict[int, tuple[str, str]]]:
        """Return code and detail of the refused items that notes stand for, by thread and place."""

    def skip(self, draft: Draft, reason: str) -> None:
        """Note that there is nothing to load."""

    def unreadable(self, entry: Unreadable) -> None:
        """Note what could not be read."""


class Observer(Protocol):
    """Hears how each thread ended; counts and shows."""

    def thread(
        self, draft: Draft, action: Action, progress: Progress | None, code: str | None, detail: str | None
    ) -> None:
        """One thread is done for this run."""

    def unreadable(self, entry: Unreadable) -> None:
        """Something could not be read as a thread."""

    def say(self, text: str) -> None:
        """A sentence for the person who watches."""


class LoadRun:
    """One run of the loader over a stream of drafts."""

    def __init__(
        self,
        *,
        target: Target,
        store: LoadStore,
        clock: Clock,
        policy: LoadPolicy,
        observer: Observer,
        prepare: Prepare | None = None,
        retry_failed: bool = False,
        append: bool = False,
        pilot: bool = True,
        live: bool = False,
    ) -> None:
        self.drain = asyncio.Event()
        self._target, self._store, self._clock, self._policy = target, store, clock, policy
        self._observer, self._retry_failed, self._live = observer, retry_failed, live
        self._append = append
        self._refused = store.refused_items()
        self.pilot = Pilot(policy.pilot) if pilot and policy.pilot else None
        self._prepare = prepare
        self._said_waiting = False
        self._leasing = asyncio.Lock()
        self._fatal: MigrateError | None = None
        self._failed = 0
        self._first_codes: list[str | None] | None = []
        self._late: deque[_Late] = deque()
        self._held = 0

    async def run(self, drafts: Iterator[Entry] | AsyncIterator[Entry]) -> None:
        """Load all drafts. Raises what ended the run as a whole, after every worker has come to rest."""
        async with feeding(drafts, self._policy.workers, self.drain, live=self._live) as feed:
            await self._run(feed)

    async def _run(self, drafts: Feed[Entry]) -> None:
        try:
            if self.pilot is not None:
                piloting = asyncio.create_task(self._run_pilot(drafts, self.pilot))
                await at_rest([piloting], self.drain, self._policy.drain)
                self.pilot.passed = not self.drain.is_set()
            if not self.drain.is_set():
                workers = [asyncio.create_task(self._work(drafts)) for _ in range(self._policy.workers)]
                await at_rest(workers, self.drain, self._policy.drain)
            if self._late and not self.drain.is_set():
                self._say_late()
                looks = [asyncio.create_task(self._look_again()) for _ in range(self._policy.workers)]
                await at_rest(looks, self.drain, self._policy.drain)
        finally:
            self._leave_late()
        await self._store.durable()
        if self._fatal is not None:
            raise self._fatal

    async def _work(self, drafts: Feed[Entry]) -> None:
        while not self.drain.is_set():
            if self._held > HELD and self._late[0].due <= self._clock.now():
                await self._guarded(self._look_at_late())
                continue
            draft = await self._lease(drafts)
            if draft is None:
                return
            await self._guarded(self._handle(draft, read_back=False))

    async def _guarded(self, step: Awaitable[object]) -> None:
        """Take one step; what it finds out about the run as a whole drains it."""
        try:
            await step
        except MigrateError as error:
            self._fatal = self._fatal or error
            self.drain.set()
        except BaseException:
            self.drain.set()
            raise

    # ---- threads that had an unclear answer

    def _put_off(self, load: ThreadLoad, action: Action, due: float) -> None:
        size = sum(len(item.body) for item in load.draft.items)
        self._late.append(_Late(load, action, due, size))
        self._held += size

    def _say_late(self) -> None:
        """Say for whom and how long the run waits before it ends."""
        seconds = max(late.due for late in self._late) - self._clock.now()
        if seconds < WORTH_SAYING:
            return
        count = len(self._late)
        threads, them = ("1 thread", "it") if count == 1 else (f"{count:,} threads", "them")
        self._observer.say(
            f"Waiting {round(seconds)} s: {threads} had an unclear answer, and what was sent may still take effect "
            f"(load.late). All other threads are done; Ctrl-C leaves {them} for the next run."
        )

    async def _look_again(self) -> None:
        while self._late and not self.drain.is_set():
            await self._guarded(self._look_at_late())

    async def _look_at_late(self) -> None:
        """Look at the thread that has waited longest."""
        late = self._late.popleft()
        self._held -= late.bytes
        try:
            await late.load.look_again()
        except asyncio.CancelledError:
            late.load.cut_off()
            raise
        finally:
            self._tell(late.load, late.action)

    def _leave_late(self) -> None:
        """Leave to the next run what this one does not look at any more."""
        while self._late:
            late = self._late.popleft()
            late.load.leave()
            self._tell(late.load, late.action)

    # ---- one thread after the other

    async def _run_pilot(self, drafts: Feed[Entry], pilot: Pilot) -> None:
        """Load the first threads one by one and read each back; drains the run when it must not go on."""
        while pilot.threads < pilot.wanted and not self.drain.is_set():
            draft = await self._lease(drafts)
            if draft is None:
                return
            try:
                progress = await self._handle(draft, read_back=True)
            except MigrateError as error:
                self._fatal = error
                self.drain.set()
                return
            if progress is None:
                continue
            pilot.threads += 1
            if progress.state == ThreadState.IN_DOUBT:
                pilot.stopped_by = progress.thread_id
                self._observer.say(
                    "A thread of the pilot does not read back as it was sent; the run stops before more are loaded."
                )
                self.drain.set()

    async def _lease(self, drafts: Feed[Entry]) -> Draft | Thread | None:
        """Take the next draft; what could not be read is noted on the way."""
        async with self._leasing:
            while not self.drain.is_set():
                entry = await drafts.take()
                if not isinstance(entry, Unreadable):
                    return entry
                self._store.unreadable(entry)
                self._observer.unreadable(entry)
        return None

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
        action = decide(draft, known, self._recorded(draft, known), retry_failed=self._retry_failed)
        if known is not None and action is Action.LEARN:
            action = await self._learn(draft, known)
        if action is Action.SKIP:
            self._store.skip(draft, draft.skip_reason or "nothing-to-load")
        if known is not None and action is Action.CONFLICT:
            self._conflict(draft, known)
            return None
        if known is not None and action is Action.GROWN and self._append and known.state != ThreadState.DIFFERS:
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
        self._observer.say(
            f"Waiting {round(seconds)} s: the last run ended in the middle of a thread, and what it had sent may still "
            "take effect (load.settle)."
        )

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
            self._tell(load, action)
            raise
        if load.due is not None:
            self._put_off(load, action, load.due)
        else:
            self._tell(load, action)
            self._watch(load.progress, load.code)
        return load.progress

    def _tell(self, load: ThreadLoad, action: Action) -> None:
        self._observer.thread(load.draft, action, load.progress, load.code, load.detail)

    async def _append_grown(self, draft: Draft, known: Progress) -> Progress | None:
        """Append the new items of a thread that was loaded, unless the conversation has gone on without us."""
        load = self._load(draft, known, read_back=True)
        try:
            untouched = await load.untouched()
        except Draining:
            return None
        except Stopped as stop:
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

    def _watch(self, progress: Progress, code: str | None) -> None:
        """End a run that cannot succeed: too many failures, or nothing but one and the same failure."""
        failed = progress.state == ThreadState.FAILED
        self._failed += failed
        if self._policy.max_errors is not None and self._failed > self._policy.max_errors:
            raise TemporaryError(
                f"more than {self._policy.max_errors} threads failed; look at the first with `migrate-cli status`, "
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
