"""Retries: how long to wait between the attempts at one request, and when to give up.

All retries use these numbers. It must not know what a request is, nor decide whether repeating it is safe.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import uniform
from typing import Protocol

from migrate_cli.errors import GivenUp, TemporaryError
from migrate_cli.http.outcomes import Ambiguous, Applied, Draining, NotApplied, NotAppliedKind, Refused, Reply
from migrate_cli.work.waiting import waiting

ATTEMPTS = 8
"""Attempts at one request, where it is not time that ends them."""
SHORTEST_WAIT = 0.5
LONGEST_WAIT = 30.0


def pause(attempt: int, asked: float | None = None, *, shortest: float | None = None) -> float:
    """Return the seconds to wait after an attempt, 1 for the first: twice as long each time, or what the server asks.

    The server's wish never shortens the wait: a host that always asks for a moment would be asked without a pause.
    """
    first = SHORTEST_WAIT if shortest is None else shortest
    return max(asked or 0.0, min(LONGEST_WAIT, first * 2.0 ** min(attempt - 1, 30)))


def jittered(attempt: int, longest: float) -> float:
    """Return a random part of the pause, so that many readers that failed together do not come back together."""
    return uniform(0.0, min(longest, pause(attempt)))  # noqa: S311 - nothing secret


async def until_clear(
    call: Callable[[], Awaitable[Reply]],
    *,
    again: Callable[[Reply], bool],
    wait: Callable[[int, Reply], float],
    sleep: Callable[[float], Awaitable[None]],
    attempts: int = ATTEMPTS,
    give_up: Callable[[], bool] = lambda: False,
) -> tuple[Reply, int]:
    """Call for as long as the reply asks for it `again`; return the last one, and how many there were."""
    from tenacity import AsyncRetrying, RetryCallState, retry_if_result  # noqa: PLC0415 - few runs repeat anything

    def last(state: RetryCallState) -> Reply:
        if state.outcome is None:
            raise AssertionError("asked for after an attempt")
        reply: Reply = state.outcome.result()
        return reply

    async def pausing(seconds: float) -> None:
        with waiting("the next attempt at a request that had no clear answer", moves=False):
            await sleep(seconds)

    retrying = AsyncRetrying(
        retry=retry_if_result(again),
        stop=lambda state: state.attempt_number >= attempts or give_up(),
        wait=lambda state: wait(state.attempt_number, last(state)),
        sleep=pausing,
        retry_error_callback=last,
    )
    reply: Reply = await retrying(call)
    return reply, int(retrying.statistics["attempt_number"])


# ---- what may be sent twice


class Sleeper(Protocol):
    """Time to wait by."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A clear answer, and how many sends before it were lost."""

    reply: Applied | Refused
    lost: int


async def send_until_clear(
    call: Callable[[], Awaitable[Reply]],
    clock: Sleeper,
    what: str,
    *,
    on_lost: Callable[[int], None] = lambda _lost: None,
    draining: Callable[[], bool] = lambda: False,
) -> Sent:
    """Send, also where an answer was lost: for files, of which a copy too many is harmless garbage.

    `on_lost` hears of each lost answer, with how many there were. Raises TemporaryError when too many answers in a row
    are unclear, Draining when the run ends meanwhile.
    """
    lost = 0

    async def once() -> Reply:
        nonlocal lost
        if draining():
            raise Draining
        reply = await call()
        if isinstance(reply, Ambiguous):
            lost += 1
            on_lost(lost)
        return reply

    reply, tries = await until_clear(
        once,
        again=lambda reply: isinstance(reply, NotApplied | Ambiguous),
        wait=lambda attempt, reply: pause(attempt, reply.wait if isinstance(reply, NotApplied) else None),
        sleep=clock.sleep,
    )
    if isinstance(reply, Applied | Refused):
        return Sent(reply, lost)
    raise TemporaryError(
        f"the target gave no clear answer to {what} after {tries} tries ({reply.reason}); nothing is lost, "
        "run the same command again later"
    )


# ---- what is asked about before it is sent again

SILENCE = 6
"""Timeouts for which one request is repeated that is never answered."""


class Patience(Protocol):
    """How long one request is repeated before the run gives up."""

    @property
    def host(self) -> str:
        """Who is asked, for sentences."""

    @property
    def timeout(self) -> float:
        """Seconds that one request may take."""

    @property
    def patience(self) -> float:
        """Seconds of being throttled or locked out."""

    @property
    def connect_patience(self) -> float:
        """Seconds of a host that takes no connections."""

    @property
    def unclear_patience(self) -> int:
        """Unclear answers in a row."""

    @property
    def settle(self) -> float:
        """Seconds that a lost request may still take effect; tests make them few, and waits with them."""


class Retry:
    """The attempts at one request. Giving up ends the run, in good time: a target that is away is away for all.

    `what` is what is asked for, for the sentence.
    """

    def __init__(self, now: Callable[[], float], patience: Patience, what: str = "requests") -> None:
        self._now, self._patience, self._what = now, patience, what
        self._began = now()
        self._tries = 0
        self._unclear = 0
        self._refused = 0
        """Times in a row that the host asked to come back later."""

    def pause(self, reply: Reply) -> float:
        """Return the seconds to wait before the next attempt; raises TemporaryError when there should be none."""
        self._tries += 1
        self._unclear += isinstance(reply, Ambiguous)
        waited, limits = self._now() - self._began, self._patience
        silent = isinstance(reply, NotApplied | Ambiguous) and reply.silent
        unreachable = isinstance(reply, NotApplied) and reply.kind is NotAppliedKind.UNREACHABLE
        longest = limits.connect_patience if unreachable else limits.patience
        if silent:
            longest = min(longest, SILENCE * limits.timeout)
        if waited > longest or self._unclear >= limits.unclear_patience:
            reason = getattr(reply, "reason", "refused")
            raise GivenUp(
                f"{limits.host} could not be used for {self._what}: no clear answer for {waited:.0f} s "
                f"({reason}, {self._tries} tries); nothing is lost, run the same command again later",
                silent=silent,
            )
        asked = reply.wait if isinstance(reply, NotApplied) else None
        self._refused = 0 if asked is None else self._refused + 1
        # A host that says when to come back is not made to pay for what was unclear before.
        seconds = pause(self._refused or self._tries, asked, shortest=min(SHORTEST_WAIT, limits.settle))
        return min(seconds, limits.timeout / 2) if silent else seconds
