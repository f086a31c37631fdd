"""Runs one shard to its end: starts its process, passes on what it says, and restarts it if it is killed.

The same function serves the threads of one machine and the tasks of a cluster. It must not know any engine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from migrate_cli.errors import ExitCode
from migrate_cli.model import JsonObject
from migrate_cli.shards.task import ShardEnd, ShardTask

RESTARTS = 3
"""How often the process of one shard is started again after it was killed."""
LOCK_PATIENCE = 180.0
"""Seconds to wait for a process of the same shard that outlived its parent: it drains within the request timeout."""
_LOCK_PAUSE = 1.0
_POLL = 0.5
_NOISE = ("Nothing is lost.", "migrate-cli: stopped at once")
"""What a command line says about running itself again; the parent says it once for all shards."""

Told = Callable[[JsonObject], None]
"""Takes a progress line of `--progress json`, or `{"type": "stderr", "text"}` for any other line."""


class StopRequest:
    """Whether, and how often, the shards were asked to stop; passes that on to their processes. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant: a signal handler may interrupt the thread that holds it
        self._running: set[subprocess.Popen[str]] = set()
        self.level = 0
        """0: go on; 1: drain; 2: stop at once."""

    def ask(self, level: int | None = None) -> None:
        """Ask once more, or as often as `level` says."""
        with self._lock:
            wanted = self.level + 1 if level is None else level
            while self.level < min(wanted, 2):
                self.level += 1
                for process in self._running:
                    _signal(process)

    def add(self, process: subprocess.Popen[str]) -> None:
        """Let a process that has just started know too."""
        with self._lock:
            self._running.add(process)
            for _ in range(self.level):
                _signal(process)

    def remove(self, process: subprocess.Popen[str]) -> None:
        """Forget a process that has ended."""
        with self._lock:
            self._running.discard(process)


def run_shard(task: ShardTask, told: Told, stop: StopRequest) -> ShardEnd:
    """Run a shard until it ends by itself, is stopped, or was killed more often than `RESTARTS`.

    Each process goes on from the shard's state file, so nothing is loaded twice. Never raises for what the shard meets.
    """
    attempts, patience = 0, time.monotonic() + LOCK_PATIENCE
    while True:
        attempts += 1
        code, envelope = _attempt(task, told, stop)
        if envelope is not None and not (_locked(envelope) and time.monotonic() < patience and not stop.level):
            return ShardEnd(task.index, envelope, attempts=attempts)
        if envelope is not None:
            attempts -= 1
            time.sleep(_LOCK_PAUSE)
        elif stop.level:
            return ShardEnd(task.index, _stopped(task), attempts=attempts)
        elif attempts > RESTARTS:
            problem = (
                f"shard {task} was killed {attempts} times ({_cause(code)}); it can be resumed; see its last log lines"
            )
            return ShardEnd(task.index, None, attempts=attempts, problem=problem)
        else:
            told({"type": "note", "text": f"its process was killed ({_cause(code)}) and is started again"})


def _attempt(task: ShardTask, told: Told, stop: StopRequest) -> tuple[int, JsonObject | None]:
    """Run one process; return its code, and the envelope that it printed if it came to that."""
    process = subprocess.Popen(
        [sys.executable, "-m", "migrate_cli.cli.shard_child", *task.arguments],
        cwd=task.folder,
        env=_environment(task),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        # In the same session, Ctrl-C at a terminal would reach it twice: from there, and from its parent.
        start_new_session=True,
    )
    stop.add(process)
    out: list[str] = []
    ended = threading.Event()
    reader = threading.Thread(target=lambda: out.append(process.stdout.read() if process.stdout else ""), daemon=True)
    reader.start()
    if task.stop_file is not None:
        threading.Thread(target=_watch_file, args=(task.stop_file, stop, ended), daemon=True).start()
    try:
        for line in process.stderr or ():
            _tell(line, told)
        reader.join()
        code = process.wait()
    finally:
        ended.set()
        stop.remove(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    return code, _envelope("".join(out))


def _environment(task: ShardTask) -> dict[str, str]:
    # Only the parent writes the summary of a CI job, once for all shards.
    return {name: text for name, text in os.environ.items() if name != "GITHUB_STEP_SUMMARY"} | task.environment


def _tell(line: str, told: Told) -> None:
    text = line.strip()
    if text.startswith("{"):
        with suppress(ValueError):
            told(json.loads(text))
            return
    if text and not text.startswith(_NOISE):
        told({"type": "stderr", "text": text})


def _envelope(text: str) -> JsonObject | None:
    try:
        found: Any = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "exit_code" in found else None


def _locked(envelope: JsonObject) -> bool:
    return any(error.get("code") == "state-locked" for error in envelope.get("errors", ()))


def _stopped(task: ShardTask) -> JsonObject:
    """What stands for the envelope of a process that was told to stop at once."""
    return {"command": "apply", "exit_code": int(ExitCode.INTERRUPTED), "data": {}, "errors": [], "shard": str(task)}


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code} without a result"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _signal(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        process.terminate()


def _watch_file(name: str, stop: StopRequest, ended: threading.Event) -> None:
    while not ended.wait(_POLL):
        with suppress(OSError):
            stop.ask(os.stat(name).st_size)  # noqa: PTH116 - a name that may not be there, many times over
