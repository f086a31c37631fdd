"""The result of a replay as data: cases, totals, what became of the conversations, exit code. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from migrate_cli.commands.replay_cases import ReplayCases
from migrate_cli.convert.text import counted
from migrate_cli.errors import ExitCode, MigrateError
from migrate_cli.model import JsonObject, Problem
from migrate_cli.replay.budget import UsageBudget
from migrate_cli.replay.compare import compare
from migrate_cli.replay.evidence import evidence_of, likeness_of, verdict_of, without_texts
from migrate_cli.replay.outcome import CaseRun, CaseStatus, shown
from migrate_cli.replay.run import ConversationFingerprints, ReplayJob
from migrate_cli.report.redact import redact
from migrate_cli.settings.model import Settings
from migrate_cli.target.scratch import ScratchConversations


def data_of(
    settings: Settings,
    cases: ReplayCases,
    runs: Sequence[Sequence[CaseRun]],
    fingerprints: ConversationFingerprints,
    scratches: ScratchConversations,
    budget: UsageBudget,
    others: JsonObject | None,
    judged: Mapping[str, JsonObject],
) -> JsonObject:
    """Return the data of the result; `judged` are cases that an interrupted replay had judged already."""
    pairs = zip(cases.jobs, runs, strict=True)
    content = settings.report.with_content
    entries = [
        judged.get(job.case.id)
        or shown(each, job.case.pass_rate, with_content=content)
        | evidence_of(job, each, cases.old.get(job.case.id), with_content=content)
        for job, each in pairs
    ]
    if settings.report.redact:
        entries = [_masked(entry) for entry in entries]
    data: JsonObject = {
        "suite": cases.name,
        "rerun": cases.rerun,
        "mode": settings.replay.mode,
        **_answering(cases.jobs),
        "cases": entries,
        "verdict": verdict_of(entries),
        "likeness": likeness_of(entries),
        "totals": _totals(entries, budget),
        "cost": None if budget.unpriced and not budget.cost else round(budget.cost, 6),
        "unpriced": sorted(budget.unpriced),
        "unpriced_calls": sorted(budget.unpriced_calls),
        "stopped": budget.stopped,
        "conversations": {
            "checked": len(fingerprints.before),
            "unchanged": len(fingerprints.before) - len(fingerprints.changed) - len(fingerprints.unread),
            "changed": fingerprints.changed,
            "unread": fingerprints.unread,
        },
        "scratch": {
            "found": scratches.found,
            "made": scratches.made,
            "deleted": scratches.deleted,
            "swept": scratches.swept,
            "left": scratches.left,
            "unclear": scratches.unclear,
        },
        "warnings": [*cases.warnings, *_hidden(fingerprints), *_unclear(scratches), *_unpriced_calls(budget)],
    }
    if others is not None:
        data["comparison"] = compare(entries, others["cases"], str(others["run_id"]))
    return data


def _answering(jobs: Sequence[ReplayJob]) -> JsonObject:
    """What answers: `models`, and `agents` where cases name some, which have their models themselves."""
    models = dict.fromkeys(str(job.fields["model"]) for job in jobs if job.fields.get("model") is not None)
    references = (job.fields.get("agent_reference") for job in jobs)
    agents = list(dict.fromkeys(str(one.get("name")) for one in references if isinstance(one, dict)))
    return {"models": list(models), **({"agents": agents} if agents else {})}


def _hidden(fingerprints: ConversationFingerprints) -> list[str]:
    if not fingerprints.hidden:
        return []
    return [
        f"the target does not return the URLs of {sum(fingerprints.hidden.values())} images in "
        f"{len(fingerprints.hidden)} "
        "conversations; where these were copied, a text replaces each image"
    ]


def _unclear(scratches: ScratchConversations) -> list[str]:
    if not scratches.unclear:
        return []
    return [
        f"{counted(scratches.unclear, 'request')} for a scratch conversation had no answer; each may have left an "
        f"empty conversation at the target{scratches.unlisted}"
    ]


def _unpriced_calls(budget: UsageBudget) -> list[str]:
    if not budget.unpriced_calls or not budget.cost:
        return []
    names = ", ".join(sorted(budget.unpriced_calls))
    return [f"the cost leaves out the calls of {names}, which have no price in replay.call_prices"]


def without_answers(envelope: JsonObject) -> JsonObject:
    """The envelope as the state file keeps it: texts are for the report that asked for them, and for nothing else."""
    cases = [without_texts(case) for case in envelope["data"]["cases"]]
    return {**envelope, "data": {**envelope["data"], "cases": cases}}


def _masked(entry: JsonObject) -> JsonObject:
    """A case whose texts are masked: answers, and what of the suite is in details."""
    masked = {**entry, "detail": entry["detail"] and redact(entry["detail"])}
    masked["expectations"] = [{**one, "detail": redact(one["detail"])} for one in entry["expectations"]]
    if "answers" in entry:
        masked["answers"] = [redact(answer) for answer in entry["answers"]]
    masked["turns"] = [_masked_turn(turn) for turn in entry.get("turns", ())]
    for name in ("reasons", "told"):
        masked[name] = [redact(sentence) for sentence in entry.get(name, ())]
    return masked


def _masked_turn(turn: JsonObject) -> JsonObject:
    content = turn.get("content")
    if content is None:
        return turn
    arguments = [redact(one) for one in content["arguments"]]
    texts = {name: content[name] and redact(content[name]) for name in ("question", "expected", "answer")}
    return {**turn, "content": {**texts, "arguments": arguments}}


def exit_code_of(data: JsonObject, failure: MigrateError | None, *, interrupted: bool) -> ExitCode:
    """4 when a case failed, or a conversation changed or was left unusable; 3 when a limit stopped it.

    What ended the run goes first.
    """
    if failure is not None:
        return failure.exit_code
    if interrupted:
        return ExitCode.INTERRUPTED
    totals, left_open = data["totals"], any(one["problem"] for one in data["tidied"])
    if totals["failed"] or totals["error"] or data["conversations"]["changed"] or left_open:
        return ExitCode.CHECK_FAILED
    return ExitCode.PARTIAL if totals["stopped"] or data["scratch"]["left"] else ExitCode.OK


def problems_of(data: JsonObject, failure: MigrateError | None) -> list[Problem]:
    """What went wrong beside the cases."""
    problems = [] if failure is None else [Problem(failure.code, str(failure))]
    if data["stopped"]:
        problems.append(Problem("limit-reached", data["stopped"]))
    for conversation_id in data["conversations"]["changed"]:
        sentence = f"the conversation {conversation_id} changed while the replay ran; did something else write to it?"
        problems.append(Problem("conversation-changed", sentence))
    for conversation_id in data["conversations"]["unread"]:
        sentence = f"the conversation {conversation_id} could not be read again, so it is not known whether it changed"
        problems.append(Problem("conversation-unread", sentence))
    for conversation_id in data["scratch"]["left"]:
        sentence = f"the scratch conversation {conversation_id} may still be there; the next replay deletes it"
        problems.append(Problem("scratch-left", sentence))
    problems += [Problem("conversation-left-open", one["problem"]) for one in data["tidied"] if one["problem"]]
    return problems


def _totals(entries: Sequence[JsonObject], budget: UsageBudget) -> dict[str, int]:
    statuses = {status.value: sum(entry["status"] == status for entry in entries) for status in CaseStatus}
    return {
        "cases": len(entries),
        **statuses,
        "input_tokens": budget.usage.input,
        "output_tokens": budget.usage.output,
        "tool_calls": budget.tool_calls,
        "retries": sum(entry["retries"] for entry in entries),
        "estimated_tokens": budget.estimated,
        "unanswered": sum(len(entry.get("unanswered") or ()) for entry in entries),
    }
