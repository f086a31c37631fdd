"""Counts tokens, tool calls and money, and stops before a limit is passed. It sends nothing.

While a limit is set, a request starts only if there is room for it beside what was spent and what the requests in
flight will cost, estimated by the average so far.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from migrate_cli.replay.errors import LimitReached
from migrate_cli.replay.response import Usage

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, per million tokens; the currency is the user's."""

    input: float
    output: float
    cached: float | None = None
    """Input that was read from the cache; None: as other input."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop; None: never."""

    cost: float | None = None
    tokens: int | None = None
    tool_calls: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is any limit."""
        return (self.cost, self.tokens, self.tool_calls) != (None, None, None)


def price_of(prices: Mapping[str, Price], model: str | None) -> Price | None:
    """The price of a model; a dated snapshot costs what its model does, unless it is listed itself."""
    if model is None:
        return None
    if model in prices:
        return prices[model]
    names = [name for name in prices if model.startswith(f"{name}-")]
    return prices[max(names, key=len)] if names else None


def cost_of(usage: Usage, price: Price | None) -> float | None:
    """What these tokens cost; None where the model has no price."""
    if price is None:
        return None
    cached = min(usage.cached, usage.input)
    cached_price = price.input if price.cached is None else price.cached
    return ((usage.input - cached) * price.input + cached * cached_price + usage.output * price.output) / MILLION


class UsageBudget:
    """What a whole replay has used, and what it may still use."""

    def __init__(self, limits: Limits, prices: Mapping[str, Price]) -> None:
        self.limits = limits
        self._prices = prices
        self.usage = Usage()
        self.tool_calls = 0
        self.cost = 0.0
        self.unpriced: set[str] = set()
        """Models without a price."""
        self.stopped: str | None = None
        """Why no more requests are sent."""
        self._requests = 0
        self._in_flight = 0
        self._change = asyncio.Condition()

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Reserve room for a request; raises LimitReached where there is none."""
        async with self._change:
            while self._in_flight and not self._room():
                await self._change.wait()
            if not self._room():
                raise LimitReached(self._stop())
            self._in_flight += 1
        try:
            yield
        finally:
            async with self._change:
                self._in_flight -= 1
                self._change.notify_all()

    def add(self, model: str | None, usage: Usage, tool_calls: int) -> float | None:
        """Count one response; return what it cost, or None where the model has no price."""
        self._requests += 1
        self.usage = self.usage + usage
        self.tool_calls += tool_calls
        cost = cost_of(usage, price_of(self._prices, model))
        if cost is None and usage.total:
            self.unpriced.add(model or "a model that was not named")
        self.cost += cost or 0.0
        return cost

    def _room(self) -> bool:
        return self._over() is None

    def _over(self) -> str | None:
        if self.stopped is not None:
            return self.stopped
        # There is no average before the first response, so the first request runs alone.
        if self.limits.any and self._requests == 0 and self._in_flight:
            return "the first request is under way"
        ahead = (self._in_flight + 1) / max(self._requests, 1)
        spent = (
            ("cost", self.cost, self.limits.cost),
            ("tokens", self.usage.total, self.limits.tokens),
            ("tool calls", self.tool_calls, self.limits.tool_calls),
        )
        for name, used, limit in spent:
            if limit is not None and (used >= limit or used * (1 + ahead) > limit):
                return f"the limit of {limit:g} for {name} would be passed ({used:g} so far)"
        return None

    def _stop(self) -> str:
        self.stopped = self._over() or "a limit was reached"
        return self.stopped
