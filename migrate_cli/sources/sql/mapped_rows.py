"""Rows that the setting `source.map` describes: which columns order them, and what a row means. Pure.

How a record is read, `sources/mapping.py` knows. A thread has to be named by a column, since the database puts rows of
one thread together by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from migrate_cli.errors import SourceError
from migrate_cli.sources.app_formats import NO_APP
from migrate_cli.sources.columns import Columns, with_columns
from migrate_cli.sources.dialect import Translator
from migrate_cli.sources.mapping import RecordMap, wire_messages
from migrate_cli.sources.outline import closest_path, node_of
from migrate_cli.sources.roles import Roles
from migrate_cli.sources.sql.rows import ColumnMap, MessageRow, plain_values


class MappedRows:
    """The map of one database. Raises SourceError for one that no database can be read by."""

    def __init__(
        self,
        paths: Mapping[str, str],
        columns: Mapping[str, str],
        roles: Mapping[str, str],
        time_format: str | None = None,
    ) -> None:
        self._records = RecordMap(with_columns(paths, columns), Roles(roles))
        self._translate = Translator(Roles(roles), Columns(), time_format, NO_APP).value
        if self._records.path("threads") is not None:
            detail = "source.map.threads is for files: in a database, each row is a thread or a message; remove it."
            raise SourceError(detail, code="map-and-rows")
        if self._records.column("thread_id") is None:
            detail = (
                "source.map.thread_id must name a column, since the database groups the rows of a thread by it; "
                "select one, such as source.select: \"SELECT payload ->> 'room' AS room, payload FROM log\"."
            )
            raise SourceError(detail, code="map-and-rows")

    def fits(self, columns: Sequence[str]) -> bool:
        """Whether every path begins with one of the columns."""
        return not self._records.missing_columns(columns)

    def found(self, columns: Sequence[str], where: str) -> ColumnMap:
        """Return the columns that order the rows. Raises SourceError where a path begins with no column."""
        told = []
        for misfit in self._records.missing_columns(columns):
            close = closest_path(misfit.path, node_of(misfit.tried_on))
            hint = f"; the closest is {close}" if close else ""
            told.append(f"source.map.{misfit.name} ({misfit.path}) names none of its columns{hint}")
        if told:
            raise SourceError(f"{where}: {'; '.join(told)}.", code="map-fits-nothing")
        inside = self._records.whole
        names = ("thread_id",) if inside else ("thread_id", "created_at", "message_id")
        flat = {name: column for name in names if (column := self._records.column(name)) is not None}
        order = None if inside else self._records.column("order")
        return ColumnMap(flat, {} if order is None else {"order": order})

    def reader(self, columns: Sequence[str], found: ColumnMap) -> MappedRowReader:
        """Return what reads a row."""
        return MappedRowReader(self._records, columns, found, self._translate)


class MappedRowReader:
    """Reads the rows of one query by such a map."""

    def __init__(
        self, records: RecordMap, columns: Sequence[str], found: ColumnMap, translate: Callable[[Any], Any]
    ) -> None:
        self._records, self._names, self._found = records, list(columns), found
        self._translate = translate

    def entries(self, row: Sequence[Any]) -> list[MessageRow]:
        """Read one row: a message, or all messages of a thread."""
        values = plain_values(self._names, row)
        columns = (self._found.column("order"), self._found.column("created_at"))
        key = tuple(repr(values[column]) for column in columns if column is not None)
        rows: list[MessageRow] = []
        for thread in self._records.threads(values):
            found: list[MessageRow] = []
            for place, message in enumerate(wire_messages(thread, self._translate)):
                if isinstance(message, dict):
                    at = (*key, place) if self._records.whole else key
                    found.append(MessageRow(thread.thread_id, message, thread.thread, at))
            # A thread without messages is one nevertheless.
            rows += found or [MessageRow(thread.thread_id, None, thread.thread, key)]
        return rows
