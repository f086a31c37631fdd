"""`message-array`: a bare JSON array of messages, of one thread or of many, oldest or newest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.record_kinds import RecordKind, first_kind
from migrate_cli.sources.shapes.base import Piece, Shape, loose_pieces


class MessageArray(Shape):
    """`[message, …]`; runs and run steps may stand among the messages."""

    name = "message-array"
    description = "a bare JSON array of messages, of one thread or of several"

    def matches(self, value: Any) -> bool:
        """Recognise an array whose first known object is a message."""
        return isinstance(value, list) and first_kind(value) is RecordKind.MESSAGE

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the messages, by thread."""
        yield from loose_pieces(value)
