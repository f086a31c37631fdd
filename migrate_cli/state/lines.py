"""The lines of the list of ids next to a state file: what a state cannot be rebuilt without, should all else be lost.

Each line is JSON and bears a number that only grows, so that a gap, and a list that knows less, can be told. The first
line says whose list it is. Pure: no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_HEAD = "migrate-cli"
_FACTS = ("setup", "file", "vector_store", "scratch", "abandoned", "refused_item", "agent")
"""Tables whose rows are in the list as they are."""


@dataclass(frozen=True, slots=True)
class IdLine:
    """A conversation was made, or its thread reached a state."""

    thread_id: str
    conversation_id: str
    at: str
    """ISO 8601, UTC."""
    state: str | None = None
    """None when the conversation was just made; `loaded`, `undone`, `forgotten` …"""
    items: int | None = None
    digest: str | None = None
    """The thread's digest when it was loaded."""

    def fields(self) -> dict[str, Any]:
        """What the line says."""
        told: dict[str, Any] = {"thread_id": self.thread_id, "conversation_id": self.conversation_id, "at": self.at}
        if self.state is not None:
            told |= {"state": self.state, "items": self.items}
        return told | ({"digest": self.digest} if self.digest else {})


@dataclass(frozen=True, slots=True)
class FactLine:
    """A row of another table, or (`gone`) that it was deleted."""

    table: str
    row: Mapping[str, Any]
    gone: bool = False

    def fields(self) -> dict[str, Any]:
        """What the line says."""
        return {self.table: dict(self.row)} | ({"gone": True} if self.gone else {})


Line = IdLine | FactLine


@dataclass(frozen=True, slots=True)
class ListHead:
    """The first line: the state's id, and the number up to which the lines after it were written at once."""

    state: str
    line: int

    def encode(self) -> bytes:
        """The line as JSON, with its newline."""
        return _encoded({_HEAD: "map", "state": self.state, "n": self.line})


def encode(line: Line, number: int) -> bytes:
    """Return a line as JSON, with its number and newline."""
    return _encoded(line.fields() | {"n": number})


def decode(raw: bytes) -> tuple[Line | ListHead, int | None] | None:
    """Return what a line says and its number (None in a list of an older version); None for what is no line."""
    try:
        data = json.loads(raw)
        number = data.get("n")
        return _read(data), number if number is None else int(number)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _read(data: dict[str, Any]) -> Line | ListHead:
    if _HEAD in data:
        return ListHead(str(data["state"]), int(data["n"]))
    for table in _FACTS:
        if isinstance(data.get(table), dict):
            return FactLine(table, data[table], bool(data.get("gone")))
    return IdLine(
        data["thread_id"],
        data["conversation_id"],
        data["at"],
        data.get("state"),
        data.get("items"),
        data.get("digest"),
    )


_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
"""Made once: two lines are written for each thread."""


def _encoded(fields: dict[str, Any]) -> bytes:
    return _ENCODE(fields).encode() + b"\n"
