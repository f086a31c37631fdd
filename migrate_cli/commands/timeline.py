"""The throughput of a run over time, in a fixed number of samples however long it takes. It must only count."""

from __future__ import annotations

from migrate_cli.model import JsonObject

MOST = 600
"""Samples that are kept. When there are more, neighbours become one, and from then on each is twice as wide."""


class Throughput:
    """Messages by the second in which they were done."""

    def __init__(self) -> None:
        self._width = 1
        self._counts: list[int] = []

    def note(self, seconds: float, messages: int) -> None:
        """Count messages that were done so many seconds after the start."""
        while int(max(seconds, 0) // self._width) >= MOST:
            self._merge()
        place = int(max(seconds, 0) // self._width)
        self._counts += [0] * (place + 1 - len(self._counts))
        self._counts[place] += messages

    def rows(self, until: float) -> list[JsonObject]:
        """Return `{seconds, messages_per_second}` for each span, `seconds` being its end; the run ended at `until`.

        A last span of less than half the usual width is counted with the one before it: its rate would say little.
        """
        if not self._counts:
            return []
        until = max(until, (len(self._counts) - 1) * self._width)
        counts, starts = list(self._counts), [place * self._width for place in range(len(self._counts))]
        if len(counts) > 1 and until - starts[-1] < self._width / 2:
            counts[-2:], starts = [counts[-2] + counts[-1]], starts[:-1]
        ends = [*starts[1:], max(starts[-1], min(until, (len(self._counts)) * self._width))]
        return [
            {"seconds": round(end, 3), "messages_per_second": round(count / max(end - start, 0.001), 1)}
            for count, start, end in zip(counts, starts, ends, strict=True)
        ]

    def _merge(self) -> None:
        pairs = [self._counts[place : place + 2] for place in range(0, len(self._counts), 2)]
        self._counts = [sum(pair) for pair in pairs]
        self._width *= 2
