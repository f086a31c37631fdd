"""Puts an object together out of the deltas of a stream, as far as they came. Pure."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from migrate_cli.model import JsonObject

_NOT_JOINED = frozenset(
    {
        *("id", "type", "object", "role", "file_id", "status", "detail", "name"),
        *("server_label", "thread_id", "run_id", "agent_id", "assistant_id"),
    }
)
"""Texts that come whole, and are not pieces of a longer one."""
_MOST_PLACES = 10_000


def add_delta(raw: JsonObject, delta: JsonObject) -> None:
    """Add one delta to an object, in place: texts grow, lists are joined by their `index`."""
    for key, value in delta.items():
        if key == "index":
            continue
        known = raw.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            add_delta(known, value)
        elif isinstance(value, list) and isinstance(known, list):
            _add_entries(known, value)
        elif isinstance(value, str) and isinstance(known, str) and key not in _NOT_JOINED:
            raw[key] = known + value
        elif value is not None:
            raw[key] = _begun(value)


def _add_entries(known: list[Any], entries: list[Any]) -> None:
    for entry in entries:
        place = entry.get("index") if isinstance(entry, dict) else None
        if type(place) is not int or not 0 <= place < _MOST_PLACES:
            known.append(_begun(entry))
            continue
        while len(known) <= place:
            known.append({})
        if isinstance(known[place], dict):
            add_delta(known[place], entry)


def _begun(value: Any) -> Any:
    """Return a value as the first of its deltas: without the places of its entries."""
    if isinstance(value, dict):
        return {key: _begun(inner) for key, inner in value.items() if key != "index"}
    if isinstance(value, list):
        fresh: list[Any] = []
        _add_entries(fresh, value)
        return fresh
    return deepcopy(value)


def without_gaps(parts: list[Any]) -> list[Any]:
    """Return the parts of which anything came."""
    return [part for part in parts if part != {}]
