"""Looks into the files of an export: tells each one's shape by its content, and indexes what is spread over files.

It fills the shelf and cuts documents into pieces; it must not build threads (`assemble.py`) or walk folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from migrate_cli.model import JsonObject, Origin
from migrate_cli.sources import jsontext, shapes
from migrate_cli.sources.inputs import Input
from migrate_cli.sources.interface import ShapeTaken
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.records import Kind
from migrate_cli.sources.shapes.base import Loose, Shape, Whole
from migrate_cli.sources.shelf import Block, Shelf

HEAD_BYTES = 4096
_WHOLE = re.compile(rb'(?<!\\)"messages"\s*:\s*[\[{n]|^\W*\{\s*"thread"\s*:\s*\{')
_LOOKS_JSON = re.compile(rb'\s*(?:\{\s*"|\[\s*[\[{"])')
_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
_THREAD_ID = re.compile(r"thread_[A-Za-z0-9]+")


@dataclass(slots=True)
class Tally:
    """Which shape how many files were taken for."""

    files: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def take(self, shape: str, origin: Origin) -> None:
        """Count one file."""
        self.files[shape] = self.files.get(shape, 0) + 1
        self.examples.setdefault(shape, str(origin))

    def shapes(self) -> list[ShapeTaken]:
        """Return the counts, by name."""
        return [ShapeTaken(name, self.files[name], self.examples[name]) for name in sorted(self.files)]


class UnknownError(Exception):
    """A file is no part of an export: `code` and a sentence, or ignored when `code` is None."""

    def __init__(self, code: str | None, detail: str, line: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.line = line


class Scanner:
    """Reads files into the shelf, or into whole threads where a file needs no sibling."""

    def __init__(self, shelf: Shelf, tally: Tally, only: str | None = None) -> None:
        self._shelf = shelf
        self._tally = tally
        self._only = only

    def survey(self, input_: Input) -> bool:
        """Index a file whose objects may have siblings; return False for one that holds whole threads.

        Problems go to the shelf.
        """
        with input_.open() as stream:
            head = stream.read(HEAD_BYTES)
        if _WHOLE.search(head) and _LOOKS_JSON.match(head):
            return False
        try:
            return self._index(input_, head)
        except UnknownError as unknown:
            self._refuse(input_, unknown)
            return True

    def pieces(self, input_: Input) -> Iterator[tuple[Shape, Whole]]:
        """Yield the whole threads of a file; what turns out to be loose goes to the shelf after all."""
        try:
            value = self._document(input_, input_.read())
            shape = self._shape(value)
            self._tally.take(shape.name, input_.origin)
            loose = []
            for piece in shape.pieces(value):
                if isinstance(piece, Whole):
                    yield shape, piece
                else:
                    loose.append(piece)
            self._shelve(input_, shape, loose)
        except UnknownError as unknown:
            self._refuse(input_, unknown)

    # Documents

    def _index(self, input_: Input, head: bytes) -> bool:
        if not _LOOKS_JSON.match(_without_mark(head)):
            raise _not_json(input_, head)
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and self._index_lines(input_):
            return True
        value = self._document(input_, input_.read())
        shape = self._shape(value)
        if shape.whole:
            return False
        self._tally.take(shape.name, input_.origin)
        self._shelve(input_, shape, [piece for piece in shape.pieces(value) if isinstance(piece, Loose)])
        return True

    def _document(self, input_: Input, data: bytes) -> Any:
        try:
            return jsontext.parse(data)
        except jsontext.BadJsonError as bad:
            raise UnknownError(bad.code, f"{input_.origin}: {bad.detail}", bad.line) from None

    def _shape(self, value: Any) -> Shape:
        shape = shapes.document_shape(value, self._only)
        if shape is None:
            raise UnknownError("unknown-shape", unknown_shape(value, self._only))
        return shape

    def _shelve(self, input_: Input, shape: Shape, pieces: list[Loose]) -> None:
        """Index the loose pieces of a document: by reference where it is about one thread, else by way of the spool."""
        alone = sum(piece.kind is Kind.MESSAGE for piece in pieces) == 1
        for place, piece in enumerate(pieces):
            if piece.kind in {Kind.ASSISTANT, Kind.FILE}:
                self._keep(piece)
                continue
            thread = self._thread_of(input_, piece)
            if thread is None:
                continue
            by_reference = alone and piece.kind is Kind.MESSAGE
            stretch = self._shelf.stretch(shape.name, input_, api_page=piece.api_page, spooled=not by_reference)
            if by_reference:
                block = Block(piece.kind, thread, stretch, piece=place)
                for raw in piece.raws:
                    block.take(raw)
                self._shelf.add(block)
            else:
                self._shelf.spool(piece.kind, thread, stretch, piece.raws)

    def _keep(self, piece: Loose) -> None:
        for raw in piece.raws:
            self._shelf.keep(piece.kind, clean_id(raw.get("id")) or "", raw)

    def _thread_of(self, input_: Input, piece: Loose) -> str | None:
        """Return the thread that a piece belongs to, by its own word or by the file's name."""
        if piece.thread_id is not None:
            return piece.thread_id
        named = named_thread(input_)
        if named is None and piece.kind is Kind.MESSAGE and piece.raws:
            return stem(input_)
        if named is None and piece.raws:
            detail = f"The {piece.kind.value} objects name no thread; put them into a file named after their thread."
            self._shelf.problem(input_.origin, "object-without-thread", detail)
        return named

    # Lines

    def _index_lines(self, input_: Input) -> bool:
        """Index a file of JSON Lines; return False if it is none."""
        with input_.open() as stream:
            first, second = stream.readline(), stream.readline()
        record = _line(first)
        if record is None:
            record = _line(second)
        elif not second.strip() and shapes.document_shape(record, self._only) is not None and not _is_message(record):
            return False
        if record is None:
            return False
        shape = shapes.line_shape(record, self._only)
        if shape is None:
            if second.strip() and _line(second) is not None:
                raise UnknownError("unknown-shape", unknown_shape(record, self._only))
            return False
        self._tally.take(shape.name, input_.origin)
        self._index_records(input_, shape)
        return True

    def _index_records(self, input_: Input, shape: Shape) -> None:
        plain = self._plain(input_)
        stretch = self._shelf.stretch(shape.name, plain)
        block: Block | None = None
        position = 0
        with plain.open() as stream:
            for number, line in enumerate(stream, 1):
                start, position = position, position + len(line)
                piece = self._record(plain, shape, number, line)
                if piece is None:
                    continue
                thread = piece.thread_id or self._thread_of(plain, piece)
                if thread is None:
                    continue
                if block is not None and block.thread == thread and block.kind is piece.kind and not block.full:
                    block.length = position - block.start
                else:
                    if block is not None:
                        self._shelf.add(block)
                    block = Block(piece.kind, thread, stretch, start=start, length=len(line))
                block.take(piece.raws[0])
        if block is not None:
            self._shelf.add(block)

    def _record(self, input_: Input, shape: Shape, number: int, line: bytes) -> Loose | None:
        """Return the object of one line; blank lines, kept objects and problems give None."""
        text = line.strip(b"\xef\xbb\xbf \t\r\n")
        if not text:
            return None
        origin = Origin(input_.origin.path, input_.origin.member, number)
        try:
            value = jsontext.parse(text)
        except jsontext.BadJsonError as bad:
            code = bad.code if not line.endswith(b"\n") else "not-json"
            detail = "is cut off" if bad.code == "file-cut-off" else "is not JSON"
            self._shelf.problem(origin, code, f"Line {number} of {input_.origin} {detail}; the other lines are read.")
            return None
        for piece in shape.pieces(value):
            if isinstance(piece, Loose):
                if piece.kind not in {Kind.ASSISTANT, Kind.FILE}:
                    return piece
                self._keep(piece)
        return None

    def _plain(self, input_: Input) -> Input:
        """Return the input as a file that can be read at any position."""
        if not input_.compressed():
            return input_
        return Input(self._shelf.unpack(input_), input_.origin)

    def _refuse(self, input_: Input, unknown: UnknownError) -> None:
        if unknown.code is None:
            self._tally.take("ignored", input_.origin)
            return
        self._tally.take("unreadable", input_.origin)
        origin = Origin(input_.origin.path, input_.origin.member, unknown.line)
        self._shelf.problem(origin, unknown.code, unknown.detail, named_thread(input_))


def unknown_shape(value: Any, only: str | None) -> str:
    """Return the sentence for JSON that no shape fits."""
    if only is not None:
        return f"The JSON is not of the shape {only}, which was asked for with --format; leave it at auto."
    known = "; ".join(f"{name}: {description}" for name, description in shapes.SHAPES.items())
    return f"The JSON ({_outline(value)}) has no shape that is known. Known are {known}."


def _outline(value: Any) -> str:
    if isinstance(value, dict):
        keys = ", ".join(str(key)[:40] for key in list(value)[:6])
        return f"an object with the keys {keys}" if keys else "an empty object"
    if isinstance(value, list):
        return f"an array of {len(value)} entries" if value else "an empty array"
    return f"a single {type(value).__name__}"


def named_thread(input_: Input) -> str | None:
    """Return the thread id that the file's name holds, or else a folder's name, the nearest first."""
    for part in reversed(PurePath(input_.name).parts):
        found = _THREAD_ID.search(part)
        if found:
            return found.group()
    return None


def stem(input_: Input) -> str:
    """Return the file's name without folders and suffixes."""
    return PurePath(input_.name).name.split(".")[0] or "thread"


def _without_mark(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf")


def _not_json(input_: Input, head: bytes) -> UnknownError:
    name = PurePath(input_.name.removesuffix(".gz"))
    if name.suffix.lower() not in _JSON_SUFFIXES:
        return UnknownError(None, "not JSON")
    try:
        jsontext.parse(head)
    except jsontext.BadJsonError as bad:
        return UnknownError(bad.code, f"{input_.origin}: {bad.detail}", bad.line)
    return UnknownError("unknown-shape", unknown_shape(jsontext.parse(head), None))


def _line(line: bytes) -> JsonObject | None:
    try:
        value = jsontext.parse(line)
    except jsontext.BadJsonError:
        return None
    return value if isinstance(value, dict) else None


def _is_message(value: Any) -> bool:
    shape = shapes.line_shape(value)
    return shape is not None and any(isinstance(p, Loose) and p.kind is Kind.MESSAGE for p in shape.pieces(value))
