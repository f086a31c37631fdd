"""`messages-capped`: what some export tools write, `{"Messages": […]}`, newest first and cut at 100."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.record_kinds import RecordKind, first_kind, is_list_answer
from migrate_cli.sources.shapes.base import Piece, Shape, beside, loose_pieces, said_more
from migrate_cli.sources.shapes.thread_file import entries_of

CAP = 100
"""The longest page of the list call: a tool that never asked for a second page stops here."""


class MessagesCapped(Shape):
    """`{"Messages": …}` with one page of messages, as a list or as the list call's answer."""

    name = "messages-capped"
    description = 'an export tool\'s file: {"Messages": [messages]}, newest first, limited to 100'

    def matches(self, value: Any) -> bool:
        """Recognise the key, whose capital letter tells the shape from a thread."""
        if type(value) is not dict or "Messages" not in value:
            return False
        messages = value["Messages"]
        return (isinstance(messages, list) or is_list_answer(messages)) and _are_messages(entries_of(messages)[0])

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the messages, with a remark where there may have been more."""
        raws, verbatim = entries_of(value["Messages"])
        more = said_more(value["Messages"] if verbatim else value)
        for piece in loose_pieces(raws, api_page=True, has_more=more):
            if piece.kind is RecordKind.MESSAGE and len(piece.raws) >= CAP:
                piece.has_more = True
            yield piece

    def frame(self, value: Any) -> list[str]:
        """Return what is next to the list."""
        return beside(value, frozenset({"Messages", "has_more", "first_id", "last_id"}))


def _are_messages(raws: list[Any]) -> bool:
    return not raws or first_kind(raws) is RecordKind.MESSAGE
