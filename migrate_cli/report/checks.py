"""The documents of `verify` and `replay`: what was compared or asked, and what failed."""

from __future__ import annotations

from dataclasses import replace

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.document import (
    EMPTY_SOURCE,
    Bar,
    Column,
    ReportDocument,
    Section,
    SentenceList,
    Table,
    TextComparison,
    TextPair,
    Tone,
    counts,
    cut_note,
    known_incomplete,
    objects,
    problems,
    state_option,
    steps,
    text,
    tone_of,
)
from migrate_cli.report.escape import duration, number, plural

OUTCOMES = {
    "=": "= identical",
    "-": "- missing in the target",
    "+": "+ only in the target",
    "*": "* differs",
    "!": "! could not be read",
}
PHRASES = {"-": "missing in the target", "+": "only in the target", "*": "different", "!": "could not be read"}
BESIDE = {"metadata": "metadata pair", "files": "file"}
"""What is compared beside items, each with the key that counts it."""
SHOWN = 100
PASSED = frozenset({"passed", "ok", "pass"})


def build(result: Result) -> ReportDocument:
    """Return the document of either command."""
    return _replay(result) if result.command == "replay" else _verify(result)


def _verify(result: Result) -> ReportDocument:
    data = result.data
    outcomes = counts(data, "outcomes")
    segments = tuple((OUTCOMES.get(sigil, sigil), count) for sigil, count in outcomes.items())
    sections: list[Section | None] = [
        Bar("Items", segments) if sum(outcomes.values()) else None,
        _threads(data),
        _differences(data),
        _side_by_side(data),
        _time(data),
    ]
    return ReportDocument(
        title="migrate-cli verify",
        headline=_verify_headline(data, outcomes) + _so_far(result),
        tone=_verify_tone(result),
        sections=(*(section for section in sections if section is not None), *problems(_not_told_yet(result))),
        next_steps=steps(result, *_after_verify(result)),
    )


def _not_told_yet(result: Result) -> Result:
    """The result without the errors of threads whose differences stand in the table already."""
    told = {entry.get("thread_id") for entry in objects(result.data, "differences")[:SHOWN]} - {None}
    return replace(result, errors=[problem for problem in result.errors if problem.thread_id not in told])


def _verify_tone(result: Result) -> Tone:
    """What is only in the target may pass, but not unseen."""
    if result.exit_code == 4:
        return Tone.BAD
    tone = tone_of(result)
    if "nothing" in result.data and tone is Tone.GOOD:
        return Tone.MIXED
    extra = any(counts(result.data, key).get("+") for key in ("outcomes", *BESIDE))
    return Tone.MIXED if tone is Tone.GOOD and extra else tone


def _so_far(result: Result) -> str:
    return " The run was interrupted: this is only what was compared so far." if result.exit_code == 130 else ""


def _verify_headline(data: JsonObject, outcomes: dict[str, int]) -> str:
    compared = sum(outcomes.values())
    beside = [part for key, one in BESIDE.items() if (part := _beside(counts(data, key), one))]
    bad = {sigil: count for sigil, count in outcomes.items() if sigil != "=" and count}
    if compared == 0 and not beside:
        return f"There was nothing to compare.{_why_nothing(data)}{_after_all(data)}"
    if not bad and not beside:
        return f"All {plural(compared, 'item')} are identical.{_after_all(data)}"
    named = [f"{number(count)} {PHRASES.get(sigil, sigil)}" for sigil, count in bad.items()]
    items = f"{number(outcomes.get('=', 0))} of {plural(compared, 'item')} are identical"
    items = items if bad else f"All {plural(compared, 'item')} are identical"
    return f"{'; '.join([items, *filter(None, [', '.join(named)]), *beside])}.{_after_all(data)}"


def _why_nothing(data: JsonObject) -> str:
    """Why no conversation was there to be compared, where that is the whole story."""
    if data.get("nothing") == "empty":
        return f" {EMPTY_SOURCE}"
    skipped = counts(data, "threads").get("skipped", 0)
    return f" {plural(skipped, 'thread')} skipped, since nothing of them could be sent." if skipped else ""


def _beside(outcomes: dict[str, int], one: str) -> str:
    """What is wrong with metadata or files, which are not counted as items."""
    bad = [
        f"{plural(count, one)} {PHRASES.get(sigil, sigil)}"
        for sigil, count in outcomes.items()
        if sigil != "=" and count
    ]
    return ", ".join(bad)


def _after_all(data: JsonObject) -> str:
    """What explains differences, and threads that there was nothing to compare with."""
    continued, threads = data.get("continued"), counts(data, "threads")
    said = f" {plural(continued, 'conversation')} went on since." if isinstance(continued, int) and continued else ""
    if repeated := data.get("repeated"):
        said += f" In {number(repeated)} of them, new items repeat what the history says: look with resolve THREAD."
    if changed := threads.get("source_changed"):
        said += f" The source of {plural(changed, 'thread')} has changed since."
    if reread := threads.get("read_differently"):
        said += (
            f" This version reads {plural(reread, 'thread')} differently than the one that loaded "
            f"{'it' if reread == 1 else 'them'}: compared with what was sent then."
        )
    if away := threads.get("from_state"):
        which = "and was" if away == 1 else "and were"
        said += f" {plural(away, 'thread')} did not come from the source {which} compared with the state file's hashes."
    if waiting := threads.get("not_loaded"):
        said += f" {plural(waiting, 'thread')} {'is' if waiting == 1 else 'are'} not loaded."
    if unread := threads.get("unreadable"):
        said += f" {plural(unread, 'place')} in the source could not be read."
    if isinstance(images := data.get("images_by_presence"), int):
        said += f" {plural(images, 'image')} by URL could only be seen to be there: the target does not show addresses."
    if isinstance(unseen := data.get("items_not_compared"), int):
        said += f" {plural(unseen, 'item')} with such images could not be compared without the source."
    return said + known_incomplete(threads)


def _threads(data: JsonObject) -> Table | None:
    rows = [(name.replace("_", " "), number(count)) for name, count in counts(data, "threads").items()]
    if isinstance(data.get("continued"), int):
        rows.append(("continued since", number(data["continued"])))
    return Table("Threads", (Column(""), Column("count", numeric=True)), tuple(rows)) if rows else None


def _differences(data: JsonObject) -> Table | None:
    found = objects(data, "differences")
    if not found:
        return None
    rows = tuple(
        (*(text(entry.get(name)) for name in ("outcome", "thread_id", "position", "code")), _told(entry))
        for entry in found[:SHOWN]
    )
    columns = (
        Column("outcome"),
        Column("thread"),
        Column("item", numeric=True),
        Column("code"),
        Column("what differs"),
    )
    cut = len(found) - len(rows) + (data.get("differences_cut") or 0)
    return Table("Differences", columns, rows, cut_note(len(rows), cut, "difference"), prose=True)


def _told(entry: JsonObject) -> str:
    """`conv_…: content[0].text: differs at character 3: …`, as far as each of them is known."""
    return ": ".join(str(entry[name]) for name in ("conversation_id", "field", "detail") if entry.get(name))


def _side_by_side(data: JsonObject) -> TextComparison | None:
    """What the source says and what the conversation says, where they differ and texts were asked for."""
    rows = tuple(
        TextPair(_place(entry), entry.get("expected"), entry.get("got"))
        for entry in objects(data, "differences")[:SHOWN]
        if entry.get("expected") is not None or entry.get("got") is not None
    )
    return TextComparison("Side by side", "source", "conversation", rows) if rows else None


def _place(entry: JsonObject) -> str:
    place = "" if entry.get("position") is None else f", item {entry['position']}"
    return f"{text(entry.get('thread_id'))}{place}{', ' + str(entry['field']) if entry.get('field') else ''}"


def _time(data: JsonObject) -> Table | None:
    seconds = data.get("seconds")
    if not isinstance(seconds, int | float):
        return None
    return Table("Run", (Column(""), Column("")), (("time", duration(seconds)),))


def _after_verify(result: Result) -> tuple[str, ...]:
    if result.exit_code == 0:
        target = result.data.get("target")
        where = " --target sandbox" if isinstance(target, dict) and target.get("sandbox") else ""
        return (f"Try the new setup with real prompts: migrate-cli replay SUITE{where}",)
    if result.exit_code == 4:
        return (
            "See one thread again: migrate-cli verify --thread ID",
            f"See what differs, and settle it: migrate-cli resolve THREAD{state_option(result.data)}",
            *_after_doubles(result),
        )
    return ()


def _after_doubles(result: Result) -> tuple[str, ...]:
    """How to be rid of copies, where some were found."""
    found = objects(result.data, "differences")
    first = next((entry for entry in found if entry.get("code") == "doubled-item"), None)
    if first is None:
        return ()
    options = f"--drop-copies{state_option(result.data)}"
    return (f"Delete the copies of our own: migrate-cli resolve {first['thread_id']} {options}",)


def _replay(result: Result) -> ReportDocument:
    data = result.data
    cases = objects(data, "cases")
    totals = counts(data, "totals") or _count(cases)
    sections: list[Section | None] = [
        Bar("Cases", tuple((name.replace("_", " "), count) for name, count in _statuses(cases).items()))
        if cases
        else None,
        _cases(data, cases),
        _answers(cases),
        _comparison(data),
        _used(data),
        _warnings(data),
    ]
    return ReportDocument(
        title="migrate-cli replay",
        headline=_replay_headline(cases, totals),
        tone=tone_of(result) if result.exit_code != 4 else Tone.BAD,
        sections=(*(section for section in sections if section is not None), *problems(result)),
        next_steps=steps(result, *_after_replay(result)),
    )


def _after_replay(result: Result) -> tuple[str, ...]:
    if result.exit_code == 4:
        return ("Look at one case as it runs: migrate-cli replay SUITE --case ID --workers 1",)
    return ()


def _statuses(cases: list[JsonObject]) -> dict[str, int]:
    found: dict[str, int] = {}
    for case in cases:
        status = text(case.get("status"))
        found[status] = found.get(status, 0) + 1
    return dict(sorted(found.items(), key=lambda entry: (entry[0] not in PASSED, entry[0])))


def _count(cases: list[JsonObject]) -> dict[str, int]:
    return {"cases": len(cases)}


def _replay_headline(cases: list[JsonObject], totals: dict[str, int]) -> str:
    if not cases:
        return f"{plural(totals['cases'], 'case')} ran." if totals.get("cases") else "There was no case to run."
    passed = sum(case.get("status") in PASSED for case in cases)
    if passed == len(cases):
        return f"All {plural(passed, 'case')} passed." if passed != 1 else "The one case passed."
    return f"{number(passed)} of {plural(len(cases), 'case')} passed."


def _cases(data: JsonObject, cases: list[JsonObject]) -> Table | None:
    names = {
        "case_id": "case", "id": "case", "status": "status", "ttft_ms": "first token ms", "total_ms": "total ms",
        "input_tokens": "tokens in", "output_tokens": "tokens out", "pass_rate": "pass rate", "detail": "detail",
    }  # fmt: skip
    shown = [name for name in names if any(case.get(name) is not None for case in cases)]
    if not shown:
        return None
    numeric = {"ttft_ms", "total_ms", "input_tokens", "output_tokens", "pass_rate"}
    rows = tuple(
        tuple(_rate(case) if name == "pass_rate" else _case_cell(case.get(name)) for name in shown)
        for case in cases[:SHOWN]
    )
    columns = tuple(Column(names[name], numeric=name in numeric) for name in shown)
    cut = len(cases) - len(rows) + (data.get("cases_cut") or 0)
    return Table("Cases", columns, rows, cut_note(len(rows), cut, "case"), prose=shown[-1] == "detail")


def _answers(cases: list[JsonObject]) -> Table | None:
    """The last texts of each case, which are there only when they were asked for."""
    rows = tuple(
        (_case_name(case), " / ".join(" ".join(str(answer).split()) for answer in case["answers"]))
        for case in cases[:SHOWN]
        if isinstance(case.get("answers"), list)
    )
    return Table("Answers", (Column("case"), Column("answer")), rows, prose=True) if rows else None


def _case_name(case: JsonObject) -> str:
    return text(case.get("case_id") or case.get("id"))


def _rate(case: JsonObject) -> str:
    return f"{case.get('passed')} of {case.get('repeats')}" if case.get("repeats") else text(None)


def _comparison(data: JsonObject) -> Table | None:
    found = data.get("comparison")
    if not isinstance(found, dict):
        return None
    rows = tuple(
        (
            text(entry.get("case_id")),
            text(entry.get("change")),
            _then_now(entry.get("status")),
            _then_now(entry.get("ttft_ms")),
            _then_now(entry.get("total_ms")),
            _then_now(entry.get("output_tokens")),
        )
        for entry in objects(found, "cases")[:SHOWN]
    )
    names = ("case", "change", "status", "first token ms", "total ms", "tokens out")
    told = ", ".join(f"{number(count)} {name}" for name, count in counts(found, "counts").items())
    return Table(f"Against {text(found.get('run_id'))}", tuple(Column(name) for name in names), rows, told or None)


def _then_now(values: object) -> str:
    if not isinstance(values, list) or len(values) != 2:
        return text(None)
    then, now = (_case_cell(value) for value in values)
    return then if then == now else f"{then} → {now}"


def _used(data: JsonObject) -> Table | None:
    """What the replay took, and what became of the conversations."""
    totals, seen, scratch = counts(data, "totals"), counts(data, "conversations"), counts(data, "scratch")
    rows = [
        ("tokens in", number(totals.get("input_tokens", 0))),
        ("tokens out", number(totals.get("output_tokens", 0))),
        ("tool calls", number(totals.get("tool_calls", 0))),
        ("sent again", number(totals.get("retries", 0))),
    ]
    cost = data.get("cost")
    if isinstance(cost, int | float) and cost:
        rows.append(("cost", f"{cost:,.4f}"))
    if seen.get("checked"):
        rows.append(("conversations unchanged", f"{number(seen.get('unchanged', 0))} of {number(seen['checked'])}"))
    if scratch.get("made"):
        rows.append(
            ("scratch conversations deleted", f"{number(scratch.get('deleted', 0))} of {number(scratch['made'])}")
        )
    if isinstance(data.get("seconds"), int | float):
        rows.append(("time", duration(data["seconds"])))
    return Table("Run", (Column(""), Column("")), tuple(rows)) if totals else _time(data)


def _warnings(data: JsonObject) -> Section | None:
    found = data.get("warnings")
    return (
        SentenceList("Gone or going", tuple(str(line) for line in found)) if isinstance(found, list) and found else None
    )


def _case_cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}"
    return number(value) if isinstance(value, int) else text(value)
