"""The questions of `doctor --live` about lists: order, paging and hidden fields of items, and conversations.

As in `live.py`, each question has its own scratch conversation and returns facts.
"""

from __future__ import annotations

import time

from migrate_cli.doctor.check import CheckVerdict, Fact
from migrate_cli.doctor.probe import PAGE, TargetProbe, entries, said, text_of
from migrate_cli.http.endpoint import segment
from migrate_cli.http.outcomes import Refused
from migrate_cli.target.conversations import IMAGE_URLS
from migrate_cli.target.scratch import Unclear

BATCH = 20
"""Most items in one request, by the specification."""
REQUESTS = 6
"""Consecutive requests sent to see whether their order is kept."""
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
ONE_PIXEL = f"data:image/png;base64,{_PNG}"


async def order_and_listing(probe: TargetProbe) -> list[Fact]:
    """Ask for the order of one request's items, for the answer to it, and for pages."""
    # Two equal neighbours expose a server that deduplicates items.
    sent = [f"{number:02}" for number in range(BATCH - 2)] + ["same", "same"]
    conversation = await probe.create()
    reply = await probe.append(conversation, [said(text) for text in sent])
    if isinstance(reply, Refused):
        raise Unclear(f"a batch of {BATCH} was refused: {reply.message}")
    echo = [text_of(item) for item in entries(reply.body)]
    stored = await probe.items(conversation)
    return [
        _order(sent, [text_of(item) for item in stored]),
        _echo(sent, echo),
        await _default_order(probe, conversation, [str(item.get("id")) for item in stored]),
        await _paging(probe, conversation, [str(item.get("id")) for item in stored]),
    ]


def _order(sent: list[str], stored: list[str | None]) -> Fact:
    if stored == sent:
        return Fact("item-order", "kept", "the items of one request are listed in the order in which they were sent")
    if sorted(map(str, stored)) == sorted(sent):
        detail = "the items of one request are listed in another order than they were sent in"
        next_step = "Set load.batch_items to 1, so that each request holds one item, and verify afterwards."
        return Fact("item-order", "scrambled", detail, next_step, CheckVerdict.FAILURE)
    detail = f"of {len(sent)} items sent at once, {len(stored)} are listed right afterwards"
    return Fact(
        "item-order", "lossy", detail, "Do not migrate to this target before that is understood.", CheckVerdict.FAILURE
    )


def _echo(sent: list[str], echo: list[str | None]) -> Fact:
    if echo == sent:
        return Fact("echo", "complete", "an append answers with the new items, in order")
    return Fact(
        "echo",
        "incomplete",
        "an append does not answer with its items in order, so each batch has to be read back",
        "Expect more requests; nothing is lost by it.",
        CheckVerdict.WARNING,
    )


async def _default_order(probe: TargetProbe, conversation: str, ids: list[str]) -> Fact:
    first = [str(item.get("id")) for item in entries(await probe.page(conversation, limit=5))]
    if first == ids[:5]:
        return Fact("default-order", "ascending", "lists begin with the oldest item unless told otherwise")
    if first == ids[::-1][:5]:
        return Fact("default-order", "descending", "lists begin with the newest item unless told otherwise")
    return Fact(
        "default-order", "other", "lists have an order of their own unless told otherwise; `asc` is always asked"
    )


_FIRST_PAGE_ONLY = (
    "Migrate only threads of up to 100 items to this target: a longer one stays in doubt after a lost answer, and "
    "verify reports as missing what it cannot read."
)


async def _paging(probe: TargetProbe, conversation: str, ids: list[str]) -> Fact:
    size, cursor, seen = 7, None, list[str]()
    lied = False
    while len(seen) < len(ids):
        query = {"order": "asc", "limit": size} | ({"after": cursor} if cursor else {})
        page = await probe.page(conversation, **query)
        fresh = [str(item.get("id")) for item in entries(page) if item.get("id") not in seen]
        if not fresh:
            detail = "a list ignores `after`, so only the first page of a conversation can be read back (100 items)"
            return Fact("paging", "after-ignored", detail, _FIRST_PAGE_ONLY, CheckVerdict.FAILURE)
        seen += fresh
        cursor = seen[-1]
        lied = lied or bool(page.get("has_more")) != (len(seen) < len(ids))
    if lied:
        return Fact("paging", "has-more-wrong", "pages follow each other, but `has_more` does not tell the last one")
    return Fact("paging", "complete", "pages follow each other, and `has_more` tells the last one")


async def request_order(probe: TargetProbe) -> list[Fact]:
    """Ask for the order of several requests: servers that order by a time in whole seconds mix those of one second."""
    conversation, began = await probe.create(), time.monotonic()
    sent: list[str] = []
    for number in range(REQUESTS):
        texts = [f"{number}-{place}" for place in range(2)]
        reply = await probe.append(conversation, [said(text) for text in texts])
        if isinstance(reply, Refused):
            raise Unclear(f"two items were refused: {reply.message}")
        sent += texts
    if time.monotonic() - began >= REQUESTS - 1:
        raise Unclear("its answers took so long that no two requests need have shared a second")
    stored = [text_of(item) for item in await probe.items(conversation)]
    if stored == sent:
        detail = "the items of requests that follow each other within a second are listed in the order of the requests"
        return [Fact("request-order", "kept", detail)]
    if sorted(map(str, stored)) != sorted(sent):
        raise Unclear(f"of {len(sent)} items, {len(stored)} are listed")
    detail = "the items of requests that follow each other within a second are listed in another order"
    return [Fact("request-order", "scrambled", detail, _SECONDS_APART, CheckVerdict.FAILURE)]


_SECONDS_APART = (
    "Set load.max_requests_per_minute to 50, so that no two requests share a second, and verify afterwards; otherwise "
    "threads of more than one batch end in doubt or out of order."
)


async def include(probe: TargetProbe) -> list[Fact]:
    """Ask whether an image's address can be asked for."""
    conversation = await probe.create()
    image = {"type": "input_image", "image_url": ONE_PIXEL, "detail": "auto"}
    reply = await probe.append(conversation, [{"type": "message", "role": "user", "content": [image]}])
    if isinstance(reply, Refused):
        detail = f"an image as a data URL was refused: {reply.message}"
        return [
            Fact(
                "include", "no-images", detail, "Expect such messages to fail; see --on-refused.", CheckVerdict.WARNING
            )
        ]
    page = await probe.listed(conversation, order="asc", limit=PAGE, include=[IMAGE_URLS])
    if isinstance(page, Refused):
        detail = f"a list that asks for image addresses (include[]) is refused ({page.status}: {page.message})"
        return [Fact("include", "refused", f"{detail}; images are compared by presence")]
    parts = [part for item in entries(page.body) for part in item.get("content") or () if isinstance(part, dict)]
    if any(part.get("image_url") == ONE_PIXEL for part in parts):
        return [Fact("include", "taken", "image addresses come back where they are asked for")]
    detail = "image addresses do not come back although the request for them is taken"
    return [Fact("include", "ignored", detail, "Expect verify to report images by URL as lost.", CheckVerdict.WARNING)]


async def conversation_list(probe: TargetProbe) -> list[Fact]:
    """Ask whether conversations can be listed, and whether what is listed is true."""
    gone = await probe.create()
    deleted = await probe.send("DELETE", f"/conversations/{segment(gone)}")
    standing = await probe.create()
    page = await probe.conversations(order="desc", limit=PAGE)
    if isinstance(page, Refused):
        detail = f"conversations cannot be listed (GET /conversations answers {page.status})"
        return [Fact("conversation-list", "none", f"{detail}; recover and --orphans need that, nothing else does")]
    listed = {entry.get("id"): entry for entry in entries(page.body)}
    if standing not in listed:
        detail = "conversations can be listed, and one that was just made is not among the newest"
        return [Fact("conversation-list", "incomplete", detail, _NOT_LISTED, CheckVerdict.WARNING)]
    if not isinstance(listed[standing].get("metadata"), dict):
        detail = "conversations can be listed, without their metadata; each is asked for them"
        return [Fact("conversation-list", "without-metadata", detail)]
    if not isinstance(deleted, Refused) and gone in listed:
        detail = "conversations can be listed, and deleted ones are listed too; each is looked at before it counts"
        return [Fact("conversation-list", "lists-deleted", detail)]
    later = await probe.conversations(order="desc", limit=PAGE, after=standing)
    if isinstance(later, Refused) or any(entry.get("id") == standing for entry in entries(later.body)):
        detail = "conversations can be listed, but the list does not go on after a given one"
        return [Fact("conversation-list", "first-page-only", detail, _NOT_LISTED, CheckVerdict.WARNING)]
    return [Fact("conversation-list", "complete", "conversations can be listed, so recover and --orphans work")]


_NOT_LISTED = (
    "Keep the state file safe: recover may not find every conversation here, and status --orphans not every orphan."
)
