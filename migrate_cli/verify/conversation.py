"""Read one conversation back, page by page, and compare it. Reads only; decides nothing about the run or the state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from migrate_cli.http.outcomes import Refused
from migrate_cli.model import Item, JsonObject
from migrate_cli.target.pages import Lists, Walk
from migrate_cli.verify.known import Known
from migrate_cli.verify.march import March, gone, unread
from migrate_cli.verify.metadata import compare_metadata, compare_whole
from migrate_cli.verify.outcome import Difference, Outcome, Verdict


class Reads(Lists, Protocol):
    """The reading half of the target."""

    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        """Return the conversation object."""


@dataclass(frozen=True, slots=True)
class Task:
    """One conversation to compare, and what it should hold."""

    thread_id: str
    conversation_id: str
    items: Sequence[Item]
    """With empty bodies where only the state's hashes are known."""
    metadata: dict[str, str] | None
    """None where only the hash of the whole is known."""
    digest: str
    """The whole draft's, as the state file has it."""
    messages: int
    state: str
    """The thread's state before this run."""
    changed: bool = False
    """The source gives another draft than the one that was loaded."""
    known: Callable[[], Known] | None = None
    """Asks the state file under which ids the items stand."""
    reread: bool = False
    """It does so because another version loaded it: the items are those that were sent then."""

    @property
    def images(self) -> bool:
        """Whether image URLs must be asked for."""
        return self.metadata is None or any(b'"image_url"' in item.body for item in self.items)


EachPage = Callable[[list[JsonObject], Verdict], Awaitable[None]]
"""What else is to be done with the items of a page (checking their files)."""


async def compare(target: Reads, task: Task, *, excerpts: bool = False, each_page: EachPage | None = None) -> Verdict:
    """Return the verdict on one conversation. Raises what the target raises for the whole run."""
    extra = Verdict()
    march = March(task.items, known=task.known, excerpts=excerpts)
    asking = asyncio.create_task(target.retrieve_conversation(task.conversation_id))
    try:
        refused = await _read_items(target, task, march, each_page, extra)
        conversation = await asking
    except BaseException:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        raise
    if refused is not None:
        return _refused(refused, task)
    verdict = march.finish()
    verdict.files = extra.files
    verdict.differences += extra.differences
    _compare_metadata(conversation, task, verdict)
    return verdict


async def _read_items(
    target: Reads, task: Task, march: March, each_page: EachPage | None, extra: Verdict
) -> Refused | None:
    """Feed the march, and whatever else looks at each page."""
    walk = Walk(target, task.conversation_id, images=task.images, expected=len(task.items))
    async for fresh in walk.pages():
        march.feed(fresh, addresses=walk.addresses)
        if each_page is not None:
            await each_page(fresh, extra)
    if walk.cut_off:
        march.cut_off()
    return walk.refused


def _refused(refused: Refused, task: Task) -> Verdict:
    if refused.status == 404:
        detail = f"conversation {task.conversation_id} is not at the target any more"
        return gone(task.items, detail)
    detail = f"conversation {task.conversation_id} cannot be read ({refused.status}): {refused.message}"
    return unread(task.items, refused.code, detail)


def _compare_metadata(conversation: JsonObject | Refused, task: Task, verdict: Verdict) -> None:
    if isinstance(conversation, Refused):
        status = conversation.status
        verdict.metadata[Outcome.UNREADABLE] += 1
        detail = f"the metadata cannot be read ({status})"
        verdict.differences.append(Difference(Outcome.UNREADABLE, "metadata-unreadable", detail, field="metadata"))
        return
    got = conversation.get("metadata")
    pairs = got if isinstance(got, dict) else {}
    if task.metadata is not None:
        compare_metadata(task.metadata, pairs, verdict)
    else:
        compare_whole(task.digest, (item.digest for item in task.items), pairs, verdict)
