"""The loop of one turn: send, collect, run every call of the response, send all outputs together, until none are left.

It knows rounds, retries and limits. It must not know how a case gets its history, which is the mode's job, or judge a
response.
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
from migrate_cli.http.retry import pause
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
LONGEST_ASKED = 60.0
"""Seconds that a case waits at most, however long the server asks for."""
PATIENCE = 1.0
"""Seconds that a server may take to close a stream after its last event."""


Streamer = Callable[[bytes, Callable[[], None]], AsyncGenerator[JsonObject]]
"""Sends a request and yields its events; calls the second argument when the request goes out. Raises StreamRefused or
StreamBroken, as `ApiClient.stream` does."""


class TurnObserver(Protocol):
    """Told of what happens while a turn runs; shows or writes it, and never raises."""

    def event(self, event: JsonObject) -> None:
        """An event arrived."""

    def tools(self, names: Sequence[str]) -> None:
        """These functions start."""

    def tool_done(self, outcome: ToolOutcome) -> None:
        """A function ended."""

    def note(self, text: str) -> None:
        """Something happened that a person should know, such as a retry."""


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """The limits of a turn, and its clock."""

    rounds: int = 10
    """Most requests of one turn."""
    retries: int = 3
    """How often a request without a result is sent again."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class TurnResult:
    """The result of one turn, filled in while it runs."""

    response: ModelResponse = field(default_factory=lambda: ModelResponse(Ending.BROKEN))
    """The last response."""
    responses: list[ModelResponse] = field(default_factory=list)
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
        theirs = [ToolCall(use.names, use.arguments) for response in self.responses for use in response.uses]
        return (*own, *theirs)

    def facts(self) -> TurnFacts:
        """The turn, as expectations see it."""
        notes = [note for response in self.responses for note in response.annotations]
        return TurnFacts(
            ending=self.response.ending,
            text=self.response.text,
            refusal=self.response.refusal,
            calls=self.calls,
            citations=sum(note.get("type") in CITING for note in notes),
            seconds=self.seconds,
            ttft=self.ttft,
            tokens=self.usage.total,
        )


class _TemporaryFailure(RetryableError):
    """The response failed for no fault of the request; where retrying does not help, it is the result all the same."""

    def __init__(self, response: ModelResponse) -> None:
        super().__init__(f"the response failed ({response.error_code})")
        self.response = response


class TurnRunner:
    """Runs the turns of one case in one mode."""

    def __init__(
        self,
        stream: Streamer,
        mode: ConversationMode,
        fields: JsonObject,
        tools: ToolRunner,
        approvals: Approvals,
        budget: UsageBudget,
        observer: TurnObserver,
        policy: TurnPolicy,
    ) -> None:
        self._stream, self._mode, self._fields = stream, mode, fields
        self._tools, self._approvals, self._budget = tools, approvals, budget
        self._observer, self._policy = observer, policy
        self._wanted = Ending.COMPLETED
        self.unsent: list[JsonObject] = []
        """Outputs of the last response's calls that were not sent."""

    async def run(self, items: Sequence[JsonObject], turn: TurnResult, wanted: Ending = Ending.COMPLETED) -> None:
        """Run one turn, writing into `turn` as it goes; `wanted` is the ending that the suite expects.

        Raises CaseFault, or TryAgain when the case may begin anew.
        """
        self._wanted = wanted
        began = self._policy.now()
        try:
            await self._rounds(list(items), turn)
        finally:
            turn.seconds += self._policy.now() - began

    async def _rounds(self, items: list[JsonObject], turn: TurnResult) -> None:
        for _ in range(self._policy.rounds):
            response = await self._send_until_answered(items, turn)
            turn.response = response
            turn.responses.append(response)
            self._mode.answered(items, response)
            self.unsent = []
            if response.ending is not Ending.COMPLETED or not (response.calls or response.approvals):
                return
            self.unsent = items = await self._run_calls(response, turn)
        raise CaseError("too-many-rounds", f"the model still calls tools after {self._policy.rounds} rounds")

    async def _run_calls(self, response: ModelResponse, turn: TurnResult) -> list[JsonObject]:
        """Run all calls at once, decide all approvals, and return the items that answer them, in order."""
        names = [call.name for call in response.calls]
        if names:
            self._observer.tools(names)
        outcomes = await self._tools.run_all(response.calls)
        for outcome in outcomes:
            self._observer.tool_done(outcome)
        decisions = await self._approvals.decide(response.approvals)
        turn.outcomes += outcomes
        turn.decisions += decisions
        for decision in decisions:
            if decision.decided is Decided.UNANSWERED:
                self._observer.note(f"{decision.request.server}.{decision.request.name}: nobody is there to approve it")
        return [*(outcome.item() for outcome in outcomes), *(decision.item() for decision in decisions)]

    async def _send_until_answered(self, items: list[JsonObject], turn: TurnResult) -> ModelResponse:
        """Send one request until its response is complete, as often as policy and mode allow."""
        for attempt in range(self._policy.retries + 1):
            try:
                return await self._send(items, turn)
            except CaseError as error:
                if attempt == self._policy.retries or not self._mode.recovers_from(error.code):
                    raise
            except RetryableError as error:
                again = Recovery.RESEND if error.not_applied else await self._mode.after_broken_stream()
                last = attempt == self._policy.retries
                if isinstance(error, _TemporaryFailure) and (last or again is Recovery.NONE):
                    return error.response
                if again is Recovery.NONE:
                    raise CaseError("stream-broken", f"{error.reason}; nothing was sent again") from None
                if last or again is Recovery.RESTART:
                    raise RetryableError(error.reason, error.wait, silent=error.silent and last) from None
                turn.retries.append(error.reason)
                self._observer.note(f"sent again: {error.reason}")
                await self._policy.sleep(min(LONGEST_ASKED, pause(attempt + 1, error.wait)))
        raise AssertionError("the last attempt returns or raises")

    async def _send(self, items: list[JsonObject], turn: TurnResult) -> ModelResponse:
        content = encode({**self._fields, **self._merged(self._mode.request(items)), "stream": True})
        collector = Collector()
        async with self._budget.request():
            broken = await self._collect(content, collector, turn)
            response = collector.response()
            tool_calls = len(response.calls) + len(response.uses)
            cost = self._budget.add(response.model or self._fields.get("model"), response.usage, tool_calls)
        turn.usage = turn.usage + response.usage
        turn.cost += cost or 0.0
        if response.ending is Ending.BROKEN:
            if broken is None:
                raise RetryableError("the stream ended before the response did")
            raise RetryableError(broken.reason, silent=broken.silent)
        if response.ending is Ending.FAILED is not self._wanted and response.error_code in TEMPORARY:
            raise _TemporaryFailure(response)
        return response

    def _merged(self, fields: JsonObject) -> JsonObject:
        """Merge `include`, which both the suite and the mode may set."""
        mine = self._fields.get("include")
        if isinstance(mine, list) and "include" in fields:
            return fields | {"include": list(dict.fromkeys([*mine, *fields["include"]]))}
        return fields

    async def _collect(self, content: bytes, collector: Collector, turn: TurnResult) -> StreamBroken | None:
        """Feed the collector; return how the stream broke, or None where it ended by itself.

        Time spent waiting for the rate limiter is not the model's, so it is subtracted.
        """
        asked = sent = self._policy.now()

        def on_sent() -> None:
            nonlocal sent
            sent = self._policy.now()
            turn.seconds -= sent - asked

        try:
            async with aclosing(self._stream(content, on_sent)) as events:
                async for event in events:
                    if turn.ttft is None and is_token(event):
                        turn.ttft = self._policy.now() - sent
                    collector.feed(event)
                    self._observer.event(event)
                    if collector.ended:
                        break
                with suppress(TimeoutError, StreamBroken):
                    async with asyncio.timeout(PATIENCE):
                        async for event in events:
                            collector.feed(event)
        except StreamBroken as error:
            return error
        except StreamRefused as error:
            raise _as_error(error) from None
        return None


def _as_error(error: StreamRefused) -> CaseError | RetryableError:
    reply = error.reply
    if isinstance(reply, Refused):
        return CaseError(reply.code, f"the target refused the request: {reply.message}")
    if isinstance(reply, NotApplied):
        return RetryableError(f"not taken ({reply.reason})", reply.wait, not_applied=True)
    return RetryableError(reply.reason, silent=reply.silent)
