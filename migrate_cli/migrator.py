"""Migration on demand: creates the conversation of one thread at the moment when an application needs it.

The same state file, loader and promises as the command `apply`. What is known is answered from the state file without
its lock. The rest is queued, each thread once; a Python thread takes what has queued up, waits for the lock that
only one process holds at a time, checks again whether another process was quicker, and loads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from migrate_cli.errors import (
    AuthError,
    ExitCode,
    MigrateError,
    SetupMismatch,
    StateError,
    StateLocked,
    TemporaryError,
    UsageError,
)
from migrate_cli.model import (
    CONVERSATION_GONE,
    UNKNOWN_THREAD,
    JsonObject,
    Problem,
    Result,
    ThreadState,
)
from migrate_cli.settings.model import Settings, load_settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.reader import StateReader
from migrate_cli.state.rehearsal import SANDBOX, of_rehearsal
from migrate_cli.state.setup import LOADS_ALL
from migrate_cli.state.store import StateStore

_log = logging.getLogger(__name__)

AT_ONCE = 50
"""Threads that are loaded under one lock; then other processes have their turn."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
_DONE = frozenset({ThreadState.LOADED, ThreadState.VERIFIED, ThreadState.DIFFERS})
_NOT_THERE = frozenset({"thread-gone", "thread-id-wrong"})
"""Codes of threads that a host does not have, and of ids that no thread can have."""
_NEW = "conv_"
"""How ids of conversations begin."""


class ThreadError(MigrateError):
    """One thread has no conversation to use; `thread_id` names it, `code` says why."""

    exit_code = ExitCode.PARTIAL
    code = "thread"

    def __init__(self, message: str, thread_id: str, *, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.thread_id = thread_id


class ThreadNotFound(ThreadError):
    """The source has no such thread."""

    code = "thread-not-found"


class ThreadSkipped(ThreadError):
    """There is nothing to migrate (the thread is empty), or a person set the thread aside: begin a new conversation."""

    code = "thread-skipped"


class ThreadFailed(ThreadError):
    """The thread cannot be read or was refused; `migrate-cli apply --retry-failed` tries it again."""

    code = "thread-failed"


class ThreadInDoubt(ThreadError):
    """Something is in the conversation that was not sent; `migrate-cli resolve` settles it."""

    code = "thread-in-doubt"


class Migrator:
    """Answers conversation ids for thread ids, migrating what has not been migrated yet.

    Made with settings that are at hand, the path of a settings file, or none for what the command would take
    (`migration.yaml`, environment); `values` are settings by section, such as `target={"project": …}`. `source` is a
    section too, or a `Source` that the application has made. `patience` is how many seconds to wait for another
    process that is writing the state file. All methods may be called from any thread and by many at once.
    """

    def __init__(
        self,
        settings: Settings | Path | str | None = None,
        *,
        source: Source | Mapping[str, Any] | None = None,
        sandbox: bool = False,
        retry_failed: bool = False,
        patience: float = 60.0,
        **values: Any,
    ) -> None:
        if isinstance(source, Mapping):
            values["source"] = dict(source)
        self._settings = _settings_of(settings, values)
        if sandbox and not self._settings.where("state").startswith("option"):
            self._settings = self._settings.model_copy(update={"state": of_rehearsal(self._settings.state)})
        self._source = source if isinstance(source, Source) else None
        self._sandbox = sandbox
        self._retry_failed, self._patience = retry_failed, patience
        self._recognised = False
        """Whether the source was seen to be the one of the state file."""
        self._closing = ExitStack()
        self._change = threading.Lock()
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ensure(self, thread_id: str) -> str:
        """Return the thread's conversation id; blocks while the thread is migrated, once for all who ask.

        The id of a conversation (`conv_…`) is returned as it is, unless the state file has a thread of that id: an
        application can ask for whatever id it has stored.
        Raises ThreadNotFound, ThreadSkipped, ThreadFailed or ThreadInDoubt for this thread; UsageError, AuthError,
        TemporaryError or StateError for what concerns all threads.
        """
        known = self._glance(thread_id)
        return known if known is not None else self._queued(thread_id).result()

    async def ensure_async(self, thread_id: str) -> str:
        """The same without blocking the event loop. Being cancelled does not end the migration of the thread."""
        known = await asyncio.to_thread(self._glance, thread_id)
        if known is not None:
            return known
        future = self._queued(thread_id)
        loop = asyncio.get_running_loop()
        told = asyncio.Event()

        def tell(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(told.set)

        future.add_done_callback(tell)
        await told.wait()
        return future.result()

    def lookup(self, thread_id: str) -> str | None:
        """Return the conversation id if the thread has been migrated, else None. Reads the state file only.

        The id of a conversation is returned as it is.

        Raises ThreadFailed or ThreadInDoubt where an earlier run ended so, SetupMismatch for another target's file.
        """
        new = thread_id if thread_id.startswith(_NEW) else None
        if not self._settings.state.is_file():
            return new
        with StateReader(self._settings.state) as reader:
            row = reader.threads.one(thread_id)
            if row is not None:
                self._check_target(reader)
        return new if row is None else _answer(row, retry_failed=self._retry_failed)

    def _glance(self, thread_id: str) -> str | None:
        """The same as `lookup`; a file that cannot be read (it may be in the making) is for the migration to judge."""
        try:
            return self.lookup(thread_id)
        except SetupMismatch:
            raise
        except StateError:
            return None

    def close(self) -> None:
        """Wait for what is under way, then let everything go."""
        with self._change:
            self._closed = True
            worker = self._worker
        if worker is not None:
            worker.join()
        self._closing.close()

    # ---- the queue

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._closed = False
        self._futures: dict[str, Future[str]] = {}
        self._waiting: list[str] = []
        self._worker: threading.Thread | None = None

    def _queued(self, thread_id: str) -> Future[str]:
        """Return the one future of this thread id, queueing it if nobody else has."""
        with self._change:
            if self._pid != os.getpid():
                self._begin()  # a forked process has none of its parent's threads
            if self._closed:
                raise UsageError("this Migrator is closed; make another")
            future = self._futures.get(thread_id)
            if future is None:
                future = self._futures[thread_id] = Future()
                self._waiting.append(thread_id)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="migrate-cli")
                self._worker.start()
            return future

    def _work(self) -> None:
        """Serve the queue until it is empty."""
        while True:
            with self._change:
                batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                if not batch:
                    self._worker = None
                    return
            try:
                self._migrate(batch)
            except BaseException as error:  # whoever waits must hear of it, whatever it is
                self._settle(batch, error)

    def _settle(self, thread_ids: Iterable[str], error: BaseException) -> None:
        for thread_id in thread_ids:
            self._resolve(thread_id, error)

    def _resolve(self, thread_id: str, answer: str | BaseException) -> None:
        with self._change:
            future = self._futures.pop(thread_id, None)
        if future is None:
            return
        if isinstance(answer, str):
            future.set_result(answer)
        else:
            future.set_exception(answer)

    # ---- the migration

    def _migrate(self, batch: list[str]) -> None:
        """Load these threads under one lock and resolve their futures; raises what concerns all of them."""
        from migrate_cli.commands.context import open_configured, setup_of  # noqa: PLC0415 - only to migrate
        from migrate_cli.commands.recognise import recognised  # noqa: PLC0415

        if self._source is None:
            self._source = open_configured(self._settings)
        store = self._opened(batch)
        if store is None:
            return
        try:
            setup = setup_of(self._settings, self._source, sandbox=self._sandbox)
            if self._recognised:
                store.runs.check_setup(setup)
            else:
                store.runs.check_setup(setup, recognised(self._settings, self._source, store))
                self._recognised = True
            left = self._without_known(batch)
            result = self._applied(left, self._source, store) if left else None
        finally:
            store.close()
        if result is not None:
            self._answer_all(left, result)

    def _applied(self, thread_ids: list[str], source: Source, store: StateStore) -> Result:
        from migrate_cli.commands.apply import ApplyOptions, ApplyRun  # noqa: PLC0415 - only where something is migrated
        from migrate_cli.commands.context import target_of  # noqa: PLC0415
        from migrate_cli.report.progress import progress_view  # noqa: PLC0415

        options = ApplyOptions(Selection(frozenset(thread_ids)), retry_failed=self._retry_failed, command="ensure")
        view = progress_view("none", False, True)
        with target_of(self._settings, sandbox=self._sandbox) as target:
            return asyncio.run(ApplyRun(self._settings, source, store, target, view, options).go())

    def _opened(self, batch: list[str]) -> StateStore | None:
        """Open the state file, waiting for its lock; None when other processes have migrated all of it meanwhile."""
        deadline, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        while True:
            try:
                return StateStore.open(self._settings.state, command="an application (migrate_cli.Migrator)")
            except StateLocked:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)
            batch[:] = self._without_known(batch)
            if not batch:
                return None

    def _without_known(self, batch: list[str]) -> list[str]:
        """Resolve what another process has settled meanwhile; return the rest."""
        left = []
        for thread_id in batch:
            try:
                known = self._glance(thread_id)
            except ThreadError as error:
                self._resolve(thread_id, error)
                continue
            if known is None:
                left.append(thread_id)
            else:
                self._resolve(thread_id, known)
        return left

    def _answer_all(self, thread_ids: list[str], result: Result) -> None:
        failure = _failure_of(result)
        problems = {problem.thread_id: problem for problem in result.errors if problem.thread_id}
        with StateReader(self._settings.state) as reader:
            rows = {thread_id: reader.threads.one(thread_id) for thread_id in thread_ids}
        for thread_id in thread_ids:
            self._resolve(thread_id, _outcome(thread_id, rows[thread_id], problems.get(thread_id), failure))

    def _check_target(self, reader: StateReader) -> None:
        """Refuse ids that belong to another target. Raises SetupMismatch."""
        recorded = reader.setup().get("target.base_url")
        ours = SANDBOX if self._sandbox else self._settings.target.base_url
        if recorded is not None and recorded != ours:
            raise SetupMismatch(
                f"The state file {self._settings.state} belongs to another setup: target.base_url was {recorded} and "
                f"is now {ours}. Put the old value back; {LOADS_ALL}."
            )


def _settings_of(settings: Settings | Path | str | None, values: Mapping[str, Any]) -> Settings:
    if isinstance(settings, Settings):
        if values:
            raise UsageError("give either a Settings object or settings by name, not both")
        return settings
    loaded = load_settings(None if settings is None else Path(settings), values)
    for sentence in loaded.told:
        _log.warning("%s", sentence)
    return loaded


def _answer(row: JsonObject, *, retry_failed: bool) -> str | None:
    """What the state file's row of a thread answers; None where it is to be migrated. Raises ThreadError."""
    state = ThreadState(row["state"])
    if _is_gone(row):
        raise _error_of(row)
    if state in _DONE:
        return str(row["conversation_id"])
    if state is ThreadState.IN_DOUBT or (state is ThreadState.FAILED and not retry_failed):
        raise _error_of(row)
    return None


def _outcome(
    thread_id: str, row: JsonObject | None, problem: Problem | None, failure: MigrateError | None
) -> str | MigrateError:
    """How a thread ended that was just tried."""
    stopped = (ThreadState.FAILED, ThreadState.IN_DOUBT, ThreadState.SKIPPED)
    if row is not None and (_is_gone(row) or row["state"] in stopped):
        return _error_of(row)
    if row is not None and row["state"] in _DONE:
        return str(row["conversation_id"])
    if problem is not None and problem.code != UNKNOWN_THREAD:
        told = f"{thread_id}: {problem.message}"
        absent = problem.code in _NOT_THERE
        return ThreadNotFound(told, thread_id) if absent else ThreadFailed(told, thread_id, code=problem.code)
    if failure is not None:
        return failure
    if row is None:
        return ThreadNotFound(f"The source has no thread {thread_id}.", thread_id)
    return TemporaryError(f"The migration of {thread_id} was interrupted; ask again to resume it.")


def _is_gone(row: JsonObject) -> bool:
    """Whether `verify` found that the target no longer has the conversation."""
    return bool(row["state"] == ThreadState.DIFFERS and row["code"] == CONVERSATION_GONE)


def _error_of(row: JsonObject) -> ThreadError:
    thread_id, why = str(row["thread_id"]), row["detail"] or row["code"] or "no reason was noted"
    settle = f"migrate-cli resolve {shlex.quote(thread_id)}"
    if row["state"] == ThreadState.IN_DOUBT:
        return ThreadInDoubt(f"{thread_id} is in doubt: {why}; settle it with `{settle}`.", thread_id)
    if row["state"] == ThreadState.SKIPPED:
        return ThreadSkipped(f"{thread_id} has nothing to migrate ({why}).", thread_id, code=row["code"])
    if _is_gone(row):
        told = f"{thread_id} was migrated, but {why}; `{settle} --restart` lets it be loaded again."
        return ThreadFailed(told, thread_id, code=row["code"])
    return ThreadFailed(f"{thread_id} could not be migrated: {why}.", thread_id, code=row["code"])


def _failure_of(result: Result) -> MigrateError | None:
    """What ended the run as a whole, as an error again."""
    kinds: dict[int, type[MigrateError]] = {
        ExitCode.TEMPORARY: TemporaryError,
        ExitCode.AUTH: AuthError,
        ExitCode.USAGE: UsageError,
    }
    whole = next((problem for problem in result.errors if problem.thread_id is None), None)
    if whole is None or result.exit_code not in kinds:
        return None
    return kinds[result.exit_code](whole.message, code=whole.code)
