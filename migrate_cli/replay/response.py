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
class ClientCall:
    """A call that the client must answer; `client_calls.py` knows the kinds."""

    call_id: str
    """Empty where the server gave none, so that nothing can answer it."""
    name: str
    """The name of the function or custom tool; of others, the kind of tool, as a suite calls it."""
    arguments: str
    """What the tool is given, as text: as the model wrote it, or as JSON."""
    kind: str = "function_call"
    """The type of the item."""
    namespace: str | None = None
    caller: JsonObject | None = None
    """What made the call, where that was a program of the model; it goes back with the answer."""

    @property
    def names(self) -> tuple[str, ...]:
        """What a suite may call the tool."""
        return (self.name,) if self.namespace is None else (self.name, f"{self.namespace}.{self.name}")

    @property
    def full_name(self) -> str:
        """The name with its namespace, for people."""
        return self.names[-1]


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
    succeeded: bool = True
    """Whether it ran to its end without an error."""


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
    """The answer; what the model says on the way (`phase: commentary`) is none."""
    refusal: str = ""
    items: tuple[JsonObject, ...] = ()
    """The output items, in order."""
    calls: tuple[ClientCall, ...] = ()
    """The calls that a client must answer."""
    approvals: tuple[ApprovalRequest, ...] = ()
    uses: tuple[ToolUse, ...] = ()
    annotations: tuple[JsonObject, ...] = ()
    images: tuple[Image, ...] = ()
    reasoning: str = ""
    """Summaries of reasoning; where there are none, the reasoning itself."""
    usage: Usage = field(default_factory=Usage)
    usage_told: bool = False
    """Whether the server said how many tokens it took."""
    error_code: str | None = None
    error_message: str | None = None
    incomplete_reason: str | None = None
    unknown: tuple[JsonObject, ...] = ()
    """Events of types that this program does not know, kept as they came."""
    unknown_items: tuple[str, ...] = ()
    """Types of output items that this program does not know."""
    disorder: int = 0
    """Events that came late or twice."""
    unreadable: int = 0
    """Events that were no JSON object, or had no type."""
    mismatch: bool = False
    """The text that was streamed is not the text that the last event holds; the latter counts."""
