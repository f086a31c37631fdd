"""Which tool output of a thread answers which call, where calls and outputs are parts of messages.

An output may be anywhere behind its call. Only places are held, and the outputs between a call and its own: the
messages are read once to pair and once beside the conversion, and only in threads that have such parts. It must not
write anything.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import Any, NamedTuple

from migrate_cli.convert.options import ConvertOptions, Incomplete, ProgressMessages
from migrate_cli.convert.progress_messages import is_progress
from migrate_cli.model import JsonObject, Message, RunStep

TOOL_CALL = "tool_call"
TOOL_OUTPUT = "tool_output"
UNFINISHED = frozenset({"incomplete", "in_progress"})
"""Statuses of messages that never finished."""


class PartPlace(NamedTuple):
    """Where a part stands: the number of its message, from 1, and its own, from 0."""

    message: int
    part: int


class OutputMeaning(Enum):
    """What an output is to the thread."""

    ANSWER = auto()
    """It stands with its call."""
    REPEATED = auto()
    """Its call has an output already."""
    SAME = auto()
    """It says what the run step of its call says."""
    ORPHAN = auto()
    """No call has its id."""


def left_out(message: Message, options: ConvertOptions) -> bool:
    """Whether nothing of a message is carried: it has no role, or it is unfinished or on the way, and not wanted."""
    if message.role is None or (message.status in UNFINISHED and options.incomplete is not Incomplete.KEEP):
        return True
    return options.progress_messages is ProgressMessages.DROP and is_progress(message)


class ToolPairs:
    """The pairs of one thread; `message` is the number of the message that is being converted."""

    __slots__ = (
        "_answers", "_cursor", "_in_steps", "_meanings", "_messages", "_options", "_passed", "_scanned",
        "_step_answers", "_steps", "message",
    )  # fmt: skip

    def __init__(
        self,
        messages: Iterable[Message] = (),
        steps: Iterable[RunStep] = (),
        options: ConvertOptions | None = None,
    ) -> None:
        self.message = 0
        self._messages = messages
        self._steps = steps
        self._options = options or ConvertOptions()
        self._scanned = False
        self._answers: dict[PartPlace, PartPlace] = {}
        """The place of the output of each call that has one."""
        self._meanings: dict[PartPlace, OutputMeaning] = {}
        """What each output is."""
        self._in_steps: set[PartPlace] = set()
        """The calls that are in a run step too."""
        self._step_answers: dict[str, PartPlace] = {}
        """The output of calls of run steps, by their ids, where a message holds it."""
        self._cursor: Iterator[tuple[PartPlace, Any]] = iter(())
        self._passed: dict[PartPlace, Any] = {}

    def is_in_steps(self, part: int) -> bool:
        """Whether a call of the message at hand is in a run step as well."""
        self._scan()
        return PartPlace(self.message, part) in self._in_steps

    def has_output(self, part: int) -> bool:
        """Whether a later part answers a call of the message at hand."""
        self._scan()
        return PartPlace(self.message, part) in self._answers

    def output(self, part: int) -> Any:
        """Return the output that answers a call of the message at hand; None where none does."""
        self._scan()
        place = self._answers.get(PartPlace(self.message, part))
        return None if place is None else self._value(place)

    def answers_step(self, call_id: str | None) -> bool:
        """Whether a message holds the output of a run step's call; said once for each call."""
        self._scan()
        return self._step_answers.pop(call_id or "", None) is not None

    def output_for_step(self, call_id: str | None) -> Any:
        """Return the output that a message holds for a run step's call, once; None where none does."""
        self._scan()
        place = self._step_answers.pop(call_id or "", None)
        return None if place is None else self._value(place)

    def meaning(self, part: int) -> OutputMeaning:
        """Return what an output of the message at hand is."""
        self._scan()
        return self._meanings.get(PartPlace(self.message, part), OutputMeaning.ORPHAN)

    def _value(self, wanted: PartPlace) -> Any:
        """Read on to an output; those that other calls will ask for are held until then."""
        if wanted in self._passed:
            return self._passed.pop(wanted)
        for place, value in self._cursor:
            if place == wanted:
                return value
            if self._meanings.get(place) is OutputMeaning.ANSWER:
                self._passed[place] = value
        return ""

    def _scan(self) -> None:
        if self._scanned:
            return
        self._scanned = True
        self._cursor = self._outputs()
        steps = _calls_of(self._steps)
        pairing = _Pairing(steps)
        for number, message in enumerate(self._messages, 1):
            if not left_out(message, self._options):
                for place, part in enumerate(message.content):
                    if type(part) is dict and part.get("type") in (TOOL_CALL, TOOL_OUTPUT):
                        pairing.add(PartPlace(number, place), part)
        self._answers, self._meanings = pairing.answers, pairing.meanings
        self._in_steps, self._step_answers = pairing.in_steps, pairing.step_answers

    def _outputs(self) -> Iterator[tuple[PartPlace, Any]]:
        for number, message in enumerate(self._messages, 1):
            for place, part in enumerate(message.content):
                if type(part) is dict and part.get("type") == TOOL_OUTPUT:
                    output = part.get("output")
                    yield PartPlace(number, place), "" if output is None else output


class _Pairing:
    """Pairs calls and outputs in the order in which they stand."""

    def __init__(self, steps: dict[str, JsonObject]) -> None:
        self._steps = steps
        self._open: dict[object, deque[PartPlace]] = {}
        """Calls that wait for their output."""
        self._early: dict[object, deque[PartPlace]] = {}
        """Outputs whose call has not come yet."""
        self._answered: set[object] = set()
        self._last: tuple[object, PartPlace] | None = None
        self.answers: dict[PartPlace, PartPlace] = {}
        self.meanings: dict[PartPlace, OutputMeaning] = {}
        self.in_steps: set[PartPlace] = set()
        self.step_answers: dict[str, PartPlace] = {}

    def add(self, place: PartPlace, part: JsonObject) -> None:
        """Take the next part."""
        if part.get("type") == TOOL_OUTPUT:
            self._output(place, part)
        elif not isinstance(part.get("call"), dict):
            self._call(place, part)

    def _call(self, place: PartPlace, part: JsonObject) -> None:
        key = _key(part.get("id"), part.get("name"))
        known = self._steps.get(key) if isinstance(key, str) else None
        if known is not None and _alike(known, part):
            self.in_steps.add(place)
            return
        if part.get("output") is not None:
            self._answered.add(key)
            return
        early = self._early.get(key)
        if early:
            self._pair(key, place, early.popleft())
            return
        self._open.setdefault(key, deque()).append(place)
        self._last = (key, place)

    def _output(self, place: PartPlace, part: JsonObject) -> None:
        key = _key(part.get("call_id"), part.get("name"))
        if self._step_takes(key, place, part):
            return
        waiting = self._open.get(key)
        if not waiting and not isinstance(key, str) and self._last is not None and self._fits_last(key):
            # No id and no name: it answers the call right before it.
            key = self._last[0]
            waiting = self._open.get(key)
        if waiting:
            self._pair(key, waiting.popleft(), place)
        elif key in self._answered:
            self.meanings[place] = OutputMeaning.REPEATED
        else:
            self._early.setdefault(key, deque()).append(place)

    def _fits_last(self, key: object) -> bool:
        return key == _NAMELESS and self._last is not None and bool(self._open.get(self._last[0]))

    def _step_takes(self, key: object, place: PartPlace, part: JsonObject) -> bool:
        """Give an output to a run step's call: as its output, where the step has none, or as the same once more."""
        call = self._steps.get(key) if isinstance(key, str) else None
        if call is None or self._open.get(key):
            return False
        if call.get("output") is not None or key in self.step_answers:
            same = _value_of(call.get("output")) == _value_of(part.get("output"))
            self.meanings[place] = OutputMeaning.SAME if same else OutputMeaning.REPEATED
        else:
            self.step_answers[str(key)] = place
            self.meanings[place] = OutputMeaning.ANSWER
        return True

    def _pair(self, key: object, call: PartPlace, output: PartPlace) -> None:
        self.answers[call] = output
        self.meanings[output] = OutputMeaning.ANSWER
        self._answered.add(key)


_NAMELESS = ("", "")


def _key(call_id: Any, name: Any) -> object:
    """What a call and its output share: the id, or else the function's name."""
    if isinstance(call_id, str) and call_id:
        return call_id
    if isinstance(call_id, int):
        return str(call_id)
    return ("name", name) if isinstance(name, str) and name else _NAMELESS


def _calls_of(steps: Iterable[RunStep]) -> dict[str, JsonObject]:
    """Return the functions that run steps called, by the ids of the calls."""
    found: dict[str, JsonObject] = {}
    for step in steps:
        calls = step.details.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            inner = call.get("function") if isinstance(call, dict) else None
            if isinstance(inner, dict) and isinstance(call.get("id"), str):
                found.setdefault(call["id"], inner)
    return found


def _alike(inner: JsonObject, part: JsonObject) -> bool:
    """Whether a part calls what a step called: another function under the same id is another call."""
    return (
        inner.get("name") == part.get("name")
        and _value_of(inner.get("arguments")) == _value_of(part.get("arguments"))
        and (part.get("output") is None or _value_of(inner.get("output")) == _value_of(part["output"]))
    )


def _value_of(spelt: Any) -> Any:
    """Return the value that a text spells as JSON, so that arguments are compared by what they say."""
    if not isinstance(spelt, str):
        return spelt
    try:
        return json.loads(spelt)
    except (ValueError, RecursionError):
        return spelt
