"""The document of `doctor`: each check with its verdict, facts about the target, and the settings that were changed."""

from __future__ import annotations

from collections import Counter

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.document import Column, ReportDocument, Section, Table, Tone, objects, steps, text
from migrate_cli.report.escape import number, plural


def build(result: Result) -> ReportDocument:
    """Return the document."""
    checks = objects(result.data, "checks")
    verdicts = Counter(str(check.get("verdict")) for check in checks)
    bad, odd = verdicts["failure"], verdicts["warning"]
    sections = [_checks(checks), _facts(objects(result.data, "facts")), _settings(objects(result.data, "settings"))]
    return ReportDocument(
        title="migrate-cli doctor",
        headline=_headline(bad, odd),
        tone=Tone.BAD if bad else Tone.MIXED if odd else Tone.GOOD,
        sections=tuple(section for section in sections if section is not None),
        next_steps=steps(result, *(str(check["next"]) for check in checks if check.get("next"))),
    )


def _headline(bad: int, odd: int) -> str:
    if bad:
        return f"{plural(bad, 'check')} failed" + (f", and {plural(odd, 'warning')}." if odd else ".")
    if odd:
        return f"A migration can run; read {plural(odd, 'warning')} first."
    return "All is well."


def _checks(checks: list[JsonObject]) -> Section:
    rows = tuple((text(check.get("check")), text(check.get("verdict")), text(check.get("detail"))) for check in checks)
    return Table("Checks", (Column("check"), Column("verdict"), Column("what was found")), rows)


def _facts(facts: list[JsonObject]) -> Section | None:
    rows = tuple((text(fact.get("fact")), text(fact.get("answer")), text(fact.get("detail"))) for fact in facts)
    columns = (Column("fact"), Column("answer"), Column("what it means"))
    return Table("What the target does", columns, rows) if rows else None


def _settings(settings: list[JsonObject]) -> Section | None:
    chosen = [row for row in settings if row.get("changed")]
    rows = tuple((text(row.get("setting")), number(row.get("value")), text(row.get("from"))) for row in chosen)
    others = len(settings) - len(chosen)
    note = f"{plural(others, 'other setting')} as by default; --output json lists all." if others else None
    columns = (Column("setting"), Column("value"), Column("from"))
    return Table("Settings that differ from the default", columns, rows, note) if rows else None
