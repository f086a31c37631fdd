"""The test cases of a JUnit report: one for each thread (or replay case), and one for the run itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.document import build, objects, text
from migrate_cli.report.escape import plural, visible
from migrate_cli.report.migration import reading_lines
from migrate_cli.report.replay import PASSED
from migrate_cli.report.replay_case import case_lines


class JUnitOutcome(StrEnum):
    """How a CI server counts a case."""

    PASSED = "passed"
    FAILED = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class JUnitCase:
    """One line in a CI server's test view."""

    group: str
    name: str
    verdict: JUnitOutcome = JUnitOutcome.PASSED
    kind: str = ""
    """The code of the failure, such as `in-doubt`."""
    message: str = ""
    output: str = ""
    seconds: float = 0.0


FAILED_STATES = {
    "failed": "The thread failed.",
    "in_doubt": "The thread is in doubt; a person must settle it.",
    "differs": "The conversation differs from its source.",
    "gone": "The conversation is no longer at the target.",
    "unread": "The conversation could not be read when it was last verified.",
}


def cases_of(result: Result, *, with_content: bool = False) -> list[JUnitCase]:
    """Return the run's own case first, then one for each thread, place that could not be read, or replay case."""
    found = [_run_case(result)]
    if result.command == "replay":
        return found + [_replay_case(entry, with_content=with_content) for entry in objects(result.data, "cases")]
    found += _thread_cases(result)
    return found + [
        JUnitCase(
            "source", text(entry.get("origin")), JUnitOutcome.ERROR, text(entry.get("code")), text(entry.get("detail"))
        )
        for entry in objects(result.data, "unreadable")
    ]


def _run_case(result: Result) -> JUnitCase:
    document = build(result)
    general = [f"{problem.code}: {problem.message}" for problem in result.errors if problem.thread_id is None]
    cut = result.data.get("thread_list_cut")
    if isinstance(cut, int) and cut:
        general.append(f"{plural(cut, 'thread')} more are not listed here.")
    seconds = result.data.get("seconds")
    # A run over a source of which nothing was read must not pass, whatever its exit code says of the others.
    stopped = result.exit_code not in (0, 3) or result.data.get("nothing") in ("unreadable", "skipped")
    return JUnitCase(
        group="run",
        name=result.command,
        verdict=JUnitOutcome.FAILED
        if result.exit_code == 4
        else JUnitOutcome.ERROR
        if stopped
        else JUnitOutcome.PASSED,
        kind=f"exit-{result.exit_code}" if stopped else "",
        message=document.headline if stopped else "",
        output="\n".join(visible(line) for line in (document.headline, *general, *_reading(result))),
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
    )


def _reading(result: Result) -> Iterator[str]:
    """How the source was read, a line for each fact."""
    for entry in objects(result.data, "reading"):
        for what, how in reading_lines(entry):
            yield f"{text(entry.get('shape'))}: {what}: {how}"


def _thread_cases(result: Result) -> Iterator[JUnitCase]:
    findings = _by_thread(objects(result.data, "finding_list"))
    differences = _by_thread(objects(result.data, "differences"))
    problems = {problem.thread_id: problem for problem in result.errors if problem.thread_id is not None}
    reasons = {text(entry.get("thread_id")): text(entry.get("reason")) for entry in objects(result.data, "skipped")}
    listed = objects(result.data, "thread_list")
    states = {text(entry.get("thread_id")): text(entry.get("state")) for entry in listed}
    for entry in listed:
        if entry.get("state") == "skipped" and entry.get("detail"):
            reasons.setdefault(text(entry.get("thread_id")), text(entry["detail"]))
    for key in FAILED_STATES:
        states |= {text(entry.get("thread_id")): key for entry in objects(result.data, key)}
    blocking = _blocking(result)
    for thread_id in dict.fromkeys([*states, *reasons, *problems, *differences]):
        state = states.get(thread_id, "skipped" if thread_id in reasons else "")
        mine = [*findings.get(thread_id, ()), *differences.get(thread_id, ())]
        output = "\n".join(visible(_sentence(entry)) for entry in mine)
        kind, message, verdict = state.replace("_", "-"), "", JUnitOutcome.PASSED
        if thread_id in problems:
            kind, message, verdict = problems[thread_id].code, problems[thread_id].message, JUnitOutcome.FAILED
        elif state in FAILED_STATES:
            message, verdict = FAILED_STATES[state], JUnitOutcome.FAILED
        elif thread_id in differences and state != "verified":
            # What is only in the target fails nothing unless `--strict` says so, and then the state is another.
            kind, message, verdict = "differs", _sentence(differences[thread_id][0]), JUnitOutcome.FAILED
        elif state == "skipped":
            message, verdict = reasons.get(thread_id, "skipped"), JUnitOutcome.SKIPPED
        elif found := [entry for entry in mine if entry.get("code") in blocking]:
            kind, message, verdict = text(found[0].get("code")), text(found[0].get("detail")), JUnitOutcome.FAILED
        yield JUnitCase("threads", thread_id, verdict, kind, message, output)


def _blocking(result: Result) -> frozenset[str]:
    """Codes that made `plan --check` fail: `data["blocking"]`, or else every code met as an error."""
    if result.exit_code != 4:
        return frozenset()
    named = result.data.get("blocking")
    if isinstance(named, list):
        return frozenset(str(code) for code in named)
    entries = objects(result.data, "finding_list")
    return frozenset(text(entry.get("code")) for entry in entries if entry.get("severity") == "error")


def _by_thread(entries: list[JsonObject]) -> dict[str, list[JsonObject]]:
    grouped: dict[str, list[JsonObject]] = {}
    for entry in entries:
        if entry.get("thread_id") is not None:
            grouped.setdefault(str(entry["thread_id"]), []).append(entry)
    return grouped


def _sentence(entry: JsonObject) -> str:
    what = entry.get("code") or entry.get("outcome")
    where = entry.get("message_id") or (None if entry.get("position") is None else f"item {entry['position']}")
    names = " ".join(str(part) for part in (entry.get("severity"), what, where, entry.get("field")) if part)
    return f"{names}: {text(entry.get('detail'))}"


def _replay_case(entry: JsonObject, *, with_content: bool) -> JUnitCase:
    status, detail = text(entry.get("status")), text(entry.get("detail"))
    verdict = JUnitOutcome.PASSED if status in PASSED else JUnitOutcome.FAILED
    verdict = (
        JUnitOutcome.SKIPPED
        if status in ("skipped", "stopped")
        else JUnitOutcome.ERROR
        if status == "error"
        else verdict
    )
    total = entry.get("total_ms")
    seconds = total / 1000 if isinstance(total, int | float) else 0.0
    name = text(entry.get("case_id") or entry.get("id"))
    failed = verdict is not JUnitOutcome.PASSED
    lines = case_lines(entry, with_content=with_content) if failed or entry.get("notes") else []
    output = "\n".join(visible(line) for line in ([detail, *lines] if failed else lines))
    return JUnitCase("cases", name, verdict, status if failed else "", detail if failed else "", output, seconds)
