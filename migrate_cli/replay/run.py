"""Runs the cases of a replay, several at a time: each in its place, with its tools, judged at the end of each turn.

It knows order, attempts, limits and what an interruption means. Reports, options and files are the command's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from migrate_cli.errors import MigrateError
from migrate_cli.model import JsonObject
from migrate_cli.replay.approvals import Approvals, Ask
from migrate_cli.replay.budget import UsageBudget
from migrate_cli.replay.errors import CaseError, LimitReached, RetryableError
from migrate_cli.replay.event_sinks import CaseObserver
from migrate_cli.replay.expectations import Expect, check
from migrate_cli.replay.history import ConversationHistory, hidden_in, read_history, sendable
from migrate_cli.replay.inputs import Inputs
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
from migrate_cli.replay.turns import Streamer, TurnPolicy, TurnResult, TurnRunner
from migrate_cli.work.pool import WorkerPool, each_of


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """One case, ready to run."""

    case: SuiteCase
    fields: JsonObject
    """What each request says beside its input."""
    tools: tuple[Tool, ...] = ()
    conversation_id: str | None = None
    thread_id: str | None = None
    question: tuple[str, ...] = ()
    """Ids of the items that ask, for a case made of the last turn: the history ends before them."""
    approve: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """How all cases are run."""

    mode: Mode = Mode.COPY
    workers: int = 4
    repeat: int = 1
    stub_tools: bool = False
    reasoning: Callable[[str | None], bool] = lambda _model: False
    """Whether a model thinks, and hands its thoughts back when asked."""
    rules: TurnPolicy = field(default_factory=TurnPolicy)
    tools: ToolPolicy = field(default_factory=ToolPolicy)
    ask: Ask | None = None


@dataclass(slots=True)
class ConversationFingerprints:
    """The conversations that were read, with their fingerprints: first when they were read, then at the end."""

    before: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """They could not be read again."""

    hidden: dict[str, int] = field(default_factory=dict)
    """Images that the target does not show again, by conversation: a copy of it holds a text for each."""

    def first(self, history: ConversationHistory) -> None:
        """Note how a conversation was before anything was done."""
        self.before.setdefault(history.conversation_id, history.digest)
        if images := hidden_in(history.items):
            self.hidden[history.conversation_id] = images

    def again(self, history: ConversationHistory) -> None:
        """Compare."""
        if self.before[history.conversation_id] != history.digest:
            self.changed.append(history.conversation_id)


class ReplayRun:
    """All cases of one replay. `drain` lets those under way end and starts no more."""

    def __init__(
        self,
        ground: ReplayTarget,
        stream: Streamer,
        inputs: Inputs,
        meter: UsageBudget,
        plan: ReplayPlan,
        watch: Callable[[str, int], CaseObserver],
        record: Callable[[CaseRun], None],
    ) -> None:
        self._ground, self._stream, self._inputs = ground, stream, inputs
        self._meter, self._plan, self._watch, self._record = meter, plan, watch, record
        self._alone: dict[str, asyncio.Lock] = {}
        self.drain = asyncio.Event()
        self.seen = ConversationFingerprints()
        self.failure: MigrateError | None = None
        """What ended the run before all cases were done: a refused key, an unreachable target."""

    async def run(self, jobs: Sequence[ReplayJob]) -> list[list[CaseRun]]:
        """Run every job as often as the plan says; the results stand in the order of the jobs."""
        runs = [[self._new(job, number) for number in range(1, self._plan.repeat + 1)] for job in jobs]
        every = iter([(job, one) for job, each in zip(jobs, runs, strict=True) for one in each])
        # What comes after the run was asked to end is taken as well, and recorded as not run.
        await self._pool().run(each_of(every), self._one)
        return runs

    async def check_untouched(self) -> ConversationFingerprints:
        """Read every conversation again, and compare its fingerprint with the one from before."""

        async def look(conversation_id: str) -> None:
            try:
                self.seen.again(await read_history(self._ground.target, conversation_id))
            except (CaseError, MigrateError):
                self.seen.unread.append(conversation_id)

        await self._pool().run(each_of(iter(list(self.seen.before))), look)
        return self.seen

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
        return (CaseStatus.STOPPED, self._meter.stopped) if self._meter.stopped else None

    async def _guarded(self, job: ReplayJob, run: CaseRun) -> None:
        watcher = self._watch(job.case.id, run.number)
        # In the conversation itself, or in one chain, two cases at once would read each other's words.
        shared = self._plan.mode in (Mode.IN_PLACE, Mode.CHAIN) and job.conversation_id is not None
        lock = self._alone.setdefault(str(job.conversation_id), asyncio.Lock()) if shared else nullcontext()
        try:
            async with lock:
                await self._case(job, run, watcher)
            run.judge()
        except LimitReached as limit:
            run.status, run.code, run.reason = CaseStatus.STOPPED, limit.code, str(limit)
        except CaseError as fault:
            run.status, run.code, run.reason = CaseStatus.ERROR, fault.code, str(fault)
        except RetryableError as trouble:
            run.status, run.code, run.reason = CaseStatus.ERROR, "stream-broken", trouble.reason
        except MigrateError as error:
            self.failure = self.failure or error
            run.status, run.code, run.reason = CaseStatus.ERROR, error.code, str(error)
        finally:
            watcher.done(run)

    async def _case(self, job: ReplayJob, run: CaseRun, watcher: CaseObserver) -> None:
        history, question = await self._history(job)
        tools = ToolRunner(job.tools, self._plan.tools, RecordedOutputs(history) if self._plan.stub_tools else None)
        place = self._place(job, history)
        for attempt in range(self._plan.rules.retries + 1):
            try:
                await self._attempt(job, run, watcher, place, tools, question)
            except RetryableError as trouble:
                if attempt == self._plan.rules.retries:
                    raise
                run.restarts.append(trouble.reason)
                run.earlier += run.turns
                run.turns, run.verdicts = [], []
                watcher.note(f"begins anew: {trouble.reason}")
                tools.begin_again()
            else:
                return

    async def _history(self, job: ReplayJob) -> tuple[Sequence[JsonObject], list[JsonObject]]:
        """The items before the case, and (for a last turn) those that ask."""
        if job.conversation_id is None:
            return (), []
        history = await read_history(self._ground.target, job.conversation_id)
        if self._plan.mode is not Mode.IN_PLACE:
            self.seen.first(history)
        if not job.question:
            return history.items, []
        wanted = set(job.question)
        places = [index for index, item in enumerate(history.items) if item.get("id") in wanted]
        if not places:
            raise CaseError("question-gone", "the question is no longer in the conversation")
        return history.items[: places[0]], sendable(
            (history.items[index] for index in places), strict=self._ground.strict
        )

    def _place(self, job: ReplayJob, history: Sequence[JsonObject]) -> ConversationMode:
        mode, conversation_id = self._plan.mode, job.conversation_id
        if mode is Mode.IN_PLACE and conversation_id is not None:
            return InPlaceMode(self._ground, conversation_id)
        if mode is Mode.CHAIN:
            return ChainMode(self._ground, conversation_id, history)
        if mode is Mode.STATELESS:
            reasoning = self._plan.reasoning(job.fields.get("model"))
            return StatelessMode(conversation_id, history, reasoning=reasoning, strict=self._ground.strict)
        return CopyMode(self._ground, conversation_id, history)

    async def _attempt(
        self,
        job: ReplayJob,
        run: CaseRun,
        watcher: CaseObserver,
        place: ConversationMode,
        tools: ToolRunner,
        question: list[JsonObject],
    ) -> None:
        runner: TurnRunner | None = None
        try:
            await place.open()
            approvals = Approvals(job.approve, job.deny, self._plan.ask)
            runner = TurnRunner(
                self._stream, place, job.fields, tools, approvals, self._meter, watcher, self._plan.rules
            )
            turns = job.case.all_turns()
            for number, asked in enumerate(turns, 1):
                watcher.turn(number, len(turns))
                turn = TurnResult()
                run.turns.append(turn)
                items = question if question and number == 1 else [await self._inputs.message(asked.input)]
                await runner.run(items, turn, Ending(asked.expect.status))
                run.verdicts += [(number, verdict) for verdict in check(asked.expect, turn.facts())]
                if not _goes_on(asked.expect, turn):
                    break
        finally:
            await asyncio.shield(place.close(runner.unsent if runner is not None else ()))


def _goes_on(expect: Expect, turn: TurnResult) -> bool:
    """A turn whose response did not end as wanted has no next one."""
    return turn.answer.ending is Ending(expect.status)


def chosen(jobs: Iterable[ReplayJob], names: Sequence[str], sample: int | None) -> list[ReplayJob]:
    """The jobs of these names (all, without any), or a sample of them that is the same each time, in their order."""
    import hashlib  # noqa: PLC0415 - next to its use

    wanted = [job for job in jobs if not names or job.case.id in names]
    if sample is None or sample >= len(wanted):
        return wanted
    ranked = sorted(wanted, key=lambda job: hashlib.blake2b(job.case.id.encode(), digest_size=8).digest())
    kept = {job.case.id for job in ranked[:sample]}
    return [job for job in wanted if job.case.id in kept]
