"""The document of `assistants`: the configuration of each, its files, and what was lost."""

from __future__ import annotations

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.catalogue import finding_rows
from migrate_cli.report.document import Column, ReportDocument, Section, Table, objects, problems, steps, text, tone_of
from migrate_cli.report.escape import NOTHING, number, plural


def build(result: Result) -> ReportDocument:
    """Return the document."""
    rows = objects(result.data, "assistants")
    written = sum(len(row.get("files") or ()) for row in rows)
    ending = f", in {plural(written, 'file')}" if written else ""
    headline = f"{plural(len(rows), 'assistant')} became {plural(len(rows), 'response configuration')}{ending}."
    sections: list[Section] = [_table(rows)] if rows else []
    sections += _findings(result.data)
    verbatim = result.data.get("verbatim")
    advice = ("Try one: migrate-cli replay FILE.yaml",) if written else ()
    return ReportDocument(
        "migrate-cli assistants",
        headline if rows else _none(result),
        tone_of(result),
        (*sections, *problems(result)),
        steps(result, *advice),
        verbatim if isinstance(verbatim, str) else None,
    )


def _none(result: Result) -> str:
    what = "What could be read of the source" if result.errors else "The source"
    return f"{what} holds no assistant, and no run or message names one."


def _table(rows: list[JsonObject]) -> Table:
    names = ("assistant", "name", "model", "tools", "threads", "written to")
    columns = tuple(Column(name, numeric=name == "threads") for name in names)
    return Table("", columns, tuple(_row(row) for row in rows))


def _row(row: JsonObject) -> tuple[str, ...]:
    config = row.get("config") or {}
    tools = ", ".join(str(tool.get("name") or tool.get("type")) for tool in config.get("tools") or ())
    return (
        text(row.get("assistant_id")),
        text(row.get("name")),
        text(config.get("model")),
        tools or NOTHING,
        number(row.get("threads")),
        ", ".join(row.get("files") or ()) or NOTHING,
    )


def _findings(data: JsonObject) -> list[Section]:
    rows = tuple((row["code"], row["severity"], row["detail"]) for row in objects(data, "finding_list"))
    if not rows or not finding_rows(data):
        return []
    return [Table("Findings", (Column("finding"), Column("severity"), Column("what")), rows, prose=True)]
