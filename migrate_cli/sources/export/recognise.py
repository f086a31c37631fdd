"""Tells what a file is by its content: one JSON document, lines, CSV, YAML, or nothing of ours.

Nothing is decided by a file's name, but the name tells whether a file that cannot be read was meant to be JSON.
It must not keep or join anything (`indexer.py`).
"""

from __future__ import annotations

import codecs
import csv
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import IO, Any

from migrate_cli.bounds import TooDeepError, bounds, too_long
from migrate_cli.model import JsonObject
from migrate_cli.sources.export import json_text
from migrate_cli.sources.export.input_files import transcode, unpack_gzip
from migrate_cli.sources.export.inputs import GZIP_MAGIC, Input, InputSlice
from migrate_cli.sources.export.json_stream import Streamed
from migrate_cli.sources.export.json_text import BadJsonError
from migrate_cli.sources.shapes import ShapeTable
from migrate_cli.sources.shapes.base import Form, Growth, Shape
from migrate_cli.sources.shapes.flat import FIELDS, NEEDED
from migrate_cli.sources.shapes.thread_file import ThreadFile

LARGE = 8 << 20
"""Documents, and lines that hold whole threads, are read incrementally where they have more bytes: parsed, they take
up to ten times as much."""
_LARGE_PACKED = LARGE // 16
_FIRST_READ = 64 << 10
_HEAD_BYTES = 4096
_MESSAGES = re.compile(rb'(?<!\\)"messages"\s*:\s*[\[{n]')
_THREAD = re.compile(rb'\W*\{\s*"thread"\s*:\s*\{')
_LOOKS_JSON = re.compile(rb'\s*(?:\{\s*["}]|\[\s*[\[{"\]])')
_LOOKS_CASSETTE = re.compile(rb"^(?:interactions|http_interactions):", re.MULTILINE)
_LINES_SUFFIXES = frozenset({".jsonl", ".ndjson"})
_JSON_SUFFIXES = _LINES_SUFFIXES | {".json"}
_CSV_SUFFIXES = frozenset({".csv", ".tsv"})
_YAML_SUFFIXES = frozenset({".yaml", ".yml"})
_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_CHUNK = 1 << 20
_NEXT_LINE = re.compile(rb"\s*([^\n]*)")
_THREAD_ID = re.compile(r"thread_[A-Za-z0-9]+")


class NotOursError(Exception):
    """A file is no part of an export: `code` and a sentence, or None where it is only to be ignored."""

    def __init__(self, code: str | None, detail: str, line: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.line = line


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a file turned out to be."""

    shape: Shape
    input: Input
    """The file to read, which may be an unpacked copy."""
    value: Any = None
    """The parsed document, unless it is lines, a table or large."""
    large: Streamed | None = None
    delimiter: str = ","
    cut: bool = False
    """Whether the packed data breaks off; the input is what could be unpacked."""


class Recogniser:
    """Looks into files; `folder` takes unpacked copies."""

    def __init__(self, table: ShapeTable, folder: Path) -> None:
        self._table = table
        self._folder = folder
        self.wire = table.translator.value
        """Brings a parsed value to the wire's spelling."""
        self.several = False
        """Whether a file with more than one whole thread seems to be there."""
        self.met = False
        """Whether any file turned out to be of a known shape."""

    def surely_whole(self, input_: Input) -> bool:
        """Whether a file's beginning shows that it holds whole threads; False when only a full look can tell."""
        if self._table.only is not None:
            return False
        try:
            with input_.open() as stream:
                head = stream.read(_HEAD_BYTES)
        except EOFError:
            return False
        whole = _LOOKS_JSON.match(head.removeprefix(_MARK)) is not None and _seems_whole(head)
        if whole and (head.lstrip().startswith(b"[") or input_.suffix in _LINES_SUFFIXES):
            self.several = True
        return whole

    def look(self, input_: Input) -> Recognised:
        """Tell a file's shape; raises NotOursError. Of a packed file that breaks off, what came is looked at."""
        try:
            found = self._look(input_)
        except EOFError:
            if not input_.compressed():
                raise
            found = self._look_at_rest(input_)
        self.met = True
        self.several |= found.shape.whole and found.shape.name != ThreadFile.name
        return found

    def _look_at_rest(self, input_: Input) -> Recognised:
        """Tell the shape of what can be unpacked of a file; raises NotOursError."""
        came = replace(input_, local=unpack_gzip(input_, self._folder, cut_off=True))
        try:
            return replace(self._look(came), cut=True)
        except NotOursError as error:
            raise NotOursError("file-cut-off", _cut_packed(input_), error.line) from None

    def long_line(self, input_: Input, start: int, end: int, name: str) -> Recognised:
        """Return a line that is too long to be held as a document of the named shape.

        Raises NotOursError and BadJsonError.
        """
        shape = self._table.by_name[name]
        line = InputSlice(input_.local, input_.origin, start, end)
        large = Streamed(line)
        sketch = large.sketch()
        if not shape.matches(self.wire(sketch)):
            raise NotOursError("unknown-shape", self._unknown(line, sketch))
        return Recognised(shape, line, large=large)

    def _look(self, input_: Input) -> Recognised:
        input_ = self._unpacked(input_)
        with input_.open() as stream:
            beginning = _Beginning(stream)
            encoding = _WIDE_MARKS.get(beginning.data[:2])
            if encoding is None:
                return self._look_into(input_, beginning)
        try:
            return self._look(replace(input_, local=transcode(input_, encoding, self._folder)))
        except UnicodeError:
            raise NotOursError("not-json", f"{input_.origin}: The text is not valid {encoding}.") from None

    def _unpacked(self, input_: Input) -> Input:
        """Return a file that may be read several times: a large packed one is unpacked first."""
        if input_.size() > _LARGE_PACKED and input_.compressed():
            return replace(input_, local=unpack_gzip(input_, self._folder))
        return input_

    def _plain(self, input_: Input) -> Input:
        """Return a file unpacked: places in lines are places in bytes, and what is packed must prove its end first."""
        return replace(input_, local=unpack_gzip(input_, self._folder)) if input_.compressed() else input_

    def _look_into(self, input_: Input, beginning: _Beginning) -> Recognised:
        head = beginning.data[:_HEAD_BYTES].removeprefix(_MARK)
        if not _LOOKS_JSON.match(head):
            if self._table.allows(Form.CSV) and (table := self._csv(input_, head)):
                return table
            if self._table.allows(Form.YAML) and _LOOKS_CASSETTE.search(head):
                return self._yaml(input_)
            raise self._not_json(input_, head)
        try:
            return self._json(input_, beginning)
        except BadJsonError as bad:
            raise self._bad(input_, head, bad) from None

    def _json(self, input_: Input, beginning: _Beginning) -> Recognised:
        """Tell lines from a document; a file of one line may be either, and the document's shapes come first."""
        first, second = beginning.two_lines()
        if len(first) >= LARGE:
            return self._lines_after_a_long_one(input_, first) or self._document(input_, beginning)
        record = parsed_line(first) if first.removeprefix(_MARK).lstrip().startswith(b"{") else None
        if record is not None and not second:
            value = self.wire(record)
            shape = self._table.find(Form.DOCUMENT, value)
            if shape is not None:
                return Recognised(shape, input_, value)
        if record is not None or (second.startswith(b"{") and parsed_line(second) is not None):
            lines = self._lines(input_, record or parsed_line(second), alone=not second)
            if lines is not None:
                return lines
        return self._document(input_, beginning)

    def _lines_after_a_long_one(self, input_: Input, first: bytes) -> Recognised | None:
        """Return the file as lines where more follows on a first line that is too long to be held."""
        end = _end_of_first_line(input_) if first.removeprefix(_MARK).lstrip().startswith(b"{") else None
        if end is None:
            return None
        record = Streamed(InputSlice(input_.local, input_.origin, 0, end)).sketch()
        return self._lines(input_, record, alone=False)

    def _lines(self, input_: Input, record: JsonObject | None, *, alone: bool) -> Recognised | None:
        shape = self._table.find(Form.LINES, self.wire(record))
        if shape is not None:
            return Recognised(shape, self._plain(input_))
        if not alone:
            raise NotOursError("unknown-shape", self._unknown(input_, record))
        return None

    def _document(self, input_: Input, beginning: _Beginning) -> Recognised:
        data = beginning.read(LARGE)
        if len(data) < LARGE:
            try:
                value = json_text.parse(data)
                return self._whole_document(input_, Form.DOCUMENT, value)
            except BadJsonError as bad:
                if bad.code != json_text.TOO_DEEP:
                    return self._broken(input_, bad)
        large = Streamed(input_)
        sketch = large.sketch()
        shape = self._shape(input_, Form.DOCUMENT, sketch)
        if large.fault is not None and not _holds_many(shape, sketch):
            raise large.fault
        if shape.growth is not Growth.NONE:
            return Recognised(shape, input_, large=large)
        return self._whole_document(input_, Form.DOCUMENT, json_text.parse(self._held(input_)))

    def _broken(self, input_: Input, bad: BadJsonError) -> Recognised:
        """Return a document that breaks off, or is damaged, to be read as far as it goes. Raises BadJsonError."""
        large = Streamed(input_, bad)
        try:
            sketch = large.sketch()
        except BadJsonError:
            raise bad from None
        shape = self._table.find(Form.DOCUMENT, self.wire(sketch))
        if shape is None or not _holds_many(shape, sketch):
            raise bad
        return Recognised(shape, input_, large=large)

    def _held(self, input_: Input) -> bytes:
        """Return the bytes of a document that cannot be read in fragments. Raises BadJsonError."""
        with input_.open() as stream:
            data = stream.read(bounds().string_bytes + 1)
        if len(data) > bounds().string_bytes:
            raise BadJsonError(
                "string-too-long", f"The document has to be read whole, and is {too_long('one')}; or split it."
            )
        return data

    def _whole_document(self, input_: Input, form: Form, value: Any) -> Recognised:
        wire = self.wire(value)
        shape = self._table.find(form, wire)
        if shape is None:
            raise NotOursError("unknown-shape", self._unknown(input_, value))
        return Recognised(shape, input_, wire)

    def _shape(self, input_: Input, form: Form, value: Any) -> Shape:
        shape = self._table.find(form, self.wire(value))
        if shape is None:
            raise NotOursError("unknown-shape", self._unknown(input_, value))
        return shape

    # Tables and YAML

    def _csv(self, input_: Input, head: bytes) -> Recognised | None:
        first = head.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
        delimiter = max(",;\t|", key=first.count)
        if delimiter not in first:
            return None
        try:
            header = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            return None
        row = dict.fromkeys(header, "")
        shape = self._table.find(Form.CSV, row)
        if shape is not None:
            return Recognised(shape, self._plain(input_), delimiter=delimiter)
        missing = self._table.columns.missing(header)
        if self._table.only is not None or (input_.suffix in _CSV_SUFFIXES and len(missing) < len(NEEDED)):
            raise NotOursError("csv-header", _header_sentence(input_, header, missing), 1)
        return None

    def _yaml(self, input_: Input) -> Recognised:
        import yaml  # noqa: PLC0415 - costs start-up time, and few exports are cassettes

        from migrate_cli.settings.yaml_bounds import TooLargeYamlError, check_yaml  # noqa: PLC0415 - the same

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            text = self._held(input_)
            check_yaml(text, loader)
            value = yaml.load(text, loader)  # noqa: S506 - both loaders are the safe ones
        except TooDeepError as error:
            raise NotOursError(json_text.TOO_DEEP, f"{input_.origin}: The YAML is {error}.") from None
        except TooLargeYamlError as error:
            raise NotOursError("yaml-too-large", f"{input_.origin}: The YAML has {error}.") from None
        except (yaml.YAMLError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else None
            detail = f"{input_.origin}: The text is not YAML (line {line}); record or copy it again."
            raise NotOursError("not-yaml", detail, line) from None
        return self._whole_document(input_, Form.YAML, value)

    # Sentences

    def _not_json(self, input_: Input, head: bytes) -> NotOursError:
        if input_.name.endswith(".gz") and head and GZIP_MAGIC.startswith(head):
            return NotOursError("file-cut-off", _cut_packed(input_))
        if input_.suffix in _CSV_SUFFIXES and not head.strip():
            return NotOursError("file-empty", f"{input_.origin}: The file is empty.")
        if input_.suffix not in _JSON_SUFFIXES:
            return NotOursError(None, f"{input_.origin} is not JSON.")
        try:
            value = json_text.parse(head)
        except BadJsonError as bad:
            return NotOursError(bad.code, f"{input_.origin}: {bad.detail}", bad.line)
        return NotOursError("unknown-shape", self._unknown(input_, value))

    def _bad(self, input_: Input, head: bytes, bad: BadJsonError) -> NotOursError:
        """Return why a document cannot be read; text of another kind that only begins like JSON is ignored."""
        meant = input_.suffix in _JSON_SUFFIXES or re.match(rb'\s*(?:\{\s*"|\[\s*\{)', head)
        return NotOursError(bad.code if meant else None, f"{input_.origin}: {bad.detail}", bad.line)

    def _unknown(self, input_: Input, value: Any) -> str:
        outline = _outline(value)
        if self._table.only is not None:
            return f"{input_.origin} ({outline}) is not of the format {self._table.only}; try --format auto."
        known = ", ".join(self._table.by_name)
        return f"{input_.origin}: the JSON ({outline}) has no shape that is known. Known are {known}."


def _holds_many(shape: Shape, sketch: Any) -> bool:
    """Whether a broken document may hold threads that are whole."""
    return shape.growth is Growth.PAIRS or (
        shape.growth is not Growth.NONE and (isinstance(sketch, list) or shape.batch == 1)
    )


def _cut_packed(input_: Input) -> str:
    return f"{input_.origin}: The compressed file is cut off; copy it again."


def _seems_whole(head: bytes) -> bool:
    if b'"messages"' in head and _MESSAGES.search(head):
        return True
    return _THREAD.match(head[:200]) is not None


class _Beginning:
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

    def two_lines(self) -> tuple[bytes, bytes]:
        """Return the first line and the next that is not blank; empty where there is none, cut after `LARGE` bytes."""
        while True:
            end = self.data.find(b"\n")
            second = None if end < 0 else _NEXT_LINE.match(self.data, end)
            if self._whole or len(self.data) >= LARGE or (second and second.end() < len(self.data)):
                return (self.data, b"") if second is None else (self.data[:end], second.group(1))
            self.read(min(LARGE, 4 * len(self.data)))


def _end_of_first_line(input_: Input) -> int | None:
    """Return where the first line ends, in bytes, if anything but blanks follows on it."""
    place, end = 0, None
    with input_.open() as stream:
        while chunk := stream.read(_CHUNK):
            at = chunk.find(b"\n") if end is None else 0
            if at >= 0:
                end = place + at if end is None else end
                if chunk[at:].strip():
                    return end
            place += len(chunk)
    return None


def parsed_line(line: bytes) -> JsonObject | None:
    """Return the object that a line holds, or None."""
    value = json_text.line(line)
    return value if isinstance(value, dict) else None


def _header_sentence(input_: Input, header: list[str], missing: list[str]) -> str:
    shown = ", ".join(name[:40] for name in header[:12])
    fields = ", ".join(FIELDS)
    return (
        f"{input_.origin}: the columns {shown} do not tell {' and '.join(missing)}; name them under source.columns, "
        f"as field: column, for the fields {fields}."
    )


def _outline(value: Any) -> str:
    if isinstance(value, dict):
        keys = ", ".join(str(key)[:40] for key in list(value)[:6])
        return f"an object with the keys {keys}" if keys else "an empty object"
    if isinstance(value, list):
        return f"an array of {len(value)} entries" if value else "an empty array"
    return f"a single {type(value).__name__}"


def named_thread(input_: Input, *, folders: bool = True) -> str | None:
    """Return the thread id that the file's name holds, or else (`folders`) a folder's name, the nearest first."""
    parts = PurePath(input_.name).parts
    for part in reversed(parts if folders else parts[-1:]):
        found = _THREAD_ID.search(part)
        if found:
            return found.group()
    return None


def stem(input_: Input) -> str:
    """Return the file's name without folders and suffixes, as text whatever its bytes are."""
    name = PurePath(input_.name).name.split(".")[0] or "thread"
    return os.fsencode(name).decode("utf-8", "backslashreplace")
