"""The bars that the figures are held against. A bar that is missed is said, never moved.

A single thread (`one`) has no bar against the guide's way: its batches must follow each other, whoever sends them.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from bench.corpora import Corpus
from bench.figures import Figures, Spread, short
from bench.threads import least_pages, least_requests

MEGABYTE = 1_000_000
FAR = 200
"""Milliseconds from which on a small run is mostly round trips."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the table."""

    figure: str
    bar: str
    measured: str
    held: bool | None
    """None where the line has no bar, but tells what is possible."""


def bars(figures: Figures) -> list[Bar]:
    """Return every bar for which something was measured."""
    return [
        *_ratios(figures),
        *_pace(figures),
        *_requests(figures),
        *_commits(figures),
        *_others(figures),
        *_large(figures),
    ]


def _ratios(figures: Figures) -> Iterator[Bar]:
    sources = (
        ("apply", "`apply` from an export"),
        ("two", "`apply --processes 2` from an export"),
        ("live", "`apply` from a live host"),
    )
    for latency, least in ((0.0, 8.0), (0.05, 30.0)):
        for corpus in dict.fromkeys(move.corpus for move in figures.moves if move.corpus != "one"):
            for way, told in sources:
                ratio = figures.ratio(way, "guide", corpus, latency)
                if ratio is not None:
                    name = f"{told}, `{corpus}`, {latency * 1000:.0f} ms: messages/s against the guide's way"
                    yield Bar(name, f"≥ {least:g} ×", f"{ratio} ×", ratio.middle >= least)
    cpu = figures.cpu_ratio("apply", "floor", "short", 0.0)
    if cpu is not None:
        yield Bar("`apply`, 0 ms: CPU a message against the floor", "≤ 8 ×", f"{cpu} ×", cpu.middle <= 8)


def _pace(figures: Figures) -> Iterator[Bar]:
    for latency, times in figures.small.items():
        ratio = Spread.of(times)
        name = f"`apply`, 100 threads of 12 messages, {latency} ms: time against the floor, start and pilot included"
        # Where a round trip is short, the start of Python and its imports is most of a small run, and tells no more.
        held = ratio.middle <= 2 if float(latency) >= FAR else None
        yield Bar(name, "none" if held is None else "≤ 2 ×", f"{ratio} ×", held)
    for latency, shares in figures.steady.items():
        share = Spread.of(shares)
        name = f"`apply`, `short`, {latency} ms: threads/s of the steady part against the floor's"
        yield Bar(name, "≥ 0.85 ×", f"{share} ×", share.middle >= 0.85)


def _requests(figures: Figures) -> Iterator[Bar]:
    for move in figures.rounds("live", "short", 0.0)[:1] + figures.rounds("live", "long", 0.0)[:1]:
        corpus = Corpus(move.corpus, move.threads, move.messages // move.threads)
        least = least_requests(corpus) | least_pages(corpus)
        sent = {path: move.requests.get(path, 0) for path in least}
        # One page more where the last one was full: only then is it known that the list has ended.
        allowed = {"GET threads": least["GET threads"] + 1}
        held = all(sent[path] <= allowed.get(path, count) for path, count in least.items())
        told = f"{sum(sent.values()):,} of {sum(least.values()):,}"
        yield Bar(f"requests against the least possible, `{move.corpus}`", "equal", told, held)


def _commits(figures: Figures) -> Iterator[Bar]:
    for latency in (0.0, 0.05):
        moves = figures.rounds("apply", "short", latency)
        if moves:
            each = Spread.of(move.threads / move.result["data"]["commits"] for move in moves)
            yield Bar(
                f"threads for each durable commit, {latency * 1000:.0f} ms, 64 at a time",
                "≥ 10",
                str(each),
                each.least >= 10,
            )


def _others(figures: Figures) -> Iterator[Bar]:
    if figures.plan:
        plan = Spread.of(figures.plan)
        yield Bar("`plan` from an export, messages a second on one core", "≥ 20,000", str(plan), plan.middle >= 20_000)
    read_backs = (("of the items alone", figures.verify), ("of items and metadata", figures.verify_all))
    for told, by_latency in read_backs:
        for latency, times in by_latency.items():
            ratio = Spread.of(times)
            name = f"`verify`, {latency} ms: messages/s against a sequential read-back {told}"
            yield Bar(name, "≥ 3 ×", f"{ratio} ×", ratio.middle >= 3)
    if figures.verify_least:
        name = "what `verify` cannot do without, 0 ms, one after the other: against a read-back of the items alone"
        yield Bar(name, "none: the limit", f"{Spread.of(figures.verify_least)} ×", None)
    for command, times in figures.start.items():
        ratio = Spread.of(times)
        seconds = ratio.middle * statistics.median(figures.python)
        yield Bar(f"`{command}` against `python -c pass`", "≤ 12 ×", f"{ratio} ×, {seconds:.2f} s", ratio.middle <= 12)


def _large(figures: Figures) -> Iterator[Bar]:
    large, long_thread = figures.large, figures.long_thread
    if large is not None:
        told = f"{large.messages:,} messages"
        for name, (small, peak) in large.peaks.items():
            more = peak / small
            measured = f"{short(more)} × ({_mb(small)} → {_mb(peak)})"
            yield Bar(f"memory of `{name}`: {told} against 10,000", "≤ 1.3 ×", measured, more <= 1.3)
        name = f"rate of the last tenth of {large.threads:,} threads against the first, at equal speed of the machine"
        by_clock = large.last_tenth / large.first_tenth
        measured = f"{large.kept * 100 - 100:+.1f} % ({by_clock * 100 - 100:+.1f} % by the clock)"
        yield Bar(name, "within 10 %", measured, large.kept >= 0.9)
        each = large.state_bytes / large.messages
        yield Bar(f"state file, bytes a message ({told})", "≤ 200", short(each), each <= 200)
        yield Bar(f"`status` on {told}", "≤ 1 s", f"{large.status_seconds:.2f} s", large.status_seconds <= 1)
    if long_thread is not None:
        for name, peak in long_thread.peaks.items():
            figure = f"memory of `{name}`, one thread of {long_thread.messages:,} messages"
            yield Bar(figure, "≤ 200 MB", _mb(peak), peak <= 200 * MEGABYTE)


def _mb(size: int) -> str:
    return f"{size / MEGABYTE:,.0f} MB"
