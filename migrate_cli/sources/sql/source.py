"""A table of the user's own as a source: a row for each message, streamed and grouped into threads.

The database orders by thread and then by the order column, the time, and what tells the order of insertion. Rows are
read once, a page at a time; only the thread at hand is held, and a long one on disk. It must not write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from migrate_cli.errors import SourceError, UsageError
from migrate_cli.model import Origin, Thread, Unreadable
from migrate_cli.sources.app_formats import APPS, NO_APP, app_of, plain_column
from migrate_cli.sources.columns import Columns
from migrate_cli.sources.dialect import Translator
from migrate_cli.sources.disk_set import DiskSet
from migrate_cli.sources.explain import RECORDS, Explanation, RecordShown, named_shown, record_shown
from migrate_cli.sources.interface import Selection, ShapeTaken, Source
from migrate_cli.sources.ordering import WAYS
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.record_tables import holds_records
from migrate_cli.sources.roles import Roles
from migrate_cli.sources.spellings_met import of_columns
from migrate_cli.sources.sql.app_rows import AppColumns, AppRowReader
from migrate_cli.sources.sql.database import Database, UnfitValueError, open_database
from migrate_cli.sources.sql.grouping import RowOrder, ThreadRows
from migrate_cli.sources.sql.record_rows import RecordRowReader, record_columns
from migrate_cli.sources.sql.rows import ColumnMap, MessageRow, RowReader, find_columns, fits, plain_values

if TYPE_CHECKING:
    from migrate_cli.sources.sql.mapped_rows import MappedRowReader, MappedRows

SHAPE = "sql-rows"
FEW = 500
"""Thread ids that are asked for by name; for more, all rows are read and the others left out."""


@dataclass(frozen=True, slots=True)
class RowQuery:
    """Which rows to read, and what their columns and roles mean."""

    table: str | None = None
    """`name` or `schema.name`; None finds the one table that fits."""
    select: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    order: str = "auto"
    """Which way round the rows of a thread stand; see `ordering.WAYS`."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Where the fields lie in records that are in columns as JSON, field → path (`source.map`)."""
    app: str | None = None
    """The app whose table it is, one of `app_formats.APPS`; None tells it by the columns, unless some are named."""
    time_format: str | None = None
    """How times are written, as `strptime` has it; other forms are tried after it."""


class SqlSource(Source):
    """The rows of one table or query. Each reading has a connection of its own, which is read-only."""

    kind = "sql"
    live = True

    def __init__(self, url: str, rows: RowQuery, *, timeout: float = 60.0) -> None:
        if rows.table is not None and rows.select is not None:
            raise UsageError("source.table and source.select exclude each other; keep the one that names the messages")
        self._url, self._rows, self._timeout = url, rows, timeout
        with closing(open_database(url, timeout=timeout)) as database:
            self._table = rows.table or (None if rows.select else _only_table(database, rows))
            self._plan = _Plan(database, self._table, rows)
            self._place = database.place
        self._read = 0

    @property
    def identity(self) -> str:
        """The database without user and password, and the table, or a hash of the query."""
        if self._table is not None:
            return f"{self._place}#{self._table}"
        return f"{self._place}#select:{hashlib.blake2b(str(self._rows.select).encode(), digest_size=8).hexdigest()}"

    def threads(self, selection: Selection) -> Iterator[Thread | Unreadable]:
        """Yield threads in the database's order of their ids. Rows without a thread come as one `Unreadable`."""
        with closing(open_database(self._url, timeout=self._timeout)) as database:
            yield from self.chosen(self._grouped(self._entries(database, selection), selection), selection)

    def shapes(self) -> list[ShapeTaken]:
        """One shape, once anything was read."""
        return [ShapeTaken(self._plan.shape, 1, self._plan.where, spelling=self._plan.spelling)] if self._read else []

    def explain(self, name: str | None) -> Explanation:
        """Return how the first rows of the table are read, or of another one."""
        if name is not None and name != self._table:
            return SqlSource(self._url, replace(self._rows, table=name, select=None)).explain(None)
        with closing(open_database(self._url)) as database:
            rows = list(islice(database.rows(self._plan.statement()), RECORDS))
        shown = tuple(map(self._plan.shown, rows))
        return Explanation(self._plan.where, self._plan.shape, shown)

    def expected(self) -> int | None:
        """How many threads there are, where counting is quick: in a file."""
        with closing(open_database(self._url, timeout=self._timeout)) as database:
            if database.dialect != "sqlite":
                return None
            ((count,),) = database.rows(self._plan.count())
            return int(count)

    def _entries(self, database: Database, selection: Selection) -> Iterator[tuple[MessageRow, Any]]:
        ids = sorted(selection.thread_ids) if selection.thread_ids is not None else None
        if ids is None or len(ids) > FEW:
            rows = database.rows(self._plan.statement())
        elif not ids:
            rows = iter(())
        else:
            rows = self._chosen(database, ids)
        return self._plan.entries(rows)

    def _chosen(self, database: Database, ids: Sequence[str]) -> Iterator[tuple[object, ...]]:
        """Read the rows of a few threads; ids that do not fit the column's type are compared as texts instead."""
        if database.dialect == "sqlite":
            # Columns without a declared type compare numbers and texts as they are.
            values = [*ids, *(int(one) for one in ids if one.isdecimal() and len(one) < 19)]
            yield from database.rows(self._plan.statement(database.marks(len(values))), values)
            return
        try:
            yield from database.rows(self._plan.statement(database.marks(len(ids))), ids)
        except UnfitValueError:
            database.forget_failure()
            yield from database.rows(self._plan.statement(database.marks(len(ids)), as_text=True), ids)

    def _grouped(
        self, entries: Iterator[tuple[MessageRow, Any]], selection: Selection
    ) -> Iterator[Thread | Unreadable]:
        seen = DiskSet()
        thread_rows: ThreadRows | None = None
        current: object = object()
        strays = 0
        for entry, inserted in entries:
            self._read += 1
            if entry.thread_id is None:
                strays += 1
                continue
            if entry.thread_id != current:
                if thread_rows is not None:
                    yield self._thread(thread_rows)
                current, thread_rows = entry.thread_id, None
                if not seen.add(entry.thread_id):
                    yield self._apart(entry.thread_id)
                elif selection.wants(entry.thread_id):
                    thread_rows = ThreadRows(entry.thread_id)
            if thread_rows is not None:
                thread_rows.add(entry, inserted)
        if thread_rows is not None:
            yield self._thread(thread_rows)
        if strays:
            yield self._without_thread(strays)

    def _thread(self, thread_rows: ThreadRows) -> Thread:
        return thread_rows.thread(Origin(self._plan.where), self._plan.shape, self._plan.ordered)

    def _apart(self, thread_id: str) -> Unreadable:
        detail = (
            f"The rows of {thread_id} are in several groups, because the database treats different ids as equal; "
            "the first group is read. Give the column a case- and accent-sensitive collation."
        )
        return Unreadable(Origin(self._plan.where), "thread-rows-apart", detail, thread_id)

    def _without_thread(self, count: int) -> Unreadable:
        detail = (
            f"{count:,} row{'s' if count > 1 else ''} have no value in the column of the thread and are left out; "
            "fill it, or exclude those rows with source.select."
        )
        return Unreadable(Origin(self._plan.where), "rows-without-thread", detail)


class _Plan:
    """The statements that read one table or query, with its columns found."""

    def __init__(self, database: Database, table: str | None, rows: RowQuery) -> None:
        self.where = f"{database.place}#{table or 'select'}"
        inner = (rows.select or "").strip().rstrip(";")
        # Wrapped like this, nothing but a query is valid.
        self._base = f"{database.table(table)} q" if table else f"({database.embed(inner)}\n) q"
        self.columns = database.columns(f"SELECT * FROM {self._base} WHERE 1 = 0")  # noqa: S608 - quoted, or the user's own query
        self._way = WAYS[rows.order]
        self._translator = Translator(Roles(rows.roles), Columns(rows.columns), rows.time_format, rows.app or NO_APP)
        self._quoted = {name: f"q.{database.quote(name)}" for name in self.columns}
        self.app = rows.app or (None if rows.columns or rows.paths else app_of(self.columns))
        place = f"The table {table}" if table else "The query"
        self._map = _map_of(rows)
        self._of_records = self._map is None and self.app is None and not rows.columns and holds_records(self.columns)
        self.found: ColumnMap
        if self._map is not None:
            self.found = self._map.found(self.columns, place)
            self._thread = self._quoted[self.found.flat["thread_id"]]
        elif self.app is None:
            of_records = self._of_records
            self.found = record_columns(self.columns) if of_records else find_columns(self.columns, rows.columns, place)
            self._thread = self._quoted[self.found.flat["thread_id"]]
        else:
            of_app = AppColumns(self.app, self.columns, place)
            self.found = of_app.found
            self._thread = _first_filled([self._quoted[name] for name in of_app.threads])
        self.shape = self.app or SHAPE
        self._text = "CHAR" if database.dialect in ("mysql", "mariadb") else "VARCHAR(255)"
        self._hidden = _hidden_order(database, table, self._base)

    def reader(self) -> RowReader | RecordRowReader | AppRowReader | MappedRowReader:
        """Return what reads a row."""
        if self._map is not None:
            return self._map.reader(self.columns, self.found)
        if self._of_records:
            return RecordRowReader(self.columns, self.found, self._translator)
        if self.app is None:
            return RowReader(self.columns, self.found, self._translator)
        return AppRowReader(self.app, self.columns, self.found)

    @property
    def spelling(self) -> tuple[str, ...]:
        """The columns that have other names than the wire's fields."""
        return () if self.app is not None else of_columns([{**self.found.flat, **self.found.own}])

    def shown(self, row: Sequence[object]) -> RecordShown:
        """Show how a row is read: by the columns found, or by what the app's row became."""
        values = plain_values(self.columns, row)
        if self.app is not None or self._map is not None or self._of_records:
            said = [one.message for one in self.reader().entries(row) if one.message is not None]
            return record_shown(values, said, RecordKind.MESSAGE)
        wire = {"message_id": "id", "text": "content"}
        fields = {column: wire.get(name, name) for name, column in {**self.found.flat, **self.found.own}.items()}
        return named_shown("row", fields, values)

    @property
    def ordered(self) -> RowOrder:
        """How rows of one thread are ordered."""
        counting, time = (self.found.column(name) for name in ("order", "created_at"))
        return RowOrder(
            " and ".join(name for name in (counting, time) if name) or "nothing",
            f"the column {counting}" if counting else None,
            time,
            "the order of insertion",
            self._way,
        )

    def entries(self, rows: Iterable[Sequence[object]]) -> Iterator[tuple[MessageRow, Any]]:
        """Yield what each row holds, with what counts rows as they were inserted, or a counting id; else None."""
        reader = self.reader()
        for row in rows:
            for entry in reader.entries(row):
                known = row[-1] if self._hidden is not None else (entry.message or {}).get("id")
                yield entry, known if isinstance(known, int) else None

    def statement(self, marks: Sequence[str] = (), *, as_text: bool = False) -> str:
        """Return the query for all rows, or for those of some threads."""
        compared = f"CAST({self._thread} AS {self._text})" if as_text else self._thread
        where = f" WHERE {compared} IN ({', '.join(marks)})" if marks else ""
        names = ", ".join([*(self._quoted[name] for name in self.columns), *([self._hidden] if self._hidden else [])])
        return f"SELECT {names} FROM {self._base}{where} ORDER BY {', '.join(self._order())}"  # noqa: S608 - quoted

    def count(self) -> str:
        """Return the query that counts threads."""
        return f"SELECT COUNT(DISTINCT {self._thread}) FROM {self._base}"  # noqa: S608 - quoted

    def _order(self) -> list[str]:
        columns = [self.found.column(name) for name in ("order", "created_at")]
        last = self._hidden or self._quoted.get(self.found.column("message_id") or "")
        return [self._thread, *(self._quoted[name] for name in columns if name), *([last] if last else [])]


def _map_of(rows: RowQuery) -> MappedRows | None:
    if not rows.paths:
        return None
    from migrate_cli.sources.sql.mapped_rows import MappedRows  # noqa: PLC0415 - few sources have a map

    return MappedRows(rows.paths, rows.columns, rows.roles, rows.time_format)


def _first_filled(columns: Sequence[str]) -> str:
    """Return the expression for the first of some columns that holds anything."""
    if len(columns) == 1:
        return columns[0]
    filled = ", ".join(f"NULLIF({column}, '')" for column in columns)
    return f"COALESCE({filled})"


def _hidden_order(database: Database, table: str | None, base: str) -> str | None:
    """Return the hidden column of insertion order, where the table has it (views and some tables do not)."""
    if table is None or database.insertion_order is None:
        return None
    try:
        found = database.columns(f"SELECT q.{database.insertion_order} FROM {base} LIMIT 0")  # noqa: S608 - quoted
        kinds = list(database.rows(f"SELECT type FROM sqlite_master WHERE name = {database.marks(1)[0]}", [table]))  # noqa: S608
    except SourceError:
        return None
    return f"q.{database.insertion_order}" if found and ("table",) in kinds else None


def _only_table(database: Database, rows: RowQuery) -> str:
    """Return the one table whose columns fit. Raises UsageError that lists what there is."""
    tables = {
        name: database.columns(f"SELECT * FROM {database.quote(name)} WHERE 1 = 0")  # noqa: S608 - quoted
        for name in database.tables()
    }
    records = _map_of(rows)
    if records is not None:
        tables = {name: columns for name, columns in tables.items() if records.fits(columns)} or tables
    of_apps = (
        list(tables)
        if records is not None
        else []
        if rows.columns
        else [name for name, columns in tables.items() if _is_of_app(columns, rows.app)]
    )
    fitting = of_apps or [
        name for name, columns in tables.items() if rows.app is None and (fits(columns) or holds_records(columns))
    ]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join((fitting or list(tables))[:20]) or "no tables"
    none = "no table has columns for thread, role and text"
    if rows.app is not None:
        none = f"no table is {APPS[rows.app].holds} of {rows.app}"
    why = "several tables look like messages" if fitting else none
    raise UsageError(
        f"{database.place}: {why} ({listed}); name it with source.table, or write source.select, "
        "and name columns with source.columns",
        code="no-table",
    )


def _is_of_app(columns: Sequence[str], app: str | None) -> bool:
    if app is None:
        return app_of(columns) is not None
    return APPS[app].marks <= {plain_column(column) for column in columns}
