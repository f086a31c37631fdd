"""Sends one batch of items and establishes its outcome: from the response, or by reading back if that is unclear.

A batch is never sent again without reading back first. This module must not decide what to send.
"""

from __future__ import annotations

from migrate_cli.http.outcomes import Ambiguous, Applied, Reply
from migrate_cli.load.context import LoadContext, ThreadStopped
from migrate_cli.load.read_back import delete, list_after
from migrate_cli.load.reconcile import Adopt, Unexplained, echo, prefix
from migrate_cli.model import ThreadState

APPEND = "POST of items"
"""What is asked for, in sentences."""
MOST_PATIENT = 4
"""The settling time grows with each unclear outcome of a thread, up to this factor."""


async def append(load: LoadContext, start: int, stop: int) -> Reply | None:
    """Send one batch and record what is known afterwards; return the reply unless the batch was simply applied."""
    sent = load.draft.items[start:stop]
    images = any(b'"image_url"' in item.body for item in sent)
    began = load.clock.now()
    reply = await load.target.append_items(load.conversation, [item.body for item in sent], images=images)
    if isinstance(reply, Applied):
        verdict = echo(sent, reply.body)
        if isinstance(verdict, Adopt):
            adopt(load, verdict.ids)
            return None
        reply = Ambiguous(verdict.seen, reply.request_id)
    if isinstance(reply, Ambiguous):
        load.quiet = max(load.quiet, min(load.clock.now() - began, load.policy.timeout))
        await note_doubt(load, reply.reason)
        await load.sleep(max(load.quiet, load.policy.settle * min(load.progress.unclear, MOST_PATIENT)))
        await reconcile(load, reply.reason)
    return reply


async def note_doubt(load: LoadContext, reason: str) -> None:
    """Record an unclear outcome durably: the number of late copies that may be ours must survive the process."""
    load.progress.ambiguous = True
    load.progress.unclear += 1
    load.journal.ambiguity(load.progress, reason)
    load.last_doubt = load.clock.now()
    await load.journal.durable()


async def reconcile(load: LoadContext, reason: str) -> None:
    """List the items after the anchor and adopt them if they are a prefix of what was due next. Raises Stopped."""
    found = await list_after(load, load.progress.anchor)
    verdict = prefix(load.draft.items, load.progress.position, found, unclear=load.progress.unclear)
    if isinstance(verdict, Unexplained):
        raise ThreadStopped(
            ThreadState.IN_DOUBT, "unexplained-items", f"after an unclear response ({reason}): {verdict.seen}"
        )
    adopt(load, verdict.ids)
    for item_id in verdict.surplus:
        await delete(load, item_id)


def adopt(load: LoadContext, ids: list[str]) -> None:
    """Record that the next items are in the conversation, with these ids."""
    if not ids:
        return
    start = load.progress.position
    load.progress.position = start + len(ids)
    load.progress.anchor = ids[-1]
    load.ids.extend(ids)
    load.journal.items(load.progress, start, load.draft.items[start : load.progress.position], ids)
