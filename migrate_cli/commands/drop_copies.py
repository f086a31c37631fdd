"""`migrate-cli resolve --drop-copies`: deletes copies of migrated items in one conversation, then verifies it.

It deletes by id what was shown and confirmed. It must not delete an item that the state file records, or send any.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial

from migrate_cli.commands.context import TargetChoice, policy_of
from migrate_cli.commands.provenance import MADE, made_by
from migrate_cli.commands.recorded_target import draft_again, held_in, recorded_run, recorded_target, see_status
from migrate_cli.convert.canonical import digest_of
from migrate_cli.errors import ExitCode, UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.outcomes import Refused, Reply
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.http.retry import Retry
from migrate_cli.model import Draft, Item, JsonObject, Problem, Progress, Result, ThreadState
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection
from migrate_cli.state.store import StateStore
from migrate_cli.state.threads import RecordedThreads
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.deletion import delete_until_gone
from migrate_cli.target.pages import ItemWalk
from migrate_cli.verify.comparisons import LOADED, ComparisonTasks
from migrate_cli.verify.conversation import ComparisonTask, compare
from migrate_cli.verify.copies import SurplusCopy, copies_in
from migrate_cli.verify.outcome import Verdict
from migrate_cli.verify.run import state_of

SHOWN = 200
_Row = tuple[str | None, str, bytes]
"""Id, kind and digest of an item that is in a conversation."""


def copies_of(settings: Settings, thread_id: str) -> list[SurplusCopy]:
    """Return the copies that would be deleted. Raises UsageError for a thread that has no conversation to look at."""
    with recorded_target(settings) as target:
        store = StateStore.open(settings.state, create=False, command="migrate-cli resolve")
        try:
            return asyncio.run(_DropCopies(settings, store, target, thread_id).look())
        finally:
            store.close()


def drop_copies(settings: Settings, thread_id: str, confirmed: Collection[str]) -> Result:
    """Delete the copies among these item ids, then verify the conversation."""
    with recorded_target(settings) as target:
        store = StateStore.open(settings.state, create=False, command="migrate-cli resolve")
        try:
            run = _DropCopies(settings, store, target, thread_id)
            with recorded_run(store, {"choice": "drop-copies", MADE: made_by(settings)}) as run_id:
                result = asyncio.run(run.drop(confirmed))
                result.run_id = run_id
                store.runs.finish_run(run_id, result.envelope())
            store.flush()
            return result
        finally:
            store.close()


class _DropCopies:
    """One invocation."""

    def __init__(self, settings: Settings, store: StateStore, target: TargetChoice, thread_id: str) -> None:
        self._settings, self._store, self._target = settings, store, target
        self._known = _known(settings, store.threads, thread_id)
        self._draft = self._source_draft()
        self._items: Sequence[Item] = store.threads.recorded_items(thread_id)
        if self._known.state == ThreadState.IN_DOUBT and self._draft is not None:
            # The state file does not know all of a thread that is in doubt.
            self._items = self._draft.items

    async def look(self) -> list[SurplusCopy]:
        """Return the copies. Raises UsageError where the conversation cannot be read to its end."""
        async with ApiClient(self._target.endpoint, RateLimiter(most_in_flight=1)) as client:
            return self._copies(await self._rows(ConversationsTarget(client)))

    async def drop(self, confirmed: Collection[str]) -> Result:
        """Delete what was confirmed and is a copy still; say what was deleted and what verifying found."""
        async with ApiClient(self._target.endpoint, RateLimiter(most_in_flight=2)) as client:
            target = ConversationsTarget(client)
            rows = await self._rows(target)
            copies = [one for one in self._copies(rows) if one.item_id in confirmed]
            deleted: list[SurplusCopy] = []
            # From the end, so that what is left of an interrupted run is still in order.
            for one in reversed(copies):
                if (refused := await self._delete(target, one.item_id)) is not None:
                    return self._refused(deleted, f"item {one.item_id} could not be deleted: {refused.message}")
                deleted.insert(0, one)
            gone = {one.item_id for one in deleted}
            await self._take_up([row for row in rows if row[0] not in gone])
            return self._told(deleted, await self._verify(target))

    # ---- at the target

    async def _rows(self, target: ConversationsTarget) -> list[_Row]:
        conversation = str(self._known.conversation_id)
        walk = ItemWalk(target, conversation, images=True, expected=len(self._items))
        rows: list[_Row] = []
        async for page in walk.pages():
            rows += [(_id(item), str(item.get("type") or "message"), digest_of(item)) for item in page]
        if walk.refused is not None:
            raise UsageError(
                f"conversation {conversation} cannot be read ({walk.refused.status}): {walk.refused.message}; nothing "
                "was deleted"
            )
        if walk.cut_off:
            raise UsageError(f"the target does not show all of conversation {conversation}; nothing was deleted")
        return rows

    def _copies(self, rows: Sequence[_Row]) -> list[SurplusCopy]:
        known = frozenset(self._store.threads.item_ids(self._known.thread_id))
        stored = [(item_id, digest) for item_id, _, digest in rows]
        return copies_in([item.digest for item in self._items], known, stored)

    async def _delete(self, target: ConversationsTarget, item_id: str) -> Refused | None:
        policy = policy_of(self._settings, self._target.endpoint.base_url)
        retry = Retry(time.monotonic, policy, "a DELETE")

        async def wait(reply: Reply) -> None:
            await asyncio.sleep(retry.pause(reply))

        return await delete_until_gone(partial(target.delete_item, str(self._known.conversation_id), item_id), wait)

    async def _verify(self, target: ConversationsTarget) -> Verdict | None:
        """Compare the conversation and note the thread's state; None where it is not loaded and stays as it was."""
        tasks = ComparisonTasks(self._store.threads)
        thread_id = self._known.thread_id
        entries = (
            tasks.from_state([thread_id], Selection()) if self._draft is None else tasks.from_source([self._draft])
        )
        task = next(entries, None)
        if not isinstance(task, ComparisonTask):
            return None
        verdict = await compare(target, task)
        self._store.repairs.set_state(thread_id, *state_of(verdict, failed=verdict.fails(strict=False)))
        await self._store.durable()
        return verdict

    # ---- in the state file

    async def _take_up(self, rows: Sequence[_Row]) -> None:
        """A thread in doubt is loaded once all of it is there in order, whoever knew the ids before."""
        if self._known.state != ThreadState.IN_DOUBT or self._draft is None:
            return
        ours = rows[: len(self._items)]
        if [digest for _, _, digest in ours] != [item.digest for item in self._items]:
            return
        taken = [
            (item.message_id, item_id, kind, digest)
            for item, (item_id, kind, digest) in zip(self._items, ours, strict=True)
            if item_id is not None
        ]
        if len(taken) == len(ours):
            self._store.repairs.adopt(self._known.thread_id, str(self._known.conversation_id), taken)
            await self._store.durable()

    def _source_draft(self) -> Draft | None:
        """The thread as the source has it now; a thread that is loaded needs no source."""
        if self._known.state == ThreadState.IN_DOUBT:
            draft = draft_again(self._settings, self._store, self._known.thread_id)
            if draft is None:
                raise UsageError(
                    f"the source does not have {self._known.thread_id}, so its duplicates cannot be identified; choose "
                    "--restart or --skip"
                )
            return draft
        with suppress(UsageError):
            return draft_again(self._settings, self._store, self._known.thread_id)
        return None

    # ---- the result

    def _told(self, deleted: list[SurplusCopy], verdict: Verdict | None) -> Result:
        was = self._known
        done = _sentence(was.thread_id, deleted)
        data: JsonObject = {"thread": was.thread_id, "conversation": was.conversation_id, "was": was.state}
        data["copies"] = _listed(deleted)
        if verdict is not None and not verdict.fails(strict=False):
            return Result("resolve", {"message": f"{done} The conversation is verified.", **data})
        again = f"migrate-cli resolve {shlex.quote(was.thread_id)}{held_in(self._settings)}"
        data["differences"] = [one.as_dict() for one in verdict.differences[:SHOWN]] if verdict is not None else []
        data["next"] = [f"See what else differs, and settle it: {again}"]
        if verdict is None:
            problem = Problem("unsettled", "the conversation does not hold the complete thread in order", was.thread_id)
            return Result(
                "resolve", {"message": f"{done} It is still in doubt.", **data}, ExitCode.PARTIAL, None, [problem]
            )
        first = verdict.differences[0] if verdict.differences else None
        problem = Problem(first.code if first else "differs", first.detail if first else done, was.thread_id)
        message = f"{done} The conversation still differs."
        return Result("resolve", {"message": message, **data}, ExitCode.CHECK_FAILED, None, [problem])

    def _refused(self, deleted: list[SurplusCopy], why: str) -> Result:
        thread_id = self._known.thread_id
        data: JsonObject = {"message": _sentence(thread_id, deleted), "thread": thread_id, "copies": _listed(deleted)}
        problem = Problem("late-duplicates", why, thread_id)
        return Result("resolve", data, ExitCode.PARTIAL, None, [problem])


def _known(settings: Settings, threads: RecordedThreads, thread_id: str) -> Progress:
    known = threads.progress_of(thread_id)
    if known is None:
        raise UsageError(f"the state file {settings.state} does not know {thread_id}; see {see_status(settings)}")
    if known.conversation_id is None or ThreadState(known.state) not in LOADED | {ThreadState.IN_DOUBT}:
        state = known.state.replace("_", " ")
        raise UsageError(f"{thread_id} is {state}; copies are dropped from threads that are loaded or in doubt")
    return known


def _sentence(thread_id: str, deleted: Sequence[SurplusCopy]) -> str:
    if not deleted:
        return f"No copy of ours was deleted from the conversation of {thread_id}."
    were = "1 duplicate was" if len(deleted) == 1 else f"{len(deleted):,} duplicates were"
    return f"{were} deleted from the conversation of {thread_id}."


def _listed(copies: Sequence[SurplusCopy]) -> list[JsonObject]:
    return [{"item": one.item_id, "place": one.place, "copy_of": one.of} for one in copies[:SHOWN]]


def _id(item: JsonObject) -> str | None:
    found = item.get("id")
    return found if isinstance(found, str) and found else None
