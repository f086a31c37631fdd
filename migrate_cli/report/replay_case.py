"""One case of a replay that did not pass, with all that a decision needs: for pages and terminals, and in lines.

Sections with the texts of questions and answers are shown only on request.
"""

from __future__ import annotations

from dataclasses import replace

from migrate_cli.model import JsonObject
from migrate_cli.report.document import (
    Column,
    Fold,
    Plain,
    SentenceList,
    Table,
    TextComparison,
    TextPair,
    counts,
    objects,
    text,
)
from migrate_cli.report.escape import NOTHING, number, plural
from migrate_cli.report.replay_numbers import both, milliseconds, money, share, whole_seconds
from migrate_cli.report.verdict_kinds import STATUSES

STREAM_NOTES = {
    "mismatch": "the text that was streamed is not the text of the last event, which counts",
    "unknown": "events or items of a type that migrate-cli does not know",
    "unreadable": "events that were no JSON or had no type",
    "out_of_order": "events that came late or twice",
}
"""What was odd about a stream, by the key that counts it; the worst first."""
NO_QUESTION, NO_ANSWER = "(a question without text)", "(no answer)"
"""What stands in the place of a text that there is not."""


def failing_case(case: JsonObject, *, anchor: str, is_open: bool) -> Fold:
    """Return everything on one case, under its name and the reasons why it did not pass."""
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
    title = f"{case_name(case)}: {kinds}" if kinds else case_name(case)
    status = text(case.get("status"))
    found = tuple(one for one in sections if one is not None)
    return Fold(title, found, STATUSES.get(status, status), is_open, anchor)


def case_name(case: JsonObject) -> str:
    """The name of a case; results of the first versions have it under `id`."""
    return text(case.get("case_id") or case.get("id"))


def _expectations(case: JsonObject) -> Plain | None:
    """Every expectation that failed, and what ended the case otherwise."""
    failed = failed_expectations(case)
    lines = [f"{_turn_of(case, one)}{text(one.get('name'))}: {text(one.get('detail'))}" for one in failed]
    # Results of earlier versions have all of it in one text.
    reasons = case.get("reasons") or ([] if failed else [case.get("detail")])
    lines = [*(str(reason) for reason in reasons if reason), *lines]
    if case.get("repeats"):
        lines.append(f"{case.get('passed')} of {case['repeats']} repetitions passed; this is the first that did not")
    return SentenceList("", tuple(lines)) if lines else None


def failed_expectations(case: JsonObject) -> list[JsonObject]:
    """Those expectations of a case that do not hold."""
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
            heading = str(content.get("question") or NO_QUESTION)
            heading = f"Turn {turn.get('turn')}: {heading}" if len(turns) > 1 else heading
            rows.append(
                TextPair(heading, content.get("expected"), str(content.get("answer") or NO_ANSWER), by_words=True)
            )
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
            milliseconds(turn.get("ttft_ms")),
            milliseconds(turn.get("total_ms")),
            both(turn.get("input_tokens"), turn.get("output_tokens")),
            money(turn.get("cost")),
            number(len(turn.get("retries") or ())),
            _length(turn),
            share(turn.get("likeness")),
        )
        for turn in turns
    ]
    old = case.get("baseline")
    if isinstance(old, dict):
        times = (whole_seconds(old.get("first_ms")), whole_seconds(old.get("total_ms")))
        tokens = both(old.get("input_tokens"), old.get("output_tokens"))
        rows.append(("old setup", NOTHING, *times, tokens, NOTHING, NOTHING, NOTHING, NOTHING))
    length = "length" if all(turn.get("expected_length") is None for turn in turns) else "length / expected"
    names = ("", "ended", "first token", "total", "tokens in / out", "cost", "sent again", length, "likeness")
    columns = tuple(Column(name, numeric=place > 1) for place, name in enumerate(names))
    return _without_idle(Table("", columns, tuple(rows)))


def _length(turn: JsonObject) -> str:
    """The characters of an answer, and of the expected one where there is one."""
    expected = turn.get("expected_length")
    return number(turn.get("answer_length")) if expected is None else both(turn.get("answer_length"), expected)


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
    rows = [
        (text(turn.get("turn")), text(tool.get("tool")), _tool_time(tool), text(tool.get("problem") or "ok"))
        for turn in turns
        for tool in objects(turn, "tools")
    ]
    columns = (Column("turn"), Column("tool"), Column("time", numeric=True), Column("ended"))
    return _by_turn(Table("Tools", columns, tuple(rows)), turns) if rows else None


def _arguments(turns: list[JsonObject]) -> Table | None:
    """What the tools were given, for those who asked for texts."""
    rows = tuple(
        (text(turn.get("turn")), text(tool.get("tool")), given)
        for turn in turns
        for tool, given in zip(objects(turn, "tools"), _given(turn.get("content")), strict=False)
    )
    columns = (Column("turn"), Column("tool"), Column("arguments"))
    return _by_turn(Table("Arguments", columns, rows, content=True), turns) if rows else None


def _by_turn(table: Table, turns: list[JsonObject]) -> Table:
    """The table without its first column, which names the turn, where there is one turn only."""
    if len(turns) > 1:
        return table
    return replace(table, columns=table.columns[1:], rows=tuple(row[1:] for row in table.rows))


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
    lines = stream_notes(case)
    lines += [str(line) for line in case.get("told") or ()]
    judging = counts(case, "judging")
    if judging:
        lines.append(f"comparing answers took {plural(judging['input_tokens'] + judging['output_tokens'], 'token')}")
    again = case.get("retries")
    lines += [f"sent again {plural(again, 'time')}"] if isinstance(again, int) and again else []
    return SentenceList("", tuple(lines)) if lines else None


def stream_notes(case: JsonObject) -> list[str]:
    """What was odd about the streams of a case, a sentence for each kind of oddity; unknown types are named."""
    notes = case.get("notes")
    met, types = counts(case, "notes"), counts(notes if isinstance(notes, dict) else {}, "unknown_types")
    named = {"unknown": f": {', '.join(types)}" if types else ""}
    return [
        f"{name.replace('_', ' ')}: {number(met[name])} ({why}{named.get(name, '')})"
        for name, why in STREAM_NOTES.items()
        if met.get(name)
    ]


def case_lines(case: JsonObject, *, with_content: bool) -> list[str]:
    """What is known of a case, a line for each fact, for formats that have no tables: JUnit shows these."""
    reasons = [str(reason) for reason in case.get("reasons") or ()]
    lines = reasons + [
        f"{_turn_of(case, one)}{text(one.get('name'))}: {text(one.get('detail'))}" for one in failed_expectations(case)
    ]
    turns = objects(case, "turns")
    for turn in turns:
        content = turn.get("content") if with_content else None
        lines += _turn_lines(turn, content if isinstance(content, dict) else {}, of=len(turns))
    return lines + _old_lines(case) + stream_notes(case)


def _old_lines(case: JsonObject) -> list[str]:
    old = case.get("baseline")
    if not isinstance(old, dict):
        return []
    facts = {
        "answer began after": whole_seconds(old.get("first_ms")),
        "total": whole_seconds(old.get("total_ms")),
        "tokens in / out": both(old.get("input_tokens"), old.get("output_tokens")),
    }
    return [f"old setup: {', '.join(f'{name} {value}' for name, value in facts.items() if value != NOTHING)}"]


def _turn_lines(turn: JsonObject, content: JsonObject, *, of: int) -> list[str]:
    facts = {
        "": text(turn.get("status")),
        "first token": milliseconds(turn.get("ttft_ms")),
        "total": milliseconds(turn.get("total_ms")),
        "tokens in / out": both(turn.get("input_tokens"), turn.get("output_tokens")),
        "cost": money(turn.get("cost")),
        "sent again": number(len(turn.get("retries") or ())),
        "length" if turn.get("expected_length") is None else "length / expected": _length(turn),
        "likeness": share(turn.get("likeness")),
    }
    told = ", ".join(f"{name} {value}".strip() for name, value in facts.items() if value not in (NOTHING, "0"))
    lines = [f"turn {turn.get('turn')} of {of}: {told}"]
    arguments = _given(content)
    for place, tool in enumerate(objects(turn, "tools")):
        given = f" {arguments[place]}" if place < len(arguments) else ""
        lines.append(f"tool {text(tool.get('tool'))}{given}: {text(tool.get('problem') or 'ok')}, {_tool_time(tool)}")
    texts = ((name, content.get(name)) for name in ("question", "expected", "answer"))
    return lines + [f"{name}: {said}" for name, said in texts if said]
