"""The document of `replay`: the verdict first, then why cases do not hold, each with all that a decision needs.

What passed is folded away. Texts of questions and answers are in sections that only readers see who asked for them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from migrate_cli.errors import ExitCode
from migrate_cli.model import JsonObject, Result
from migrate_cli.report.document import (
    Bar,
    Column,
    Fold,
    FoldList,
    Plain,
    ReportDocument,
    Section,
    SentenceList,
    Table,
    TextComparison,
    TextPair,
    Tone,
    counts,
    objects,
    problems,
    steps,
    text,
    tone_of,
)
from migrate_cli.report.escape import NOTHING, duration, enumerated, number, plural
from migrate_cli.report.verdict_kinds import MEANINGS

PASSED = frozenset({"passed", "ok", "pass"})
NOT_RUN = frozenset({"stopped", "skipped"})
SHOWN = 100
"""Rows of a table that a terminal and Markdown show."""
TOLD = 10
"""Failed cases that a terminal and Markdown show whole."""
PAGED = 500
"""Failed cases that a page shows whole; a browser should still open it."""
OPEN = 10
"""Failed cases that are open on a page."""

STREAM_NOTES = {
    "mismatch": "the text that was streamed is not the text of the last event, which counts",
    "unknown": "events of a type that migrate-cli does not know",
    "unreadable": "events that were no JSON or had no type",
    "out_of_order": "events that came late or twice",
}
"""What was odd about a stream, by the key that counts it; the worst first."""


def build(result: Result) -> ReportDocument:
    """Return the document."""
    data = result.data
    cases = objects(data, "cases")
    totals = counts(data, "totals") or {"cases": len(cases)}
    failing = [case for case in cases if _status(case) not in PASSED | NOT_RUN]
    verdict: list[Section | None] = [
        Bar("Cases", tuple((name.replace("_", " "), count) for name, count in _statuses(cases).items()))
        if cases
        else None,
        _why(data),
    ]
    lead = [section for section in verdict if section is not None]
    sections: list[Section | None] = [
        _comparison(data),
        _failing(data, failing),
        _least_alike(data),
        _folded("passed", [case for case in cases if _status(case) in PASSED]),
        _folded("not run", [case for case in cases if _status(case) in NOT_RUN]),
        _streams(cases),
        _used(data),
        _warnings(data),
    ]
    return ReportDocument(
        title="migrate-cli replay",
        headline=_headline(data, cases, totals),
        tone=tone_of(result) if result.exit_code != ExitCode.CHECK_FAILED else Tone.BAD,
        sections=(*lead, *(section for section in sections if section is not None), *problems(result)),
        next_steps=steps(result, *_after(result, failing)),
        lead=len(lead),
    )


# ---- the verdict


def _status(case: JsonObject) -> str:
    return text(case.get("status"))


def _statuses(cases: list[JsonObject]) -> dict[str, int]:
    found: dict[str, int] = {}
    for case in cases:
        found[_status(case)] = found.get(_status(case), 0) + 1
    return dict(sorted(found.items(), key=lambda entry: (entry[0] not in PASSED, entry[0])))


def _headline(data: JsonObject, cases: list[JsonObject], totals: dict[str, int]) -> str:
    if not cases:
        return f"{plural(totals['cases'], 'case')} ran." if totals.get("cases") else "There was no case to run."
    statuses = _statuses(cases)
    passed = sum(count for status, count in statuses.items() if status in PASSED)
    if passed == len(cases):
        return (f"All {plural(passed, 'case')} passed." if passed != 1 else "The one case passed.") + _changed(data)
    aside = [
        f"{number(count)} {said}"
        for status, said in (
            ("failed", "failed"),
            ("error", "could not be judged"),
            ("stopped", f"{'was' if statuses.get('stopped') == 1 else 'were'} stopped"),
            ("skipped", f"{'was' if statuses.get('skipped') == 1 else 'were'} skipped"),
        )
        if (count := statuses.get(status))
    ]
    told = f" {enumerated(aside)}." if aside else ""
    return f"{number(passed)} of {plural(len(cases), 'case')} passed.{told}{_changed(data)}"


def _changed(data: JsonObject) -> str:
    """What outweighs every passed case: a conversation that is not as it was."""
    seen = data.get("conversations")
    changed = seen.get("changed") if isinstance(seen, dict) else None
    return (
        f" {plural(len(changed), 'conversation')} changed while it ran."
        if isinstance(changed, list) and changed
        else ""
    )


def _why(data: JsonObject) -> Table | None:
    """How many cases do not hold for which reason; a case with several stands under each."""
    verdict = data.get("verdict")
    kinds = objects(verdict, "kinds") if isinstance(verdict, dict) else []
    rows = tuple((text(one.get("kind")), number(one.get("cases")), _explained(one)) for one in kinds)
    columns = (Column("what did not hold"), Column("cases", numeric=True), Column("what it means, and which cases"))
    return Table("Why", columns, rows, prose=True) if rows else None


def _explained(kind: JsonObject) -> str:
    return " ".join(filter(None, (MEANINGS.get(text(kind.get("kind"))), _named(kind))))


def _named(kind: JsonObject) -> str:
    names = [str(name) for name in kind.get("case_ids") or ()]
    more = (kind.get("cases") or 0) - len(names)
    return ", ".join(names) + (f" and {number(more)} more" if more > 0 else "")


def _after(result: Result, failing: list[JsonObject]) -> tuple[str, ...]:
    if result.exit_code != ExitCode.CHECK_FAILED or not failing:
        return ()
    again, first = result.data.get("rerun"), _name(failing[0])
    if not again:
        return ()
    command = f"{again} {shlex.quote(first)} --workers 1 --with-content"
    return (f"Look at the first failing case as it runs, with its answer: {command}",)


# ---- cases that do not hold


def _failing(data: JsonObject, cases: list[JsonObject]) -> FoldList | None:
    if not cases:
        return None
    folds = tuple(_case(case, is_open=place < OPEN) for place, case in enumerate(cases[:PAGED]))
    unlisted = len(cases) - len(folds) + (data.get("cases_cut") or 0)
    return FoldList("Cases that do not hold", folds, TOLD, "case", unlisted)


def _case(case: JsonObject, *, is_open: bool) -> Fold:
    turns = objects(case, "turns")
    sections = (
        _expectations(case),
        _answers(case, turns),
        _turns(case, turns),
        _tools(turns),
        _arguments(turns),
        _odd(case),
    )
    kinds = ", ".join(str(kind) for kind in case.get("kinds") or ())
    title = f"{_name(case)}: {kinds}" if kinds else _name(case)
    return Fold(title, tuple(one for one in sections if one is not None), _status(case), is_open)


def _name(case: JsonObject) -> str:
    return text(case.get("case_id") or case.get("id"))


def _expectations(case: JsonObject) -> Plain | None:
    """Every expectation that failed, and what ended the case otherwise."""
    failed = _failed(case)
    lines = [f"{_turn_of(case, one)}{text(one.get('name'))}: {text(one.get('detail'))}" for one in failed]
    told = str(case.get("detail") or "")
    if case.get("code") or not failed:
        lines = [told, *lines] if told else lines
    if case.get("repeats"):
        lines.append(f"{case.get('passed')} of {case['repeats']} repetitions passed; this is the first that did not")
    return SentenceList("", tuple(lines)) if lines else None


def _failed(case: JsonObject) -> list[JsonObject]:
    return [one for one in objects(case, "expectations") if one.get("passed") is False]


def _turn_of(case: JsonObject, expectation: JsonObject) -> str:
    """The turn, where there are several."""
    return f"turn {expectation.get('turn')}, " if len(objects(case, "turns")) > 1 else ""


def _answers(case: JsonObject, turns: list[JsonObject]) -> TextComparison | None:
    """Question, expected and new answer of each turn, for those who asked for texts."""
    rows = []
    for turn in turns:
        content = turn.get("content")
        if isinstance(content, dict):
            heading = text(content.get("question"))
            heading = f"Turn {turn.get('turn')}: {heading}" if len(turns) > 1 else heading
            rows.append(TextPair(heading, content.get("expected"), text(content.get("answer")), by_words=True))
    left = "old answer" if case.get("baseline") or case.get("thread_id") == case.get("case_id") else "expected answer"
    return TextComparison("Answers", left, "new answer", tuple(rows)) if rows else None


def _turns(case: JsonObject, turns: list[JsonObject]) -> Table | None:
    """The numbers of each turn, and of the old one where it is known."""
    if not turns:
        return None
    rows = [
        (
            f"turn {turn.get('turn')}" if len(turns) > 1 else "now",
            text(turn.get("status")),
            _milliseconds(turn.get("ttft_ms")),
            _milliseconds(turn.get("total_ms")),
            _pair(turn.get("input_tokens"), turn.get("output_tokens")),
            _money(turn.get("cost")),
            number(len(turn.get("retries") or ())),
            _pair(turn.get("answer_length"), turn.get("expected_length")),
            _share(turn.get("likeness")),
        )
        for turn in turns
    ]
    old = case.get("baseline")
    if isinstance(old, dict):
        times = (_whole_seconds(old.get("first_ms")), _whole_seconds(old.get("total_ms")))
        tokens = _pair(old.get("input_tokens"), old.get("output_tokens"))
        rows.append(("old setup", NOTHING, *times, tokens, NOTHING, NOTHING, NOTHING, NOTHING))
    names = ("", "ended", "first token", "total", "tokens in / out", "cost", "retries", "length / expected", "likeness")
    columns = tuple(Column(name, numeric=place > 1) for place, name in enumerate(names))
    return _without_idle(Table("", columns, tuple(rows)))


def _pair(one: object, other: object) -> str:
    """Two numbers that belong together: `920 / 61`."""
    return NOTHING if one is None and other is None else f"{number(one)} / {number(other)}"


def _without_idle(table: Table) -> Table:
    """The table without columns in which nothing is known, or nothing out of the ordinary."""
    idle = (NOTHING, "0", "completed")
    kept = [
        place
        for place, cells in enumerate(zip(*table.rows, strict=True))
        if place == 0 or not all(cell in idle for cell in cells)
    ]
    rows = tuple(tuple(row[place] for place in kept) for row in table.rows)
    return replace(table, columns=tuple(table.columns[place] for place in kept), rows=rows)


def _tools(turns: list[JsonObject]) -> Table | None:
    """Every tool that was called, in order, with its time and how it ended."""
    rows = tuple(
        (text(turn.get("turn")), text(tool.get("tool")), _tool_time(tool), text(tool.get("problem") or "ok"))
        for turn in turns
        for tool in objects(turn, "tools")
    )
    columns = (Column("turn", numeric=True), Column("tool"), Column("time", numeric=True), Column("ended"))
    return Table("Tools", columns, rows) if rows else None


def _arguments(turns: list[JsonObject]) -> Table | None:
    """What the tools were given, for those who asked for texts."""
    rows = tuple(
        (text(turn.get("turn")), text(tool.get("tool")), given)
        for turn in turns
        for tool, given in zip(objects(turn, "tools"), _given(turn.get("content")), strict=False)
    )
    columns = (Column("turn", numeric=True), Column("tool"), Column("arguments"))
    return Table("Arguments", columns, rows, content=True) if rows else None


def _given(content: object) -> list[str]:
    """The arguments of the tools of a turn, in their order."""
    arguments = content.get("arguments") if isinstance(content, dict) else None
    return [text(one) for one in arguments] if isinstance(arguments, list) else []


def _tool_time(tool: JsonObject) -> str:
    """What a tool took; of the server's own tools nobody tells."""
    seconds = tool.get("seconds")
    return f"{seconds:.2f} s" if isinstance(seconds, int | float) else NOTHING


def _odd(case: JsonObject) -> SentenceList | None:
    """What was odd about the streams of a case."""
    lines = _notes(counts(case, "notes"))
    lines += [str(line) for line in case.get("told") or ()]
    judging = counts(case, "judging")
    if judging:
        lines.append(f"comparing answers took {plural(judging['input_tokens'] + judging['output_tokens'], 'token')}")
    again = case.get("retries")
    lines += [f"sent again {plural(again, 'time')}"] if isinstance(again, int) and again else []
    return SentenceList("", tuple(lines)) if lines else None


def _notes(notes: Mapping[str, int]) -> list[str]:
    return [
        f"{name.replace('_', ' ')}: {number(notes[name])} ({why})"
        for name, why in STREAM_NOTES.items()
        if notes.get(name)
    ]


def case_lines(case: JsonObject, *, with_content: bool) -> list[str]:
    """What is known of a case, a line for each fact, for formats that have no tables: JUnit shows these."""
    lines = [f"{_turn_of(case, one)}{text(one.get('name'))}: {text(one.get('detail'))}" for one in _failed(case)]
    turns = objects(case, "turns")
    for turn in turns:
        content = turn.get("content") if with_content else None
        lines += _turn_lines(turn, content if isinstance(content, dict) else {}, of=len(turns))
    return lines + _notes(counts(case, "notes"))


def _turn_lines(turn: JsonObject, content: JsonObject, *, of: int) -> list[str]:
    facts = {
        "": text(turn.get("status")),
        "first token": _milliseconds(turn.get("ttft_ms")),
        "total": _milliseconds(turn.get("total_ms")),
        "tokens in / out": _pair(turn.get("input_tokens"), turn.get("output_tokens")),
        "cost": _money(turn.get("cost")),
        "retries": number(len(turn.get("retries") or ())),
        "length / expected": _pair(turn.get("answer_length"), turn.get("expected_length")),
        "likeness": _share(turn.get("likeness")),
    }
    told = ", ".join(f"{name} {value}".strip() for name, value in facts.items() if value not in (NOTHING, "0"))
    lines = [f"turn {turn.get('turn')} of {of}: {told}"]
    arguments = _given(content)
    for place, tool in enumerate(objects(turn, "tools")):
        given = f" {arguments[place]}" if place < len(arguments) else ""
        lines.append(f"tool {text(tool.get('tool'))}{given}: {text(tool.get('problem') or 'ok')}, {_tool_time(tool)}")
    texts = ((name, content.get(name)) for name in ("question", "expected", "answer"))
    return lines + [f"{name}: {said}" for name, said in texts if said]


# ---- what holds, and what was not run


def _folded(what: str, cases: list[JsonObject]) -> Fold | None:
    """Cases that nobody has to look at, as a table that is closed."""
    if not cases:
        return None
    title = (
        f"{plural(len(cases), 'case')} {what}"
        if what == "passed"
        else (f"{plural(len(cases), 'case')} {'was' if len(cases) == 1 else 'were'} not run")
    )
    return Fold(title, (_cases(cases),), is_open=False)


def _cases(cases: list[JsonObject]) -> Table:
    names = {
        "case_id": "case", "status": "status", "ttft_ms": "first token", "total_ms": "total",
        "input_tokens": "tokens in", "output_tokens": "tokens out", "likeness": "likeness",
        "pass_rate": "pass rate", "detail": "detail",
    }  # fmt: skip
    always = ("case_id", "status")
    shown = [name for name in names if name in always or any(case.get(name) is not None for case in cases)]
    numeric = {"ttft_ms", "total_ms", "input_tokens", "output_tokens", "likeness", "pass_rate"}
    rows = tuple(tuple(_cell(case, name) for name in shown) for case in cases)
    columns = tuple(Column(names[name], numeric=name in numeric) for name in shown)
    return Table("", columns, rows, prose=shown[-1] == "detail", most=SHOWN, what="case")


def _cell(case: JsonObject, name: str) -> str:
    value = case.get(name)
    if name == "case_id":
        return _name(case)
    if name in ("ttft_ms", "total_ms"):
        return _milliseconds(value)
    if name == "likeness":
        return _share(value.get("value") if isinstance(value, dict) else None)
    if name == "pass_rate":
        return f"{case.get('passed')} of {case.get('repeats')}" if case.get("repeats") else NOTHING
    return number(value) if isinstance(value, int) else text(value)


# ---- likeness, and an earlier run


def _least_alike(data: JsonObject) -> Table | None:
    """The answers that are least like what was expected, also where they are like enough."""
    found = data.get("likeness")
    if not isinstance(found, dict):
        return None
    rows = tuple(
        (text(one.get("case_id")), _share(one.get("value")), _share(one.get("threshold")), text(one.get("method")))
        for one in objects(found, "worst")
    )
    columns = (Column("case"), Column("likeness", numeric=True), Column("wanted", numeric=True), Column("found by"))
    compared, half = plural(found.get("compared") or 0, "answer"), _share(found.get("median"))
    note = f"{compared} compared; half of them have a likeness of {half} or less. {_spread(found)}"
    return Table("Least like the expected answer", columns, rows, note, most=TOLD, what="answer") if rows else None


def _spread(found: JsonObject) -> str:
    """The distribution in words, for formats that draw none."""
    bins = found.get("bins")
    if not isinstance(bins, list):
        return ""
    parts = [
        f"{place / 10:.1f} to {(place + 1) / 10:.1f}: {number(count)}" for place, count in enumerate(bins) if count
    ]
    return f"Likeness {'; '.join(parts)}." if parts else ""


def _comparison(data: JsonObject) -> Table | None:
    """What changed against an earlier run; cases that did not change are counted only."""
    found = data.get("comparison")
    if not isinstance(found, dict):
        return None
    changed = [entry for entry in objects(found, "cases") if _is_change(entry)]
    rows = tuple(
        (
            text(entry.get("case_id")),
            text(entry.get("change")),
            _then_now(entry.get("status"), text),
            _then_now(entry.get("likeness"), _share),
            _then_now(entry.get("ttft_ms"), _milliseconds),
            _then_now(entry.get("total_ms"), _milliseconds),
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
        "ttft_ms": ("median time to the first token", _milliseconds),
        "total_ms": ("median time", _milliseconds),
        "likeness": ("median likeness", _share),
        "input_tokens": ("tokens in", number),
        "output_tokens": ("tokens out", number),
        "cost": ("cost", _money),
    }
    told = ((said, _then_now(totals.get(key), form)) for key, (said, form) in shown.items())
    parts = [f"{said} {moved}" for said, moved in told if moved != NOTHING]
    return f"Of the cases that both have: {', '.join(parts)}" if parts else ""


def _then_now(values: object, form: Any) -> str:
    if not isinstance(values, list) or len(values) != 2:
        return NOTHING
    then, now = (form(value) for value in values)
    return str(then) if then == now else f"{then} → {now}"


# ---- the run


def _streams(cases: Iterable[JsonObject]) -> Table | None:
    """Odd streams, of cases that passed too: nobody would look for them there."""
    rows = tuple(
        (_name(case), _status(case), "; ".join(_notes(counts(case, "notes"))))
        for case in cases
        if counts(case, "notes")
    )
    columns = (Column("case"), Column("status"), Column("what was odd"))
    return Table("Odd streams", columns, rows, prose=True, most=TOLD, what="case") if rows else None


def _used(data: JsonObject) -> Table | None:
    """What the replay took, and what became of the conversations."""
    totals, seen, scratch = counts(data, "totals"), counts(data, "conversations"), counts(data, "scratch")
    if not totals:
        return None
    rows = [
        ("tokens in", number(totals.get("input_tokens", 0))),
        ("tokens out", number(totals.get("output_tokens", 0))),
        ("tool calls", number(totals.get("tool_calls", 0))),
        ("sent again", number(totals.get("retries", 0))),
    ]
    cost = data.get("cost")
    if isinstance(cost, int | float) and cost:
        rows.append(("cost", _money(cost)))
    if isinstance(unpriced := data.get("unpriced"), list) and unpriced and cost:
        rows.append(("models without a price", ", ".join(str(name) for name in unpriced)))
    if seen.get("checked"):
        rows.append(("conversations unchanged", f"{number(seen.get('unchanged', 0))} of {number(seen['checked'])}"))
    if scratch.get("made"):
        rows.append(
            ("scratch conversations deleted", f"{number(scratch.get('deleted', 0))} of {number(scratch['made'])}")
        )
    if isinstance(data.get("seconds"), int | float):
        rows.append(("time", duration(data["seconds"])))
    return Table("Run", (Column(""), Column("")), tuple(rows))


def _warnings(data: JsonObject) -> Section | None:
    found = data.get("warnings")
    return (
        SentenceList("Gone or going", tuple(str(line) for line in found)) if isinstance(found, list) and found else None
    )


# ---- numbers


def _milliseconds(value: object) -> str:
    """`812 ms`, `12.4 s`."""
    if not isinstance(value, int | float):
        return NOTHING
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def _whole_seconds(value: object) -> str:
    """Times of a source that counts whole seconds: `under 1 s`, `5 s`."""
    if not isinstance(value, int | float):
        return NOTHING
    return f"{value / 1000:,.0f} s" if value >= 1000 else "under 1 s"


def _share(value: object) -> str:
    """A likeness with two digits, never rounded up to 1."""
    if not isinstance(value, int | float):
        return NOTHING
    return f"{min(value, 0.99) if value < 1 else 1:.2f}"


def _money(value: object) -> str:
    return f"{value:,.4f}" if isinstance(value, int | float) and value else NOTHING
