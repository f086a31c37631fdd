"""Tells what a file is by its content: one JSON document, lines, CSV, YAML, or nothing of ours.

Nothing is decided by a file's name, but the name tells whether a file that cannot be read was meant to be JSON.
It must not keep or join anything (`indexer.py`).
"""

from __future__ import annotations

import codecs
import csv
import os
import re
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.secrets import scrub
from migrate_cli.sources.containers import says_more
from migrate_cli.sources.export import json_text
from migrate_cli.sources.export.event_files import may_hold_events
from migrate_cli.sources.export.input_files import transcode, unpack_gzip
from migrate_cli.sources.export.inputs import GZIP_MAGIC, Input, InputSlice
from migrate_cli.sources.export.json_stream import Streamed
from migrate_cli.sources.export.json_text import BadJsonError
from migrate_cli.sources.export.looked_at import Beginning, NotOursError, Recognised, held, parsed_line
from migrate_cli.sources.foreign import kind_of_bytes, told_of_kinds
from migrate_cli.sources.shapes import ShapeTable
from migrate_cli.sources.shapes.base import Form, Growth, Shape
from migrate_cli.sources.shapes.flat import FlatRow
from migrate_cli.sources.shapes.thread_file import ThreadFile

LARGE = 8 << 20
"""Documents, and lines that hold whole threads, are read incrementally where they have more bytes: parsed, they take
up to ten times as much."""
_LARGE_PACKED = LARGE // 16
_HEAD_BYTES = 4096
_MESSAGES = re.compile(rb'(?<!\\)"messages"\s*:\s*[\[{n]')
_THREAD = re.compile(rb'\W*\{\s*"thread"\s*:\s*\{')
_LOOKS_JSON = re.compile(rb'\s*(?:\{\s*["}]|\[\s*[\[{"\]])')
_LOOKS_CASSETTE = re.compile(rb"^(?:interactions|http_interactions):", re.MULTILINE)
_LOOKS_AGENT = re.compile(rb"^(?:- |\s{0,4})?(?:model|instructions|definition|template|agents):", re.MULTILINE)
_TOP_KEYS = re.compile(rb"^([a-z_]+):", re.MULTILINE)
_SURELY_AGENT = frozenset({b"model", b"instructions"})
"""Keys that a file of YAML has where it was meant to be an agent, so that its faults are told."""
_LINES_SUFFIXES = frozenset({".jsonl", ".ndjson"})
_JSON_SUFFIXES = _LINES_SUFFIXES | {".json"}
_CSV_SUFFIXES = frozenset({".csv", ".tsv"})
_YAML_SUFFIXES = frozenset({".yaml", ".yml"})
_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_CHUNK = 1 << 20
_THREAD_ID = re.compile(r"thread_[A-Za-z0-9]+")


class Recogniser:
    """Looks into files; `folder` takes unpacked copies."""

    def __init__(self, table: ShapeTable, folder: Path) -> None:
        self._table = table
        self._folder = folder
        self.wire = table.translator.value
        """Brings a parsed value to the wire's spelling."""
        self.spellings = table.translator.met
        """Returns the spellings that were met since it was last asked."""
        self.several = False
        """Whether a file with more than one whole thread seems to be there."""
        self.met = False
        """Whether any file turned out to be of a known shape."""

    def surely_whole(self, input_: Input) -> bool:
        """Whether a file's beginning shows that it holds whole threads; False when only a full look can tell."""
        if self._table.only is not None or self._table.by_map is not None:
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
        self.spellings()
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
            raise _unknown(self._table, line, sketch)
        return Recognised(shape, line, large=large)

    def _look(self, input_: Input) -> Recognised:
        input_ = self._unpacked(input_)
        with input_.open() as stream:
            beginning = Beginning(stream)
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

    def _look_into(self, input_: Input, beginning: Beginning) -> Recognised:
        head = beginning.data[:_HEAD_BYTES].removeprefix(_MARK)
        if not _LOOKS_JSON.match(head):
            if self._table.allows(Form.CSV) and (table := self._csv(input_, head)):
                return table
            if self._table.allows(Form.YAML) and _LOOKS_CASSETTE.search(head):
                return self._yaml(input_)
            sure = set(_TOP_KEYS.findall(head)) >= _SURELY_AGENT
            named = input_.suffix in _YAML_SUFFIXES and _LOOKS_AGENT.search(head) is not None
            if self._table.allows(Form.YAML) and (named or (sure and not input_.suffix)):
                return self._yaml(input_, meant=sure)
            if stream := self._stream(input_, head):
                return stream
            raise self._not_json(input_, head)
        try:
            if self._table.by_map is not None:
                return self._described(input_, beginning)
            return self._json(input_, beginning)
        except BadJsonError as bad:
            raise self._bad(input_, head, bad) from None

    def _json(self, input_: Input, beginning: Beginning) -> Recognised:
        """Tell lines from a document; a file of one line may be either, and the document's shapes come first."""
        first, second = beginning.two_lines(LARGE)
        if len(first) >= LARGE:
            return self._lines_after_a_long_one(input_, first) or self._document(input_, beginning)
        record = parsed_line(first) if first.removeprefix(_MARK).lstrip().startswith(b"{") else None
        if record is not None and not second:
            value = _as_rows(self._table, self.wire(record))
            shape = self._table.find(Form.DOCUMENT, value)
            if shape is not None:
                return _document_of(self._table, shape, input_, record, value)
        if (histories := _two_lists(first, second)) is not None:
            shape = self._table.find(Form.LINES, self.wire({"messages": histories}))
            if shape is not None:
                return Recognised(shape, self._plain(input_))
        if record is not None or (second.startswith(b"{") and parsed_line(second) is not None):
            lines = self._lines(input_, record or parsed_line(second), beginning, alone=not second)
            if lines is not None:
                return lines
        return self._document(input_, beginning)

    def _lines_after_a_long_one(self, input_: Input, first: bytes) -> Recognised | None:
        """Return the file as lines where more follows on a first line that is too long to be held."""
        end = _end_of_first_line(input_) if first.removeprefix(_MARK).lstrip().startswith(b"{") else None
        if end is None:
            return None
        record = Streamed(InputSlice(input_.local, input_.origin, 0, end)).sketch()
        return self._lines(input_, record, None, alone=False)

    def _lines(
        self, input_: Input, record: JsonObject | None, beginning: Beginning | None, *, alone: bool
    ) -> Recognised | None:
        shape = self._table.find(Form.LINES, self.wire(record))
        if shape is not None:
            return Recognised(shape, self._plain(input_))
        if not alone:
            if stream := self._stream(input_, b""):
                return stream
            raise _unknown(self._table, input_, beginning.records() if beginning else [record], rows=True)
        return None

    def _described(self, input_: Input, beginning: Beginning) -> Recognised:
        """Return a file that the setting `source.map` describes, or one that completes such files."""
        from migrate_cli.sources.export.described import recognise_described  # noqa: PLC0415 - few sources have a map

        found = recognise_described(self._table, input_, beginning, LARGE)
        return replace(found, input=self._plain(input_)) if found.shape.form is Form.LINES else found

    def _document(self, input_: Input, beginning: Beginning) -> Recognised:
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
            return Recognised(shape, input_, large=large, frame=_frame(self._table, shape, sketch, self.wire(sketch)))
        return self._whole_document(input_, Form.DOCUMENT, json_text.parse(held(input_)))

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

    def _whole_document(self, input_: Input, form: Form, value: Any) -> Recognised:
        wire = _as_rows(self._table, self.wire(value))
        shape = self._table.find(form, wire)
        if shape is None:
            raise _unknown(self._table, input_, value)
        return _document_of(self._table, shape, input_, value, wire)

    def _shape(self, input_: Input, form: Form, value: Any) -> Shape:
        shape = self._table.find(form, self.wire(value))
        if shape is None:
            raise _unknown(self._table, input_, value)
        return shape

    # Tables and YAML

    def _csv(self, input_: Input, head: bytes) -> Recognised | None:
        first = head.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
        delimiter = max(",;\t|", key=first.count)
        named = input_.suffix in _CSV_SUFFIXES
        if delimiter not in first:
            if named:
                _refuse_lone_column(self._table, input_, first)
            return None
        try:
            header = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            return None
        row = dict.fromkeys(header, "")
        shape = self._table.find(Form.CSV, row)
        if shape is not None:
            return Recognised(shape, self._plain(input_), delimiter=delimiter)
        from migrate_cli.sources.export import refusal  # noqa: PLC0415 - only where a file is refused

        if self._table.only is None and not named:
            other = kind_of_bytes(head) is not None
            if other or not refusal.is_table_of_ids(input_, len(header), delimiter):
                return None
        if self._table.by_map is not None:
            raise refusal.unfit_map(input_, self._table.by_map.missing_columns(header), row)
        refused = refusal.unknown_table(input_, header, self._table.columns, delimiter)
        refused.code = refused.code or ("csv-header" if self._table.only is not None else None)
        raise refused

    def _yaml(self, input_: Input, *, meant: bool = True) -> Recognised:
        """Return a cassette or a description of agents; what may be other YAML (not `meant`) is passed by."""
        from migrate_cli.sources.export.cassettes import CassetteError, load_cassette  # noqa: PLC0415 - few are

        try:
            value, broken = load_cassette(held(input_))
            return replace(self._whole_document(input_, Form.YAML, value), broken=broken)
        except (CassetteError, NotOursError) as error:
            if self._table.only is None and (not meant or error.code == "unknown-shape"):
                raise NotOursError(None, f"{input_.origin} is not YAML of threads or agents.") from None
            if isinstance(error, NotOursError):
                raise
            raise NotOursError(error.code, f"{input_.origin}: {error}", error.line) from None

    def _stream(self, input_: Input, head: bytes) -> Recognised | None:
        """Return a text that holds the events of runs: as they were sent, or among the lines of a log."""
        if not self._table.allows(Form.TEXT) or not may_hold_events(input_, head):
            return None
        try:
            text = held(input_).decode().removeprefix("\ufeff")
        except UnicodeDecodeError:
            return None
        shape = self._table.find(Form.TEXT, text)
        return None if shape is None else Recognised(shape, input_, text)

    # Sentences

    def _not_json(self, input_: Input, head: bytes) -> NotOursError:
        if input_.name.endswith(".gz") and head and GZIP_MAGIC.startswith(head):
            return NotOursError("file-cut-off", _cut_packed(input_))
        if input_.suffix in _CSV_SUFFIXES and not head.strip():
            return NotOursError("file-empty", f"{input_.origin}: The file is empty.")
        if input_.suffix not in _JSON_SUFFIXES:
            kind = kind_of_bytes(head)
            told = f"holds no threads; it is of the kind {kind}. {told_of_kinds([kind])}" if kind else "is not JSON."
            return NotOursError(None, f"{input_.origin} {told}", kind=kind or "")
        try:
            value = json_text.parse(head)
        except BadJsonError as bad:
            return NotOursError(bad.code, f"{input_.origin}: {bad.detail}", bad.line)
        return _unknown(self._table, input_, value)

    def _bad(self, input_: Input, head: bytes, bad: BadJsonError) -> NotOursError:
        """Return why a document cannot be read; text of another kind that only begins like JSON is ignored."""
        meant = input_.suffix in _JSON_SUFFIXES or re.match(rb'\s*(?:\{\s*"|\[\s*\{)', head)
        return NotOursError(bad.code if meant else None, f"{input_.origin}: {bad.detail}", bad.line)


def _unknown(table: ShapeTable, input_: Input, value: Any, *, rows: bool = False) -> NotOursError:
    """Return the refusal of a file of JSON; `rows`: the value is a list of the values of its first lines."""
    from migrate_cli.sources.export import refusal  # noqa: PLC0415 - only where a file is refused

    return refusal.unknown_format(input_, value, only=table.only, rows=rows)


def _refuse_lone_column(table: ShapeTable, input_: Input, header: str) -> None:
    """Refuse a table of one column where ids of threads or messages stand in it; others are told later."""
    from migrate_cli.sources.export import refusal  # noqa: PLC0415 - only where a file is refused

    if refusal.is_table_of_ids(input_, None, ","):
        raise refusal.unknown_table(input_, [header], table.columns, ",")


def _two_lists(first: bytes, second: bytes) -> list[Any] | None:
    """Return the list of the first line where the second is one too, so that each may be a thread's messages."""
    if not (first.removeprefix(_MARK).lstrip().startswith(b"[") and second.startswith(b"[")):
        return None
    lists = [json_text.line(line) for line in (first, second)]
    return lists[0] if all(type(one) is list for one in lists) else None


def _as_rows(table: ShapeTable, value: Any) -> Any:
    """Return the one row of a table, which a document may be, in an array; else the value."""
    if type(value) is dict and isinstance(table.find(Form.DOCUMENT, [value]), FlatRow):
        return [value]
    return value


def _document_of(table: ShapeTable, shape: Shape, input_: Input, value: Any, wire: Any) -> Recognised:
    """Return a document that is at hand, with what is next to its records."""
    frame = _frame(table, shape, value, wire)
    return Recognised(shape, input_, wire, frame=frame, more=bool(frame) and says_more(value))


def _frame(table: ShapeTable, shape: Shape, value: Any, wire: Any) -> tuple[str, ...]:
    """The fields of a document beside its records: those that its translation lost, and those that the shape leaves."""
    names = (*table.translator.beside(value, wire), *shape.frame(wire))
    return tuple(scrub(name) for name in dict.fromkeys(names))


def _holds_many(shape: Shape, sketch: Any) -> bool:
    """Whether a broken document may hold threads that are whole."""
    return shape.growth is Growth.PAIRS or (
        shape.growth is not Growth.NONE and (isinstance(sketch, list) or shape.batch == 1)
    )


def _cut_packed(input_: Input) -> str:
    return f"{input_.origin}: The compressed file is truncated; copy it again."


def _seems_whole(head: bytes) -> bool:
    if b'"messages"' in head and _MESSAGES.search(head):
        return True
    return _THREAD.match(head[:200]) is not None


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
