"""One collected response, as values that checks, tools and reports read. No logic."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from migrate_cli.model import JsonObject


class Ending(StrEnum):
    """How a response ended."""

    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    BROKEN = "broken"
    """The stream stopped before any of the others was told."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function that the model wants to be called; `arguments` is text, as the model wrote it."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """An MCP tool that waits for a yes or a no."""

    id: str
    server: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that the server ran itself."""

    names: tuple[str, ...]
    """What a suite may call it: the kind (`web_search`), or the MCP tool with and without its server."""
    arguments: str
    """JSON text: what it was given, as far as the stream tells."""
    status: str
    error: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was made, as base64; `partial` counts the sketches before it (0-based), None is the image."""

    item_id: str
    data: str
    partial: int | None = None
    format: str = "png"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more responses."""

    input: int = 0
    cached: int = 0
    """The part of `input` that was read from the server's cache."""
    output: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input + other.input, self.cached + other.cached, self.output + other.output)

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """One response, collected."""

    ending: Ending
    response_id: str | None = None
    model: str | None = None
    text: str = ""
    refusal: str = ""
    items: tuple[JsonObject, ...] = ()
    """The output items, in order."""
    calls: tuple[FunctionCall, ...] = ()
    approvals: tuple[ApprovalRequest, ...] = ()
    uses: tuple[ToolUse, ...] = ()
    annotations: tuple[JsonObject, ...] = ()
    images: tuple[Image, ...] = ()
    reasoning: str = ""
    """Summaries of reasoning."""
    usage: Usage = field(default_factory=Usage)
    error_code: str | None = None
    error_message: str | None = None
    incomplete_reason: str | None = None
    unknown: tuple[JsonObject, ...] = ()
    """Events of types that this program does not know, kept as they came."""
    disorder: int = 0
    """Events that came late or twice."""
    unreadable: int = 0
    """Events that were no JSON object, or had no type."""
    mismatch: bool = False
    """The text that was streamed is not the text that the last event holds; the latter counts."""
