"""A table of the user's own as a source: a row for each message, streamed and grouped into threads.

The database orders by thread and then by the order column, the time, and what tells the order of insertion. Rows are
read once, a page at a time; only the thread at hand is held, and a long one on disk. It must not write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from migrate_cli.errors import SourceError, UsageError
from migrate_cli.model import Origin, Thread, Unreadable
from migrate_cli.sources.disk_set import DiskSet
from migrate_cli.sources.interface import Selection, ShapeTaken, Source
from migrate_cli.sources.sql.database import Database, UnfitValueError, open_database
from migrate_cli.sources.sql.grouping import ThreadRows
from migrate_cli.sources.sql.rows import ColumnMap, MessageRow, RowReader, find_columns, fits

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


class SqlSource(Source):
    """The rows of one table or query. Each reading has a connection of its own, which is read-only."""

    kind = "sql"
    live = True

    def __init__(self, url: str, rows: RowQuery, *, timeout: float = 60.0) -> None:
        if rows.table is not None and rows.select is not None:
            raise UsageError("source.table and source.select exclude each other; keep the one that names the messages")
        self._url, self._rows, self._timeout = url, rows, timeout
        with closing(open_database(url, timeout=timeout)) as database:
            self._table = rows.table or (None if rows.select else _only_table(database))
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
        left = selection.limit
        if left is not None and left <= 0:
            return
        with closing(open_database(self._url, timeout=self._timeout)) as database:
            for found in self._grouped(self._entries(database, selection), selection):
                yield found
                if isinstance(found, Thread) and left is not None:
                    left -= 1
                    if left == 0:
                        return

    def shapes(self) -> list[ShapeTaken]:
        """One shape, once anything was read."""
        return [ShapeTaken(SHAPE, 1, self._plan.where)] if self._read else []

    def expected(self) -> int | None:
        """How many threads there are, where counting is quick: in a file."""
        with closing(open_database(self._url, timeout=self._timeout)) as database:
            if database.dialect != "sqlite":
                return None
            ((count,),) = database.rows(self._plan.count())
            return int(count)

    def _entries(self, database: Database, selection: Selection) -> Iterator[MessageRow]:
        ids = sorted(selection.thread_ids) if selection.thread_ids is not None else None
        if ids is None or len(ids) > FEW:
            rows = database.rows(self._plan.statement())
        elif not ids:
            rows = iter(())
        else:
            rows = self._chosen(database, ids)
        reader = RowReader(self._plan.columns, self._plan.found, self._rows.roles)
        return map(reader.entry, rows)

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

    def _grouped(self, entries: Iterator[MessageRow], selection: Selection) -> Iterator[Thread | Unreadable]:
        seen = DiskSet()
        thread_rows: ThreadRows | None = None
        current: object = object()
        strays = 0
        for entry in entries:
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
                thread_rows.add(entry, decided=self._plan.decides(entry))
        if thread_rows is not None:
            yield self._thread(thread_rows)
        if strays:
            yield self._without_thread(strays)

    def _thread(self, thread_rows: ThreadRows) -> Thread:
        return thread_rows.thread(Origin(self._plan.where), SHAPE, ordered=self._plan.ordered)

    def _apart(self, thread_id: str) -> Unreadable:
        detail = (
            f"The rows of {thread_id} stand in several groups, since the database takes different ids for one; "
            "the first group is read. Give the column a collation that tells letters apart."
        )
        return Unreadable(Origin(self._plan.where), "thread-rows-apart", detail, thread_id)

    def _without_thread(self, count: int) -> Unreadable:
        detail = (
            f"{count:,} row{'s' if count > 1 else ''} have no value in the column of the thread and are left out; "
            "fill it, or leave those rows out with source.select."
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
        self.found: ColumnMap = find_columns(self.columns, rows.columns, f"The table {table}" if table else "The query")
        self._quoted = {name: f"q.{database.quote(name)}" for name in self.columns}
        self._text = "CHAR" if database.dialect in ("mysql", "mariadb") else "VARCHAR(255)"
        self._hidden = _hidden_order(database, table, self._base)

    @property
    def ordered(self) -> str:
        """How rows of one thread are ordered, in words, for the finding about rows that this does not tell apart."""
        names = [self.found.column(name) for name in ("order", "created_at")]
        return " and ".join(name for name in names if name) or "nothing"

    def decides(self, entry: MessageRow) -> bool:
        """Whether rows that are alike in order and time still have an order: by insertion, or by a counting id."""
        return self._hidden is not None or isinstance(entry.message.get("id"), int)

    def statement(self, marks: Sequence[str] = (), *, as_text: bool = False) -> str:
        """Return the query for all rows, or for those of some threads."""
        thread = self._quoted[self.found.flat["thread_id"]]
        compared = f"CAST({thread} AS {self._text})" if as_text else thread
        where = f" WHERE {compared} IN ({', '.join(marks)})" if marks else ""
        names = ", ".join(self._quoted[name] for name in self.columns)
        return f"SELECT {names} FROM {self._base}{where} ORDER BY {', '.join(self._order(thread))}"  # noqa: S608 - quoted

    def count(self) -> str:
        """Return the query that counts threads."""
        return f"SELECT COUNT(DISTINCT {self._quoted[self.found.flat['thread_id']]}) FROM {self._base}"  # noqa: S608 - quoted

    def _order(self, thread: str) -> list[str]:
        columns = [self.found.column(name) for name in ("order", "created_at")]
        last = self._hidden or self._quoted.get(self.found.column("message_id") or "")
        return [thread, *(self._quoted[name] for name in columns if name), *([last] if last else [])]


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


def _only_table(database: Database) -> str:
    """Return the one table whose columns fit. Raises UsageError that lists what there is."""
    tables = database.tables()
    fitting = [
        name
        for name in tables
        if fits(database.columns(f"SELECT * FROM {database.quote(name)} WHERE 1 = 0"))  # noqa: S608 - quoted
    ]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join((fitting or tables)[:20]) or "no tables"
    why = "several tables look like messages" if fitting else "no table has columns for thread, role and text"
    raise UsageError(
        f"{database.place}: {why} ({listed}); name it with source.table, or write source.select, "
        "and name columns with source.columns",
        code="no-table",
    )
