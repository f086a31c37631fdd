"""`migrate-cli apply` as several processes: divides the state file, runs the shards, joins states, adds results up.

Each shard is an ordinary `apply --shard I/N` on a state file of its own. Meanwhile this process holds the state file,
shows the progress of all shards as one, passes signals on, and stops all shards if one meets what would stop the others
too. `folder.py` says why no number of shards, kills and restarts loads a thread twice.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from migrate_cli.commands.choosing import selected
from migrate_cli.commands.context import (
    begun,
    expected_of,
    named_source,
    open_configured,
    setup_of,
)
from migrate_cli.commands.plan_file import refuse_changes
from migrate_cli.commands.provenance import MADE, made_by
from migrate_cli.commands.recognise import recognised
from migrate_cli.commands.run_totals import all_skipped
from migrate_cli.commands.signals import STOPPED, TIME_IS_OVER, Interrupts
from migrate_cli.errors import ExitCode, UsageError
from migrate_cli.model import JsonObject, Origin, Problem, Result, Unreadable
from migrate_cli.report.progress import ProgressView
from migrate_cli.settings.model import Settings
from migrate_cli.shards import totals
from migrate_cli.shards.engine import Engine, Event
from migrate_cli.shards.folder import COMMAND, ShardFolder
from migrate_cli.shards.progress import ShardProgress
from migrate_cli.shards.task import FATAL, ShardEnd, ShardTask, worst
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.reader import StateReader
from migrate_cli.state.rehearsal import SANDBOX
from migrate_cli.state.store import StateStore
from migrate_cli.target.endpoint import endpoint_of
from migrate_cli.work.time_limit import TimeLimit

_TICK = 0.2
"""Seconds in which a signal is noticed at the latest."""


@dataclass(frozen=True, slots=True)
class DivideOptions:
    """The options of a divided run that are not settings."""

    arguments: tuple[str, ...]
    """The command line of a shard except for shard, state file and limits; see `cli.dividing`."""
    sandbox: bool = False
    plan_file: Path | None = None
    time_limit: TimeLimit = field(default_factory=TimeLimit)
    """After this, all shards end in good order; they are told, and have no limit of their own."""


def apply_divided(
    settings: Settings, selection: Selection, engine: Engine, options: DivideOptions, *, view: ProgressView
) -> Result:
    """Load all wanted threads as shards of an engine. Raises MigrateError only for what stops it before any work."""
    began = time.monotonic()
    source = open_configured(settings)
    if options.plan_file is not None:
        refuse_changes(options.plan_file, settings, source, selection, sandbox=options.sandbox)
    # Checked here once; otherwise each shard would refuse the same source, or the same missing key, for itself.
    begun(source, selection)
    if engine.local and not options.sandbox:
        endpoint_of(settings)
    expected = expected_of(source, selection)
    setup = setup_of(settings, source, sandbox=options.sandbox)
    try:
        with ShardFolder.locked(settings) as folder:
            if folder.path.is_dir():
                folder.join()
            with _held(settings, source, setup, view):
                tasks = _tasks(settings, engine, options, folder)
                view.start(expected, "Migrating")
                run = DividedRun(engine, tasks, ShardProgress(view), view, settings.load.max_errors, options.time_limit)
                ends = run.go()
            folder.join()
            result = _result(settings, run, ends, time.monotonic() - began)
            result.data |= {"engine": engine.name, "target": _target(settings, sandbox=options.sandbox)}
            result.data |= selected(selection.choice)
            if options.time_limit.reached:
                result.data["time_limit"] = options.time_limit.seconds
            if run.stopped or result.exit_code in FATAL:
                result.data["reached"] = {"threads": result.data["threads"]["total"], "of": expected}
            _remember(settings, result, selection, expected, sandbox=options.sandbox)
            return result
    finally:
        view.close()
        engine.close()


class DividedRun:
    """The shards while they run: one loop that hears them all."""

    def __init__(
        self,
        engine: Engine,
        tasks: Sequence[ShardTask],
        progress: ShardProgress,
        view: ProgressView,
        max_errors: int | None,
        time_limit: TimeLimit | None = None,
    ) -> None:
        self._time_limit = time_limit or TimeLimit()
        self._engine, self.tasks, self._progress, self._view = engine, tasks, progress, view
        self._max_errors = max_errors
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._draining = False
        self._interrupts = Interrupts(view, self._drain, farewell=STOPPED, abort=lambda: engine.stop(2))
        self.too_many = False
        """Whether it was stopped because too many threads failed, all shards together."""

    @property
    def interrupted(self) -> bool:
        """Whether a person stopped it, or its time was over."""
        return self._interrupts.met or self._time_limit.reached

    @property
    def stopped(self) -> bool:
        """Whether shards were asked to stop before their end."""
        return self._draining

    def go(self) -> list[ShardEnd]:
        """Run all shards and return how each ended. A second signal ends the process."""
        ends: list[ShardEnd] = []
        with self._interrupts.counted():
            self._engine.start(self.tasks, self._events.put)
            while len(ends) < len(self.tasks):
                self._interrupts.check()
                if not self._draining and self._time_limit.over():
                    self._view.note(TIME_IS_OVER)
                    self._drain()
                try:
                    event = self._events.get(timeout=_TICK)
                except queue.Empty:
                    continue
                if isinstance(event, ShardEnd):
                    ends.append(event)
                    self._progress.ended(event.index)
                    if event.exit_code in FATAL or totals.pilot_stopped(event):
                        self._drain()
                else:
                    self._progress.told(*event)
                    self._count_failures()
        return ends

    def _count_failures(self) -> None:
        if self._max_errors is not None and self._progress.failed > self._max_errors and not self._draining:
            self.too_many = True
            self._drain()

    def _drain(self) -> None:
        if not self._draining:
            self._draining = True
            self._progress.quiet = True
            self._engine.stop(1)


@contextmanager
def _held(settings: Settings, source: Source, setup: dict[str, str], view: ProgressView) -> Iterator[None]:
    """Hold the state file, so that nobody else loads what the shards load."""
    store = StateStore.open(settings.state, command=COMMAND)
    if store.restored is not None:
        view.note(store.restored.told)
    try:
        store.runs.check_setup(setup, recognised(settings, source, store))
        store.flush()
        yield
    finally:
        store.close()


def _tasks(settings: Settings, engine: Engine, options: DivideOptions, folder: ShardFolder) -> list[ShardTask]:
    environment = engine.environment() | {"MIGRATE_LOAD__DIVIDE_LIMITS": "false"} | limits(settings, engine)
    states = folder.begin(engine.shards)
    stop = folder.path / "stop"
    stop.touch(0o600)
    return [
        ShardTask(
            index,
            engine.shards,
            (*options.arguments, "--shard", f"{index}/{engine.shards}", "--state", str(state)),
            str(Path.cwd()),
            environment,
            None if engine.local else str(stop),
        )
        for index, state in enumerate(states, 1)
    ]


def limits(settings: Settings, engine: Engine) -> dict[str, str]:
    """Return the requests a minute of one shard, as variables: a limit is divided between those that run at once.

    Raises UsageError for a limit that is too small to be divided.
    """
    found: dict[str, str] = {}
    for name, limit in (
        ("MIGRATE_LOAD__MAX_REQUESTS_PER_MINUTE", settings.load.max_requests_per_minute),
        ("MIGRATE_SOURCE__MAX_READS_PER_MINUTE", settings.source.max_reads_per_minute),
    ):
        if limit is None:
            continue
        share = limit // engine.at_once if settings.load.divide_limits else limit
        if not share:
            raise UsageError(
                f"{limit} requests per minute cannot be divided among {engine.at_once} shards that run at once; "
                "use fewer, or raise the limit"
            )
        found[name] = str(share)
    return found


def _result(settings: Settings, run: DividedRun, ends: Sequence[ShardEnd], seconds: float) -> Result:
    data = totals.add_up(ends)
    for name, empty in _EMPTY.items():
        data.setdefault(name, empty)
    data |= {
        "timeline": totals.timeline_of(ends, seconds),
        "state": str(settings.state),
        "seconds": round(seconds, 3),
        "shards": totals.rows_of(ends, len(run.tasks)),
    }
    data |= named_source(settings)
    codes = totals.codes_of(ends, interrupted=run.interrupted)
    problems = totals.problems_of(ends, stopped=run.stopped)
    if all_skipped(data["threads"]) and not (run.interrupted or run.stopped):
        codes.append(ExitCode.PARTIAL)
        data["nothing"] = "skipped"
    if run.too_many:
        codes.append(ExitCode.TEMPORARY)
        told = "too many threads failed, all shards together; allow more with --max-errors"
        problems.insert(0, Problem("too-many-errors", told))
    return Result("apply", data, worst(codes), None, problems)


_EMPTY: JsonObject = {
    "threads": dict.fromkeys(("total", "loaded", "skipped", "failed", "in_doubt"), 0),
    "messages": {"read": 0, "items": 0},
    "parts": dict.fromkeys(("read", "kept", "converted", "noted", "dropped"), 0),
    "findings": {},
    "requests": {"sent": 0, "retried": 0, "ambiguous": 0},
}
"""What is in a result in which no shard came to count anything."""


def _target(settings: Settings, *, sandbox: bool) -> JsonObject:
    if not sandbox:
        return {"base_url": settings.target.base_url, "sandbox": False}
    return {"base_url": SANDBOX, "sandbox": True, "data": str(settings.state) + ".sandbox"}


def _remember(settings: Settings, result: Result, selection: Selection, expected: int | None, *, sandbox: bool) -> None:
    """Note the run in the state file, so that it can be reported again, after those of its shards.

    What they could not read is noted under it too: the state file answers for its last `apply`.
    """
    from migrate_cli.report.side_by_side import without_content  # noqa: PLC0415 - beside its only use

    with StateReader(settings.state) as reader:
        unread = reader.findings.unreadable()
    store = StateStore.open(settings.state, command=COMMAND)
    try:
        whole = {"expected": expected} if selection == Selection() else {}
        shards = len(result.data["shards"])
        options: JsonObject = {"sandbox": sandbox, "engine": result.data["engine"], "shards": shards, **whole}
        options |= {MADE: made_by(settings)}
        options |= selected(selection.choice)
        result.run_id = store.runs.start_run("apply", options)
        for row in unread:
            store.journal.unreadable(Unreadable(Origin(row["origin"]), row["code"], row["detail"], row["thread_id"]))
        store.runs.finish_run(result.run_id, without_content(result.envelope()))
        store.flush()
    finally:
        store.close()
