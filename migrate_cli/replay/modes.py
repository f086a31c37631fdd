"""The four ways to give a case its history: a copy, no conversation at all, the conversation itself, or a chain.

A mode says what a request names besides its input, what is known after each response, and whether a request whose
stream broke may be sent again. It must not run tools or judge responses.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from migrate_cli.model import JsonObject
from migrate_cli.replay.call_answers import with_answers
from migrate_cli.replay.errors import CaseError, RetryableError
from migrate_cli.replay.estimates import tokens_of
from migrate_cli.replay.history import items_after, sendable, strictly
from migrate_cli.replay.response import Ending, ModelResponse
from migrate_cli.replay.tidying import ConversationTidier, TidiedConversation
from migrate_cli.state.replays import ReplayRecords
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.scratch import ScratchConversations, ScratchRefused, Unclear
from migrate_cli.work.waiting import waiting


class Mode(StrEnum):
    """What `--mode` takes."""

    COPY = "copy"
    STATELESS = "stateless"
    IN_PLACE = "in-place"
    CHAIN = "chain"


class Recovery(StrEnum):
    """What may be done after a stream broke."""

    RESEND = "resend"
    """The same request may be sent again."""
    RESTART = "restart"
    """The case may start over, with a new copy."""
    NONE = "none"
    """Neither: the conversation may have been changed."""


@dataclass(frozen=True, slots=True)
class ReplayTarget:
    """The target of a replay, as modes need it."""

    conversations: ConversationsTarget
    records: ReplayRecords
    scratches: ScratchConversations
    settle: float = 5.0
    """Seconds for which a request whose response was lost may still take effect."""
    strict: bool = False
    """Whether the target insists on every field that the specification requires of an assistant's message."""


class ConversationMode(ABC):
    """How one case gets its history; call `open` first and `close` always."""

    conversation_id: str | None = None
    """The conversation that reports show."""
    before: int = 0
    """About the tokens of a history that requests only name, and do not hold."""
    tidied: TidiedConversation | None = None
    """What was done at the end, so that the conversation can go on."""
    last_response: str | None = None
    """The response that the next turn may follow, where turns are a chain."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        """What a person should know of the case's history, in sentences."""

    async def open(self) -> None:
        """Make what the case needs. Raises CaseFault or TryAgain."""
        return

    @abstractmethod
    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """The fields of a request that send these new items."""

    @abstractmethod
    def answered(self, items: Sequence[JsonObject], response: ModelResponse) -> None:
        """Take in a response that finished."""

    def not_taken(self) -> None:
        """Take in that the last request certainly had no effect."""
        return

    async def after_broken_stream(self) -> Recovery:
        """Return what may be done about a stream that broke."""
        return Recovery.RESEND

    def recovers_from(self, code: str) -> bool:  # noqa: ARG002 - most modes cannot
        """Whether the mode has changed what it sends, so that the request refused with this code may succeed now."""
        return False

    async def close(self, unsent: Sequence[JsonObject], *, hurry: bool = False) -> None:  # noqa: ARG002 - most need not
        """Clean up; `unsent` are answers that no further request will carry. In a `hurry`, wait for nothing."""
        return


class CopyMode(ConversationMode):
    """A scratch conversation that begins with a copy of the history."""

    def __init__(self, target: ReplayTarget, conversation_id: str | None, history: Sequence[JsonObject]) -> None:
        super().__init__()
        self._target = target
        self._history = sendable(history, strict=target.strict)
        self.conversation_id = conversation_id
        self._scratch: str | None = None
        self._anchor: str | None = None
        self._certain = True
        """Whether the anchor is known to be the last item."""
        self._unclear = False
        """Whether a request that was not answered may still add items."""
        self.before = tokens_of(self._history)

    async def open(self) -> None:
        """Create the copy; one left by an earlier attempt is deleted first."""
        await self.close(())
        with _as_ends_of_a_case():
            self._scratch, self._anchor = await self._target.scratches.make(self._history)
        self._certain = True

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """Name the scratch conversation."""
        self._unclear = True
        return {"conversation": self._scratch, "input": list(items)}

    def answered(self, items: Sequence[JsonObject], response: ModelResponse) -> None:  # noqa: ARG002 - the server has them
        """The conversation has grown by the input and the output."""
        self._unclear = False
        last = response.items[-1].get("id") if response.items else None
        self._certain = isinstance(last, str)
        self._anchor = last if isinstance(last, str) else self._anchor

    def not_taken(self) -> None:
        """Nothing can be added by a request that was refused."""
        self._unclear = False

    async def after_broken_stream(self) -> Recovery:
        """Check whether the request took effect after all; if not, it may be sent again."""
        if self._scratch is None or not self._certain:
            return Recovery.RESTART
        await asyncio.sleep(self._target.settle)
        self._unclear = False
        try:
            added = await items_after(self._target.conversations, self._scratch, self._anchor)
        except CaseError:
            return Recovery.RESTART
        return Recovery.RESTART if added else Recovery.RESEND

    async def close(self, unsent: Sequence[JsonObject], *, hurry: bool = False) -> None:  # noqa: ARG002 - all of it goes
        """Delete the scratch conversation, once nothing more can be added to it.

        Where there is no time to wait for that, it stays on record as well, and the next replay looks after it.
        """
        if self._scratch is None:
            return
        if self._unclear and not hurry:
            with waiting("a request without an answer to settle", moves=False):
                await asyncio.sleep(self._target.settle)
        await self._target.scratches.delete(self._scratch, keep_record=self._unclear and hurry)
        self._scratch, self._unclear = None, False


class StatelessMode(ConversationMode):
    """Every request carries the history, and the server stores nothing: sending again is always safe."""

    def __init__(
        self, conversation_id: str | None, history: Sequence[JsonObject], *, reasoning: bool, strict: bool = False
    ) -> None:
        super().__init__()
        self.conversation_id = conversation_id
        answered, unanswered = with_answers(history)
        if unanswered:
            names = ", ".join(call.full_name for call in unanswered)
            self.notes.append(f"the history holds calls without an output ({names}); an error was sent as theirs")
        self._history = sendable(answered, strict=strict)
        self._so_far: list[JsonObject] = []
        self._reasoning = reasoning
        self._strict = strict

    async def open(self) -> None:
        """Start from the history alone."""
        self._so_far = []

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """Send everything."""
        fields: JsonObject = {"input": [*self._history, *self._so_far, *items], "store": False}
        # The next round must hand the reasoning back, and a server that stores nothing can only read it encrypted.
        return fields | ({"include": ["reasoning.encrypted_content"]} if self._reasoning else {})

    def answered(self, items: Sequence[JsonObject], response: ModelResponse) -> None:
        """Add the input and the output to what the next request carries."""
        said = [_handed_back(item) for item in response.items if _belongs(item)]
        self._so_far += [*items, *(map(strictly, said) if self._strict else said)]


class InPlaceMode(ConversationMode):
    """The migrated conversation itself. Nothing is sent twice, because it could not be taken back."""

    def __init__(self, target: ReplayTarget, conversation_id: str, history: Sequence[JsonObject]) -> None:
        super().__init__()
        self._target = target
        self.conversation_id: str = conversation_id
        self.before = tokens_of(history)
        last = history[-1].get("id") if history else None
        self._anchor = last if isinstance(last, str) else None
        self._together: list[list[str]] = []
        """The ids of the items of each response."""
        self._open = self._was_open = self._answered = False
        """Whether a call may be left without an answer, now and before the last request; whether that had an answer."""

    async def open(self) -> None:
        """Note where the conversation ends, so that a killed replay can be tidied up after."""
        self._target.records.in_place(self.conversation_id, self._target.scratches.name, self._anchor)
        await self._target.records.durable()

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """Name the conversation."""
        self._was_open, self._open, self._answered = self._open, True, False
        return {"conversation": self.conversation_id, "input": list(items)}

    def answered(self, items: Sequence[JsonObject], response: ModelResponse) -> None:  # noqa: ARG002 - the server has them
        """The server has added both."""
        self._answered = True
        self._open = response.ending is not Ending.COMPLETED or bool(response.calls or response.approvals)
        self._together.append([str(item["id"]) for item in response.items if item.get("id")])

    def not_taken(self) -> None:
        """It stands as before."""
        self._open, self._answered = self._was_open, True

    async def after_broken_stream(self) -> Recovery:
        """Never send again: only a person can tell whether the conversation has changed."""
        return Recovery.NONE

    async def close(self, unsent: Sequence[JsonObject], *, hurry: bool = False) -> None:
        """Leave no call without an answer: it would make every later response fail. Raises CaseError."""
        if self._open:
            target = self._target
            tidier = ConversationTidier(target.conversations, target.scratches, self.conversation_id, self._anchor)
            settle = 0.0 if self._answered or hurry else target.settle
            self.tidied = await tidier.tidy(unsent, self._together, settle=settle)
            if told := self.tidied.sentence():
                self.notes.append(told)
        if not (self._open and hurry and not self._answered):
            self._target.records.in_place_over(self.conversation_id)


class ChainMode(ConversationMode):
    """Responses that follow one another. The first carries the history; the state file remembers the last."""

    def __init__(self, target: ReplayTarget, conversation_id: str | None, history: Sequence[JsonObject]) -> None:
        super().__init__()
        self._target = target
        self.conversation_id = conversation_id
        self._history = sendable(history, strict=target.strict)
        self._start = target.records.last_response(conversation_id) if conversation_id else None
        self._last = self._start
        self.before = tokens_of(self._history)

    async def open(self) -> None:
        """Start from the response that was the last before this case."""
        self._last = self._start
        self.last_response = None

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """Name the last response, or send the history where there is none."""
        if self._last is None:
            return {"input": [*self._history, *items], "store": True}
        return {"previous_response_id": self._last, "input": list(items), "store": True}

    def answered(self, items: Sequence[JsonObject], response: ModelResponse) -> None:  # noqa: ARG002 - the server has them
        """The next request follows this answer; a later case only one that leaves no call open."""
        if response.response_id is not None:
            self._last = response.response_id
            ended = response.ending in (Ending.COMPLETED, Ending.INCOMPLETE)
            if ended and not (response.calls or response.approvals):
                self.last_response = self._last

    def recovers_from(self, code: str) -> bool:
        """Start again from the history: servers delete stored responses after some time."""
        if code != "previous_response_not_found" or self._start is None or self._last != self._start:
            return False
        self._start = self._last = None
        return True

    async def close(self, unsent: Sequence[JsonObject], *, hurry: bool = False) -> None:  # noqa: ARG002 - nothing to do
        """Record the last response that another can follow."""
        if self.conversation_id and self.last_response:
            self._target.records.chain(self.conversation_id, self.last_response)
            # The next case on this conversation asks the file.
            await self._target.records.durable()


@contextmanager
def _as_ends_of_a_case() -> Iterator[None]:
    """Raise what goes wrong with scratch conversations as that which ends a case, or has it start over."""
    try:
        yield
    except ScratchRefused as refused:
        raise CaseError(refused.code, str(refused)) from None
    except Unclear as unclear:
        raise RetryableError(str(unclear), not_applied=True) from None


def _belongs(item: JsonObject) -> bool:
    """Whether an output item can be an input again; reasoning can only with its encrypted content."""
    return item.get("type") != "reasoning" or bool(item.get("encrypted_content"))


_HANDED_BACK = {
    "function_call": ("type", "call_id", "name", "arguments", "namespace", "caller"),
    "custom_tool_call": ("type", "call_id", "name", "input", "namespace", "caller"),
    "message": ("type", "role", "content", "phase"),
}
"""What is sent of an output item; of other types, everything."""


def _handed_back(item: JsonObject) -> JsonObject:
    names = _HANDED_BACK.get(str(item.get("type")))
    if names is None:
        return item
    return {name: item[name] for name in names if item.get(name) is not None}
