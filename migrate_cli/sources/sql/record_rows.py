"""Rows that are records of a dialect, or threads with their messages inside: which columns name thread and time. Pure.

What a record means, the translator says; which tables hold records, `record_tables.py` knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from migrate_cli.sources.columns import Columns
from migrate_cli.sources.dialect import Translator
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.record_tables import decoded, thread_column
from migrate_cli.sources.shapes.record_csv import RecordCsv
from migrate_cli.sources.sql.rows import ColumnMap, MessageRow, plain_values, rows_of


def record_columns(columns: Sequence[str]) -> ColumnMap:
    """Return the columns by which rows of records are grouped and ordered."""
    found = Columns().found(columns)
    flat = {"thread_id": str(thread_column(columns))}
    for name in ("created_at", "message_id"):
        if name in found:
            flat[name] = found[name]
    return ColumnMap(flat)


class RecordRowReader:
    """Reads the rows of one query on such a table."""

    def __init__(self, columns: Sequence[str], found: ColumnMap, translator: Translator) -> None:
        self._names, self._found, self._translator = list(columns), found, translator
        self._shape = RecordCsv(Columns(), translator)

    def entries(self, row: Sequence[Any]) -> list[MessageRow]:
        """Read one row: a message, several, or a thread with its own."""
        values = plain_values(self._names, row)
        time = self._found.column("created_at")
        key = () if time is None else (repr(values[time]),)
        thread_id = clean_id(values[self._found.flat["thread_id"]])
        records = self._shape.entries(self._translator.value(decoded(values)))
        return rows_of(records, key, thread_id)
