"""What a terminal shows of a report unless details are asked for: a few numbers, and the worst problems.

It chooses from the data of a result and formats nothing. It must not hold a fact that the full report lacks.
"""

from __future__ import annotations

from collections.abc import Iterable

from migrate_cli.model import JsonObject, Result, placed
from migrate_cli.report.catalogue import finding_rows
from migrate_cli.report.document import Brief, Plain, Trouble, counts, objects
from migrate_cli.report.unread import places

NAMED = 5
"""Threads that a problem names."""
PROBLEMS = 4
"""Kinds of problem that are shown; the others are counted."""


def brief(
    result: Result,
    facts: Iterable[str],
    *extra: Trouble,
    listing: str = "",
    asked: Iterable[Plain | None] = (),
) -> Brief:
    """Return the short form: the given lines, the troubles of the caller, errors, unreadable places and findings.

    `listing` is the command that lists all threads of a finding, without the code; empty where there is none. `asked`
    are sections that a person asked for by an option.
    """
    findings = _of_findings(result.data)
    loud = [found for found in findings if found.severity != "info"]
    told = {found.code for found in (*extra, *loud)}
    kinds = [*extra, *(one for one in _of_errors(result) if one.code not in told), *_of_places(result.data), *loud]
    kinds.sort(key=lambda one: one.severity != "error")
    shown = tuple(kinds[:PROBLEMS])
    codes = {found.code for found in findings}
    listed = next((one.code for one in shown if one.code in codes and one.count > len(one.where)), None)
    return Brief(
        tuple(line for line in facts if line),
        shown,
        hidden=len(kinds) - len(shown),
        notes=len(findings) - len(loud),
        listing=f"{listing} {listed}" if listed and listing else "",
        asked=tuple(section for section in asked if section is not None),
    )


def _of_findings(data: JsonObject) -> list[Trouble]:
    threads = data.get("finding_threads")
    known = threads if isinstance(threads, dict) else {}
    return [
        Trouble(
            row.severity,
            row.code,
            row.count,
            f"{row.meaning} {row.advice}".strip(),
            tuple(map(str, known.get(row.code) or ()))[:NAMED],
        )
        for row in finding_rows(data)
    ]


def _of_errors(result: Result) -> list[Trouble]:
    """The result's errors by code, without those that stand among the unreadable places already."""
    listed = {placed(str(one.get("origin")), str(one.get("detail"))) for one in objects(result.data, "unreadable")}
    found: dict[str, list[tuple[str, str]]] = {}
    for problem in result.errors:
        if problem.message not in listed:
            found.setdefault(problem.code, []).append((problem.thread_id or "", problem.message))
    return [
        Trouble("error", code, len(met), met[0][1], tuple(name for name, _ in met[:NAMED] if name))
        for code, met in found.items()
    ]


def _of_places(data: JsonObject) -> list[Trouble]:
    found: dict[str, list[JsonObject]] = {}
    for entry in places(data):
        found.setdefault(str(entry.get("code")), []).append(entry)
    return [
        Trouble("error", code, len(met), str(met[0].get("detail")), tuple(str(one["origin"]) for one in met[:NAMED]))
        for code, met in found.items()
    ]


def in_state(data: JsonObject, key: str, meaning: str) -> tuple[Trouble, ...]:
    """The threads that the data lists under a key, as one problem."""
    listed = objects(data, key)
    count = max(counts(data, "threads").get(key, 0), len(listed))
    names = tuple(str(entry.get("thread_id")) for entry in listed[:NAMED])
    return (Trouble("error", key.replace("_", " "), count, meaning, names),) if count else ()
