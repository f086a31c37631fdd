"""Opens a path as a source; the shapes are told by content, never by file name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from migrate_cli.errors import SourceError
from migrate_cli.sources.export import ExportSource
from migrate_cli.sources.inputs import walk
from migrate_cli.sources.interface import Source
from migrate_cli.sources.shapes import SHAPES

__all__ = ["SHAPES", "open_source"]


def open_source(path: str, *, format: str = "auto", columns: Mapping[str, str] | None = None) -> Source:
    """Return the export at a path. Raises SourceError for what cannot be read at all.

    `format` is `auto` or the name of a shape in `SHAPES`.
    """
    del columns
    if format != "auto" and format not in SHAPES:
        raise SourceError(f"There is no format {format}; known are auto, {', '.join(SHAPES)}.", code="unknown-format")
    root = Path(path).expanduser()
    if not root.exists():
        raise SourceError(f"There is no file or folder {path}; name the export as SOURCE.", code="no-such-path")
    if root.is_dir() and next(walk(root), None) is None:
        raise SourceError(f"The folder {path} is empty; name the folder that holds the export.", code="empty-folder")
    return ExportSource(root, None if format == "auto" else format)
