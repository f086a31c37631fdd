"""Where two streams of items stopped agreeing, and what came after it: values. It must not decide what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from migrate_cli.model import Item, JsonObject
from migrate_cli.verify.recorded_ids import RecordedIds

LISTED = 100
"""Differences listed for one conversation; all are counted."""


@dataclass(slots=True)
class ListedItem:
    """One item that came after both streams had parted; `body` only where it was never sent."""

    place: int
    """In the conversation, from 0."""
    digest: bytes
    item_id: str | None
    kind: str
    ours: bool
    """It says what some item of ours says."""
    body: JsonObject | None = None
    addresses: bool = True
    """Whether the target gives the addresses of its images."""


@dataclass(slots=True)
class TrailingItems:
    """What came after the whole history: counted, and kept only as far as it can be listed."""

    copies: int = 0
    foreign: int = 0
    kept: list[ListedItem] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many items came."""
        return self.copies + self.foreign

    def take(self, one: ListedItem) -> None:
        """Count an item."""
        self.copies += one.ours
        self.foreign += not one.ours
        if len(self.kept) < LISTED:
            self.kept.append(one)

    def given_back(self) -> list[ListedItem]:
        """Give back what was kept, because it was not the end yet: something of ours came after it."""
        back, self.kept = self.kept, []
        self.copies -= sum(one.ours for one in back)
        self.foreign -= sum(not one.ours for one in back)
        return back


@dataclass(frozen=True, slots=True)
class Divergence:
    """Two streams that did not agree to their end."""

    expected: Sequence[Item]
    agreed: int
    """So many items at the start were the same on both sides."""
    seen: Sequence[ListedItem]
    """What came then, to the end of the history."""
    later: TrailingItems
    """What came after it."""
    ended: bool
    """It is certain where the history ends; else the rest of `seen` may be a new turn."""
    known: RecordedIds
