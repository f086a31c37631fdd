"""What the verdict on a case rests on: each turn with its numbers, its tools, and how like the expected answer it is.

Pure. Texts (questions, answers, arguments) are under `content` of a turn, and only where they were asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from migrate_cli.model import JsonObject
from migrate_cli.replay.baseline import OldTurn
from migrate_cli.replay.expectations import Expect, Expectation
from migrate_cli.replay.outcome import CaseRun, CaseStatus, worst_of
from migrate_cli.replay.run import ReplayJob
from migrate_cli.replay.suite import SuiteCase
from migrate_cli.replay.turns import TurnResult
from migrate_cli.secrets import scrub

BINS = 10
"""Parts of the distribution of likeness, from 0 to 1."""
WORST = 20
"""Cases that are named as least like what was expected."""
NAMED = 5
"""Cases that are named for each kind of failure."""


def evidence_of(job: ReplayJob, runs: Sequence[CaseRun], old: OldTurn | None, *, with_content: bool) -> JsonObject:
    """Return what reports show of a case besides its verdict, of the run that counts.

    `{kinds, reasons, likeness: {value, threshold, method} | null, turns: [{turn, status, ttft_ms, total_ms,
    input_tokens, output_tokens, cost, requests, retries, answer_length, expected_length, likeness, tools: [{tool,
    where, seconds, problem}], content?: {question, expected, answer, arguments}}], baseline?, judging?}`.
    """
    run, asked = worst_of(runs), job.case.all_turns()
    turns = [
        _turn(number, turn, asked[number - 1].expect, run, job.asked(number), with_content=with_content)
        for number, turn in enumerate(run.turns, 1)
    ]
    reasons = [scrub(reason) for reason in (run.reason, *run.endings()) if reason]
    entry: JsonObject = {
        "kinds": _kinds(run),
        "reasons": reasons,
        "likeness": _least(run, job.case),
        "turns": turns,
    }
    if old is not None and (known := old.as_dict()):
        entry["baseline"] = known
    if any(one.judging.total for one in runs):
        entry["judging"] = {
            "input_tokens": sum(one.judging.input for one in runs),
            "output_tokens": sum(one.judging.output for one in runs),
            "cost": round(sum(one.judging_cost for one in runs), 6),
        }
    return entry


def without_texts(entry: JsonObject) -> JsonObject:
    """A case as the state file keeps it."""
    kept = {name: value for name, value in entry.items() if name != "answers"}
    if "turns" in entry:
        kept["turns"] = [{name: value for name, value in turn.items() if name != "content"} for turn in entry["turns"]]
    return kept


def verdict_of(entries: Sequence[JsonObject]) -> JsonObject:
    """Return `{holds, fails, errors, not_run, kinds: [{kind, cases, case_ids}]}`; a case counts under each kind."""
    statuses = Counter(str(entry["status"]) for entry in entries)
    found: dict[str, list[str]] = {}
    for entry in entries:
        held = entry["status"] in (CaseStatus.PASSED, CaseStatus.SKIPPED)
        for kind in () if held else entry.get("kinds") or ():
            found.setdefault(kind, []).append(str(entry["case_id"]))
    kinds = sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))
    return {
        "holds": statuses[CaseStatus.PASSED],
        "fails": statuses[CaseStatus.FAILED],
        "errors": statuses[CaseStatus.ERROR],
        "not_run": statuses[CaseStatus.STOPPED] + statuses[CaseStatus.SKIPPED],
        "kinds": [{"kind": kind, "cases": len(names), "case_ids": names[:NAMED]} for kind, names in kinds],
    }


def likeness_of(entries: Iterable[JsonObject]) -> JsonObject | None:
    """Return `{compared, median, bins, worst: [{case_id, value, threshold, method}]}`; None where nothing was compared.

    `bins` are ten counts, of a likeness from 0 to 0.1 first; 1 is in the last.
    """
    found = [(entry["likeness"], str(entry["case_id"])) for entry in entries if entry.get("likeness")]
    if not found:
        return None
    values = [like["value"] for like, _ in found]
    bins = Counter(min(BINS - 1, int(value * BINS)) for value in values)
    worst = sorted(found, key=lambda one: (one[0]["value"], one[1]))[:WORST]
    return {
        "compared": len(found),
        "median": round(median(values), 4),
        "bins": [bins[place] for place in range(BINS)],
        "worst": [{"case_id": case_id, **like} for like, case_id in worst],
    }


def _turn(
    number: int, turn: TurnResult, expect: Expect, run: CaseRun, question: str, *, with_content: bool
) -> JsonObject:
    answer, expected = _answer(turn), _expected(expect)
    entry: JsonObject = {
        "turn": number,
        "status": turn.response.ending.value,
        "ttft_ms": None if turn.ttft is None else round(turn.ttft * 1000, 1),
        "total_ms": round(turn.seconds * 1000, 1),
        "input_tokens": turn.usage.input,
        "output_tokens": turn.usage.output,
        "cost": round(turn.cost, 6),
        "requests": len(turn.responses),
        "retries": [scrub(reason) for reason in turn.retries],
        "answer_length": len(answer),
        "expected_length": None if expected is None else len(expected),
        "likeness": next((one.likeness for one in _of_turn(run, number) if one.likeness is not None), None),
        "tools": _tools(turn),
    }
    if with_content:
        entry["content"] = {
            "question": scrub(question),
            "expected": None if expected is None else scrub(expected),
            "answer": scrub(answer),
            "arguments": [scrub(one) for one in _arguments(turn)],
        }
    return entry


def _of_turn(run: CaseRun, number: int) -> list[Expectation]:
    return [expectation for turn, expectation in run.expectations if turn == number]


def _answer(turn: TurnResult) -> str:
    return turn.response.text or turn.response.refusal


def _expected(expect: Expect) -> str | None:
    """The text that an answer is put beside."""
    return expect.similar_to.text if expect.similar_to is not None else expect.equals


def _tools(turn: TurnResult) -> list[JsonObject]:
    """What was called: here first, with its time, then what nobody could answer, then what the server ran itself."""
    here = [
        {"tool": one.call.full_name, "where": "here", "seconds": round(one.seconds, 3), "problem": one.problem}
        for one in turn.outcomes
    ]
    nobody = [
        {"tool": call.full_name, "where": "nobody", "seconds": None, "problem": "unanswered"}
        for call in turn.unanswered
    ]
    there = [
        {"tool": use.names[0], "where": "server", "seconds": None, "problem": None if use.succeeded else "failed"}
        for response in turn.responses
        for use in response.uses
    ]
    return [*here, *nobody, *there]


def _arguments(turn: TurnResult) -> list[str]:
    """The arguments of each of those calls, in the same order."""
    here = [*(one.call.arguments for one in turn.outcomes), *(call.arguments for call in turn.unanswered)]
    return [*here, *(use.arguments for response in turn.responses for use in response.uses)]


def _kinds(run: CaseRun) -> list[str]:
    """Why a case does not hold, by name: the code of what ended it, and each expectation that failed."""
    # Where likeness is not known, the code says so: nobody knows that the answer is not like enough.
    failed = [
        one.name
        for _, one in run.expectations
        if not one.passed and (one.name != "similar_to" or one.likeness is not None)
    ]
    return list(dict.fromkeys([*([run.code] if run.code else []), *failed]))


def _least(run: CaseRun, case: SuiteCase) -> JsonObject | None:
    """The turn that is least like what was expected."""
    asked = case.all_turns()
    found = [(one.likeness, number) for number, one in run.expectations if one.likeness is not None]
    if not found:
        return None
    value, number = min(found)
    wanted = asked[number - 1].expect.similar_to
    return {
        "value": round(value, 4),
        "threshold": None if wanted is None else wanted.threshold,
        "method": None if wanted is None else wanted.method,
    }
