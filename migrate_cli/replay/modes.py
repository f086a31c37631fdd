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

    async def open(self) -> None:
        """Make what the case needs. Raises CaseFault or TryAgain."""
        return

    @abstractmethod
    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """The fields of a request that send these new items."""

    @abstractmethod
    def answered(self, items: Sequence[JsonObject], response: ModelResponse) -> None:
        """Take in a response that came to its end."""

    async def after_broken_stream(self) -> Recovery:
        """Return what may be done about a stream that broke."""
        return Recovery.RESEND

    def recovers_from(self, code: str) -> bool:  # noqa: ARG002 - most modes cannot
        """Whether the mode has changed what it sends, so that the request refused with this code may succeed now."""
        return False

    async def close(self, unsent: Sequence[JsonObject]) -> None:  # noqa: ARG002 - most modes need not
        """Clean up; `unsent` are outputs of calls that no further request will carry."""
        return


class CopyMode(ConversationMode):
    """A scratch conversation that begins with a copy of the history."""

    def __init__(self, target: ReplayTarget, conversation_id: str | None, history: Sequence[JsonObject]) -> None:
        self._target = target
        self._history = sendable(history, strict=target.strict)
        self.conversation_id = conversation_id
        self._scratch: str | None = None
        self._anchor: str | None = None
        self._certain = True
        """Whether the anchor is known to be the last item."""

    async def open(self) -> None:
        """Create the copy; one left by an earlier attempt is deleted first."""
        await self.close(())
        with _as_ends_of_a_case():
            self._scratch, self._anchor = await self._target.scratches.make(self._history)
        self._certain = True

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """Name the scratch conversation."""
        return {"conversation": self._scratch, "input": list(items)}

    def answered(self, items: Sequence[JsonObject], response: ModelResponse) -> None:  # noqa: ARG002 - the server has them
        """The conversation has grown by the input and the output."""
        last = response.items[-1].get("id") if response.items else None
        self._certain = isinstance(last, str)
        self._anchor = last if isinstance(last, str) else self._anchor

    async def after_broken_stream(self) -> Recovery:
        """Check whether the request took effect after all; if not, it may be sent again."""
        if self._scratch is None or not self._certain:
            return Recovery.RESTART
        await asyncio.sleep(self._target.settle)
        try:
            added = await items_after(self._target.conversations, self._scratch, self._anchor)
        except CaseError:
            return Recovery.RESTART
        return Recovery.RESTART if added else Recovery.RESEND

    async def close(self, unsent: Sequence[JsonObject]) -> None:  # noqa: ARG002 - all of it goes
        """Delete the scratch conversation."""
        if self._scratch is not None:
            await self._target.scratches.delete(self._scratch)
            self._scratch = None


class StatelessMode(ConversationMode):
    """Every request carries the history, and the server stores nothing: sending again is always safe."""

    def __init__(
        self, conversation_id: str | None, history: Sequence[JsonObject], *, reasoning: bool, strict: bool = False
    ) -> None:
        self.conversation_id = conversation_id
        self._history = sendable(history, strict=strict)
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

    def __init__(self, target: ReplayTarget, conversation_id: str) -> None:
        self._target = target
        self.conversation_id: str = conversation_id

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """Name the conversation."""
        return {"conversation": self.conversation_id, "input": list(items)}

    def answered(self, items: Sequence[JsonObject], response: ModelResponse) -> None:
        """Do nothing: the server has added both."""

    async def after_broken_stream(self) -> Recovery:
        """Never send again: only a person can tell whether the conversation has changed."""
        return Recovery.NONE

    async def close(self, unsent: Sequence[JsonObject]) -> None:
        """Append the outputs of open calls: a call without an output makes every later response fail."""
        outputs = [item for item in unsent if item.get("type") == "function_call_output"]
        bodies = [encode(item) for item in outputs]
        with _as_ends_of_a_case():
            for start in range(0, len(bodies), MAX_BATCH_ITEMS):
                await self._target.scratches.append(self.conversation_id, bodies[start : start + MAX_BATCH_ITEMS])


class ChainMode(ConversationMode):
    """Responses that follow one another. The first carries the history; the state file remembers the last."""

    def __init__(self, target: ReplayTarget, conversation_id: str | None, history: Sequence[JsonObject]) -> None:
        self._target = target
        self.conversation_id = conversation_id
        self._history = sendable(history, strict=target.strict)
        self._start = target.records.last_response(conversation_id) if conversation_id else None
        self._last = self._start

    async def open(self) -> None:
        """Start from the response that was the last before this case."""
        self._last = self._start

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        """Name the last response, or send the history where there is none."""
        if self._last is None:
            return {"input": [*self._history, *items], "store": True}
        return {"previous_response_id": self._last, "input": list(items), "store": True}

    def answered(self, items: Sequence[JsonObject], response: ModelResponse) -> None:  # noqa: ARG002 - the server has them
        """The next request follows this answer."""
        if response.response_id is not None:
            self._last = response.response_id

    def recovers_from(self, code: str) -> bool:
        """Start again from the history: servers delete stored responses after some time."""
        if code != "previous_response_not_found" or self._start is None or self._last != self._start:
            return False
        self._start = self._last = None
        return True

    async def close(self, unsent: Sequence[JsonObject]) -> None:
        """Record the last response, unless it has a call without an output: no request could follow that one."""
        if self.conversation_id and self._last and self._last != self._start and not unsent:
            self._target.records.chain(self.conversation_id, self._last)


@contextmanager
def _as_ends_of_a_case() -> Iterator[None]:
    """Raise what goes wrong with scratch conversations as that which ends a case, or has it begin anew."""
    try:
        yield
    except ScratchRefused as refused:
        raise CaseError(refused.code, str(refused)) from None
    except Unclear as unclear:
        raise RetryableError(str(unclear), not_applied=True) from None


def _belongs(item: JsonObject) -> bool:
    """Whether an output item can be an input again; reasoning can only with its encrypted content."""
    return item.get("type") != "reasoning" or bool(item.get("encrypted_content"))


def _handed_back(item: JsonObject) -> JsonObject:
    if item.get("type") == "function_call":
        return {name: item[name] for name in ("type", "call_id", "name", "arguments") if name in item}
    if item.get("type") == "message":
        return {name: item[name] for name in ("type", "role", "content") if name in item}
    return item
