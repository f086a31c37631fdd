"""What the Assistants API answered, v1 and v2, as SDKs and tools saved it; also plain messages of a role and a text."""

from __future__ import annotations

from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.dialects.parts import calls_of


def matches(raw: JsonObject) -> bool:
    """Recognise a message by its content, and by its role, thread, assistant or object."""
    if "content" not in raw:
        return raw.get("object") == "thread.message"
    return "role" in raw or "thread_id" in raw or "assistant_id" in raw or raw.get("object") == "thread.message"


def wire(raw: JsonObject) -> list[JsonObject]:
    """Return the message, the same object where nothing is to be changed."""
    content = raw.get("content")
    if type(content) is list:
        for part in content:
            if type(part) is dict and (type(part.get("text")) is list or type(part.get("tool_call")) is dict):
                return [{**raw, "content": [one for entry in content for one in _parts(entry)]}]
    return [raw]


def _parts(part: Any) -> list[Any]:
    """Return a part for each entry of a text that is a list of values, and a call as the dialects write it."""
    if type(part) is dict and part.get("type") == "tool_call" and type(part.get("tool_call")) is dict:
        return calls_of(part["tool_call"])
    if type(part) is not dict or type(part.get("text")) is not list:
        return [part]
    return [{**part, "text": text} for text in part["text"]]
