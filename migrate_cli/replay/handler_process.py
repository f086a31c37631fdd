"""The process in which the handlers of a suite run, so that one that never returns can be ended with it.

It imports each module once, runs sync handlers in threads and async ones in its loop, and answers over the pipe that
was its stdout; what handlers print goes to stderr. It must not know suites, cases or the target: `handlers.py`, its
parent, asks it. However the parent ends, the pipe closes, and this process ends with all that it started.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

from migrate_cli.errors import UsageError
from migrate_cli.model import JsonObject
from migrate_cli.replay.tool_output import as_output

Handler = Callable[..., Any]

STUCK = "stuck"
"""The answer where a call was to be cancelled and cannot be."""
_LENGTH = struct.Struct(">I")
_PARENT_DEATH = 1
"""Linux: PR_SET_PDEATHSIG."""


def read_frame(stream: IO[bytes]) -> JsonObject | None:
    """Return the next message of the other side, or None where it has closed the pipe."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    body = stream.read(size)
    found: JsonObject | None = json.loads(body) if len(body) == size else None
    return found


def as_frame(message: JsonObject) -> bytes:
    """Return a message as it goes over the pipe."""
    body = json.dumps(message).encode()
    return _LENGTH.pack(len(body)) + body


def resolve(place: str, folder: Path) -> Handler:
    """Return the function at `package.module:function`; modules in the suite's folder are found too.

    Raises UsageError when there is none.
    """
    module_name, _, name = place.partition(":")
    for path in (str(Path.cwd()), str(folder.resolve())):
        if path not in sys.path:
            sys.path.insert(0, path)
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except BaseException as error:  # importing runs the user's code, which may raise anything, or exit
        raise UsageError(f"the handler {place} cannot be used: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise UsageError(f"the handler {place} is not a function")
    return found  # type: ignore[no-any-return]  # callable() says so


class HandlerServer:
    """Answers the parent until it says `leave`. `incoming` and `outgoing` are the pipes."""

    def __init__(self, folder: Path, incoming: IO[bytes], outgoing: int) -> None:
        self._folder, self._incoming, self._outgoing = folder, incoming, outgoing
        self._writing = threading.Lock()
        self._functions: dict[str, Handler] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._threads: set[int] = set()
        """Calls of sync handlers that have not returned."""
        self._left = asyncio.Event()

    async def serve(self) -> None:
        """Imports and async handlers run here, in the main thread; nothing here may keep the reader from its work."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        await self._left.wait()

    def _read(self) -> None:
        while (asked := read_frame(self._incoming)) is not None:
            what, number = asked["do"], int(asked.get("id", 0))
            if what == "leave":
                self._loop.call_soon_threadsafe(self._left.set)
            elif what == "cancel" and number in self._threads:
                self._tell(number, kind=STUCK, message="a thread cannot be cancelled")
            elif what == "cancel":
                self._loop.call_soon_threadsafe(self._cancel, number)
            elif what == "call":
                self._call(
                    number, _bound(self._functions[asked["place"]], asked["arguments"]), int(asked["most_bytes"])
                )
            elif asked["place"] in self._functions:
                self._tell(number, output="")
            else:
                self._loop.call_soon_threadsafe(self._resolve, number, str(asked["place"]))
        _end()

    def _resolve(self, number: int, place: str) -> None:
        try:
            self._functions[place] = resolve(place, self._folder)
        except UsageError as error:
            self._tell(number, kind="UsageError", message=str(error))
        else:
            self._tell(number, output="")

    def _call(self, number: int, call: partial[Any], most_bytes: int) -> None:
        """A sync handler starts from the reader: an async one that blocks the loop must not hold it back."""
        if inspect.iscoroutinefunction(call.func):
            self._loop.call_soon_threadsafe(self._start, number, call, most_bytes)
            return

        def run() -> None:
            value: Any = None

            def work() -> str | None:
                nonlocal value
                value = call()
                return None if inspect.isawaitable(value) else as_output(value, most_bytes)

            known = self._answered(number, work)
            self._threads.discard(number)
            if known is None:
                self._loop.call_soon_threadsafe(self._start, number, lambda: value, most_bytes)

        self._threads.add(number)
        threading.Thread(target=run, name=f"call {number}", daemon=True).start()

    def _answered(self, number: int, work: Callable[[], str | None]) -> bool | None:
        """Tell what came of it; None where that is not known yet."""
        try:
            output = work()
        except BaseException as error:  # whatever a handler raises, the model is told and the case goes on
            self._failed(number, error)
            return False
        if output is None:
            return None
        self._tell(number, output=output)
        return True

    def _start(self, number: int, make: Callable[[], Coroutine[Any, Any, Any]], most_bytes: int) -> None:
        async def run() -> None:
            try:
                output = as_output(await make(), most_bytes)
            except BaseException as error:  # as above; a task must not raise SystemExit into the loop
                self._failed(number, error)
            else:
                self._tell(number, output=output)
            finally:
                self._tasks.pop(number, None)

        self._tasks[number] = self._loop.create_task(run())

    def _cancel(self, number: int) -> None:
        """An async handler is cancelled, and tells by itself that it ended."""
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()

    def _failed(self, number: int, error: BaseException) -> None:
        kind, message = type(error).__name__, str(error)
        if isinstance(error, SystemExit):
            message = f"the handler called sys.exit({error.code!r})"
        self._tell(number, kind=kind, message=message)

    def _tell(self, number: int, **what: str) -> None:
        frame = as_frame({"id": number, **what})
        with self._writing:
            while frame:
                try:
                    frame = frame[os.write(self._outgoing, frame) :]
                except OSError:
                    _end()


def _bound(function: Handler, given: JsonObject | str) -> partial[Any]:
    """A call as it is made: a function has its arguments as keywords, a custom tool is given a text."""
    return partial(function, given) if isinstance(given, str) else partial(function, **given)


def main(folder: Path) -> None:
    """Serve the parent until it says so, or is gone."""
    _follow_parent()
    # The pipes are the parent's alone: a handler reads nothing, and what it prints is for people to see.
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # there is no stderr
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
    os.close(nothing)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a TextIOWrapper, as Python starts with
    # A process that a handler forks would keep the pipes open, and hide that this one has ended.
    os.register_at_fork(after_in_child=lambda: _close(incoming, outgoing))

    async def serve() -> None:
        await HandlerServer(folder, os.fdopen(incoming, "rb", closefd=False), outgoing).serve()

    asyncio.run(serve())


def _close(*descriptors: int) -> None:
    for each in descriptors:
        with suppress(OSError):
            os.close(each)


def _follow_parent() -> None:
    """Where the system can, let it end this process with its parent, even while a handler keeps Python to itself."""
    if sys.platform == "linux":
        with suppress(Exception):  # no ctypes, another libc: the closed pipe says it too
            import ctypes  # noqa: PLC0415 - Linux only

            ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)


def _end() -> NoReturn:
    """The parent is gone: end at once, with all that handlers started."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
