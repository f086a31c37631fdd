"""Compares two replays: which cases changed their status, and what became slower or took more tokens. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from migrate_cli.model import JsonObject

_NUMBERS = ("ttft_ms", "total_ms", "input_tokens", "output_tokens", "cost")


def compare(now: Iterable[Mapping[str, Any]], then: Iterable[Mapping[str, Any]], run_id: str) -> JsonObject:
    """Return the comparison of this run's cases with those of an earlier one, case by case.

    `change` is `same`, `better`, `worse`, `new` (only now) or `gone` (only then); numbers stand as `[then, now]`.
    """
    before = {str(case.get("case_id")): case for case in then}
    after = {str(case.get("case_id")): case for case in now}
    rows = [_row(name, before.get(name), after.get(name)) for name in dict.fromkeys([*after, *before])]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["change"]] = counts.get(row["change"], 0) + 1
    return {"run_id": run_id, "counts": counts, "cases": rows}


def _row(name: str, then: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> JsonObject:
    row: JsonObject = {
        "case_id": name,
        "change": _change(then, now),
        "status": [then and then.get("status"), now and now.get("status")],
    }
    for number in _NUMBERS:
        values = [then.get(number) if then else None, now.get(number) if now else None]
        if any(value is not None for value in values):
            row[number] = values
    return row


def _change(then: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    if then is None or now is None:
        return "new" if then is None else "gone"
    before, after = _score(then), _score(now)
    return "same" if before == after else "better" if after > before else "worse"


def _score(case: Mapping[str, Any]) -> float:
    rate = case.get("pass_rate")
    if isinstance(rate, int | float):
        return float(rate)
    return 1.0 if case.get("status") == "passed" else 0.0
