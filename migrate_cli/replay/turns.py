"""The loop of one turn: ask, collect, run every call of the response, send all outputs together, until there is none.

It knows rounds, retries and limits; where the case runs is the place's to know, and what the answer is worth is not
judged here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Protocol

from migrate_cli.convert.canonical import encode
from migrate_cli.http.outcomes import NotApplied, Refused
from migrate_cli.http.sse import StreamBroken, StreamRefused
from migrate_cli.model import JsonObject
from migrate_cli.replay.approvals import Approvals, Decided, Decision
from migrate_cli.replay.budget import UsageBudget
from migrate_cli.replay.collector import Collector, is_token
from migrate_cli.replay.errors import CaseError, RetryableError
from migrate_cli.replay.expectations import ToolCall, TurnFacts
from migrate_cli.replay.modes import ConversationMode, Recovery
from migrate_cli.replay.response import Ending, ModelResponse, Usage
from migrate_cli.replay.tools import ToolOutcome, ToolRunner

TEMPORARY = frozenset({"server_error", "rate_limit_exceeded", "timeout", "overloaded_error", "internal_error"})
"""Codes with which a response fails although the request is in order."""
CITING = frozenset({"url_citation", "file_citation", "container_file_citation", "file_path"})
LONGEST_WAIT = 60.0
PATIENCE = 1.0
"""Seconds that a server has to close a stream after its last event."""


Streamer = Callable[[bytes, Callable[[], None]], AsyncGenerator[JsonObject]]
"""Sends a request and yields its events; calls the second argument when the request goes out. Raises StreamRefused or
StreamBroken, as `ApiClient.stream` does."""


class TurnObserver(Protocol):
    """Looks on while a case runs; shows or writes, and never raises."""

    def event(self, event: JsonObject) -> None:
        """An event came."""

    def tools(self, names: Sequence[str]) -> None:
        """These functions start."""

    def tool_done(self, outcome: ToolOutcome) -> None:
        """A function ended."""

    def note(self, text: str) -> None:
        """Something happened that a person should know, such as a retry."""


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """How a turn is run."""

    rounds: int = 10
    """Requests at most, of one turn."""
    retries: int = 3
    """How often a request that came to nothing is sent again."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class TurnResult:
    """What one turn came to."""

    answer: ModelResponse = field(default_factory=lambda: ModelResponse(Ending.BROKEN))
    """The last response."""
    answers: list[ModelResponse] = field(default_factory=list)
    outcomes: list[ToolOutcome] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)
    """Why requests were sent again."""
    ttft: float | None = None
    seconds: float = 0.0
    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Every tool that was called, here or by the server."""
        own = [ToolCall((outcome.call.name,), outcome.call.arguments) for outcome in self.outcomes]
        theirs = [ToolCall(use.names, use.arguments) for answer in self.answers for use in answer.uses]
        return (*own, *theirs)

    def facts(self) -> TurnFacts:
        """The turn, as expectations see it."""
        notes = [note for answer in self.answers for note in answer.annotations]
        return TurnFacts(
            ending=self.answer.ending,
            text=self.answer.text,
            refusal=self.answer.refusal,
            calls=self.calls,
            citations=sum(note.get("type") in CITING for note in notes),
            seconds=self.seconds,
            ttft=self.ttft,
            tokens=self.usage.total,
        )


class _TemporaryFailure(RetryableError):
    """The response failed by no fault of the request's; when trying again does not help, that is the answer."""

    def __init__(self, answer: ModelResponse) -> None:
        super().__init__(f"the response failed ({answer.error_code})")
        self.answer = answer


class TurnRunner:
    """Runs the turns of one case in one place."""

    def __init__(
        self,
        stream: Streamer,
        place: ConversationMode,
        fields: JsonObject,
        tools: ToolRunner,
        approvals: Approvals,
        meter: UsageBudget,
        watcher: TurnObserver,
        rules: TurnPolicy,
    ) -> None:
        self._stream, self._place, self._fields = stream, place, fields
        self._tools, self._approvals, self._meter = tools, approvals, meter
        self._watcher, self._rules = watcher, rules
        self._wanted = Ending.COMPLETED
        self.unsent: list[JsonObject] = []
        """Answers to calls of the last response that were not sent."""

    async def run(self, items: Sequence[JsonObject], turn: TurnResult, wanted: Ending = Ending.COMPLETED) -> None:
        """Run one turn, writing into `turn` as it goes; `wanted` is the ending that the suite expects.

        Raises CaseFault, or TryAgain when the case may begin anew.
        """
        self._wanted = wanted
        began = self._rules.now()
        try:
            await self._rounds(list(items), turn)
        finally:
            turn.seconds += self._rules.now() - began

    async def _rounds(self, items: list[JsonObject], turn: TurnResult) -> None:
        for _ in range(self._rules.rounds):
            answer = await self._insist(items, turn)
            turn.answer = answer
            turn.answers.append(answer)
            self._place.took(items, answer)
            self.unsent = []
            if answer.ending is not Ending.COMPLETED or not (answer.calls or answer.approvals):
                return
            self.unsent = items = await self._answer_calls(answer, turn)
        raise CaseError("too-many-rounds", f"the model still calls tools after {self._rules.rounds} rounds")

    async def _answer_calls(self, answer: ModelResponse, turn: TurnResult) -> list[JsonObject]:
        """Run all calls at once, decide what asks for approval, and return all answers, in order."""
        names = [call.name for call in answer.calls]
        if names:
            self._watcher.tools(names)
        outcomes = await self._tools.run_all(answer.calls)
        for outcome in outcomes:
            self._watcher.tool_done(outcome)
        decisions = await self._approvals.decide(answer.approvals)
        turn.outcomes += outcomes
        turn.decisions += decisions
        for decision in decisions:
            if decision.decided is Decided.UNANSWERED:
                self._watcher.note(f"{decision.request.server}.{decision.request.name}: nobody is there to approve it")
        return [*(outcome.item() for outcome in outcomes), *(decision.item() for decision in decisions)]

    async def _insist(self, items: list[JsonObject], turn: TurnResult) -> ModelResponse:
        """Send one request until it is answered to its end, as often as the rules and the place allow."""
        for attempt in range(self._rules.retries + 1):
            try:
                return await self._once(items, turn)
            except CaseError as fault:
                if attempt == self._rules.retries or not self._place.mends(fault.code):
                    raise
            except RetryableError as trouble:
                again = Recovery.SAME if trouble.sure else await self._place.after_break()
                last = attempt == self._rules.retries
                if isinstance(trouble, _TemporaryFailure) and (last or again is Recovery.NO):
                    return trouble.answer
                if again is Recovery.NO:
                    raise CaseError("stream-broken", f"{trouble.reason}; nothing was sent again") from None
                if last or again is Recovery.ANEW:
                    raise RetryableError(trouble.reason, trouble.wait) from None
                turn.retries.append(trouble.reason)
                self._watcher.note(f"sent again: {trouble.reason}")
                await self._rules.sleep(_pause(trouble, attempt))
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, items: list[JsonObject], turn: TurnResult) -> ModelResponse:
        content = encode({**self._fields, **self._merged(self._place.request(items)), "stream": True})
        collector = Collector()
        async with self._meter.request():
            broken = await self._collect(content, collector, turn)
            answer = collector.answer()
            tool_calls = len(answer.calls) + len(answer.uses)
            cost = self._meter.book(answer.model or self._fields.get("model"), answer.usage, tool_calls)
        turn.usage = turn.usage + answer.usage
        turn.cost += cost or 0.0
        if answer.ending is Ending.BROKEN:
            raise RetryableError(broken or "the stream ended before the response did")
        if answer.ending is Ending.FAILED is not self._wanted and answer.error_code in TEMPORARY:
            raise _TemporaryFailure(answer)
        return answer

    def _merged(self, fields: JsonObject) -> JsonObject:
        """Both the suite and the place may want something included."""
        mine = self._fields.get("include")
        if isinstance(mine, list) and "include" in fields:
            return fields | {"include": list(dict.fromkeys([*mine, *fields["include"]]))}
        return fields

    async def _collect(self, content: bytes, collector: Collector, turn: TurnResult) -> str | None:
        """Feed the collector; return how the stream broke, or None where it ended by itself.

        Time spent on waiting for a slot is the pace's, not the model's: it counts for nothing.
        """
        asked = sent = self._rules.now()

        def on_sent() -> None:
            nonlocal sent
            sent = self._rules.now()
            turn.seconds -= sent - asked

        try:
            async with aclosing(self._stream(content, on_sent)) as events:
                async for event in events:
                    if turn.ttft is None and is_token(event):
                        turn.ttft = self._rules.now() - sent
                    collector.feed(event)
                    self._watcher.event(event)
                    if collector.ended:
                        break
                with suppress(TimeoutError, StreamBroken):
                    async with asyncio.timeout(PATIENCE):
                        async for event in events:
                            collector.feed(event)
        except StreamBroken as error:
            return error.reason
        except StreamRefused as error:
            raise _as_fault(error) from None
        return None


def _as_fault(error: StreamRefused) -> CaseError | RetryableError:
    reply = error.reply
    if isinstance(reply, Refused):
        return CaseError(reply.code, f"the target refused the request: {reply.message}")
    if isinstance(reply, NotApplied):
        return RetryableError(f"not taken ({reply.reason})", reply.wait, sure=True)
    return RetryableError(reply.reason)


def _pause(trouble: RetryableError, attempt: int) -> float:
    return min(trouble.wait if trouble.wait is not None else 0.5 * 2**attempt, LONGEST_WAIT)
