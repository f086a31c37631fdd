"""`migrate-cli apply`: migrates; running it again is resuming. Joins source, conversion, loader and state."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from migrate_cli.commands.context import (
    TargetChoice,
    begun,
    expected_of,
    named_source,
    open_configured,
    policy_of,
    setup_of,
    target_of,
)
from migrate_cli.commands.files import RunFiles, for_apply
from migrate_cli.commands.plan_file import refuse_changes
from migrate_cli.commands.recognise import recognised
from migrate_cli.commands.resuming import Resumption
from migrate_cli.commands.run_totals import Tally
from migrate_cli.commands.shards import shard_data, shard_setup
from migrate_cli.commands.signals import Interrupts
from migrate_cli.errors import ExitCode, MigrateError
from migrate_cli.files.resolver import FileDesk
from migrate_cli.findings import finding
from migrate_cli.http.client import ApiClient
from migrate_cli.http.rate_limiter import Pacer
from migrate_cli.load.run import LoadRun
from migrate_cli.model import Finding, Problem, Result, Thread, Unreadable
from migrate_cli.report.escape import visible
from migrate_cli.report.progress import ProgressView
from migrate_cli.report.side_by_side import content_book, without_content
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.divide import refuse_leftovers
from migrate_cli.state.store import StateStore
from migrate_cli.state.writer import JournalFailed
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.work.clock import WallClock
from migrate_cli.work.ordered import Entry
from migrate_cli.work.queue import piped

_FAREWELL = "migrate-cli: stopped at once; run the same command again to go on\n"

_WANTING = ("failed", "in_doubt", "deferred", "differs", "gone", "changed", "grown", "unknown", "incomplete")
"""Counts of threads that are not in the target as they should be."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person asked of this one run, beside the settings."""

    retry_failed: bool = False
    """Try threads again that failed before."""
    append: bool = False
    """Append what has grown at the end of threads that were loaded before."""


def apply(
    settings: Settings,
    selection: Selection,
    *,
    sandbox: bool,
    view: ProgressView,
    retry_failed: bool = False,
    append: bool = False,
    plan_file: Path | None = None,
) -> Result:
    """Load all wanted threads. Raises MigrateError only for what stops it before any work.

    With a `plan_file`, everything is converted once before anything is sent, and must be as it was planned.
    """
    wishes = Wishes(retry_failed, append)
    source = open_configured(settings)
    source.tell = view.note
    if plan_file is not None:
        refuse_changes(plan_file, settings, source, selection, sandbox=sandbox)
    entries = begun(source, selection)
    with target_of(settings, sandbox=sandbox) as target:
        store = StateStore.open(settings.state, command="migrate-cli apply")
        if store.restored is not None:
            view.note(store.restored.told)
        try:
            refuse_leftovers(settings.state)
            setup = setup_of(settings, source, sandbox=sandbox) | shard_setup(selection)
            store.check_setup(setup, recognised(settings, source, store))
            run = ApplyRun(settings, source, store, target, view)
            return asyncio.run(run.go(selection, wishes, entries))
        except JournalFailed as failure:
            _tell_unsaved(failure.unsaved)
            raise
        finally:
            view.close()
            store.close()


def _by_presence(target: ConversationsTarget) -> Finding:
    detail = f"Of {target.by_presence:,} images by URL, the target shows no more than that they are there."
    return finding("images-by-presence", detail)


def _tell_unsaved(unsaved: dict[str, str]) -> None:
    """Say on stderr which conversations no disk remembers: nothing else will ever know their ids."""
    for thread_id, conversation_id in unsaved.items():
        sys.stderr.write(f"migrate-cli: could not be saved: {visible(thread_id)} is {visible(conversation_id)}\n")


class ApplyRun:
    """One invocation, from the first thread to the result."""

    def __init__(
        self, settings: Settings, source: Source, store: StateStore, target: TargetChoice, view: ProgressView
    ) -> None:
        self._settings, self._source, self._store, self._target, self._view = settings, source, store, target, view
        self._content = content_book(settings)
        self._tally = Tally(view, self._content)
        self._interrupts: Interrupts | None = None

    async def go(
        self,
        selection: Selection,
        wishes: Wishes,
        entries: Iterator[Thread | Unreadable] | None = None,
        *,
        command: str = "apply",
    ) -> Result:
        """Load what the selection wants; `entries` is that, begun already; the state file calls the run `command`."""
        began = time.monotonic()
        expected = expected_of(self._source, selection)
        resumption = None if wishes.append or command != "apply" else self._resumption(selection)
        whole = {"expected": expected} if selection == Selection() else {}
        options = {**asdict(wishes), "sandbox": self._target.sandbox, **whole, **shard_data(self._settings, selection)}
        run_id = self._store.start_run(command, options)
        policy, clock = policy_of(self._settings), WallClock()
        pacer = Pacer(
            most_in_flight=policy.workers,
            requests_per_minute=self._settings.load.max_requests_per_minute,
            sleep=clock.sleep,
            draining=clock.draining,
        )
        failure: MigrateError | None = None
        async with (
            ApiClient(self._target.endpoint, pacer, sleep=clock.sleep) as client,
            for_apply(
                self._settings,
                self._source,
                client,
                self._store,
                clock,
                sandbox=self._target.sandbox,
                alone=selection.shard is None,
                draining=clock.draining,
            ) as files,
        ):
            conversations = ConversationsTarget(client)
            run = self._load_run(conversations, clock, files, wishes)
            clock.wake_on(run.drain)
            self._tally.want(selection)
            self._view.start(expected, "Migrating")
            self._interrupts = Interrupts(run.drain, self._view, farewell=_FAREWELL)
            with self._interrupts.handled():
                try:
                    arriving = resumption.arriving() if resumption else self._source.arriving(selection)
                    await run.run(self._drafts(files.desk, arriving, entries or self._source.threads(selection)))
                    if not run.drain.is_set():
                        await files.carry_assistants(selection)
                        await files.settle()
                except MigrateError as error:
                    failure = error
            if failure is None and not run.drain.is_set():
                self._tally.book_missing()
            if failure is None and not run.drain.is_set() and selection == Selection(shard=selection.shard):
                self._note_missing(selection)
            found = [*files.findings(), *(resumption.findings() if resumption else ()), *self._restored()]
            self._note_findings(found + ([_by_presence(conversations)] if conversations.by_presence else []))
            if run.pilot is not None and run.pilot.stopped_by is not None:
                self._tally.pilot_stopped(run.pilot.stopped_by)
            result = self._result(client, run_id, failure, time.monotonic() - began)
            result.data |= files.data() | shard_data(self._settings, selection)
            if conversations.by_presence:
                result.data["images_by_presence"] = conversations.by_presence
            if failure is not None or run.drain.is_set():
                result.data["reached"] = {"threads": self._tally.threads["total"], "of": expected}
            if self._store.restored is not None:
                result.data["restored"] = self._store.restored.as_dict()
            if resumption is not None:
                result.data["resumes"] = resumption.run_id
            if run.pilot is not None:
                result.data["pilot"] = run.pilot.as_dict()
        self._store.finish_run(run_id, without_content(result.envelope()))
        await self._store.durable()
        return result

    def _resumption(self, selection: Selection) -> Resumption | None:
        """What to pass over, where this run goes on with one over a live source that ended early."""
        resumption = Resumption(self._store, self._source, selection, self._tally)
        return None if resumption.run_id is None else resumption

    def _restored(self) -> list[Finding]:
        """Say that the state file was made again, if it was."""
        restored = self._store.restored
        return [] if restored is None else [finding("state-restored", restored.told)]

    def _load_run(self, target: ConversationsTarget, clock: WallClock, files: RunFiles, wishes: Wishes) -> LoadRun:
        return LoadRun(
            target=target,
            store=self._store,
            clock=clock,
            policy=policy_of(self._settings),
            observer=self._tally,
            prepare=files.desk.draft,
            retry_failed=wishes.retry_failed,
            append=wishes.append,
            pilot=self._store.pilot_due(policy_of(self._settings).pilot),
            live=self._source.live,
        )

    def _drafts(
        self,
        desk: FileDesk,
        arriving: AsyncGenerator[Thread | Unreadable] | None,
        blocking: Iterator[Thread | Unreadable],
    ) -> Iterator[Entry] | AsyncGenerator[Entry]:
        """Convert what arrives on the event loop, or else what blocks while it is read."""

        def converted(threads: Iterator[Thread | Unreadable]) -> Iterator[Entry]:
            return desk.feed(self._watched(threads))

        return converted(blocking) if arriving is None else piped(arriving, converted)

    def _watched(self, entries: Iterator[Thread | Unreadable]) -> Iterator[Thread | Unreadable]:
        return entries if self._content is None else self._content.watch(entries)

    def _note_missing(self, selection: Selection) -> None:
        """Report threads that were loaded once and that the source, or all of one shard, no longer has."""
        for thread_id in self._store.unasked():
            if selection.wants(thread_id):
                self._tally.missing(thread_id)

    def _note_findings(self, found: list[Finding]) -> None:
        """Note what concerns the run as a whole; a later run of the same kind finds it anew."""
        self._tally.add_findings(found)
        self._store.findings(None, found)

    def _result(self, client: ApiClient, run_id: str, failure: MigrateError | None, seconds: float) -> Result:
        tally = self._tally
        problems = list(tally.problems)
        if failure is not None:
            problems.insert(0, Problem(failure.code, str(failure)))
        data = tally.data() | {
            "requests": client.traffic.as_dict(),
            "writes": client.traffic.writes,
            "timeline": tally.timeline(),
            "commits": self._store.commits,
            "target": self._target.as_dict(),
            "state": str(self._settings.state),
            "seconds": round(seconds, 3),
        }
        data |= named_source(self._settings)
        return Result("apply", data, self._exit_code(failure), run_id, problems)

    def _exit_code(self, failure: MigrateError | None) -> ExitCode:
        if failure is not None:
            return failure.exit_code
        if self._interrupts is not None and self._interrupts.met:
            return ExitCode.INTERRUPTED
        threads = self._tally.threads
        return ExitCode.PARTIAL if any(threads[state] for state in _WANTING) else ExitCode.OK
