"""What becomes of each part of a message's content: a registry of one function for each type of part.

A converter writes into the message's builder and returns the part's fate; annotations are counted by themselves, and
converters of tool calls and outputs count theirs and return None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from migrate_cli.convert import content, message_calls
from migrate_cli.convert.attachments import input_file
from migrate_cli.convert.message_builder import MessageBuilder
from migrate_cli.model import Fate, JsonObject

PartConverter = Callable[[MessageBuilder, JsonObject], Fate | None]

CONVERTERS: dict[str, PartConverter] = {
    "text": content.text,
    "input_text": content.text,
    "output_text": content.text,
    "refusal": content.refusal,
    "image_url": content.image_url,
    "image_file": content.image_file,
    "input_image": content.input_image,
    "input_file": input_file,
    "tool_call": message_calls.tool_call,
    "tool_output": message_calls.tool_output,
    "reasoning": message_calls.reasoning,
    "app_step": message_calls.app_step,
}
"""One function for each type of content part; a new type is one more line here."""


def convert_part(builder: MessageBuilder, part: Any) -> Fate | None:
    """Write one entry of `content` and return its fate; an entry that nobody knows is noted and set aside."""
    if isinstance(part, str):
        return content.write_text(builder, part)
    kind = part.get("type") if isinstance(part, Mapping) else None
    convert = CONVERTERS.get(kind) if isinstance(kind, str) else None
    return convert(builder, part) if convert else content.unsupported_part(builder, part)
