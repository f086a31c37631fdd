"""What a comparison can say: five outcomes, and a difference that names what, where and how much. Values only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from migrate_cli.model import JsonObject


class Outcome(StrEnum):
    """One sign for each item, as rclone's check has them."""

    SAME = "="
    MISSING = "-"
    EXTRA = "+"
    DIFFERENT = "*"
    UNREADABLE = "!"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be. `detail` holds positions, lengths, ids and names, never text."""

    outcome: Outcome
    code: str
    """Kebab-case: `missing-item`, `extra-item`, `doubled-item`, `swapped-items`, `moved-item`, `changed-text` …"""
    detail: str
    position: int | None = None
    """Place of the item in what was sent, from 0, as in the view `message_map`; for an extra item, the place in the
    conversation."""
    message_id: str | None = None
    item_id: str | None = None
    kind: str | None = None
    field: str | None = None
    """`role`, `content[1].text`, `arguments`, `order`, `metadata.KEY` …"""
    expected: str | None = None
    """The words around the change, only where contents were asked for."""
    got: str | None = None

    def as_dict(self) -> JsonObject:
        """The difference as reports show it; what is not known is left out."""
        values = {
            "outcome": self.outcome.value, "code": self.code, "position": self.position,
            "message_id": self.message_id, "item_id": self.item_id, "kind": self.kind, "field": self.field,
            "detail": self.detail, "expected": self.expected, "got": self.got,
        }  # fmt: skip
        return {name: value for name, value in values.items() if value is not None}


@dataclass(slots=True)
class Verdict:
    """What the comparison of one conversation found. `outcomes` counts items, `metadata` counts pairs."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    metadata: Counter[Outcome] = field(default_factory=Counter)
    files: Counter[Outcome] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    differences_cut: int = 0
    images_by_presence: int = 0
    """Images whose address the target does not give back, so that they were only seen to be there."""
    not_compared: int = 0
    """Items of which even that is unknown: their images are hidden, and the state file alone knows them, by hash."""
    continued: int = 0
    """New items after the whole history: the conversation has been used since."""
    repeated: int = 0
    """So many of those say what an item of the history says."""
    adopted: int = 0
    """Extra items that a person has accepted."""

    def fails(self, *, strict: bool) -> bool:
        """Whether anything is missing, different, unreadable, or an item too much.

        Pairs and files that are only in the target, and items that a person has accepted, count by `strict` alone.
        """
        bad = self.outcomes + self.metadata + self.files
        if any(count and sign not in (Outcome.SAME, Outcome.EXTRA) for sign, count in bad.items()):
            return True
        return self.extra > 0 if strict else self.outcomes[Outcome.EXTRA] > self.adopted

    @property
    def extra(self) -> int:
        """How many items, pairs and files are only in the target."""
        return sum(counter[Outcome.EXTRA] for counter in (self.outcomes, self.metadata, self.files))
