"""The document of `report --list`: the runs of a state file, one per line."""

from __future__ import annotations

from datetime import datetime

from migrate_cli.errors import ExitCode
from migrate_cli.model import JsonObject, Result
from migrate_cli.report.document import Column, ReportDocument, Table, objects, problems, steps, text, tone_of
from migrate_cli.report.escape import NOTHING, duration

COLUMNS = (Column("run"), Column("command"), Column("status"), Column("exit"), Column("began (UTC)"), Column("took"))


def build(result: Result) -> ReportDocument:
    """Return the document."""
    rows = tuple(_row(run) for run in objects(result.data, "runs"))
    return ReportDocument(
        title="migrate-cli report",
        headline=text(result.data.get("message")),
        tone=tone_of(result),
        sections=(*((Table("Runs", COLUMNS, rows),) if rows else ()), *problems(result)),
        next_steps=steps(result, *((f"Show one of them again: migrate-cli report {rows[0][0]}",) if rows else ())),
    )


def ending_of(run: JsonObject) -> str:
    """Return how a run ended, as people say it: one that was asked to stop tells itself from one that was killed."""
    if run.get("exit_code") == ExitCode.INTERRUPTED:
        return "interrupted"
    return "broken off" if run.get("status") == "interrupted" else text(run.get("status"))


def _row(run: JsonObject) -> tuple[str, ...]:
    began, ended = _moment(run.get("started_at")), _moment(run.get("ended_at"))
    return (
        text(run.get("id")),
        text(run.get("command")),
        ending_of(run),
        text(run.get("exit_code")),
        NOTHING if began is None else began.strftime("%Y-%m-%d %H:%M"),
        NOTHING if began is None or ended is None else duration((ended - began).total_seconds()),
    )


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None
