"""`migrate-cli recover`: rebuilds a lost state file from the conversations of the target and the source.

It joins list, source, conversion and state. The target is only read. It must not compare anything itself.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import suppress
from functools import partial

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
from migrate_cli.commands.files import for_recover
from migrate_cli.commands.listed import LISTED, TargetListing
from migrate_cli.commands.provenance import MADE, made_by
from migrate_cli.commands.recognise import recognised
from migrate_cli.commands.signals import Interrupts
from migrate_cli.convert.text import counted
from migrate_cli.errors import ExitCode, MigrateError, StateError
from migrate_cli.files.resolver import FileResolver
from migrate_cli.http.client import ApiClient
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.load.claim import Claim, ClaimReader
from migrate_cli.load.recover import ListFound, RecoverRun
from migrate_cli.model import Draft, JsonObject, Problem, Progress, Result, Thread, ThreadState, Unreadable
from migrate_cli.report.progress import ProgressView
from migrate_cli.report.status import command_options
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.divide import refuse_leftovers
from migrate_cli.state.opening import backup_path, check_place, map_path
from migrate_cli.state.reader import StateReader
from migrate_cli.state.setup import FROM_IDS, FROM_TARGET, RECOVERY, as_option
from migrate_cli.state.store import StateStore
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.work.clock import WallClock
from migrate_cli.work.ordered import Entry
from migrate_cli.work.queue import piped

PROBLEMS = 1000
"""Longest list of problems in a result."""
_ALL = Selection()
_WAY_ON = (
    "restore the state file from your own copy, or put its .bak or .map.jsonl next to it; without any of them, "
    "a new state file loads every thread again"
)


def recover(settings: Settings, *, view: ProgressView) -> Result:
    """Rebuild the state file. Raises MigrateError only for what stops it before anything is written."""
    with suppress(StateError):  # a file that cannot be read knows no source
        settings = with_known_source(settings)
    source = open_configured(settings)
    source.tell, source.reading = view.note, view.read
    check_place(settings.state, create=True)
    entries = begun(source, _ALL)
    with target_of(settings, sandbox=False) as target:
        run = _Recovery(settings, source, target, view)
        try:
            return asyncio.run(run.go(entries))
        finally:
            view.close()
            run.close()


class _Recovery:
    """One invocation, from the list to the result."""

    def __init__(self, settings: Settings, source: Source, target: TargetChoice, view: ProgressView) -> None:
        self._settings, self._source, self._target, self._view = settings, source, target, view
        self._began = time.monotonic()
        self._drain = asyncio.Event()
        self._store: StateStore | None = None
        self._run_id: str | None = None
        self._tally = _RecoveryTotals(view)

    def close(self) -> None:
        """Close the state file, if it was opened."""
        if self._store is not None:
            self._store.close()

    async def go(self, entries: Iterator[Thread | Unreadable]) -> Result:
        """List, read and compare; then say what was found."""
        clock, policy = WallClock(), policy_of(self._settings, self._target.endpoint.base_url)
        clock.wake_on(self._drain)
        # A conversation is two requests: what it is, and its items.
        limiter = RateLimiter(
            most_in_flight=policy.workers,
            requests_per_minute=self._settings.load.max_requests_per_minute,
            sleep=clock.sleep,
            draining=clock.draining,
        )
        interrupts = Interrupts(self._view, self._drain.set)
        if _any_file(self._settings):
            self._open()
        failure: MigrateError | None = None
        async with ApiClient(self._target.endpoint, limiter, sleep=clock.sleep) as client:
            listing = TargetListing(client)
            with interrupts.on_loop():
                await listing.read(self._drain, self._view, partial(self._begin, FROM_TARGET))
                if self._run_id is None and not interrupts.met:
                    if self._store is None or self._store.runs.needs_list():
                        listing.require(_WAY_ON)
                    await self._begin(FROM_IDS)
                store, run_id = self._store, self._run_id
                if store is None or run_id is None:
                    return Result("recover", {"message": "Nothing was recovered yet."}, ExitCode.INTERRUPTED)
                with StateReader(self._settings.state) as reader:
                    for conversation_id in reader.threads.given_up():
                        listing.index.take_out(conversation_id)
                self._view.start(expected_of(self._source, _ALL), "Recovering")
                try:
                    await self._compare(client, listing, store, entries)
                except MigrateError as error:
                    failure = error
            await store.durable()
            if failure is None and not interrupts.met:
                self._tally.count_left(listing, store)
                store.runs.recovered()
            result = self._result(client, listing, run_id, failure, interrupted=interrupts.met)
        store.runs.finish_run(run_id, result.envelope())
        await store.durable()
        return result

    def _open(self) -> StateStore:
        """Open the state file, once. Raises StateError where it knows what this command must not touch."""
        if self._store is None:
            store = self._store = StateStore.open(self._settings.state, command="migrate-cli recover")
            refuse_leftovers(self._settings.state)
            if store.restored is not None:
                self._view.note(store.restored.told)
            if not store.runs.recovering():
                raise StateError(
                    f"The state file {self._settings.state} is not lost: it knows threads that were loaded. "
                    "Continue with "
                    f"`migrate-cli apply{as_option(self._settings.state)}`; or rebuild into another file, named with "
                    "--state.",
                    code="state-not-lost",
                )
        return self._store

    async def _begin(self, source: str) -> None:
        """Note in the state file that it is being rebuilt, so that nobody takes it for whole meanwhile.

        As soon as the target is known to list: a run that is broken off must not leave a place where `apply` would
        find no state file, and load everything again.
        """
        store = self._open()
        setup = setup_of(self._settings, self._source, sandbox=False) | {RECOVERY: source}
        store.runs.check_setup(setup, recognised(self._settings, self._source, store))
        self._run_id = store.runs.start_run("recover", {MADE: made_by(self._settings)})
        await store.durable()

    async def _compare(
        self, client: ApiClient, listing: TargetListing, store: StateStore, entries: Iterator[Thread | Unreadable]
    ) -> None:
        files, lost = for_recover(self._settings, self._source, client, store.files)
        # Where the target lists none, all is known from the list of ids, which lacks nothing that was loaded.
        complete = listing.walk.incomplete is None
        async with files:
            run = RecoverRun(
                reader=ClaimReader(ConversationsTarget(client), self._drain),
                found=ListFound(listing.index, complete),
                store=store.journal,
                observer=self._tally,
                prepare=files.resolver.draft,
                files=lost,
                workers=self._settings.load.workers,
                live=self._source.live,
            )
            try:
                await run.run(self._drafts(files.resolver, entries))
            finally:
                self._tally.count_files(files.data().get("files", {}), lost.unknown)

    def _drafts(
        self, resolver: FileResolver, entries: Iterator[Thread | Unreadable]
    ) -> Iterator[Entry] | AsyncGenerator[Entry]:
        arriving = self._source.arriving(_ALL)
        return piped(arriving, resolver.convert) if arriving is not None else resolver.convert(entries)

    def _result(
        self, client: ApiClient, listing: TargetListing, run_id: str, failure: MigrateError | None, *, interrupted: bool
    ) -> Result:
        problems = list(self._tally.problems)
        if failure is not None:
            problems.insert(0, Problem(failure.code, str(failure)))
        if listing.walk.incomplete is not None:
            told = f"the list of conversations is incomplete: {listing.walk.incomplete}"
            problems.insert(0, Problem("conversation-list-incomplete", told))
        where = command_options(setup_of(self._settings, self._source, sandbox=False), str(self._settings.state))
        data = self._tally.data(where) | {
            "conversations": listing.data(),
            "requests": client.traffic.as_dict(),
            "target": self._target.as_dict(),
            "state": str(self._settings.state),
            "seconds": round(time.monotonic() - self._began, 3),
        }
        data |= named_source(self._settings)
        code = ExitCode.PARTIAL if problems or self._tally.wanting else ExitCode.OK
        if interrupted:
            code = ExitCode.INTERRUPTED
        if failure is not None:
            code = failure.exit_code
        return Result("recover", data, code, run_id, problems)


def _any_file(settings: Settings) -> bool:
    """Whether anything of a state file is there: then it is locked and looked at before the target is asked."""
    state = settings.state
    return any(path.exists() for path in (state, backup_path(state), map_path(state)))


class _RecoveryTotals:
    """Counts what came of each thread; a `RecoverObserver`."""

    def __init__(self, view: ProgressView) -> None:
        self._view = view
        self._threads: Counter[str] = Counter()
        self._items = 0
        self.problems: list[Problem] = []
        self._orphans: list[JsonObject] = []
        self._left = 0
        self._files: dict[str, int] = {}

    @property
    def wanting(self) -> bool:
        """Whether not every thread of the source is known to be loaded."""
        return any(self._threads[state] for state in ("loading", "in_doubt", "not_found", "unreadable"))

    def recovered(self, draft: Draft, progress: Progress, claim: Claim | None) -> None:
        """One thread is as `progress` says."""
        self._count(draft, progress.state)
        self._items += len(claim.ids) if claim is not None else 0
        if progress.code is not None:
            self._problem(progress.code, progress.detail or progress.code, draft.thread_id)

    def earlier(self, draft: Draft, progress: Progress) -> None:
        """One thread was recovered by an earlier run that did not finish."""
        self._threads["earlier"] += 1
        self._items += progress.position
        aside = progress.state in (ThreadState.SKIPPED, ThreadState.UNDONE)
        self._count(draft, progress.state if aside else ThreadState.LOADED.value)

    def not_found(self, draft: Draft) -> None:
        """The target lists no conversation of a thread."""
        self._count(draft, "not_found")

    def unreadable(self, entry: Unreadable) -> None:
        """Something could not be read as a thread."""
        self._threads["total"] += 1
        self._threads["unreadable"] += 1
        self._problem(entry.code, entry.sentence, entry.thread_id)
        self._view.thread_done("failed", 0)

    def count_files(self, counts: Mapping[str, int], lost: int) -> None:
        """Take the counts of files; `lost` are those of which no conversation told anything."""
        self._files = {**counts, **({"lost": lost} if lost else {})}

    def count_left(self, listing: TargetListing, store: StateStore) -> None:
        """Count the conversations that name a thread and are none's; list those whose thread has another one."""
        for thread, conversation in listing.index.left():
            self._left += 1
            row = store.threads.thread_row(thread)
            if row is not None and row["conversation_id"] is not None and len(self._orphans) < LISTED:
                self._orphans.append({"thread_id": thread, "conversation_id": conversation})

    def data(self, where: str) -> JsonObject:
        """The counts, as the result shows them; `where` is the source and the state file as commands take them."""
        names = ("total", "loaded", "loading", "skipped", "in_doubt", "not_found", "unreadable", "undone", "earlier")
        threads = {name: self._threads[name] for name in names if self._threads[name] or name in _ALWAYS}
        return {
            "message": self._message(),
            "threads": threads,
            "items": self._items,
            "left_over": self._left,
            "orphans": self._orphans,
            "next": self._next(where),
            **({"files": self._files} if self._files else {}),
        }

    def _message(self) -> str:
        found, total = self._threads["loaded"], self._threads["total"]
        known = f"{found:,} of {counted(total, 'thread')} {'is' if found == 1 else 'are'} known again"
        sentences = [f"{known}, with {counted(self._items, 'item')}."]
        for state, one, many in _TOLD:
            if count := self._threads[state]:
                sentences.append(f"{count:,} {one if count == 1 else many}.")
        return " ".join([*sentences, "Nothing was sent."])

    def _next(self, where: str) -> list[str]:
        steps = []
        if self._threads["in_doubt"] and not self._threads["loaded"]:
            steps.append(_OTHER_SETTINGS)
        if self._threads["in_doubt"]:
            first = next(one.thread_id for one in self.problems if one.thread_id is not None)
            steps.append(f"See how a conversation differs, and settle it: migrate-cli resolve {shlex.quote(first)}")
        if self._threads["not_found"]:
            steps.append("Make sure that the threads without a conversation were never loaded: apply loads them")
        if lost := self._files.get("lost"):
            steps.append(
                f"{counted(lost, 'file')} will be uploaded or transcribed again: conversations do not mention them"
            )
        if self._left:
            steps.append("List orphaned conversations: migrate-cli status --orphans")
        if self._threads["loading"] or self._threads["not_found"]:
            steps.append(f"Load what is missing: migrate-cli apply{where}")
        return steps or [f"Compare every conversation with its source: migrate-cli verify{where}"]

    def _count(self, draft: Draft, state: str) -> None:
        self._threads["total"] += 1
        self._threads[state] += 1
        self._view.thread_done(state, draft.messages)

    def _problem(self, code: str, message: str, thread_id: str | None) -> None:
        if len(self.problems) < PROBLEMS:
            self.problems.append(Problem(code, message, thread_id))


_OTHER_SETTINGS = (
    "If the settings under `convert` are not those of the migration, restore them, and recover into another state "
    "file, named with --state"
)
_TOLD = (
    ("skipped", "thread holds nothing to send", "threads hold nothing to send"),
    (
        "loading",
        "conversation holds only the beginning of its thread",
        "conversations hold only the beginning of their threads",
    ),
    ("in_doubt", "thread could not be settled", "threads could not be settled"),
    ("not_found", "thread has no conversation", "threads have no conversation"),
    ("unreadable", "entry of the source could not be read", "entries of the source could not be read"),
)
_ALWAYS = frozenset({"total", "loaded", "skipped", "in_doubt"})
