"""Asking the target what is in a conversation, comparing, and taking away late copies of our own items.

Everything here reads, or deletes by id an item that was certainly ours; it must not send items.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from migrate_cli.errors import AnswerOutOfBounds
from migrate_cli.load.context import LoadContext, ThreadStopped
from migrate_cli.load.reconcile import Adopt, ReadBack, Unexplained, matches
from migrate_cli.model import JsonObject, ThreadState
from migrate_cli.target.deletion import delete_until_gone
from migrate_cli.target.pages import ItemWalk, behind


async def list_after(load: LoadContext, anchor: str | None) -> list[JsonObject]:
    """Return all items after the anchor, oldest first. Raises Stopped when the conversation cannot be read to its end.

    Where a server ignores the anchor, what comes before it is left out here.
    """
    found: list[JsonObject] = []
    async for fresh in _pages_after(load, anchor):
        found.extend(fresh)
    rest = behind(found, anchor)
    if anchor is not None and (ours := _known_ids(load)) and any(item.get("id") in ours for item in rest):
        raise _unseen(load)
    return rest


async def _pages_after(
    load: LoadContext, anchor: str | None, expected: int | None = None
) -> AsyncIterator[list[JsonObject]]:
    """Yield the items after the anchor, a page at a time, each once. Raises Stopped."""
    walk = ItemWalk(load.target, load.conversation, images=load.images, after=anchor, expected=expected)
    try:
        async for fresh in walk.pages():
            yield fresh
    except AnswerOutOfBounds as error:
        detail = f"conversation {load.conversation} cannot be read: {error.reason}"
        raise ThreadStopped(ThreadState.IN_DOUBT, "answer-out-of-bounds", detail) from None
    if (refused := walk.refused) is not None:
        gone = refused.status == 404
        raise ThreadStopped(
            ThreadState.IN_DOUBT,
            "conversation-gone" if gone else "conversation-unreadable",
            f"conversation {load.conversation} cannot be read any more ({refused.status}): {refused.message}",
        )
    if walk.cut_off:
        raise _unseen(load)


def _unseen(load: LoadContext) -> ThreadStopped:
    detail = (
        f"the target does not list what comes after a given item of conversation {load.conversation}, so it is not "
        "known what is there"
    )
    return ThreadStopped(ThreadState.IN_DOUBT, "unexplained-items", detail)


def _known_ids(load: LoadContext) -> set[str]:
    """The ids of all items that are known to be in the conversation."""
    return {*_earlier(load), *load.ids}


def _earlier(load: LoadContext) -> list[str]:
    return load.journal.item_ids(load.draft.thread_id)[: load.known_from] if load.known_from else []


async def learn(load: LoadContext) -> list[str]:
    """Return the ids of the draft's items behind those that are known, which were loaded. Raises Stopped.

    What comes after them is a conversation that went on.
    """
    wanted = load.draft.items[load.progress.position :]
    found = (await list_after(load, load.progress.anchor))[: len(wanted)]
    alike = sum(matches(item, got) for item, got in zip(wanted, found, strict=False))
    if alike < len(wanted):
        detail = f"{len(wanted) - alike} items are not where they were loaded; their ids were lost with the state file"
        raise ThreadStopped(ThreadState.IN_DOUBT, "unexplained-items", detail)
    return [str(got.get("id")) for got in found]


async def check_whole(load: LoadContext) -> None:
    """Read the conversation back and compare; delete late copies of our own and look again. Raises Stopped.

    What does not fit is looked at a second time, because a list may lag behind what was written.
    """
    verdict = await _compare(load)
    if isinstance(verdict, Unexplained):
        await load.sleep(load.quiet)
        verdict = await _compare(load)
    if isinstance(verdict, Adopt) and verdict.surplus:
        for item_id in verdict.surplus:
            await delete(load, item_id)
        verdict = await _compare(load)
        if isinstance(verdict, Adopt) and verdict.surplus:
            verdict = Unexplained("late copies of our own items keep coming back")
    if isinstance(verdict, Unexplained):
        raise ThreadStopped(ThreadState.IN_DOUBT, "unexplained-items", verdict.seen)


async def _compare(load: LoadContext) -> Adopt | Unexplained:
    reading = ReadBack(load.draft.items, [*_earlier(load), *load.ids])
    async for fresh in _pages_after(load, None, expected=len(load.draft.items)):
        reading.feed(fresh)
    return reading.verdict(unclear=load.progress.unclear)


async def delete(load: LoadContext, item_id: str) -> None:
    """Delete one item, however often that takes; one that is gone already is as good. Raises Stopped."""
    delete_item = partial(load.target.delete_item, load.conversation, item_id)
    if (
        refused := await delete_until_gone(delete_item, partial(load.wait, load.retry("DELETE of an item")))
    ) is not None:
        detail = f"item {item_id} could not be deleted: {refused.message}"
        raise ThreadStopped(ThreadState.IN_DOUBT, "late-duplicates", detail)
