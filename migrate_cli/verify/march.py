"""March two streams of items: what was sent, and what the target gives back. Pure; the caller fetches and feeds.

As long as both agree nothing is held. From the first difference on, the hashes of what comes are kept, and the few
items that were never sent, so that at the end each item has exactly one outcome and each difference its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from migrate_cli.convert.canonical import digest_of
from migrate_cli.model import Item, JsonObject
from migrate_cli.verify.outcome import Difference, Outcome, Verdict
from migrate_cli.verify.settle import Seen, settle

BODIES = 200
"""Foreign items that are kept whole, to say how they differ; of more, only that they differ."""


class March:
    """Takes the target's items in order, then gives the verdict.

    `expected` items with an empty body are known by their hash alone (from the state file). `excerpts` allows a few
    words of text in the differences.
    """

    def __init__(self, expected: Sequence[Item], *, excerpts: bool = False) -> None:
        self._expected = expected
        self._excerpts = excerpts
        self._agreed = 0
        self._seen: list[Seen] = []
        self._ours: set[bytes] = set()
        self._bodies = 0
        self._cut_off = False

    def feed(self, items: Iterable[JsonObject]) -> None:
        """Take the next items of the conversation, oldest first."""
        for item in items:
            digest = digest_of(item)
            if not self._seen and self._agreed < len(self._expected):
                if digest == self._expected[self._agreed].digest:
                    self._agreed += 1
                    continue
                self._ours = {sent.digest for sent in self._expected}
            self._keep(item, digest)

    def cut_off(self) -> None:
        """Take note that the target shows no more of a conversation that goes on: of the rest nothing is known."""
        self._cut_off = True

    def finish(self) -> Verdict:
        """Return the verdict on all items; metadata and files are compared elsewhere."""
        shown = self._agreed + len(self._seen)
        if not self._cut_off or shown >= len(self._expected):
            return self._compared(self._expected)
        verdict = self._compared(self._expected[:shown])
        rest = len(self._expected) - shown
        verdict.outcomes[Outcome.UNREADABLE] += rest
        detail = (
            f"the target shows the first {shown} items and, asked for what comes after them, begins again: the other "
            f"{rest} cannot be compared"
        )
        verdict.differences.append(Difference(Outcome.UNREADABLE, "list-cut-off", detail))
        return verdict

    def _compared(self, expected: Sequence[Item]) -> Verdict:
        if self._agreed == len(expected) and not self._seen:
            return Verdict(outcomes=Counter({Outcome.SAME: self._agreed}))
        return settle(expected, self._agreed, self._seen, excerpts=self._excerpts)

    def _keep(self, item: JsonObject, digest: bytes) -> None:
        """Items after the whole history are new turns, of which nothing needs to be known."""
        foreign = self._agreed < len(self._expected) and digest not in self._ours and self._bodies < BODIES
        self._bodies += foreign
        identifier = item.get("id")
        self._seen.append(
            Seen(
                digest,
                identifier if isinstance(identifier, str) else None,
                str(item.get("type") or "message"),
                item if foreign else None,
            )
        )


def gone(expected: Sequence[Item], detail: str) -> Verdict:
    """The verdict on a conversation that is no longer there: every item is missing, told once."""
    difference = Difference(Outcome.MISSING, "conversation-gone", detail)
    return Verdict(outcomes=Counter({Outcome.MISSING: len(expected)}), differences=[difference])


def unread(expected: Sequence[Item], code: str, detail: str) -> Verdict:
    """The verdict on a conversation that the target would not show."""
    return Verdict(
        outcomes=Counter({Outcome.UNREADABLE: len(expected)}),
        differences=[Difference(Outcome.UNREADABLE, code, detail)],
    )
