"""`message-lines`: JSON Lines with a wire object a line, threads mixed or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.records import kind_of
from migrate_cli.sources.shapes.base import Form, Piece, Shape, loose_pieces


class MessageLines(Shape):
    """A message a line; runs, run steps and other objects may stand among them."""

    name = "message-lines"
    description = "JSON Lines with a message a line, threads mixed or not"
    form = Form.LINES

    def matches(self, value: Any) -> bool:
        """Recognise the object of one line."""
        return kind_of(value) is not None

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the object of one line."""
        yield from loose_pieces([value])
