"""`message-lines`: JSON Lines with a wire object a line. Reading the lines is `scan.py`'s job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.records import kind_of
from migrate_cli.sources.shapes.base import Piece, Shape, loose_pieces


class MessageLines(Shape):
    """A message a line, threads mixed or not; runs, run steps and other objects may stand among them."""

    name = "message-lines"
    description = "JSON Lines with a message a line, threads mixed or not"

    def matches(self, value: Any) -> bool:
        """Recognise the object of one line."""
        return kind_of(value) is not None

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the object of one line."""
        yield from loose_pieces([value])
