"""What runs the shards: threads that each watch a process on this machine, or a cluster.

An engine starts each task once and reports what happens as events. It must not decide which shards there are, what they
share, or what comes of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from migrate_cli.model import JsonObject
from migrate_cli.shards.process import StopRequest, run_shard
from migrate_cli.shards.task import ShardEnd, ShardTask

Event = tuple[int, JsonObject] | ShardEnd
"""A line that a shard told, or its end."""
Put = Callable[[Event], None]


class Engine(Protocol):
    """Runs shards. `put` may be called from any thread."""

    name: str
    at_once: int
    """How many shards run at one time; they share the limits."""
    shards: int
    """Into how many shards the threads are divided."""
    local: bool
    """Whether the shards run on this machine, with its environment."""

    def start(self, tasks: Sequence[ShardTask], put: Put) -> None:
        """Begin to run the tasks, and return; each ends with a `ShardEnd`."""

    def stop(self, level: int) -> None:
        """Ask all shards to drain (1) or to stop at once (2)."""

    def environment(self) -> dict[str, str]:
        """Return the variables of this machine that shards must be given, because they run elsewhere."""

    def close(self) -> None:
        """Let go of what the engine holds."""


class Processes:
    """One process for each shard, on this machine."""

    name = "processes"
    local = True

    def __init__(self, processes: int) -> None:
        self.at_once = self.shards = processes
        self._stop = StopRequest()

    def start(self, tasks: Sequence[ShardTask], put: Put) -> None:
        """Start all of them."""
        for task in tasks:
            threading.Thread(target=self._run, args=(task, put), daemon=True).start()

    def stop(self, level: int) -> None:
        """Pass it on as SIGTERM."""
        self._stop.ask(level)

    def environment(self) -> dict[str, str]:
        """Nothing: they inherit all of them."""
        return {}

    def close(self) -> None:
        """There is nothing to close."""

    def _run(self, task: ShardTask, put: Put) -> None:
        try:
            end = run_shard(task, lambda line: put((task.index, line)), self._stop)
        except Exception as error:
            end = ShardEnd(task.index, None, problem=f"shard {task} could not be run: {error}")
        put(end)
