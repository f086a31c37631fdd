"""`migrate-cli undo`: deletes what `apply` created at the target, as far as the state file records it; resumable."""

from __future__ import annotations

import asyncio
import shlex
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from migrate_cli.commands.agents import as_project
from migrate_cli.commands.context import TargetChoice, policy_of
from migrate_cli.commands.provenance import MADE, made_by
from migrate_cli.commands.recorded_target import recorded_target
from migrate_cli.commands.signals import Interrupts
from migrate_cli.commands.undo_agents import AgentsUndone, agents_to_undo
from migrate_cli.convert.text import counted
from migrate_cli.errors import ExitCode, MigrateError, UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.outcomes import Draining
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.load.undo import UNFINISHED, CreatedConversation, UndoRun
from migrate_cli.load.undo_agents import AgentUndoRun
from migrate_cli.model import JsonObject, Problem, Result, StoreRecord, StoreStatus
from migrate_cli.report.progress import ProgressView
from migrate_cli.settings.model import Settings
from migrate_cli.state.reader import StateReader
from migrate_cli.state.rehearsal import SANDBOX
from migrate_cli.state.setup import as_option
from migrate_cli.state.store import StateStore
from migrate_cli.stores.undo import undo_store
from migrate_cli.target.agents import ProjectAgents
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.deletion import DELETED, GONE, KEPT, REFUSED
from migrate_cli.target.vector_stores import VectorStoresTarget
from migrate_cli.work.clock import WallClock

_HANDED_OUT = frozenset({"loaded", "verified", "differs", "in_doubt"})
"""States in which others may know the conversation, so that what they wrote is not deleted with ours."""
_WHY = {
    KEPT: ("conversation-continued", "it was kept: {detail}; delete it anyway with --force"),
    REFUSED: ("delete-refused", "the target did not delete it: {detail}"),
    UNFINISHED: ("unfinished", "the run ended before it was deleted; run the same command again"),
}

_WHY_STORE = {**_WHY, KEPT: ("vector-store-changed", _WHY[KEPT][1])}


@dataclass(frozen=True, slots=True)
class UndoOptions:
    """What is to be undone: exactly one."""

    threads: frozenset[str] = frozenset()
    run_id: str | None = None
    everything: bool = False
    orphans: bool = False
    """Not what the state file knows, but what it does not (see `orphans.py`)."""

    def chosen(self) -> str:
        """Return the choice as the command takes it, with a space before it."""
        if self.run_id is not None:
            return f" --run {shlex.quote(self.run_id)}"
        return " --all" if self.everything else "".join(f" --thread {shlex.quote(one)}" for one in sorted(self.threads))

    def check(self) -> None:
        """Raise UsageError unless exactly one was chosen."""
        if bool(self.threads) + (self.run_id is not None) + self.everything + self.orphans != 1:
            raise UsageError("say what to undo: --thread ID (may be repeated), --run ID, --all, or --orphans")


def foresee(settings: Settings, options: UndoOptions) -> Result:
    """Say what `undo` would delete, from the state file alone. Raises UsageError for a choice that names nothing."""
    options.check()
    with StateReader(settings.state) as reader:
        if options.run_id is not None and reader.runs.one(options.run_id) is None:
            raise UsageError(
                f"there is no run {options.run_id} in {settings.state}; "
                f"`migrate-cli report --list{as_option(settings.state)}` has all"
            )
        rows = list(reader.threads.created(options.threads, options.run_id))
        agents = [] if options.threads else agents_to_undo(reader, options.run_id)
        stores = [] if options.threads else list(reader.maps.stores_of(options.run_id))
        target = reader.setup().get("target.base_url", "")
    _check_found(options, rows)
    counts = {"conversations": len(rows), "items": sum(int(row["items"]) for row in rows)}
    told = {"vector_stores": len(stores), "would_delete_stores": stores[:1000]} if stores else {}
    shown = [
        {"thread": row["thread_id"], "conversation": row["conversation_id"], "items": row["items"]} for row in rows
    ]
    where = "in the sandbox" if target == SANDBOX else f"at {target}"
    parts = [counted(counts["items"], "item"), counted(counts["conversations"], "conversation")] if rows else []
    parts += [counted(len(stores), "vector store")] if stores else []
    parts += [counted(len(agents), "agent")] if agents else []
    what = " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
    message = f"Would delete {what} {where}." if parts else f"There is nothing to delete {where}."
    data: JsonObject = {"message": message, **counts, **told, "agents": len(agents), "target": target}
    data |= {"would_delete": shown[:1000], "would_delete_agents": [one.name for one in agents]}
    if rows or stores or agents:
        data["next"] = f"Delete it; it asks first: migrate-cli undo{options.chosen()}{as_option(settings.state)}"
    return Result("undo", data)


def undo(settings: Settings, options: UndoOptions, *, view: ProgressView, force: bool = False) -> Result:
    """Delete. Raises MigrateError only for what stops it before any work."""
    foreseen = foresee(settings, options)
    with recorded_target(settings) as target:
        store = StateStore.open(settings.state, create=False, command="migrate-cli undo")
        try:
            run = _Undo(settings, store, target, view, options)
            return asyncio.run(run.go(foreseen.data, force=force))
        finally:
            view.close()
            store.close()


def _check_found(options: UndoOptions, rows: list[JsonObject]) -> None:
    missing = sorted(options.threads - {row["thread_id"] for row in rows})
    if missing:
        raise UsageError(f"there is nothing to undo for {', '.join(missing)}: no conversation is known for it")


class _Undo:
    """One invocation."""

    def __init__(
        self, settings: Settings, store: StateStore, target: TargetChoice, view: ProgressView, options: UndoOptions
    ) -> None:
        self._settings, self._store, self._target, self._view, self._options = settings, store, target, view, options
        self._conversations: Counter[str] = Counter()
        self._items: Counter[str] = Counter()
        self._stores: Counter[str] = Counter()
        self._problems: list[Problem] = []
        self._agents_undone = AgentsUndone(store, view, self._problems)

    async def go(self, foreseen: JsonObject, *, force: bool) -> Result:
        options = {"run": self._options.run_id, "threads": sorted(self._options.threads), MADE: made_by(self._settings)}
        run_id = self._store.runs.start_run("undo", options)
        clock, policy = WallClock(), policy_of(self._settings, self._target.endpoint.base_url)
        limiter = RateLimiter(
            most_in_flight=policy.workers,
            requests_per_minute=self._settings.load.max_requests_per_minute,
            sleep=clock.sleep,
            draining=clock.draining,
        )
        failure: MigrateError | None = None
        async with AsyncExitStack() as stack:
            # What deletes agents must be there before anything is deleted.
            agents = await stack.enter_async_context(self._agents(limiter, clock)) if foreseen["agents"] else None
            client = await stack.enter_async_context(ApiClient(self._target.endpoint, limiter, sleep=clock.sleep))
            run = UndoRun(target=ConversationsTarget(client), clock=clock, policy=policy, observer=self, force=force)
            clock.wake_on(run.drain)
            self._view.start(int(foreseen["conversations"]), "Undoing")
            interrupts = Interrupts(self._view, run.drain.set)
            with interrupts.on_loop(), StateReader(self._settings.state) as reader:
                try:
                    await run.run(self._created(reader))
                    await self._undo_stores(VectorStoresTarget(client), run, reader, force=force)
                    if agents is not None and not run.drain.is_set():
                        undoing = AgentUndoRun(
                            agents=agents, clock=clock, policy=policy, observer=self._agents_undone, drain=run.drain
                        )
                        await undoing.run(iter(agents_to_undo(reader, self._options.run_id)))
                except MigrateError as error:
                    failure = error
            result = self._result(run_id, failure, interrupted=interrupts.met)
        self._store.runs.finish_run(run_id, result.envelope())
        await self._store.durable()
        return result

    @asynccontextmanager
    async def _agents(self, limiter: RateLimiter, clock: WallClock) -> AsyncIterator[ProjectAgents]:
        project = as_project(self._target)
        async with ApiClient(project.endpoint, limiter, sleep=clock.sleep) as client:
            yield ProjectAgents(client)

    def undone(self, created: CreatedConversation, outcome: str, items: Counter[str], detail: str | None) -> None:
        """Remember what became of one conversation."""
        self._conversations[outcome] += 1
        self._items.update(items)
        if outcome in (DELETED, GONE):
            if created.abandoned:
                self._store.repairs.abandoned_gone(created.conversation_id)
            else:
                self._store.repairs.undone(created.thread_id, created.conversation_id)
        else:
            code, sentence = _WHY[outcome]
            told = f"conversation {created.conversation_id}: {sentence.format(detail=detail)}"
            self._problems.append(Problem(code, told, created.thread_id))
        self._view.thread_done("undone" if outcome in (DELETED, GONE) else "failed", sum(items.values()))

    async def _undo_stores(self, target: VectorStoresTarget, run: UndoRun, reader: StateReader, *, force: bool) -> None:
        """Delete the vector stores that were rebuilt, once the conversations are gone."""
        rows = [] if self._options.threads else list(reader.maps.stores_of(self._options.run_id))
        records = self._store.stores
        for row in rows:
            store_id, target_id = row["source_store_id"], row["target_store_id"]
            ours = {one.target_id for one in records.files(store_id).values() if one.target_id}
            outcome, detail = UNFINISHED, None
            with suppress(Draining):
                if not run.drain.is_set():
                    outcome, detail = await undo_store(target, store_id, target_id, ours, run.attempts(), force=force)
            self._stores[outcome] += 1
            if outcome in (DELETED, GONE):
                records.note(store_id, StoreRecord(StoreStatus.UNDONE, name=row["name"]))
                records.forget_files(store_id)
            else:
                code, sentence = _WHY_STORE[outcome]
                self._problems.append(Problem(code, f"vector store {target_id}: {sentence.format(detail=detail)}"))

    def _created(self, reader: StateReader) -> Iterator[CreatedConversation]:
        for row in list(reader.threads.created(self._options.threads, self._options.run_id)):
            abandoned = bool(row["abandoned"])
            ids = [] if abandoned else self._store.threads.item_ids(row["thread_id"])
            alone = abandoned or row["state"] not in _HANDED_OUT
            yield CreatedConversation(row["thread_id"], row["conversation_id"], frozenset(ids), alone, abandoned)

    def _result(self, run_id: str, failure: MigrateError | None, *, interrupted: bool) -> Result:
        problems = self._problems
        if failure is not None:
            problems = [Problem(failure.code, str(failure)), *problems]
        done = self._conversations[DELETED] + self._conversations[GONE]
        left = sum(self._conversations.values()) - done + self._agents_undone.left
        left += sum(count for outcome, count in self._stores.items() if outcome not in (DELETED, GONE))
        data: JsonObject = {
            "message": self._message(done),
            "agents": self._agents_undone.counts(),
            "conversations": {name: self._conversations[name] for name in (DELETED, GONE, KEPT, REFUSED, UNFINISHED)},
            "items": {name: self._items[name] for name in (DELETED, GONE)},
            **({"vector_stores": dict(sorted(self._stores.items()))} if self._stores else {}),
            "target": self._target.endpoint.base_url,
        }
        code = ExitCode.PARTIAL if left else ExitCode.OK
        if interrupted:
            code = ExitCode.INTERRUPTED
        if left or interrupted or failure is not None:
            data["next"] = ["Once that is settled, resume: run the same command again"]
        return Result("undo", data, failure.exit_code if failure else code, run_id, problems)

    def _message(self, done: int) -> str:
        """What was undone; of a run that met no conversation, only what it met."""
        stores = self._stores[DELETED] + self._stores[GONE]
        undone = f"{counted(stores, 'vector store')} {'is' if stores == 1 else 'are'} undone." if self._stores else ""
        others = " ".join(filter(None, [undone, self._agents_undone.told]))
        if not self._conversations and others:
            return others
        conversations = (
            f"{counted(done, 'conversation')} {'is' if done == 1 else 'are'} undone: "
            f"{counted(self._items[DELETED], 'item')} {'was' if self._items[DELETED] == 1 else 'were'} deleted, "
            f"{self._items[GONE]:,} gone already."
        )
        return " ".join(filter(None, [conversations, others]))
