"""Runs functions and custom tools: handlers in Python, commands, or the outputs that the thread recorded.

All calls of a response run at once, each with a timeout that ends it. Whatever goes wrong becomes an output that the
model can read: a tool must never end a case, hold it, or talk to the target. An interruption ends what still runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate_cli.bounds import loads
from migrate_cli.model import JsonObject
from migrate_cli.replay.call_answers import answer_item
from migrate_cli.replay.client_calls import CUSTOM
from migrate_cli.replay.errors import CaseInterrupted
from migrate_cli.replay.handlers import HandlerFailed, HandlerProcesses
from migrate_cli.replay.recorded_outputs import RecordedOutputs
from migrate_cli.replay.response import ClientCall
from migrate_cli.replay.schemas import violation
from migrate_cli.replay.tool_output import as_output, failure
from migrate_cli.replay.toolspec import Tool

DEFAULT_TIMEOUT = 30.0
DEFAULT_BYTES = 256 * 1024
_STDERR = 500
"""Characters of a failed command's error stream that the model is told."""

INTERRUPTED_PATIENCE = 1.0
"""Seconds that a tool may still run once the replay was interrupted."""
ENDED = frozenset({"timeout", "process_ended", "import_timeout"})
"""Problems of a tool that did not end by itself."""
UNANSWERED = frozenset({"unknown_tool", "no_handler", "no_recorded_output"})
"""Problems of a call that nobody here can answer."""
OVER_LIMIT = "limit"
"""The problem of a call that was not run, because it would pass the limit on tool calls."""

Given = JsonObject | str
"""What a tool is given: a function its arguments, a custom tool a text."""
ToolFunction = Callable[[Any], Awaitable[Any]]
"""Runs a tool with what it is given."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """One call, answered. `source` is `handler`, `command`, `stub` or `error`; an error's `problem` is its kind."""

    call: ClientCall
    output: str
    source: str
    seconds: float
    problem: str | None = None

    def item(self) -> JsonObject:
        """The item that answers the call."""
        return answer_item(self.call, self.output)


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """How tools are run."""

    timeout: float = DEFAULT_TIMEOUT
    """Seconds, where a tool names none."""
    most_bytes: int = DEFAULT_BYTES
    """An output's size; more is cut."""
    folder: Path = Path()
    """Where commands run."""
    handlers: HandlerProcesses | None = None
    """What runs handlers; a suite without any needs none."""


class ToolRunner:
    """The tools of one case that run here. `stop` is set once the replay is interrupted."""

    def __init__(
        self,
        tools: Iterable[Tool],
        policy: ToolPolicy,
        recorded: RecordedOutputs | None = None,
        stop: asyncio.Event | None = None,
    ) -> None:
        self._policy, self._recorded = policy, recorded
        self._stop = asyncio.Event() if stop is None else stop
        self._tools = {name: tool for each in tools for name, tool in each.run_here()}
        self._runs: dict[str, tuple[str, ToolFunction]] = {}
        for name, tool in self._tools.items():
            if tool.handler and policy.handlers is not None:
                self._runs[name] = "handler", self._of_handler(policy.handlers, tool.handler, self._seconds(tool))
            elif tool.command:
                run = _of_command(tool.command, policy.folder, text=tool.type == "custom")
                self._runs[name] = "command", self._timed(run, self._seconds(tool))
        self._earlier: dict[tuple[str, str], list[ToolOutcome]] = {}
        self._made: list[ToolOutcome] = []

    async def run_all(
        self, calls: Sequence[ClientCall], allowed: Callable[[], Awaitable[bool]] | None = None
    ) -> list[ToolOutcome]:
        """Run all calls at once; the outcomes are in the order of the calls.

        A call that is not `allowed`, asked for one after the other, is not run.

        Raises CaseInterrupted where the replay was interrupted and a call had to be ended for that.
        """
        outcomes = await asyncio.gather(*(self._run(call, allowed) for call in calls))
        self._made += outcomes
        for outcome in outcomes:
            if outcome.problem == "interrupted":
                raise CaseInterrupted(f"the replay was interrupted, and the tool {outcome.call.name} was ended")
        return outcomes

    def restart(self) -> None:
        """The case starts over: a call that was answered already gets the same answer, and nothing runs twice."""
        for outcome in self._made:
            self._earlier.setdefault((outcome.call.full_name, outcome.call.arguments), []).append(outcome)
        self._made = []

    async def _run(self, call: ClientCall, allowed: Callable[[], Awaitable[bool]] | None) -> ToolOutcome:
        began = time.monotonic()
        earlier = self._earlier.get((call.full_name, call.arguments))
        if earlier:
            known = earlier.pop(0)
            return ToolOutcome(call, known.output, known.source, known.seconds, known.problem)
        if allowed is not None and not await allowed():
            output, source, problem = _error(OVER_LIMIT, "the limit on tool calls is reached; it was not run")
        else:
            output, source, problem = await self._output(call)
        return ToolOutcome(call, output, source, time.monotonic() - began, problem)

    async def _output(self, call: ClientCall) -> tuple[str, str, str | None]:
        key = self._place(call)
        tool = self._tools.get(key)
        if tool is None:
            known = ", ".join(sorted(self._tools)) or "none"
            return _error("unknown_tool", f"there is no tool {call.full_name}; there are: {known}")
        given, wrong = _given(call, tool)
        if wrong is not None:
            return _error("invalid_arguments", wrong)
        if key in self._runs:
            source, run = self._runs[key]
            return await self._guarded(source, run, given)
        if self._recorded is not None:
            # Threads of old know no namespaces.
            found = (self._recorded.find(name, given) for name in reversed(call.names))
            recorded = next((output for output in found if output is not None), None)
            if recorded is not None:
                return as_output(recorded, self._policy.most_bytes), "stub", None
            return _error("no_recorded_output", f"the thread holds no output of {call.full_name} for these arguments")
        return _error("no_handler", f"nothing is set up to run {call.full_name}")

    def _place(self, call: ClientCall) -> str:
        """Where its tool stands; some servers name a namespace that the request did not have."""
        return call.full_name if call.full_name in self._tools else call.name

    async def _guarded(self, source: str, run: ToolFunction, given: Given) -> tuple[str, str, str | None]:
        try:
            return as_output(await run(given), self._policy.most_bytes), source, None
        except ToolEnded as error:
            return _error(error.kind, str(error))
        except HandlerFailed as error:
            return _error(error.kind, str(error))
        except Exception as error:  # whatever a tool raises, the model is told and the case goes on
            return _error(type(error).__name__, str(error))

    def _seconds(self, tool: Tool) -> float:
        return tool.timeout or self._policy.timeout

    def _of_handler(self, handlers: HandlerProcesses, place: str, seconds: float) -> ToolFunction:
        async def run(given: Given) -> str:
            # Importing has a limit of its own: a process that had to be restarted is not the handler's fault.
            async with self._limit(None):
                call = await handlers.ready(place)
            async with self._limit(seconds):
                return await call.run(given, self._policy.most_bytes)

        return run

    def _timed(self, function: ToolFunction, seconds: float) -> ToolFunction:
        async def run(given: Given) -> Any:
            async with self._limit(seconds):
                return await function(given)

        return run

    @asynccontextmanager
    async def _limit(self, seconds: float | None) -> AsyncIterator[None]:
        """End what runs inside after so many seconds, or a moment after an interruption. Raises ToolEnded then."""

        async def hasten() -> None:
            await self._stop.wait()
            soon = asyncio.get_running_loop().time() + INTERRUPTED_PATIENCE
            when = limit.when()
            if not limit.expired() and (when is None or soon < when):
                hastened.set()
                limit.reschedule(soon)

        hastened = asyncio.Event()
        limit = asyncio.timeout(seconds)
        watch = None
        try:
            async with limit:
                watch = asyncio.create_task(hasten())
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            if hastened.is_set():
                raise ToolEnded("interrupted", "the replay was interrupted") from None
            raise ToolEnded("timeout", f"the tool took more than {seconds:g} s and was ended") from None
        finally:
            if watch is not None:
                watch.cancel()


class ToolEnded(Exception):
    """A tool was ended before it ended by itself; `kind` says why in a word."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def _given(call: ClientCall, tool: Tool) -> tuple[Given, str | None]:
    """Return what the tool is given, and what is wrong with it."""
    if (call.kind == CUSTOM) != (tool.type == "custom"):
        return {}, f"{call.full_name} is a tool of the type {tool.type}"
    if call.kind == CUSTOM:
        return call.arguments, None
    try:
        value = loads(call.arguments or "{}")
    except ValueError:
        return {}, "the arguments are not JSON"
    if not isinstance(value, dict):
        return {}, "the arguments are not a JSON object"
    wrong = violation(tool.parameters, value)
    return value, None if wrong is None else f"the arguments are not right: {wrong}"


def _of_command(command: Sequence[str], folder: Path, *, text: bool) -> ToolFunction:
    # A program named by a path is meant next to the suite; any other is looked for as a shell would.
    program = str(folder.resolve() / command[0]) if "/" in command[0] else command[0]

    async def run(given: Given) -> Any:
        process = await asyncio.create_subprocess_exec(
            program, *command[1:], cwd=folder, stdin=_PIPE, stdout=_PIPE, stderr=_PIPE, start_new_session=True
        )
        try:
            written = given if isinstance(given, str) else json.dumps(given)
            out, err = await process.communicate(written.encode("utf-8", "replace"))
        finally:
            await _end(process)
        if process.returncode:
            said = err.decode("utf-8", "replace").strip()[-_STDERR:]
            raise RuntimeError(f"the command ended with {process.returncode}{f': {said}' if said else ''}")
        said = out.decode("utf-8", "replace")
        return said.removesuffix("\n") if text else _value(said)

    return run


_PIPE = asyncio.subprocess.PIPE


async def _end(process: asyncio.subprocess.Process) -> None:
    """A command that is still there when its time is up ends, with all that it started."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _value(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return text.strip()


def _error(kind: str, message: str) -> tuple[str, str, str | None]:
    return failure(kind, message), "error", kind
