"""The registry of message dialects, in the order in which they are tried. Pure.

A dialect is a module with two functions: `matches` tells a record of it, `wire` writes the record as wire messages.
Keys that a dialect does not know stay in the message under their own names, so that they are counted.
"""

from __future__ import annotations

from typing import Protocol

from migrate_cli.model import JsonObject
from migrate_cli.sources.dialects import chat, exchange, flat, items, langchain, ui, wire


class Dialect(Protocol):
    """What a module of this folder offers."""

    def matches(self, raw: JsonObject) -> bool:
        """Whether a record, its names already in the wire's spelling, is of this dialect."""

    def wire(self, raw: JsonObject) -> list[JsonObject]:
        """Return the wire messages that the record means, in order."""


DIALECTS: dict[str, Dialect] = {
    "items": items,
    "langchain": langchain,
    "ui": ui,
    "chat": chat,
    "wire": wire,
    "flat": flat,
    "exchange": exchange,
}
"""Each dialect by its name; the first that matches reads the record."""


def wire_messages(raw: JsonObject) -> tuple[str, list[JsonObject]] | None:
    """Return the name of the dialect that knows a record, and the wire messages that it means; None where none does."""
    for name, dialect in DIALECTS.items():
        if dialect.matches(raw):
            return name, dialect.wire(raw)
    return None
