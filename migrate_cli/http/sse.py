"""Server-sent events: bytes in any pieces → events as JSON objects; and the ways in which a stream can fail. Pure.

Follows the WHATWG definition of event streams (line ends CR, LF and CRLF, comments, several `data` lines, a mark at the
beginning). What an event means is not known here, and nothing here waits or reads.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from migrate_cli.bounds import loads
from migrate_cli.http.outcomes import Ambiguous, NotApplied, Refused
from migrate_cli.model import JsonObject

UNREADABLE = "unreadable"
"""The `type` of what stands in for an event whose data is not a JSON object."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_DONE = "[DONE]"


class StreamRefused(Exception):
    """No stream began; `reply` says what is known of the request, as for any other write."""

    def __init__(self, reply: NotApplied | Refused | Ambiguous) -> None:
        super().__init__(type(reply).__name__)
        self.reply = reply


class StreamBroken(Exception):
    """The stream began and did not finish: `reason` says how, in a few words, and `silent` that nothing
    came any more."""

    def __init__(self, reason: str, *, silent: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.silent = reason, silent


class EventParser:
    """Takes bytes as they come, and yields each event once its empty line has arrived."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parts: list[str] = []
        """What has come of a line that has no end yet."""
        self._data: list[str] = []
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[JsonObject]:
        """Yield the events that these bytes complete. An event that is not a JSON object comes as `unreadable`."""
        text = self._decoder.decode(chunk)
        if not self._begun and text:
            self._begun, text = True, text.removeprefix("\ufeff")
        for line in self._lines(text):
            event = self._line(line)
            if event is not None:
                yield event

    def _lines(self, text: str) -> list[str]:
        """Return the whole lines; a CR at the end may be half of a CRLF, so it waits.

        Only what is new is looked through: a line may come in thousands of pieces.
        """
        if self._parts and self._parts[-1] == "\r":
            text = self._parts.pop() + text
        lines, start = [], 0
        for match in _LINE_END.finditer(text):
            if match.end() == len(text) and match.group() == "\r":
                break
            lines.append("".join([*self._parts, text[start : match.start()]]))
            self._parts.clear()
            start = match.end()
        rest = text[start:].removesuffix("\r")
        self._parts += [part for part in (rest, text[start + len(rest) :]) if part]
        return lines

    def _line(self, line: str) -> JsonObject | None:
        if line:
            name, _, value = line.partition(":")
            if name == "data":
                self._data.append(value.removeprefix(" "))
            return None
        data, self._data = "\n".join(self._data), []
        return None if not data or data.startswith(_DONE) else _event(data)


def _event(data: str) -> JsonObject:
    try:
        value = loads(data)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"type": UNREADABLE}
