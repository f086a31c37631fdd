"""Finds values in a JSON text that are nested too deeply, and strings that are too long, and omits them while reading.

Both are found without a parser, which would already be overwhelmed, and in constant memory. This module must not know
what it omits.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import IO

from migrate_cli.bounds import bounds, too_deep, too_long
from migrate_cli.sources.export.json_text import TOO_DEEP, BadJsonError

_CHUNK = 1 << 20
_MOST_CUTS = 10_000
"""A text with more than this is not an export with a few unusual entries."""
_INSIDE = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING = re.compile(rb'"' + _INSIDE + rb'("|\\?\Z)', re.DOTALL)
_REST = re.compile(_INSIDE + rb'("|\\?\Z)', re.DOTALL)
_TOKEN = re.compile(rb'"' + _INSIDE + rb'("|\\?\Z)|[\[\]{}]', re.DOTALL)
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


@dataclass(frozen=True, slots=True)
class Cut:
    """An omitted value: its start and end in bytes (end exclusive), and the reason."""

    start: int
    end: int
    code: str


def sentence(code: str) -> str:
    """The description of the value, for use after "holds"."""
    return f"JSON {too_deep()}" if code == TOO_DEEP else too_long("a string")


def cuts(opened: Callable[[], IO[bytes]]) -> list[Cut]:
    """Return the values to omit, in order. Raises BadJsonError if there are too many of them."""
    with opened() as stream:
        if not _exceeds(stream):
            return []
    found = []
    with opened() as stream:
        for cut in _found(stream):
            found.append(cut)
            if len(found) > _MOST_CUTS:
                raise BadJsonError(cut.code, f"Much of the JSON holds {sentence(cut.code)}.")
    return found


def _exceeds(stream: IO[bytes]) -> bool:
    """Whether anything may be too deep or too long; fast, because only text outside strings is inspected."""
    most, longest = bounds().json_depth, bounds().string_bytes
    depth, inside, escaped = 0, 0, False
    while chunk := stream.read(_CHUNK):
        data = b"\\" + chunk if escaped else chunk
        begin, end = 0, b'"'
        if inside:
            begin, end = _end_of_string(data)
            inside += begin
            if inside > longest:
                return True
        if end == b'"':
            parts = _STRING.split(data[begin:])
            end = parts[-2] if len(parts) > 1 else b'"'
            # An unfinished string is at most as long as what was read of it, which is close enough.
            inside = 0 if end == b'"' else len(data)
            steps = [*map(_STEPS.__getitem__, b"".join(parts[::2]).translate(None, _NO_BRACKET))]
            if max(accumulate(steps, initial=depth)) > most:
                return True
            depth += sum(steps)
        escaped = end == b"\\"
    return False


def _end_of_string(data: bytes) -> tuple[int, bytes]:
    """Where a string that began earlier ends in the data, and how: with its quote, within an escape, or not at all."""
    rest = _REST.match(data)
    if rest is None:
        raise AssertionError("any bytes are a string, or the rest of one")
    return rest.end(), rest.group(1)


def _found(stream: IO[bytes]) -> Iterator[Cut]:
    """Yield the values to omit, by scanning every string and bracket."""
    most, longest = bounds().json_depth, bounds().string_bytes
    depth, place, escaped = 0, 0, False
    string: int | None = None
    deep: int | None = None
    while chunk := stream.read(_CHUNK):
        data = b"\\" + chunk if escaped else chunk
        first = place - escaped
        place += len(chunk)
        begin, end = 0, b'"'
        if string is not None:
            begin, end = _end_of_string(data)
            if end == b'"':
                if deep is None and first + begin - string > longest:
                    yield Cut(string, first + begin, "string-too-long")
                string = None
        for token in _TOKEN.finditer(data, begin) if string is None else ():
            at = first + token.start()
            if token.group(1) is not None:
                end = token.group(1)
                string = None if end == b'"' else at
            elif token.group() in b"[{":
                depth += 1
                if depth > most and deep is None:
                    deep = at
            else:
                depth -= 1
                if depth == most and deep is not None:
                    yield Cut(deep, at + 1, TOO_DEEP)
                    deep = None
        escaped = end == b"\\"
    if deep is not None:
        yield Cut(deep, place, TOO_DEEP)
    elif string is not None and place - string > longest:
        yield Cut(string, place, "string-too-long")


class Reader:
    """Reads a stream with a marker in place of each omitted value, in chunks that grow while a string continues.

    The parser scans an unfinished string from its beginning for each chunk; with chunks of equal size that would take
    quadratic time.
    """

    def __init__(self, stream: IO[bytes], left_out: Sequence[Cut], mark: str) -> None:
        self._stream = stream
        self._left_out = deque(left_out)
        self._mark = mark
        self._place = 0
        self._unfinished = 0
        """Bytes since the last quote that may have ended a string."""
        self._escaped = False

    def read(self, size: int) -> bytes:
        """Return the next bytes, at least as many as requested; empty at the end."""
        if not size:
            return b""
        data = self._next(max(size, self._unfinished))
        ends = (b"\\" + data if self._escaped else data).replace(b'\\"', b"  ").rfind(b'"')
        self._escaped = data.endswith(b"\\")
        self._unfinished = self._unfinished + len(data) if ends < 0 else len(data) - ends
        return data

    def _next(self, size: int) -> bytes:
        cut = self._left_out[0] if self._left_out else None
        if cut is not None and self._place >= cut.start:
            self._left_out.popleft()
            while self._place < cut.end and (passed := self._stream.read(min(_CHUNK, cut.end - self._place))):
                self._place += len(passed)
            return f'"{self._mark}{cut.code}"'.encode()
        data = self._stream.read(size if cut is None else min(size, cut.start - self._place))
        self._place += len(data)
        return data
