"""The output of a function tool as the text that is sent: JSON or plain, cut to size, errors included. Pure."""

from __future__ import annotations

import json
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.secrets import scrub

_LONGEST_MESSAGE = 2000


def as_output(value: Any, most_bytes: int) -> str:
    """Return a handler's result: a text as it is, anything else as JSON, cut where it stays valid when it is too long.

    A text is cut between characters, a list between its elements; what is cut says so. Any other JSON becomes an
    object that holds its beginning as a text. An empty text becomes two quotation marks, since targets refuse it.
    """
    if isinstance(value, str) and value:
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
    """How much fits has to be tried: quotation marks and backslashes take two bytes inside a text."""
    frame: JsonObject = {"cut": True, "bytes_in_all": size_of(text), "beginning": ""}

    def fits(length: int) -> bool:
        return size_of(_json(frame | {"beginning": text[:length]})) <= most

    fitting, over = 0, min(len(text), most) + 1
    while over - fitting > 1:
        middle = (fitting + over) // 2
        fitting, over = (middle, over) if fits(middle) else (fitting, middle)
    return _json(frame | {"beginning": text[:fitting]})


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_as_text)
    return text.encode("utf-8", "replace").decode()


def _as_text(value: Any) -> str:
    """A date, a decimal or a path has a text of its own; that of any other object says only where it lies."""
    text = str(value)
    if f"at 0x{id(value):x}" in text:
        raise TypeError(f"it returned a {type(value).__name__}, which is not JSON")
    return text
