"""`flat-lines`, `flat-array` and `flat-csv`: a message a row, its fields under column names of any kind.

The rows of databases and of scripts: `{thread_id, assistant_id, message_id, role, text, created_at}`. Common names are
recognised; others are told by the setting `source.columns` (field → column), and roles by `source.roles`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from migrate_cli.bounds import loads
from migrate_cli.model import JsonObject
from migrate_cli.sources.columns import Columns
from migrate_cli.sources.dialect import Translator
from migrate_cli.sources.record_tables import untyped
from migrate_cli.sources.roles import Roles
from migrate_cli.sources.shapes.base import Form, Piece, Shape, loose_pieces
from migrate_cli.sources.texts import value_in
from migrate_cli.sources.wire_fields import carries


class FlatRow(Shape):
    """What the three flat shapes share: one row becomes one message."""

    def __init__(self, columns: Columns, translator: Translator) -> None:
        self.columns = columns
        self._translator = translator

    def matches(self, value: Any) -> bool:
        """Recognise a flat object with the needed columns; what says `object` is a wire object."""
        if type(value) is not dict or "object" in value or not self.columns.fit(value):
            return False
        return not isinstance(value[self.columns.found(value)["text"]], (list, dict))

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the messages of one row."""
        yield from loose_pieces(self.entries(value))

    def thread_column(self, columns: Iterable[str]) -> str | None:
        """Return the column that names a row's thread."""
        return self.columns.found(columns).get("thread_id")

    def from_cells(self, cells: JsonObject) -> JsonObject:
        """Return the record that the cells of a row make, before it is translated."""
        return untyped(cells)

    def entries(self, value: Any) -> list[Any]:
        """Return the wire messages of a row, or of the wire messages that one became; nothing for what is not a row."""
        return [self._message(row) for row in super().entries(value) if isinstance(row, dict)]

    def _message(self, row: JsonObject) -> JsonObject:
        if row.get("object") == "thread.message":
            return row
        message = wire_message(row, self.columns.found(row), self._translator.roles)
        return self._translator.finished(message)


class FlatLines(FlatRow):
    """A flat message a line."""

    name = "flat-lines"
    description = (
        "JSON Lines with one flat message per line: thread_id, role, text and so on, under common or configured names"
    )
    form = Form.LINES


class FlatArray(FlatRow):
    """A JSON array of flat messages."""

    name = "flat-array"
    description = "a JSON array of flat messages"

    def matches(self, value: Any) -> bool:
        """Recognise an array whose first object is a flat message."""
        first = next((row for row in value if isinstance(row, dict)), None) if isinstance(value, list) else None
        return first is not None and super().matches(first)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the messages, by thread."""
        rows = (self._message(row) if isinstance(row, dict) else row for row in super().entries(value))
        yield from loose_pieces(rows)


class FlatCsv(FlatRow):
    """A flat message a row of CSV; the reader hands over each row as an object."""

    name = "flat-csv"
    description = "CSV with one flat message per row"
    form = Form.CSV


def wire_message(row: JsonObject, columns: Mapping[str, str], roles: Roles) -> JsonObject:
    """Return the wire message of a flat row; columns that mean nothing here become metadata, so that none is lost."""
    values = {field: row.get(column) for field, column in columns.items()}
    message: JsonObject = {
        "object": "thread.message",
        "id": values.get("message_id"),
        "thread_id": values.get("thread_id"),
        "role": roles.meaning(values.get("role")),
        "content": _content(values.get("text")),
        "created_at": values.get("created_at"),
        "assistant_id": values.get("assistant_id") or None,
        "run_id": values.get("run_id") or None,
    }
    files = file_ids_of(values.get("file_ids"))
    if files:
        message["file_ids"] = files
    used = set(columns.values())
    for column in ("attachments", "Attachments"):
        attached = row.get(column)
        attached = value_in(attached) if isinstance(attached, str) else attached
        if isinstance(attached, list) and attached:
            message["attachments"] = attached
            used.add(column)
    rest = {column: value for column, value in row.items() if column not in used and carries(value)}
    metadata = _mapping(values.get("metadata")) | {column: _plain(value) for column, value in rest.items()}
    if metadata:
        message["metadata"] = metadata
    return message


def _content(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def file_ids_of(value: Any) -> list[Any]:
    """Return the ids that a cell lists: a list, one as JSON, or words between blanks, commas or semicolons."""
    if isinstance(value, list):
        return value
    if not isinstance(value, str) or not value.strip():
        return []
    parsed = _parsed(value)
    return parsed if isinstance(parsed, list) else [part for part in re.split(r"[\s,;]+", value.strip()) if part]


def _mapping(value: Any) -> JsonObject:
    parsed = _parsed(value) if isinstance(value, str) else value
    if isinstance(parsed, dict):
        return parsed
    return {"metadata": _plain(value)} if value not in (None, "", []) else {}


def _parsed(value: str) -> Any:
    try:
        return loads(value)
    except ValueError:
        return None


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
