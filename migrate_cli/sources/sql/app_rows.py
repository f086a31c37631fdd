"""Rows of an app's own table: which of its columns name the thread and the order, and what a row means. Pure.

What a row of each app holds, `app_formats.py` knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from migrate_cli.errors import SourceError
from migrate_cli.sources.app_formats import APPS, app_messages, plain_column
from migrate_cli.sources.sql.rows import ColumnMap, MessageRow, plain_values, rows_of


class AppColumns:
    """The columns of one app's table."""

    def __init__(self, app: str, columns: Sequence[str], where: str) -> None:
        """Raises SourceError where the table lacks columns of the app."""
        names = {plain_column(column): column for column in reversed(columns)}
        known = APPS[app]
        missing = sorted(known.marks - names.keys())
        if missing:
            raise SourceError(
                f"{where} is not {known.holds} of {app}: it has no column {' or '.join(missing)}. "
                "Name the right table, or leave source.format out and name columns with source.columns.",
                code="missing-column",
            )
        self.threads = [names[name] for name in known.threads if name in names]
        """The columns that name the thread: the first that is filled does."""
        flat = {"thread_id": self.threads[0]}
        for field, wanted in (("created_at", known.times), ("message_id", ("id",))):
            found = next((names[name] for name in wanted if name in names), None)
            if found is not None:
                flat[field] = found
        order = next((names[name] for name in known.order if name in names), None)
        self.found = ColumnMap(flat, {} if order is None else {"order": order})


class AppRowReader:
    """Reads the rows of one query on such a table."""

    def __init__(self, app: str, columns: Sequence[str], found: ColumnMap) -> None:
        self._app, self._names, self._found = app, list(columns), found

    def entries(self, row: Sequence[Any]) -> list[MessageRow]:
        """Read one row: a message, several, or none."""
        values = plain_values(self._names, row)
        key = tuple(
            repr(values[column]) for name in ("order", "created_at") if (column := self._found.column(name)) is not None
        )
        records = app_messages(self._app, values)
        return rows_of(records, key)
