"""Reads files of JSON Lines: each line's value with its place, and runs of neighbours that belong together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import IO, Any

from migrate_cli.bounds import bounds, too_long
from migrate_cli.model import Origin
from migrate_cli.sources.export import json_text
from migrate_cli.sources.export.index import BLOCK_BYTES, BLOCK_ENTRIES, Block
from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.export.json_text import BadJsonError
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes.base import Loose

_CHUNK = 1 << 20

Record = tuple[int, int, int, Any]
"""A line's number (1-based), where it begins and ends (bytes), and its value."""


BadLine = Callable[[Origin, str, str, str | None], None]
"""Is told of a line that cannot be read: origin, code, sentence, and the thread that it names, which lacks it."""

LongLine = Callable[[int, int, int], None]
"""Takes a line that is too long to be held: its number, where it begins and ends (bytes)."""


def records(
    input_: Input,
    problem: BadLine,
    *,
    most: int | None = None,
    long_line: LongLine | None = None,
) -> Iterator[Record]:
    """Yield the values of all lines; a line that is not JSON is told to `problem`, and the others are read.

    Lines of `most` bytes and more go to `long_line` instead, where there is one; else they are told too.
    """
    end = 0
    most = bounds().string_bytes if most is None else most
    with input_.open() as stream:
        for number in count(1):
            line = stream.readline(most)
            if not line:
                return
            start, end = end, end + len(line)
            if len(line) >= most:
                end += _rest_of_line(stream, line)
                if long_line is not None:
                    long_line(number, start, end)
                else:
                    here = replace(input_.origin, line=number)
                    problem(*_left_out(here, "string-too-long", f"{too_long('A line')}.", line))
                continue
            value = json_text.line(line)
            if value is not None:
                yield number, start, end, value
            elif line.strip(b"\xef\xbb\xbf \t\r\n"):
                problem(*_fault(input_.origin, number, line))


def _rest_of_line(stream: IO[bytes], line: bytes) -> int:
    """Pass over what is left of a line, and return how many bytes that is."""
    passed = 0
    while line and not line.endswith(b"\n"):
        line = stream.readline(_CHUNK)
        passed += len(line)
    return passed


_NAMES_THREAD = re.compile(rb'"thread_id"\s*:\s*"([\w.:-]{1,200})"', re.ASCII)


def _fault(origin: Origin, number: int, line: bytes) -> tuple[Origin, str, str, str | None]:
    here = replace(origin, line=number)
    try:
        json_text.parse(line.strip(b"\xef\xbb\xbf \t\r\n"))
    except BadJsonError as bad:
        if bad.code == "file-cut-off" and not line.endswith(b"\n"):
            thread = _thread_in(line)
            lacking = f" The thread {thread} is not read, because more may be missing." if thread else ""
            detail = f"{here}: The last line is truncated; export the file again.{lacking} The other lines are read."
            return here, "file-cut-off", detail, thread
        if bad.code == json_text.TOO_DEEP:
            return _left_out(here, bad.code, bad.detail, line)
    return here, "not-json", f"{here}: The line is not JSON. The other lines are read.", None


def _thread_in(line: bytes) -> str | None:
    named = _NAMES_THREAD.search(line)
    return named[1].decode() if named else None


def _left_out(here: Origin, code: str, why: str, line: bytes) -> tuple[Origin, str, str, str | None]:
    """What is told of a line that could be read with another bound."""
    thread = _thread_in(line)
    lacking = f" The thread {thread} is not read, because it would be incomplete." if thread else ""
    return here, code, f"{here}: {why}{lacking} The other lines are read.", thread


@dataclass(slots=True)
class LineRun:
    """Neighbouring lines of one thread and kind."""

    kind: RecordKind
    thread: str
    stretch: int
    start: int
    first: Any
    last: Any = None
    end: int = 0
    entries: int = 0

    def goes_on(self, piece: Loose | None, thread: str | None, start: int) -> bool:
        """Whether the object of a line that begins at `start` belongs to the same block, which has room for it."""
        if start - self.end >= bounds().string_bytes:
            return False  # a line that is too long lies between, and must not be read with its neighbours
        if piece is None or thread != self.thread or piece.kind is not self.kind:
            return False
        return self.entries < BLOCK_ENTRIES and self.end - self.start < BLOCK_BYTES

    def block(self) -> Block:
        """Return the block that the lines make."""
        block = Block(self.kind, self.thread, self.stretch, -1, self.start, self.end - self.start, self.entries)
        block.measure(self.first, self.last)
        return block
