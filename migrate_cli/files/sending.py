"""Sends a file until the answer is clear.

A copy too many is harmless garbage, so a file whose answer was lost is sent again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from migrate_cli.errors import TemporaryError
from migrate_cli.http.outcomes import Ambiguous, Applied, Draining, NotApplied, Refused, Reply

ATTEMPTS = 8
"""Answers that may be unclear, one after the other, before the run ends for now."""
SHORTEST_WAIT = 0.1
LONGEST_WAIT = 30.0


class Clock(Protocol):
    """Time to wait by."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A clear answer, and how many sends before it were lost."""

    reply: Applied | Refused
    lost: int


async def send(
    call: Callable[[], Awaitable[Reply]],
    clock: Clock,
    what: str,
    *,
    on_lost: Callable[[int], None] = lambda _lost: None,
    draining: Callable[[], bool] = lambda: False,
) -> Sent:
    """Call until the answer is clear. `on_lost` hears of each lost answer, with how many there were.

    Raises TemporaryError when too many answers in a row are unclear, Draining when the run ends meanwhile.
    """
    lost, wait, reason = 0, SHORTEST_WAIT, ""
    for _ in range(ATTEMPTS):
        if draining():
            raise Draining
        reply = await call()
        if isinstance(reply, Applied | Refused):
            return Sent(reply, lost)
        reason = reply.reason
        if isinstance(reply, Ambiguous):
            lost += 1
            on_lost(lost)
        asked = reply.wait if isinstance(reply, NotApplied) else None
        await clock.sleep(wait if asked is None else asked)
        wait = min(LONGEST_WAIT, wait * 3)
    raise TemporaryError(
        f"the target gave no clear answer to {what} after {ATTEMPTS} tries ({reason}); nothing is lost, "
        "run the same command again later"
    )
