"""What the recorded pages of one list show of it: the order of its entries, and whether pages are missing. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

_DEFAULT_LIMIT = 20
"""Entries of a page for which no number was asked."""


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One answer of a list call."""

    number: int
    """The place of the exchange in the recording."""
    ids: Sequence[str]
    """Oldest first."""
    newest_first: bool
    """The order that was asked for."""
    has_more: bool | None
    after: str | None = None
    before: str | None = None
    limit: int | None = None
    filtered: bool = False
    """Whether only a part of the list was asked for, such as the messages of one run."""
    asked: bool = True
    """Whether the request is known; a log may show answers alone."""

    @property
    def goes_on(self) -> bool:
        """Whether more follows on the page: by its word, or because it is as full as it may be."""
        if self.has_more is not None:
            return self.has_more
        return len(self.ids) == (self.limit or _DEFAULT_LIMIT)

    @property
    def last(self) -> str | None:
        """The entry at which the next page would go on."""
        if not self.ids:
            return None
        return self.ids[0] if self.newest_first else self.ids[-1]


@dataclass(slots=True)
class RecordedList:
    """The list as far as its pages show it."""

    order: list[str] = field(default_factory=list)
    """The ids, oldest first."""
    complete_at: int | None = None
    """The exchange with which the list had been seen from one end to the other, the last time."""
    _open: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    """Entries behind which more follows: whether newest first, and whether all before it was seen."""
    _after: dict[str, bool] = field(default_factory=dict)
    """Entries after which a page was asked for that no page before it ends with: whether newest first."""

    def take(self, page: ListedPage, time: Callable[[str], float]) -> None:
        """Add a page; one whose request is not known goes on where the last page ended, if that had more."""
        if not page.asked and self._open:
            page = replace(page, after=list(self._open)[-1])
        if page.ids and not page.filtered:
            self.order = _joined(self.order, list(page.ids), page, time)
        if page.filtered:
            if page.goes_on and page.last is not None:
                self._open[page.last] = (page.newest_first, False)
            return
        whole = self._begins_whole(page)
        self._close(page)
        if page.goes_on and page.last is not None:
            self._open[page.last] = (page.newest_first != (page.before is not None), whole)
        elif whole:
            self.complete_at = page.number
            self._open.clear()
            self._after.clear()

    def _begins_whole(self, page: ListedPage) -> bool:
        """Whether all that is before the page in its order was seen."""
        if page.before is not None:
            return False
        if page.after is None:
            return True
        known = self._open.get(page.after)
        if known is None and page.after not in self.order:
            self._after[page.after] = page.newest_first
        return known is not None and known[1]

    def _close(self, page: ListedPage) -> None:
        if page.after is not None:
            self._open.pop(page.after, None)
        for known in list(self._open):
            passed = known in page.ids and known != page.last
            if passed or (known == page.last and not page.goes_on):
                del self._open[known]

    def missing(self) -> tuple[bool, bool]:
        """Return whether older entries, and whether newer ones, may be missing beyond the pages."""
        older = any(newest for newest, _ in self._open.values())
        newer = any(not newest for newest, _ in self._open.values())
        for known, newest_first in self._after.items():
            if known not in self.order:
                older |= not newest_first
                newer |= newest_first
        return older, newer


def _joined(known: list[str], page: list[str], asked: ListedPage, time: Callable[[str], float]) -> list[str]:
    """Join a page (oldest first) to what was listed before: the same list once more, or the next page of it."""
    if not known:
        return page
    old = set(known)
    if not old.isdisjoint(page):
        return _merged(known, page, old)
    if asked.after in old:
        # The request says where the page goes on.
        place = known.index(str(asked.after)) + (0 if asked.newest_first else 1)
        return [*known[:place], *page, *known[place:]]
    newest, oldest = time(page[-1]), time(known[0])
    # Where a second is shared, the next page goes on in the direction that was asked for.
    older = newest < oldest or (asked.newest_first and newest == oldest)
    return page + known if older else known + page


def _merged(known: list[str], page: list[str], old: set[str]) -> list[str]:
    """Put what is new on a page beside the neighbours that it has there."""
    merged = list(known)
    before: list[str] = []
    last: str | None = None
    for entry in page:
        if entry in old:
            if before:
                place = merged.index(entry)
                merged[place:place] = before
                before = []
            last = entry
        elif last is None:
            before.append(entry)
        else:
            merged.insert(merged.index(last) + 1, entry)
            last = entry
    return merged
