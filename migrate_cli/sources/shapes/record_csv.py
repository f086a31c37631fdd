"""`record-csv`: CSV whose rows are not flat messages: records of a dialect, threads, or rows of an app's own table.

What a row means, the translator has said before. It must not look into the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources import record_tables
from migrate_cli.sources.app_formats import APPS, app_of_row, plain_column
from migrate_cli.sources.columns import Columns
from migrate_cli.sources.dialect import Translator
from migrate_cli.sources.record_kinds import kind_of
from migrate_cli.sources.shapes.base import Form, Piece, loose_pieces
from migrate_cli.sources.shapes.flat import FlatRow
from migrate_cli.sources.shapes.thread_file import whole_thread


class RecordCsv(FlatRow):
    """Each row has become the wire objects that it means, or stayed a flat message."""

    name = "record-csv"
    description = (
        "CSV whose rows are records of a dialect, prompts with their answers, whole threads, or an app's own table"
    )
    form = Form.CSV

    def __init__(self, columns: Columns, translator: Translator, app: str | None = None) -> None:
        super().__init__(columns, translator)
        self._app = app

    def matches(self, value: Any) -> bool:
        """Recognise a header by the columns that the app has, or by those of records."""
        if type(value) is not dict:
            return False
        if self._app:
            return APPS[self._app].marks <= {plain_column(column) for column in value}
        if self._app is None and app_of_row(value) is not None:
            return True
        # Where the user names columns of the table, its rows are flat.
        return not self.columns.named_in(value) and record_tables.holds_records(value)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the wire objects of one row."""
        yield from loose_pieces(self.entries(value))

    def from_cells(self, cells: JsonObject) -> JsonObject:
        """Return the cells of an app's row as they are, and those of others as the record that they hold."""
        return cells if self._app or app_of_row(cells) is not None else record_tables.decoded(cells)

    def entries(self, value: Any) -> list[Any]:
        """Return the wire objects of a row: its messages, those of the thread that it is, and the thread's own."""
        records = value if isinstance(value, list) else [value]
        return [one for record in records for one in _messages_in(record) or [self._message(record)]]

    def _message(self, row: Any) -> Any:
        """Return the message of a record: a flat one keeps its columns as metadata, others are translated already."""
        if type(row) is not dict:
            return row
        if super().matches(row):
            return super()._message(row)
        # What is not a record of any kind is told as a message that lacks everything: it must not vanish.
        return self._translator.finished(row if kind_of(row) is not None else {**row, "object": "thread.message"})

    def thread_column(self, columns: Iterable[str]) -> str | None:
        """Return the column that names a row's thread."""
        there = list(columns)
        app = self._app or app_of_row(dict.fromkeys(there))
        if not app:
            return record_tables.thread_column(there)
        return next((column for column in there if plain_column(column) in APPS[app].threads), None)


def _messages_in(record: Any) -> list[Any]:
    """Return the thread that a record is, and its messages under its id; empty for anything else."""
    if type(record) is not dict or "messages" not in record:
        return []
    whole = whole_thread(record)
    thread = {"object": "thread", **whole.thread, "id": whole.thread_id}
    parts = [*whole.messages, *whole.runs, *whole.steps]
    named = [
        {**raw, "thread_id": whole.thread_id} if type(raw) is dict and raw.get("thread_id") is None else raw
        for raw in parts
    ]
    return [thread, *named]
