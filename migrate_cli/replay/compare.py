"""Compares two replays: which cases changed and why, and what became slower, dearer or less alike. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from migrate_cli.model import JsonObject

_NUMBERS = ("ttft_ms", "total_ms", "input_tokens", "output_tokens", "cost")
_CHANGES = ("worse", "gone", "better", "new", "same")
"""What needs a look first."""
_ALIKE = 0.005
"""Likeness that differs by less is taken to be the same."""


def compare(now: Iterable[Mapping[str, Any]], then: Iterable[Mapping[str, Any]], run_id: str) -> JsonObject:
    """Return the comparison of this run's cases with those of an earlier one, case by case, the worst changes first.

    `change` is `same`, `better`, `worse`, `new` (only now) or `gone` (only then); numbers and likeness stand as
    `[then, now]`; `fails_now` and `holds_now` name expectations. `totals` are of the cases that both runs have:
    `{ttft_ms, total_ms, likeness}` as medians, the rest as sums.
    """
    before = {str(case.get("case_id")): case for case in then}
    after = {str(case.get("case_id")): case for case in now}
    rows = [_row(name, before.get(name), after.get(name)) for name in dict.fromkeys([*after, *before])]
    rows.sort(key=lambda row: (_CHANGES.index(row["change"]), _lost_likeness(row)))
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["change"]] = counts.get(row["change"], 0) + 1
    both = [row for row in rows if row["change"] not in ("new", "gone")]
    return {"run_id": run_id, "counts": counts, "totals": _totals(both), "cases": rows}


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
    likeness = [_likeness(then), _likeness(now)]
    if any(value is not None for value in likeness):
        row["likeness"] = likeness
    if then is not None and now is not None:
        failed, fails = _failed(then), _failed(now)
        row |= {"fails_now": _without(fails, failed), "holds_now": _without(failed, fails)}
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


def _likeness(case: Mapping[str, Any] | None) -> float | None:
    found = case.get("likeness") if case else None
    value = found.get("value") if isinstance(found, Mapping) else None
    return value if isinstance(value, int | float) else None


def _lost_likeness(row: JsonObject) -> float:
    """How much likeness was gained; what lost most comes first."""
    then, now = row.get("likeness") or (None, None)
    if then is None or now is None or abs(now - then) < _ALIKE:
        return 0.0
    return float(now - then)


def _failed(case: Mapping[str, Any]) -> list[str]:
    """Why a case did not hold, by name; runs of earlier versions have only their expectations."""
    if case.get("status") in ("passed", "skipped"):
        return []
    kinds = case.get("kinds")
    if isinstance(kinds, list):
        return [str(kind) for kind in kinds]
    found = case.get("expectations")
    failed = [one for one in found if isinstance(one, Mapping) and one.get("passed") is False] if found else []
    return list(dict.fromkeys(str(one.get("name")) for one in failed))


def _without(names: Sequence[str], others: Sequence[str]) -> list[str]:
    return [name for name in names if name not in others]


def _totals(rows: Sequence[JsonObject]) -> JsonObject:
    found: JsonObject = {}
    for name in (*_NUMBERS, "likeness"):
        pairs = [row[name] for row in rows if name in row and None not in row[name]]
        if pairs:
            combine: Callable[[list[float]], float] = sum if name.endswith("tokens") or name == "cost" else median
            found[name] = [round(combine([pair[side] for pair in pairs]), 6) for side in (0, 1)]
            found[name] = [int(value) for value in found[name]] if name.endswith("tokens") else found[name]
    return found
