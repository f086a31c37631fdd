"""Remembers for how long a host has given nobody a clear answer, so that not everybody has to find out alone.

It must not know what was asked, nor decide what follows.
"""

from __future__ import annotations

import time

LONGEST = 30.0
"""Seconds, or twice the timeout if that is more, after which a host that gives nobody an answer is taken to be down."""
ENOUGH = 4
"""Different paths that were asked for in that time: one object alone may be what the host cannot give."""


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
