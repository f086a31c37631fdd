"""The document of `doctor`: each check with its verdict, facts about the target, and the settings that were changed."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.brief import brief
from migrate_cli.report.document import (
    Brief,
    Column,
    ReportDocument,
    Section,
    Table,
    Tone,
    Trouble,
    objects,
    steps,
    text,
)
from migrate_cli.report.escape import number, plural
from migrate_cli.report.source_words import source_alone, target_words

_NAMES_NO_SOURCE = re.compile(r"migrate-cli (?:apply|verify|doctor)(?= --| &&|$)")
"""Commands of an advice that take the source which was looked at."""
_TOLD = ("source", "state")
"""Checks that are told with what they found where all is well with them: the others are only named."""
_SEVERITIES = {"failure": "error", "warning": "warning"}


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
        next_steps=steps(result, *_next(result.data, checks)),
        brief=_brief(result, checks),
    )


def _headline(bad: int, odd: int) -> str:
    if bad:
        return f"{plural(bad, 'check')} failed" + (f", and {plural(odd, 'warning')}." if odd else ".")
    if odd:
        return f"A migration can run; read {plural(odd, 'warning')} first."
    return "All is well."


def _brief(result: Result, checks: list[JsonObject]) -> Brief:
    """What is wrong, with why; of what is well, no more than its name and what was found of source and state."""
    well = [check for check in checks if check.get("verdict") == "ok"]
    facts, settings = objects(result.data, "facts"), objects(result.data, "settings")
    names = [str(row.get("setting")) for row in settings if row.get("changed")]
    others = plural(len(settings) - len(names), "other setting")
    lines = [
        f"OK: {' · '.join(str(check.get('check')) for check in well)}" if well else "",
        *(f"{check['check']}: {text(check.get('detail'))}" for check in well if check.get("check") in _TOLD),
        f"Found out about the target: {plural(len(facts), 'fact')}; -v lists them" if facts else "",
        f"Changed settings: {', '.join(names[:5])}{' …' if names[5:] else ''}; {others} as by default" if names else "",
    ]
    wrong = (
        Trouble(_SEVERITIES[str(check["verdict"])], text(check.get("check")), 0, text(check.get("detail")))
        for check in checks
        if check.get("verdict") in _SEVERITIES
    )
    return replace(brief(replace(result, errors=[]), lines, *wrong), whole=True)


def _next(data: JsonObject, checks: list[JsonObject]) -> tuple[str, ...]:
    """What each check advises, failures first, and then what leads on."""
    ordered = sorted(checks, key=lambda check: check.get("verdict") != "failure")
    advice = list(dict.fromkeys(str(check["next"]) for check in ordered if check.get("next")))
    source, verdict = source_alone(data), {str(check.get("check")): check.get("verdict") for check in checks}
    bad = {name for name, found in verdict.items() if found == "failure"}
    readable = verdict.get("source") == "ok"
    if bad and readable and bad <= {"key", "target", "target key", "target API"}:
        advice.append(f"Rehearse meanwhile, without a key and a network: migrate-cli apply{source} --target sandbox")
    if bad:
        advice.append(f"Then look again: migrate-cli doctor{source}{target_words(data)}")
    elif readable:
        advice.append(f"See what would become of everything, without sending it: migrate-cli plan{source}")
    elif not advice:
        advice.append("Start a settings file, if there is none yet: migrate-cli init")
    return tuple(_NAMES_NO_SOURCE.sub(lambda found: found[0] + source, step) for step in advice)


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
