"""Walks through the items of one conversation, page by page and each once, whatever the target says of its pages.

`has_more` can lie in both directions, `after` can be ignored, and a list can repeat itself forever. It must not
compare or keep items, nor decide what a refusal means.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from migrate_cli.http.outcomes import Page, Refused
from migrate_cli.model import JsonObject

FULL_PAGE = 100
"""Items that are asked for at a time."""
DEFAULT_PAGE = 20
"""The API's own length of a page, which some targets keep to whatever they are asked for."""


class ListsItems(Protocol):
    """The call that a walk needs."""

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        """Return up to 100 items after the anchor, ascending."""


class ItemWalk:
    """One walk through a conversation, to its end. `refused` and `cut_off` are to be looked at after it.

    `expected` is how many items there should be at least, where that is known: a list that ends before is asked on.
    """

    def __init__(
        self,
        target: ListsItems,
        conversation_id: str,
        *,
        images: bool,
        after: str | None = None,
        expected: int | None = None,
    ) -> None:
        self._target, self._conversation, self._images = target, conversation_id, images
        self._after, self._expected = after, expected
        self._shown = 0
        self.addresses = True
        """Whether images' addresses are given on the page that was yielded last, where they are wanted."""
        self.refused: Refused | None = None
        """The target's refusal to list any more."""
        self.cut_off = False
        """A list that was not at its end began again instead of going on, so that what follows cannot be seen."""

    async def pages(self) -> AsyncIterator[list[JsonObject]]:
        """Yield what is new on each page, oldest first."""
        seen: set[int] = set()
        after, promised = self._after, False
        while True:
            page = await self._target.list_items(self._conversation, after=after, images=self._images)
            if isinstance(page, Refused):
                self.refused = page
                return
            fresh = [item for item in page.items if hash(item.get("id")) not in seen] if seen else page.items
            if not fresh:
                self.cut_off = promised and bool(page.items)
                return
            self._shown += len(fresh)
            self.addresses = page.addresses
            yield fresh
            last = fresh[-1].get("id")
            if not (isinstance(last, str) and self._goes_on(page)):
                return
            # A hash is 8 bytes where an id is 80; with a hundred thousand items that counts.
            seen.update(hash(item.get("id")) for item in fresh)
            after, promised = last, is_cut(page)

    def _goes_on(self, page: Page) -> bool:
        """Whether the next page is worth asking for: a short one that promises nothing ends most lists."""
        if page.has_more or len(page.items) >= FULL_PAGE:
            return True
        return len(page.items) == DEFAULT_PAGE if self._expected is None else self._shown < self._expected


def is_cut(page: Page) -> bool:
    """Whether a page has a length at which lists are cut, so that others that always promise more do not count."""
    return len(page.items) >= FULL_PAGE or (page.has_more and len(page.items) >= DEFAULT_PAGE)


def behind(found: list[JsonObject], anchor: str | None) -> list[JsonObject]:
    """Return what comes after the anchor, also where the target ignored it and began at the beginning."""
    places = [place for place, item in enumerate(found) if anchor is not None and item.get("id") == anchor]
    return found[places[0] + 1 :] if places else found
