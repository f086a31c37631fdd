"""`migrate-cli verify`: reads every conversation back and compares it with the source, or with the state's hashes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from migrate_cli.commands.choosing import NotSelected, selected
from migrate_cli.commands.context import (
    TargetChoice,
    check_list,
    expected_of,
    named_source,
    open_configured,
    setup_of,
    target_of,
    target_setup,
    with_known_source,
)
from migrate_cli.commands.files import as_recorded
from migrate_cli.commands.provenance import MADE, made_by
from migrate_cli.commands.recognise import recognised
from migrate_cli.commands.shards import shard_data, shard_setup
from migrate_cli.commands.signals import TIME_IS_OVER, Interrupts
from migrate_cli.commands.verify_totals import VerifyTotals
from migrate_cli.errors import ExitCode, MigrateError, UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.load.refusal import with_notes
from migrate_cli.model import CONVERSATION_UNREADABLE, Draft, JsonObject, Problem, Result, Unreadable
from migrate_cli.report.progress import ProgressView
from migrate_cli.report.redact import redact_excerpt
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.reader import StateReader
from migrate_cli.state.rehearsal import SANDBOX
from migrate_cli.state.store import StateStore
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.vector_stores import VectorStoresTarget
from migrate_cli.verify.comparisons import LOADED, ComparisonTasks, Entry
from migrate_cli.verify.conversation import compare
from migrate_cli.verify.files import FileCheck
from migrate_cli.verify.run import VerifyRun
from migrate_cli.verify.sample import Sample
from migrate_cli.verify.stores import compare_store
from migrate_cli.work.clock import WallClock
from migrate_cli.work.time_limit import TimeLimit

EVERY_STATE = (
    "loaded", "verified", "differs", "in_doubt", "failed", "loading", "creating", "pending", "skipped", "undone",
)  # fmt: skip
_EXCERPTS = ("expected", "got")
_UNFINISHED = frozenset({ExitCode.TEMPORARY, ExitCode.AUTH, ExitCode.INTERRUPTED, ExitCode.UNEXPECTED})


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What the user asked for beside the selection."""

    from_state: bool = False
    """Compare with the hashes in the state file; the source need not be there."""
    sample: Sample | None = None
    failed: bool = False
    """Only threads that differed, or could not be read, before."""
    files: bool = False
    """Ask for each file and each vector store, too."""
    strict: bool = False
    """Metadata that is only in the target, and extra items that a person adopted, fail as well."""
    fresh: bool = False
    """Read all, also what an interrupted verification has done already."""
    time_limit: TimeLimit = field(default_factory=TimeLimit)
    """After this, the run ends in good order."""
    whole: bool = False
    """Leave no entry out of the lists of the result."""

    def recorded(self) -> JsonObject:
        """What an interrupted run must have in common with this one to be gone on with."""
        sample = None if self.sample is None else [self.sample.count, self.sample.share, self.sample.seed]
        return {"from_state": self.from_state, "sample": sample, "files": self.files, "strict": self.strict}


def verify(
    settings: Settings, selection: Selection, options: VerifyOptions, *, sandbox: bool, view: ProgressView
) -> Result:
    """Compare all wanted threads. Raises MigrateError only for what stops it before any work."""
    _check_choice(selection, options)
    with ExitStack() as stack:
        reader = stack.enter_context(StateReader(settings.state))
        setup = reader.setup()
        _check_rehearsal(settings.state, setup, sandbox=sandbox)
        source = None if options.from_state else _open_source(settings)
        if source is not None:
            source.tell, source.reading = view.note, view.read
            check_list(source)
        target = stack.enter_context(target_of(settings, sandbox=sandbox))
        store = StateStore.open(settings.state, create=False, command="migrate-cli verify")
        stack.callback(store.close)
        stack.callback(view.close)
        if source is not None:
            setup = setup_of(settings, source, sandbox=sandbox) | shard_setup(selection)
            store.runs.check_setup(setup, recognised(settings, source, store))
        else:
            store.runs.check_setup(setup | target_setup(settings, sandbox=sandbox) | shard_setup(selection))
        run = _Verify(settings, source, store, reader, target, view, options)
        return asyncio.run(run.go(selection))


class _Verify:
    """One invocation, from the first thread to the result."""

    def __init__(
        self,
        settings: Settings,
        source: Source | None,
        store: StateStore,
        reader: StateReader,
        target: TargetChoice,
        view: ProgressView,
        options: VerifyOptions,
    ) -> None:
        self._settings, self._source, self._store, self._reader = settings, source, store, reader
        self._target, self._view, self._options = target, view, options
        self._tally = VerifyTotals(view, with_source=source is not None, whole=options.whole)
        self._unread: set[str] = set()
        self._not_selected: NotSelected | None = None

    async def go(self, selection: Selection) -> Result:
        """Compare, then say what was found."""
        began = time.monotonic()
        if self._source is not None:
            self._not_selected = NotSelected(self._source, selection)
        earlier, since = self._unfinished(selection)
        options = self._options.recorded() | {"selection": _recorded(selection), "since": since, "resumes": earlier}
        options |= {MADE: made_by(self._settings)}
        run_id = self._store.runs.start_run("verify", options)
        drain, clock = asyncio.Event(), WallClock()
        clock.wake_on(drain)
        interrupts = Interrupts(self._view, drain.set)
        failure: MigrateError | None = None
        workers = self._settings.load.workers
        # A conversation is two requests at a time: its items and its metadata.
        limiter = RateLimiter(
            most_in_flight=2 * workers, requests_per_minute=self._settings.load.max_requests_per_minute
        )
        async with ApiClient(self._target.endpoint, limiter, sleep=clock.sleep) as client:
            run = VerifyRun(
                partial(
                    compare,
                    ConversationsTarget(client),
                    excerpts=self._settings.report.with_content,
                    each_page=FileCheck(client, self._size_of) if self._options.files else None,
                ),
                states=self._store.repairs,
                observer=self._tally,
                workers=workers,
                strict=self._options.strict,
                live=self._source is not None and self._source.live,
                drain=drain,
            )
            self._view.start(expected_of(self._source, selection) if self._source else None, "Verifying")
            with interrupts.on_loop(), self._options.time_limit.on_loop(partial(self._time_is_over, drain)):
                try:
                    await run.run(self._entries(selection, since))
                    if self._options.files and selection == Selection(shard=selection.shard):
                        await self._compare_stores(VectorStoresTarget(client), drain)
                except MigrateError as error:
                    failure = error
            seconds = time.monotonic() - began
            interrupted = interrupts.met or self._options.time_limit.reached
            result = self._result(client, run_id, failure, seconds, interrupted=interrupted)
        if failure is None and not interrupted and (nothing := self._nothing(selection)) is not None:
            result.data["nothing"] = nothing
            if nothing != "empty" and result.exit_code is ExitCode.OK:
                result.exit_code = ExitCode.PARTIAL
        result.data |= shard_data(self._settings, selection) | self._chosen_data(selection)
        if selection.choice and self._not_selected is not None:
            result.data["threads"]["not_selected"] = self._not_selected.count
        if earlier is not None:
            result.data["resumes"] = earlier
        self._store.runs.finish_run(run_id, _without_texts(result.envelope()))
        await self._store.durable()
        return result

    async def _compare_stores(self, target: VectorStoresTarget, drain: asyncio.Event) -> None:
        """Compare the vector stores that were rebuilt with what is on record of them."""
        records = self._store.stores
        for store_id, record in records.records().items():
            if drain.is_set():
                return
            if record.target_id is not None:
                found = await compare_store(target, record.target_id, records.files(store_id))
                self._tally.store(store_id, record.target_id, *found)

    def _entries(self, selection: Selection, since: int | None) -> Iterator[Entry]:
        """The source's threads first, then those that only the state file has."""
        tasks = ComparisonTasks(self._store.threads, since=since)
        chosen = self._chosen(selection)
        if self._source is not None:
            yield from tasks.from_source(self._drafts(self._source, chosen))
        if self._source is None or (chosen.limit is None and not chosen.choice):
            names = (str(row["thread_id"]) for row in self._reader.threads.listed(*EVERY_STATE))
            yield from tasks.from_state(names, chosen)
        if selection.thread_ids is not None:
            left_out = self._not_selected.ids if self._not_selected else set()
            asked = selection.thread_ids - self._unread - left_out
            for thread_id in tasks.unseen(one for one in asked if selection.wants(one)):
                self._tally.unknown(thread_id)

    def _chosen_data(self, selection: Selection) -> JsonObject:
        """What a result says of a choice, and of a limit of time that was reached."""
        limit = self._options.time_limit
        return selected(selection.choice) | ({"time_limit": limit.seconds} if limit.reached else {})

    def _time_is_over(self, drain: asyncio.Event) -> None:
        self._view.note(TIME_IS_OVER)
        drain.set()

    def _drafts(self, source: Source, selection: Selection) -> Iterator[Draft | Unreadable]:
        """Convert with what `apply` knew of files and refused items, so that the drafts are those that were loaded."""
        resolver = as_recorded(self._settings, source, self._store.files)
        refused = self._store.threads.refused_items()
        for entry in resolver.convert(source.threads(selection)):
            if isinstance(entry, Draft):
                self._tally.read(entry)
                yield with_notes(entry, refused.get(entry.thread_id, {}))
            elif isinstance(entry, Unreadable):
                self._unread.add(selection.meant_by(entry) or "")
                yield entry

    def _chosen(self, selection: Selection) -> Selection:
        """The selection, narrowed by `--failed` and `--sample`."""
        if not self._options.failed and self._options.sample is None:
            return selection
        rows = self._reader.threads.listed(*sorted(LOADED))
        names: Iterator[str] = (
            str(row["thread_id"])
            for row in rows
            if selection.wants(str(row["thread_id"]))
            and (not self._options.failed or row["state"] == "differs" or row["code"] == CONVERSATION_UNREADABLE)
        )
        if self._options.sample is not None:
            names = self._options.sample.of(names)
        return replace(selection, thread_ids=frozenset(names))

    def _unfinished(self, selection: Selection) -> tuple[str | None, int | None]:
        """The verification to resume, and when it began: the last one, if it was cut short and asked for the same.

        A run that was itself going on keeps the moment at which the first of them began.
        """
        last = next((run for run in self._reader.runs.listed(newest_first=True) if run["command"] == "verify"), None)
        if last is None or self._options.fresh or self._options.failed:
            return None, None
        run = self._reader.runs.one(last["id"]) or {}
        ended = run.get("exit_code")
        if ended is not None and ended not in _UNFINISHED:
            return None, None
        options = run["options"]
        wanted = self._options.recorded() | {"selection": _recorded(selection)}
        if any(options.get(name) != value for name, value in wanted.items()):
            return None, None
        return options.get("resumes") or last["id"], options.get("since") or _seconds(last["started_at"])

    def _size_of(self, file_id: str) -> int | None:
        """How many bytes a file at the target should have: as it was uploaded, or as the source knows it."""
        rows = self._reader.maps.of([file_id])
        size = next((row["bytes"] for row in rows if row["found"] == "file" and row.get("bytes")), None)
        if size is None and self._source is not None and (info := self._source.files().get(file_id)) is not None:
            size = info.bytes
        return size

    def _result(
        self, client: ApiClient, run_id: str, failure: MigrateError | None, seconds: float, *, interrupted: bool
    ) -> Result:
        problems = list(self._tally.problems)
        if failure is not None:
            problems.insert(0, Problem(failure.code, str(failure)))
        data = self._tally.data()
        if self._settings.report.redact:
            data["differences"] = [_masked(one) for one in data["differences"]]
        data |= named_source(self._settings) | {
            "compared_with": "the state file" if self._source is None else "the source",
            "requests": client.traffic.as_dict(),
            "target": self._target.as_dict(),
            "state": str(self._settings.state),
            "seconds": round(seconds, 3),
        }
        return Result("verify", data, self._exit_code(failure, interrupted=interrupted), run_id, problems)

    def _nothing(self, selection: Selection) -> str | None:
        """Why nothing was compared, where all of the source was asked for."""
        narrowed = selection != Selection() or self._options.failed or self._options.sample is not None
        return None if narrowed else self._tally.nothing

    def _exit_code(self, failure: MigrateError | None, *, interrupted: bool) -> ExitCode:
        if failure is not None:
            return failure.exit_code
        if interrupted:
            return ExitCode.INTERRUPTED
        if self._tally.failed:
            return ExitCode.CHECK_FAILED
        return ExitCode.PARTIAL if self._tally.wanting else ExitCode.OK


def _check_choice(selection: Selection, options: VerifyOptions) -> None:
    """Refuse what goes with no choice. Raises UsageError."""
    if selection.choice and options.from_state:
        raise UsageError(
            "--since, --until, --assistant and --metadata need the content of threads, and --from-state reads "
            "none; leave "
            "that out, or name the threads with --thread or --threads-from"
        )
    if selection.choice and options.sample is not None and options.sample.count is not None:
        raise UsageError(
            "--sample picks threads before their content is known; with --since, --until, --assistant or "
            "--metadata, take a share, such as --sample 5%"
        )


def _open_source(settings: Settings) -> Source:
    try:
        return open_configured(with_known_source(settings))
    except UsageError as error:
        raise type(error)(
            f"{str(error).rstrip('.')}; or compare with the hashes in the state file: --from-state", code=error.code
        ) from error


def _check_rehearsal(state: Path, setup: dict[str, str], *, sandbox: bool) -> None:
    """A rehearsal is verified in the sandbox, and nothing else is."""
    rehearsed = setup.get("target.base_url") == SANDBOX
    if rehearsed and not sandbox:
        raise UsageError(f"{state} belongs to a rehearsal in the sandbox; verify it there: --target sandbox")
    if sandbox and setup and not rehearsed:
        where = setup.get("target.base_url", "a real target")
        raise UsageError(f"{state} belongs to a migration to {where}; verify it there, without --target sandbox")


def _recorded(selection: Selection) -> JsonObject:
    """The selection as JSON; thread ids in a stable order."""
    ids = None if selection.thread_ids is None else sorted(selection.thread_ids)
    shard = list(selection.shard) if selection.shard else None
    return {"threads": ids, "limit": selection.limit, "shard": shard, **selected(selection.choice).get("selection", {})}


def _seconds(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp())


def _masked(difference: JsonObject) -> JsonObject:
    return {name: redact_excerpt(value) if name in _EXCERPTS else value for name, value in difference.items()}


def _without_texts(envelope: JsonObject) -> JsonObject:
    """The envelope as the state file keeps it: without the words that were asked for on the screen."""
    data = {name: value for name, value in envelope["data"].items() if not name.startswith("content")}
    data["differences"] = [
        {name: value for name, value in one.items() if name not in _EXCERPTS} for one in data.get("differences", ())
    ]
    return {**envelope, "data": data}
