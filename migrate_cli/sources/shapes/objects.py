"""`objects`: thread, run, run-step, assistant and file objects that stand beside the messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.records import Kind, first_kind, kind_of
from migrate_cli.sources.shapes.base import Piece, Shape, loose_pieces


class Objects(Shape):
    """One object, or an array of objects, of the kinds that complete a thread or describe its assistant and files."""

    name = "objects"
    description = "thread, run, run-step, assistant or file objects beside the messages, alone or in an array"

    def matches(self, value: Any) -> bool:
        """Recognise one known object, or an array that begins with one; a message alone counts too."""
        if isinstance(value, list):
            return first_kind(value) not in {None, Kind.MESSAGE}
        return kind_of(value) is not None

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the objects, by kind and thread."""
        yield from loose_pieces(value if isinstance(value, list) else [value])
