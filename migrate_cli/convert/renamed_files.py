"""The files of an item under other ids: what a copy of a message tells of them, and the message with them. Pure.

Only the parts of messages name uploaded files by id. It must not know which ids are right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from migrate_cli.convert.canonical import canonical, digest_of, encode
from migrate_cli.model import Item, JsonObject

_FILES = frozenset({"file", "image"})


def renamed_files(sent: JsonObject, got: JsonObject) -> dict[str, str]:
    """Return the new id of each file, where a message is the same but for those; empty where it is not."""
    ours, theirs = canonical(sent), canonical(got)
    if ours[0] != "message" or ours[:2] != theirs[:2] or len(ours[2]) != len(theirs[2]):
        return {}
    found: dict[str, str] = {}
    for part, other in zip(ours[2], theirs[2], strict=True):
        if part == other:
            continue
        named = part[0] in _FILES and part[0] == other[0] and isinstance(part[1], str) and isinstance(other[1], str)
        if not named or found.setdefault(part[1], other[1]) != other[1]:
            return {}
    return found


def with_renamed_files(item: Item, ids: Mapping[str, str]) -> Item:
    """Return a message with these ids in the places of others."""
    if not any(file_id.encode() in item.body for file_id in ids):
        return item
    body: JsonObject = json.loads(item.body)
    if not isinstance(body.get("content"), list):
        return item
    body["content"] = [
        {**part, "file_id": ids[part["file_id"]]} if part.get("file_id") in ids else part for part in body["content"]
    ]
    return replace(item, body=encode(body), digest=digest_of(body))
