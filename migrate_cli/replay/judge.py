"""Asks models of the target how similar answers are to the expected ones, within the limits of the replay.

It must not decide whether a case holds, or treat silence as likeness: what is not certain is reported as unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, Refused, Reply
from migrate_cli.http.retry import pause, until_clear
from migrate_cli.model import JsonObject
from migrate_cli.replay.budget import UsageBudget
from migrate_cli.replay.expectations import Expect, Likeness, Method, TurnFacts
from migrate_cli.replay.likeness import (
    embedding_request,
    embedding_usage,
    from_embeddings,
    from_judge,
    judge_request,
    response_of,
)
from migrate_cli.replay.response import Usage

LONGEST_ASKED = 60.0
"""Seconds that a comparison waits at most, however long the server asks for."""
_BYTES_A_TOKEN = 4
"""For the estimate of what a request cost whose answer was lost."""


class SendOnce(Protocol):
    """Sends one request; `ApiClient.write` is one."""

    async def __call__(self, method: str, path: str, content: bytes) -> Reply:
        """Send it, once."""


@dataclass(frozen=True, slots=True)
class JudgePolicy:
    """Which models compare texts, and how often a request without an answer is sent again."""

    embedding: str
    judge: str | None = None
    retries: int = 3
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True)
class JudgeUse:
    """What comparing the answers of one case took."""

    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0


class LikenessJudge:
    """Completes the facts of turns with how like an answer is, where an expectation asks a model."""

    def __init__(self, write: SendOnce, budget: UsageBudget, policy: JudgePolicy) -> None:
        self._write, self._budget, self._policy = write, budget, policy

    async def judged(self, expect: Expect, facts: TurnFacts, question: str, use: JudgeUse) -> TurnFacts:
        """Return the facts with their likeness; what that takes is added to `use` and to the budget.

        Raises LimitReached where no room is left for the request, AuthError and TemporaryError as `ApiClient.write`.
        """
        wanted = expect.similar_to
        if wanted is None or wanted.method is Method.LETTERS:
            return facts
        said = facts.text or facts.refusal
        if not said.strip():
            return replace(facts, likeness=Likeness(0.0))
        likeness = await (
            self._by_embeddings(said, wanted.text, use)
            if wanted.method is Method.EMBEDDING
            else self._by_judge(question, said, wanted.text, use)
        )
        return replace(facts, likeness=likeness)

    async def _by_embeddings(self, said: str, expected: str, use: JudgeUse) -> Likeness:
        model = self._policy.embedding
        body = await self._asked("/embeddings", model, embedding_request(model, said, expected), use)
        if isinstance(body, Likeness):
            return body
        self._count(model, embedding_usage(body), use)
        return from_embeddings(body)

    async def _by_judge(self, question: str, said: str, expected: str, use: JudgeUse) -> Likeness:
        model = self._policy.judge
        if model is None:
            return Likeness(None, "no replay.judge_model is set")
        body = await self._asked("/responses", model, judge_request(model, question, said, expected), use)
        if isinstance(body, Likeness):
            return body
        response = response_of(body)
        self._count(response.model or model, response.usage, use)
        return from_judge(response)

    async def _asked(self, path: str, model: str, content: bytes, use: JudgeUse) -> JsonObject | Likeness:
        """The body of an answer, or why there is none. A request whose answer was lost counts by an estimate."""

        async def once() -> Reply:
            async with self._budget.request():
                reply = await self._write("POST", path, content)
                if isinstance(reply, Ambiguous):
                    self._count(model, Usage(input=len(content) // _BYTES_A_TOKEN), use, estimated=True)
            return reply

        reply, tries = await until_clear(
            once,
            again=lambda reply: isinstance(reply, NotApplied | Ambiguous),
            wait=lambda tried, reply: min(LONGEST_ASKED, pause(tried, getattr(reply, "wait", None))),
            sleep=self._policy.sleep,
            attempts=self._policy.retries + 1,
        )
        if isinstance(reply, Applied):
            return reply.body
        if isinstance(reply, Refused):
            return Likeness(None, f"the target refused the model {model} for {path}: {reply.message}")
        times = "once" if tries == 1 else f"{tries} times"
        return Likeness(None, f"the model {model} gave no answer ({reply.reason}; asked {times})")

    def _count(self, model: str, usage: Usage, use: JudgeUse, *, estimated: bool = False) -> None:
        use.usage = use.usage + usage
        use.cost += self._budget.add(model, usage, estimated=estimated)
