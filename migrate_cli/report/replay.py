"""The document of `replay`: the verdict first, then why cases did not pass, each with all that a decision needs.

Passed cases are collapsed. Sections with the texts of questions and answers are shown only on request.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from migrate_cli.errors import ExitCode
from migrate_cli.model import JsonObject, Result
from migrate_cli.report.document import (
    AboutFact,
    Bar,
    Column,
    Fold,
    FoldList,
    ReportDocument,
    Section,
    SentenceList,
    Table,
    Tone,
    counts,
    objects,
    problems,
    steps,
    text,
    tone_of,
)
from migrate_cli.report.escape import NOTHING, duration, enumerated, number, plural
from migrate_cli.report.replay_against import comparison_table
from migrate_cli.report.replay_case import case_name, failed_expectations, failing_case, stream_notes
from migrate_cli.report.replay_numbers import milliseconds, money, share, threshold, whole_seconds
from migrate_cli.report.replay_pairs import MEASURES, old_pairs
from migrate_cli.report.verdict_kinds import MEANINGS, MODES, STATUSES, likeness_sentence

PASSED = frozenset({"passed", "ok", "pass"})
NOT_RUN = frozenset({"stopped", "skipped"})
SHOWN = 100
"""Rows of a table that a terminal and Markdown show."""
TOLD = 10
"""Failed cases that a terminal and Markdown show whole."""
LISTED = 25
"""Failed cases that they name at the top."""
NAMED = 5
"""Models that the head of a report names."""
PAGED = 500
"""Failed cases that a page shows whole; a browser should still open it."""
OPEN = 10
"""Failed cases that are open on a page."""


def build(result: Result) -> ReportDocument:
    """Return the document."""
    data = result.data
    cases = objects(data, "cases")
    totals = counts(data, "totals") or {"cases": len(cases)}
    passed = [case for case in cases if _status(case) in PASSED]
    failing = sorted((case for case in cases if _status(case) not in PASSED | NOT_RUN), key=_worst_first)
    anchors = {case_name(case): f"case-{place}" for place, case in enumerate(failing[:PAGED], 1)}
    verdict: list[Section | None] = [
        Bar("Cases", tuple((STATUSES.get(name, name), count) for name, count in _statuses(cases).items()))
        if cases
        else None,
        _listed(data, failing, anchors),
        _why(data, cases),
    ]
    lead = [section for section in verdict if section is not None]
    sections: list[Section | None] = [
        comparison_table(data),
        _beside_old(cases),
        _failing(data, failing, anchors),
        _least_alike(data, failing, anchors),
        _folded("passed", passed, is_open=len(passed) == len(cases) <= TOLD),
        _folded("not run", [case for case in cases if _status(case) in NOT_RUN]),
        _streams(cases, anchors),
        _tidied(data),
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
        about=_about(data),
    )


# ---- what was run


def _about(data: JsonObject) -> tuple[AboutFact, ...]:
    """The suite, what answered, and how: readers of a report do not see the command."""
    facts = [AboutFact("suite", text(data["suite"]))] if data.get("suite") else []
    for name in ("model", "agent"):
        found = data.get(f"{name}s")
        known = [str(one) for one in found] if isinstance(found, list) else []
        if known:
            more = f" and {number(len(known) - NAMED)} more" if len(known) > NAMED else ""
            facts.append(AboutFact(name if len(known) == 1 else f"{name}s", ", ".join(known[:NAMED]) + more))
    mode = data.get("mode")
    return (*facts, *([AboutFact("mode", str(mode), MODES.get(str(mode), ""))] if mode else ()))


# ---- the verdict


def _status(case: JsonObject) -> str:
    return text(case.get("status"))


def _statuses(cases: list[JsonObject]) -> dict[str, int]:
    found: dict[str, int] = {}
    for case in cases:
        found[_status(case)] = found.get(_status(case), 0) + 1
    order = list(STATUSES)
    return dict(sorted(found.items(), key=lambda one: order.index(one[0]) if one[0] in order else len(order)))


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
            ("error", f"{'was' if statuses.get('error') == 1 else 'were'} not judged"),
            ("stopped", f"{'was' if statuses.get('stopped') == 1 else 'were'} stopped"),
            ("skipped", f"{'was' if statuses.get('skipped') == 1 else 'were'} skipped"),
        )
        if (count := statuses.get(status))
    ]
    told = f" {enumerated(aside)}." if aside else ""
    return f"{number(passed)} of {plural(len(cases), 'case')} passed.{told}{_changed(data)}"


def _changed(data: JsonObject) -> str:
    """What outweighs every passed case: a conversation that is not as it was, or that cannot go on."""
    seen = data.get("conversations")
    changed = seen.get("changed") if isinstance(seen, dict) else None
    said = ""
    if isinstance(changed, list) and changed:
        said += f" {plural(len(changed), 'conversation')} changed while it ran."
    left = sum(bool(one.get("problem")) for one in objects(data, "tidied"))
    return said + (f" {plural(left, 'conversation')} cannot continue before an open call is answered." if left else "")


def _why(data: JsonObject, cases: list[JsonObject]) -> Table | None:
    """How many cases did not pass for which reason; a case with several stands under each."""
    verdict = data.get("verdict")
    kinds = objects(verdict, "kinds") if isinstance(verdict, dict) else []
    rows = tuple((text(one.get("kind")), number(one.get("cases")), _explained(one)) for one in kinds)
    columns = (Column("what did not hold"), Column("cases", numeric=True), Column("what it means, and which cases"))
    several = any(len(case.get("kinds") or ()) > 1 for case in cases)
    note = "A case with several reasons counts under each of them." if several else None
    return Table("Why", columns, rows, note, prose=True) if rows else None


def _explained(kind: JsonObject) -> str:
    return " ".join(filter(None, (MEANINGS.get(text(kind.get("kind"))), _named(kind))))


def _named(kind: JsonObject) -> str:
    names = [str(name) for name in kind.get("case_ids") or ()]
    more = (kind.get("cases") or 0) - len(names)
    return ", ".join(names) + (f" and {number(more)} more" if more > 0 else "")


def _after(result: Result, failing: list[JsonObject]) -> tuple[str, ...]:
    if result.exit_code != ExitCode.CHECK_FAILED or not failing:
        return ()
    again, first = result.data.get("rerun"), case_name(failing[0])
    if not again:
        return ()
    command = f"{again} {shlex.quote(first)} --workers 1 --with-content"
    return (f"Look at the first failing case as it runs, with its answer: {command}",)


# ---- cases that failed or were not judged


def _worst_first(case: JsonObject) -> tuple[bool, float, int, float]:
    """No answer is worse than a wrong one; then the share that passed, the number of reasons, and likeness count."""
    like, reasons = case.get("likeness"), case.get("kinds") or failed_expectations(case)
    value, wanted = (like.get("value"), like.get("threshold") or 0) if isinstance(like, dict) else (None, 0)
    share_passed = case.get("pass_rate")
    return (
        _status(case) != "error",
        share_passed if isinstance(share_passed, int | float) else 0.0,
        -len(reasons),
        value - wanted if isinstance(value, int | float) else 1.0,
    )


def _listed(data: JsonObject, cases: list[JsonObject], anchors: dict[str, str]) -> Table | None:
    """Their names and reasons in a line each, for those who want to see at once how many and which."""
    if not cases:
        return None
    alike = any(_likeness_of(case) is not None for case in cases)
    names = ("case", "status", "what did not hold", *(("likeness",) if alike else ()))
    rows = tuple(
        (
            case_name(case),
            _cell(case, "status"),
            ", ".join(str(kind) for kind in case.get("kinds") or ()) or text(case.get("code")),
            *((share(_likeness_of(case)),) if alike else ()),
        )
        for case in cases
    )
    return Table(
        f"Cases that {_outcomes(cases)}, the worst first",
        tuple(Column(name, numeric=name == "likeness") for name in names),
        rows,
        likeness_sentence(cases) if alike else None,
        most=LISTED,
        unlisted=data.get("cases_cut") or 0,
        what="case",
        anchors=_anchored(rows, anchors),
    )


def _outcomes(cases: list[JsonObject]) -> str:
    """What became of these cases: `failed`, `were not judged` or both."""
    judged = [_status(case) != "error" for case in cases]
    return " or ".join([*(["failed"] if any(judged) else []), *(["were not judged"] if not all(judged) else [])])


def _likeness_of(case: JsonObject) -> object:
    like = case.get("likeness")
    return like.get("value") if isinstance(like, dict) else None


def _anchored(rows: Iterable[tuple[str, ...]], anchors: dict[str, str]) -> tuple[str, ...]:
    """Where each row leads whose first cell is the name of a case; empty for a case that is not shown whole."""
    return tuple(anchors.get(row[0], "") for row in rows)


def _failing(data: JsonObject, cases: list[JsonObject], anchors: dict[str, str]) -> FoldList | None:
    if not cases:
        return None
    folds = tuple(
        failing_case(case, anchor=anchors[case_name(case)], is_open=place < OPEN)
        for place, case in enumerate(cases[:PAGED])
    )
    unlisted = len(cases) - len(folds) + (data.get("cases_cut") or 0)
    return FoldList("The same cases in full", folds, TOLD, "case", unlisted)


# ---- what passed, and what was not run


def _folded(what: str, cases: list[JsonObject], *, is_open: bool = False) -> Fold | None:
    """Cases that nobody has to look at, as a table that is closed."""
    if not cases:
        return None
    return Fold(f"{plural(len(cases), 'case')} {what}", (_cases(cases),), is_open=is_open)


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
        return case_name(case)
    if name == "status":
        return STATUSES.get(_status(case), _status(case))
    if name in ("ttft_ms", "total_ms"):
        return milliseconds(value)
    if name == "likeness":
        return share(_likeness_of(case))
    if name == "pass_rate":
        return f"{case.get('passed')} of {case.get('repeats')}" if case.get("repeats") else NOTHING
    return number(value) if isinstance(value, int) else text(value)


# ---- likeness


def _least_alike(data: JsonObject, failing: list[JsonObject], anchors: dict[str, str]) -> Table | None:
    """The answers that are least like what was expected, also where they are like enough."""
    found = data.get("likeness")
    if not isinstance(found, dict):
        return None
    rows = tuple(
        (text(one.get("case_id")), share(one.get("value")), threshold(one.get("threshold")), text(one.get("method")))
        for one in objects(found, "worst")
    )
    columns = (Column("case"), Column("likeness", numeric=True), Column("wanted", numeric=True), Column("method"))
    compared, half = plural(found.get("compared") or 0, "answer"), share(found.get("median"))
    told = any(_likeness_of(case) is not None for case in failing)
    spread = f"half of them have a likeness of {half} or less. {_spread(found)}"
    note = f"{compared} compared; {spread}".strip() if found.get("compared") != 1 else f"{compared} compared."
    note += "" if told else f" {likeness_sentence(objects(data, 'cases'))}"
    return (
        Table(
            "Least like the expected answer",
            columns,
            rows,
            note.strip(),
            most=TOLD,
            what="answer",
            anchors=_anchored(rows, anchors),
        )
        if rows
        else None
    )


def _beside_old(cases: list[JsonObject]) -> Table | None:
    """What the answers took beside the old ones, where the source has the old runs."""
    found = old_pairs(cases)
    names = {"first_ms": "until the answer began", "total_ms": "to the whole answer"}
    rows = [
        (f"{said}, {measure}", *(form(of([pair[side] for pair in found[name]])) for side, form in _SIDES))
        for name, said in names.items()
        for measure, of in MEASURES.items()
        if found[name]
    ]
    tokens = {"input_tokens": "tokens in", "output_tokens": "tokens out"}
    rows += [
        (said, *(number(round(sum(pair[side] for pair in found[name]))) for side in (0, 1)))
        for name, said in tokens.items()
        if found[name]
    ]
    both = max(map(len, found.values()))
    note = f"Of the {plural(both, 'case')} whose old run the source has; old times are whole seconds." if both else None
    columns = (Column(""), Column("old setup", numeric=True), Column("now", numeric=True))
    return Table("Beside the old setup", columns, tuple(rows), note) if rows else None


_SIDES = ((0, whole_seconds), (1, milliseconds))
"""How times of the old setup are told, and those of the new one."""


def _spread(found: JsonObject) -> str:
    """The distribution in words, for formats that draw none."""
    bins = found.get("bins")
    if not isinstance(bins, list):
        return ""
    parts = [
        f"{place / 10:.1f} to {(place + 1) / 10:.1f}: {number(count)}" for place, count in enumerate(bins) if count
    ]
    return f"Likeness {'; '.join(parts)}." if parts else ""


# ---- the run


def _streams(cases: Iterable[JsonObject], anchors: dict[str, str]) -> Table | None:
    """Odd streams, of cases that passed too: nobody would look for them there."""
    rows = tuple(
        (case_name(case), _cell(case, "status"), "; ".join(stream_notes(case)))
        for case in cases
        if counts(case, "notes")
    )
    columns, leads = (Column("case"), Column("status"), Column("what was odd")), _anchored(rows, anchors)
    return Table("Odd streams", columns, rows, prose=True, most=TOLD, what="case", anchors=leads) if rows else None


def _tidied(data: JsonObject) -> SentenceList | None:
    """What was done to conversations in which a case left a call open."""
    lines = []
    for one in objects(data, "tidied"):
        done = {"answered": "answered with an error", "deleted": "deleted with its response"}
        told = [f"{', '.join(map(str, one[key]))} {said}" for key, said in done.items() if one.get(key)]
        problem = [str(one["problem"])] if one.get("problem") else []
        lines.append(f"{text(one.get('conversation_id'))}: {'; '.join([*told, *problem]) or 'nothing was needed'}")
    return SentenceList("Calls that were left open", tuple(lines)) if lines else None


def _used(data: JsonObject) -> Table | None:
    """What the replay took, and what became of the conversations."""
    totals, seen, scratch = counts(data, "totals"), counts(data, "conversations"), counts(data, "scratch")
    if not totals:
        return None
    rows = [
        ("tokens in", number(totals.get("input_tokens", 0))),
        ("tokens out", number(totals.get("output_tokens", 0))),
        ("tool calls", number(totals.get("tool_calls", 0))),
        ("questions sent again", number(totals.get("retries", 0))),
    ]
    if totals.get("estimated_tokens"):
        rows.append(("tokens estimated, since no server told them", number(totals["estimated_tokens"])))
    cost = data.get("cost")
    if isinstance(cost, int | float) and cost:
        rows.append(("cost", money(cost)))
    if isinstance(unpriced := data.get("unpriced"), list) and unpriced and cost:
        rows.append(("models without a price", ", ".join(str(name) for name in unpriced)))
    if seen.get("checked"):
        rows.append(("conversations unchanged", f"{number(seen.get('unchanged', 0))} of {number(seen['checked'])}"))
    if scratch.get("made"):
        rows.append(
            ("scratch conversations deleted", f"{number(scratch.get('deleted', 0))} of {number(scratch['made'])}")
        )
    if sent := counts(data, "requests").get("sent"):
        rows.append(("requests in all", number(sent)))
    if isinstance(data.get("seconds"), int | float):
        rows.append(("time", duration(data["seconds"])))
    return Table("Run", (Column(""), Column("")), tuple(rows))


def _warnings(data: JsonObject) -> Section | None:
    found = data.get("warnings")
    return SentenceList("Warnings", tuple(str(line) for line in found)) if isinstance(found, list) and found else None
