"""Runs the cases of a replay, several at a time: each in its mode, with its tools, judged at the end of each turn.

It knows order, attempts, limits and what an interruption means. It must not know options, files or reports, which are
the command's.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.errors import MigrateError, TemporaryError
from migrate_cli.http.retry import pause
from migrate_cli.model import JsonObject
from migrate_cli.replay.approvals import Approvals, Ask
from migrate_cli.replay.budget import UsageBudget
from migrate_cli.replay.client_calls import open_calls
from migrate_cli.replay.errors import CaseError, CaseInterrupted, LimitReached, RequestRefused, RetryableError
from migrate_cli.replay.event_sinks import CaseObserver
from migrate_cli.replay.expectations import Expect, TurnFacts, check
from migrate_cli.replay.history import ConversationHistory, hidden_in, read_history, sendable
from migrate_cli.replay.inputs import Inputs
from migrate_cli.replay.judge import JudgeUse, LikenessJudge
from migrate_cli.replay.modes import (
    ChainMode,
    ConversationMode,
    CopyMode,
    InPlaceMode,
    Mode,
    ReplayTarget,
    StatelessMode,
)
from migrate_cli.replay.outcome import CaseRun, CaseStatus
from migrate_cli.replay.recorded_outputs import RecordedOutputs
from migrate_cli.replay.response import Ending
from migrate_cli.replay.suite import SuiteCase
from migrate_cli.replay.tools import ToolPolicy, ToolRunner
from migrate_cli.replay.toolspec import Tool
from migrate_cli.replay.turns import LONGEST_ASKED, SendCounts, Streamer, TurnPolicy, TurnResult, TurnRunner
from migrate_cli.work.pool import WorkerPool, each_of
from migrate_cli.work.waiting import waiting

IN_A_ROW = 3
"""After so many cases in a row without any answer, the target is taken to be down."""
GRACE = 1.5
"""Seconds that cases under way may take when the replay is interrupted."""
CLOSING = 1.0
"""Seconds that a case which is called off may take to delete what it has at the target."""
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """One case, ready to run."""

    case: SuiteCase
    fields: JsonObject
    """The fields of each request besides its input."""
    tools: tuple[Tool, ...] = ()
    conversation_id: str | None = None
    thread_id: str | None = None
    question: tuple[str, ...] = ()
    """For a case made from a last turn: ids of the items that ask. The history ends before them."""
    approve: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    asks: str | None = None
    """For a case made from a last turn: the words of the question, as the source has them."""

    def asked(self, turn: int) -> str:
        """The words of a turn's question, from 1; files are named."""
        if self.asks is not None and turn == 1:
            return self.asks
        return "\n".join(part.words for part in self.case.all_turns()[turn - 1].input)


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """How all cases are run."""

    mode: Mode = Mode.COPY
    workers: int = 4
    repeat: int = 1
    stub_tools: bool = False
    reasoning: Callable[[str | None], bool] = lambda _model: False
    """Whether a model reasons, so that its reasoning must be handed back."""
    turn_policy: TurnPolicy = field(default_factory=TurnPolicy)
    tools: ToolPolicy = field(default_factory=ToolPolicy)
    ask: Ask | None = None


@dataclass(slots=True)
class ConversationFingerprints:
    """Fingerprints of the conversations that were read, to prove at the end that the replay changed none."""

    before: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """Conversations that could not be read again."""

    hidden: dict[str, int] = field(default_factory=dict)
    """How many images the target does not return, by conversation; a copy holds a text in place of each."""

    def remember(self, history: ConversationHistory) -> None:
        """Note the fingerprint from before the first case."""
        self.before.setdefault(history.conversation_id, history.digest)
        if images := hidden_in(history.items):
            self.hidden[history.conversation_id] = images

    def compare(self, history: ConversationHistory) -> None:
        """Compare with the fingerprint from before."""
        if self.before[history.conversation_id] != history.digest:
            self.changed.append(history.conversation_id)


@dataclass(frozen=True, slots=True)
class TurnTools:
    """What lasts from one attempt at a case to the next."""

    runner: ToolRunner
    counts: SendCounts


class ReplayRun:
    """All cases of one replay. Setting `drain` lets those in progress end and starts no more."""

    def __init__(
        self,
        target: ReplayTarget,
        stream: Streamer,
        inputs: Inputs,
        budget: UsageBudget,
        plan: ReplayPlan,
        judge: LikenessJudge,
        observe: Callable[[str, int], CaseObserver],
        record: Callable[[CaseRun], None],
    ) -> None:
        self._target, self._stream, self._inputs = target, stream, inputs
        self._budget, self._plan, self._observe, self._record = budget, plan, observe, record
        self._judge = judge
        self._locks: dict[str, asyncio.Lock] = {}
        self.drain = asyncio.Event()
        self._unanswered = 0
        """Cases in a row that ended because nothing came."""
        self.fingerprints = ConversationFingerprints()
        self.failure: MigrateError | None = None
        """What ended the run before all cases were done: a refused key, an unreachable target."""

    async def run(self, jobs: Sequence[ReplayJob], judged: Collection[str] = ()) -> list[list[CaseRun]]:
        """Run every job as often as the plan says; the results are in the order of the jobs.

        Cases that were `judged` before are not run.
        """
        runs = [[self._new(job, number) for number in range(1, self._plan.repeat + 1)] for job in jobs]
        left = [(job, each) for job, each in zip(jobs, runs, strict=True) if job.case.id not in judged]
        every = iter([(job, one) for job, each in left for one in each])
        # What comes after the run was asked to end is taken as well, and recorded as not run.
        await self._pool().run(each_of(every), self._one)
        return runs

    async def check_untouched(self) -> ConversationFingerprints:
        """Read every conversation again, and compare its fingerprint with the one from before."""

        looked: set[str] = set()

        async def look(conversation_id: str) -> None:
            if self.failure is not None:
                self.fingerprints.unread.append(conversation_id)
                return
            try:
                self.fingerprints.compare(await read_history(self._target.conversations, conversation_id))
                looked.add(conversation_id)
            except (CaseError, MigrateError):
                self.fingerprints.unread.append(conversation_id)

        looking = self._pool().run(each_of(iter(list(self.fingerprints.before))), look)
        try:
            # An interrupted replay tells what it can tell at once.
            await asyncio.wait_for(looking, CLOSING if self.drain.is_set() else None)
        except TimeoutError:
            known = {*self.fingerprints.unread, *self.fingerprints.changed, *looked}
            self.fingerprints.unread += [one for one in self.fingerprints.before if one not in known]
        return self.fingerprints

    def _new(self, job: ReplayJob, number: int) -> CaseRun:
        return CaseRun(job.case.id, number, job.thread_id, job.conversation_id)

    def _pool(self) -> WorkerPool:
        return WorkerPool(self._plan.workers, asyncio.Event())

    async def _one(self, one: tuple[ReplayJob, CaseRun]) -> None:
        job, run = one
        why_not = self._why_not(job)
        if why_not is not None:
            run.status, run.reason = why_not
        else:
            await self._guarded(job, run)
        self._record(run)

    def _why_not(self, job: ReplayJob) -> tuple[CaseStatus, str] | None:
        if job.case.skip is not None:
            return CaseStatus.SKIPPED, job.case.skip
        if self.failure is not None:
            return CaseStatus.STOPPED, "the run had ended"
        if self.drain.is_set():
            return CaseStatus.STOPPED, "the run was interrupted"
        return (CaseStatus.STOPPED, self._budget.stopped) if self._budget.stopped else None

    async def _guarded(self, job: ReplayJob, run: CaseRun) -> None:
        observer = self._observe(job.case.id, run.number)
        # Cases that share a conversation or a chain would see each other's turns, so they run one after the other.
        shared = self._plan.mode in (Mode.IN_PLACE, Mode.CHAIN) and job.conversation_id is not None
        lock = self._locks.setdefault(str(job.conversation_id), asyncio.Lock()) if shared else nullcontext()
        try:
            async with lock:
                await self._until_stopped(self._case(job, run, observer))
            run.judge()
            self._unanswered = 0
        except (LimitReached, CaseInterrupted) as limit:
            run.status, run.code, run.reason = CaseStatus.STOPPED, limit.code, str(limit)
        except CaseError as error:
            run.status, run.code, run.reason = CaseStatus.ERROR, error.code, str(error)
        except RetryableError as error:
            run.status, run.code, run.reason = CaseStatus.ERROR, "stream-broken", error.reason
            self._note_silence(error)
        except MigrateError as error:
            self.failure = self.failure or error
            run.status, run.code, run.reason = CaseStatus.ERROR, error.code, str(error)
        finally:
            observer.done(run)

    def _note_silence(self, error: RetryableError) -> None:
        """After some cases in a row that ended because nothing came, the target is taken to be down."""
        self._unanswered = self._unanswered + 1 if error.silent else 0
        if self._unanswered >= min(IN_A_ROW, self._plan.workers) and self.failure is None:
            self.failure = TemporaryError(
                f"{self._target.scratches.name} gave no answer to POST /responses, {self._unanswered} cases in a row "
                f"({error.reason}); nothing is lost, run the same command again later"
            )

    async def _until_stopped(self, case: Coroutine[Any, Any, None]) -> None:
        """Run a case; where the replay is interrupted, it may still end, and is called off if it does not.

        Raises CaseInterrupted then. What it has at the target is deleted, now or by the next replay.
        """
        running = asyncio.ensure_future(case)
        stopped = asyncio.ensure_future(self.drain.wait())
        try:
            await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                await asyncio.wait({running}, timeout=GRACE)
            if running.done():
                return running.result()
            running.cancel()
            await asyncio.wait({running}, timeout=CLOSING)
            raise CaseInterrupted("the run was interrupted")
        finally:
            stopped.cancel()
            running.cancel()

    async def _case(self, job: ReplayJob, run: CaseRun, observer: CaseObserver) -> None:
        history, question = await self._history(job)
        recorded = RecordedOutputs(history) if self._plan.stub_tools else None
        tools = ToolRunner(job.tools, self._plan.tools, recorded, self.drain)
        mode = self._mode_of(job, history)
        policy, counts = self._plan.turn_policy, SendCounts(self._plan.turn_policy.retries)
        for attempt in range(policy.retries + 1):
            try:
                await self._attempt(job, run, observer, mode, TurnTools(tools, counts), question)
            except CaseError as error:
                raise self._explained(error, job, history) from None
            except RetryableError as error:
                # What was never answered, or sent as often as it may be, is not sent again.
                if attempt == policy.retries or error.silent or error.last:
                    raise
                run.restarts.append(error.reason)
                run.earlier += run.turns
                run.turns, run.expectations = [], []
                observer.note(f"starts over: {error.reason}")
                tools.restart()
                if error.not_applied:
                    with waiting("the next attempt at a case that starts over", moves=False):
                        await policy.sleep(min(LONGEST_ASKED, pause(attempt + 1, error.wait)))
            else:
                return

    def _explained(self, error: CaseError, job: ReplayJob, history: Sequence[JsonObject]) -> CaseError:
        """Name the cause of a refusal where that lies in the conversation itself."""
        refused = error.status == _BAD_REQUEST if isinstance(error, RequestRefused) else error.code == "copy-refused"
        calls = open_calls(history) if refused and self._plan.mode is not Mode.STATELESS else ()
        if not calls:
            return error
        names = ", ".join(dict.fromkeys(call.full_name for call in calls))
        restart = f"migrate-cli resolve {shlex.quote(job.thread_id or '')} --restart"
        again = "" if job.thread_id is None else f"load it again (`{restart}`), or "
        return CaseError(
            "call-without-output",
            f"the conversation holds calls without an output ({names}), so the target refuses every response on it; "
            f"{again}replay it with --mode stateless, which sends an error as the output ({error})",
        )

    async def _history(self, job: ReplayJob) -> tuple[Sequence[JsonObject], list[JsonObject]]:
        """The items before the case, and (for a last turn) those that ask."""
        if job.conversation_id is None:
            return (), []
        history = await read_history(self._target.conversations, job.conversation_id)
        if self._plan.mode is not Mode.IN_PLACE:
            self.fingerprints.remember(history)
        if not job.question:
            return history.items, []
        wanted = set(job.question)
        places = [index for index, item in enumerate(history.items) if item.get("id") in wanted]
        if not places:
            raise CaseError("question-gone", "the question is no longer in the conversation")
        return history.items[: places[0]], sendable(
            (history.items[index] for index in places), strict=self._target.strict
        )

    def _mode_of(self, job: ReplayJob, history: Sequence[JsonObject]) -> ConversationMode:
        mode, conversation_id = self._plan.mode, job.conversation_id
        if mode is Mode.IN_PLACE and conversation_id is not None:
            return InPlaceMode(self._target, conversation_id, history)
        if mode is Mode.CHAIN:
            return ChainMode(self._target, conversation_id, history)
        if mode is Mode.STATELESS:
            reasoning = self._plan.reasoning(job.fields.get("model"))
            return StatelessMode(conversation_id, history, reasoning=reasoning, strict=self._target.strict)
        return CopyMode(self._target, conversation_id, history)

    async def _attempt(
        self,
        job: ReplayJob,
        run: CaseRun,
        observer: CaseObserver,
        mode: ConversationMode,
        tools: TurnTools,
        question: list[JsonObject],
    ) -> None:
        runner: TurnRunner | None = None
        try:
            await mode.open()
            approvals = Approvals(job.approve, job.deny, self._plan.ask)
            runner = TurnRunner(
                self._stream,
                mode,
                job.fields,
                tools.runner,
                approvals,
                self._budget,
                observer,
                self._plan.turn_policy,
            )
            runner.counts = tools.counts
            turns = job.case.all_turns()
            for number, asked in enumerate(turns, 1):
                observer.turn(number, len(turns))
                turn = TurnResult()
                run.turns.append(turn)
                items = question if question and number == 1 else [await self._inputs.message(asked.input)]
                await runner.run(items, turn, Ending(asked.expect.status))
                asks = job.asked(number)
                facts = await self._judged(asked.expect, turn, asks, run)
                run.expectations += [(number, expectation) for expectation in check(asked.expect, facts)]
                if facts.likeness is not None and facts.likeness.value is None:
                    raise CaseError(
                        "likeness-unknown", f"how like the answer is could not be found: {facts.likeness.reason}"
                    )
                if not _goes_on(asked.expect, turn):
                    break
        finally:
            unsent = runner.unsent if runner is not None else ()
            try:
                await asyncio.shield(mode.close(unsent, hurry=self.drain.is_set() or self.failure is not None))
            finally:
                run.told += [note for note in mode.notes if note not in run.told]
                run.tidied += [mode.tidied] if mode.tidied is not None else []
                run.last_response = mode.last_response or run.last_response

    async def _judged(self, expect: Expect, turn: TurnResult, question: str, run: CaseRun) -> TurnFacts:
        """The facts of a turn, with how like its answer is where a model has to be asked; the case bears the cost."""
        use = JudgeUse()
        try:
            return await self._judge.judged(expect, turn.facts(), question, use)
        finally:
            run.judging = run.judging + use.usage
            run.judging_cost += use.cost


def _goes_on(expect: Expect, turn: TurnResult) -> bool:
    """Whether the next turn may run: not after a response that did not end as expected, or left calls open."""
    return turn.response.ending is Ending(expect.status) and not turn.unanswered


def chosen(jobs: Iterable[ReplayJob], names: Sequence[str], sample: int | None) -> list[ReplayJob]:
    """The jobs of these names (all, without any), or a sample of them that is the same each time, in their order."""
    import hashlib  # noqa: PLC0415 - next to its use

    wanted = [job for job in jobs if not names or job.case.id in names]
    if sample is None or sample >= len(wanted):
        return wanted
    ranked = sorted(wanted, key=lambda job: hashlib.blake2b(job.case.id.encode(), digest_size=8).digest())
    kept = {job.case.id for job in ranked[:sample]}
    return [job for job in wanted if job.case.id in kept]
