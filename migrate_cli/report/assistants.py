"""The document of `assistants`: the configuration of each, its files, and what was lost."""

from __future__ import annotations

import shlex

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.catalogue import finding_rows
from migrate_cli.report.document import (
    Column,
    ReportDocument,
    Section,
    Table,
    counts,
    objects,
    problems,
    steps,
    text,
    tone_of,
)
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
    suites = [str(file) for row in rows for file in row.get("files") or () if str(file).endswith(".yaml")]
    advice: tuple[str, ...] = (f"Try one: migrate-cli replay {shlex.quote(suites[0])}",) if suites else ()
    if isinstance(result.data.get("agents"), dict):
        headline, advice = _agents_headline(result), _agents_advice(result, advice)
    return ReportDocument(
        "migrate-cli assistants",
        headline if rows else _none(result),
        tone_of(result),
        (*sections, *problems(result)),
        steps(result, *advice),
        verbatim if isinstance(verbatim, str) else None,
    )


def _agents_headline(result: Result) -> str:
    """What became of agents, or would."""
    if result.data.get("dry_run"):
        return text(result.data.get("message"))
    found = counts(result.data, "agents")
    made, there = found.get("made", 0), found.get("there", 0)
    left = sum(found.values()) - made - there
    parts = [f"{plural(made, 'agent')} {'was' if made == 1 else 'were'} made at {text(result.data.get('target'))}"]
    parts += [f"{number(there)} {'was' if there == 1 else 'were'} there already"] if there else []
    parts += [f"{number(left)} {'was' if left == 1 else 'were'} not made"] if left else []
    return f"{', '.join(parts)}."


def _agents_advice(result: Result, advice: tuple[str, ...]) -> tuple[str, ...]:
    if result.data.get("dry_run"):
        found = counts(result.data, "agents")
        wanted = found.get("make", 0) + found.get("renew", 0)
        return ("Create them: run the same command without --dry-run",) if wanted else ()
    rows = [row.get("agent") or {} for row in objects(result.data, "assistants")]
    agent = next((row["agent"] for row in rows if row.get("agent")), None)
    return (*advice, f"See which assistant an agent came from: migrate-cli map {agent}") if agent else advice


def _none(result: Result) -> str:
    what = "What could be read of the source" if result.errors else "The source"
    return f"{what} holds no assistant, and no run or message names one."


def _table(rows: list[JsonObject]) -> Table:
    names = ("assistant", "name", "model", "tools", "threads", "written to")
    columns = tuple(Column(name, numeric=name == "threads") for name in names)
    cells = [_row(row) for row in rows]
    if any("agent" in row for row in rows):
        columns += (Column("agent"), Column("outcome"))
        cells = [(*own, *_agent(row.get("agent") or {})) for own, row in zip(cells, rows, strict=True)]
    return Table("", columns, tuple(cells))


def _agent(row: JsonObject) -> tuple[str, str]:
    return text(row.get("agent") or row.get("name")), text(row.get("outcome")).replace("-", " ")


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
