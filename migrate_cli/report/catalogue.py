"""Looks a finding up in `findings.CATALOGUE`: how much it matters, what it means, what to do. It must know no codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from migrate_cli.findings import CATALOGUE
from migrate_cli.model import JsonObject
from migrate_cli.report.document import counts, objects

ORDER = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One code with its count, for the tables of every format."""

    code: str
    count: int
    severity: str
    meaning: str
    advice: str


def finding_rows(data: JsonObject) -> list[FindingRow]:
    """Findings by code: errors first, then by count."""
    seen = _severities(objects(data, "finding_list"))
    rows = [_row(code, count, seen.get(code)) for code, count in counts(data, "findings").items() if count]
    return sorted(rows, key=lambda row: (ORDER.get(row.severity, 1), -row.count, row.code))


def _row(code: str, count: int, seen: str | None) -> FindingRow:
    entry = CATALOGUE.get(code)
    if entry is None:
        # A state file of a newer version may hold codes that this one does not know.
        return FindingRow(code, count, seen or "warning", "", "")
    advice = "" if entry.action == "Nothing." else entry.action
    return FindingRow(code, count, seen or entry.severity, entry.meaning, advice)


def _severities(findings: Iterable[JsonObject]) -> dict[str, str]:
    """The worst severity that each code was met with in this run; the catalogue only knows the usual one."""
    worst: dict[str, str] = {}
    for finding in findings:
        code, severity = str(finding.get("code")), str(finding.get("severity"))
        if severity in ORDER and ORDER[severity] < ORDER.get(worst.get(code, ""), 3):
            worst[code] = severity
    return worst
