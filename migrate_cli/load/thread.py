"""The load of one thread, step by step: create empty, make the id durable, append in batches, ask after every doubt.

    pending ─► creating ─► loading ─► loaded
                   │           ├────► failed(code)    refused for good; the item is named
                   └───────────┴────► in_doubt        something there that nobody here sent

It talks to a target, a journal and a clock, and nothing else, so that it can be run against a model of all three under
every fault. It must not read settings, open files or decide which thread comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from migrate_cli.convert.batches import batches
from migrate_cli.errors import TemporaryError, UsageError
from migrate_cli.load.interface import Clock, Journal, Progress, Target
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.load.reconcile import Adopt, Conflict, echo, prefix, whole
from migrate_cli.model import Draft, Item, JsonObject, ThreadState
from migrate_cli.replies import Ambiguous, Applied, NotApplied, Refused, Reply

SHORTEST_WAIT = 0.5
LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Stopped(Exception):
    """The thread ends here for now, with this state; never leaves this module."""

    state: ThreadState
    code: str
    detail: str


class ThreadLoad:
    """One thread on its way. `run` ends with the outcome in the journal; it raises only what ends the whole run."""

    def __init__(
        self,
        draft: Draft,
        progress: Progress,
        *,
        target: Target,
        journal: Journal,
        clock: Clock,
        policy: LoadPolicy,
        read_back: bool = False,
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        self.draft = draft
        self.progress = progress
        self.code: str | None = None
        self.detail: str | None = None
        self._target, self._journal, self._clock, self._policy = target, journal, clock, policy
        self._read_back = read_back
        self._draining = draining
        self._ids: list[str] = []
        self._known_from = progress.position
        self._last_doubt: float | None = None
        self._images = any(b'"image_url"' in item.body for item in draft.items)

    async def run(self) -> Progress:
        """Bring the thread to `loaded`, or as far as it goes, and return its progress."""
        try:
            await self._steps()
        except Stopped as stop:
            self._end(stop.state, stop.code, stop.detail)
        return self.progress

    async def _steps(self) -> None:
        resumed = self.progress.conversation_id is not None
        if not resumed:
            await self._create()
        else:
            self.progress.digest = self.draft.digest
            self._journal.begin(self.progress, self.draft)
            await self._note_doubt("the run that was loading this thread ended")
            await self._settle_earlier_run()
            await self._reconcile("the run that was loading this thread ended")
        await self._append_all()
        if self.progress.ambiguous or self._read_back:
            await self._check_whole()
        self._end(ThreadState.LOADED)

    def _end(self, state: ThreadState, code: str | None = None, detail: str | None = None) -> None:
        self.progress.state, self.code, self.detail = state.value, code, detail
        self._journal.outcome(self.progress, state.value, code, detail)

    # ---- create ---------------------------------------------------------------------------------------------------

    async def _create(self) -> None:
        if self.progress.state == ThreadState.CREATING:
            self._journal.orphan(self.draft.thread_id, "the run ended while the conversation was being created", None)
        self.progress.state = ThreadState.CREATING.value
        self.progress.digest = self.draft.digest
        self._journal.begin(self.progress, self.draft)
        retry = _Retry(self._clock, self._policy)
        while True:
            reply = await self._target.create_conversation(self.draft.metadata)
            if isinstance(reply, Applied):
                break
            if isinstance(reply, Refused):
                raise self._refused_create(reply)
            if isinstance(reply, Ambiguous):
                self._journal.orphan(self.draft.thread_id, reply.reason, reply.request_id)
            await self._wait(retry, reply)
        self.progress.conversation_id = reply.body["id"]
        self.progress.state = ThreadState.LOADING.value
        self._journal.conversation(self.progress)
        await self._journal.durable()

    def _refused_create(self, reply: Refused) -> Stopped:
        if reply.status in (404, 405, 410):
            raise UsageError(
                f"the target has no Conversations API (POST /conversations answered {reply.status}: {reply.message}); "
                "check target.base_url",
                code="no-conversations-api",
            )
        return Stopped(
            ThreadState.FAILED, reply.code, f"the conversation was refused ({reply.status}): {reply.message}"
        )

    # ---- append ---------------------------------------------------------------------------------------------------

    async def _append_all(self) -> None:
        items, progress, policy = self.draft.items, self.progress, self._policy
        retry = _Retry(self._clock, policy)
        while progress.position < len(items):
            self._leave_if_draining()
            start = progress.position
            stop = _first_stop(items, start, policy)
            reply = await self._append(start, stop)
            if progress.position > start:
                retry = _Retry(self._clock, policy)
            elif isinstance(reply, Refused):
                await self._refused(reply, stop)
            elif reply is not None:
                await self._wait(retry, reply)

    async def _append(self, start: int, stop: int) -> Reply | None:
        """Send one batch and take in what is known afterwards; returns the reply when nothing has moved."""
        sent = self.draft.items[start:stop]
        reply = await self._target.append_items(
            self._conversation, [item.body for item in sent], images=any(b'"image_url"' in item.body for item in sent)
        )
        if isinstance(reply, Applied):
            verdict = echo(sent, reply.body)
            if isinstance(verdict, Adopt):
                self._adopt(verdict.ids)
                return None
            reply = Ambiguous(verdict.seen, reply.request_id)
        if isinstance(reply, Ambiguous):
            await self._doubt(reply.reason)
            await self._reconcile(reply.reason)
        return reply

    async def _doubt(self, reason: str) -> None:
        await self._note_doubt(reason)
        await self._sleep(self._policy.settle * min(self.progress.unclear, 4))

    async def _note_doubt(self, reason: str) -> None:
        """Make the doubt durable: how many late copies may be ours must survive the process."""
        self.progress.ambiguous = True
        self.progress.unclear += 1
        self._journal.ambiguity(self.progress, reason)
        self._last_doubt = self._clock.now()
        await self._journal.durable()

    def _adopt(self, ids: list[str]) -> None:
        if not ids:
            return
        start = self.progress.position
        self.progress.position = start + len(ids)
        self.progress.anchor = ids[-1]
        self._ids.extend(ids)
        self._journal.items(self.progress, start, self.draft.items[start : self.progress.position], ids)

    # ---- refused items --------------------------------------------------------------------------------------------

    async def _refused(self, reply: Refused, stop: int) -> None:
        if reply.status in (404, 403):
            raise Stopped(
                ThreadState.FAILED if reply.status == 403 else ThreadState.IN_DOUBT,
                "conversation-gone" if reply.status == 404 else reply.code,
                f"conversation {self._conversation} does not take items any more ({reply.status}): {reply.message}",
            )
        # Some servers keep part of a batch that they refuse, so ask before sending any of it again.
        await self._reconcile("a batch was refused")
        await self._isolate(stop)

    async def _isolate(self, stop: int) -> None:
        """Append in ever smaller pieces until the refused item stands alone, then end the thread with its name.

        Returns when everything up to `stop` went in after all: it was the size of the batch that was refused.
        """
        while self.progress.position < stop:
            start = self.progress.position
            piece = _half(self.draft.items, start, stop)
            reply = await self._append(start, piece)
            if isinstance(reply, Refused):
                if piece == stop:
                    raise self._refused_item(reply, start)
                stop = piece
                await self._reconcile("a batch was refused")
            elif reply is not None:
                await self._wait(_Retry(self._clock, self._policy), reply)

    def _refused_item(self, reply: Refused, place: int) -> Stopped:
        message = self.draft.items[place].message_id or "unknown"
        return Stopped(
            ThreadState.FAILED,
            reply.code,
            f"item {place} (from message {message}) was refused ({reply.status}): {reply.message}",
        )

    # ---- looking --------------------------------------------------------------------------------------------------

    async def _settle_earlier_run(self) -> None:
        """Whatever the ended run had in flight must have landed, or never will, before we look."""
        since = self._clock.wall() - self.progress.touched_at if self.progress.touched_at is not None else 0.0
        remaining = self._policy.settle - max(0.0, since)
        if remaining > 0:
            await self._sleep(min(remaining, self._policy.settle))

    async def _reconcile(self, reason: str) -> None:
        """List what comes after the anchor and adopt it, when it is a prefix of what was to come."""
        found = await self._list(self.progress.anchor)
        verdict = prefix(self.draft.items, self.progress.position, found, unclear=self.progress.unclear)
        if isinstance(verdict, Conflict):
            raise Stopped(ThreadState.IN_DOUBT, "unexplained-items", f"after a doubt ({reason}): {verdict.seen}")
        self._adopt(verdict.ids)
        for item_id in verdict.surplus:
            await self._delete(item_id)

    async def _check_whole(self) -> None:
        """Read the conversation back and compare; delete late copies of our own, once, and look again."""
        if self._last_doubt is not None:
            since = self._clock.now() - self._last_doubt
            await self._sleep(max(0.0, 2 * self._policy.settle - since))
        surplus = await self._surplus()
        for item_id in surplus:
            await self._delete(item_id)
        if surplus and await self._surplus():
            raise Stopped(ThreadState.IN_DOUBT, "late-duplicates", "late copies of our own items keep coming back")

    async def _surplus(self) -> list[str]:
        got = await self._list(None)
        earlier = self._journal.item_ids(self.draft.thread_id)[: self._known_from] if self._known_from else []
        known = [*earlier, *self._ids]
        verdict = whole(self.draft.items, known, got, unclear=self.progress.unclear)
        if isinstance(verdict, Conflict):
            raise Stopped(ThreadState.IN_DOUBT, "unexplained-items", verdict.seen)
        return verdict.surplus

    async def _delete(self, item_id: str) -> None:
        retry = _Retry(self._clock, self._policy)
        while True:
            reply = await self._target.delete_item(self._conversation, item_id)
            if isinstance(reply, Applied) or (isinstance(reply, Refused) and reply.status == 404):
                return
            if isinstance(reply, Refused):
                raise Stopped(
                    ThreadState.IN_DOUBT, "late-duplicates", f"item {item_id} could not be deleted: {reply.message}"
                )
            await self._wait(retry, reply)

    async def _list(self, after: str | None) -> list[JsonObject]:
        found: list[JsonObject] = []
        seen: set[str] = set()
        while True:
            page = await self._target.list_items(self._conversation, after=after, images=self._images)
            if isinstance(page, Refused):
                raise Stopped(
                    ThreadState.IN_DOUBT,
                    "conversation-gone",
                    f"conversation {self._conversation} cannot be read any more ({page.status}): {page.message}",
                )
            fresh = [item for item in page.items if item.get("id") not in seen]
            seen.update(str(item.get("id")) for item in fresh)
            found.extend(fresh)
            # `has_more` can lie in both directions; a page that brings nothing new ends the list.
            if not fresh or not (page.has_more or len(page.items) >= 100):
                return found
            after = fresh[-1].get("id")

    # ---- waiting --------------------------------------------------------------------------------------------------

    async def _wait(self, retry: _Retry, reply: Reply) -> None:
        await self._sleep(retry.pause(reply))

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._leave_if_draining()

    def _leave_if_draining(self) -> None:
        if self._draining():
            state = ThreadState.LOADING if self.progress.conversation_id else ThreadState.CREATING
            raise Stopped(state, "interrupted", "the run was asked to stop; the next one goes on here")

    @property
    def _conversation(self) -> str:
        if self.progress.conversation_id is None:
            raise AssertionError("the conversation is created before anything is sent to it")
        return self.progress.conversation_id


class _Retry:
    """Waits between attempts at one request, and gives up in good time by ending the run."""

    def __init__(self, clock: Clock, policy: LoadPolicy) -> None:
        self._clock, self._policy = clock, policy
        self._began = clock.now()
        self._tries = 0
        self._unclear = 0

    def pause(self, reply: Reply) -> float:
        """Return the seconds to wait before the next attempt; raises TemporaryError when there should be none."""
        self._tries += 1
        if isinstance(reply, Ambiguous):
            self._unclear += 1
        waited = self._clock.now() - self._began
        never_sent = isinstance(reply, NotApplied) and reply.reason == "could not connect"
        patience = self._policy.connect_patience if never_sent else self._policy.patience
        if waited > patience or self._unclear >= self._policy.unclear_patience:
            reason = getattr(reply, "reason", "refused")
            raise TemporaryError(
                f"the target could not be used for {waited:.0f} s ({reason}, {self._tries} tries); "
                "nothing is lost, run the same command again later"
            )
        asked = reply.wait if isinstance(reply, NotApplied) and reply.wait is not None else 0.0
        return max(asked, min(LONGEST_WAIT, SHORTEST_WAIT * 2.0 ** (self._tries - 1)))


def _first_stop(items: Sequence[Item], start: int, policy: LoadPolicy) -> int:
    """Return where the next batch from `start` ends."""
    return next(iter(batches(items, start, max_items=policy.batch_items, max_bytes=policy.batch_bytes)))[1]


def _half(items: Sequence[Item], start: int, stop: int) -> int:
    """Return the middle of a batch, moved so that joined items stay together; `stop` where that cannot be."""
    middle = (start + stop) // 2
    for place in sorted(range(start + 1, stop), key=lambda at: abs(at - middle)):
        if not items[place].joined:
            return place
    return stop
