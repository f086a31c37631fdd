"""`migrate-cli replay`: test prompts, streamed through the new setup. `_Replay.go` is the run, step by step.

It joins suite, state, target and report. It must not run a case itself; `migrate_cli/replay/` does.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from migrate_cli.commands.context import TargetChoice, target_of
from migrate_cli.commands.model_dates import listed_dates
from migrate_cli.commands.provenance import MADE, made_by
from migrate_cli.commands.replay_cases import (
    ReplayCases,
    ReplayOptions,
    asked_for,
    cases_of,
    judged_before,
    others_of,
)
from migrate_cli.commands.replay_data import data_of, exit_code_of, problems_of, without_answers
from migrate_cli.commands.signals import Interrupts
from migrate_cli.convert.text import counted
from migrate_cli.errors import MigrateError, SetupMismatch, UsageError
from migrate_cli.files.host import FileHost
from migrate_cli.files.local import LocalFile
from migrate_cli.http.client import ApiClient
from migrate_cli.http.outcomes import Applied, NotApplied, Refused
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.model import JsonObject, Result
from migrate_cli.replay.budget import Limits, Price, PriceList, UsageBudget, price_of
from migrate_cli.replay.console import LineConsole, LiveConsole, ask_person
from migrate_cli.replay.errors import CaseError, RetryableError
from migrate_cli.replay.event_sinks import CaseObserver, EventFile, ImageFolder, ObserverGroup
from migrate_cli.replay.expectations import Method
from migrate_cli.replay.inputs import Inputs
from migrate_cli.replay.jobs import thinks
from migrate_cli.replay.judge import JudgePolicy, LikenessJudge
from migrate_cli.replay.modes import Mode, ReplayTarget
from migrate_cli.replay.outcome import CaseRun
from migrate_cli.replay.run import ConversationFingerprints, ReplayJob, ReplayPlan, ReplayRun
from migrate_cli.replay.suite import load_suite
from migrate_cli.replay.tidying import TidiedConversation, tidy_left
from migrate_cli.replay.tools import ToolPolicy
from migrate_cli.replay.turns import Streamer, TurnPolicy
from migrate_cli.report.progress import LiveProgress, ProgressView
from migrate_cli.settings.model import Settings
from migrate_cli.state.rehearsal import SANDBOX
from migrate_cli.state.runs import RecordedRuns
from migrate_cli.state.store import StateStore
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.scratch import ScratchConversations
from migrate_cli.work.waiting import waiting

_STOPPING = "Stopping when the cases in progress are done. Press Ctrl-C again to stop now."


def replay(
    settings: Settings, options: ReplayOptions, *, sandbox: bool, view: ProgressView, terminal: bool | None = None
) -> Result:
    """Run the cases. Raises MigrateError only for what stops it before any work.

    `terminal` says whether a person looks on (default: whether the progress view is one for a terminal).
    """
    suite = None if options.suite is None else load_suite(options.suite)
    with target_of(settings, sandbox=sandbox) as target:
        store = StateStore.open(settings.state, command="migrate-cli replay")
        if store.restored is not None:
            view.note(store.restored.told)
        try:
            _check_target(settings, store.runs, sandbox=sandbox)
            listed = partial(listed_dates, settings, sandbox=sandbox)
            cases = cases_of(settings, options, suite, store, listed)
            with cases.handlers:
                others = others_of(settings, options)
                _check_judges(settings, cases.jobs)
                _check_prices(settings, cases.jobs)
                run = _Replay(settings, options, store, target, view, cases, others)
                return asyncio.run(run.go(_looks_on(view) if terminal is None else terminal))
        finally:
            view.close()
            store.close()


def _looks_on(view: ProgressView) -> bool:
    """Whether a person looks at a terminal that was not told to be quiet."""
    return sys.stderr.isatty() and isinstance(view, LiveProgress)


def _check_target(settings: Settings, runs: RecordedRuns, *, sandbox: bool) -> None:
    """The conversations are where they were migrated to; another target would not have them."""
    recorded = runs.target_setup().get("target.base_url")
    named = SANDBOX if sandbox else settings.target.base_url
    if recorded is not None and recorded != named:
        advice = (
            "add --target sandbox" if recorded == SANDBOX else "name it, or the state file of that target with --state"
        )
        raise SetupMismatch(
            f"the conversations in {settings.state} are at {recorded}, but this would replay at {named}; {advice}"
        )


def _check_judges(settings: Settings, jobs: Sequence[ReplayJob]) -> None:
    """A judge that nobody named is told before any work."""
    lacking = next((job.case.id for job in jobs if Method.MODEL in _methods(job)), None)
    if lacking is not None and settings.replay.judge_model is None:
        raise UsageError(
            f"the case {lacking} lets a model judge the likeness of the answer (similar_to, method: model), but "
            "none is "
            "named; set replay.judge_model in migration.yaml or MIGRATE_REPLAY__JUDGE_MODEL"
        )


def _methods(job: ReplayJob) -> set[Method]:
    return {turn.expect.similar_to.method for turn in job.case.all_turns() if turn.expect.similar_to is not None}


def _comparing(settings: Settings, jobs: Sequence[ReplayJob]) -> list[str]:
    """The models that compare answers, as far as some case asks for them."""
    methods = set().union(*(_methods(job) for job in jobs))
    named = {Method.EMBEDDING: settings.replay.embedding_model, Method.MODEL: settings.replay.judge_model}
    return [model for method, model in named.items() if method in methods and model is not None]


def _check_prices(settings: Settings, jobs: Sequence[ReplayJob]) -> None:
    if settings.replay.max_cost is None:
        return
    prices = _prices(settings)
    hidden = next((job for job in jobs if job.fields.get("model") is None), None)
    if hidden is not None:
        raise UsageError(
            f"--max-cost cannot be kept for the case {hidden.case.id}: only the answers of its agent say which model "
            "wrote them, and so what they cost; use --max-tokens in its place"
        )
    models = dict.fromkeys([*(str(job.fields["model"]) for job in jobs), *_comparing(settings, jobs)])
    unpriced = [model for model in models if price_of(prices, model) is None]
    if unpriced:
        raise UsageError(f"--max-cost needs the price of {', '.join(unpriced)}; set replay.prices in migration.yaml")


def _price_list(settings: Settings) -> PriceList:
    return PriceList(_prices(settings), settings.replay.call_prices)


def _prices(settings: Settings) -> dict[str, Price]:
    return {name: Price(price.input, price.output, price.cached) for name, price in settings.replay.prices.items()}


@dataclass(frozen=True, slots=True)
class _Finished:
    """What a replay has when all cases are done."""

    runs: list[list[CaseRun]]
    """The attempts at each case, in the order of the cases."""
    fingerprints: ConversationFingerprints
    swept: int
    """Scratch conversations of earlier replays that were deleted first."""
    tidied: list[TidiedConversation]
    """Conversations that an earlier replay left with calls open."""


class _Replay:
    """One invocation, from the first case to the result."""

    def __init__(
        self,
        settings: Settings,
        options: ReplayOptions,
        store: StateStore,
        target: TargetChoice,
        view: ProgressView,
        cases: ReplayCases,
        others: JsonObject | None,
    ) -> None:
        self._settings, self._options, self._store, self._target = settings, options, store, target
        self._view, self._cases, self._others = view, cases, others
        self._began = time.monotonic()
        self._asked = asked_for(settings, options)
        self._earlier, self._judged = judged_before(settings, options, self._asked)
        self._budget = UsageBudget(
            Limits(settings.replay.max_cost, settings.replay.max_tokens, settings.replay.max_tool_calls),
            _price_list(settings),
        )
        self._images = None if options.images is None else ImageFolder(options.images)
        self._screen: LiveConsole | None = None
        self._interrupts: Interrupts | None = None

    async def go(self, terminal: bool) -> Result:
        """Run the cases. `terminal` says whether a person looks on."""
        if self._earlier is not None:
            count = len(self._judged)
            self._view.note(f"Resuming {self._earlier}, which judged {counted(count, 'case')}; --fresh runs all.")
        run_id = self._start()
        load, workers = self._settings.load, self._settings.replay.workers
        limiter = RateLimiter(most_in_flight=max(workers, 8), requests_per_minute=load.max_requests_per_minute)
        with ExitStack() as stack:
            async with ApiClient(self._target.endpoint, limiter) as client:
                replay_target = self._replay_target(client)
                run = self._prepared(client, replay_target, self._observe(stack, terminal), terminal)
                finished = await self._run_cases(run, replay_target)
                data = self._data(client, replay_target, finished)
        result = self._result(run_id, data, run.failure)
        replay_target.scratches.told()
        await self._finish(run_id, result)
        return result

    # ---- prepare

    def _start(self) -> str:
        """Note in the state file that the replay begins; return its id."""
        options: JsonObject = {
            "mode": self._settings.replay.mode,
            "sandbox": self._target.sandbox,
            "asked": self._asked,
        }
        options |= {MADE: made_by(self._settings)}
        return self._store.runs.start_run("replay", options)

    def _prepared(
        self,
        client: ApiClient,
        replay_target: ReplayTarget,
        observe: Callable[[str, int], CaseObserver],
        terminal: bool,
    ) -> ReplayRun:
        return ReplayRun(
            replay_target,
            self._stream(client),
            self._inputs(client),
            self._budget,
            self._plan(terminal),
            self._judge(client),
            observe,
            self._record,
        )

    def _replay_target(self, client: ApiClient) -> ReplayTarget:
        target = ConversationsTarget(client)
        name = SANDBOX if self._target.sandbox else self._settings.target.base_url
        settle, strict = self._settings.load.settle, self._settings.convert.strict_assistant
        replays = self._store.replays
        return ReplayTarget(target, replays, ScratchConversations(target, replays, name), settle, strict)

    def _plan(self, terminal: bool) -> ReplayPlan:
        replay = self._settings.replay
        person = terminal and sys.stdin.isatty()
        ask = (self._screen.ask if self._screen is not None else ask_person) if person else None
        return ReplayPlan(
            mode=Mode(replay.mode),
            workers=replay.workers,
            repeat=self._options.repeat,
            stub_tools=self._options.stub_tools,
            reasoning=thinks,
            turn_policy=TurnPolicy(rounds=replay.max_rounds, retries=replay.retries),
            tools=ToolPolicy(replay.tool_timeout, replay.tool_output_bytes, self._cases.folder, self._cases.handlers),
            ask=ask,
        )

    def _judge(self, client: ApiClient) -> LikenessJudge:
        replay = self._settings.replay
        policy = JudgePolicy(replay.embedding_model, replay.judge_model, replay.retries)
        return LikenessJudge(client.write, self._budget, policy)

    def _stream(self, client: ApiClient) -> Streamer:
        idle = self._settings.replay.idle_timeout

        def stream(content: bytes, on_sent: Callable[[], None]) -> AsyncGenerator[JsonObject]:
            return client.stream("/responses", content, idle=idle, on_sent=on_sent)

        return stream

    def _inputs(self, client: ApiClient) -> Inputs:
        host, model = FileHost(client), self._settings.audio.model

        async def transcribe(local: LocalFile) -> str:
            reply = await host.transcribe(local, model)
            if isinstance(reply, Applied):
                return str(reply.body["text"])
            if isinstance(reply, Refused):
                raise CaseError("audio-refused", f"{local.filename} was not transcribed: {reply.message}")
            raise RetryableError(
                f"{local.filename} was not transcribed ({reply.reason})", _wait(reply), not_applied=True
            )

        return Inputs(self._cases.folder, self._cases.mapped, transcribe)

    def _observe(self, stack: ExitStack, terminal: bool) -> Callable[[str, int], CaseObserver]:
        """One case at a time on a terminal is shown live; otherwise there is a line for each case that ends."""
        alone = self._settings.replay.workers == 1 or len(self._cases.jobs) * self._options.repeat == 1
        show: LiveConsole | LineConsole
        if terminal and alone:
            show = self._screen = LiveConsole()
        else:
            show = LineConsole(self._view.note)
        events = stack.enter_context(EventFile(self._options.events)) if self._options.events else None
        makers = [maker.observe for maker in (show, events, self._images) if maker is not None]
        return lambda case_id, number: ObserverGroup([make(case_id, number) for make in makers])

    # ---- run

    async def _run_cases(self, run: ReplayRun, replay_target: ReplayTarget) -> _Finished:
        """Delete what earlier replays left, run every case, and see whether migrated conversations are as before."""
        self._interrupts = Interrupts(self._view, run.drain.set, notice=_STOPPING, abort=self._cases.handlers.kill)
        with self._interrupts.on_loop():
            swept, tidied = await self._clean_up(replay_target, run)
            runs = await run.run(self._cases.jobs, self._judged)
            fingerprints = await run.check_untouched()
        return _Finished(runs, fingerprints, swept, tidied)

    async def _clean_up(self, target: ReplayTarget, run: ReplayRun) -> tuple[int, list[TidiedConversation]]:
        """Delete what earlier replays left, and answer the calls that they left open; an interruption ends that."""
        left = target.records.in_place_left(target.scratches.name)
        cleaning = asyncio.ensure_future(self._swept_and_tidied(target, left))
        stopped = asyncio.ensure_future(run.drain.wait())
        try:
            await asyncio.wait({cleaning, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return cleaning.result() if cleaning.done() else (target.scratches.swept, [])
        finally:
            cleaning.cancel()
            stopped.cancel()

    async def _swept_and_tidied(
        self, target: ReplayTarget, left: list[tuple[str, str | None]]
    ) -> tuple[int, list[TidiedConversation]]:
        swept = await target.scratches.sweep(self._settings.replay.workers, target.settle)
        if left and not target.scratches.found:
            with waiting("requests of the previous replay to settle", moves=False):
                await asyncio.sleep(target.settle)
        return swept, await tidy_left(target.conversations, target.scratches, target.records, left)

    def _record(self, run: CaseRun) -> None:
        name = run.case_id if self._options.repeat == 1 else f"{run.case_id}#{run.number}"
        self._store.replays.replay_result(
            name,
            run.status.value,
            conversation_id=run.conversation_id,
            ttft_ms=None if run.ttft is None else round(run.ttft * 1000, 1),
            total_ms=round(run.seconds * 1000, 1),
            input_tokens=run.usage.input,
            output_tokens=run.usage.output,
            detail=run.detail() or None,
            last_response_id=run.last_response,
        )

    # ---- finish

    def _data(self, client: ApiClient, replay_target: ReplayTarget, finished: _Finished) -> JsonObject:
        data = data_of(
            self._settings,
            self._cases,
            finished.runs,
            finished.fingerprints,
            replay_target.scratches,
            self._budget,
            self._others,
            self._judged,
        )
        if self._earlier is not None:
            data |= {"resumes": self._earlier, "judged_before": len(self._judged)}
        return data | {
            "swept": finished.swept,
            "tidied": [one.as_dict() for one in self._tidied(finished)],
            "images": [str(path) for path in self._images.saved] if self._images else [],
            "requests": client.traffic.as_dict(),
            "target": self._target.as_dict(),
            "state": str(self._settings.state),
            "seconds": round(time.monotonic() - self._began, 3),
        }

    def _tidied(self, finished: _Finished) -> list[TidiedConversation]:
        """All conversations that were changed so that they can go on."""
        ours = [one for runs in finished.runs for run in runs for one in run.tidied]
        return [one for one in (*finished.tidied, *ours) if one.sentence()]

    def _result(self, run_id: str, data: JsonObject, failure: MigrateError | None) -> Result:
        interrupted = self._interrupts is not None and self._interrupts.met
        code = exit_code_of(data, failure, interrupted=interrupted)
        return Result("replay", data, code, run_id, problems_of(data, failure))

    async def _finish(self, run_id: str, result: Result) -> None:
        """Record the result, without answers, and wait until the disk has it."""
        self._store.runs.finish_run(run_id, without_answers(result.envelope()))
        await self._store.durable()


def _wait(reply: object) -> float | None:
    return reply.wait if isinstance(reply, NotApplied) else None
