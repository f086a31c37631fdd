"""Numbers of a replay beside those of the old setup or of an earlier run, for charts and tables alike. Pure.

Only cases of which both numbers are known make a pair.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

from migrate_cli.model import JsonObject
from migrate_cli.report.document import objects

Pair = tuple[float, float]
"""What it was then, and what it is now."""


def old_pairs(cases: Sequence[JsonObject]) -> dict[str, list[Pair]]:
    """Pairs of each case's old turn and its new one, under `first_ms`, `total_ms`, `input_tokens` and `output_tokens`.

    What models took that compare the answers is not a part of the new turn.
    """
    found: dict[str, list[Pair]] = {"first_ms": [], "total_ms": [], "input_tokens": [], "output_tokens": []}
    for case in cases:
        old = case.get("baseline")
        if not isinstance(old, dict):
            continue
        now = {"first_ms": case.get("ttft_ms"), "total_ms": case.get("total_ms")}
        now |= {name: _sum(objects(case, "turns"), name) for name in ("input_tokens", "output_tokens")}
        for name, pairs in found.items():
            pairs.extend(known([[old.get(name), now[name]]]))
    return found


def known(values: Iterable[object]) -> Iterator[Pair]:
    """Yield those that are two numbers."""
    for pair in values:
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, int | float) for one in pair):
            yield float(pair[0]), float(pair[1])


def slow(values: list[float]) -> float:
    """The time that nine of ten cases do not take longer than."""
    return sorted(values)[max(0, math.ceil(len(values) * 0.9) - 1)]


MEASURES: dict[str, Callable[[list[float]], float]] = {"median": median, "slowest tenth": slow}
"""How many times are told in two numbers."""


def _sum(turns: list[JsonObject], name: str) -> int | None:
    values = [turn.get(name) for turn in turns]
    known_values = [value for value in values if isinstance(value, int)]
    return sum(known_values) if known_values and len(known_values) == len(values) else None
