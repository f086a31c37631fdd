"""A small run is over soon: its pilot goes side by side, the pace opens at once, and a stray 429 costs its own wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from migrate_cli.http.outcomes import Applied, NotApplied, NotAppliedKind, Page, Refused, Reply
from migrate_cli.http.rate_limiter import RateLimiter, signal_of
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.load.run import LoadRun
from migrate_cli.model import Draft, Progress, Unreadable

from support.virtual import run_virtual
from support.world import MemoryJournal, MemoryTarget, World, draft_of

from .conftest import Seen  # noqa: TID252 - the folder's own helpers

LATENCY = 0.2
WORKERS = 64
THREADS = 100
FLOOR = 4 * LATENCY
"""Of 100 threads, 64 at a time: a conversation and a batch each, in two waves."""


class Store(MemoryJournal):
    """A state file without a past."""

    def progress_of(self, thread_id: str) -> Progress | None:
        """Nothing is known."""
        return None

    def recorded_digests(self, thread_id: str) -> list[bytes]:
        """Nothing is known."""
        return []

    def refused_items(self) -> dict[str, dict[int, tuple[str, str]]]:
        """Nothing was refused."""
        return {}

    def skip(self, draft: Draft, reason: str) -> None:
        """Nothing is skipped."""

    def unreadable(self, entry: Unreadable) -> None:
        """Everything can be read."""


class PacedTarget:
    """A target behind a limiter, each answer after the latency; requests of `stray` (from 1) are answered with 429."""

    carries = 8_000_000

    def __init__(self, world: World, limiter: RateLimiter, stray: set[int], wait: float) -> None:
        self._inner, self._limiter, self._stray, self._wait = MemoryTarget(world), limiter, stray, wait
        self.sent: list[str] = []
        self.under_way = self.most = 0

    async def create_conversation(self, metadata: dict[str, str]) -> Reply:
        """Create."""
        reply: Reply = await self._paced("create", lambda: self._inner.create_conversation(metadata))
        return reply

    async def append_items(self, conversation_id: str, bodies: list[bytes], *, images: bool) -> Reply:
        """Append."""
        append = self._inner.append_items
        reply: Reply = await self._paced("append", lambda: append(conversation_id, bodies, images=images))
        return reply

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        """List."""
        found: Any = await self._paced(
            "list", lambda: self._inner.list_items(conversation_id, after=after, images=images)
        )
        assert isinstance(found, Page | Refused)
        return found

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        """Nothing is deleted."""
        raise AssertionError("nothing lands twice here")

    async def _paced(self, what: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        async with self._limiter.slot() as began:
            self.sent.append(what)
            number = len(self.sent)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(LATENCY)
            self.under_way -= 1
            reply = (
                await ask() if number not in self._stray else NotApplied(NotAppliedKind.THROTTLED, "429", self._wait)
            )
            told = reply if isinstance(reply, Reply) else Applied({})
            self._limiter.report(signal_of(told), began=began, wait=self._wait if number in self._stray else None)
            return reply


class LoopClock:
    """The virtual clock, as the loader sees it."""

    def now(self) -> float:
        """Seconds."""
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        """The same."""
        return self.now()

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)


def load(stray: set[int] | None = None, *, wait: float = 1.0, pilot: int = 5) -> tuple[float, PacedTarget, Seen]:
    """Load a hundred threads; returns the seconds that it took."""

    async def work() -> tuple[float, PacedTarget, Seen]:
        loop, world, seen = asyncio.get_running_loop(), World(), Seen()
        limiter = RateLimiter(most_in_flight=WORKERS, now=loop.time, jitter=lambda: 0.0)
        target = PacedTarget(world, limiter, stray or set(), wait)
        policy = LoadPolicy(workers=WORKERS, pilot=pilot)
        run = LoadRun(target=target, store=Store(world), clock=LoopClock(), policy=policy, observer=seen)
        await run.run(iter([draft_of(["a", "b"], f"thread_{number}") for number in range(THREADS)]))
        return loop.time(), target, seen

    found: tuple[float, PacedTarget, Seen] = run_virtual(work())
    assert len(found[2].ended) == THREADS
    return found


def test_a_hundred_short_threads_take_less_than_twice_the_least_time_pilot_included() -> None:
    seconds, target, _ = load()
    assert seconds <= 2 * FLOOR
    assert target.most == WORKERS


def test_the_pilot_goes_side_by_side_and_nothing_else_begins_before_it_is_read_back() -> None:
    _, target, _ = load()
    assert target.sent[:15] == ["create"] * 5 + ["append"] * 5 + ["list"] * 5
    assert target.sent[15:].count("list") == 0


@pytest.mark.parametrize("place", [1, 5, 16, 40, 90, 150, 204])
def test_a_stray_429_costs_at_most_its_own_wait(place: int) -> None:
    calm, _, _ = load()
    seconds, _, seen = load({place})
    assert set(seen.states().values()) == {"loaded"}
    # Its own wait, and the two round trips of the request that was refused and sent again.
    assert seconds <= calm + 1.0 + 2 * LATENCY
