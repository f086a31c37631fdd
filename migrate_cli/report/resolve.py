"""The document of `resolve`: the facts of one thread, and the texts at stake where they are shown."""

from __future__ import annotations

from dataclasses import replace

from migrate_cli.model import JsonObject, Result
from migrate_cli.report import generic
from migrate_cli.report.document import ReportDocument, TextComparison, TextPair, objects, text


def build(result: Result) -> ReportDocument:
    """Return the document."""
    document = generic.build(result)
    pairs = tuple(_pair(row) for thread in objects(result.data, "content") for row in objects(thread, "rows"))
    if not pairs:
        return document
    return replace(document, sections=(*document.sections, TextComparison("Texts", "thread", "conversation", pairs)))


def _pair(row: JsonObject) -> TextPair:
    source, target = row.get("source"), objects(row, "target")
    place = "" if row.get("position") is None else f"item {row['position']}"
    whose = [f"message {row['message_id']}"] if row.get("message_id") else []
    heading = ", ".join(filter(None, [place, *whose])) or "in the conversation only"
    left = text(source.get("text")) if isinstance(source, dict) else None
    return TextPair(heading, left, text(target[0].get("text")) if target else None)
