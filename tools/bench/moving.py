"""One measurement: a corpus, a latency, a way to move it. What it cost, and what the server was asked.

Slow ways get fewer of the same threads, and what they would take for all of them follows from that: their start once,
and the rest in proportion. Of migrate-cli, the whole command is measured on all threads.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import measure
from bench.corpora import ITEMS, Corpus
from bench.hosting import TOOLS, Host
from bench.threads import PAGE, Prepared, Shelf

PATIENCE = 2
"""How many times the usual time migrate-cli may take for one measurement; one thread cannot be hurried."""
KEY = "sk-bench-0000000000000000"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to move threads, and what is roughly known of its costs, to choose how many threads it gets."""

    name: str
    title: str
    at_once: int
    cpu: float
    """Seconds a message, roughly."""
    page: int = PAGE
    whole: bool = False
    """Whether it moves all threads, however long that takes."""


GUIDE = Way("guide", "official guide: SDK, typed, one thread at a time", 1, 0.0021, page=20)
ASYNC = Way("sdk_async", "SDK async, typed, 32 at a time", 32, 0.0024)
APPLY = Way("apply", "migrate-cli apply, from an export, 64 at a time", 64, 0.00025, page=0, whole=True)
TWO = Way("two", "migrate-cli apply --processes 2, from an export, 64 at a time each", 64, 0.00025, page=0, whole=True)
LIVE = Way("live", "migrate-cli apply, from a live host, 64 at a time", 64, 0.0004, whole=True)
FLOOR = Way("floor", "floor: bare aiohttp, prepared bytes, 64 at a time", 64, 0.00005, page=0)
WAYS = (GUIDE, ASYNC, APPLY, TWO, LIVE, FLOOR)


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement, as of all messages. Times in seconds, the peak in bytes."""

    way: str
    corpus: str
    latency: float
    threads: int
    messages: int
    moved: int
    """Messages that were really moved."""
    seconds: float
    cpu: float
    peak: int
    requests: dict[str, int]
    result: dict[str, Any]

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def request_rate(self) -> float:
        """Requests a second."""
        return sum(self.requests.values()) / self.seconds

    @property
    def cpu_each(self) -> float:
        """Microseconds of CPU a message."""
        return self.cpu / self.messages * 1e6


class Mover:
    """Measures ways on one host, in one folder."""

    def __init__(self, host: Host, folder: Path, shelf: Shelf, budget: float) -> None:
        self._host, self._folder, self._shelf, self._budget = host, folder, shelf, budget
        self._starts: dict[str, measure.Cost] = {}

    def move(self, way: Way, corpus: Corpus, latency: float) -> Measured:
        """Move the corpus, or as much of it as fits the time. The state stays in the folder until the next call."""
        whole = self.whole(corpus, latency)
        some = whole if way.whole else fitting(way, whole, latency, self._budget)
        files = self._shelf.prepared(some)
        self._host.reset(latency=latency, ids=files.ids)
        cost = measure.run(self._command(way, files), self._environment(way))
        counts = self._host.counts()
        _all_arrived(way, some, counts)
        start = None if way.whole else self._start(way)
        share = whole.messages / some.messages
        return Measured(
            way=way.name,
            corpus=corpus.name,
            latency=latency,
            threads=whole.threads,
            messages=whole.messages,
            moved=some.messages,
            seconds=_scaled(cost.seconds, start.seconds if start else 0.0, share),
            cpu=_scaled(cost.cpu, start.cpu if start else 0.0, share),
            peak=cost.peak,
            requests={path: round(count * share) for path, count in counts.items()},
            result=json.loads(cost.stdout) if way.whole else {},
        )

    def whole(self, corpus: Corpus, latency: float) -> Corpus:
        """As much of a corpus as `apply` moves in the time."""
        return fitting(APPLY, corpus, latency, self._budget * PATIENCE)

    @property
    def state(self) -> Path:
        """The state file of the last measurement of `apply`."""
        return self._folder / "state" / "migration.db"

    def _start(self, way: Way) -> measure.Cost:
        """What the way costs with nothing to do."""
        if way.name not in self._starts:
            nothing = self._folder / "nothing.ids"
            nothing.touch()
            nothing.with_suffix(".bodies").touch()
            argv = [sys.executable, "-m", f"bench.ways.{way.name}", self._host.url, str(nothing)]
            costs = [measure.run(argv, self._environment(way)) for _ in range(3)]
            self._starts[way.name] = min(costs, key=lambda cost: cost.seconds)
        return self._starts[way.name]

    def _command(self, way: Way, files: Prepared) -> list[str]:
        if not way.whole:
            argv = [sys.executable, "-m", f"bench.ways.{way.name}", self._host.url, str(files.ids)]
            return [*argv, "--at-once", str(way.at_once)]
        shutil.rmtree(self.state.parent, ignore_errors=True)
        self.state.parent.mkdir()
        source = [] if way is LIVE else [str(files.export)]
        source += ["--processes", "2"] if way is TWO else []
        options = ["--state", str(self.state), "--workers", str(way.at_once), "--output", "json", "--quiet"]
        return [*program(), "apply", *source, *options]

    def _environment(self, way: Way) -> dict[str, str]:
        environment = target_environment(self._host)
        if way is LIVE:
            environment |= {
                "MIGRATE_SOURCE__KIND": "api",
                "MIGRATE_SOURCE__PRESET": "self-hosted",
                "MIGRATE_SOURCE__DISCOVER": "true",
                "MIGRATE_SOURCE__READERS": str(way.at_once),
                "SOURCE_BASE_URL": self._host.url,
                "SOURCE_API_KEY": KEY,
            }
        return environment


def program() -> list[str]:
    """The command that is measured."""
    return [sys.executable, "-m", "migrate_cli"]


def target_environment(host: Host) -> dict[str, str]:
    """The environment of every child: the server is the target, and nothing of the user's own settings counts."""
    ours = {name: "" for name in os.environ if name.startswith("MIGRATE_")}
    return {**ours, "PYTHONPATH": str(TOOLS), "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": host.url}


def fitting(way: Way, corpus: Corpus, latency: float, budget: float) -> Corpus:
    """The corpus with as many of its threads as the way can move in about `budget` seconds; one thread is shortened."""
    if corpus.threads == 1:
        size = corpus.size or 1
        return Corpus(corpus.name, 1, max(100, min(size, int(budget / _each(way, size, latency, 1)))))
    mean = corpus.messages / corpus.threads
    messages = budget / _each(way, mean, latency, way.at_once)
    return Corpus(corpus.name, min(corpus.threads, max(10, int(messages / mean))), corpus.size)


def _each(way: Way, size: float, latency: float, at_once: int) -> float:
    """Seconds a message, roughly."""
    pages = math.ceil(size / way.page) if way.page else 0
    requests = pages + math.ceil(size / ITEMS) + (1 if way.whole or way is FLOOR else 0)
    return max(way.cpu, way.cpu / at_once + requests * (latency + 0.0005) / size / at_once)


def _scaled(taken: float, start: float, share: float) -> float:
    return start + max(0.0, taken - start) * share


def _all_arrived(way: Way, corpus: Corpus, counts: dict[str, int]) -> None:
    made = counts.get("POST conversations", 0)
    if made != corpus.threads:
        raise measure.CommandFailed(f"{way.name} made {made} conversations of {corpus.threads} threads")
