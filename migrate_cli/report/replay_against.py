"""What changed between an earlier replay and this one, the worst first. Pure."""

from __future__ import annotations

from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.report.document import Column, Table, counts, objects, text
from migrate_cli.report.escape import NOTHING, number
from migrate_cli.report.replay_numbers import milliseconds, money, share
from migrate_cli.report.verdict_kinds import STATUSES

SHOWN = 100
"""Cases that a terminal and Markdown show."""


def comparison_table(data: JsonObject) -> Table | None:
    """What changed against an earlier run; cases that did not change are counted only."""
    found = data.get("comparison")
    if not isinstance(found, dict):
        return None
    changed = [entry for entry in objects(found, "cases") if _is_change(entry)]
    rows = tuple(
        (
            text(entry.get("case_id")),
            text(entry.get("change")),
            _then_now(entry.get("status"), _status),
            _then_now(entry.get("likeness"), share),
            _then_now(entry.get("ttft_ms"), milliseconds),
            _then_now(entry.get("total_ms"), milliseconds),
            _then_now(entry.get("output_tokens"), number),
            _because(entry),
        )
        for entry in changed
    )
    names = ("case", "change", "status", "likeness", "first token", "total", "tokens out", "why")
    told = ", ".join(f"{number(count)} {name}" for name, count in counts(found, "counts").items())
    whole = _then_now_totals(found)
    note = ". ".join(filter(None, (told, whole))) + "." if told or whole else None
    title = f"Against {text(found.get('run_id'))}"
    if not rows:
        return Table(title, (Column(""), Column("")), (("cases that changed", "0"),), note)
    return Table(title, tuple(Column(name) for name in names), rows, note, prose=True, most=SHOWN, what="case")


def _is_change(entry: JsonObject) -> bool:
    """Whether a case is worth a row: its verdict, its reasons or its likeness are others."""
    likeness = entry.get("likeness")
    moved = isinstance(likeness, list) and None not in likeness and abs(likeness[1] - likeness[0]) >= 0.05
    return entry.get("change") != "same" or bool(entry.get("fails_now") or entry.get("holds_now")) or moved


def _status(value: object) -> str:
    return STATUSES.get(text(value), text(value))


def _because(entry: JsonObject) -> str:
    parts = [
        f"{said} {', '.join(str(name) for name in entry[key])}"
        for key, said in (("fails_now", "fails now:"), ("holds_now", "holds now:"))
        if entry.get(key)
    ]
    return "; ".join(parts) or NOTHING


def _then_now_totals(found: JsonObject) -> str:
    totals = found.get("totals")
    if not isinstance(totals, dict):
        return ""
    shown = {
        "ttft_ms": ("median time to the first token", milliseconds),
        "total_ms": ("median time", milliseconds),
        "likeness": ("median likeness", share),
        "input_tokens": ("tokens in", number),
        "output_tokens": ("tokens out", number),
        "cost": ("cost", money),
    }
    told = ((said, _then_now(totals.get(key), form)) for key, (said, form) in shown.items())
    parts = [f"{said} {moved}" for said, moved in told if moved != NOTHING]
    return f"Of the cases that both have: {', '.join(parts)}" if parts else ""


def _then_now(values: object, form: Any) -> str:
    if not isinstance(values, list) or len(values) != 2:
        return NOTHING
    then, now = (form(value) for value in values)
    return str(then) if then == now else f"{then} → {now}"
