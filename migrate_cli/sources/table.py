"""Reads the rows of a CSV file, and tells how it ends: after a line, without one, or in the middle of a row.

Python's reader takes any end for the right one. It must not know what the columns mean.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from migrate_cli.bounds import bounds
from migrate_cli.sources.export.looked_at import NotOursError, Recognised
from migrate_cli.sources.foreign import not_utf8


class CsvRow(NamedTuple):
    """One row of a table."""

    line: int
    """The line that it ends on."""
    cells: dict[str, str]
    """By column."""
    cut: bool = False
    """Whether the file ends in the middle of it; the last cell is the one that is cut."""
    open_end: bool = False
    """Whether the file ends without the end of its line, so that its last cell may be cut."""
    surplus: int = 0
    """How many cells with something in them stand behind the last column."""
    too_long: bool = False
    """Whether a cell has more characters than `limits.string_bytes` allows; then there are no cells."""


class _LongLineError(Exception):
    """A line is longer than any cell may be."""


def csv_rows(found: Recognised) -> Iterator[CsvRow]:
    """Yield the rows of a table; raises NotOursError where the text is broken."""
    csv.field_size_limit(bounds().string_bytes)
    with io.TextIOWrapper(found.input.open(), encoding="utf-8-sig", newline="") as text:
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=found.delimiter)
        try:
            header = _distinct(next(reader, []))
            lines.taken.clear()
            for cells in _cells(reader, lines):
                if cells is None:
                    yield CsvRow(reader.line_num, {}, too_long=True)
                elif cells:
                    yield _row(header, cells, reader.line_num, lines, found.delimiter)
                lines.taken.clear()
        except csv.Error as error:
            detail = f"{found.input.origin}: the table ends early, in line {reader.line_num} ({error})."
            raise NotOursError("csv-broken", detail, reader.line_num) from None
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                detail = (
                    f"{found.input.origin}: The file ends in the middle of a character; it is truncated. Export "
                    "it again."
                )
                raise NotOursError("file-cut-off", detail, reader.line_num + 1) from None
            detail = f"{found.input.origin}: {not_utf8(error.object)}"
            raise NotOursError("csv-encoding", detail, reader.line_num) from None


def _distinct(header: list[str]) -> list[str]:
    """Return the names of the columns; the second of one name is called `name (2)`, so that none hides another."""
    names: list[str] = []
    for name in header:
        own, number = name, 2
        while name and (own in names or (own != name and own in header)):
            own, number = f"{name} ({number})", number + 1
        names.append(own)
    return names


def header_is_open(found: Recognised) -> bool:
    """Whether a file without rows ends without the end of its line."""
    with found.input.open() as stream:
        stream.seek(0, io.SEEK_END)
        if not stream.tell():
            return False
        stream.seek(-1, io.SEEK_END)
        return stream.read(1) not in (b"\n", b"\r")


def _cells(reader: Iterator[list[str]], lines: _Lines) -> Iterator[list[str] | None]:
    """Yield the rows' cells; None for a row with a cell that is too long, which is passed over."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except (_LongLineError, csv.Error) as error:
            if isinstance(error, csv.Error) and "field limit" not in str(error):
                raise
            lines.pass_row()
            yield None


class _Lines:
    """The lines of a text. `taken` are those of the row at hand."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._most = bounds().string_bytes
        self._next: str | None = None
        self._fault: UnicodeDecodeError | None = None
        self._look_ahead()
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._next
        if line is None:
            raise self._fault or StopIteration
        self._look_ahead()
        self.taken.append(line)
        if self._goes_on(line):
            raise _LongLineError
        return line

    def pass_row(self) -> None:
        """Go on behind the row at hand, as its quotes tell: one that is open holds line ends, and so may go on."""
        quotes = sum(line.count('"') for line in self.taken)
        last = self.taken[-1]
        while (self._goes_on(last) or quotes % 2) and self._next is not None:
            last = self._next
            quotes += last.count('"')
            self._look_ahead()

    def _goes_on(self, line: str) -> bool:
        """Whether a line is only the beginning of one."""
        return len(line) >= self._most and not line.endswith(("\n", "\r")) and not self.over

    def _look_ahead(self) -> None:
        try:
            self._next = self._text.readline(self._most) or None
        except UnicodeDecodeError as error:
            self._next, self._fault = None, error

    @property
    def over(self) -> bool:
        """Whether no line is left, as it should be."""
        return self._next is None and self._fault is None


def _row(header: list[str], cells: list[str], number: int, lines: _Lines, delimiter: str) -> CsvRow:
    row = CsvRow(
        number,
        {key: value for key, value in zip(header, cells, strict=False) if key},
        surplus=sum(map(bool, cells[len(header) :])),
    )
    if not lines.over:
        return row
    if _ends_in_quotes(lines.taken, delimiter):
        return row._replace(cut=True)
    if lines.taken[-1].endswith(("\n", "\r")):
        return row
    short = len(cells) < len(header)
    return row._replace(cut=short, open_end=not short)


def _ends_in_quotes(lines: list[str], delimiter: str) -> bool:
    try:
        list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False
