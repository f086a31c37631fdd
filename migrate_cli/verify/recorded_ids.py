"""Under which ids the items of a thread are at the target, as the state file has them. Pure.

Content decides what an item is; ids only tell where the history ends, what became of an item, and whose a copy is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from migrate_cli.model import Item
from migrate_cli.verify.align import common_blocks


@dataclass(frozen=True, slots=True)
class RecordedIds:
    """The ids of expected items, by place. Without a state file nothing is known."""

    ids: Sequence[str | None] = ()
    """None for an item that never arrived."""
    own: frozenset[str] = field(default=frozenset())
    """The same ids as a set."""
    adopted: frozenset[str] = field(default=frozenset())
    """Ids of items that a person has accepted, although the thread does not have them."""
    asked: bool = False
    """The state file was asked, so that an item without an id never arrived."""

    @classmethod
    def of(
        cls, expected: Sequence[Item], digests: Sequence[bytes], ids: Sequence[str], *, changed: bool
    ) -> RecordedIds:
        """Lay the recorded items beside the expected ones; they differ where the source changed or a person adopted."""
        found: list[str | None] = [None] * len(expected)
        for at, there, length in common_blocks([item.digest for item in expected], digests):
            found[at : at + length] = ids[there : there + length]
        own = frozenset(one for one in found if one is not None)
        adopted = frozenset() if changed else frozenset(ids) - own
        return cls(found, own, adopted, asked=True)

    @property
    def last(self) -> str | None:
        """The id of the last item of the thread, if it arrived."""
        return self.ids[-1] if self.ids else None
