"""What a document is that holds nothing: `[]`, `{}`, a list without threads, an answer without entries. Pure.

It is not a format that could be asked for by name; it only keeps an empty export apart from one that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.record_kinds import RecordKind, is_list_answer
from migrate_cli.sources.shapes.base import Growth, Loose, Piece, Shape

_LISTS = frozenset({"threads", "conversations", "data", "items"})


class Nothing(Shape):
    """A document without any entry."""

    name = "empty"
    description = "a document that holds nothing"
    growth = Growth.NONE

    def matches(self, value: Any) -> bool:
        """Recognise a document that is empty, whoever wrote it."""
        return is_empty(value)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give an empty list of messages, which is about the thread that the file is named after, if it is."""
        if value == []:
            yield Loose(RecordKind.MESSAGE, [])


def is_empty(value: Any) -> bool:
    """Whether a document holds no entry: nothing at all, one empty list of threads, or answers without entries."""
    if isinstance(value, list):
        return all(is_list_answer(page) and not page["data"] for page in value)
    if is_list_answer(value) and not value["data"]:
        return True
    return type(value) is dict and all(key in _LISTS and entries in ([], {}) for key, entries in value.items())
