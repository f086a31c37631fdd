"""Puts the rows of a thread in order where a database could not: it compares times as texts, and ties by chance. Pure.

It must not be asked where a column counts the rows, or where the user says how they stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

from migrate_cli.model import JsonObject
from migrate_cli.sources.evidence import Chronicle
from migrate_cli.sources.ordering import time_of

INSERTED_ANYHOW = "{:,} messages have the time of the one before, and were inserted in no order of time."

Placed = tuple[JsonObject, int | None]
"""A row, and what counts rows as they were inserted; None where nothing does."""


def in_order(rows: Sequence[Placed], seen: Chronicle) -> tuple[list[JsonObject], str | None]:
    """Return the rows, oldest first, and what is to be told of their order.

    Without a time that can be read they stand as they were inserted; with times, in their order. Rows of one time stand
    as they were inserted, or the other way round where all rows were inserted newest first.
    """
    placed = all(place is not None for _, place in rows)
    if seen.unreadable == seen.count and placed:
        return [row for row, _ in sorted(rows, key=_place)], None
    if seen.missing or seen.unreadable or not seen.tells:
        return [row for row, _ in rows], None
    groups = [list(group) for _, group in groupby(sorted(rows, key=_time), key=_time)]
    tied = len(rows) - len(groups)
    if not tied or not placed:
        return [row for group in groups for row, _ in group], None
    firsts = [min(map(_place, group)) for group in groups]
    ways = {before < after for before, after in pairwise(firsts)}
    for group in groups:
        group.sort(key=_place, reverse=ways == {False})
    return [row for group in groups for row, _ in group], INSERTED_ANYHOW.format(tied) if len(ways) > 1 else None


def _time(placed: Placed) -> float:
    return time_of(placed[0]) or 0.0


def _place(placed: Placed) -> int:
    return placed[1] or 0
