"""Assigns an outcome to every item from the point where the sent and the listed items diverge. Pure.

Items are matched by content, not by id, because a target that was restored or moved may assign new ids. If a text
occurs more than once, the interpretation with the fewest changes wins.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from migrate_cli.convert.presence import without_addresses
from migrate_cli.model import Item
from migrate_cli.verify.align import Block, common_blocks
from migrate_cli.verify.diff import Change, changes, similarity, words
from migrate_cli.verify.divergence import LISTED, Divergence, ListedItem
from migrate_cli.verify.outcome import Difference, Outcome, Verdict

ALIKE = 0.5
"""The least similarity at which an item counts as a changed one, if there are several candidates."""
MOST_PAIRINGS = 2_500
"""If there are more possible pairs than this, changed items are paired in order."""


@dataclass(slots=True)
class _Gap:
    """The gap between two common runs: the positions of the items sent there, and of the items found there."""

    sent: list[int]
    found: list[int]


@dataclass(frozen=True, slots=True)
class _Move:
    """An item that disappeared from one gap and appeared in another."""

    position: int
    gap: int
    place: int
    new_gap: int


_Cell = tuple[float, tuple[tuple[int, int], ...]]
"""The best score so far, and the pairs that give it."""


def settle(parted: Divergence, *, excerpts: bool = False) -> Verdict:
    """Return the verdict on everything that differs from what was sent."""
    expected, agreed, seen = parted.expected, parted.agreed, parted.seen
    book = _Book(parted, excerpts=excerpts)
    book.outcomes[Outcome.SAME] = agreed
    if _is_turned_round(expected, agreed, seen):
        return _turned_round(len(expected))
    blocks = _shared([item.digest for item in expected[agreed:]], [one.digest for one in seen])
    book.outcomes[Outcome.SAME] += sum(length for _, _, length in blocks)
    gaps = _between(blocks, len(expected) - agreed, len(seen))
    _name_moves(_take_moves(gaps, expected[agreed:], seen), blocks, book)
    for position, place in _take_known(gaps, book):
        book.changed(position, place)
    new = 0
    for gap in gaps:
        open_end = gap is gaps[-1] and not parted.ended
        pairs = _pairs(gap, book, last=open_end)
        if open_end:
            new = _take_new_turns(gap, pairs, book)
        for position, place in pairs:
            book.changed(position, place)
        for position in gap.sent:
            book.missing(position)
        for place in gap.found:
            book.added(seen[place])
    return book.verdict(new)


# ---- overall order


def _is_turned_round(expected: Sequence[Item], agreed: int, seen: Sequence[ListedItem]) -> bool:
    whole = [item.digest for item in expected]
    found = whole[:agreed] + [one.digest for one in seen]
    return len(whole) > 2 and found != whole and found == whole[::-1]


def _turned_round(count: int) -> Verdict:
    detail = f"the target lists the {count:,} items newest first, although the oldest were asked for first"
    difference = Difference(Outcome.DIFFERENT, "target-order", detail, field="order")
    return Verdict(outcomes=Counter({Outcome.DIFFERENT: count}), differences=[difference])


def _shared(sent: Sequence[bytes], found: Sequence[bytes]) -> list[Block]:
    """The common runs. If an unchanged order explains as many items as a changed one, the order is unchanged."""
    blocks = common_blocks(sent, found)
    if len(sent) == len(found):
        still = [place for place, (one, other) in enumerate(zip(sent, found, strict=True)) if one == other]
        if len(still) >= sum(length for _, _, length in blocks):
            return [(place, place, 1) for place in still]
    return blocks


def _between(blocks: Sequence[Block], sent: int, found: int) -> list[_Gap]:
    """The gaps before, between and after the common runs: one more than the number of runs."""
    gaps, at, there = [], 0, 0
    for low, left, length in [*blocks, (sent, found, 0)]:
        gaps.append(_Gap(list(range(at, low)), list(range(there, left))))
        at, there = low + length, left + length
    return gaps


# ---- items that moved


def _take_moves(gaps: Sequence[_Gap], expected: Sequence[Item], seen: Sequence[ListedItem]) -> list[_Move]:
    """Remove from the gaps the items that disappeared in one place and appeared in another."""
    appeared: dict[bytes, deque[tuple[int, int]]] = {}
    for number, gap in enumerate(gaps):
        for place in gap.found:
            appeared.setdefault(seen[place].digest, deque()).append((number, place))
    moves = []
    for number, gap in enumerate(gaps):
        for position in gap.sent:
            places = appeared.get(expected[position].digest)
            if places:
                new_gap, place = places.popleft()
                moves.append(_Move(position, number, place, new_gap))
    left, come = {move.position for move in moves}, {move.place for move in moves}
    for gap in gaps:
        gap.sent = [position for position in gap.sent if position not in left]
        gap.found = [place for place in gap.found if place not in come]
    return moves


def _name_moves(moves: Sequence[_Move], blocks: Sequence[Block], book: _Book) -> None:
    """Report two items that exchanged places as swapped, including neighbours of which only one seems to have moved."""
    waiting: dict[tuple[int, int], deque[_Move]] = {}
    for move in moves:
        waiting.setdefault((move.gap, move.new_gap), deque()).append(move)
    named: set[int] = set()
    jumped: set[int] = set()
    for move in moves:
        if move.position in named:
            continue
        named.add(waiting[move.gap, move.new_gap].popleft().position)
        back = waiting.get((move.new_gap, move.gap))
        neighbour = _jumped_over(move, blocks)
        if back:
            other = back.popleft().position
            named.add(other)
            book.swapped(move.position, other)
        elif neighbour is not None and neighbour not in jumped:
            jumped.add(neighbour)
            book.outcomes[Outcome.SAME] -= 1
            book.swapped(move.position, neighbour)
        else:
            book.moved(move.position, move.place)


def _jumped_over(move: _Move, blocks: Sequence[Block]) -> int | None:
    """The item between the old and the new position, if there is exactly one."""
    if abs(move.gap - move.new_gap) != 1:
        return None
    low, _, length = blocks[min(move.gap, move.new_gap)]
    return low if length == 1 else None


# ---- items that were changed


def _take_known(gaps: Sequence[_Gap], book: _Book) -> list[tuple[int, int]]:
    """Remove from the gaps the items that are still there under their own id, with different content."""
    places = {book.item_id(place): place for gap in gaps for place in gap.found}
    pairs = [
        (position, places[own])
        for gap in gaps
        for position in gap.sent
        if (own := book.known_id(position)) is not None and own in places
    ]
    gone, come = {position for position, _ in pairs}, {place for _, place in pairs}
    for gap in gaps:
        gap.sent = [position for position in gap.sent if position not in gone]
        gap.found = [place for place in gap.found if place not in come]
    return pairs


def _pairs(gap: _Gap, book: _Book, *, last: bool) -> list[tuple[int, int]]:
    """Decide which found item of a gap is a changed version of which sent one, and remove both from the gap.

    In the last gap even equal counts prove nothing, because the items found there may be a new turn.
    """
    known = book.known(gap)
    if known and (last or len(gap.sent) != len(gap.found)) and len(gap.sent) * len(gap.found) <= MOST_PAIRINGS:
        pairs = _likest(gap, book)
    else:
        pairs = list(zip(gap.sent, gap.found, strict=False))
    gone, come = {position for position, _ in pairs}, {place for _, place in pairs}
    gap.sent = [position for position in gap.sent if position not in gone]
    gap.found = [place for place in gap.found if place not in come]
    return pairs


def _likest(gap: _Gap, book: _Book) -> list[tuple[int, int]]:
    """The pairs, in order on both sides, with the greatest total similarity; none below `ALIKE`."""
    above: list[_Cell] = [(0.0, ())] * (len(gap.found) + 1)
    for position in gap.sent:
        row: list[_Cell] = [(0.0, ())]
        for column, place in enumerate(gap.found):
            alike = book.similarity(position, place)
            choices = [above[column + 1], row[column]]
            if alike >= ALIKE:
                score, pairs = above[column]
                choices.insert(0, (score + alike, (*pairs, (position, place))))
            row.append(max(choices, key=lambda cell: cell[0]))
        above = row
    return list(above[-1][1])


# ---- items after the history


def _take_new_turns(gap: _Gap, pairs: Sequence[tuple[int, int]], book: _Book) -> int:
    """Remove the items after the history from the last gap and return their number, unless all of them are copies.

    If at least one is not a copy, all of them are a new turn, because a person may say the same thing twice.
    """
    last = max((place for _, place in pairs), default=-1)
    after = [one for one in gap.found if one > last]
    if all(book.is_ours(place) for place in after):
        return 0
    gap.found = [one for one in gap.found if one < last]
    book.repeated += sum(book.is_ours(place) for place in after)
    return len(after)


# ---- recording


class _Book:
    """Counts outcomes and records differences; positions and places are relative to the point of divergence."""

    def __init__(self, parted: Divergence, *, excerpts: bool) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.repeated = 0
        self._adopted = 0
        self._expected, self._start, self._seen = parted.expected, parted.agreed, parted.seen
        self._later, self._known, self._excerpts = parted.later, parted.known, excerpts
        self._differences: list[Difference] = []
        self._told = 0
        self._first: dict[bytes, int] = {}
        for position, item in enumerate(self._expected):
            self._first.setdefault(item.digest, position)

    def known(self, gap: _Gap) -> bool:
        """Whether the bodies of all items of a gap are known, not only their hashes."""
        return all(self._expected[self._start + position].body for position in gap.sent) and all(
            self._seen[place].body is not None for place in gap.found
        )

    def similarity(self, position: int, place: int) -> float:
        """The similarity of a sent and a found item."""
        return similarity(json.loads(self._expected[self._start + position].body), self._seen[place].body or {})

    def item_id(self, place: int) -> str | None:
        """The id of a found item."""
        return self._seen[place].item_id

    def known_id(self, position: int) -> str | None:
        """The id that a sent item had at the target, or None."""
        return self._known.ids[self._start + position] if self._known.ids else None

    def is_ours(self, place: int) -> bool:
        """Whether a found item has the same content as a sent one."""
        return self._seen[place].ours

    def missing(self, position: int) -> None:
        """Record an item that was not found anywhere."""
        item, own = self._expected[self._start + position], self.known_id(position)
        said = words(json.loads(item.body)) if self._excerpts and item.body else None
        detail = f"this {_word(item.kind)} is not in the conversation"
        if self._known.asked:
            detail = "it never arrived" if own is None else f"it was there (item {own}), the target no longer has it"
        self._tell(Outcome.MISSING, Change("", "missing-item", detail, said), position)

    def moved(self, position: int, place: int) -> None:
        """Record an item that was found in another position."""
        detail = f"is at position {self._seen[place].place}, not at {self._start + position}"
        self._tell(Outcome.DIFFERENT, Change("order", "moved-item", detail), position, place)

    def swapped(self, position: int, other: int) -> None:
        """Record two items that exchanged places."""
        for one, two in ((position, other), (other, position)):
            detail = f"has changed places with item {self._start + two}"
            self._tell(Outcome.DIFFERENT, Change("order", "swapped-items", detail), one)

    def changed(self, position: int, place: int) -> None:
        """Record an item whose content differs from what was sent."""
        sent, found = self._expected[self._start + position], self._seen[place]
        fields = [Change("content", "changed-item", "its content is not what was sent")]
        if sent.body and found.body is not None:
            body = json.loads(sent.body) if found.addresses else without_addresses(json.loads(sent.body))
            fields = changes(body, found.body, excerpts=self._excerpts) or fields
        self._tell(Outcome.DIFFERENT, fields[0], position, place)
        for change in fields[1:]:
            self._write(Outcome.DIFFERENT, change, position, place)

    def added(self, found: ListedItem) -> None:
        """Record an item that was not sent, or not that often."""
        twin = self._first.get(found.digest)
        self.outcomes[Outcome.EXTRA] += 1
        self._adopted += found.item_id in self._known.adopted
        code = "extra-item" if twin is None else "doubled-item"
        detail = f"this {_word(found.kind)} was not sent" if twin is None else f"a duplicate of item {twin}"
        message = None if twin is None else self._expected[twin].message_id
        body = found.body
        if body is None and twin is not None and self._expected[twin].body:
            body = json.loads(self._expected[twin].body)
        said = words(body) if self._excerpts and body is not None else None
        # Of two items with the same content, the one that the state knows is never reported as the copy.
        item_id = None if found.item_id in self._known.own else found.item_id
        self._append(Difference(Outcome.EXTRA, code, detail, found.place, message, item_id, found.kind, got=said))

    def verdict(self, new: int) -> Verdict:
        """Return everything recorded, in the order of the conversation; `new` is the number of items in new turns."""
        later = self._later
        if later.foreign or new:
            new += later.count
            self.repeated += later.copies
        else:
            for one in later.kept:
                self.added(one)
            self.outcomes[Outcome.EXTRA] += later.copies - len(later.kept)
            self._told += later.copies - len(later.kept)
        listed = sorted(self._differences, key=lambda one: one.position or 0)[:LISTED]
        return Verdict(
            outcomes=+self.outcomes,
            differences=listed,
            differences_cut=self._told - len(listed),
            continued=new,
            repeated=self.repeated,
            adopted=self._adopted,
        )

    def _tell(self, outcome: Outcome, change: Change, position: int, place: int | None = None) -> None:
        self.outcomes[outcome] += 1
        self._write(outcome, change, position, place)

    def _write(self, outcome: Outcome, change: Change, position: int, place: int | None) -> None:
        item = self._expected[self._start + position]
        item_id = None if place is None else self._seen[place].item_id
        where = (self._start + position, item.message_id, item_id, item.kind, change.field or None)
        self._append(Difference(outcome, change.code, change.detail, *where, change.expected, change.got))

    def _append(self, difference: Difference) -> None:
        self._told += 1
        if len(self._differences) < 10 * LISTED:
            self._differences.append(difference)


def _word(kind: str) -> str:
    return kind.replace("_", " ")
