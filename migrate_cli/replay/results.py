"""What a function tool hands back, as the text that is sent: JSON or plain, never too long, errors included. Pure."""

from __future__ import annotations

import json
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.secrets import scrub

_LONGEST_MESSAGE = 2000


def as_output(value: Any, most_bytes: int) -> str:
    """Return a handler's result: a text as it is, anything else as JSON, cut where it stays valid when it is too long.

    A text is cut between characters, a list between its elements; what is cut says so. Any other JSON becomes an
    object that holds its beginning as a text.
    """
    if isinstance(value, str):
        return _cut_text(value, most_bytes)
    text = _json(value)
    if size_of(text) <= most_bytes:
        return text
    return _cut_list(value, most_bytes) if isinstance(value, list | tuple) else _cut_value(text, most_bytes)


def failure(kind: str, message: str) -> str:
    """Return an error as an output that the model can read."""
    return _json({"error": {"type": kind, "message": scrub(message)[:_LONGEST_MESSAGE]}})


def size_of(text: str) -> int:
    """The bytes of a text as it is sent."""
    return len(text.encode("utf-8", "surrogatepass"))


def _cut_text(text: str, most: int) -> str:
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return data.decode()
    note = f"\n[cut: {len(data)} bytes in all]"
    return data[: max(0, most - len(note))].decode("utf-8", "ignore") + note


def _cut_list(values: list[Any] | tuple[Any, ...], most: int) -> str:
    kept: list[str] = []
    total = len(values)
    room = most - size_of(_json({"cut": True, "elements_in_all": total, "elements": []}))
    for value in values:
        text = _json(value)
        room -= size_of(text) + 1
        if room < 0:
            break
        kept.append(text)
    return f'{{"cut":true,"elements_in_all":{total},"elements":[{",".join(kept)}]}}'


def _cut_value(text: str, most: int) -> str:
    data = text.encode("utf-8", "replace")
    frame: JsonObject = {"cut": True, "bytes_in_all": len(data), "beginning": ""}
    room = most - size_of(_json(frame))
    # Quotation marks and backslashes take two bytes inside a text: give way until it fits.
    while room > 0:
        frame["beginning"] = data[:room].decode("utf-8", "ignore")
        over = size_of(_json(frame)) - most
        if over <= 0:
            return _json(frame)
        room -= over
    return _json(frame | {"beginning": ""})


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "replace").decode()
