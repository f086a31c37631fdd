"""`message-lines`: JSON Lines with a wire object a line, threads mixed or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.record_kinds import RecordKind, first_kind, kind_of
from migrate_cli.sources.shapes.base import Form, Loose, Piece, Shape, loose_pieces


class MessageLines(Shape):
    """A message a line; runs, run steps and other objects may stand among them."""

    name = "message-lines"
    description = "JSON Lines with one message per line, threads mixed or not"
    form = Form.LINES

    def matches(self, value: Any) -> bool:
        """Recognise the object of one line, or the messages that it became."""
        return kind_of(value) is not None or (isinstance(value, list) and first_kind(value) is RecordKind.MESSAGE)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the objects of one line."""
        yield from loose_pieces(self.entries(value))

    def records(self, value: Any) -> list[Loose]:
        """Return the objects of one line, by a short way for what most lines are."""
        if type(value) is dict and value.get("object") == "thread.message":
            return [Loose(RecordKind.MESSAGE, [value], clean_id(value.get("thread_id")))]
        return super().records(value)
