"""Runs function tools: handlers in Python, commands, or the outputs that the thread recorded.

All calls of a response run at once, each with a timeout. Whatever goes wrong becomes an output that the model can read:
a tool must never end a case, or talk to the target.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate_cli.bounds import loads
from migrate_cli.errors import UsageError
from migrate_cli.model import JsonObject
from migrate_cli.replay.recorded_outputs import RecordedOutputs
from migrate_cli.replay.response import FunctionCall
from migrate_cli.replay.schemas import violation
from migrate_cli.replay.tool_output import as_output, failure
from migrate_cli.replay.toolspec import Tool

DEFAULT_TIMEOUT = 30.0
DEFAULT_BYTES = 256 * 1024
_STDERR = 500
"""Characters of a failed command's error stream that the model is told."""

Handler = Callable[..., Any]
ToolFunction = Callable[[JsonObject], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """One call, answered. `source` is `handler`, `command`, `stub` or `error`; an error's `problem` is its kind."""

    call: FunctionCall
    output: str
    source: str
    seconds: float
    problem: str | None = None

    def item(self) -> JsonObject:
        """The item that answers the call."""
        return {"type": "function_call_output", "call_id": self.call.call_id, "output": self.output}


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """How tools are run."""

    timeout: float = DEFAULT_TIMEOUT
    """Seconds, where a tool names none."""
    most_bytes: int = DEFAULT_BYTES
    """An output's size; more is cut."""
    folder: Path = Path()
    """Where commands run, and handlers are looked for first."""


class ToolRunner:
    """The function tools of one case. Make it before the first request: a handler that is not there is told then."""

    def __init__(self, tools: Iterable[Tool], policy: ToolPolicy, recorded: RecordedOutputs | None = None) -> None:
        self._policy = policy
        self._recorded = recorded
        self._tools = {tool.name: tool for tool in tools if tool.type == "function"}
        self._runs: dict[str, tuple[str, ToolFunction]] = {}
        for name, tool in self._tools.items():
            if tool.handler:
                self._runs[name] = "handler", _of_handler(resolve(tool.handler, policy.folder))
            elif tool.command:
                self._runs[name] = "command", _of_command(tool.command, policy.folder)
        self._earlier: dict[tuple[str, str], list[ToolOutcome]] = {}
        self._made: list[ToolOutcome] = []

    async def run_all(self, calls: Sequence[FunctionCall]) -> list[ToolOutcome]:
        """Run all calls at once; the outcomes stand in the order of the calls."""
        outcomes = await asyncio.gather(*(self._run(call) for call in calls))
        self._made += outcomes
        return outcomes

    def restart(self) -> None:
        """The case starts anew: a call that was answered already gets the same answer, and nothing runs twice."""
        for outcome in self._made:
            self._earlier.setdefault((outcome.call.name, outcome.call.arguments), []).append(outcome)
        self._made = []

    async def _run(self, call: FunctionCall) -> ToolOutcome:
        began = time.monotonic()
        earlier = self._earlier.get((call.name, call.arguments))
        if earlier:
            known = earlier.pop(0)
            return ToolOutcome(call, known.output, known.source, known.seconds, known.problem)
        output, source, problem = await self._output(call)
        return ToolOutcome(call, output, source, time.monotonic() - began, problem)

    async def _output(self, call: FunctionCall) -> tuple[str, str, str | None]:
        tool = self._tools.get(call.name)
        if tool is None:
            known = ", ".join(sorted(self._tools)) or "none"
            return _error("unknown_tool", f"there is no tool {call.name}; there are: {known}")
        arguments, wrong = _arguments(call, tool)
        if wrong is not None:
            return _error("invalid_arguments", wrong)
        if call.name in self._runs:
            source, run = self._runs[call.name]
            return await self._guarded(source, run, arguments, tool.timeout or self._policy.timeout)
        recorded = self._recorded.find(call.name, arguments) if self._recorded is not None else None
        if recorded is not None:
            return as_output(recorded, self._policy.most_bytes), "stub", None
        if self._recorded is not None:
            return _error("no_recorded_output", f"the thread holds no output of {call.name} for these arguments")
        return _error("no_handler", f"nothing is set up to run {call.name}")

    async def _guarded(
        self, source: str, run: ToolFunction, arguments: JsonObject, seconds: float
    ) -> tuple[str, str, str | None]:
        try:
            async with asyncio.timeout(seconds) as limit:
                value = await run(arguments)
            return as_output(value, self._policy.most_bytes), source, None
        except TimeoutError as error:
            if limit.expired():
                return _error("timeout", f"the tool took more than {seconds:g} s")
            return _error(type(error).__name__, str(error))
        except Exception as error:  # whatever a tool raises, the model is told and the case goes on
            return _error(type(error).__name__, str(error))


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
    except Exception as error:  # importing runs the user's code, which may raise anything
        raise UsageError(f"the handler {place} cannot be used: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise UsageError(f"the handler {place} is no function")
    return found  # type: ignore[no-any-return]  # callable() says so


def _arguments(call: FunctionCall, tool: Tool) -> tuple[JsonObject, str | None]:
    try:
        value = loads(call.arguments or "{}")
    except ValueError:
        return {}, "the arguments are no JSON"
    if not isinstance(value, dict):
        return {}, "the arguments are no JSON object"
    wrong = violation(tool.parameters, value)
    return value, None if wrong is None else f"the arguments are not right: {wrong}"


def _of_handler(function: Handler) -> ToolFunction:
    async def run(arguments: JsonObject) -> Any:
        if inspect.iscoroutinefunction(function):
            return await function(**arguments)
        value = await asyncio.to_thread(function, **arguments)
        return await value if inspect.isawaitable(value) else value

    return run


def _of_command(command: Sequence[str], folder: Path) -> ToolFunction:
    # A program named by a path is meant beside the suite; any other is looked for as a shell would.
    program = str(folder.resolve() / command[0]) if "/" in command[0] else command[0]

    async def run(arguments: JsonObject) -> Any:
        process = await asyncio.create_subprocess_exec(
            program, *command[1:], cwd=folder, stdin=_PIPE, stdout=_PIPE, stderr=_PIPE, start_new_session=True
        )
        try:
            out, err = await process.communicate(json.dumps(arguments).encode())
        finally:
            await _end(process)
        if process.returncode:
            said = err.decode("utf-8", "replace").strip()[-_STDERR:]
            raise RuntimeError(f"the command ended with {process.returncode}{f': {said}' if said else ''}")
        return _value(out.decode("utf-8", "replace"))

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
