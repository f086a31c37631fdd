"""`list-page`: answers of the API's list calls, saved as they came; several pages of one thread are joined later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.record_kinds import RecordKind, first_kind, is_list_answer
from migrate_cli.sources.shapes.base import Loose, Piece, Shape, beside, page_pieces

PAGE = frozenset({"object", "data", "first_id", "last_id", "has_more"})


class ListPage(Shape):
    """`{"object": "list", "data": […]}` of messages, runs, steps, assistants or files; or an array of pages."""

    name = "list-page"
    description = 'responses of the list calls: {"object": "list", "data": [messages]}, one page or several'

    def matches(self, value: Any) -> bool:
        """Recognise one list answer, or an array of list answers."""
        if isinstance(value, list):
            return bool(value) and all(self.matches(page) and isinstance(page, dict) for page in value)
        return is_list_answer(value) and (not value["data"] or first_kind(value["data"]) is not None)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the objects of each page, by thread."""
        for page in value if isinstance(value, list) else [value]:
            if page["data"]:
                yield from page_pieces(page)
            else:
                yield Loose(RecordKind.MESSAGE, [], None, api_page=True)

    def frame(self, value: Any) -> list[str]:
        """Return what the pages say beside their lists."""
        names = [name for page in (value if isinstance(value, list) else [value]) for name in beside(page, PAGE)]
        return list(dict.fromkeys(names))
