"""`wire`: messages as the Assistants API answered them. Pure."""

from __future__ import annotations

from migrate_cli.model import JsonObject


def matches(raw: JsonObject) -> bool:
    """Recognise an object that says that it is a message."""
    return raw.get("object") == "thread.message"


def wire(raw: JsonObject) -> list[JsonObject]:
    """Return the message as it is."""
    return [raw]
