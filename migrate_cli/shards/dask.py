"""Shards on a Dask cluster: each is a task, and the scheduler runs a task whose worker dies again on another one.

A task starts the shard's process on the worker's machine and waits for it. The state file is on a shared disk, so the
next attempt resumes where the last was killed. A command line and settings travel through the scheduler,
but never a key: each worker takes keys from its own environment.
"""

from __future__ import annotations

import importlib.util
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate_cli.errors import TemporaryError, UsageError
from migrate_cli.model import JsonObject
from migrate_cli.shards.engine import Put
from migrate_cli.shards.process import StopRequest, run_shard
from migrate_cli.shards.task import ShardEnd, ShardTask

if TYPE_CHECKING:
    from distributed import Client, Future

SHARDS_PER_SLOT = 4
"""More shards than run at once: a retry repeats little, and no worker waits long for the last shard."""
RETRIES = 3
"""Of tasks that fail in themselves; how many dead workers a task outlives is the scheduler's `allowed-failures`."""
_PATIENCE = 10
"""Seconds to find the scheduler."""
BEGUN = "begun"
"""The type of the line that a task tells first."""
_FORWARDED = ("OPENAI_BASE_URL", "SOURCE_BASE_URL")
"""Variables of settings that do not begin with `MIGRATE_`."""


def connect(scheduler: str | None, at_once: int | None) -> DaskEngine:
    """Connect to a scheduler. Raises UsageError without the extra or an address, TemporaryError where none answers."""
    if importlib.util.find_spec("distributed") is None:
        raise UsageError("--engine dask needs the Dask package: pip install distributed")
    if scheduler is None:
        raise UsageError("--engine dask needs the address of its scheduler: --scheduler tcp://HOST:8786")
    from distributed import Client  # noqa: PLC0415 - an extra, and slow to import

    try:
        client = Client(scheduler, timeout=_PATIENCE, set_as_default=False, name="migrate-cli")
    except ValueError as error:
        raise UsageError(
            f"--scheduler {scheduler} is not an address of a Dask scheduler, such as tcp://HOST:8786"
        ) from error
    except OSError as error:
        raise TemporaryError(f"no Dask scheduler answers at {scheduler} ({error}); check --scheduler") from error
    slots = sum(client.nthreads().values())
    if not slots:
        client.close()
        raise TemporaryError(f"the Dask scheduler at {scheduler} has no workers yet; start some, then run again")
    return DaskEngine(client, min(slots, at_once or slots))


class DaskEngine:
    """A cluster. Never more than `at_once` tasks are there, however the cluster grows: the limits are divided so."""

    name = "dask"
    local = False

    def __init__(self, client: Client, at_once: int) -> None:
        self._client = client
        self.at_once = at_once
        self.shards = SHARDS_PER_SLOT * at_once
        self._topic = f"migrate-cli-{uuid.uuid4().hex[:12]}"
        self._stop_file: str | None = None
        self._stopping = False
        self._begun: Counter[int] = Counter()

    def start(self, tasks: Sequence[ShardTask], put: Put) -> None:
        """Submit the first, and the others as those end."""
        self._stop_file = tasks[0].stop_file
        self._client.subscribe_topic(self._topic, lambda event: self._pass_on(event[1], put))
        threading.Thread(target=self._feed, args=(iter(tasks), put), daemon=True).start()

    def stop(self, level: int) -> None:
        """Tell the tasks by a file that all of them watch; tasks that have not begun are ended without."""
        self._stopping = True
        if self._stop_file is not None:
            Path(self._stop_file).write_bytes(b"!" * level)

    def environment(self) -> dict[str, str]:
        """The variables of settings here; keys are not among them."""
        return {name: text for name, text in os.environ.items() if name.startswith("MIGRATE_") or name in _FORWARDED}

    def close(self) -> None:
        """Leave the cluster as it is."""
        self._client.close()

    def _feed(self, waiting: Iterator[ShardTask], put: Put) -> None:
        from distributed import as_completed  # noqa: PLC0415 - an extra

        began, zero = {}, time.monotonic()
        running: Any = as_completed(loop=self._client.loop)
        indexes: dict[str, int] = {}

        def submit() -> None:
            for task in waiting:
                if self._stopping:
                    put(ShardEnd(task.index, _never_begun(), attempts=0))
                    continue
                began[task.index] = time.monotonic() - zero
                future = self._client.submit(
                    shard_task, task, self._topic, key=f"{self._topic}-{task.index}", retries=RETRIES, pure=False
                )
                indexes[future.key] = task.index
                running.add(future)
                return

        for _ in range(self.at_once):
            submit()
        for future in running:
            index = indexes[future.key]
            end = _end_of(future, index, began[index])
            # Or the scheduler would run a shard again that is done, when the worker dies that keeps its result.
            future.release()
            put(replace(end, attempts=end.attempts + max(self._begun[index] - 1, 0)))
            submit()

    def _pass_on(self, told: Any, put: Put) -> None:
        """Take one event of the topic: a line that a shard told, or that its task has begun."""
        index, line = told["shard"], told["line"]
        if line.get("type") != BEGUN:
            put((index, line))
            return
        self._begun[index] += 1
        if self._begun[index] > 1:
            put((index, {"type": "note", "text": "its worker was lost, and another takes over"}))


def shard_task(task: ShardTask, topic: str) -> ShardEnd:
    """Run on a worker: one shard to its end. What it tells goes to the submitter as events of the topic."""
    from distributed import get_worker  # noqa: PLC0415 - an extra

    worker = get_worker()

    def tell(line: JsonObject) -> None:
        worker.log_event(topic, {"shard": task.index, "line": line})

    tell({"type": BEGUN})
    return run_shard(task, tell, StopRequest())


def _end_of(future: Future, index: int, began: float) -> ShardEnd:
    error = future.exception()
    if error is not None:
        return ShardEnd(
            index, None, began, problem=f"shard {index} was given up by Dask: {type(error).__name__}: {error}"
        )
    end: ShardEnd = future.result()
    return ShardEnd(index, end.envelope, began, end.attempts, end.problem)


def _never_begun() -> JsonObject:
    return {"command": "apply", "exit_code": 130, "data": {}, "errors": []}
