"""Asking the target what stands in a conversation, comparing, and taking away late copies of our own items.

Everything here reads, or deletes by id an item that was certainly ours; it must not send items.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from migrate_cli.load.context import Context, Stopped
from migrate_cli.load.reconcile import Adopt, Conflict, Reading
from migrate_cli.model import JsonObject, ThreadState
from migrate_cli.replies import Applied, Refused

PAGE = 100


async def list_after(load: Context, anchor: str | None) -> list[JsonObject]:
    """Return all items after the anchor, oldest first. Raises Stopped when the conversation cannot be read.

    Where a server ignores the anchor, what comes before it is left out here.
    """
    found: list[JsonObject] = []
    async for fresh in _pages_after(load, anchor):
        found.extend(fresh)
    return _behind(found, anchor)


async def _pages_after(load: Context, anchor: str | None) -> AsyncIterator[list[JsonObject]]:
    """Yield the items after the anchor, a page at a time, each once. Raises Stopped.

    `has_more` can lie in both directions: a page that brings nothing new ends the list, a full page never does.
    """
    images = load.images
    seen: set[str] = set()
    after = anchor
    while True:
        page = await load.target.list_items(load.conversation, after=after, images=images)
        if isinstance(page, Refused):
            raise Stopped(
                ThreadState.IN_DOUBT,
                "conversation-gone",
                f"conversation {load.conversation} cannot be read any more ({page.status}): {page.message}",
            )
        fresh = [item for item in page.items if str(item.get("id")) not in seen]
        seen.update(str(item.get("id")) for item in fresh)
        if fresh:
            yield fresh
        if not fresh or not (page.has_more or len(page.items) >= PAGE):
            return
        after = str(fresh[-1].get("id"))


def _behind(found: list[JsonObject], anchor: str | None) -> list[JsonObject]:
    places = [place for place, item in enumerate(found) if anchor is not None and item.get("id") == anchor]
    return found[places[0] + 1 :] if places else found


async def check_whole(load: Context) -> None:
    """Read the conversation back and compare; delete late copies of our own and look again. Raises Stopped.

    It waits first until nothing of ours can still be on its way. What does not fit is looked at a second time, because
    a list may lag behind what was written.
    """
    if load.last_doubt is not None:
        since = load.clock.now() - load.last_doubt
        await load.sleep(max(0.0, 2 * load.quiet - since))
    verdict = await _compare(load)
    if isinstance(verdict, Conflict):
        await load.sleep(load.quiet)
        verdict = await _compare(load)
    if isinstance(verdict, Adopt) and verdict.surplus:
        for item_id in verdict.surplus:
            await delete(load, item_id)
        verdict = await _compare(load)
        if isinstance(verdict, Adopt) and verdict.surplus:
            verdict = Conflict("late copies of our own items keep coming back")
    if isinstance(verdict, Conflict):
        raise Stopped(ThreadState.IN_DOUBT, "unexplained-items", verdict.seen)


async def _compare(load: Context) -> Adopt | Conflict:
    earlier = load.journal.item_ids(load.draft.thread_id)[: load.known_from] if load.known_from else []
    reading = Reading(load.draft.items, [*earlier, *load.ids])
    async for fresh in _pages_after(load, None):
        reading.feed(fresh)
    return reading.verdict(unclear=load.progress.unclear)


async def delete(load: Context, item_id: str) -> None:
    """Delete one item, however often that takes; one that is gone already is as good. Raises Stopped."""
    retry = load.retry()
    while True:
        reply = await load.target.delete_item(load.conversation, item_id)
        if isinstance(reply, Applied) or (isinstance(reply, Refused) and reply.status == 404):
            return
        if isinstance(reply, Refused):
            raise Stopped(
                ThreadState.IN_DOUBT, "late-duplicates", f"item {item_id} could not be deleted: {reply.message}"
            )
        await load.wait(retry, reply)
