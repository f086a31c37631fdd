"""Handles refused items: bisects the batch to find the item, then reports it or replaces it with a note.

A note is recorded before it is sent, so that every later run sends and expects the same note. This module must not
change items that the target accepts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from migrate_cli.convert.canonical import digest_of, encode
from migrate_cli.findings import finding
from migrate_cli.http.outcomes import Refused
from migrate_cli.load.append import APPEND, append, reconcile
from migrate_cli.load.context import LoadContext, ThreadStopped
from migrate_cli.model import REFUSED_NOTE, Draft, Item, Ledger, OnRefused, ThreadState
from migrate_cli.target.conversations import INCLUDE_REFUSED, decode


def with_notes(draft: Draft, refused: Mapping[int, tuple[str, str]]) -> Draft:
    """Return the draft with a note at each of these positions; the mapping has the code and detail of each refusal.

    The digest of the draft stays that of the source, so that a later run still recognises the source as unchanged.
    The note depends on the item alone.
    """
    if not refused:
        return draft
    items = list(draft.items)
    found = list(draft.findings)
    ledger = replace(draft.ledger)
    for place, (_, detail) in sorted(refused.items()):
        if place < len(items):
            found.append(finding("item-refused", detail, thread_id=draft.thread_id, message_id=items[place].message_id))
            _count_as_noted(ledger, items[place])
            items[place] = note_of(items[place])
    return replace(draft, items=tuple(items), findings=tuple(found), ledger=ledger)


def _count_as_noted(ledger: Ledger, item: Item) -> None:
    """Count the parts of a refused item as noted in place of kept or converted; the total is unchanged."""
    content = decode(item.body).get("content")
    parts = len(content) if isinstance(content, list) else 1
    kept = min(parts, ledger.kept)
    converted = min(parts - kept, ledger.converted)
    ledger.kept -= kept
    ledger.converted -= converted
    ledger.noted += kept + converted


def note_of(item: Item) -> Item:
    """Return the note that is in the place of an item which the target refused."""
    whence = f"message {item.message_id}" if item.message_id else "this thread"
    text = (
        f"[Migration note: one item ({item.kind}) from {whence} was refused here and is not part of this conversation.]"
    )
    body = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return Item(encode(body), digest_of(body), REFUSED_NOTE, item.message_id, item.created_at)


async def handle_refusal(load: LoadContext, reply: Refused, start: int, stop: int) -> None:
    """Handle a refused batch. Returns when there is something new to send; otherwise raises Stopped."""
    _check_conversation(load, reply)
    # Some servers store part of a batch that they refuse, so read back before sending any of it again.
    await reconcile(load, "a batch was refused")
    if reply.code == INCLUDE_REFUSED:
        return
    if load.progress.position == start and half(load.draft.items, start, stop) == stop:
        await _conclude(load, reply, start, stop)
    else:
        await _isolate(load, reply, stop)


async def _isolate(load: LoadContext, reply: Refused, stop: int) -> None:
    """Append smaller and smaller pieces until the refused item is alone; return if everything is accepted after all."""
    retry = load.retry(APPEND)
    while (start := load.progress.position) < stop:
        if reply.status == 413:
            load.batch_items = max(1, (stop - start) // 2)
        piece = half(load.draft.items, start, stop)
        answer = await append(load, start, piece)
        if load.progress.position > start:
            retry = load.retry(APPEND)
        elif isinstance(answer, Refused):
            _check_conversation(load, answer)
            await reconcile(load, "a batch was refused")
            if answer.code == INCLUDE_REFUSED:
                continue
            if load.progress.position == start and half(load.draft.items, start, piece) == piece:
                await _conclude(load, answer, start, piece)
                return
            reply, stop = answer, piece
        elif answer is not None:
            await load.wait(retry, answer)


async def _conclude(load: LoadContext, reply: Refused, start: int, stop: int) -> None:
    """Fail the thread and name the refused item, or replace the items that cannot be separated with notes."""
    item = load.draft.items[start]
    named = f"item {start} (from message {item.message_id or 'unknown'}) was refused"
    noted = any(one.kind == REFUSED_NOTE for one in load.draft.items[start:stop])
    if load.policy.on_refused is not OnRefused.NOTE or noted:
        raise ThreadStopped(ThreadState.FAILED, reply.code, f"{named} ({reply.status}): {reply.message}")
    # The error message of the server may quote the text of the item, so only its code is kept.
    detail = f"{named} ({reply.status} {reply.code}); a note takes its place"
    for place in range(start, stop):
        message_id = load.draft.items[place].message_id
        load.journal.refused_item(load.draft.thread_id, place, message_id, reply.code, detail)
    load.draft = with_notes(load.draft, dict.fromkeys(range(start, stop), (reply.code, detail)))
    await load.journal.durable()


def _check_conversation(load: LoadContext, reply: Refused) -> None:
    """Stop if the conversation is gone or read-only: it refuses everything, so there is no single item to find."""
    if reply.status in (403, 404):
        gone = reply.status == 404
        raise ThreadStopped(
            ThreadState.IN_DOUBT if gone else ThreadState.FAILED,
            "conversation-gone" if gone else reply.code,
            f"conversation {load.conversation} no longer accepts items ({reply.status}): {reply.message}",
        )


def half(items: Sequence[Item], start: int, stop: int) -> int:
    """Return the middle of a batch, adjusted so that joined items stay together; `stop` if that is impossible."""
    middle = (start + stop) // 2
    for place in sorted(range(start + 1, stop), key=lambda at: abs(at - middle)):
        if not items[place].joined:
            return place
    return stop
