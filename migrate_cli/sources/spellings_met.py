"""Remembers which spellings and dialects of messages were met, for the report on how a source was read.

Each set of names is looked at once, so that remembering costs little; it must not change a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.secrets import scrub
from migrate_cli.sources.spelling import plain_name

_MOST = 1_000
"""Sets of names that are remembered."""
MOST_SHOWN = 100
"""Spellings that are told."""
_AS_THEY_ARE = frozenset({"wire", "flat"})
_WIRE = {"text": "content", "message_id": "id"}


class SpellingsMet:
    """What was met since it was last asked."""

    def __init__(self) -> None:
        self._known: set[tuple[str, ...]] = set()
        self._told: dict[str, None] = {}

    def note(self, raw: JsonObject, dialect: str, record: JsonObject) -> None:
        """Note a record and the wire message that it became."""
        names = (dialect, *raw)
        if names in self._known or len(self._known) >= _MOST:
            return
        self._known.add(names)
        if dialect not in _AS_THEY_ARE:
            self._told[f"dialect {dialect}"] = None
        for name, value in raw.items():
            if len(self._told) >= MOST_SHOWN:
                return
            wire = None if name in record else _wire_name(name, value, record)
            if wire is not None:
                self._told[f"{scrub(str(name))} as {wire}"] = None

    def taken(self) -> tuple[str, ...]:
        """Return what was met, and start over."""
        told = tuple(self._told)
        self._known.clear()
        self._told.clear()
        return told


def _wire_name(name: str, value: Any, record: JsonObject) -> str | None:
    plain = plain_name(str(name))
    alike = next((one for one in record if plain_name(one) == plain), None)
    if alike is not None or value is None or value == "":
        return alike
    return next((one for one, entry in record.items() if entry is value), None)


def of_columns(found: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the columns of rows that have other names than the wire's fields."""
    pairs = {(column, _WIRE.get(field, field)): None for columns in found for field, column in columns.items()}
    return tuple(f"{scrub(column)} as {wire}" for column, wire in pairs if column != wire)[:MOST_SHOWN]
