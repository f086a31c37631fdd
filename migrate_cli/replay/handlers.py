"""The parent's side of the process in which handlers run: it is started once, kept warm, and ended when it must be.

All handlers of a replay share one process, so that a module's state is one, as in any program. A call that outlasts
its time, and cannot be cancelled, takes the process with it: calls that are still under way there end first, and the
next call has a new process. `handler_process.py` is the other side. This module must not know suites or tools.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from migrate_cli.errors import UsageError
from migrate_cli.model import JsonObject
from migrate_cli.replay.handler_process import STUCK, as_frame, read_frame

IMPORT_PATIENCE = 60.0
"""Seconds that importing a handler's module may take."""
CANCEL_PATIENCE = 0.5
"""Seconds that an async handler has to end once it is cancelled; a process that says nothing is ended then, too."""
LEAVE_PATIENCE = 1.0
"""Seconds that the process has to end in good order once nothing runs in it any more."""

# The child finds the program as this process did, however that was started: from a wheel, a checkout, or an archive.
_START = (
    "import json, pathlib, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from migrate_cli.replay.handler_process import main; main(pathlib.Path(sys.argv[2]))"
)


class HandlerFailed(Exception):
    """A handler raised; `kind` is the name of its exception."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class HandlerProcessEnded(HandlerFailed):
    """The process ended while a handler ran: it crashed, exited at once, or was killed."""

    def __init__(self, how: str) -> None:
        super().__init__("process_ended", f"the process of the handlers {how} while this one ran")


class HandlerProcesses:
    """Runs the handlers of one replay. Close it: whatever handlers started ends with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._current: _Process | None = None
        self._all: list[_Process] = []

    def __enter__(self) -> HandlerProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check(self, places: Iterable[str]) -> None:
        """Import what is at each place. Raises UsageError where there is no function, or importing takes too long."""
        for place in dict.fromkeys(places):
            try:
                self._process().ask("resolve", place=place).result(IMPORT_PATIENCE)
            except HandlerProcessEnded as error:
                raise UsageError(f"the handler {place} cannot be used: importing it ended its process") from error
            except HandlerFailed as error:
                raise UsageError(str(error)) from None
            except TimeoutError:
                raise UsageError(
                    f"the handler {place} cannot be used: importing it takes more than {IMPORT_PATIENCE:g} s"
                ) from None

    async def ready(self, place: str) -> HandlerCall:
        """Return what calls the handler, once its module is imported. Raises HandlerFailed where that fails."""
        try:
            return await self._ready(place)
        except HandlerProcessEnded:  # perhaps on account of another handler, so it is tried once more
            return await self._ready(place)

    async def _ready(self, place: str) -> HandlerCall:
        process = self._process()
        answer = process.ask("resolve", place=place)
        try:
            async with asyncio.timeout(IMPORT_PATIENCE):
                await asyncio.wrap_future(answer)
        except TimeoutError:
            self._give_up(process, answer)
            message = f"importing the module of {place} took more than {IMPORT_PATIENCE:g} s"
            raise HandlerFailed("import_timeout", message) from None
        except asyncio.CancelledError:
            self._give_up(process, answer)
            raise
        return HandlerCall(self, process, place)

    async def run(self, process: _Process, place: str, arguments: JsonObject | str, most_bytes: int) -> str:
        """Run one call in a process. Cancelling this ends the call, with the process if need be."""
        answer = process.ask("call", place=place, arguments=arguments, most_bytes=most_bytes)
        waiting = asyncio.wrap_future(answer)
        try:
            await asyncio.wait([waiting])
        except asyncio.CancelledError:
            try:
                process.cancel(answer)
                await asyncio.wait([waiting], timeout=CANCEL_PATIENCE)
            finally:
                if not _ended(waiting):
                    self._give_up(process, answer)
                    waiting.cancel()
            raise
        return waiting.result()

    def close(self) -> None:
        """End all processes: in good order where nothing runs any more, else at once."""
        for process in self._all:
            process.leave()
        self._all, self._current = [], None

    def kill(self) -> None:
        """End all processes at once, and wait for nothing."""
        for process in self._all:
            process.kill()

    def _process(self) -> _Process:
        if self._current is None or not self._current.usable:
            self._all = [each for each in self._all if not each.ended]
            try:
                self._current = _Process(self._folder)
            except OSError as error:
                told = f"the process of the handlers cannot be started: {error.strerror or error}"
                raise HandlerFailed("process_not_started", told) from error
            self._all.append(self._current)
        return self._current

    def _give_up(self, process: _Process, answer: Future[str]) -> None:
        """Nothing new runs in this process; it is ended once its other calls, which have their limits, are over."""
        if self._current is process:
            self._current = None
        process.retire(answer)


class HandlerCall:
    """One handler, imported in the process where the call will run."""

    def __init__(self, processes: HandlerProcesses, process: _Process, place: str) -> None:
        self._processes, self._process, self._place = processes, process, place

    async def run(self, arguments: JsonObject | str, most_bytes: int) -> str:
        """Run it with these arguments, or this text; return its output as it is sent. Raises HandlerFailed."""
        return await self._processes.run(self._process, self._place, arguments, most_bytes)


class _Process:
    """One process, and what was asked of it that it has not answered. Its own threads write, read and reap."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps([str(path) for path in sys.path]), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # In the same session, Ctrl-C at a terminal would reach it too; and as a group it ends with all it started.
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._open: dict[int, Future[str]] = {}
        self._asked = 0
        self._how: str | None = None
        """How it ended, once it has."""
        self._retired = self._reaped = False
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._write, args=(self._process.stdin,), name="handlers-write", daemon=True).start()
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name="handlers-read", daemon=True
        )
        self._reader.start()

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._how is not None

    @property
    def usable(self) -> bool:
        """Whether new calls may run in it."""
        return not (self.ended or self._retired)

    def ask(self, what: str, **more: object) -> Future[str]:
        """Ask for something; the answer arrives by itself, if only as the news that the process has ended."""
        answer: Future[str] = Future()
        with self._lock:
            if self._how is not None:
                answer.set_exception(HandlerProcessEnded(self._how))
                return answer
            self._asked += 1
            self._open[self._asked] = answer
            self._outgoing.put(as_frame({"do": what, "id": self._asked, **more}))
        return answer

    def cancel(self, answer: Future[str]) -> None:
        """Ask it to cancel a call."""
        with self._lock:
            for number, each in self._open.items():
                if each is answer:
                    self._outgoing.put(as_frame({"do": "cancel", "id": number}))

    def retire(self, answer: Future[str]) -> None:
        """Wait for this answer no longer, and end the process as soon as no other is awaited."""
        with self._lock:
            self._retired = True
            self._open = {number: each for number, each in self._open.items() if each is not answer}
            over = not self._open
        if over:
            self.kill()

    def leave(self) -> None:
        """End it and wait until it is gone."""
        with self._lock:
            idle = not (self._open or self._retired or self.ended)
            if idle:
                self._outgoing.put(as_frame({"do": "leave"}))
        if idle:
            self._reader.join(LEAVE_PATIENCE)
        self.kill()
        self._reader.join(LEAVE_PATIENCE)

    def kill(self) -> None:
        """End it at once, with all that it started. Its reader reaps it."""
        with self._lock:
            # Until it is reaped, which only the reader does, its number is no other process's.
            if not self._reaped:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _write(self, pipe: IO[bytes]) -> None:
        with suppress(OSError), pipe:
            while (frame := self._outgoing.get()) is not None:
                pipe.write(frame)
                pipe.flush()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while (told := read_frame(pipe)) is not None:
                self._answer(told)
        self._outgoing.put(None)
        self.kill()
        self._reaped = True
        how = _how(self._process.wait())
        with self._lock:
            self._how = how
            left, self._open = list(self._open.values()), {}
        for answer in left:
            _set(answer, HandlerProcessEnded(how))

    def _answer(self, told: JsonObject) -> None:
        with self._lock:
            answer = self._open.pop(int(told["id"]), None)
            over = self._retired and not self._open
        if answer is not None:
            _set(answer, HandlerFailed(told["kind"], told["message"]) if "kind" in told else str(told["output"]))
        if over:
            self.kill()


def _ended(waiting: asyncio.Future[str]) -> bool:
    """Whether a call has finished; of one that cannot be cancelled, the process says so itself."""
    if not waiting.done() or waiting.cancelled():
        return False
    error = waiting.exception()
    return not (isinstance(error, HandlerFailed) and error.kind == STUCK)


def _set(answer: Future[str], value: str | HandlerFailed) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    if isinstance(value, str):
        answer.set_result(value)
    else:
        answer.set_exception(value)


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
