"""The document of `map`: one row for each id that was looked up."""

from __future__ import annotations

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.document import Column, ReportDocument, Section, Table, objects, problems, steps, text, tone_of
from migrate_cli.report.escape import number, plural

MIDDLE = (
    "thread_id",
    "message_id",
    "conversation_id",
    "item_id",
    "source_file_id",
    "target_file_id",
    "source_store_id",
    "target_store_id",
    "assistant_id",
    "agent",
    "state",
    "status",
    "last_response_id",
)
"""The fields that people look ids up for, in this order; JSON has all of them."""


def build(result: Result) -> ReportDocument:
    """Return the document."""
    rows = objects(result.data, "rows")
    known = {str(row.get("id")) for row in rows if row.get("found") is not None}
    asked = {str(row.get("id")) for row in rows}
    headline = f"{number(len(known))} of {plural(len(asked), 'id')} {'is' if len(known) == 1 else 'are'} known."
    sections: list[Section] = [_table(rows)] if rows else []
    sections += _children(rows)
    return ReportDocument("migrate-cli map", headline, tone_of(result), (*sections, *problems(result)), steps(result))


def _table(rows: list[JsonObject]) -> Table:
    names = [name for name in MIDDLE if any(row.get(name) is not None for row in rows)]
    # The id that was asked for repeats one of the fields, unless it is not known.
    shown = ["found", *names] if all(row.get("found") is not None for row in rows) else ["id", "found", *names]
    columns = tuple(Column("is a" if name == "found" else name.removesuffix("_id").replace("_", " ")) for name in shown)
    return Table("", columns, tuple(tuple(text(row.get(name)) for name in shown) for row in rows))


def _children(rows: list[JsonObject]) -> list[Section]:
    """Return the threads that connected agents worked in, beside those that called them."""
    found = [(row, child) for row in rows for child in objects(row, "children")]
    if not found:
        return []
    names = ("thread", "call", "thread of the agent", "its conversation")
    cells = tuple(
        (
            text(row.get("thread_id")),
            text(child.get("call_id")),
            text(child.get("child_thread_id")),
            text(child.get("child_conversation_id") or "not migrated"),
        )
        for row, child in found
    )
    return [Table("Connected agents", tuple(Column(name) for name in names), cells)]
