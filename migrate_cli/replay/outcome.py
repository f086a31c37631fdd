"""The outcome of a case, and how reports show it. Pure. It must not show text of the conversation unless asked to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from migrate_cli.convert.text import counted
from migrate_cli.model import JsonObject
from migrate_cli.replay.approvals import Decided
from migrate_cli.replay.client_calls import RUN_HERE
from migrate_cli.replay.expectations import Expectation
from migrate_cli.replay.response import Ending, Usage
from migrate_cli.replay.tidying import TidiedConversation
from migrate_cli.replay.tools import ENDED
from migrate_cli.replay.turns import TurnResult
from migrate_cli.secrets import scrub

_SHOWN_REASONS = 3


class CaseStatus(StrEnum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    """An answer came, and an expectation does not hold."""
    ERROR = "error"
    """No answer was available or judged."""
    STOPPED = "stopped"
    """A limit, or Ctrl-C, ended it."""
    SKIPPED = "skipped"


@dataclass(slots=True)
class CaseRun:
    """One case, run once."""

    case_id: str
    number: int
    """The repetition, from 1."""
    thread_id: str | None = None
    conversation_id: str | None = None
    status: CaseStatus = CaseStatus.ERROR
    code: str | None = None
    reason: str = ""
    """One sentence, where it did not come to a judgement."""
    turns: list[TurnResult] = field(default_factory=list)
    expectations: list[tuple[int, Expectation]] = field(default_factory=list)
    """The turn (from 1), and the expectation."""
    restarts: list[str] = field(default_factory=list)
    """Why the case began again."""
    earlier: list[TurnResult] = field(default_factory=list)
    """Turns of attempts that came to nothing; they count for what they cost."""
    judging: Usage = field(default_factory=Usage)
    """Tokens of models that compared answers."""
    judging_cost: float = 0.0
    told: list[str] = field(default_factory=list)
    """What a person should know of its history and its conversation, in sentences."""
    tidied: list[TidiedConversation] = field(default_factory=list)
    """What was done to a conversation that it ran in, so that this can go on."""
    last_response: str | None = None
    """Where it was a chain: the response that another can follow."""

    @property
    def usage(self) -> Usage:
        """All tokens."""
        return sum((turn.usage for turn in (*self.turns, *self.earlier)), self.judging)

    @property
    def cost(self) -> float:
        """What it cost, as far as models have prices."""
        return sum((turn.cost for turn in (*self.turns, *self.earlier)), self.judging_cost)

    @property
    def seconds(self) -> float:
        """Time of all turns."""
        return sum(turn.seconds for turn in self.turns)

    @property
    def ttft(self) -> float | None:
        """Seconds to the first token of the first turn."""
        return self.turns[0].ttft if self.turns else None

    @property
    def retries(self) -> list[str]:
        """Why something was sent again."""
        return [*self.restarts, *(reason for turn in (*self.earlier, *self.turns) for reason in turn.retries)]

    @property
    def tools(self) -> list[str]:
        """Names of the tools that were called, in order."""
        return [call.names[0] for turn in self.turns for call in turn.calls]

    @property
    def estimated(self) -> int:
        """Tokens that no server has told, and that were guessed."""
        return sum(turn.estimated for turn in (*self.turns, *self.earlier))

    def judge(self) -> None:
        """Set the status from the verdicts, and from what a turn left open: approvals, calls, programs."""
        silent = [d.request for turn in self.turns for d in turn.decisions if d.decided is Decided.UNANSWERED]
        calls = any(turn.without_answer for turn in self.turns)
        if silent or calls:
            self.status, self.code = CaseStatus.FAILED, "approval-unanswered" if silent else "call-unanswered"
            reasons = []
            if silent:
                names = ", ".join(f"{one.server}.{one.name}" for one in silent)
                reasons.append(f"nobody could be asked to approve {names}; name it under approve or deny in the suite")
            if calls:
                reasons.append(_unanswered(self.turns))
            self.reason = "; ".join(reasons)
        elif programs := [one for turn in self.turns for one in turn.unfinished_programs]:
            self.status, self.code = CaseStatus.FAILED, "program-unfinished"
            self.reason = f"the turn ended before a program of the model did ({', '.join(programs)})"
        else:
            passed = all(expectation.passed for _, expectation in self.expectations)
            self.status = CaseStatus.PASSED if passed else CaseStatus.FAILED

    def endings(self) -> list[str]:
        """What the last response says of its end, where that is not a whole answer."""
        last = self.turns[-1].response if self.turns else None
        said = []
        if last is not None and (last.error_code or last.error_message):
            said.append(f"{last.error_code or 'error'}: {last.error_message or 'no message'}")
        if last is not None and last.incomplete_reason:
            said.append(f"incomplete: {last.incomplete_reason}")
        return said

    def detail(self) -> str:
        """Why it did not pass, or what a person should know although it did."""
        failed = [f"{one.name}: {one.detail}" for _, one in self.expectations if not one.passed]
        said = self.endings()
        problems = [outcome for turn in self.turns for outcome in turn.outcomes if outcome.problem]
        if self.status is not CaseStatus.PASSED:
            failed_tools = [one for one in problems if one.problem not in ENDED]
            said += [f"the tool {one.call.name} failed ({one.problem})" for one in failed_tools[:_SHOWN_REASONS]]
        reasons = [self.reason, *failed[:_SHOWN_REASONS], *said] if self.status is not CaseStatus.PASSED else []
        if self.retries:
            reasons.append(f"sent again {counted(len(self.retries), 'time')}: {self.retries[-1]}")
        reasons += list(dict.fromkeys(_told(self)))[:_SHOWN_REASONS]
        # Said of a case that passed too: handlers go on in a new process, without what their modules held.
        reasons += [
            f"the tool {one.call.name} was ended after {one.seconds:.1f} s ({one.problem})"
            for one in problems
            if one.problem in ENDED
        ][:_SHOWN_REASONS]
        return scrub("; ".join(reason for reason in reasons if reason))


def _told(run: CaseRun) -> list[str]:
    return [*run.told, *(sentence for turn in run.turns for sentence in turn.told)]


def _unanswered(turns: Iterable[TurnResult]) -> str:
    """Why a case fails in which calls had no answer, and what to do about each kind of them."""
    found: dict[str, dict[str, None]] = {}
    for turn in turns:
        cut = turn.response.ending is Ending.INCOMPLETE
        for call in turn.without_answer:
            way = _CUT_OFF if cut and call in turn.unanswered else _NO_HANDLER if call.kind in RUN_HERE else _NO_TOOL
            found.setdefault(way, {})[call.full_name] = None
    ways = [f"{', '.join(names)} ({way})" for way, names in found.items()]
    return f"nothing here could answer the calls of {' and of '.join(ways)}"


_CUT_OFF = "the response broke off behind it; see max_output_tokens"
_NO_HANDLER = "give it a handler or a command, or add --stub-tools"
_NO_TOOL = "replay runs no such tool; leave it out of the suite"


def shown(runs: Sequence[CaseRun], pass_rate: float, *, with_content: bool) -> JsonObject:
    """One case with all its repetitions, as reports show it."""
    first, passed = runs[0], sum(run.status is CaseStatus.PASSED for run in runs)
    worst = worst_of(runs)
    status = CaseStatus.PASSED if passed and passed / len(runs) >= pass_rate else worst.status
    usage = sum((run.usage for run in runs), Usage())
    entry: JsonObject = {
        "case_id": first.case_id,
        "thread_id": first.thread_id,
        "conversation_id": first.conversation_id,
        "status": status.value,
        "code": worst.code,
        "ttft_ms": _milliseconds([run.ttft for run in runs]),
        "total_ms": _milliseconds([run.seconds for run in runs if run.turns]),
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "tools": first.tools,
        "tool_calls": sum(len(run.tools) for run in runs),
        "rounds": sum(len(turn.responses) for run in runs for turn in run.turns),
        "retries": sum(len(run.retries) for run in runs),
        "estimated_tokens": sum(run.estimated for run in runs),
        "cost": round(sum(run.cost for run in runs), 6),
        "detail": worst.detail() or None,
        "expectations": [expectation.as_dict() | {"turn": turn} for turn, expectation in worst.expectations],
        "notes": _notes(runs),
        "unanswered": [
            {"type": call.kind, "tool": call.full_name, "call_id": call.call_id or None, "turn": number}
            for run in runs
            for number, turn in enumerate(run.turns, 1)
            for call in turn.without_answer
        ],
        "tool_problems": [
            {
                "tool": outcome.call.full_name,
                "call_id": outcome.call.call_id,
                "problem": outcome.problem,
                "seconds": round(outcome.seconds, 3),
                "ended": outcome.problem in ENDED,
                "turn": number,
            }
            for run in runs
            for turns in (run.earlier, run.turns)
            for number, turn in enumerate(turns, 1)
            for outcome in turn.outcomes
            if outcome.problem
        ],
        "told": list(dict.fromkeys(sentence for run in runs for sentence in _told(run))),
        "last_response_id": worst.last_response,
    }
    if len(runs) > 1:
        entry |= {"repeats": len(runs), "passed": passed, "pass_rate": round(passed / len(runs), 3)}
    if with_content:
        entry["answers"] = [scrub(turn.response.text or turn.response.refusal) for turn in worst.turns]
    return entry


def worst_of(runs: Sequence[CaseRun]) -> CaseRun:
    """The run that reports show of a case: the first that did not pass, if there is one."""
    return next((run for run in runs if run.status is not CaseStatus.PASSED), runs[0])


def _milliseconds(seconds: Sequence[float | None]) -> float | None:
    """The median, since one slow repetition says little."""
    known = [value for value in seconds if value is not None]
    return round(median(known) * 1000, 1) if known else None


def _notes(runs: Sequence[CaseRun]) -> JsonObject:
    """What was odd about the streams, by how often."""
    responses = [response for run in runs for turn in (*run.turns, *run.earlier) for response in turn.responses]
    counts = {
        "out_of_order": sum(response.disorder for response in responses),
        "unreadable": sum(response.unreadable for response in responses),
        "unknown": sum(len(response.unknown) + len(response.unknown_items) for response in responses),
        "mismatch": sum(response.mismatch for response in responses),
    }
    found: JsonObject = {name: count for name, count in counts.items() if count}
    kinds = Counter(str(event.get("type")) for response in responses for event in response.unknown)
    kinds.update(f"item {kind}" for response in responses for kind in response.unknown_items)
    return found | ({"unknown_types": dict(sorted(kinds.items()))} if kinds else {})
