"""Reads the rows of a CSV file, and tells how it ends: after a line, without one, or in the middle of a row.

Python's reader takes any end for the right one. It must not know what the columns mean.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from migrate_cli.sources.probe import LARGE, Found, NotOursError


class Row(NamedTuple):
    """One row of a table."""

    line: int
    """The line that it ends on."""
    cells: dict[str, str]
    """By column."""
    cut: bool = False
    """Whether the file ends in the middle of it; the last cell is the one that is cut."""
    open_end: bool = False
    """Whether the file ends without the end of its line, so that its last cell may be cut."""


def csv_rows(found: Found) -> Iterator[Row]:
    """Yield the rows of a table; raises NotOursError where the text is broken."""
    csv.field_size_limit(LARGE)
    with io.TextIOWrapper(found.input.open(), encoding="utf-8-sig", newline="") as text:
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=found.delimiter)
        try:
            header = next(reader, [])
            lines.taken.clear()
            for cells in reader:
                if cells:
                    yield _row(header, cells, reader.line_num, lines, found.delimiter)
                lines.taken.clear()
        except csv.Error as error:
            detail = f"{found.input.origin}: the table breaks off in line {reader.line_num} ({error})."
            raise NotOursError("csv-broken", detail, reader.line_num) from None
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                detail = (
                    f"{found.input.origin}: The file ends in the middle of a letter; it was cut off. Export it again."
                )
                raise NotOursError("file-cut-off", detail, reader.line_num + 1) from None
            detail = f"{found.input.origin}: the table is not UTF-8 after line {reader.line_num}; save it as UTF-8."
            raise NotOursError("csv-encoding", detail, reader.line_num) from None


class _Lines:
    """The lines of a text. `taken` are those of the row at hand."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = iter(text)
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
        return line

    def _look_ahead(self) -> None:
        try:
            self._next = next(self._text, None)
        except UnicodeDecodeError as error:
            self._next, self._fault = None, error

    @property
    def over(self) -> bool:
        """Whether no line is left, as it should be."""
        return self._next is None and self._fault is None


def _row(header: list[str], cells: list[str], number: int, lines: _Lines, delimiter: str) -> Row:
    row = Row(number, {key: value for key, value in zip(header, cells, strict=False) if key})
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
