"""Leaves a conversation usable after a case ran in it: a call without an output would make every later response fail.

What a replay left is read from the target, since it is not known what an interrupted response has stored. An open
call is answered with its output or an error; if its type has none, the items of its response are deleted. What was
there before the replay is never touched. It must not decide when to tidy.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from migrate_cli.convert.canonical import encode
from migrate_cli.convert.limits import MAX_BATCH_ITEMS
from migrate_cli.errors import MigrateError
from migrate_cli.model import JsonObject
from migrate_cli.replay.call_answers import denial, error_item
from migrate_cli.replay.client_calls import open_approvals, open_calls, span_around
from migrate_cli.replay.errors import CaseError
from migrate_cli.replay.history import items_after
from migrate_cli.replay.response import ClientCall
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.scratch import ScratchConversations, ScratchRefused, Unclear
from migrate_cli.work.waiting import waiting

LOOKS = 5
"""How often a conversation is looked at before it is left as it is."""
_MESSAGE = "the call was not answered when the replay ended"


@dataclass(slots=True)
class TidiedConversation:
    """What was done to a conversation so that it can go on."""

    conversation_id: str
    answered: list[str] = field(default_factory=list)
    """Names of the calls that were answered."""
    deleted: list[str] = field(default_factory=list)
    """Names of the calls whose responses were deleted."""
    problem: str | None = None
    """Why it could not be tidied up."""

    def as_dict(self) -> JsonObject:
        """The same, as reports show it."""
        return {
            "conversation_id": self.conversation_id,
            "answered": self.answered,
            "deleted": self.deleted,
            "problem": self.problem,
        }

    def sentence(self) -> str:
        """The same, in words."""
        if self.problem is not None:
            return self.problem
        done = []
        if self.answered:
            done.append(f"{', '.join(self.answered)} got an answer, so that the conversation can continue")
        if self.deleted:
            done.append(f"the items of the response that called {', '.join(self.deleted)} were deleted")
        return f"in the conversation {self.conversation_id}, {' and '.join(done)}" if done else ""


@dataclass(frozen=True, slots=True)
class _ToDo:
    answers: list[tuple[JsonObject, str]]
    """Items that answer calls, each with the name of its call."""
    ids: list[str]
    """Items to delete, the last first."""
    deleted: list[str]
    """Names of the calls that go with them."""


class ConversationTidier:
    """Tidies one conversation after the item `anchor` (None: from its beginning)."""

    def __init__(
        self, target: ConversationsTarget, scratches: ScratchConversations, conversation_id: str, anchor: str | None
    ) -> None:
        self._target, self._scratches = target, scratches
        self._conversation, self._anchor = conversation_id, anchor
        self._refused: Counter[str] = Counter()
        """How many answers to a call the target did not take, by the id of the call."""

    async def tidy(
        self, known: Iterable[JsonObject] = (), together: Iterable[Sequence[str]] = (), *, settle: float = 0.0
    ) -> TidiedConversation:
        """Do what is necessary; `settle` is how long a request without an answer may still take effect.

        `known` are answers that were not sent, `together` the ids of items that came in one response. Raises CaseError
        (`conversation-left-open`) where it does not succeed, TemporaryError where the target answers nothing.
        """
        if settle:
            with waiting("a request without an answer to settle", moves=False):
                await asyncio.sleep(settle)
        done = TidiedConversation(self._conversation)
        own = {str(item.get("call_id") or item.get("approval_request_id")): item for item in known}
        groups = [frozenset(ids) for ids in together]
        left = ""
        for _ in range(LOOKS):
            items = await items_after(self._target, self._conversation, self._anchor)
            todo = self._todo(items, own, groups)
            if todo is None:
                return done
            left = ", ".join([*(name for _, name in todo.answers), *todo.deleted])
            await self._do(todo, done)
        raise CaseError(
            "conversation-left-open",
            f"the conversation {self._conversation} still holds calls without an answer ({left}), so that every "
            "response on it will be refused; answer them, or load the thread again (`resolve --restart`)",
        )

    def _todo(self, items: list[JsonObject], own: dict[str, JsonObject], groups: list[frozenset[str]]) -> _ToDo | None:
        calls, approvals = open_calls(items), open_approvals(items)
        if not (calls or approvals):
            return None
        answers = {call.call_id: self._answer(call, own) for call in calls}
        lost = [call for call in calls if answers[call.call_id] is None]
        doomed = self._with(items, lost, groups)
        ids = [str(items[place].get("id")) for place in sorted(doomed, reverse=True)]
        gone = {str(items[place].get("call_id")) for place in doomed}
        kept = [call for call in calls if call.call_id not in gone]
        denied = [request for request in approvals if request not in ids]
        answered = [(item, call.full_name) for call in kept if (item := answers[call.call_id]) is not None]
        answered += [(denial(request), f"the approval {request}") for request in denied]
        return _ToDo(answered, ids, [call.full_name for call in lost])

    def _answer(self, call: ClientCall, own: dict[str, JsonObject]) -> JsonObject | None:
        """What is tried next: its output where there is one, then an error, then nothing."""
        known = [own[call.call_id]] if call.call_id in own else []
        ways = [*known, error_item(call, "not_answered", _MESSAGE), None]
        return ways[min(self._refused[call.call_id], len(ways) - 1)]

    @staticmethod
    def _with(items: list[JsonObject], calls: list[ClientCall], groups: list[frozenset[str]]) -> set[int]:
        """The places of all items of the responses that made these calls."""
        lost = {(call.kind, call.call_id) for call in calls}
        found: set[int] = set()
        for place, item in enumerate(items):
            if (str(item.get("type")), str(item.get("call_id") or "")) in lost:
                group = next((one for one in groups if str(item.get("id")) in one), None)
                there = (where for where, other in enumerate(items) if group and str(other.get("id")) in group)
                found |= set(span_around(items, place) if group is None else there)
        return found

    async def _do(self, todo: _ToDo, done: TidiedConversation) -> None:
        """Delete, then answer; what stays unclear shows at the next look."""
        try:
            if todo.ids:
                await self._scratches.delete_items(self._conversation, todo.ids)
                done.deleted += todo.deleted
            for start in range(0, len(todo.answers), MAX_BATCH_ITEMS):
                some = todo.answers[start : start + MAX_BATCH_ITEMS]
                if await self._append([item for item, _ in some]):
                    done.answered += [name for _, name in some]
        except ScratchRefused as refused:
            raise CaseError("conversation-left-open", f"in {self._conversation}, {refused}") from None
        except Unclear:
            return

    async def _append(self, items: list[JsonObject]) -> bool:
        """Append answers; False where the target takes them not, so that their calls must go."""
        try:
            await self._scratches.append(self._conversation, [encode(item) for item in items])
        except ScratchRefused:
            self._refused.update(str(item["call_id"]) for item in items if "call_id" in item)
            return False
        return True


class InPlaceRecords(Protocol):
    """Where the conversations are kept that a case runs in, until it has left them usable."""

    def in_place_over(self, conversation_id: str) -> None:
        """Note that a conversation was left usable."""


async def tidy_left(
    target: ConversationsTarget,
    scratches: ScratchConversations,
    records: InPlaceRecords,
    left: Iterable[tuple[str, str | None]],
) -> list[TidiedConversation]:
    """Tidy up the conversations in which an earlier replay was killed, each with its anchor. Never raises for one."""
    done: list[TidiedConversation] = []
    for conversation_id, anchor in left:
        try:
            tidied = await ConversationTidier(target, scratches, conversation_id, anchor).tidy()
        except MigrateError as error:  # no answer: the next replay tries again
            tidied = TidiedConversation(conversation_id, problem=str(error))
        except CaseError as error:  # gone, or beyond what can be done here: a person is told
            tidied = TidiedConversation(conversation_id, problem=str(error))
            records.in_place_over(conversation_id)
        else:
            records.in_place_over(conversation_id)
        done.append(tidied)
    return done
