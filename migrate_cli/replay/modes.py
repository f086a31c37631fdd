"""Where a case runs: on a copy, without any conversation, in the conversation itself, or as a chain of responses.

A place says what a request names beside its input, what is known after each answer, and whether a request whose stream
broke may be sent again. It must not run tools or judge answers.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from migrate_cli.convert.canonical import encode
from migrate_cli.convert.limits import MAX_BATCH_ITEMS
from migrate_cli.model import JsonObject
from migrate_cli.replay.errors import CaseError, RetryableError
from migrate_cli.replay.history import items_after, sendable, strictly
from migrate_cli.replay.response import ModelResponse
from migrate_cli.state.replays import ReplayRecords
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.scratch import ScratchConversations, ScratchRefused, Unclear


class Mode(StrEnum):
    """What `--mode` takes."""

    COPY = "copy"
    STATELESS = "stateless"
    IN_PLACE = "in-place"
    CHAIN = "chain"


class Recovery(StrEnum):
    """What may be done after a stream broke."""

    SAME = "same"
    """The same request may be sent again."""
    ANEW = "anew"
    """The case may begin again in a fresh place."""
    NO = "no"
    """Neither: the conversation may have been changed."""


@dataclass(frozen=True, slots=True)
class ReplayTarget:
    """What places are made of."""

    target: ConversationsTarget
    records: ReplayRecords
    scratches: ScratchConversations
    settle: float = 5.0
    """Seconds that a request whose answer was lost may still take effect."""
    strict: bool = False
    """The target wants an assistant's message to the specification's letter."""


class ConversationMode(ABC):
    """Where one case runs; `open` first, `close` always."""

    conversation_id: str | None = None
    """The conversation that reports name."""

    async def open(self) -> None:
        """Make what the case needs. Raises CaseFault or TryAgain."""
        return

    @abstractmethod
    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """The fields of a request that send these new items."""

    @abstractmethod
    def took(self, items: Sequence[JsonObject], answer: ModelResponse) -> None:
        """A request was answered to its end."""

    async def after_break(self) -> Recovery:
        """Say what may be done after a stream broke."""
        return Recovery.SAME

    def mends(self, code: str) -> bool:  # noqa: ARG002 - for those who can
        """Whether a refusal with this code is put right by sending the request again, which is another one now."""
        return False

    async def close(self, unsent: Sequence[JsonObject]) -> None:  # noqa: ARG002 - for those who have to
        """Leave the place in order; `unsent` answers calls that nobody will answer any more."""
        return


class CopyMode(ConversationMode):
    """A scratch conversation that begins with a copy of the history."""

    def __init__(self, ground: ReplayTarget, conversation_id: str | None, history: Sequence[JsonObject]) -> None:
        self._ground = ground
        self._history = sendable(history, strict=ground.strict)
        self.conversation_id = conversation_id
        self._scratch: str | None = None
        self._anchor: str | None = None
        self._certain = True
        """Whether the anchor is known to be the last item."""

    async def open(self) -> None:
        """Make the copy; a copy that stands from an earlier attempt is deleted first."""
        await self.close(())
        with _as_ends_of_a_case():
            self._scratch, self._anchor = await self._ground.scratches.make(self._history)
        self._certain = True

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """Name the scratch conversation."""
        return {"conversation": self._scratch, "input": list(items)}

    def took(self, items: Sequence[JsonObject], answer: ModelResponse) -> None:  # noqa: ARG002 - the server has them
        """The conversation has grown by the input and the output."""
        last = answer.items[-1].get("id") if answer.items else None
        self._certain = isinstance(last, str)
        self._anchor = last if isinstance(last, str) else self._anchor

    async def after_break(self) -> Recovery:
        """Look whether the request took effect all the same; if not, it may be sent again."""
        if self._scratch is None or not self._certain:
            return Recovery.ANEW
        await asyncio.sleep(self._ground.settle)
        try:
            added = await items_after(self._ground.target, self._scratch, self._anchor)
        except CaseError:
            return Recovery.ANEW
        return Recovery.ANEW if added else Recovery.SAME

    async def close(self, unsent: Sequence[JsonObject]) -> None:  # noqa: ARG002 - all of it goes
        """Delete the scratch conversation."""
        if self._scratch is not None:
            await self._ground.scratches.delete(self._scratch)
            self._scratch = None


class StatelessMode(ConversationMode):
    """The history travels with every request, and the server keeps nothing: sending again is always safe."""

    def __init__(
        self, conversation_id: str | None, history: Sequence[JsonObject], *, reasoning: bool, strict: bool = False
    ) -> None:
        self.conversation_id = conversation_id
        self._history = sendable(history, strict=strict)
        self._so_far: list[JsonObject] = []
        self._reasoning = reasoning
        self._strict = strict

    async def open(self) -> None:
        """Begin with the history alone."""
        self._so_far = []

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """Send everything."""
        fields: JsonObject = {"input": [*self._history, *self._so_far, *items], "store": False}
        # Without its encrypted content, a reasoning model's own thoughts could not be handed back in the next round.
        return fields | ({"include": ["reasoning.encrypted_content"]} if self._reasoning else {})

    def took(self, items: Sequence[JsonObject], answer: ModelResponse) -> None:
        """What was said belongs to the next request."""
        said = [_handed_back(item) for item in answer.items if _belongs(item)]
        self._so_far += [*items, *(map(strictly, said) if self._strict else said)]


class InPlaceMode(ConversationMode):
    """The conversation itself. Nothing is sent twice, since nobody could take it back."""

    def __init__(self, ground: ReplayTarget, conversation_id: str) -> None:
        self._ground = ground
        self.conversation_id: str = conversation_id

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """Name the conversation."""
        return {"conversation": self.conversation_id, "input": list(items)}

    def took(self, items: Sequence[JsonObject], answer: ModelResponse) -> None:
        """The server has added both."""

    async def after_break(self) -> Recovery:
        """A person has to look."""
        return Recovery.NO

    async def close(self, unsent: Sequence[JsonObject]) -> None:
        """Answer open calls: a call without an output would make every later response fail."""
        outputs = [item for item in unsent if item.get("type") == "function_call_output"]
        bodies = [encode(item) for item in outputs]
        with _as_ends_of_a_case():
            for start in range(0, len(bodies), MAX_BATCH_ITEMS):
                await self._ground.scratches.append(self.conversation_id, bodies[start : start + MAX_BATCH_ITEMS])


class ChainMode(ConversationMode):
    """Responses that follow one another. The first of a conversation carries its history; the state knows the last."""

    def __init__(self, ground: ReplayTarget, conversation_id: str | None, history: Sequence[JsonObject]) -> None:
        self._ground = ground
        self.conversation_id = conversation_id
        self._history = sendable(history, strict=ground.strict)
        self._start = ground.records.last_response(conversation_id) if conversation_id else None
        self._last = self._start

    async def open(self) -> None:
        """Begin where the chain stood before this case."""
        self._last = self._start

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """Name the last response, or send the history where there is none."""
        if self._last is None:
            return {"input": [*self._history, *items], "store": True}
        return {"previous_response_id": self._last, "input": list(items), "store": True}

    def took(self, items: Sequence[JsonObject], answer: ModelResponse) -> None:  # noqa: ARG002 - the server has them
        """The next request follows this answer."""
        if answer.response_id is not None:
            self._last = answer.response_id

    def mends(self, code: str) -> bool:
        """The server forgets responses after some time: begin with the history again."""
        if code != "previous_response_not_found" or self._start is None or self._last != self._start:
            return False
        self._start = self._last = None
        return True

    async def close(self, unsent: Sequence[JsonObject]) -> None:
        """Remember where the chain ends, unless it ends with a call that nobody answered."""
        if self.conversation_id and self._last and self._last != self._start and not unsent:
            self._ground.records.chain(self.conversation_id, self._last)


@contextmanager
def _as_ends_of_a_case() -> Iterator[None]:
    """Raise what goes wrong with scratch conversations as that which ends a case, or has it begin anew."""
    try:
        yield
    except ScratchRefused as refused:
        raise CaseError(refused.code, str(refused)) from None
    except Unclear as unclear:
        raise RetryableError(str(unclear), sure=True) from None


def _belongs(item: JsonObject) -> bool:
    """Whether an output item can be an input again; reasoning can only with its encrypted content."""
    return item.get("type") != "reasoning" or bool(item.get("encrypted_content"))


def _handed_back(item: JsonObject) -> JsonObject:
    if item.get("type") == "function_call":
        return {name: item[name] for name in ("type", "call_id", "name", "arguments") if name in item}
    if item.get("type") == "message":
        return {name: item[name] for name in ("type", "role", "content") if name in item}
    return item
