"""`migrate-cli resolve`: shows what is unclear about one thread, and settles it as the user decides."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from migrate_cli.commands.context import TargetChoice, policy_of
from migrate_cli.commands.provenance import MADE, made_by
from migrate_cli.commands.recorded_target import (
    again_of,
    draft_again,
    held_in,
    recorded_run,
    recorded_target,
    see_status,
    undo_of,
)
from migrate_cli.convert.canonical import digest_of
from migrate_cli.convert.presence import forms_of
from migrate_cli.convert.text import counted
from migrate_cli.errors import ExitCode, UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.load.context import LoadContext, ThreadStopped
from migrate_cli.load.decide import SET_ASIDE
from migrate_cli.load.read_back import list_after
from migrate_cli.model import Draft, JsonObject, Problem, Progress, Result
from migrate_cli.report.redact import redact
from migrate_cli.report.side_by_side import texts_at_stake, without_content
from migrate_cli.settings.model import Settings
from migrate_cli.state.store import StateStore
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.verify.copies import copies_in
from migrate_cli.verify.recorded_ids import RecordedIds
from migrate_cli.work.clock import WallClock

SHOWN = 200
_DROP = (
    "Delete only the duplicates of migrated items, and compare again; it asks first: "
    "migrate-cli resolve {thread}{state} --drop-copies"
)
_CHOICES = (
    "Keep the conversation as it is, and count the thread as loaded; nothing is sent or deleted: "
    "migrate-cli resolve {thread}{state} --adopt",
    "Load the thread into a new conversation; the old one stays until undo deletes it: "
    "migrate-cli resolve {thread}{state} --restart && migrate-cli apply{again}",
    "Leave the thread out of this migration; the conversation stays: migrate-cli resolve {thread}{state} --skip",
)


_Block = tuple[str, int, int, int, int]
"""A stretch that is equal or not, as difflib tells it: its kind, and the places in the thread and the conversation."""


class Resolution(StrEnum):
    """How a person settles a thread."""

    SHOW = "show"
    """Not yet: only look."""
    ADOPT = "adopt"
    RESTART = "restart"
    SKIP = "skip"
    DROP_COPIES = "drop-copies"


def choice_of(*, adopt: bool, restart: bool, skip: bool, drop_copies: bool) -> Resolution:
    """Return the one choice that was made. Raises UsageError for several."""
    flags = (adopt, restart, skip, drop_copies)
    made = [resolution for resolution, wanted in zip(list(Resolution)[1:], flags, strict=True) if wanted]
    if len(made) > 1:
        raise UsageError("choose one of --adopt, --restart, --skip and --drop-copies")
    return made[0] if made else Resolution.SHOW


def resolve(settings: Settings, thread_id: str, resolution: Resolution) -> Result:
    """Settle one thread. Raises UsageError for a thread that is unknown or has nothing to settle."""
    with recorded_target(settings) as target:
        store = StateStore.open(settings.state, create=False, command="migrate-cli resolve")
        try:
            return _Resolve(settings, store, target, thread_id).settle(resolution)
        finally:
            store.close()


@dataclass(frozen=True, slots=True)
class _ConversationContent:
    """What the conversation holds, compared with the thread."""

    items: list[JsonObject]
    differences: list[JsonObject]
    texts: list[JsonObject]
    """What is at both sides where they differ; empty unless texts are shown."""
    same: int
    copies: int


class _Resolve:
    """One invocation."""

    def __init__(self, settings: Settings, store: StateStore, target: TargetChoice, thread_id: str) -> None:
        self._settings, self._store, self._target = settings, store, target
        known = store.threads.progress_of(thread_id)
        if known is None:
            raise UsageError(f"the state file {settings.state} does not know {thread_id}; see {see_status(settings)}")
        self._known: Progress = known

    def settle(self, resolution: Resolution) -> Result:
        """Do as chosen and say what was done."""
        with recorded_run(self._store, {"choice": resolution.value, MADE: made_by(self._settings)}) as run_id:
            result = self._settled(resolution)
            result.run_id = run_id
            self._store.runs.finish_run(run_id, without_content(result.envelope()))
        self._store.flush()
        return result

    def _settled(self, resolution: Resolution) -> Result:
        known = self._known
        if resolution is Resolution.SKIP:
            self._store.repairs.set_aside(known.thread_id, SET_ASIDE)
            return self._told(f"{known.thread_id} is set aside; apply ignores it from now on.")
        return self._restart(known) if resolution is Resolution.RESTART else asyncio.run(self._look(resolution))

    def _restart(self, known: Progress) -> Result:
        load = f"Load it: migrate-cli apply{again_of(self._settings)}"
        if known.conversation_id is None:
            self._store.repairs.forget(known.thread_id)
            return self._told(f"{known.thread_id} starts over with the next apply.", load)
        self._store.repairs.abandon(known.thread_id, known.conversation_id)
        message = (
            f"{known.thread_id} starts over with the next apply; conversation {known.conversation_id} is given up, "
            f"and `{undo_of(self._settings, known.thread_id)}` deletes it."
        )
        return self._told(message, load)

    async def _look(self, resolution: Resolution) -> Result:
        known = self._known
        if known.conversation_id is None:
            raise UsageError(f"{known.thread_id} has no conversation to look at; choose --restart or --skip")
        draft = self._draft()
        try:
            content = await self._compared(draft)
        except ThreadStopped as gone:
            return self._unsettled(gone.detail, None)
        if resolution is Resolution.SHOW:
            found = counted(len(content.differences), "difference")
            return self._unsettled(f"{found}; {counted(content.same, 'item')} identical.", content)
        places = self._places(draft, content.items)
        self._store.repairs.adopt(
            known.thread_id,
            known.conversation_id,
            [
                (places.get(n), str(item["id"]), str(item.get("type") or "message"), digest_of(item))
                for n, item in enumerate(content.items)
            ],
        )
        stands = counted(len(content.items), "item")
        message = f"{known.thread_id} is loaded: its conversation was accepted, with {stands}."
        return self._told(message, content=content)

    async def _compared(self, draft: Draft) -> _ConversationContent:
        """List the conversation and compare it. Raises Stopped when it is gone."""
        clock, policy = WallClock(), policy_of(self._settings, self._target.endpoint.base_url)
        limiter = RateLimiter(most_in_flight=1)
        async with ApiClient(self._target.endpoint, limiter) as client:
            load = LoadContext(
                draft,
                self._known,
                ConversationsTarget(client),
                self._store.journal,
                clock,
                policy,
                draining=lambda: False,
            )
            items = await list_after(load, None)
        blocks = _blocks(draft, items)
        threads = self._store.threads
        digests, ids = threads.recorded_digests(draft.thread_id), threads.item_ids(draft.thread_id)
        known = RecordedIds.of(draft.items, digests, ids, changed=False)
        stored = [(str(item.get("id")), digest_of(item)) for item in items]
        copies = {one.place: one.of for one in copies_in([item.digest for item in draft.items], frozenset(ids), stored)}
        rows: list[JsonObject] = []
        for name, a, b, c, d in blocks:
            if name == "equal":
                continue
            rows += [_missing(n, draft, known) for n in range(a, b)]
            rows += [_extra(str(items[n].get("id")), copies.get(n)) for n in range(c, d)]
        texts = self._texts(draft, items, blocks)
        return _ConversationContent(
            items, rows, texts, sum(b - a for name, a, b, _, _ in blocks if name == "equal"), len(copies)
        )

    def _texts(self, draft: Draft, items: list[JsonObject], blocks: list[_Block]) -> list[JsonObject]:
        report = self._settings.report
        if not report.with_content:
            return []
        found = texts_at_stake(draft.items, items, blocks, redact if report.redact else str)
        return [{"thread_id": draft.thread_id, "conversation_id": self._known.conversation_id, "rows": found}]

    def _places(self, draft: Draft, items: list[JsonObject]) -> dict[int, str | None]:
        """The source message of each item that is as it was sent."""
        found: dict[int, str | None] = {}
        for name, a, _, c, d in _blocks(draft, items):
            if name == "equal":
                found.update({n: draft.items[a + n - c].message_id for n in range(c, d)})
        return found

    def _draft(self) -> Draft:
        """Convert the thread again, as `apply` would. Raises UsageError when the source no longer has it."""
        thread_id = self._known.thread_id
        draft = draft_again(self._settings, self._store, thread_id)
        if draft is None:
            raise UsageError(
                f"the source does not have {thread_id}, so nothing can be compared; choose --restart or --skip"
            )
        return draft

    def _told(self, message: str, *steps: str, content: _ConversationContent | None = None) -> Result:
        data: JsonObject = {"message": message, "thread": self._known.thread_id, "was": self._known.state}
        data |= _shown(content)
        return Result("resolve", data | ({"next": list(steps)} if steps else {}))

    def _unsettled(self, message: str, content: _ConversationContent | None) -> Result:
        known, choices = self._known, _CHOICES if content is None or not content.copies else (_DROP, *_CHOICES)
        state, again = held_in(self._settings), again_of(self._settings)
        steps = [step.format(thread=shlex.quote(known.thread_id), state=state, again=again) for step in choices]
        data: JsonObject = {
            "message": message,
            "thread": known.thread_id,
            "conversation": known.conversation_id,
            "state_file_says": known.state,
            "differences": [],
            **_shown(content),
            "next": steps,
        }
        problem = Problem("unsettled", "nothing was changed; choose one of the options below", known.thread_id)
        return Result("resolve", data, ExitCode.PARTIAL, errors=[problem])


def _shown(content: _ConversationContent | None) -> JsonObject:
    """What a report shows of the differences."""
    if content is None or not content.differences:
        return {}
    texts: JsonObject = {"content": content.texts} if content.texts else {}
    return {"differences": content.differences[:SHOWN], **texts}


def _blocks(draft: Draft, items: list[JsonObject]) -> list[_Block]:
    return list(SequenceMatcher(None, *forms_of(draft.items, items), autojunk=False).get_opcodes())


def _missing(place: int, draft: Draft, known: RecordedIds) -> JsonObject:
    """An item of the thread that is not where it should be; `item` is the id that it had."""
    return _row("missing", place, draft.items[place].message_id, known.ids[place])


def _extra(item_id: str, copy_of: int | None) -> JsonObject:
    """An item of the conversation that is too much."""
    return _row("extra", None, None, item_id) | ({} if copy_of is None else {"copy_of": copy_of})


def _row(what: str, place: int | None, message_id: str | None, item_id: str | None) -> JsonObject:
    return {"difference": what, "position": place, "message": message_id, "item": item_id}
