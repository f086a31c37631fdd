"""Deletes a conversation, item by item and then itself, until the target says that it is gone.

A delete can be repeated without harm, but a target that never answers deletes would never answer the next one either:
after an unclear answer the conversation is listed, and only what is still there is deleted again. It must not
decide what may be deleted, nor how long an attempt is repeated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, Refused, Reply
from migrate_cli.target.pages import ItemWalk, ListsItems

DELETED, GONE, KEPT, REFUSED = "deleted", "gone", "kept", "refused"

Wait = Callable[[NotApplied | Ambiguous], Awaitable[None]]
"""Waits before the next attempt at one request; raises when there should be none."""


class Deletes(ListsItems, Protocol):
    """The calls that a deletion needs."""

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        """Delete one item."""

    async def delete_conversation(self, conversation_id: str) -> Reply:
        """Delete the conversation; its items stay on the server unless they were deleted before."""


async def delete_until_gone(delete: Callable[[], Awaitable[Reply]], wait: Wait) -> Refused | None:
    """Repeat a delete until its object is gone; returns the refusal where the target will not delete it."""
    while True:
        reply = await delete()
        if isinstance(reply, Applied) or (isinstance(reply, Refused) and reply.status == 404):
            return None
        if isinstance(reply, Refused):
            return reply
        await wait(reply)


class ConversationDeletion:
    """The deletion of one conversation. Its counts hold at any moment, also after an exception.

    `patience` starts a new series of attempts for each request. `expected` is passed to the walks through the items.
    """

    def __init__(
        self, target: Deletes, conversation_id: str, patience: Callable[[], Wait], *, expected: int | None = None
    ) -> None:
        self._target, self._conversation, self._patience = target, conversation_id, patience
        self._expected = expected
        self.deleted = 0
        """Items that were deleted."""
        self.seen: set[str] = set()
        """Ids of the items that the target has listed."""
        self.emptied = False
        """Whether no item is left."""
        self._doubt: tuple[str, Wait] | None = None
        """What the last delete without a clear answer was for, and the patience with it."""

    async def run(self, keep: Callable[[Sequence[str]], str | None] = lambda _: None) -> tuple[str, str | None]:
        """Delete everything; returns DELETED, GONE (there was nothing), KEPT or REFUSED, with the reason of the latter.

        `keep` is shown the ids of what is about to be deleted, and returns a reason where that must not happen.
        """
        whole = partial(self._target.delete_conversation, self._conversation)
        while True:
            gone = len(self.seen) if self._doubt is None else self.deleted
            expected = None if self._expected is None else max(0, self._expected - gone)
            walk = ItemWalk(self._target, self._conversation, images=False, expected=expected)
            standing = [str(item["id"]) async for page in walk.pages() for item in page if item.get("id")]
            if walk.refused is not None:
                return self._unlisted(walk.refused)
            if (reason := keep(standing)) is not None:
                return KEPT, reason
            reason = await self._empty(standing)
            if reason is not None:
                return REFUSED, reason
            if self._doubt is not None and self._doubt[0] != self._conversation:
                self.seen.update(standing)
                continue
            # Where a target never shows more than the first items, the next ones show once these are gone.
            more = walk.cut_off and not self.seen.issuperset(standing)
            self.seen.update(standing)
            if more:
                continue
            self.emptied = True
            refused = await self._delete(self._conversation, whole)
            if self._doubt is None:
                return (DELETED, None) if refused is None else (REFUSED, f"{refused.message} ({refused.status})")

    def _unlisted(self, refused: Refused) -> tuple[str, str | None]:
        if refused.status != 404:
            return REFUSED, f"its items are not listed: {refused.message} ({refused.status})"
        self.emptied = True
        return (GONE, None) if self._doubt is None else (DELETED, None)

    async def _empty(self, standing: Sequence[str]) -> str | None:
        """Delete these items; returns why not, where one is refused.

        One after the other, because a target locks a conversation while it changes it; and from the end, so that what
        an interrupted deletion leaves is still the beginning of the conversation.
        """
        if self._doubt is not None and self._doubt[0] in self.seen.difference(standing):
            self.deleted += 1
            self._doubt = None
        for item_id in reversed(standing):
            refused = await self._delete(item_id, partial(self._target.delete_item, self._conversation, item_id))
            if refused is not None:
                return f"item {item_id}: {refused.message} ({refused.status})"
            if self._doubt is not None:
                return None
            self.deleted += 1
        return None

    async def _delete(self, what: str, delete: Callable[[], Awaitable[Reply]]) -> Refused | None:
        """Delete something, once where the answer is unclear: then it is in `_doubt`, after a wait."""
        wait = self._doubt[1] if self._doubt is not None and self._doubt[0] == what else self._patience()
        self._doubt = None
        while isinstance(reply := await delete(), NotApplied):
            await wait(reply)
        if isinstance(reply, Ambiguous):
            await wait(reply)
            self._doubt = what, wait
        return reply if isinstance(reply, Refused) and reply.status != 404 else None
