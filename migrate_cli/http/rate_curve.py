"""Finds an unknown rate limit: a meter of what the host lets through, and the curve that probes it. Pure arithmetic."""

from __future__ import annotations

from collections import deque

LOWEST = 0.05
"""Requests a second; slower than this no limit is followed."""
CUT = 0.92
"""What remains of the rate after a 429."""
GENTLE = 0.7
"""What remains when the next 429 comes at once."""
FIRST_CUT = 0.85
"""What is used of a rate that was only just measured."""
FIRST_CYCLE = 60
FIRST_SECONDS = 4.0
"""Answers, and seconds' worth of them, that the first cycles take at least: so long until the curve is back."""
LONGEST_CYCLE = 600
LONGEST_SECONDS = 30.0
"""What cycles grow to: longer ones mean fewer 429s, and a server may ask for a whole second after each."""


class ThroughputMeter:
    """Counts answers and tells how many a second there were lately."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._times: deque[float] = deque(maxlen=64)

    def count(self, now: float) -> None:
        """Count one answer."""
        self._times.append(now)

    def rate(self, now: float, *, window: float = 1.0) -> float | None:
        """Answers a second, of the last second or of the last ten answers if those took longer; None for too few."""
        if len(self._times) < 2:
            return None
        recent = sum(1 for at in self._times if at > now - window)
        if recent >= 10:
            return recent / window if len(self._times) < 64 or recent < 64 else 64 / (now - self._times[0])
        last = list(self._times)[-10:]
        began = self._since if len(last) == len(self._times) else last[0]
        return len(last) / max(now - began, 0.001)


class RateCurve:
    """A rate in requests a second that grows with every answer: fast far below the last known limit, slowly near it.

    It follows a cubic, as TCP CUBIC does, but over answers in place of time: one cycle after a 429 it is back at the
    rate that it knows as the limit, stays about there, and one cycle later it has tried a little more. While no 429
    comes, that becomes the limit that it knows, and the next cycle is half as long.
    """

    def __init__(self, measured: float) -> None:
        self._limit = max(LOWEST, measured)
        self._last_limit = self._limit
        self._cycle = self._shortest()
        self._hasty = 0
        self.steps = 0
        """Answers since the last 429."""
        self._place = 0
        self._low = FIRST_CUT
        self.rate = self._limit * self._low

    def step(self) -> None:
        """One more answer was fine."""
        self.steps += 1
        self._place += 1
        if self._place >= 2 * self._cycle:
            self._limit *= 2 - CUT
            self._cycle = max(self._shortest(), self._cycle // 2)
            self._place = self._cycle
            self._hasty = 0
        x = self._place / self._cycle - 1
        self.rate = self._limit * (1 + (1 - self._low if x < 0 else 1 - CUT) * x**3)

    def cut(self) -> None:
        """A 429 after a while: the limit is about here; come back to it more slowly than the last time.

        A host that lets some requests through at once hides for a while that the rate is too high, so a rate above the
        limit of the last time counts only half.
        """
        limit = self.rate if self.rate < self._last_limit else (self.rate + self._last_limit) / 2
        self._restart(limit, CUT, min(2 * self._cycle, max(LONGEST_CYCLE, int(LONGEST_SECONDS * limit))))

    def slow_down(self) -> bool:
        """A 429 at once: the limit is lower. Returns whether that may do; False when it did not the last time."""
        self._hasty += 1
        if self._hasty > 1:
            return False
        self._restart(self.rate, GENTLE, self._cycle)
        return True

    def _restart(self, limit: float, low: float, cycle: int) -> None:
        self._limit = self._last_limit = max(LOWEST, limit)
        self._cycle = max(self._shortest(), cycle)
        self._low = low
        self.steps = self._place = 0
        self.rate = self._limit * low

    def _shortest(self) -> int:
        return max(FIRST_CYCLE, int(FIRST_SECONDS * self._limit))
