"""`objects`: thread, run, run-step, assistant and file objects that are next to the messages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from migrate_cli.sources.record_kinds import RecordKind, first_kind, is_list_answer, kind_of
from migrate_cli.sources.shapes.base import Piece, Shape, loose_pieces, page_pieces

_LOOK_AT = 20


class Objects(Shape):
    """One object, an array or named ones, of the kinds that complete a thread or describe its assistant and files."""

    name = "objects"
    description = (
        "thread, run, run-step, assistant or file objects next to the messages: single, keyed by name or in an array"
    )

    def matches(self, value: Any) -> bool:
        """Recognise one known object, or an array that begins with one; a message alone counts too."""
        if isinstance(value, list):
            return first_kind(value) not in {None, RecordKind.MESSAGE}
        return kind_of(value) is not None or _are_named(value)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the objects, by kind and thread."""
        if isinstance(value, list):
            yield from loose_pieces(value)
        elif kind_of(value) is not None:
            yield from loose_pieces([value])
        else:
            for entry in value.values():
                yield from page_pieces(entry) if is_list_answer(entry) else loose_pieces(_gathered(entry))


def _are_named(value: Any) -> bool:
    """Whether an object holds nothing but known objects and list answers, each under a name."""
    if type(value) is not dict or not value:
        return False
    entries = list(islice(value.values(), _LOOK_AT))
    return all(map(_says_what_it_is, entries))


def _says_what_it_is(entry: Any) -> bool:
    if isinstance(entry, list):
        return first_kind(entry) is RecordKind.ASSISTANT
    if is_list_answer(entry) or (kind_of(entry) is not None and "object" in entry):
        return True
    return isinstance(entry, dict) and first_kind(entry.values()) is RecordKind.ASSISTANT


def _gathered(entry: Any) -> list[Any]:
    """Return the objects that are under one name: a list's, those by id, or the one itself."""
    if isinstance(entry, list):
        return entry
    return [entry] if kind_of(entry) is not None else list(entry.values())
