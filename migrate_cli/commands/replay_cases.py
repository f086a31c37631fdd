"""Chooses the cases of a replay, from a suite or from last turns, and checks all of them before any work."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from migrate_cli.commands.context import open_configured, with_known_source
from migrate_cli.errors import ExitCode, UsageError
from migrate_cli.files.local import LocalFile
from migrate_cli.model import JsonObject, Thread, Unreadable
from migrate_cli.replay.baseline import LastTurn, OldTurn, case_of, configurations, last_turns, questions_of
from migrate_cli.replay.deprecations import warnings
from migrate_cli.replay.expectations import Method
from migrate_cli.replay.handlers import HandlerProcesses
from migrate_cli.replay.inputs import Inputs
from migrate_cli.replay.jobs import jobs_of
from migrate_cli.replay.modes import Mode
from migrate_cli.replay.outcome import CaseStatus
from migrate_cli.replay.run import ReplayJob, chosen
from migrate_cli.replay.suite import InputPart, Suite
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection
from migrate_cli.state.file_records import FileRecords
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore
from migrate_cli.state.store_records import StoreRecords

if TYPE_CHECKING:
    from migrate_cli.files.local import LocalFile


@dataclass(frozen=True, slots=True)
class ReplayCases:
    """Everything that is to be run."""

    name: str
    jobs: list[ReplayJob]
    folder: Path
    """What paths in the suite are relative to."""
    mapped: Callable[[str], str]
    """The old id of a file or a vector store → the new one, or itself."""
    warnings: list[str]
    handlers: HandlerProcesses
    """Where handlers run; the owner of the cases closes it."""
    old: Mapping[str, OldTurn] = field(default_factory=dict)
    """What the old setup took, by case, where cases are last turns."""
    rerun: str = ""
    """The command that runs one of them again, except for the name of the case, which comes last."""


def cases_of(
    settings: Settings,
    options: ReplayOptions,
    given: Suite | None,
    store: StateStore,
    listed: Callable[[], Mapping[str, str]],
) -> ReplayCases:
    """Return the cases of a suite, or of last turns; `listed` asks for the dates of models that the target tells.

    Raises UsageError for everything that is wrong with them.
    """
    mapped = _mapping(store.files, store.stores)
    with StateReader(settings.state) as reader:
        suite, jobs, old = _jobs(settings, options, given, reader, mapped)
    known = {job.case.id for job in jobs}
    unknown = [name for name in options.cases if name not in known]
    if unknown:
        raise UsageError(f"there is no case {', '.join(unknown)}; there are: {', '.join(sorted(known)[:20])}")
    folder = Path() if options.suite is None else options.suite.parent
    # For last turns, the sample was taken among the threads already.
    wanted = chosen(jobs, options.cases, None if options.last_turn else options.sample)
    handlers = _checked(wanted, folder, mapped)
    audio = settings.audio.model if any(part.audio for job in wanted for part in _parts(job)) else None
    name = "last turns" if options.suite is None or options.last_turn else options.suite.name
    told = [] if suite is None else warnings(suite, audio, date.today(), listed())
    return ReplayCases(name, wanted, folder, mapped, told, handlers, old, rerun_of(settings, options))


def rerun_of(settings: Settings, options: ReplayOptions) -> str:
    """Return the command that runs one case again as it was run; the case follows it."""
    words = ["migrate-cli", "replay", *([str(options.suite)] if options.suite is not None else ())]
    if options.last_turn:
        path = settings.source.path
        words += ["--last-turn", *(["--source", str(path)] if settings.source.kind == "export" and path else ())]
    words += ["--mode", settings.replay.mode] if settings.replay.mode != Mode.COPY.value else []
    words += ["--model", options.model] if options.model is not None else []
    words += ["--stub-tools"] if options.stub_tools else []
    return shlex.join([*words, "--thread" if options.last_turn else "--case"])


def others_of(settings: Settings, options: ReplayOptions) -> JsonObject | None:
    """Return the run to compare with, as `run_id` and `cases`. Raises UsageError when there is none of that id."""
    if options.against is None:
        return None
    with StateReader(settings.state) as reader:
        runs = [run for run in reader.runs.listed(newest_first=True) if run["command"] == "replay" and run["ended_at"]]
        ids = [str(run["id"]) for run in runs]
        wanted = ids[0] if options.against == "last" and ids else options.against
        run = reader.runs.one(wanted) if wanted in ids else None
    if run is None or run["result"] is None:
        known = f"; there are {', '.join(ids[:5])}" if ids else "; no replay has been run yet"
        raise UsageError(f"there is no replay {options.against} in {settings.state}{known}")
    return {"run_id": run["id"], "cases": run["result"]["data"].get("cases") or []}


def _jobs(
    settings: Settings, options: ReplayOptions, given: Suite | None, reader: StateReader, mapped: Callable[[str], str]
) -> tuple[Suite | None, list[ReplayJob], dict[str, OldTurn]]:
    if given is None and not options.last_turn:
        raise UsageError("no suite is named; write one with `migrate-cli replay --init`, or use --last-turn")
    suite = given.with_setup(model=options.model) if given is not None else None
    if given is not None and given.agents():
        _check_agents(settings, options)
    turns: list[LastTurn] = []
    if options.last_turn:
        suite, turns = _baseline(settings, options, reader, suite)
    if suite is None:
        return None, [], {}
    mode = Mode(settings.replay.mode)
    jobs = jobs_of(suite, suite.cases, reader.maps.of, _secrets(settings), mapped, mode)
    if not turns:
        return suite, jobs, {}
    items = questions_of(reader.maps.of([turn.message_id for turn in turns]))
    by_case = {turn.thread_id: turn for turn in turns}
    made = []
    for job in jobs:
        turn = by_case[job.case.id]
        if question := items.get(turn.message_id):
            made.append(replace(job, question=question, asks=turn.question))
    return suite, made, {name: turn.old for name, turn in by_case.items()}


def _check_agents(settings: Settings, options: ReplayOptions) -> None:
    """Raise UsageError for agents where there can be none, and for a model that theirs would be replaced by."""
    if options.model is not None:
        raise UsageError(
            "--model applies to requests that name a model, but cases of this suite name an agent, which has its own"
        )
    if settings.target.preset != "foundry":
        raise UsageError(
            "cases of this suite name an agent, which only a Microsoft Foundry project has; set target.preset: "
            "foundry, and target.base_url to the project"
        )


def _baseline(
    settings: Settings, options: ReplayOptions, reader: StateReader, suite: Suite | None
) -> tuple[Suite | None, list[LastTurn]]:
    """A suite of last turns: with the setup of the given suite, or else of the assistant that answered."""
    if settings.replay.mode not in (Mode.COPY, Mode.STATELESS):
        raise UsageError("--last-turn asks an old question again, so it can only run with --mode copy or stateless")
    settings = with_known_source(settings, "name it with --source, or set source.path")
    source = open_configured(settings)
    threads = (each for each in source.threads(options.selection) if _is_loaded(each, reader))
    turns = last_turns(threads, options.sample)
    presets = {"source": settings.source.preset, "target": settings.target.preset}
    old = configurations(source.assistants(), **presets) if suite is None else {}
    cases = tuple(
        case_of(
            turn,
            settings.replay.similarity,
            old.get(turn.assistant_id or "") if suite is None else None,
            Method(settings.replay.similarity_method),
        )
        for turn in turns
    )
    if not cases:
        return None, []
    base = suite if suite is not None else Suite(cases=cases)
    return base.model_copy(update={"cases": cases}).with_setup(model=options.model), turns


def _is_loaded(entry: Thread | Unreadable, reader: StateReader) -> bool:
    if not isinstance(entry, Thread):
        return False
    return any(row.get("state") in ("loaded", "verified") for row in reader.maps.of([entry.id]))


def _checked(jobs: Sequence[ReplayJob], folder: Path, mapped: Callable[[str], str]) -> HandlerProcesses:
    """Files and handlers that are not there are told before any work. Returns what imported the handlers."""

    async def nothing(_local: LocalFile) -> str:
        return ""

    inputs = Inputs(folder, mapped, nothing)
    for job in jobs:
        if not job.question:
            inputs.check(_parts(job), f"the case {job.case.id}")
    handlers = HandlerProcesses(folder)
    try:
        runnable = (tool for job in jobs for each in job.tools for _, tool in each.run_here())
        handlers.check(tool.handler for tool in runnable if tool.handler)
    except BaseException:  # Ctrl-C included: no process may stay
        handlers.kill()
        raise
    return handlers


def _parts(job: ReplayJob) -> list[InputPart]:
    return [part for turn in job.case.all_turns() for part in turn.input]


def _mapping(files: FileRecords, stores: StoreRecords) -> Callable[[str], str]:
    def mapped(source_id: str) -> str:
        file = files.record(source_id)
        if file is not None and file.target_id:
            return file.target_id
        store = stores.record(source_id)
        return store.target_id if store is not None and store.target_id else source_id

    return mapped


def _secrets(settings: Settings) -> Callable[[str], str | None]:
    def secret(variable: str) -> str | None:
        value = settings.secret(variable)
        return None if value is None else value.get_secret_value()

    return secret


def asked_for(settings: Settings, options: ReplayOptions) -> str:
    """A hash of what a replay was asked for: one that was interrupted is resumed by one that asks for the same."""
    suite = options.suite.read_bytes() if options.suite is not None and options.suite.is_file() else b""
    ids = options.selection.thread_ids
    said = [
        settings.replay.mode, settings.replay.similarity, settings.replay.similarity_method,
        settings.replay.embedding_model, settings.replay.judge_model, options.cases, options.sample, options.repeat,
        options.last_turn, options.stub_tools, options.model, None if ids is None else sorted(ids),
        options.selection.limit, settings.report.with_content,
    ]  # fmt: skip
    return hashlib.blake2b(suite + repr(said).encode(), digest_size=16).hexdigest()


def judged_before(settings: Settings, options: ReplayOptions, asked: str) -> tuple[str | None, dict[str, JsonObject]]:
    """The replay to continue with, and the cases that it judged; none where the last one finished."""
    if options.fresh or settings.report.with_content:
        # Answers are kept nowhere, so a report that is to show them has to ask again.
        return None, {}
    with StateReader(settings.state) as reader:
        last = next((run for run in reader.runs.listed(newest_first=True) if run["command"] == "replay"), None)
        run = None if last is None else reader.runs.one(last["id"])
    if run is None or run["result"] is None or run["options"].get("asked") != asked:
        return None, {}
    if run["exit_code"] not in (ExitCode.INTERRUPTED, ExitCode.TEMPORARY):
        return None, {}
    cases = {one["case_id"]: one for one in run["result"]["data"].get("cases") or () if one["status"] in _JUDGED}
    return (str(run["id"]), cases) if cases else (None, {})


_JUDGED = frozenset({CaseStatus.PASSED.value, CaseStatus.FAILED.value})


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """The options of one invocation that are no settings."""

    suite: Path | None = None
    cases: tuple[str, ...] = ()
    sample: int | None = None
    repeat: int = 1
    last_turn: bool = False
    stub_tools: bool = False
    model: str | None = None
    events: Path | None = None
    images: Path | None = None
    against: str | None = None
    selection: Selection = field(default_factory=Selection)
    fresh: bool = False
    """Run all cases, also those that an interrupted replay has judged already."""
