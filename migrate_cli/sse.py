"""Server-sent events: bytes in any pieces → events as JSON objects; and the ways in which a stream can fail. Pure.

Follows the WHATWG definition of event streams (line ends CR, LF and CRLF, comments, several `data` lines, a mark at the
beginning). What an event means is not known here, and nothing here waits or reads.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator

from migrate_cli.model import JsonObject
from migrate_cli.replies import Ambiguous, NotApplied, Refused

UNREADABLE = "unreadable"
"""The `type` of what stands in for an event whose data is no JSON object."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_DONE = "[DONE]"


class StreamRefused(Exception):
    """No stream began; `reply` says what is known of the request, as for any other write."""

    def __init__(self, reply: NotApplied | Refused | Ambiguous) -> None:
        super().__init__(type(reply).__name__)
        self.reply = reply


class StreamBroken(Exception):
    """The stream began and did not come to its end: `reason` says how, in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EventParser:
    """Takes bytes as they come, and yields each event once its empty line has arrived."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._data: list[str] = []
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[JsonObject]:
        """Yield the events that these bytes complete. An event that is no JSON object comes as `unreadable`."""
        self._text += self._decoder.decode(chunk)
        if not self._begun and self._text:
            self._begun, self._text = True, self._text.removeprefix("\ufeff")
        lines = self._lines()
        for line in lines:
            event = self._line(line)
            if event is not None:
                yield event

    def _lines(self) -> list[str]:
        """Take the whole lines out of the buffer; a CR at its end may be half of a CRLF, so it waits."""
        lines, start = [], 0
        for match in _LINE_END.finditer(self._text):
            if match.end() == len(self._text) and match.group() == "\r":
                break
            lines.append(self._text[start : match.start()])
            start = match.end()
        self._text = self._text[start:]
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
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"type": UNREADABLE}
