"""`migrate-cli apply`: migrates; running it again resumes. `ApplyRun.go` is the run, step by step.

It joins source, conversion, loader and state. It must not convert, send or compare anything itself.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from migrate_cli.commands.choosing import NotSelected, selected
from migrate_cli.commands.context import (
    TargetChoice,
    begun,
    expected_of,
    named_source,
    open_configured,
    policy_of,
    setup_of,
    target_of,
    with_known_source,
)
from migrate_cli.commands.files import RunFiles, for_apply
from migrate_cli.commands.plan_file import refuse_changes
from migrate_cli.commands.provenance import MADE, made_by
from migrate_cli.commands.recognise import recognised
from migrate_cli.commands.run_totals import RunTotals
from migrate_cli.commands.shards import shard_data, shard_setup
from migrate_cli.commands.signals import STOPPED, TIME_IS_OVER, Interrupts
from migrate_cli.commands.vector_stores import RunStores
from migrate_cli.errors import ExitCode, MigrateError, StateError
from migrate_cli.files.resolver import FileResolver
from migrate_cli.findings import finding
from migrate_cli.http.client import ApiClient
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.load.policy import LoadOptions
from migrate_cli.load.run import LoadRun
from migrate_cli.model import Finding, JsonObject, Problem, Result, Thread, Unreadable
from migrate_cli.report.escape import visible
from migrate_cli.report.progress import ProgressView
from migrate_cli.report.side_by_side import content_recorder, without_content
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.sources.reading import ReadingTally, not_read
from migrate_cli.state.divide import refuse_leftovers
from migrate_cli.state.store import StateStore
from migrate_cli.state.writer import JournalFailed
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.work.clock import WallClock
from migrate_cli.work.ordered import Entry
from migrate_cli.work.queue import piped
from migrate_cli.work.time_limit import TimeLimit

if TYPE_CHECKING:
    from migrate_cli.commands.resumption import Resumption

WITHIN = 9.5
"""Seconds after the first Ctrl-C when the process ends, whatever is under way; answers may come meanwhile."""
_WANTING = ("failed", "in_doubt", "deferred", "differs", "gone", "unread", "changed", "grown", "unknown", "incomplete")
"""Counts of threads that are not in the target as they should be."""


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """What one run was asked to do, besides the settings."""

    selection: Selection = field(default_factory=Selection)
    retry_failed: bool = False
    """Try threads again that failed before."""
    append: bool = False
    """Append what has grown at the end of threads that were loaded before."""
    time_limit: TimeLimit = field(default_factory=TimeLimit)
    """After this, the run ends in good order."""
    command: str = "apply"
    """The name under which the state file records the run."""

    def recorded(self) -> JsonObject:
        """Return the options as the state file records them, with the selection; the shard is recorded elsewhere."""
        return {"retry_failed": self.retry_failed, "append": self.append, **selected(self.selection.choice)}


def apply(
    settings: Settings,
    selection: Selection,
    *,
    sandbox: bool,
    view: ProgressView,
    retry_failed: bool = False,
    append: bool = False,
    plan_file: Path | None = None,
    time_limit: TimeLimit | None = None,
) -> Result:
    """Load all wanted threads. Raises MigrateError only for what stops it before any work.

    With a `plan_file`, everything is converted once before anything is sent, and must be as it was planned.
    """
    with suppress(StateError):  # a state file that cannot be read is restored, or refused, once it is opened
        given, settings = settings, with_known_source(settings)
        if settings is not given and settings.source.path is not None:
            view.note(f"The source is {settings.source.path}, as the state file knows it.")
    source = open_configured(settings)
    source.tell, source.reading = view.note, view.read
    if plan_file is not None:
        refuse_changes(plan_file, settings, source, selection, sandbox=sandbox)
    not_selected = NotSelected(source, selection)
    entries = begun(source, selection)
    with target_of(settings, sandbox=sandbox) as target:
        store = StateStore.open(settings.state, command="migrate-cli apply")
        if store.restored is not None:
            view.note(store.restored.told)
        try:
            refuse_leftovers(settings.state)
            setup = setup_of(settings, source, sandbox=sandbox) | shard_setup(selection)
            store.runs.check_setup(setup, recognised(settings, source, store))
            limit = time_limit or TimeLimit()
            options = ApplyOptions(selection, retry_failed=retry_failed, append=append, time_limit=limit)
            run = ApplyRun(settings, source, store, target, view, options, not_selected)
            return asyncio.run(run.go(entries))
        except JournalFailed as failure:
            _tell_unsaved(failure.unsaved)
            raise
        finally:
            view.close()
            store.close()


def _by_presence(target: ConversationsTarget) -> Finding:
    detail = f"Of {target.by_presence:,} images by URL, the target only shows that they are there."
    return finding("images-by-presence", detail)


def _tell_unsaved(unsaved: dict[str, str]) -> None:
    """Say on stderr which conversations no disk remembers: nothing else will ever know their ids."""
    for thread_id, conversation_id in unsaved.items():
        sys.stderr.write(f"migrate-cli: could not be saved: {visible(thread_id)} is {visible(conversation_id)}\n")


@dataclass(frozen=True, slots=True)
class _Stages:
    """What a run works with once it is connected; `load.drain` is set when it is to stop."""

    client: ApiClient
    conversations: ConversationsTarget
    files: RunFiles
    stores: RunStores
    load: LoadRun


class ApplyRun:
    """One invocation, from the first thread to the result."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        store: StateStore,
        target: TargetChoice,
        view: ProgressView,
        options: ApplyOptions,
        not_selected: NotSelected | None = None,
    ) -> None:
        self._settings, self._source, self._store, self._target = settings, source, store, target
        self._view, self._options = view, options
        self._began = time.monotonic()
        self._content = content_recorder(wanted=settings.report.with_content, redacted=settings.report.redact)
        self._tally = RunTotals(view, self._content, not_selected=not_selected)
        self._reading = ReadingTally()
        self._expected = expected_of(source, options.selection)
        self._resumption = self._resumed()
        self._interrupts: Interrupts | None = None
        self._share: float | None = None
        source.reading = self._read

    async def go(self, entries: Iterator[Thread | Unreadable] | None = None) -> Result:
        """Load what the selection wants. `entries` are its threads, if reading them has begun already."""
        run_id = self._start()
        async with self._connected() as stages:
            failure = await self._load(stages, entries)
            self._complete_tally(stages, failure)
            result = self._result(run_id, stages, failure)
        await self._finish(run_id, result)
        return result

    # ---- prepare

    def _resumed(self) -> Resumption | None:
        """What to pass over, where this run continues with one over a live source that ended early."""
        if not self._source.live or self._options.append or self._options.command != "apply":
            return None
        from migrate_cli.commands.resumption import Resumption  # noqa: PLC0415 - needs the reader of live hosts

        resumption = Resumption(self._store.runs, self._source, self._options.selection, self._tally)
        return None if resumption.run_id is None else resumption

    def _start(self) -> str:
        """Note in the state file that the run begins; return its id."""
        selection = self._options.selection
        whole = {"expected": self._expected} if selection == Selection() else {}
        shard = shard_data(self._settings, selection)
        options = {
            **self._options.recorded(),
            "sandbox": self._target.sandbox,
            **whole,
            **shard,
            MADE: made_by(self._settings),
        }
        return self._store.runs.start_run(self._options.command, options)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[_Stages]:
        """Open the client of the target and the files of the run, and close both whatever happens."""
        policy, clock = policy_of(self._settings, self._target.endpoint.base_url), WallClock()
        limiter = RateLimiter(
            most_in_flight=policy.workers,
            requests_per_minute=self._settings.load.max_requests_per_minute,
            sleep=clock.sleep,
            draining=clock.draining,
        )
        async with (
            ApiClient(self._target.endpoint, limiter, sleep=clock.sleep) as client,
            for_apply(
                self._settings,
                self._source,
                client,
                self._store.files,
                clock,
                sandbox=self._target.sandbox,
                alone=self._options.selection.shard is None,
                draining=clock.draining,
            ) as files,
        ):
            conversations = ConversationsTarget(client)
            load = LoadRun(
                target=conversations,
                store=self._store.journal,
                clock=clock,
                policy=policy,
                observer=self._tally,
                prepare=files.resolver.draft,
                options=LoadOptions(
                    retry_failed=self._options.retry_failed,
                    append=self._options.append,
                    pilot=self._store.runs.pilot_due(policy.pilot),
                    live=self._source.live,
                ),
            )
            clock.wake_on(load.drain)
            stores = RunStores(self._settings, self._source, self._store.stores, files, self._options.selection)
            yield _Stages(client, conversations, files, stores, load)

    async def _rebuild(self, stages: _Stages) -> None:
        """Rebuild the vector stores, where that is asked for."""
        policy, clock = policy_of(self._settings, self._target.endpoint.base_url), WallClock()
        clock.wake_on(stages.load.drain)
        await stages.stores.rebuild(stages.client, clock, policy, self._view.note)

    # ---- read, convert and load

    async def _load(self, stages: _Stages, entries: Iterator[Thread | Unreadable] | None) -> MigrateError | None:
        """Load every thread, then the files of none, then the stores. Returns what ended the run too early."""
        selection, files, drain = self._options.selection, stages.files, stages.load.drain
        self._tally.want(selection)
        self._view.start(self._expected, "Migrating")
        self._interrupts = Interrupts(self._view, drain.set, farewell=STOPPED, within=WITHIN)
        with self._interrupts.on_loop(), self._options.time_limit.on_loop(partial(self._time_is_over, drain)):
            try:
                await stages.load.run(self._drafts(files.resolver, entries))
                if not drain.is_set():
                    await files.carry_assistants(selection)
                    await self._rebuild(stages)
                    await files.settle()
            except MigrateError as error:
                return error
        return None

    def _time_is_over(self, drain: asyncio.Event) -> None:
        self._view.note(TIME_IS_OVER)
        drain.set()

    def _drafts(
        self, resolver: FileResolver, entries: Iterator[Thread | Unreadable] | None
    ) -> Iterator[Entry] | AsyncGenerator[Entry]:
        """Convert threads as they arrive on the event loop; a source that blocks while it is read is iterated."""
        selection = self._options.selection

        def converted(threads: Iterator[Thread | Unreadable]) -> Iterator[Entry]:
            threads = self._reading.watch(threads)
            return resolver.convert(threads if self._content is None else self._content.watch(threads))

        arriving = self._resumption.arriving() if self._resumption else self._source.arriving(selection)
        if arriving is not None:
            return piped(arriving, converted)
        return converted(entries or self._source.threads(selection))

    # ---- tally

    def _complete_tally(self, stages: _Stages, failure: MigrateError | None) -> None:
        """Count what no single thread tells: threads that are missing, and findings about the run as a whole."""
        if failure is None and not stages.load.drain.is_set():
            self._count_missing()
        # Findings without a thread belong to the run: the next run of the same kind finds them again.
        found = self._findings(stages)
        self._tally.add_findings(found)
        for problem in stages.stores.problems:
            self._tally.problem(problem.code, problem.message, None)
        self._store.journal.findings(None, found)
        pilot = stages.load.pilot
        if pilot is not None and pilot.stopped_by is not None:
            self._tally.pilot_stopped(pilot.stopped_by)

    def _count_missing(self) -> None:
        """Only a source that was read to its end shows what it lacks: ids that were named, or threads loaded before."""
        selection = self._options.selection
        self._tally.count_missing()
        if selection == Selection(shard=selection.shard):
            for thread_id in self._store.runs.unasked():
                if selection.wants(thread_id):
                    self._tally.missing(thread_id)

    def _findings(self, stages: _Stages) -> list[Finding]:
        found = [*stages.files.findings(), *stages.stores.findings()]
        if self._resumption is not None:
            found += self._resumption.findings()
        if self._store.restored is not None:
            found.append(finding("state-restored", self._store.restored.told))
        if stages.conversations.by_presence:
            found.append(_by_presence(stages.conversations))
        return found

    # ---- finish

    def _result(self, run_id: str, stages: _Stages, failure: MigrateError | None) -> Result:
        problems = list(self._tally.problems)
        if failure is not None:
            problems.insert(0, Problem(failure.code, str(failure)))
        data = self._data(stages) | self._circumstances(stages, failure)
        return Result("apply", data, self._exit_code(stages, failure), run_id, problems)

    def _data(self, stages: _Stages) -> JsonObject:
        """What every result says."""
        traffic = stages.client.traffic
        data = self._tally.data() | {
            "reading": self._reading.data(self._source.shapes()),
            **not_read(self._source.shapes()),
            "requests": traffic.as_dict(),
            "writes": traffic.writes,
            "timeline": self._tally.timeline(),
            "commits": self._store.commits,
            "target": self._target.as_dict(),
            "state": str(self._settings.state),
            "seconds": round(time.monotonic() - self._began, 3),
        }
        return data | named_source(self._settings) | stages.files.data() | stages.stores.data()

    def _circumstances(self, stages: _Stages, failure: MigrateError | None) -> JsonObject:
        """What a result says only where it applies."""
        data = shard_data(self._settings, self._options.selection) | selected(self._options.selection.choice)
        if self._options.time_limit.reached:
            data["time_limit"] = self._options.time_limit.seconds
        if stages.conversations.by_presence:
            data["images_by_presence"] = stages.conversations.by_presence
        if failure is not None or stages.load.drain.is_set():
            data["reached"] = {"threads": self._tally.threads["total"], "of": self._expected}
            data |= self._share_read()
        elif self._tally.nothing is not None:
            data["nothing"] = self._tally.nothing
        if self._store.restored is not None:
            data["restored"] = self._store.restored.as_dict()
        if self._resumption is not None:
            data["resumes"] = self._resumption.run_id
        if stages.load.pilot is not None:
            data["pilot"] = stages.load.pilot.as_dict()
        return data

    def _share_read(self) -> JsonObject:
        """Which share of the source was read, where its threads are not counted."""
        known = self._expected is None and self._share is not None and self._share < 1
        return {"share_read": round(self._share or 0.0, 4)} if known else {}

    def _read(self, threads: int, share: float | None) -> None:
        """Remember how far reading is, and show it."""
        self._share = share
        self._view.read(threads, share)

    def _exit_code(self, stages: _Stages, failure: MigrateError | None) -> ExitCode:
        if failure is not None:
            return failure.exit_code
        if self._options.time_limit.reached or (self._interrupts is not None and self._interrupts.met):
            return ExitCode.INTERRUPTED
        wanting = self._tally.nothing == "skipped" or any(self._tally.threads[state] for state in _WANTING)
        return ExitCode.PARTIAL if wanting or stages.stores.problems else ExitCode.OK

    async def _finish(self, run_id: str, result: Result) -> None:
        """Record the result, without texts of messages, and wait until the disk has it."""
        self._store.runs.finish_run(run_id, without_content(result.envelope()))
        await self._store.durable()
