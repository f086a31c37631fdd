"""Citations and file paths in texts, by policy."""

from __future__ import annotations

from typing import Any

from migrate_cli.convert.sheet import Sheet
from migrate_cli.model import Fate, JsonObject


def cite(sheet: Sheet, text: str, annotations: list[Any]) -> tuple[str, list[JsonObject]]:
    """Return the text and its native annotations, and book the fate of each old annotation."""
    if annotations:
        sheet.book.set_aside("annotations", annotations, sheet.message.id)
        sheet.book.count(Fate.NOTED, len(annotations))
        sheet.find("citation-aside", f"{len(annotations)} annotations are in the state file.")
    return text, []
