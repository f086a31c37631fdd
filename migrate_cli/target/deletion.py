"""Deletes a conversation, item by item and then itself, until the target says that it is gone.

A delete can be repeated without harm, so an unclear answer is followed by another attempt; a 404 then means that the
earlier one took effect. It must not decide what may be deleted, nor how long an attempt is repeated.
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

    async def run(self, keep: Callable[[Sequence[str]], str | None] = lambda _: None) -> tuple[str, str | None]:
        """Delete everything; returns DELETED, GONE (there was nothing), KEPT or REFUSED, with the reason of the latter.

        `keep` is shown the ids of what is about to be deleted, and returns a reason where that must not happen.
        """
        while True:
            expected = None if self._expected is None else self._expected - len(self.seen)
            walk = ItemWalk(self._target, self._conversation, images=False, expected=expected)
            standing = [str(item["id"]) async for page in walk.pages() for item in page if item.get("id")]
            if walk.refused is not None:
                return self._unlisted(walk.refused)
            if (reason := keep(standing)) is not None:
                return KEPT, reason
            if (reason := await self._empty(standing)) is not None:
                return REFUSED, reason
            # Where a target never shows more than the first items, the next ones show once these are gone.
            more = walk.cut_off and not self.seen.issuperset(standing)
            self.seen.update(standing)
            if not more:
                break
        self.emptied = True
        refused = await delete_until_gone(
            partial(self._target.delete_conversation, self._conversation), self._patience()
        )
        return (DELETED, None) if refused is None else (REFUSED, f"{refused.message} ({refused.status})")

    def _unlisted(self, refused: Refused) -> tuple[str, str | None]:
        if refused.status != 404:
            return REFUSED, f"its items are not listed: {refused.message} ({refused.status})"
        self.emptied = True
        return GONE, None

    async def _empty(self, standing: Sequence[str]) -> str | None:
        """Delete these items; returns why not, where one is refused.

        One after the other, because a target locks a conversation while it changes it; and from the end, so that what
        an interrupted deletion leaves is still the beginning of the conversation.
        """
        for item_id in reversed(standing):
            delete = partial(self._target.delete_item, self._conversation, item_id)
            if (refused := await delete_until_gone(delete, self._patience())) is not None:
                return f"item {item_id}: {refused.message} ({refused.status})"
            self.deleted += 1
        return None
