"""Which items of a conversation are duplicates of ours that may be deleted: pure, from digests and ids alone.

It must never name an item whose id the state file knows, nor the only one that says what an item of ours says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from migrate_cli.verify.align import common_blocks


@dataclass(frozen=True, slots=True)
class SurplusCopy:
    """One item too many."""

    place: int
    """In the conversation, from 0."""
    item_id: str
    of: int
    """The place in the thread of the item that it repeats."""


Stored = Sequence[tuple[str | None, bytes]]
"""Id and digest of each item of a conversation, oldest first."""


def copies_in(sent: Sequence[bytes], known: Collection[str], stored: Stored) -> list[SurplusCopy]:
    """Return the copies among what is stored; `known` holds the ids that the state file has.

    What comes after the history is a turn, and none of it a copy, as soon as one item of it says something of its own.
    """
    first: dict[bytes, int] = {}
    for position, digest in enumerate(sent):
        first.setdefault(digest, position)
    kept = _kept(sent, known, stored)
    last = max(kept, default=-1)
    is_turn = any(digest not in first for _, digest in stored[last + 1 :])
    return [
        SurplusCopy(place, item_id, first[digest])
        for place, (item_id, digest) in enumerate(stored[: last + 1] if is_turn else stored)
        if item_id is not None and place not in kept and digest in first
    ]


def _kept(sent: Sequence[bytes], known: Collection[str], stored: Stored) -> set[int]:
    """The places of what stays: all that the state file knows, and of the rest as much as is wanting."""
    kept = {place for place, (item_id, _) in enumerate(stored) if item_id in known}
    wanting = Counter(sent)
    wanting.subtract(stored[place][1] for place in kept)
    blocks = common_blocks(sent, [digest for _, digest in stored])
    in_order = [place for _, start, length in blocks for place in range(start, start + length)]
    for place in [*in_order, *range(len(stored))]:
        digest = stored[place][1]
        if place not in kept and wanting[digest] > 0:
            wanting[digest] -= 1
            kept.add(place)
    return kept
