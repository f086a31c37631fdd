"""The document of `undo --dry-run`: what would be deleted, one line for each conversation or agent."""

from __future__ import annotations

from migrate_cli.model import Result
from migrate_cli.report.document import (
    Column,
    ReportDocument,
    SentenceList,
    Table,
    objects,
    problems,
    steps,
    text,
    tone_of,
)
from migrate_cli.report.escape import number

SHOWN = 100
"""Conversations that a terminal and Markdown list; the other formats have up to a thousand."""


def build(result: Result) -> ReportDocument:
    """Return the document."""
    found = objects(result.data, "would_delete")
    rows = tuple(
        (text(entry.get("thread")), number(entry.get("items")), text(entry.get("conversation"))) for entry in found
    )
    agents = [text(name) for name in result.data.get("would_delete_agents") or ()]
    total = result.data.get("conversations")
    cut = max(0, total - len(found)) if isinstance(total, int) else 0
    columns = (Column("thread"), Column("items", numeric=True), Column("conversation"))
    table = Table("Would be deleted", columns, rows, most=SHOWN, unlisted=cut, what="conversation")
    named = tuple(
        (text(entry.get("source_store_id")), number(entry.get("files")), text(entry.get("target_store_id")))
        for entry in objects(result.data, "would_delete_stores")
    )
    heads = (Column("made from"), Column("files", numeric=True), Column("vector store"))
    more = Table("Vector stores", heads, named, most=SHOWN, what="vector store")
    return ReportDocument(
        title="migrate-cli undo",
        headline=text(result.data.get("message")),
        tone=tone_of(result),
        sections=(
            *((table,) if rows else ()),
            *((more,) if named else ()),
            *((SentenceList("Agents that would be deleted", tuple(agents[:SHOWN])),) if agents else ()),
            *problems(result),
        ),
        next_steps=steps(result),
    )
