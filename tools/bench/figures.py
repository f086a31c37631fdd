"""What a whole bench found, as one value: every measurement, and the figures that are not about moving threads."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.moving import Measured


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure that was measured several times."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The median of some values, and the range they lie in."""
        known = list(values)
        return cls(statistics.median(known), min(known), max(known))

    def __str__(self) -> str:
        return f"{short(self.middle)} ({short(self.least)} to {short(self.most)})"


@dataclass(slots=True)
class Large:
    """One run over very many threads."""

    threads: int
    messages: int
    peaks: dict[str, tuple[int, int]]
    """The most memory that each command held: bytes for 10,000 messages, and for all these."""
    first_tenth: float
    """Threads a second."""
    last_tenth: float
    kept: float
    """The rate of the last tenth as a share of the first's, each by the machine's speed in that tenth."""
    state_bytes: int
    status_seconds: float


@dataclass(slots=True)
class LongThread:
    """One thread of very many messages."""

    messages: int
    peaks: dict[str, int]
    """The most memory that each command held, in bytes."""


@dataclass(slots=True)
class Figures:
    """Everything that one bench found."""

    moves: list[Measured] = field(default_factory=list)
    plan: list[float] = field(default_factory=list)
    """Messages for each second of CPU."""
    verify: dict[str, list[float]] = field(default_factory=dict)
    """By latency in milliseconds: messages a second, as multiples of those of a sequential read-back of the items."""
    verify_all: dict[str, list[float]] = field(default_factory=dict)
    """The same against a read-back that asks for the conversations' metadata, too, as `verify` does."""
    verify_least: list[float] = field(default_factory=list)
    """At no latency, the same as `verify` for a program that only reads, converts and asks, one after the other."""
    small: dict[str, list[float]] = field(default_factory=dict)
    """By latency in milliseconds: the time of a small run, as multiples of the floor's."""
    steady: dict[str, list[float]] = field(default_factory=dict)
    """By latency in milliseconds: threads a second in the steady part of a run, as shares of the floor's."""
    start: dict[str, list[float]] = field(default_factory=dict)
    """Times of short commands, as multiples of the time in which Python itself starts and ends."""
    python: list[float] = field(default_factory=list)
    """That time, in seconds."""
    large: Large | None = None
    long_thread: LongThread | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        moves = [
            {key: value for key, value in asdict(move).items() if key != "result"} | {"rate": round(move.rate, 1)}
            for move in self.moves
        ]
        rest = {key: value for key, value in asdict(self).items() if key != "moves"}
        return {"machine": machine(), "moves": moves, **rest}

    def rounds(self, way: str, corpus: str, latency: float) -> list[Measured]:
        """All measurements of one way on one corpus at one latency, in the order in which they were made."""
        return [move for move in self.moves if (move.way, move.corpus, move.latency) == (way, corpus, latency)]

    def ratio(self, way: str, other: str, corpus: str, latency: float) -> Spread | None:
        """How many times as many messages a second `way` moves as `other`, round by round."""
        pairs = zip(self.rounds(way, corpus, latency), self.rounds(other, corpus, latency), strict=False)
        ratios = [one.rate / two.rate for one, two in pairs]
        return Spread.of(ratios) if ratios else None

    def cpu_ratio(self, way: str, other: str, corpus: str, latency: float) -> Spread | None:
        """How many times the CPU of `other` each message costs `way`, round by round."""
        pairs = zip(self.rounds(way, corpus, latency), self.rounds(other, corpus, latency), strict=False)
        ratios = [one.cpu_each / two.cpu_each for one, two in pairs]
        return Spread.of(ratios) if ratios else None


def machine() -> dict[str, Any]:
    """What the figures were measured on; they are to be compared with each other, not with another machine's."""
    return {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}


def short(value: float) -> str:
    """A number with about three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
