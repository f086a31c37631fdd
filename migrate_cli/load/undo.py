"""Deletes what was created: the items of a conversation first, then the conversation, because the target keeps items.

A delete is repeated until the answer is clear; what is gone counts as deleted. It must not decide what is undone.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from migrate_cli.http.outcomes import Ambiguous, Draining, NotApplied
from migrate_cli.http.retry import Retry
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.target.deletion import DELETED, GONE, ConversationDeletion, Deletes, Wait
from migrate_cli.work.clock import Clock
from migrate_cli.work.pool import WorkerPool, each_of
from migrate_cli.work.waiting import waiting

GRACE = 2.5
"""Seconds that deletes under way may take when the run is asked to stop."""
UNFINISHED = "unfinished"
"""What became of a conversation on which the run ended."""


@dataclass(frozen=True, slots=True)
class CreatedConversation:
    """One conversation that this migration created."""

    thread_id: str
    conversation_id: str
    item_ids: Collection[str]
    """The items that it is known to hold."""
    ours_alone: bool
    """Nobody but the loader can have written into it, so whatever is there goes."""
    abandoned: bool = False
    """It was given up for a fresh start."""


class UndoObserver(Protocol):
    """Hears what became of each conversation, and remembers it."""

    def undone(self, created: CreatedConversation, outcome: str, items: Counter[str], detail: str | None) -> None:
        """One conversation is `deleted`, was `gone`, was `kept` because somebody wrote into it, or was `refused`."""


class UndoRun:
    """Undoes many conversations at a time, each item by item."""

    def __init__(
        self, *, target: Deletes, clock: Clock, policy: LoadPolicy, observer: UndoObserver, force: bool = False
    ) -> None:
        self.drain = asyncio.Event()
        self._target, self._clock, self._policy = target, clock, policy
        self._observer, self._force = observer, force

    async def run(self, conversations: Iterator[CreatedConversation]) -> None:
        """Undo them all. Raises what ends the run as a whole, after every worker has come to rest."""
        # A delete that is cut off is one more request for the next run, and does no harm.
        pool = WorkerPool(self._policy.workers, self.drain, grace=GRACE)
        await pool.run(each_of(conversations), self.undo)
        pool.raise_failure()

    async def undo(self, created: CreatedConversation) -> None:
        """Undo one conversation and tell what became of it."""
        items: Counter[str] = Counter()
        outcome: str = UNFINISHED
        detail: str | None = None
        try:
            outcome, detail = await self._undo(created, items)
        except Draining:
            pass
        finally:
            self._observer.undone(created, outcome, items, detail)

    async def _undo(self, created: CreatedConversation, items: Counter[str]) -> tuple[str, str | None]:
        def foreign(standing: Sequence[str]) -> str | None:
            count = sum(item_id not in created.item_ids for item_id in standing)
            if not count or created.ours_alone or self._force:
                return None
            return f"{count} of its items were not written by this migration"

        deletion = ConversationDeletion(
            self._target, created.conversation_id, self.attempts, expected=len(created.item_ids)
        )
        try:
            return await deletion.run(foreign)
        finally:
            items[DELETED] = deletion.deleted
            if deletion.emptied:
                items[GONE] = len(set(created.item_ids) - deletion.seen)

    def attempts(self) -> Wait:
        """A new series of attempts at one request, which ends when the run does."""
        retry = Retry(self._clock.now, self._policy, "a DELETE")

        async def wait(reply: NotApplied | Ambiguous) -> None:
            seconds = retry.pause(reply)
            with waiting("the next look at what was deleted", moves=False):
                await self._clock.sleep(seconds)
            if self.drain.is_set():
                raise Draining

        return wait
