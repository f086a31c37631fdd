"""Loads one thread: create an empty conversation, store its id durably, append batches, read back when unclear.

    pending ─► creating ─► loading ─► loaded
                   │           ├────► failed(code)    permanently refused; the item is named
                   └───────────┴────► in_doubt        contains something that we did not send

A thread with an unclear response stays `loading` even when it is complete, because a late copy of the request may
still be executed. When that is no longer possible (`due`), the thread is read back and late copies are deleted.

This module depends only on a target, a journal and a clock, so that tests can run it against a model of all three
under every fault. It must not read settings, open files or decide which thread comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from migrate_cli.convert.batches import batches
from migrate_cli.errors import AuthError, TemporaryError, UsageError
from migrate_cli.http.outcomes import Ambiguous, Applied, Draining, Refused
from migrate_cli.load.append import APPEND, adopt, append, note_doubt, reconcile
from migrate_cli.load.context import INTERRUPTED, LoadContext, ThreadStopped
from migrate_cli.load.interface import Journal, LoadTarget
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.load.read_back import check_whole, learn, list_after
from migrate_cli.load.refusal import handle_refusal
from migrate_cli.model import Draft, Progress, ThreadState
from migrate_cli.work.clock import Clock

_RUN_ENDED = "the run that was loading this thread ended"


class ThreadLoad:
    """The load of one thread: `run`, then `look_again` if `run` sets `due`.

    Both record the outcome in the journal, and raise only errors that end the whole run.
    """

    def __init__(
        self,
        draft: Draft,
        progress: Progress,
        *,
        target: LoadTarget,
        journal: Journal,
        clock: Clock,
        policy: LoadPolicy,
        read_back: bool = False,
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        self._load = LoadContext(draft, progress, target, journal, clock, policy, draining)
        self._read_back = read_back
        self.code: str | None = None
        self.detail: str | None = None
        self.due: float | None = None
        """When to read back a thread that is completely sent but had an unclear response."""

    @property
    def draft(self) -> Draft:
        """The draft as loaded, with notes in place of refused items."""
        return self._load.draft

    @property
    def progress(self) -> Progress:
        """The progress of the thread."""
        return self._load.progress

    async def run(self) -> Progress:
        """Load the thread as far as possible and return its progress."""
        return await self._guarded(self._steps())

    async def look_again(self) -> Progress:
        """Finish a thread with `due` set: wait until then, and delete late copies."""
        return await self._guarded(self._last_look())

    async def _guarded(self, steps: Coroutine[Any, Any, None]) -> Progress:
        try:
            await steps
        except ThreadStopped as stop:
            self._end(stop.state, stop.code, stop.detail)
        except Draining:
            self.leave()
        except (TemporaryError, AuthError):
            # Each is raised after a response or in place of a request: no request of this thread is in flight.
            self.leave()
            raise
        return self._load.progress

    def leave(self) -> None:
        """Record that the run ends before the thread is loaded, with no request in flight."""
        self._end(self._load.resting_state(), *INTERRUPTED)

    def left_unanswered(self, detail: str) -> None:
        """Note that the target answers others, but not for this thread; the next run goes on here."""
        self._end(self._load.resting_state(), "unanswered", detail)

    def cut_off(self) -> None:
        """Record that the load was cancelled, possibly during a request; the next run reads back."""
        progress = self._load.progress
        progress.ambiguous, progress.unclear = True, progress.unclear + 1
        self.leave()

    async def untouched(self) -> bool:
        """Whether nothing follows the loaded items, so that more may be appended. Raises Stopped."""
        return not await list_after(self._load, self._load.progress.anchor)

    async def learn(self) -> None:
        """Read back the ids of the loaded items if they were lost with the state file; nothing is sent."""
        load = self._load
        try:
            ids = await learn(load)
        except Draining:
            return None
        except ThreadStopped as stop:
            return self._end(stop.state, stop.code, stop.detail)
        load.journal.begin(load.progress, load.draft)
        load.progress.ambiguous, load.progress.unclear, load.progress.restored = False, 0, 0
        adopt(load, ids)
        return self._end(ThreadState.LOADED)

    async def _steps(self) -> None:
        load = self._load
        if load.progress.conversation_id is None:
            await self._create()
        else:
            await self._take_over()
        await self._append_all()
        if self._read_back:
            await check_whole(load)
        self.due = load.due
        if self.due is None:
            self._end(ThreadState.LOADED)

    async def _last_look(self) -> None:
        load = self._load
        await load.sleep(max(0.0, (load.due or 0.0) - load.clock.now()))
        await check_whole(load)
        self._end(ThreadState.LOADED)

    async def _take_over(self) -> None:
        """Continue an existing conversation. Unless the last run left it at rest, a request may still be in flight."""
        load, progress = self._load, self._load.progress
        rests = left_at_rest(progress)
        progress.digest = load.draft.digest
        progress.state = ThreadState.LOADING.value
        load.journal.begin(progress, load.draft)
        if rests:
            # From here on it is no longer at rest, and must not appear to be if this process ends during a request.
            await load.journal.durable()
        else:
            await note_doubt(load, _RUN_ENDED)
            await self._settle_earlier_run()
        position = progress.position
        await reconcile(load, _RUN_ENDED)
        if rests and progress.position > position:
            # The state file is older than what was sent, for example a restored copy.
            await note_doubt(load, _RUN_ENDED)

    def _end(self, state: ThreadState, code: str | None = None, detail: str | None = None) -> None:
        self.due = None
        progress = self._load.progress
        progress.state, self.code, self.detail = state.value, code, detail
        self._load.journal.outcome(progress, state.value, code, detail)

    async def _create(self) -> None:
        load, progress = self._load, self._load.progress
        if progress.state == ThreadState.CREATING:
            load.journal.orphan(load.draft.thread_id, "the run ended while the conversation was being created", None)
        progress.digest = load.draft.digest
        retry = load.retry("POST /conversations")
        while True:
            # From here until the response, and only then, a conversation may be created whose id nobody knows.
            progress.state = ThreadState.CREATING.value
            load.journal.begin(progress, load.draft)
            try:
                reply = await load.target.create_conversation(load.draft.metadata)
            except (Draining, TemporaryError, AuthError):
                # Not sent, or refused.
                progress.state = ThreadState.PENDING.value
                raise
            if isinstance(reply, Applied):
                break
            progress.state = ThreadState.PENDING.value
            if isinstance(reply, Refused):
                raise self._refused_create(reply)
            if isinstance(reply, Ambiguous):
                load.journal.orphan(load.draft.thread_id, reply.reason, reply.request_id)
            await load.wait(retry, reply)
        progress.conversation_id = reply.body["id"]
        progress.state = ThreadState.LOADING.value
        load.journal.conversation(progress)
        await load.journal.durable()

    def _refused_create(self, reply: Refused) -> ThreadStopped:
        if reply.status in (404, 405, 410):
            raise UsageError(
                f"the target has no Conversations API (POST /conversations answered {reply.status}: {reply.message}); "
                "check target.base_url",
                code="no-conversations-api",
            )
        return ThreadStopped(
            ThreadState.FAILED, reply.code, f"the conversation was refused ({reply.status}): {reply.message}"
        )

    async def _append_all(self) -> None:
        load = self._load
        retry = load.retry(APPEND)
        while load.progress.position < len(load.draft.items):
            load.leave_if_draining()
            start = load.progress.position
            stop = self._next_stop(start)
            reply = await append(load, start, stop)
            if load.progress.position > start:
                retry = load.retry(APPEND)
            elif isinstance(reply, Refused):
                await handle_refusal(load, reply, start, stop)
            elif reply is not None:
                await load.wait(retry, reply)

    def _next_stop(self, start: int) -> int:
        """Where the next batch that begins at `start` ends."""
        load = self._load
        most = min(load.policy.batch_bytes, load.target.carries)
        cuts = batches(load.draft.items, start, max_items=load.batch_items, max_bytes=most)
        return next(iter(cuts))[1]

    async def _settle_earlier_run(self) -> None:
        """Wait until most requests of the interrupted run have settled; the final read-back finds the rest."""
        load = self._load
        if remaining := left_to_settle(load.progress, load.policy, load.clock):
            await load.sleep(remaining)


def left_at_rest(progress: Progress) -> bool:
    """Whether an earlier run left the thread with no request in flight and no unclear outcome."""
    if progress.state in (ThreadState.LOADED, ThreadState.VERIFIED, ThreadState.DIFFERS):
        return True
    return not progress.ambiguous and (progress.state == ThreadState.FAILED or progress.code == INTERRUPTED[0])


def left_to_settle(progress: Progress, policy: LoadPolicy, clock: Clock) -> float:
    """Seconds to wait before the first read-back of a thread whose run was interrupted."""
    if left_at_rest(progress):
        return 0.0
    since = clock.wall() - progress.touched_at if progress.touched_at is not None else 0.0
    return max(0.0, policy.settle - max(0.0, since))
