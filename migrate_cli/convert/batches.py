"""Cuts a draft's items into requests: at most 20 items and a byte cap each, a call and its output always together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate_cli.convert.limits import MAX_BATCH_ITEMS
from migrate_cli.model import Item

MAX_BATCH_BYTES = 8_000_000
"""The default cap of a request's body, well under what proxies and servers refuse."""


def batches(
    items: Sequence[Item], start: int = 0, *, max_items: int = MAX_BATCH_ITEMS, max_bytes: int = MAX_BATCH_BYTES
) -> Iterator[tuple[int, int]]:
    """Yield `(first, end)` pairs that cover `items[start:]` in order; `end` is exclusive.

    A batch is larger than `max_bytes` only where one item, or one item with those joined to it, is. Joined items part
    only where more than `max_items` of them follow each other, or where `start` already lies between them.
    """
    first = start
    size = 0
    position = start
    while position < len(items):
        end = position + 1
        weight = len(items[position].body) + 1
        if end < len(items) and items[end].joined:
            end = _group_end(items, position, max_items)
            weight = sum(len(item.body) + 1 for item in items[position:end])
        if position > first and (end - first > max_items or size + weight > max_bytes):
            yield first, position
            first, size = position, 0
        size += weight
        position = end
    if first < position:
        yield first, position


def _group_end(items: Sequence[Item], position: int, max_items: int) -> int:
    """The end of the item at `position` together with the items joined to it."""
    end = position + 1
    while end < len(items) and items[end].joined and end - position < max_items:
        end += 1
    return end
