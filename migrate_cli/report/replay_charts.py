"""Charts of a replay: how like the answers are, and what they took beside the old setup or an earlier run.

Only cases of which both sides are known are drawn side by side; each chart says how many those are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.charts import Chart, bars
from migrate_cli.report.document import counts, objects
from migrate_cli.report.escape import number, plural
from migrate_cli.report.replay_pairs import MEASURES, Pair, known, old_pairs
from migrate_cli.report.verdict_kinds import likeness_sentence

_RAN = frozenset({"stopped", "skipped"})


def replay_charts(result: Result) -> list[Chart]:
    """Return the charts that the data has something to show in."""
    if result.command != "replay":
        return []
    data = result.data
    cases = [case for case in objects(data, "cases") if case.get("status") not in _RAN]
    drawn = [_likeness(data)]
    if isinstance(data.get("comparison"), dict):
        drawn += _against(data["comparison"])
    elif any(isinstance(case.get("baseline"), dict) for case in cases):
        drawn += _old(cases)
    else:
        drawn += _now(cases)
    return [chart for chart in drawn if chart is not None]


def _likeness(data: JsonObject) -> Chart | None:
    """The distribution, the least like at the top."""
    found = data.get("likeness")
    bins = found.get("bins") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(bins, list) or not all(isinstance(one, int) for one in bins):
        return None
    drawn = [(f"{place / 10:.1f} to {(place + 1) / 10:.1f}", count, "likeness") for place, count in enumerate(bins)]
    left = counts(data, "totals").get("cases", 0) - int(found.get("compared") or 0)
    note = f"{plural(left, 'case')} without a comparison {'is' if left == 1 else 'are'} left out." if left > 0 else ""
    cases = objects(data, "cases")
    if not likeness_sentence(case for case in cases if case.get("status") in ("failed", "error")):
        # Where such a case has one, the sentence stands at their list, which comes first.
        note = f"{note} {likeness_sentence(cases)}".strip()
    return bars("Likeness to the expected answer", "answer", drawn, note=note)


def _against(comparison: JsonObject) -> list[Chart | None]:
    rows = objects(comparison, "cases")

    def pairs(name: str) -> list[Pair]:
        return list(known(row.get(name) for row in rows))

    names = ("run before", "this run")
    return [
        _times("Time to the first token, in ms", pairs("ttft_ms"), names, len(rows)),
        _times("Time to the whole answer, in ms", pairs("total_ms"), names, len(rows)),
        _tokens(pairs("input_tokens"), pairs("output_tokens"), names, len(rows)),
    ]


def _old(cases: list[JsonObject]) -> list[Chart | None]:
    found, names = old_pairs(cases), ("old setup", "now")
    first = _times("Time until the answer began, in ms", found["first_ms"], names, len(cases))
    return [
        first
        and Chart(first.title, first.summary, first.svg, f"{first.note} The old times are whole seconds.".strip()),
        _times("Time to the whole answer, in ms", found["total_ms"], names, len(cases)),
        _tokens(found["input_tokens"], found["output_tokens"], names, len(cases)),
    ]


def _times(title: str, pairs: Sequence[Pair], names: tuple[str, str], of: int) -> Chart | None:
    """The median and the slowest tenth, then and now."""
    if not pairs:
        return None
    drawn = []
    for measure, found in MEASURES.items():
        for side, (name, colour) in enumerate(zip(names, ("then", "now"), strict=True)):
            drawn.append((f"{measure}, {name}", round(found([pair[side] for pair in pairs])), colour))
    return bars(title, "", drawn, note=_left_out(len(pairs), of))


def _tokens(read: Sequence[Pair], written: Sequence[Pair], names: tuple[str, str], of: int) -> Chart | None:
    if not read and not written:
        return None
    drawn = [
        (f"{what}, {name}", round(sum(pair[side] for pair in pairs)), colour)
        for what, pairs in (("in", read), ("out", written))
        for side, (name, colour) in enumerate(zip(names, ("then", "now"), strict=True))
        if pairs
    ]
    return bars("Tokens in all", "token", drawn, note=_left_out(max(len(read), len(written)), of))


def _now(cases: list[JsonObject]) -> list[Chart | None]:
    """What this run took, where there is nothing to put beside it."""
    found: list[Chart | None] = []
    for title, name in (("Time to the first token, in ms", "ttft_ms"), ("Time to the whole answer, in ms", "total_ms")):
        values = [float(case[name]) for case in cases if isinstance(case.get(name), int | float)]
        if len(values) < 2:
            continue
        measures: tuple[tuple[str, Callable[[list[float]], float]], ...] = (
            *MEASURES.items(), ("slowest", max),
        )  # fmt: skip
        drawn = [(said, round(measure(values)), "now") for said, measure in measures]
        found.append(bars(title, "", drawn, note=_left_out(len(values), len(cases))))
    return found


def _left_out(drawn: int, of: int) -> str:
    left = of - drawn
    return f"Drawn from {number(drawn)} of {plural(of, 'case')}; the others lack a value." if left > 0 else ""
