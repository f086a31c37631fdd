"""Compares two streams of items: what was sent, and what the target returns. Pure; the caller fetches and feeds.

Nothing is held as long as both agree. From the first difference on, the hashes of what follows are kept, and the few
items that were never sent, so that in the end each item has exactly one outcome and each difference a name. What comes
after the whole history is counted, and held only as far as a report can list it. It must not fetch or write anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from migrate_cli.convert.canonical import digest_of
from migrate_cli.convert.presence import Presence, hidden_images
from migrate_cli.model import CONVERSATION_GONE, Item, JsonObject
from migrate_cli.verify.classify import settle
from migrate_cli.verify.divergence import Divergence, ListedItem, TrailingItems
from migrate_cli.verify.outcome import Difference, Outcome, Verdict
from migrate_cli.verify.recorded_ids import RecordedIds

BODIES = 200
"""Foreign items that are kept whole, to say how they differ; of more, only that they differ."""


class ItemComparison:
    """Takes the target's items in order, then gives the verdict.

    `expected` items with an empty body are known by their hash alone (from the state file). `known` tells under which
    ids they are at the target; it is asked at most once, and only where something is not as it was sent. `excerpts`
    allows a few words of text in the differences.
    """

    def __init__(
        self, expected: Sequence[Item], *, known: Callable[[], RecordedIds] | None = None, excerpts: bool = False
    ) -> None:
        self._expected = expected
        self._ask = known
        self._known: RecordedIds | None = None
        self._excerpts = excerpts
        self._agreed = 0
        self._came = 0
        self._seen: list[ListedItem] = []
        self._later = TrailingItems()
        self._ended = False
        """The whole history was seen: what comes now comes after it, unless the state knows its id."""
        self._ours: frozenset[bytes] | None = None
        self._bodies = 0
        self._cut_off = False
        self._presence: Presence | None = None
        self._not_compared = 0

    def feed(self, items: Iterable[JsonObject], *, addresses: bool = True) -> None:
        """Take the next items of the conversation, oldest first. `addresses`: the target gives those of images."""
        if not addresses and self._presence is None:
            self._presence = Presence(self._expected)
        for item in items:
            digest = digest_of(item) if addresses or self._presence is None else self._presence.digest_of(item)
            self._came += 1
            if self._agrees(digest):
                self._agreed += 1
            elif not addresses and hidden_images(item) and self._is_next_by_hash_alone():
                self._agreed += 1
                self._not_compared += 1
            else:
                self._take(item, digest, addresses=addresses)

    def cut_off(self) -> None:
        """Take note that the target shows no more of a conversation that goes on: of the rest nothing is known."""
        self._cut_off = True

    def finish(self) -> Verdict:
        """Return the verdict on all items; metadata and files are compared elsewhere."""
        verdict = self._verdict()
        verdict.images_by_presence = self._presence.images if self._presence is not None else 0
        verdict.not_compared = self._not_compared
        return verdict

    def _verdict(self) -> Verdict:
        shown = self._came
        if not self._cut_off or shown >= len(self._expected):
            return self._compared(self._expected)
        verdict = self._compared(self._expected[:shown])
        rest = len(self._expected) - shown
        verdict.outcomes[Outcome.UNREADABLE] += rest
        detail = (
            f"the target shows the first {shown} items and, asked for what comes after them, starts over: the other "
            f"{rest} cannot be compared"
        )
        verdict.differences.append(Difference(Outcome.UNREADABLE, "list-cut-off", detail))
        return verdict

    def _compared(self, expected: Sequence[Item]) -> Verdict:
        if self._agreed == len(expected) and not self._seen and not self._later.count:
            return Verdict(outcomes=Counter({Outcome.SAME: self._agreed}))
        parted = Divergence(expected, self._agreed, self._seen, self._later, self._ended, self._asked())
        return settle(parted, excerpts=self._excerpts)

    def _asked(self) -> RecordedIds:
        """What the state file knows; it is asked the first time."""
        if self._known is None:
            self._known = self._ask() if self._ask is not None else RecordedIds()
        return self._known

    def _agrees(self, digest: bytes) -> bool:
        """Whether an item is the next that was sent, and nothing else has come before it."""
        if self._seen or self._agreed == len(self._expected):
            return False
        return digest == self._expected[self._agreed].digest

    def _is_next_by_hash_alone(self) -> bool:
        """Whether the next item that was sent is known by a hash, of which nothing tells how it looks when hidden."""
        return not self._seen and self._agreed < len(self._expected) and not self._expected[self._agreed].body

    def _take(self, item: JsonObject, digest: bytes, *, addresses: bool) -> None:
        """Take an item from where both streams parted."""
        if self._ours is None:
            self._ours = frozenset(sent.digest for sent in self._expected)
            self._ended = self._agreed == len(self._expected)
        known = self._asked()
        one = self._seen_one(item, digest, self._ours)
        one.addresses = addresses
        if self._ended and one.item_id not in known.own:
            self._later.take(one)
            return
        self._seen += self._later.given_back()
        self._seen.append(one)
        # A target that numbers again has none of the ids, and then content says where the history ends.
        self._ended = self._ended or (one.item_id is not None and one.item_id == known.last)

    def _seen_one(self, item: JsonObject, digest: bytes, ours: frozenset[bytes]) -> ListedItem:
        """Of items after the whole history nothing needs to be known but whether they are copies."""
        is_ours = digest in ours
        foreign = not self._ended and not is_ours and self._bodies < BODIES
        self._bodies += foreign
        identifier = item.get("id")
        item_id = identifier if isinstance(identifier, str) else None
        kind = str(item.get("type") or "message")
        return ListedItem(self._came - 1, digest, item_id, kind, is_ours, item if foreign else None)


def gone(expected: Sequence[Item], detail: str) -> Verdict:
    """The verdict on a conversation that is no longer there: every item is missing, told once."""
    difference = Difference(Outcome.MISSING, CONVERSATION_GONE, detail)
    return Verdict(outcomes=Counter({Outcome.MISSING: len(expected)}), differences=[difference])


def unread(expected: Sequence[Item], code: str, detail: str) -> Verdict:
    """The verdict on a conversation that the target would not show."""
    return Verdict(
        outcomes=Counter({Outcome.UNREADABLE: len(expected)}),
        differences=[Difference(Outcome.UNREADABLE, code, detail)],
    )
