"""The table of export shapes, in the order in which they are tried."""

from __future__ import annotations

from typing import Any

from migrate_cli.sources.shapes.base import Shape
from migrate_cli.sources.shapes.lines import MessageLines
from migrate_cli.sources.shapes.list_page import ListPage
from migrate_cli.sources.shapes.message_array import MessageArray
from migrate_cli.sources.shapes.objects import Objects
from migrate_cli.sources.shapes.thread_file import ThreadFile

DOCUMENTS: tuple[Shape, ...] = (ThreadFile(), ListPage(), MessageArray(), Objects())
"""Shapes of a file that is one JSON value."""

LINES: tuple[Shape, ...] = (MessageLines(),)
"""Shapes of a file that holds one JSON value a line."""

BY_NAME: dict[str, Shape] = {shape.name: shape for shape in (*DOCUMENTS, *LINES)}
"""Every shape by its name."""

SHAPES: dict[str, str] = {name: shape.description for name, shape in BY_NAME.items()}
"""Every shape's name and its one-line description."""


def document_shape(value: Any, only: str | None = None) -> Shape | None:
    """Return the shape of a parsed JSON document; `only` names the one to try."""
    return _first(DOCUMENTS, value, only)


def line_shape(value: Any, only: str | None = None) -> Shape | None:
    """Return the shape of a file whose first line holds this JSON value."""
    return _first(LINES, value, only)


def _first(shapes: tuple[Shape, ...], value: Any, only: str | None) -> Shape | None:
    for shape in shapes:
        if only in {None, shape.name} and shape.matches(value):
            return shape
    return None
