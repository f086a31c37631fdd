"""Remembers how a host has answered lately: whether almost all, most or none of the answers were clear.

So not everybody has to find out alone. It must not know what was asked, nor decide what follows.
"""

from __future__ import annotations

import time
from collections import deque

LONGEST = 30.0
"""Seconds, or twice the timeout if that is more, after which a host that gives nobody an answer is taken to be down."""
ENOUGH = 4
"""Different paths that were asked for in that time: one object alone may be what the host cannot give."""

LOOKED_AT = 50
"""So many recent answers are remembered."""
MOSTLY = 5
"""Almost all are clear while at most one of so many was not."""
KNOWN = 10
"""So many answers tell whether a host is well."""


class RecentAnswers:
    """Whether each of a host's last answers was clear."""

    def __init__(self) -> None:
        self._unclear: deque[bool] = deque(maxlen=LOOKED_AT)

    def add(self, *, unclear: bool) -> None:
        """Take note of one more."""
        self._unclear.append(unclear)

    def mostly_clear(self) -> bool:
        """Whether almost all were, of enough to tell."""
        return len(self._unclear) >= KNOWN and sum(self._unclear) * MOSTLY <= len(self._unclear)

    def mostly_unclear(self) -> bool:
        """Whether more than half of all that are looked at were not."""
        return sum(self._unclear) * 2 > LOOKED_AT

    def forget(self) -> None:
        """Begin anew."""
        self._unclear.clear()


class Outage:
    """One host's. `timeout` is that of a request, in seconds."""

    def __init__(self, timeout: float) -> None:
        self._patience = max(LONGEST, 2 * timeout)
        self._in_vain: set[str] = set()
        self._since = 0.0

    def failed(self, path: str) -> None:
        """A path was asked for, and no clear answer came."""
        if not self._in_vain:
            self._since = time.monotonic()
        self._in_vain.add(path)

    def over(self) -> None:
        """The host has answered."""
        self._in_vain.clear()

    @property
    def seconds(self) -> float | None:
        """How long it has lasted, once the host is to be taken for down; None before."""
        lasted = time.monotonic() - self._since
        return lasted if len(self._in_vain) >= ENOUGH and lasted >= self._patience else None
