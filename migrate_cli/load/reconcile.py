"""What the target holds against what we sent: pure decisions, from lists of items to one verdict.

Everything here compares in order and by position; repeated content is normal, so nothing is ever looked up by content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.convert.canonical import digest_of, same
from migrate_cli.convert.presence import forms_of
from migrate_cli.model import Item, JsonObject
from migrate_cli.secrets import holds_secret
from migrate_cli.target.conversations import decode

_SCRAMBLED = (
    "the response has the items in a different order than sent; "
    "for such a target, send them one by one: load.batch_items: 1"
)


@dataclass(frozen=True, slots=True)
class Adopt:
    """The items are there, under these ids, in order; an empty list means that nothing arrived."""

    ids: list[str]
    surplus: list[str] = field(default_factory=list)
    """Ids of late copies of our own items, which may be deleted."""


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Something is there that we cannot explain; `seen` says what, without message text."""

    seen: str


def matches(item: Item, got: JsonObject) -> bool:
    """Whether the server's item is this one of ours."""
    return digest_of(got) == item.digest or same(decode(item.body), got)


def echo(sent: Sequence[Item], body: JsonObject) -> Adopt | Unexplained:
    """Check the answer to an append: the same number of items, in order, alike, each with an id."""
    data = body.get("data")
    if not isinstance(data, list) or not all(isinstance(got, dict) for got in data):
        return Unexplained("the response has no list of items")
    if len(data) != len(sent):
        return Unexplained(f"the response has {len(data)} of {len(sent)} items")
    for place, (item, got) in enumerate(zip(sent, data, strict=True)):
        if not matches(item, got) or not has_id(got):
            scrambled = sorted(one.digest for one in sent) == sorted(digest_of(one) for one in data)
            return Unexplained(
                _SCRAMBLED if scrambled else f"item {place + 1} of the response is not the one that was sent"
            )
    return Adopt([got["id"] for got in data])


def prefix(
    items: Sequence[Item], position: int, after_anchor: Sequence[JsonObject], *, unclear: int
) -> Adopt | Unexplained:
    """Compare what comes after the anchor with what was to come from `position` on.

    It must be equal to a prefix of it, and may be followed by late copies: runs of our own items, at most one for each
    of the `unclear` sends.
    """
    ids: list[str] = []
    for got in after_anchor:
        place = position + len(ids)
        if place >= len(items) or not has_id(got) or not matches(items[place], got):
            break
        ids.append(got["id"])
    return _with_surplus(items, ids, after_anchor[len(ids) :], unclear)


def whole(
    items: Sequence[Item], known_ids: Sequence[str], got: Sequence[JsonObject], *, unclear: int
) -> Adopt | Unexplained:
    """Compare a conversation, read back whole, with the thread: our ids in their order, and late copies at most."""
    reading = ReadBack(items, known_ids)
    reading.feed(got)
    return reading.verdict(unclear=unclear)


class ReadBack:
    """A conversation that is read back page by page: `whole` without holding it."""

    def __init__(self, items: Sequence[Item], known_ids: Sequence[str]) -> None:
        self._items, self._ids = items, known_ids
        self._expected = iter(zip(items, known_ids, strict=True))
        self._following = next(self._expected, None)
        self._extra: list[JsonObject] = []
        self._conflict: Unexplained | None = None

    def feed(self, got: Iterable[JsonObject]) -> None:
        """Take the next items of the conversation, oldest first."""
        for item in got:
            if self._following is None or item.get("id") != self._following[1]:
                self._extra.append(item)
                continue
            if self._conflict is None and not matches(self._following[0], item):
                self._conflict = Unexplained(f"item {self._following[1]} is not what was sent")
            self._following = next(self._expected, None)

    def verdict(self, *, unclear: int) -> Adopt | Unexplained:
        """Return what `whole` returns, once all was fed."""
        if self._conflict is not None:
            return self._conflict
        if self._following is not None:
            return Unexplained(f"item {self._following[1]} is missing or in the wrong place")
        return _with_surplus(self._items, list(self._ids), self._extra, unclear)


def _with_surplus(
    items: Sequence[Item], ids: list[str], extra: Sequence[JsonObject], unclear: int
) -> Adopt | Unexplained:
    if not extra:
        return Adopt(ids)
    runs = fewest_runs(*forms_of(items, extra))
    if runs is None or runs > unclear or not all(has_id(item) for item in extra):
        return Unexplained(f"{len(extra)} items are in the conversation that this migration cannot have sent")
    return Adopt(ids, [item["id"] for item in extra])


def fewest_runs(ours: Sequence[bytes], extra: Sequence[bytes]) -> int | None:
    """Return how few runs of consecutive items of ours make up `extra`, or None when some item is not ours at all."""
    places: dict[bytes, list[int]] = {}
    for index, digest in enumerate(ours):
        places.setdefault(digest, []).append(index)
    runs = 0
    candidates: list[int] = []
    for digest in extra:
        candidates = [place + 1 for place in candidates if place + 1 < len(ours) and ours[place + 1] == digest]
        if not candidates:
            if digest not in places:
                return None
            runs += 1
            candidates = list(places[digest])
    return runs


def has_id(item: dict[str, Any]) -> bool:
    """Whether an item has an id that can be stored."""
    identifier = item.get("id")
    return isinstance(identifier, str) and bool(identifier) and not holds_secret(identifier)
