"""Deletes what was created: the items of a conversation first, then the conversation, because the target keeps items.

A delete is repeated until the answer is clear; what is gone already counts as such. It must not decide what is undone.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from migrate_cli.errors import MigrateError
from migrate_cli.http.outcomes import Applied, Draining, Refused, Reply
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.load.retry import Retry
from migrate_cli.target.pages import Lists, Walk
from migrate_cli.work.clock import Clock

DELETED, GONE, KEPT, REFUSED, UNFINISHED = "deleted", "gone", "kept", "refused", "unfinished"


class UndoTarget(Lists, Protocol):
    """The calls that undoing needs."""

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        """Delete one item."""

    async def delete_conversation(self, conversation_id: str) -> Reply:
        """Delete the conversation."""


@dataclass(frozen=True, slots=True)
class Created:
    """One conversation that this migration created."""

    thread_id: str
    conversation_id: str
    item_ids: Collection[str]
    """The items that it is known to hold."""
    ours_alone: bool
    """Nobody but the loader can have written into it, so whatever stands there goes."""
    abandoned: bool = False
    """It was given up for a fresh start."""


class UndoObserver(Protocol):
    """Hears what became of each conversation, and remembers it."""

    def undone(self, created: Created, outcome: str, items: Counter[str], detail: str | None) -> None:
        """One conversation is `deleted`, was `gone`, was `kept` because somebody wrote into it, or was `refused`."""


class UndoRun:
    """Undoes many conversations at a time, each item by item."""

    def __init__(
        self, *, target: UndoTarget, clock: Clock, policy: LoadPolicy, observer: UndoObserver, force: bool = False
    ) -> None:
        self.drain = asyncio.Event()
        self._target, self._clock, self._policy = target, clock, policy
        self._observer, self._force = observer, force
        self._fatal: MigrateError | None = None

    async def run(self, conversations: Iterator[Created]) -> None:
        """Undo them all. Raises what ends the run as a whole, after every worker has come to rest."""
        results = await asyncio.gather(
            *(self._work(conversations) for _ in range(self._policy.workers)), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        if self._fatal is not None:
            raise self._fatal

    async def _work(self, conversations: Iterator[Created]) -> None:
        while not self.drain.is_set():
            created = next(conversations, None)
            if created is None:
                return
            items: Counter[str] = Counter()
            try:
                outcome, detail = await self._undo(created, items)
            except Draining:
                outcome, detail = UNFINISHED, None
            except MigrateError as error:
                self._fatal = self._fatal or error
                self.drain.set()
                outcome, detail = UNFINISHED, None
            except BaseException:
                self.drain.set()
                raise
            self._observer.undone(created, outcome, items, detail)

    async def _undo(self, created: Created, items: Counter[str]) -> tuple[str, str | None]:
        seen: set[str] = set()
        while True:
            walk = Walk(self._target, created.conversation_id, images=False, expected=len(created.item_ids) - len(seen))
            standing = [str(item["id"]) async for page in walk.pages() for item in page if item.get("id")]
            if walk.refused is not None and walk.refused.status != 404:
                return REFUSED, f"its items are not listed: {walk.refused.message} ({walk.refused.status})"
            if walk.refused is not None:
                items[GONE] += len(set(created.item_ids) - seen)
                return GONE, None
            foreign = [item_id for item_id in standing if item_id not in created.item_ids]
            if foreign and not (created.ours_alone or self._force):
                return KEPT, f"{len(foreign)} items stand in it that this migration did not write"
            # From the end, so that what is left of an interrupted undo is still the beginning of the thread.
            for item_id in reversed(standing):
                deleted = await self._delete(partial(self._target.delete_item, created.conversation_id, item_id))
                if isinstance(deleted, Refused):
                    return REFUSED, f"item {item_id}: {deleted.message} ({deleted.status})"
                items[deleted] += 1
            # Where a target shows the beginning alone, the next items show once these are gone.
            if not walk.cut_off or seen.issuperset(standing):
                break
            seen.update(standing)
        items[GONE] += len(set(created.item_ids) - seen.union(standing))
        deleted = await self._delete(partial(self._target.delete_conversation, created.conversation_id))
        if isinstance(deleted, Refused):
            return REFUSED, f"{deleted.message} ({deleted.status})"
        return deleted, None

    async def _delete(self, call: Callable[[], Any]) -> str | Refused:
        """Delete what was seen a moment ago: a 404 now is our own doing, by a request whose answer was lost."""
        retry = Retry(self._clock, self._policy)
        while True:
            reply: Reply = await call()
            if isinstance(reply, Applied):
                return DELETED
            if isinstance(reply, Refused):
                return DELETED if reply.status == 404 else reply
            await self._clock.sleep(retry.pause(reply))
            if self.drain.is_set():
                raise Draining
