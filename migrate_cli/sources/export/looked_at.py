"""What is known of a file once it was looked at: its beginning, what it turned out to be, or why it is none of ours.

It must not tell what a file is (`recognise.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from migrate_cli.bounds import bounds, too_long
from migrate_cli.model import JsonObject
from migrate_cli.sources.export import json_text
from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.export.json_stream import Streamed
from migrate_cli.sources.export.json_text import BadJsonError
from migrate_cli.sources.shapes.base import Shape

_FIRST_READ = 64 << 10
_FIRST_LINES = 1 << 20
_NEXT_LINE = re.compile(rb"\s*([^\n]*)")


class NotOursError(Exception):
    """A file is not a part of an export: `code` and a sentence, or None where it is only to be ignored."""

    def __init__(
        self, code: str | None, detail: str, line: int | None = None, *, shown: Sequence[str] = (), kind: str = ""
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.line = line
        self.shown = tuple(shown)
        """Lines that a person may want to see beside the sentence."""
        self.kind = kind
        """What a file is that is ignored, as far as its first bytes tell."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a file turned out to be."""

    shape: Shape
    input: Input
    """The file to read, which may be an unpacked copy."""
    value: Any = None
    """The parsed document, unless it is lines, a table or large."""
    large: Streamed | None = None
    frame: tuple[str, ...] = ()
    """Fields of the document that are next to its records and carry nothing."""
    more: bool = False
    """Whether the document says beside its records that there are further pages."""
    delimiter: str = ","
    cut: bool = False
    """Whether the packed data breaks off; the input is what could be unpacked."""
    broken: str = ""
    """The sentence about a document that breaks off, of which the value is what came whole."""


class Beginning:
    """The first bytes of a file, as few as tell what it is."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.data = stream.read(_FIRST_READ)
        self._whole = len(self.data) < _FIRST_READ

    def read(self, size: int) -> bytes:
        """Return as many bytes from the start, or the whole file."""
        wanted = size - len(self.data)
        if wanted > 0 and not self._whole:
            more = self._stream.read(wanted)
            self._whole = len(more) < wanted
            self.data += more
        return self.data

    def records(self, most: int = 50) -> list[JsonObject]:
        """Return the objects that the first lines hold, as far as whole lines were read."""
        self.read(_FIRST_LINES)
        lines = self.data.split(b"\n")
        whole = lines if self._whole else lines[:-1] or lines
        return [record for line in islice(whole, most) if (record := parsed_line(line)) is not None]

    def two_lines(self, most: int) -> tuple[bytes, bytes]:
        """Return the first line and the next that is not blank; empty where there is none, cut after `most` bytes."""
        while True:
            end = self.data.find(b"\n")
            second = None if end < 0 else _NEXT_LINE.match(self.data, end)
            if self._whole or len(self.data) >= most or (second and second.end() < len(self.data)):
                return (self.data, b"") if second is None else (self.data[:end], second.group(1))
            self.read(min(most, 4 * len(self.data)))


def parsed_line(line: bytes) -> JsonObject | None:
    """Return the object that a line holds, or None."""
    value = json_text.line(line)
    return value if isinstance(value, dict) else None


def held(input_: Input) -> bytes:
    """Return the bytes of a document that cannot be read in fragments. Raises BadJsonError."""
    with input_.open() as stream:
        data = stream.read(bounds().string_bytes + 1)
    if len(data) > bounds().string_bytes:
        raise BadJsonError(
            "string-too-long", f"The document has to be read as a whole, and is {too_long('one')}; or split it."
        )
    return data
