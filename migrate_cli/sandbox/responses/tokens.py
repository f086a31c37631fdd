"""Token counts by a fixed estimate: four characters per token, four tokens per message. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.encoding import encode
from migrate_cli.sandbox.responses.context_queries import parts_of, text_of

CONTEXT_WINDOW = 400_000
"""Tokens that a model takes at most."""
PER_ITEM = 4
PER_IMAGE = 255
PER_FILE = 500


def tokens_in(text: str) -> int:
    """Tokens of a text."""
    return (len(text) + 3) // 4


def item_tokens(item: JsonObject) -> int:
    """Tokens of one item in the context."""
    if item["type"] == "message":
        kinds = [part.get("type") for part in parts_of(item)]
        extra = PER_IMAGE * kinds.count("input_image") + PER_FILE * kinds.count("input_file")
        return PER_ITEM + extra + tokens_in(text_of(item))
    if item["type"] == "image_generation_call":
        return PER_IMAGE
    shown = {key: value for key, value in item.items() if key not in ("id", "status", "type")}
    return PER_ITEM + tokens_in(encode(shown).decode())


def context_tokens(items: Iterable[JsonObject], instructions: str | None, tools: list[JsonObject]) -> int:
    """Tokens of everything that the model is given."""
    whole = sum(item_tokens(item) for item in items)
    return whole + tokens_in(instructions or "") + (tokens_in(encode(tools).decode()) if tools else 0)


def usage(input_tokens: int, output: list[JsonObject]) -> JsonObject:
    """The `usage` of a response."""
    thought = sum(item_tokens(item) for item in output if item["type"] == "reasoning")
    written = sum(item_tokens(item) for item in output)
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": input_tokens + written,
    }
