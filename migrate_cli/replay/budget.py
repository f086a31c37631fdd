"""Counts tokens, tool calls and money, and stops before a limit is exceeded. It sends nothing.

While a limit on tokens or cost is set, a request starts only if there is room for it beside what was spent and what the
requests in flight will cost, estimated by the average so far. Tool calls are counted one by one, before they are made;
of those that the server makes itself, a request is told how many there may be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from migrate_cli.replay.errors import LimitReached
from migrate_cli.replay.response import ToolUse, Usage

MILLION = 1_000_000
MOST_AT_ONCE = 32
"""Calls that the server may make for one request, where a limit counts them: more than answers need, and little enough
that several requests can be under way."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, per million tokens; the currency is the user's."""

    input: float
    output: float
    cached: float | None = None
    """Input that was read from the cache; None: as other input."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """What everything costs, in the user's currency."""

    models: Mapping[str, Price] = field(default_factory=dict)
    calls: Mapping[str, float] = field(default_factory=dict)
    """One call of a tool that the server runs, by a name that a suite may use: `web_search`, `shop.track`, `mcp`."""

    def of_call(self, use: ToolUse) -> float | None:
        """What one call costs, by the closest of its names that has a price; None without one."""
        for name in (*use.names[1:2], *use.names[:1], *use.names[2:]):
            if name in self.calls:
                return self.calls[name]
        return None

    @property
    def dearest(self) -> float:
        """The most that one call costs."""
        return max(self.calls.values(), default=0.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop; None: never."""

    cost: float | None = None
    tokens: int | None = None
    tool_calls: int | None = None

    @property
    def spending(self) -> bool:
        """Whether there is a limit on what a request takes."""
        return (self.cost, self.tokens) != (None, None)


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

    def __init__(self, limits: Limits, prices: PriceList) -> None:
        self.limits = limits
        self._prices = prices
        self.usage = Usage()
        self.estimated = 0
        """Tokens among these that no server has told, and that were guessed."""
        self.tool_calls = 0
        self.cost = 0.0
        self.unpriced: set[str] = set()
        """Models without a price."""
        self.unpriced_calls: set[str] = set()
        """Tools of the server that were called and have no price."""
        self.stopped: str | None = None
        """Why no more requests are sent."""
        self._requests = 0
        self._in_flight = 0
        self._granted = 0
        """Tool calls that requests in flight may make at the server."""
        self._change = asyncio.Condition()

    @asynccontextmanager
    async def request(self, *, hosted: bool = False) -> AsyncIterator[int | None]:
        """Reserve room for a request; raises LimitReached where there is none.

        Yields how many calls the server may make for a request that offers it tools (`hosted`); None: any number.
        """
        limited = hosted and (self.limits.tool_calls is not None or self._counts_money())
        async with self._change:
            while self._in_flight and not self._room(limited=limited):
                await self._change.wait()
            if not self._room(limited=limited):
                raise LimitReached(self._stop(limited=limited))
            self._in_flight += 1
            granted = self._grant() if limited else 0
            self._granted += granted
        try:
            yield granted if limited else None
        finally:
            async with self._change:
                self._in_flight -= 1
                self._granted -= granted
                self._change.notify_all()

    def add(self, model: str | None, usage: Usage, uses: Iterable[ToolUse] = (), *, estimated: bool = False) -> float:
        """Count one response, with the tools that the server ran; return what it cost, as far as there are prices."""
        self._requests += 1
        self.usage = self.usage + usage
        self.estimated += usage.total if estimated else 0
        cost = cost_of(usage, price_of(self._prices.models, model))
        if cost is None and usage.total:
            self.unpriced.add(model or "a model that was not named")
        total = cost or 0.0
        for use in uses:
            self.tool_calls += 1
            price = self._prices.of_call(use)
            if price is None:
                self.unpriced_calls.add(use.names[0])
            total += price or 0.0
        self.cost += total
        return total

    async def may_call(self) -> bool:
        """Count one call of a tool that runs here; False, and nothing is counted, where it would pass the limit.

        Waits where only calls that a request in flight may make are in the way.
        """
        if self.limits.tool_calls is not None:
            async with self._change:
                await self._change.wait_for(lambda: self._left() > 0 or not self._granted)
                if self._left() < 1:
                    self.stopped = self.stopped or self._too_many_calls()
                    return False
        self.tool_calls += 1
        return True

    def _counts_money(self) -> bool:
        return self.limits.cost is not None and self._prices.dearest > 0

    def _grant(self) -> int:
        """How many calls the server may make for one more request."""
        left = MOST_AT_ONCE
        if self.limits.tool_calls is not None:
            left = min(left, self._left())
        if self.limits.cost is not None and self._prices.dearest > 0:
            reserved = self._granted * self._prices.dearest
            # A little more, so that 0.2 of 0.2 is one call.
            left = min(left, int((self.limits.cost - self.cost - reserved) / self._prices.dearest + 1e-9))
        return left

    def _left(self) -> int:
        return (self.limits.tool_calls or 0) - self.tool_calls - self._granted

    def _too_many_calls(self) -> str:
        return f"the limit of {self.limits.tool_calls} for tool calls would be passed ({self.tool_calls} so far)"

    def _room(self, *, limited: bool) -> bool:
        return self._over(limited=limited) is None

    def _over(self, *, limited: bool) -> str | None:
        if self.stopped is not None:
            return self.stopped
        # There is no average before the first response, so the first request runs alone.
        if self.limits.spending and self._requests == 0 and self._in_flight:
            return "the first request is in flight"
        if limited and self._grant() < 1:
            calls = self.limits.tool_calls is not None and self._left() < 1
            return self._too_many_calls() if calls else self._too_much("cost", self.cost, self.limits.cost)
        ahead = (self._in_flight + 1) / max(self._requests, 1)
        spent = (("cost", self.cost, self.limits.cost), ("tokens", self.usage.total, self.limits.tokens))
        for name, used, limit in spent:
            if limit is not None and (used >= limit or used * (1 + ahead) > limit):
                return self._too_much(name, used, limit)
        return None

    @staticmethod
    def _too_much(name: str, used: float, limit: float | None) -> str:
        return f"the limit of {limit:g} for {name} would be passed ({used:g} so far)"

    def _stop(self, *, limited: bool) -> str:
        self.stopped = self._over(limited=limited) or "a limit was reached"
        return self.stopped
