"""Remembers how a host has answered lately: whether almost all, most or none of the answers were clear.

So each request does not have to find out by itself. It must not know what was asked, nor decide what follows.
"""

from __future__ import annotations

import time
from collections import deque

SILENT = 2
"""Timeouts without an answer to anybody, after which a host may be silent."""
LONGEST = 30.0
"""Seconds, or two timeouts if that is more, after which a host that gives nobody a clear answer is taken to be down."""
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
        """Start over."""
        self._unclear.clear()


class Outage:
    """One host's. `timeout` is that of a request, in seconds.

    Nobody who asks in vain can tell a host that is silent from an object that it cannot give. So after two timeouts
    without any answer something else is asked once (`wants_proof`), and what comes of that decides.
    """

    def __init__(self, timeout: float) -> None:
        self._silence = SILENT * timeout
        self._trouble = max(LONGEST, self._silence)
        self._fresh = timeout
        self._in_vain: set[str] = set()
        self._since = 0.0
        self._silent = True
        self._proven: float | None = None
        self.spoke = 0
        """How often it was proven that the host is well, although an object of it was not answered."""

    def failed(self, path: str, began: float, *, silent: bool) -> None:
        """A path was asked for at this moment, and no clear answer came: nothing at all, where it is `silent`."""
        if not self._in_vain:
            self._since, self._silent = began, True
        self._since = min(self._since, began)
        self._silent = self._silent and silent
        self._in_vain.add(path)

    def over(self) -> None:
        """The host has answered."""
        self._in_vain.clear()
        self._proven = None

    @property
    def wants_proof(self) -> bool:
        """Whether it is time to ask for something else, to see whether the host answers at all."""
        lasted = time.monotonic() - self._since
        return bool(self._in_vain) and self._silent and self._proven is None and lasted >= self._silence

    def proven(self, *, silent: bool) -> None:
        """Take note of what came of that."""
        if silent and self._in_vain:
            self._proven = time.monotonic()
        elif not silent:
            self.spoke += 1
            self.over()

    @property
    def seconds(self) -> float | None:
        """How long it has lasted, once the host is to be treated as down; None before."""
        lasted = time.monotonic() - self._since
        if self._proven is not None:
            return lasted
        return lasted if len(self._in_vain) >= ENOUGH and lasted >= self._trouble and not self._silent else None

    @property
    def certain(self) -> bool:
        """Whether the host was found silent a moment ago, so that asking again would be waiting for nothing."""
        return self._proven is not None and time.monotonic() - self._proven < self._fresh
