"""The measured speed of the connection to a host, and the largest request for it. Pure; never sends or waits."""

from __future__ import annotations

PART = 4
"""A request may take only this part of the timeout to send, so that a slow moment is not a timeout."""
FIRST = 256_000
"""Bytes of a request before anything is known of the line."""


class LineSpeed:
    """One host's. `timeout` is that of a request, in seconds."""

    def __init__(self, timeout: float) -> None:
        self._while = timeout / PART
        self.carries = FIRST
        """Bytes that one request may have."""

    def took(self, size: int, seconds: float) -> None:
        """Take note of a body, or of so much of it as has left: how long that took decides how large the next may be.

        What is small tells nothing about what is large, and what went quickly only that more may be tried.
        """
        if seconds > self._while:
            self.carries = max(1, min(self.carries, int(size * self._while / seconds)))
        elif 2 * size > self.carries and 2 * seconds <= self._while:
            self.carries *= 2
