"""Aligns two sequences: fast when they are nearly equal, and never slower than n log n when they are not.

Pure. It compares values by equality and knows nothing about items.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

MOST_EDITS = 48
"""Up to this many edits the result is exact; beyond it, entries that occur once on both sides serve as anchors."""

Block = tuple[int, int, int]
"""(start in the first, start in the second, length) of a run common to both."""
_Span = tuple[int, int, int, int]


def common_blocks(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[Block]:
    """Return the common runs in order; adjacent runs are merged."""
    found: list[Block] = []
    for at, there, length in _runs(first, second):
        if found and found[-1][0] + found[-1][2] == at and found[-1][1] + found[-1][2] == there:
            found[-1] = (found[-1][0], found[-1][1], found[-1][2] + length)
        else:
            found.append((at, there, length))
    return found


def _runs(first: Sequence[Hashable], second: Sequence[Hashable]) -> Iterator[Block]:
    """Yield the common runs in order, with an explicit stack of pending spans in place of recursion."""
    stack: list[tuple[_Span, Block | None]] = [((0, len(first), 0, len(second)), None)]
    while stack:
        (low, high, left, right), run = stack.pop()
        if run is not None:
            yield run
            continue
        head = _head(first, second, (low, high, left, right))
        if head:
            yield low, left, head
        low, left = low + head, left + head
        tail = _tail(first, second, (low, high, left, right))
        high, right = high - tail, right - tail
        if tail:
            stack.append(((0, 0, 0, 0), (high, right, tail)))
        if low < high and left < right:
            stack.extend(reversed(_inner(first, second, (low, high, left, right))))


def _inner(first: Sequence[Hashable], second: Sequence[Hashable], span: _Span) -> list[tuple[_Span, Block | None]]:
    """Return the next steps for a span whose ends differ: its runs, or the smaller spans between anchors."""
    low, high, left, right = span
    few = few_edits(first[low:high], second[left:right])
    if few is not None:
        return [((0, 0, 0, 0), (low + at, left + there, length)) for at, there, length in few]
    steps: list[tuple[_Span, Block | None]] = []
    for at, there in _anchors(first, second, span):
        steps += [((low, at, left, there), None), ((0, 0, 0, 0), (at, there, 1))]
        low, left = at + 1, there + 1
    if steps:
        steps.append(((low, high, left, right), None))
    return steps


def few_edits(first: Sequence[Hashable], second: Sequence[Hashable], most: int = MOST_EDITS) -> list[Block] | None:
    """Return the common runs with the fewest edits (Myers' algorithm), or None if more than `most` are needed."""
    n, m = len(first), len(second)
    reached: dict[int, int] = {1: 0}
    trace: list[dict[int, int]] = []
    for edits in range(min(most, n + m) + 1):
        trace.append(dict(reached))
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (
                diagonal != edits and reached.get(diagonal - 1, -1) < reached.get(diagonal + 1, -1)
            )
            x = reached.get(diagonal + 1, 0) if down else reached.get(diagonal - 1, 0) + 1
            y = x - diagonal
            while x < n and 0 <= y < m and first[x] == second[y]:
                x, y = x + 1, y + 1
            reached[diagonal] = x
            if x >= n and y >= m:
                return _walk_back(trace, n, m)
    return None


def _walk_back(trace: list[dict[int, int]], x: int, y: int) -> list[Block]:
    blocks: list[Block] = []
    for edits in range(len(trace) - 1, -1, -1):
        reached, diagonal = trace[edits], x - y
        down = diagonal == -edits or (
            diagonal != edits and reached.get(diagonal - 1, -1) < reached.get(diagonal + 1, -1)
        )
        came_from = diagonal + 1 if down else diagonal - 1
        before_x = reached.get(came_from, 0) if edits else 0
        before_y = before_x - came_from if edits else 0
        start_x = before_x + (0 if down or not edits else 1)
        if x > start_x:
            blocks.append((start_x, start_x - diagonal, x - start_x))
        x, y = before_x, before_y
    return blocks[::-1]


def _anchors(first: Sequence[Hashable], second: Sequence[Hashable], span: _Span) -> list[tuple[int, int]]:
    """Return the longest chain of entries that occur once on each side, in the same order on both."""
    low, high, left, right = span
    ones = {value for value, count in Counter(first[low:high]).items() if count == 1}
    others = {value for value, count in Counter(second[left:right]).items() if count == 1}
    where = {second[there]: there for there in range(left, right) if second[there] in others}
    pairs = [(at, where[first[at]]) for at in range(low, high) if first[at] in ones and first[at] in where]
    return _longest_rising(pairs)


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for index, (_, there) in enumerate(pairs):
        place = bisect_left(ends, there)
        before.append(last[place - 1] if place else -1)
        ends[place : place + 1] = [there]
        last[place : place + 1] = [index]
    chain: list[tuple[int, int]] = []
    index = last[-1] if last else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]


def _head(first: Sequence[Hashable], second: Sequence[Hashable], span: _Span) -> int:
    low, high, left, right = span
    length = 0
    while low + length < high and left + length < right and first[low + length] == second[left + length]:
        length += 1
    return length


def _tail(first: Sequence[Hashable], second: Sequence[Hashable], span: _Span) -> int:
    low, high, left, right = span
    length = 0
    while high - length > low and right - length > left and first[high - length - 1] == second[right - length - 1]:
        length += 1
    return length
