"""The order of a bench: which corpora at which latencies by which ways, how often, and the figures beside them."""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import measure
from bench.corpora import CORPORA, Corpus
from bench.figures import Figures, Large, LongThread
from bench.hosting import Host, Mark, hosted
from bench.moving import APPLY, FLOOR, WAYS, Mover, Way, program, target_environment
from bench.threads import Prepared, Shelf

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a bench measures. Times in seconds."""

    corpora: tuple[Corpus, ...]
    latencies: tuple[float, ...]
    rounds: int
    """Of the first corpus; the others get fewer."""
    other_rounds: int
    budget: float
    """How long a slow way may take for one measurement."""
    plan: Corpus
    large: Corpus
    long_thread: int
    starts: int
    small: Corpus
    """A run that is over before anything has become steady."""
    small_rounds: int
    steady: Corpus
    """A run that is long enough to have a steady part."""


SMALL = Corpus("small", 100, 12)
AWAY = (0.05, 0.2)
"""Latencies of hosts that are not on this machine."""

FULL = Extent(
    corpora=tuple(CORPORA.values()),
    latencies=(0.0, 0.05, 0.2),
    rounds=3,
    other_rounds=1,
    budget=8.0,
    plan=Corpus("plan", 10_000, 12),
    large=Corpus("large", 200_000, 5),
    long_thread=100_000,
    starts=9,
    small=SMALL,
    small_rounds=3,
    steady=CORPORA["short"],
)
SHORT = Extent(
    corpora=(CORPORA["short"],),
    latencies=(0.0, 0.05),
    rounds=1,
    other_rounds=1,
    budget=2.5,
    plan=Corpus("plan", 4_000, 12),
    large=Corpus("large", 6_000, 5),
    long_thread=20_000,
    starts=5,
    small=SMALL,
    small_rounds=1,
    steady=Corpus("steady", 600, 12),
)


class Session:
    """One bench."""

    def __init__(self, extent: Extent, folder: Path, host: Host, say: Say) -> None:
        self._extent, self._folder, self._host, self._say = extent, folder, host, say
        self._shelf = Shelf(folder)
        self._mover = Mover(host, folder, self._shelf, extent.budget)
        self.figures = Figures()

    def run(self) -> Figures:
        """Measure everything."""
        self._starts()
        self._plan()
        self._moves()
        self._small()
        self._steady()
        self._verify()
        self._long_thread()
        self._large()
        return self.figures

    def _moves(self) -> None:
        """Move each corpus in every way, one way after another in each round, so that drifts hit all alike."""
        for number, corpus in enumerate(self._extent.corpora):
            for latency in self._extent.latencies:
                for _ in range(self._extent.other_rounds if number else self._extent.rounds):
                    for way in WAYS:
                        move = self._mover.move(way, corpus, latency)
                        self.figures.moves.append(move)
                        told = f"{corpus.name}, {latency * 1000:.0f} ms, {way.title}"
                        self._say(f"{told}: {move.rate:,.0f} messages/s, {move.cpu_each:,.0f} µs CPU each")

    def _small(self) -> None:
        """What a few threads take, as a multiple of what the floor takes: start, pilot and end included."""
        corpus = self._extent.small
        for latency in AWAY:
            for _ in range(self._extent.small_rounds):
                ours, least = (self._mover.move(way, corpus, latency).seconds for way in (APPLY, FLOOR))
                self.figures.small.setdefault(f"{latency * 1000:.0f}", []).append(ours / least)
                told = f"{corpus.threads} threads, {latency * 1000:.0f} ms"
                self._say(f"{told}: {ours:.2f} s, the floor {least:.2f} s")

    def _steady(self) -> None:
        """How many threads go through in a second once a run is under way, as a share of the floor's."""
        for latency in AWAY:
            for _ in range(self._extent.small_rounds):
                ours, least = (self._steady_rate(way, latency) for way in (APPLY, FLOOR))
                self.figures.steady.setdefault(f"{latency * 1000:.0f}", []).append(ours / least)
                self._say(f"steady, {latency * 1000:.0f} ms: {ours:.0f} threads/s, the floor {least:.0f}")

    def _steady_rate(self, way: Way, latency: float) -> float:
        self._mover.move(way, self._extent.steady, latency)
        return middle_rate(self._host.marks())

    def _plan(self) -> None:
        files = self._shelf.prepared(self._extent.plan)
        for _ in range(self._extent.rounds):
            cost = self._command("plan", str(files.export), "--output", "json", "--quiet")
            self.figures.plan.append(files.corpus.messages / cost.cpu)
        self._say(f"plan: {max(self.figures.plan):,.0f} messages for each second of CPU")

    def _verify(self) -> None:
        """Verify what `apply` has just loaded, and read the same conversations back with the SDK."""
        corpus = self._mover.whole(self._extent.corpora[0], 0.0)
        files = self._shelf.prepared(corpus)
        self._mover.move(APPLY, corpus, 0.0)
        conversations = _conversations(self._mover.state)
        everything = self._folder / "all.ids"
        everything.write_text("\n".join(conversations), encoding="utf-8")
        for latency in self._extent.latencies[:2]:
            self._host.slow_down(latency)
            ids = self._folder / "conversations.ids"
            # One after another: fewer of them where each takes long.
            ids.write_text("\n".join(conversations[: 100 if latency else 500]), encoding="utf-8")
            for _ in range(self._extent.rounds):
                self._verify_once(files, ids, everything, latency)

    def _verify_once(self, files: Prepared, ids: Path, everything: Path, latency: float) -> None:
        options = ["--state", str(self._mover.state), "--output", "json", "--quiet", "--workers", "64"]
        ours = self._command("verify", str(files.export), *options).seconds
        messages, named = files.corpus.messages, f"{latency * 1000:.0f}"
        for ratios, asking in ((self.figures.verify, []), (self.figures.verify_all, ["--metadata"])):
            ratios.setdefault(named, []).append(self._read_back(ids, messages, asking) / ours)
        if not latency:
            least = self._least(files, everything)
            self.figures.verify_least.append(self.figures.verify[named][-1] * ours / least)
        self._say(f"verify, {named} ms: {messages / ours:,.0f} messages/s")

    def _least(self, files: Prepared, conversations: Path) -> float:
        """The seconds of what `verify` cannot do without: to read and convert the source, and to ask for everything."""
        reading = self._command("plan", str(files.export), "--output", "json", "--quiet").seconds
        command = [sys.executable, "-m", "bench.ways.bare_back", self._host.url, str(conversations), "--at-once", "64"]
        return reading + measure.run(command, target_environment(self._host)).seconds

    def _read_back(self, ids: Path, messages: int, asking: list[str]) -> float:
        """The seconds that a sequential read-back takes for so many messages, as from some of them."""
        command = [sys.executable, "-m", "bench.ways.read_back", self._host.url]
        some = measure.run([*command, str(ids), *asking], target_environment(self._host))
        start = measure.run([*command, os.devnull], target_environment(self._host)).seconds
        return start + (some.seconds - start) * messages / int(some.stdout)

    def _starts(self) -> None:
        for _ in range(self._extent.starts):
            nothing = measure.run([sys.executable, "-c", "pass"]).seconds
            self.figures.python.append(nothing)
            for option in ("--help", "--version"):
                taken = self._command(option).seconds
                self.figures.start.setdefault(f"migrate-cli {option}", []).append(taken / nothing)
        self._say("start-up measured")

    def _long_thread(self) -> None:
        self.figures.long_thread = LongThread(
            self._extent.long_thread, self._peaks(Corpus("long thread", 1, self._extent.long_thread))
        )

    def _large(self) -> None:
        little = self._peaks(Corpus("small", 2_000, 5))
        much = self._peaks(self._extent.large)
        first, last = tenths(self._host.marks())
        state = self._state(self._extent.large)
        status = self._command("status", "--state", str(state))
        self.figures.large = Large(
            threads=self._extent.large.threads,
            messages=self._extent.large.messages,
            peaks={command: (little[command], peak) for command, peak in much.items()},
            first_tenth=first.rate,
            last_tenth=last.rate,
            kept=last.steady_rate / first.steady_rate,
            state_bytes=state.stat().st_size,
            status_seconds=status.seconds,
        )

    def _peaks(self, corpus: Corpus) -> dict[str, int]:
        """The most memory that each command holds on a corpus, in bytes. The server holds what `apply` has loaded."""
        export = str(self._shelf.prepared(corpus).export)
        state = ["--state", str(self._state(corpus)), "--workers", "64"]
        self._host.reset()
        peaks = {}
        for command, options in (("plan", []), ("apply", state), ("verify", state)):
            cost = self._command(command, export, *options, "--output", "json", "--quiet")
            peaks[command] = cost.peak
            self._say(f"{command}, {corpus.messages:,} messages: {cost.seconds:.1f} s, {cost.peak / 1e6:.0f} MB")
        return peaks

    def _state(self, corpus: Corpus) -> Path:
        return self._folder / f"{corpus.threads}x{corpus.size}.db"

    def _command(self, *arguments: str) -> measure.Cost:
        return measure.run([*program(), *arguments], target_environment(self._host))


@dataclass(frozen=True, slots=True)
class Tenth:
    """A part of a long run."""

    rate: float
    """Threads a second."""
    yardstick: float
    """Seconds that a fixed piece of work took meanwhile, in the middle."""

    @property
    def steady_rate(self) -> float:
        """Threads for each time in which the machine could have done the fixed piece of work."""
        return self.rate * self.yardstick


def tenths(marks: list[Mark]) -> tuple[Tenth, Tenth]:
    """The first and the last tenth of a run, from the marks at every hundredth thread."""
    count = max(2, len(marks) // 10)
    return _tenth(marks[:count]), _tenth(marks[-count:])


def middle_rate(marks: list[Mark]) -> float:
    """Threads a second of a run without its start and its end, from the marks at every hundredth thread."""
    middle = marks[len(marks) // 3 : max(len(marks) // 3 + 2, len(marks) * 9 // 10)]
    return 100 * (len(middle) - 1) / (middle[-1].at - middle[0].at)


def _tenth(marks: list[Mark]) -> Tenth:
    rate = 100 * (len(marks) - 1) / (marks[-1].at - marks[0].at)
    return Tenth(rate, statistics.median(mark.yardstick for mark in marks))


def _conversations(state: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{state}?mode=ro", uri=True)
    try:
        return [row[0] for row in connection.execute("SELECT conversation_id FROM thread_map ORDER BY thread_id")]
    finally:
        connection.close()


def measured(extent: Extent, folder: Path, say: Say) -> Figures:
    """Run one bench in a folder."""
    with hosted(folder) as host:
        return Session(extent, folder, host, say).run()
