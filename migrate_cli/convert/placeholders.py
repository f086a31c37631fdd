"""Files whose records were lost with the state file: their placeholders in items, and what was there instead. Pure.

The placeholder of an uploaded file is its id in the source; that of a transcript is a word of ours. A conversation
that is otherwise identical reveals both. It must not know what is right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from migrate_cli.convert.canonical import canonical, digest_of, encode
from migrate_cli.convert.limits import FILE_ID
from migrate_cli.model import Item, JsonObject

_FILES = frozenset({"file", "image"})
_SPOKEN = re.compile(f"…{FILE_ID.pattern}…")


def spoken_in(file_id: str) -> str:
    """Return the placeholder for the transcript of a file."""
    return f"…{file_id}…"


def what_stood_there(sent: JsonObject, got: JsonObject) -> dict[str, str]:
    """Return ids and transcripts by their placeholders, where a message is the same except for those; else nothing."""
    ours, theirs = canonical(sent), canonical(got)
    if ours[0] != "message" or ours[:2] != theirs[:2] or len(ours[2]) != len(theirs[2]):
        return {}
    found: dict[str, str] = {}
    for part, other in zip(ours[2], theirs[2], strict=True):
        if part == other:
            continue
        pair = _pair(part, other)
        if pair is None or found.setdefault(*pair) != pair[1]:
            return {}
    return found


def _pair(part: list[Any], other: list[Any]) -> tuple[str, str] | None:
    if part[0] != other[0] or not isinstance(part[1], str) or not isinstance(other[1], str):
        return None
    if part[0] in _FILES:
        return part[1], other[1]
    marks = _SPOKEN.findall(part[1]) if part[0] == "text" else []
    if len(marks) != 1:
        return None
    before, _, after = part[1].partition(marks[0])
    spoken = other[1][len(before) : len(other[1]) - len(after)]
    return (marks[0], spoken) if spoken and f"{before}{spoken}{after}" == other[1] else None


def with_values(item: Item, values: Mapping[str, str]) -> Item:
    """Return a message with these values in the places of their placeholders."""
    body: JsonObject = json.loads(item.body)
    if not isinstance(body.get("content"), list):
        return item
    parts = [_filled(part, values) for part in body["content"]]
    if parts == body["content"]:
        return item
    body["content"] = parts
    return item._replace(body=encode(body), digest=digest_of(body))


def _filled(part: JsonObject, values: Mapping[str, str]) -> JsonObject:
    if part.get("file_id") in values:
        return {**part, "file_id": values[part["file_id"]]}
    text = part.get("text")
    if not isinstance(text, str) or "…" not in text:
        return part
    return {**part, "text": _SPOKEN.sub(lambda mark: values.get(mark[0], mark[0]), text)}
