"""What every report format is: a function from one result to one text.

A renderer formats. It must not compute new facts, read files, ask the network or print.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from migrate_cli.model import Result


class OutputFormat(StrEnum):
    """What `--output` takes."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class View:
    """How the reader looks at the report."""

    width: int = 80
    """Columns of the terminal; only the text format cares."""
    colour: bool = False
    """Whether escape sequences for colour may be used; only the text format cares."""
    detailed: bool = False
    """Whether to show what is there for reference; pages always do, so only the text format cares."""
    with_content: bool = False
    """Whether texts of messages may appear; without it no format shows any."""
    encoding: str = "utf-8"
    """That of where it is shown; only the text format cares."""


class Renderer(Protocol):
    """Turns one result into one text, which ends with a newline."""

    def __call__(self, result: Result, view: View) -> str:
        """Render; never raises for odd data, and never shows a control character or a key."""
