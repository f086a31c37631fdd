"""`status --orphans` and `undo --orphans`: conversations at the target that name a thread and are not its own.

A target that lists conversations shows them; whose they are, the state file knows. `status` only looks, `undo` deletes
what `load/orphans.py` finds removable. It must not compare or delete anything itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from operator import eq
from typing import Any

from migrate_cli.commands.context import TargetChoice, policy_of
from migrate_cli.commands.files import without_records
from migrate_cli.commands.listed import LISTED, TargetListing
from migrate_cli.commands.provenance import MADE, made_by
from migrate_cli.commands.recorded_target import open_recorded, recorded_target
from migrate_cli.commands.signals import Interrupts
from migrate_cli.convert.canonical import digest_of_all
from migrate_cli.convert.text import counted
from migrate_cli.errors import ExitCode, MigrateError, SourceError, UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.load.claim import Claim, ClaimReader
from migrate_cli.load.orphans import Orphan, OrphanFate, OrphanRun, Whose
from migrate_cli.load.undo import UNFINISHED, CreatedConversation, UndoRun
from migrate_cli.model import Draft, Item, JsonObject, Problem, Result
from migrate_cli.report.progress import ProgressView
from migrate_cli.settings.model import Settings
from migrate_cli.sources.disk_set import DiskSet
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.reader import StateReader
from migrate_cli.state.statements import RESTORED
from migrate_cli.state.store import StateStore
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.deletion import DELETED, GONE, KEPT, REFUSED
from migrate_cli.target.listing import SOURCE_THREAD
from migrate_cli.verify.comparisons import LOADED
from migrate_cli.work.clock import WallClock

_WAY_ON = "only the state file knows what was created there, and `migrate-cli undo --all` deletes that"
_WHY = {
    OrphanFate.WRITTEN_INTO: "somebody has written into it ({why}); it was left",
    OrphanFate.NOT_COMPARABLE: "it holds items, and they cannot be compared{why}; it was left",
}
_OUTCOMES = {
    KEPT: ("orphan-written-into", "it was kept: {detail}"),
    REFUSED: ("delete-refused", "the target did not delete it: {detail}"),
    UNFINISHED: ("unfinished", "the run ended before it was deleted; run the same command again"),
}


def orphans(settings: Settings, *, view: ProgressView) -> Result:
    """Show them; nothing is changed. Raises UsageError where the target does not list conversations."""
    result = _run(settings, view, "status", force=False, delete=False)
    result.data.pop("would_delete")
    return result


def foresee_orphans(settings: Settings, *, view: ProgressView, force: bool) -> Result:
    """Say what `undo --orphans` would delete, in the form of `undo --dry-run`."""
    return _run(settings, view, "undo", force=force, delete=False)


def undo_orphans(settings: Settings, *, view: ProgressView, force: bool) -> Result:
    """Delete those that are removable; `force` takes also those whose threads this state file does not have loaded."""
    return _run(settings, view, "undo", force=force, delete=True)


def _run(settings: Settings, view: ProgressView, command: str, *, force: bool, delete: bool) -> Result:
    with ExitStack() as stack:
        target = stack.enter_context(recorded_target(settings))
        store = None
        if delete:
            store = StateStore.open(settings.state, create=False, command="migrate-cli undo")
            stack.callback(store.close)
        stack.callback(view.close)
        return asyncio.run(_Orphans(settings, target, view, command, force=force).go(store))


class _Orphans:
    """One invocation."""

    def __init__(
        self, settings: Settings, target: TargetChoice, view: ProgressView, command: str, *, force: bool
    ) -> None:
        self._settings, self._target, self._view = settings, target, view
        self._command, self._force = command, force
        self._deletes = False
        self._fates: Counter[str] = Counter()
        self._items = 0
        """Items of what is removable."""
        self._rows: list[JsonObject] = []
        self._outcomes: Counter[str] = Counter()
        self._deleted: Counter[str] = Counter()
        self._problems: list[Problem] = []

    async def go(self, store: StateStore | None) -> Result:
        """List, look and, with a store, delete; then say what was found."""
        self._deletes = store is not None
        clock, policy = WallClock(), policy_of(self._settings, self._target.endpoint.base_url)
        limiter = RateLimiter(
            most_in_flight=policy.workers,
            requests_per_minute=self._settings.load.max_requests_per_minute,
            sleep=clock.sleep,
            draining=clock.draining,
        )
        failure: MigrateError | None = None
        async with ApiClient(self._target.endpoint, limiter, sleep=clock.sleep) as client:
            target = ConversationsTarget(client)
            undo = UndoRun(target=target, clock=clock, policy=policy, observer=self)
            clock.wake_on(undo.drain)
            listing = TargetListing(client)
            interrupts = Interrupts(self._view, undo.drain.set)
            with interrupts.on_loop():
                await listing.read(undo.drain, self._view)
                listing.require(_WAY_ON)
                options = {"orphans": True, "force": self._force, MADE: made_by(self._settings)}
                run_id = None if store is None else store.runs.start_run("undo", options)
                # The file is read after the list, so that it knows whatever was created before.
                with StateReader(self._settings.state) as reader:
                    self._take_out_known(listing, reader)
                    self._view.start(None, "Undoing" if self._deletes else "Looking at orphans")
                    source = self._source(listing, reader)
                    run = OrphanRun(
                        ClaimReader(target, undo.drain),
                        self,
                        workers=policy.workers,
                        force=self._force,
                        undo=undo if self._deletes else None,
                    )
                    try:
                        entries = self._entries(listing, reader, source)
                        await run.run(entries, live=source is not None and source.live)
                    except MigrateError as error:
                        failure = error
            result = self._result(listing, run_id, failure, interrupted=interrupts.met)
        if store is not None and run_id is not None:
            store.runs.finish_run(run_id, result.envelope())
            await store.durable()
        return result

    # ---- what there is

    def _take_out_known(self, listing: TargetListing, reader: StateReader) -> None:
        for conversation_id in reader.threads.conversations():
            listing.index.take_out(conversation_id)

    def _source(self, listing: TargetListing, reader: StateReader) -> Source | None:
        """The source, where it must tell what threads say that the state file does not have; None if it is not here."""
        left = (one for one, _ in listing.index.left())
        if not self._force or all(self._known(reader, one)[0] is Whose.LOADED_ELSEWHERE for one in left):
            return None
        try:
            return open_recorded(self._settings)
        except (SourceError, UsageError):
            return None

    def _known(self, reader: StateReader, thread_id: str) -> tuple[Whose, list[Item] | None]:
        """What the state file knows of a thread, and its items, by hash."""
        row = reader.threads.one(thread_id)
        if row is None:
            return Whose.UNKNOWN, None
        if row["state"] not in LOADED:
            return Whose.NOT_LOADED, None
        if row["code"] == RESTORED:
            return Whose.LOADED_ELSEWHERE, None
        return Whose.LOADED_ELSEWHERE, [Item(b"", digest, "message") for digest in reader.threads.digests(thread_id)]

    def _entries(self, listing: TargetListing, reader: StateReader, source: Source | None) -> Iterator[Orphan]:
        """Yield the orphans; those that only the source can tell about last, once it has told."""
        waiting: dict[str, Whose] = {}
        for thread_id, conversation_id in listing.index.left():
            whose, items = self._known(reader, thread_id)
            if source is not None and items is None and whose is not Whose.LOADED_ELSEWHERE:
                waiting[thread_id] = whose
            else:
                was_sent = partial(self._was_sent, reader, thread_id, items)
                yield Orphan(thread_id, conversation_id, whose, items, was_sent)
        if source is None or not waiting:
            return
        told = DiskSet()
        for draft in self._drafts(source, frozenset(waiting)):
            named = draft.metadata.get(SOURCE_THREAD, draft.thread_id)
            if named in waiting and told.add(named):
                for conversation_id in listing.index.of(named):
                    yield Orphan(named, conversation_id, waiting[named], draft.items, partial(eq, draft.metadata))
        for thread_id, whose in waiting.items():
            if thread_id not in told:
                for conversation_id in listing.index.of(thread_id):
                    yield Orphan(thread_id, conversation_id, whose, None)

    def _was_sent(
        self, reader: StateReader, thread_id: str, items: Sequence[Item] | None, metadata: Mapping[str, Any]
    ) -> bool:
        """Whether the thread has such metadata: the hash of its draft is made of them and of all items."""
        digest = reader.threads.digest(thread_id)
        if items is None or digest is None:
            return True
        return digest_of_all((item.digest for item in items), dict(metadata)) == digest

    def _drafts(self, source: Source, thread_ids: frozenset[str]) -> Iterator[Draft]:
        resolver = without_records(self._settings, source)
        for entry in resolver.convert(source.threads(Selection(thread_ids))):
            if isinstance(entry, Draft):
                yield entry

    # ---- what is told of them

    def judged(self, orphan: Orphan, claim: Claim, fate: OrphanFate) -> None:
        """One orphan was read."""
        self._fates[fate.value] += 1
        if fate is OrphanFate.NOT_THERE:
            return
        count = len(claim.ids) + claim.more
        if fate is OrphanFate.REMOVABLE:
            self._items += count
        if len(self._rows) < LISTED:
            self._rows.append(
                {
                    "thread_id": orphan.thread_id,
                    "conversation_id": orphan.conversation_id,
                    "items": count,
                    "whose": orphan.whose.value,
                    "fate": fate.value,
                }
            )
        if fate in _WHY and len(self._problems) < LISTED:
            why = claim.why or "its metadata was changed"
            if fate is OrphanFate.NOT_COMPARABLE:
                why = f": {claim.why}" if orphan.items is not None else ""
            told = f"conversation {orphan.conversation_id}: {_WHY[fate].format(why=why)}"
            self._problems.append(Problem(f"orphan-{fate.value}", told, orphan.thread_id))
        if not self._deletes or fate is not OrphanFate.REMOVABLE:
            self._view.thread_done(fate.value, count)

    def undone(self, created: CreatedConversation, outcome: str, items: Counter[str], detail: str | None) -> None:
        """Count what became of one conversation; the state file never knew it."""
        self._outcomes[outcome] += 1
        self._deleted.update(items)
        if outcome not in (DELETED, GONE) and len(self._problems) < LISTED:
            code, sentence = _OUTCOMES[outcome]
            told = f"conversation {created.conversation_id}: {sentence.format(detail=detail)}"
            self._problems.append(Problem(code, told, created.thread_id))
        self._view.thread_done("undone" if outcome in (DELETED, GONE) else "failed", sum(items.values()))

    def _result(
        self, listing: TargetListing, run_id: str | None, failure: MigrateError | None, *, interrupted: bool
    ) -> Result:
        problems = list(self._problems)
        if listing.walk.incomplete is not None:
            told = f"the list of conversations is incomplete: {listing.walk.incomplete}"
            problems.insert(0, Problem("conversation-list-incomplete", told))
        if failure is not None:
            problems.insert(0, Problem(failure.code, str(failure)))
        removable = self._fates[OrphanFate.REMOVABLE.value]
        counts = {fate.value.replace("-", "_"): self._fates[fate.value] for fate in OrphanFate}
        data: JsonObject = {
            "message": self._message(removable),
            "orphans": {"total": sum(self._fates.values()) - counts["not_there"], **counts},
            "listing": listing.data(),
            "target": self._target.endpoint.base_url,
        }
        if self._deletes:
            outcomes = (DELETED, GONE, KEPT, REFUSED, UNFINISHED)
            data["conversations"] = {name: self._outcomes[name] for name in outcomes}
            data["items"] = {name: self._deleted[name] for name in (DELETED, GONE)}
        else:
            data |= {"conversations": removable, "items": self._items, "would_delete": self._would_delete()}
        data["orphan_list"] = self._rows
        data["next"] = self._next(removable)
        return Result(self._command, data, self._code(problems, failure, interrupted=interrupted), run_id, problems)

    def _would_delete(self) -> list[JsonObject]:
        return [
            {"thread": row["thread_id"], "conversation": row["conversation_id"], "items": row["items"]}
            for row in self._rows
            if row["fate"] == OrphanFate.REMOVABLE
        ]

    def _message(self, removable: int) -> str:
        where = f"at {self._target.endpoint.base_url}"
        if self._deletes:
            done = self._outcomes[DELETED] + self._outcomes[GONE]
            return f"{counted(done, 'orphan')} deleted {where}, with {counted(self._deleted[DELETED], 'item')}."
        if self._command == "undo":
            what = f"{counted(self._items, 'item')} and {counted(removable, 'conversation')}"
            return f"Would delete {what} {where}." if removable else f"There is nothing to delete {where}."
        total = sum(self._fates.values()) - self._fates[OrphanFate.NOT_THERE.value]
        if not total:
            return f"There are no orphans {where}."
        return f"{counted(total, 'orphan')} {where}; `undo --orphans` would delete {removable:,}."

    def _next(self, removable: int) -> list[str]:
        steps = []
        if self._command == "status" and removable:
            steps.append("Check what would be deleted, then delete them: migrate-cli undo --orphans --dry-run")
        if self._fates[OrphanFate.WITH_FORCE.value]:
            steps.append(
                "Other shards or machines may need those whose threads are not loaded here; if none does: "
                "migrate-cli undo --orphans --force --dry-run"
            )
        return steps

    def _code(self, problems: list[Problem], failure: MigrateError | None, *, interrupted: bool) -> ExitCode:
        if failure is not None:
            return failure.exit_code
        if interrupted:
            return ExitCode.INTERRUPTED
        told = any(not problem.code.startswith("orphan-") for problem in problems)
        return ExitCode.PARTIAL if told or (problems and self._deletes) else ExitCode.OK
