"""Reads the events of a run's stream out of text: as the wire sent them, as lines of a log, or as a list. Pure.

It tells the events and what could not be read; what they mean for a thread is for `recorded_history.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.bounds import TooDeepError, check_depth
from migrate_cli.model import JsonObject
from migrate_cli.sources.record_kinds import OBJECTS, is_list_answer
from migrate_cli.sources.texts import value_in

DONE = "done"
"""The event that ends a stream."""
_FIELD = re.compile(r"(?:^|[\s\]|>:\"'(])(event|data):[ \t]?(.*)$")
_PLAIN_FIELD = re.compile(r"(event|data|id|retry)(?::[ ]?(.*))?$")
_BEGINS = re.compile(r"\s*(?::.*\n\s*)*(?:event|data|id|retry):", re.ASCII)
_MARK = re.compile(r"""\bthread\.(?:message|run|created)\b|\\*["']object\\*["']\s*:\s*\\*["']thread\b""")
"""What every text with events or objects of threads holds."""
_MEANT = re.compile(r"""\\*["']object\\*["']\s*:\s*\\*["']thread\b""")
_DECODER = json.JSONDecoder(strict=False)
_DEEPEST_LOOK = 4
"""How deep an object of the wire may lie in an entry of a log."""


@dataclass(slots=True)
class EventsRead:
    """What a text told."""

    events: list[Event] = field(default_factory=list)
    unread: int = 0
    """Events, or lines that name an object of a thread, that could not be read."""
    cut: bool = False
    """Whether the last of them is one of these, so that the text breaks off."""

    @property
    def done(self) -> bool:
        """Whether the stream said that it ends."""
        return any(event.name == DONE for event in self.events)


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name where it was told, and its object."""

    name: str
    value: Any

    @property
    def type(self) -> str:
        """What its object says it is, or else what the event's name says."""
        said = self.value.get("object") if isinstance(self.value, dict) else None
        return said if isinstance(said, str) else self.name


def is_event_stream(text: str) -> bool:
    """Whether a text is an event stream as the wire sends it."""
    return _BEGINS.match(text) is not None


def speaks_of_threads(text: str) -> bool:
    """Whether a text may hold events or objects of threads; quick."""
    return _MARK.search(text) is not None


def is_event(value: Any) -> bool:
    """Whether a JSON value is one event as clients print them: `{"event": …, "data": {…}}`."""
    return isinstance(value, dict) and "data" in value and isinstance(value.get("event"), str)


def events_of_list(values: list[Any]) -> EventsRead:
    """Return the events of a list of them."""
    read = EventsRead()
    for value in values:
        _take_value(read, value)
    return read


def events_of_text(text: str) -> EventsRead:
    """Return the events of a stream, or of a log that holds them among other lines."""
    return _Reader(text).read()


class _Reader:
    """Walks over a text once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._name = ""
        self._data: list[str] = []
        """Lines of one event's data that make no JSON yet."""
        self._read = EventsRead()

    def read(self) -> EventsRead:
        """Return what the text tells."""
        at, size = 0, len(self._text)
        while at < size:
            end = self._text.find("\n", at)
            end = size if end < 0 else end
            at = self._line(at, end) + 1
        self._flush()
        return self._read

    def _line(self, start: int, end: int) -> int:
        """Take a line, and return where what it began ends: JSON may go on over several lines."""
        line = self._text[start:end].rstrip("\r")
        if not line.strip():
            self._flush()
            return end
        found = _PLAIN_FIELD.match(line)
        plain = found is not None
        if found is None:
            found = _FIELD.search(line)
            brace = line.find("{")
            if found is None or 0 <= brace < found.start(1):
                return self._loose(start, end, line)
        name, rest = found[1], (found[2] or "").strip()
        if name == "event":
            self._flush()
            self._name = rest.strip("\"',")
        elif name == "data":
            self._take_data(rest, plain=plain)
        return end

    def _take_data(self, rest: str, *, plain: bool) -> None:
        if rest.startswith("[DONE]"):
            self._flush()
            self._read.events.append(Event(DONE, None))
            return
        value = _value_at(rest, 0)
        if value is not None and not self._data:
            self._emit(value[0])
            return
        if value is not None and not plain:
            self._flush()
            self._emit(value[0])
            return
        self._data.append(rest)

    def _flush(self) -> None:
        """End an event: its lines of data make one value, or it cannot be read."""
        if self._data:
            text = "\n".join(self._data)
            self._data = []
            value = _value_at(text, 0)
            if value is not None:
                self._emit(value[0])
            elif text.lstrip().startswith("{") and (_MARK.search(text) or self._name.startswith("thread.")):
                self._read.unread += 1
                self._read.cut = True
        self._name = ""

    def _emit(self, value: Any) -> None:
        before = len(self._read.events)
        if self._name:
            self._read.events.append(Event(self._name, value))
        else:
            _take_value(self._read, value)
        if len(self._read.events) > before:
            self._read.cut = False
        self._name = ""

    def _loose(self, start: int, end: int, line: str) -> int:
        """Take JSON that stands behind a prefix, or begins there and goes on over more lines."""
        self._flush()
        at = line.find("{")
        while at >= 0:
            found = _value_at(self._text, start + at)
            if found is not None and isinstance(found[0], dict) and found[0]:
                self._emit(found[0])
                stop = self._text.find("\n", found[1])
                return max(end, len(self._text) if stop < 0 else stop)
            at = line.find("{", at + 1) if at < 400 else -1
        if _MEANT.search(line):
            # Python's `print` writes objects in its own way.
            value = value_in(line[line.find("{") :]) if "{" in line else None
            if isinstance(value, dict):
                self._emit(value)
                return end
            self._read.unread += 1
            self._read.cut = True
        return end


def _value_at(text: str, at: int) -> tuple[Any, int] | None:
    """Return the JSON value that begins at a place and where it ends; None where there is none, or a bare word."""
    try:
        value, end = _DECODER.raw_decode(text, at)
        check_depth(text[at:end], value)
    except (ValueError, RecursionError, TooDeepError):
        return None
    return (value, end) if isinstance(value, (dict, list, str)) else None


def _take_value(read: EventsRead, value: Any) -> None:
    """Take an event, an object of the wire, or an entry of a log that holds one further inside."""
    read.events += _events_in(value, _DEEPEST_LOOK)


def _events_in(value: Any, depth: int) -> Iterator[Event]:
    if isinstance(value, str):
        inner = _value_at(value, 0) if value.startswith(("{", "[")) and _MARK.search(value) else None
        if inner is not None:
            yield from _events_in(inner[0], depth - 1)
        elif value.startswith(("event:", "data:")):
            yield from events_of_text(value).events
    elif isinstance(value, list):
        for entry in value if depth > 0 else ():
            yield from _events_in(entry, depth - 1)
    elif isinstance(value, dict):
        yield from _events_of_object(value, depth)


def _events_of_object(value: JsonObject, depth: int) -> Iterator[Event]:
    if is_event(value):
        data = value["data"]
        if isinstance(data, str):
            inner = _value_at(data, 0)
            data = data if inner is None else inner[0]
        if value["event"] == DONE or data == "[DONE]":
            yield Event(DONE, None)
            return
        if isinstance(data, dict) and _is_of_a_stream(value["event"], data):
            yield Event(value["event"], data)
            return
    if is_list_answer(value) or _is_of_the_wire(value):
        yield Event("", value)
        return
    for inner in value.values() if depth > 0 else ():
        yield from _events_in(inner, depth - 1)


def _is_of_a_stream(name: str, data: JsonObject) -> bool:
    return name.startswith("thread.") or _is_of_the_wire(data)


def _is_of_the_wire(value: JsonObject) -> bool:
    named = value.get("object")
    return isinstance(named, str) and (named in OBJECTS or (named.startswith("thread.") and named.endswith(".delta")))
