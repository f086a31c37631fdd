"""How long to wait between attempts at one request, and when to give up. It must not send anything."""

from __future__ import annotations

from migrate_cli.errors import TemporaryError
from migrate_cli.http.outcomes import Ambiguous, NotApplied, NotAppliedKind, Reply
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.work.clock import Clock

SHORTEST_WAIT = 0.5
LONGEST_WAIT = 30.0


class Retry:
    """The attempts at one request. Giving up ends the run, in good time: a target that is away is away for all."""

    def __init__(self, clock: Clock, policy: LoadPolicy) -> None:
        self._clock, self._policy = clock, policy
        self._began = clock.now()
        self._tries = 0
        self._unclear = 0

    def pause(self, reply: Reply) -> float:
        """Return the seconds to wait before the next attempt; raises TemporaryError when there should be none."""
        self._tries += 1
        self._unclear += isinstance(reply, Ambiguous)
        waited = self._clock.now() - self._began
        never_sent = isinstance(reply, NotApplied) and reply.kind is NotAppliedKind.UNREACHABLE
        patience = self._policy.connect_patience if never_sent else self._policy.patience
        if waited > patience or self._unclear >= self._policy.unclear_patience:
            reason = getattr(reply, "reason", "refused")
            raise TemporaryError(
                f"the target could not be used for {waited:.0f} s ({reason}, {self._tries} tries); "
                "nothing is lost, run the same command again later"
            )
        asked = reply.wait if isinstance(reply, NotApplied) and reply.wait is not None else 0.0
        shortest = min(SHORTEST_WAIT, self._policy.settle)
        return max(asked, min(LONGEST_WAIT, shortest * 2.0 ** (self._tries - 1)))
