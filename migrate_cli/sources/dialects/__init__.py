"""The registry of message dialects, in the order in which they are tried. Pure.

A dialect is a module with two functions: `matches` tells a record of it, `wire` writes the record as wire messages.
Keys that a dialect does not know stay in the message under their own names, so that they are counted.
"""

from __future__ import annotations

from typing import Protocol

from migrate_cli.model import JsonObject
from migrate_cli.sources.dialects import chat, exchange, flat, items, langchain, ui, wire


class Dialect(Protocol):
    """What a module of this folder offers."""

    def matches(self, raw: JsonObject) -> bool:
        """Whether a record, its names already in the wire's spelling, is of this dialect."""

    def wire(self, raw: JsonObject) -> list[JsonObject]:
        """Return the wire messages that the record means, in order."""


DIALECTS: dict[str, Dialect] = {
    "items": items,
    "langchain": langchain,
    "ui": ui,
    "chat": chat,
    "wire": wire,
    "flat": flat,
    "exchange": exchange,
}
"""Each dialect by its name; the first that matches reads the record."""

DESCRIPTIONS: dict[str, tuple[str, str]] = {
    "items": (
        "items of the Responses and Conversations APIs (`input_text`, `output_text`, `function_call`, `reasoning`, "
        "`web_search_call` …), and whole responses",
        "messages and calls; reasoning goes to the state file",
    ),
    "langchain": (
        "LangChain messages (`type: human`, `ai`, `tool`): plain, under `data` or `kwargs`, or as constructors",
        "messages, with calls and outputs paired",
    ),
    "ui": (
        "messages of the Vercel AI SDK, versions 3 to 5 (`parts`, `toolInvocations`), and those it sends to models",
        "messages, with calls and outputs paired; images and files by URL",
    ),
    "chat": (
        "chat completion messages (`tool_calls`, `function_call`, role `tool`, `content` null, `refusal`, "
        "`audio`), and whole completions",
        "messages, with calls and outputs paired",
    ),
    "wire": ("messages of the Assistants API, v1 and v2; a role and a content", "the same"),
    "flat": ("a message with other field names, in a thread: `sender` and `text`, `from` and `body`", "a message"),
    "exchange": (
        "a prompt and its answer in one record: `prompt` and `response`, `question` and `answer`, `input` and `output`",
        "two messages, `X` and `X-answer`; other columns become metadata",
    ),
}
"""What each dialect looks like, and what its records become, for the docs."""


def wire_messages(raw: JsonObject) -> tuple[str, list[JsonObject]] | None:
    """Return the name of the dialect that knows a record, and the wire messages that it means; None where none does."""
    for name, dialect in DIALECTS.items():
        if dialect.matches(raw):
            return name, dialect.wire(raw)
    return None
