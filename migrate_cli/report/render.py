"""The one function that turns a result into text, and the table of formats.

Renderers are imported on demand: JSON must not wait for rich, nor text for the chart library.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from migrate_cli.model import Result
from migrate_cli.report.interface import OutputFormat, Renderer, View

RENDERERS: dict[OutputFormat, str] = {
    OutputFormat.TEXT: "migrate_cli.report.text",
    OutputFormat.JSON: "migrate_cli.report.json",
    OutputFormat.MARKDOWN: "migrate_cli.report.markdown",
    OutputFormat.JUNIT: "migrate_cli.report.junit",
    OutputFormat.HTML: "migrate_cli.report.html",
}
"""Each module has a function `render(result, view) -> str`."""

DEFAULT_WIDTH = 80


def renderer_for(fmt: OutputFormat) -> Renderer:
    """Import and return the renderer of one format."""
    return cast(Renderer, import_module(RENDERERS[fmt]).render)


def render(
    result: Result,
    fmt: OutputFormat,
    *,
    console_width: int | None = None,
    colour: bool = False,
    with_content: bool = False,
    detailed: bool = False,
    encoding: str | None = None,
) -> str:
    """Return the report as text that ends with a newline; `console_width` None means 80 columns."""
    width = console_width or DEFAULT_WIDTH
    view = View(width, colour, detailed, with_content, encoding or "utf-8")
    return renderer_for(fmt)(result, view)
