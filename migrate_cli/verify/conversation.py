"""Reads one conversation back, page by page, and compares its items and its metadata with what was sent.

It must not write to the target, nor decide anything about the run or the state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from migrate_cli.convert.canonical import digest_of_all
from migrate_cli.http.outcomes import Refused
from migrate_cli.model import Item, JsonObject
from migrate_cli.target.pages import ItemWalk, ListsItems
from migrate_cli.verify.items import ItemComparison, gone, unread
from migrate_cli.verify.outcome import Difference, Outcome, Verdict
from migrate_cli.verify.recorded_ids import RecordedIds


class ReadsConversations(ListsItems, Protocol):
    """The reading half of the target."""

    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        """Return the conversation object."""


@dataclass(frozen=True, slots=True)
class ComparisonTask:
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
    known: Callable[[], RecordedIds] | None = None
    """Asks the state file under which ids the items stand."""
    reread: bool = False
    """It does so because another version loaded it: the items are those that were sent then."""

    @property
    def images(self) -> bool:
        """Whether image URLs must be asked for."""
        return self.metadata is None or any(b'"image_url"' in item.body for item in self.items)


EachPage = Callable[[list[JsonObject], Verdict], Awaitable[None]]
"""What else is to be done with the items of a page (checking their files)."""


async def compare(
    target: ReadsConversations, task: ComparisonTask, *, excerpts: bool = False, each_page: EachPage | None = None
) -> Verdict:
    """Return the verdict on one conversation. Raises what the target raises for the whole run."""
    extra = Verdict()
    comparison = ItemComparison(task.items, known=task.known, excerpts=excerpts)
    asking = asyncio.create_task(target.retrieve_conversation(task.conversation_id))
    try:
        refused = await _read_items(target, task, comparison, each_page, extra)
        conversation = await asking
    except BaseException:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        raise
    if refused is not None:
        return _refused(refused, task)
    verdict = comparison.finish()
    verdict.files = extra.files
    verdict.differences += extra.differences
    _compare_metadata(conversation, task, verdict)
    return verdict


async def _read_items(
    target: ReadsConversations,
    task: ComparisonTask,
    comparison: ItemComparison,
    each_page: EachPage | None,
    extra: Verdict,
) -> Refused | None:
    """Feed the comparison, and whatever else looks at each page."""
    walk = ItemWalk(target, task.conversation_id, images=task.images, expected=len(task.items))
    async for fresh in walk.pages():
        comparison.feed(fresh, addresses=walk.addresses)
        if each_page is not None:
            await each_page(fresh, extra)
    if walk.cut_off:
        comparison.cut_off()
    return walk.refused


def _refused(refused: Refused, task: ComparisonTask) -> Verdict:
    if refused.status == 404:
        detail = f"conversation {task.conversation_id} is no longer at the target"
        return gone(task.items, detail)
    detail = f"conversation {task.conversation_id} cannot be read ({refused.status}): {refused.message}"
    return unread(task.items, refused.code, detail)


def _compare_metadata(conversation: JsonObject | Refused, task: ComparisonTask, verdict: Verdict) -> None:
    if isinstance(conversation, Refused):
        status = conversation.status
        verdict.metadata[Outcome.UNREADABLE] += 1
        detail = f"the metadata cannot be read ({status})"
        verdict.differences.append(Difference(Outcome.UNREADABLE, "metadata-unreadable", detail, field="metadata"))
        return
    got = conversation.get("metadata")
    pairs = got if isinstance(got, dict) else {}
    if task.metadata is not None:
        _compare_pairs(task.metadata, pairs, verdict)
    else:
        _compare_as_a_whole(task.digest, (item.digest for item in task.items), pairs, verdict)


def _compare_pairs(expected: Mapping[str, str], got: Mapping[str, Any], verdict: Verdict) -> None:
    """Note each pair: identical, missing, different, or only in the target."""
    for key in [*expected, *(key for key in got if key not in expected)]:
        if key not in got:
            _note_pair(verdict, Outcome.MISSING, key, "this pair is missing")
        elif key not in expected:
            _note_pair(verdict, Outcome.EXTRA, key, "this pair was not sent")
        elif got[key] == expected[key]:
            verdict.metadata[Outcome.SAME] += 1
        else:
            found = f"{len(got[key]):,} characters" if isinstance(got[key], str) else type(got[key]).__name__
            detail = f"another value: {found} found, {len(expected[key]):,} characters sent"
            _note_pair(verdict, Outcome.DIFFERENT, key, detail)


def _compare_as_a_whole(digest: str, items: Iterable[bytes], got: Mapping[str, Any], verdict: Verdict) -> None:
    """Note the metadata as one, by the hash of the draft: the state file knows the sum, not the pairs.

    Without a hash there is nothing to hold them against, and nothing is noted.
    """
    if not digest:
        return
    pairs = {key: value for key, value in got.items() if isinstance(value, str)}
    if len(pairs) == len(got) and digest_of_all(items, pairs) == digest:
        verdict.metadata[Outcome.SAME] += len(pairs)
        return
    verdict.metadata[Outcome.DIFFERENT] += 1
    detail = "the pairs are not those that were sent; verify with the source at hand to see which"
    verdict.differences.append(Difference(Outcome.DIFFERENT, "changed-metadata", detail, field="metadata"))


def _note_pair(verdict: Verdict, outcome: Outcome, key: str, detail: str) -> None:
    code = {Outcome.MISSING: "missing", Outcome.EXTRA: "extra"}.get(outcome, "changed")
    verdict.metadata[outcome] += 1
    verdict.differences.append(Difference(outcome, f"{code}-metadata", detail, field=f"metadata.{key}"))
