"""The loop of one turn: send, collect, run every call of the response, send all outputs together, until none are left.

It knows rounds, retries and limits. It must not know how a case gets its history, which is the mode's job, or judge a
response.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from migrate_cli.convert.canonical import encode
from migrate_cli.convert.text import counted
from migrate_cli.http.outcomes import NotApplied, Refused
from migrate_cli.http.retry import pause
from migrate_cli.http.sse import StreamBroken, StreamRefused
from migrate_cli.model import JsonObject
from migrate_cli.replay.approvals import Approvals, Decided, Decision
from migrate_cli.replay.budget import UsageBudget
from migrate_cli.replay.client_calls import RUN_HERE
from migrate_cli.replay.collector import Collector, is_token
from migrate_cli.replay.errors import CaseError, LimitReached, RequestRefused, RetryableError
from migrate_cli.replay.estimates import estimated_usage
from migrate_cli.replay.expectations import ToolCall, TurnFacts
from migrate_cli.replay.modes import ConversationMode, Recovery
from migrate_cli.replay.response import ClientCall, Ending, ModelResponse, Usage
from migrate_cli.replay.tools import OVER_LIMIT, UNANSWERED, ToolOutcome, ToolRunner
from migrate_cli.work.waiting import waiting

TEMPORARY = frozenset({"server_error", "rate_limit_exceeded", "timeout", "overloaded_error", "internal_error"})
"""Codes with which a response fails although the request is in order."""
CITING = frozenset({"url_citation", "file_citation", "container_file_citation", "file_path"})
LONGEST_ASKED = 60.0
"""Seconds that a case waits at most, however long the server asks for."""
PATIENCE = 1.0
"""Seconds that a server may take to close a stream after its last event."""
ANSWERED_HERE = frozenset({"function", "custom", "namespace", "apply_patch", "local_shell", "computer"})
"""Types of tools that only the client runs; the server may run all others."""


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
    unanswered: list[ClientCall] = field(default_factory=list)
    """Calls that ended the turn, because nobody here can answer them."""
    retries: list[str] = field(default_factory=list)
    """Why requests were sent again."""
    told: list[str] = field(default_factory=list)
    """What a person should know of it, in sentences."""
    ttft: float | None = None
    seconds: float = 0.0
    usage: Usage = field(default_factory=Usage)
    """All tokens, also those of streams that came to nothing."""
    estimated: int = 0
    """Tokens among these that no server has told."""
    cost: float = 0.0

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Every tool that was called, here or by the server."""
        own = [ToolCall(one.call.names, one.call.arguments, one.problem is None) for one in self.outcomes]
        own += [ToolCall(call.names, call.arguments, succeeded=False) for call in self.unanswered]
        uses = [use for response in self.responses for use in response.uses]
        return (*own, *(ToolCall(use.names, use.arguments, use.succeeded) for use in uses))

    @property
    def without_answer(self) -> list[ClientCall]:
        """The calls that nobody here can answer, whether or not they ended the turn."""
        return [*(one.call for one in self.outcomes if one.problem in UNANSWERED), *self.unanswered]

    @property
    def unfinished_programs(self) -> list[str]:
        """The ids of calls of programs that the model wrote and that came to no output."""
        items = [item for response in self.responses for item in response.items]
        ended = {str(item.get("call_id")) for item in items if item.get("type") == "program_output"}
        begun = [str(item.get("call_id")) for item in items if item.get("type") == "program"]
        return [call_id for call_id in begun if call_id not in ended]

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
            tokens=sum(response.usage.total for response in self.responses),
        )


class _TemporaryFailure(RetryableError):
    """The response failed for no fault of the request; where retrying does not help, it is the result anyway."""

    def __init__(self, response: ModelResponse) -> None:
        super().__init__(f"the response failed ({response.error_code})")
        self.response = response


class SendCounts:
    """How often each request of a case was sent, over all attempts at the case: each has `retries` and no more."""

    def __init__(self, retries: int) -> None:
        self._most = retries + 1
        self._sent: dict[tuple[int, int], int] = {}

    def count(self, turn: int, round_: int) -> int:
        """Count one more request of a turn's round; return its number, from 1. Raises RetryableError for too many."""
        number = self._sent.get((turn, round_), 0) + 1
        if number > self._most:
            raise RetryableError(f"it was sent {self._most} times and came to nothing", last=True)
        self._sent[turn, round_] = number
        return number

    def is_last(self, number: int) -> bool:
        """Whether a request may not be sent again."""
        return number >= self._most


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
        self.counts = SendCounts(policy.retries)
        """Those of the case, where this is not its first attempt."""
        # An agent has tools that the request does not tell.
        self._hosted = "agent_reference" in fields or any(
            tool.get("type") not in ANSWERED_HERE for tool in fields.get("tools") or ()
        )
        self._wanted = Ending.COMPLETED
        self._context = 0
        """Tokens that the conversation had after the last response, as far as it said so."""
        self._turns = 0
        self.unsent: list[JsonObject] = []
        """Answers to the last response's calls that were not sent."""

    async def run(self, items: Sequence[JsonObject], turn: TurnResult, wanted: Ending = Ending.COMPLETED) -> None:
        """Run one turn, writing into `turn` as it goes; `wanted` is the ending that the suite expects.

        Raises CaseError, or RetryableError when the case may start over.
        """
        self._wanted = wanted
        self._turns += 1
        began = self._policy.now()
        try:
            await self._rounds(list(items), turn)
        finally:
            turn.seconds += self._policy.now() - began

    async def _rounds(self, items: list[JsonObject], turn: TurnResult) -> None:
        for round_ in range(self._policy.rounds):
            response = await self._send_until_answered(items, turn, round_)
            turn.response = response
            turn.responses.append(response)
            self._mode.answered(items, response)
            self.unsent = []
            if not self._goes_on(response, turn):
                return
            self.unsent = items = await self._run_calls(response, turn)
            if any(outcome.problem == OVER_LIMIT for outcome in turn.outcomes):
                raise LimitReached(self._budget.stopped or "the limit on tool calls is reached")
        raise CaseError("too-many-rounds", f"the model still calls tools after {self._policy.rounds} rounds")

    def _goes_on(self, response: ModelResponse, turn: TurnResult) -> bool:
        """Whether there are calls to run; those that nobody here can answer end the turn, and are noted."""
        if response.ending is Ending.COMPLETED:
            turn.unanswered += [call for call in response.calls if call.kind not in RUN_HERE or not call.call_id]
        elif response.ending is Ending.INCOMPLETE:
            # The model broke off; what it called may lack calls beside it, so that no answer would be right.
            turn.unanswered += whole_calls(response)
        if turn.unanswered:
            self._observer.note(f"nothing here can answer {', '.join(call.full_name for call in turn.unanswered)}")
            return False
        return response.ending is Ending.COMPLETED and bool(response.calls or response.approvals)

    async def _run_calls(self, response: ModelResponse, turn: TurnResult) -> list[JsonObject]:
        """Run all calls at once, decide all approvals, and return the items that answer them, in order."""
        names = [call.full_name for call in response.calls]
        if names:
            self._observer.tools(names)
        outcomes = await self._tools.run_all(response.calls, self._budget.may_call)
        for outcome in outcomes:
            self._observer.tool_done(outcome)
        decisions = await self._approvals.decide(response.approvals)
        turn.outcomes += outcomes
        turn.decisions += decisions
        for decision in decisions:
            if decision.decided is Decided.UNANSWERED:
                self._observer.note(
                    f"{decision.request.server}.{decision.request.name}: nobody can be asked to approve it"
                )
        return [*(outcome.item() for outcome in outcomes), *(decision.item() for decision in decisions)]

    async def _send_until_answered(self, items: list[JsonObject], turn: TurnResult, round_: int) -> ModelResponse:
        """Send one request until its response is complete, as often as policy and mode allow."""
        while True:
            number = self.counts.count(self._turns, round_)
            last = self.counts.is_last(number)
            try:
                return await self._send(items, turn)
            except CaseError as error:
                if last or not self._mode.recovers_from(error.code):
                    raise
            except RetryableError as error:
                again = Recovery.RESEND if error.not_applied or last else await self._mode.after_broken_stream()
                if isinstance(error, _TemporaryFailure) and (last or again is Recovery.NONE):
                    return error.response
                if again is Recovery.NONE:
                    raise CaseError("stream-broken", f"{error.reason}; nothing was sent again") from None
                if last or again is Recovery.RESTART:
                    raise RetryableError(error.reason, error.wait, silent=error.silent and last, last=last) from None
                turn.retries.append(error.reason)
                self._observer.note(f"sent again: {error.reason}")
                with waiting("the next attempt at a question that had no answer", moves=False):
                    await self._policy.sleep(min(LONGEST_ASKED, pause(number, error.wait)))

    async def _send(self, items: list[JsonObject], turn: TurnResult) -> ModelResponse:
        collector = Collector()
        async with self._budget.request(hosted=self._hosted) as granted:
            fields = self._request(items, granted)
            broken = await self._collect(fields, collector, turn)
            response = self._counted(fields, collector.response(), turn)
        if granted is not None and len(response.uses) >= granted:
            left = counted(granted, "call")
            turn.told.append(f"the limit left the server {left} of its tools for one request, and it made as many")
        if response.ending is Ending.BROKEN:
            if broken is None:
                raise RetryableError("the stream ended before the response did")
            raise RetryableError(broken.reason, silent=broken.silent)
        if response.ending is Ending.FAILED is not self._wanted and response.error_code in TEMPORARY:
            raise _TemporaryFailure(response)
        return response

    def _request(self, items: list[JsonObject], granted: int | None) -> JsonObject:
        fields = {**self._fields, **self._merged(self._mode.request(items)), "stream": True}
        if granted is not None:
            own = fields.get("max_tool_calls")
            fields["max_tool_calls"] = min(granted, own) if isinstance(own, int) else granted
        return fields

    def _merged(self, fields: JsonObject) -> JsonObject:
        """Merge `include`, which both the suite and the mode may set."""
        mine = self._fields.get("include")
        if isinstance(mine, list) and "include" in fields:
            return fields | {"include": list(dict.fromkeys([*mine, *fields["include"]]))}
        return fields

    def _counted(self, request: JsonObject, response: ModelResponse, turn: TurnResult) -> ModelResponse:
        """Count what a response took: as it says, or (a stream that broke never does) by an estimate."""
        usage = response.usage
        if response.usage_told:
            self._context = usage.total
        else:
            usage = estimated_usage(request, self._mode.before, response)
            usage = replace(usage, input=max(usage.input, self._context))
            turn.estimated += usage.total
        turn.usage = turn.usage + usage
        model = response.model or self._fields.get("model")
        turn.cost += self._budget.add(model, usage, response.uses, estimated=not response.usage_told)
        return replace(response, usage=usage)

    async def _collect(self, request: JsonObject, collector: Collector, turn: TurnResult) -> StreamBroken | None:
        """Feed the collector; return how the stream broke, or None where it ended by itself.

        Time spent waiting for the rate limiter is not the model's, so it is subtracted.
        """
        asked = sent = self._policy.now()

        def on_sent() -> None:
            nonlocal sent
            sent = self._policy.now()
            turn.seconds -= sent - asked

        try:
            async with aclosing(self._stream(encode(request), on_sent)) as events:
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
            raise self._as_error(error, request, collector, turn) from None
        return None

    def _as_error(
        self, error: StreamRefused, request: JsonObject, collector: Collector, turn: TurnResult
    ) -> CaseError | RetryableError:
        reply = error.reply
        if isinstance(reply, Refused):
            self._mode.not_taken()
            return RequestRefused(reply.code, f"the target refused the request: {reply.message}", reply.status)
        if isinstance(reply, NotApplied):
            self._mode.not_taken()
            return RetryableError(f"not taken ({reply.reason})", reply.wait, not_applied=True)
        # The model may have answered where nobody heard it, and that is billed.
        self._counted(request, collector.response(), turn)
        return RetryableError(reply.reason, silent=reply.silent)


def whole_calls(response: ModelResponse) -> list[ClientCall]:
    """The calls of a response that the model wrote to their end."""
    cut = {item.get("call_id") for item in response.items if item.get("status") in ("in_progress", "incomplete")}
    return [call for call in response.calls if call.call_id not in cut]
