"""`map export --to-sql`: writes the conversation ids into a table of the user's own, or prints the SQL for it.

It is a dry run unless told to write. Each batch is a transaction, so it can be stopped and run again; values already in
the column are kept. It must not change any other column, or write ids of threads that are not loaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from migrate_cli.errors import ExitCode, UsageError
from migrate_cli.model import JsonObject, Problem, Result, ThreadState
from migrate_cli.settings.model import Settings
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.sql.database import Database, UnfitValueError, open_database
from migrate_cli.sources.sql.rows import plain
from migrate_cli.state.reader import StateReader

BATCH = 1000
"""Threads that are updated in one transaction."""
LISTED = 100
"""Threads that the result names for each kind of problem."""
COLUMN_TYPE = "VARCHAR(255)"
_READY = frozenset({ThreadState.LOADED, ThreadState.VERIFIED})

Ids = dict[str, str]
"""Conversation id by thread id."""


@dataclass(frozen=True, slots=True)
class WriteBackTarget:
    """Where the ids go. `thread_column` None is found by its name."""

    table: str
    conversation_column: str
    thread_column: str | None = None


@dataclass(frozen=True, slots=True)
class WriteBackOptions:
    """What may be done there."""

    write: bool = False
    """Without it nothing is changed, and the result says what would be."""
    add_column: bool = False
    """Add the column for the conversation id if the table has none."""
    overwrite: bool = False
    """Replace other values that are in the column."""


def write_back_target(
    settings: Settings, table: str | None, thread_column: str | None, conversation_column: str
) -> WriteBackTarget:
    """Return the place that options name, or else the settings of the source. Raises UsageError without a table."""
    source = settings.source
    table = table or source.table
    if not table:
        raise UsageError("name the table for the conversation ids: --table NAME")
    named = source.columns.get("thread_id") or source.columns.get("thread") if source.kind == "sql" else None
    return WriteBackTarget(table, conversation_column, thread_column or named)


def url_of(settings: Settings, url: str | None) -> str:
    """Return the database's URL: the option's, or the one that the source `sql` has. Raises UsageError."""
    from migrate_cli.commands.sql_source import database_url  # noqa: PLC0415 - only where the option is not given

    return url or database_url(settings)


def write_back(settings: Settings, url: str, target: WriteBackTarget, options: WriteBackOptions) -> Result:
    """Update the table, or say what would be updated; exit 3 when rows hold another id that was kept.

    Raises UsageError for columns that are not there, and what opening the database raises.
    """
    opened = open_database(url, writable=options.write, timeout=settings.load.timeout)
    with closing(opened) as database, StateReader(settings.state) as reader:
        work = _WriteBack(database, target, options)
        work.prepare()
        not_ready = 0
        for ids, passed in _batches(reader):
            not_ready += passed
            work.batch(ids)
        return work.result(not_ready)


def statements(
    settings: Settings, target: WriteBackTarget, *, url: str | None, add_column: bool, overwrite: bool
) -> Iterator[str]:
    """Yield the SQL that `write_back` would execute, a transaction for each batch; no database is asked.

    Ids stand as texts, which databases take for numbers and uuids too. `url` only tells how names are quoted.
    """
    quote = _backticks if (url or "").startswith(("mysql", "mariadb")) else _double_quotes
    table = ".".join(quote(part) for part in target.table.split("."))
    ours, theirs = quote(target.conversation_column), quote(target.thread_column or "thread_id")
    if add_column:
        yield f"ALTER TABLE {table} ADD COLUMN {ours} {COLUMN_TYPE};\n"
    empty = "" if overwrite else f" AND ({ours} IS NULL OR {ours} = '')"
    with StateReader(settings.state) as reader:
        for ids, _ in _batches(reader):
            yield "BEGIN;\n"
            for thread_id, conversation_id in ids.items():
                yield (
                    f"UPDATE {table} SET {ours} = {_literal(conversation_id)} "  # noqa: S608 - quoted and escaped
                    f"WHERE {theirs} = {_literal(thread_id)}{empty};\n"
                )
            yield "COMMIT;\n"


class _WriteBack:
    """One pass over the mapping."""

    def __init__(self, database: Database, target: WriteBackTarget, options: WriteBackOptions) -> None:
        self._database, self._target, self._options = database, target, options
        self._table = database.table(target.table)
        self._columns = database.columns(f"SELECT * FROM {self._table} WHERE 1 = 0")  # noqa: S608 - quoted
        self._thread_name = target.thread_column or _thread_column(self._columns, target.table)
        if self._thread_name not in self._columns:
            raise UsageError(_no_column(target.table, self._thread_name, self._columns))
        if target.conversation_column == self._thread_name:
            raise UsageError("the old ids are kept: name another column than the thread's with --conversation-column")
        self._thread, self._ours = database.quote(self._thread_name), database.quote(target.conversation_column)
        self._there = target.conversation_column in self._columns
        self._added = False
        self._threads: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._unmatched: list[str] = []
        self._kept: list[Problem] = []

    def prepare(self) -> None:
        """Make sure of the column. Raises UsageError where it is missing and may not be added."""
        if self._there:
            return
        addition = f"ALTER TABLE {self._table} ADD COLUMN {self._ours} {COLUMN_TYPE}"
        if not self._options.add_column:
            raise UsageError(
                f"{_no_column(self._target.table, self._target.conversation_column, self._columns)}; "
                f"add it with --add-column, or by hand: {addition}"
            )
        self._added = True
        if self._options.write:
            self._database.run(addition)
            self._there = True

    def batch(self, ids: Ids) -> None:
        """Compare one batch with the table, and update what is empty."""
        matched: set[str] = set()
        updates: list[tuple[str, Any]] = []
        for value, current, count in self._found(list(ids)):
            thread_id = clean_id(plain(value)) or ""
            if thread_id not in ids:
                continue
            matched.add(thread_id)
            if self._judge(thread_id, ids[thread_id], current, int(count)):
                updates.append((ids[thread_id], value))
        self._threads["mapped"] += len(ids)
        self._threads["matched"] += len(matched)
        self._unmatched += [one for one in ids if one not in matched][: LISTED - len(self._unmatched)]
        if self._options.write and updates:
            self._rows["written"] += self._database.run(self._update(), list(dict.fromkeys(updates)))

    def result(self, not_ready: int) -> Result:
        """Return the counts."""
        options, rows, threads = self._options, self._rows, self._threads
        total = next(self._database.rows(f"SELECT COUNT(*) FROM {self._table} WHERE {self._thread} IS NOT NULL"))[0]  # noqa: S608 - quoted
        changed = rows["written"] if options.write else rows["to_write"]
        data: JsonObject = {
            "message": self._message(changed),
            "dry_run": not options.write,
            "database": self._database.place,
            "table": self._target.table,
            "thread_column": self._thread_name,
            "conversation_column": self._target.conversation_column,
            "column_added": self._added,
            "threads": {
                "in_the_mapping": threads["mapped"],
                "found_in_the_table": threads["matched"],
                "not_in_the_table": threads["mapped"] - threads["matched"],
                "not_loaded": not_ready,
            },
            "rows": {
                ("written" if options.write else "to_write"): changed,
                "up_to_date": rows["same"],
                "other_value_kept": rows["kept"],
                "without_conversation": int(total) - rows["matched"],
            },
            "threads_not_in_the_table": self._unmatched,
        }
        if not options.write:
            data["next"] = ["To write, run the same command with --yes."]
        code = ExitCode.PARTIAL if self._rows["kept"] else ExitCode.OK
        return Result("map export", data, code, errors=self._kept)

    def _message(self, changed: int) -> str:
        rows = f"{changed:,} row{'' if changed == 1 else 's'}"
        if self._options.write:
            return f"{rows} of {self._target.table} got their conversation id."
        return f"A dry run: {rows} of {self._target.table} would get their conversation id. Nothing was written."

    def _found(self, ids: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The batch's rows in the table: thread as the database has it, what is in the column, how many."""
        database = self._database
        # Columns without a declared type compare numbers and texts as they are.
        numbers = [int(one) for one in ids if one.isdecimal() and len(one) < 19] if database.dialect == "sqlite" else []
        values = [*ids, *numbers]
        try:
            return iter(list(database.rows(self._select(self._thread, len(values)), values)))
        except UnfitValueError:
            kind = "CHAR" if database.dialect in ("mysql", "mariadb") else "VARCHAR(255)"
            self._database.forget_failure()
            return database.rows(self._select(f"CAST({self._thread} AS {kind})", len(values)), values)

    def _select(self, compared: str, count: int) -> str:
        current = self._ours if self._there else "NULL"
        by = f"{self._thread}, {current}" if self._there else self._thread
        marks = ", ".join(self._database.marks(count))
        return (
            f"SELECT {self._thread}, {current}, COUNT(*) FROM {self._table} WHERE {compared} IN ({marks}) GROUP BY {by}"  # noqa: S608 - quoted
        )

    def _update(self) -> str:
        conversation, thread = self._database.marks(2)
        empty = "" if self._options.overwrite else f" AND ({self._ours} IS NULL OR {self._ours} = '')"
        return f"UPDATE {self._table} SET {self._ours} = {conversation} WHERE {self._thread} = {thread}{empty}"  # noqa: S608 - quoted

    def _judge(self, thread_id: str, wanted: str, current: Any, count: int) -> bool:
        """Count rows that are alike; True when they are to be written."""
        self._rows["matched"] += count
        if current == wanted:
            self._rows["same"] += count
            return False
        if current not in (None, "") and not self._options.overwrite:
            self._rows["kept"] += count
            if len(self._kept) < LISTED:
                message = f"{count} rows of {thread_id} hold another value, which was kept; see --overwrite"
                self._kept.append(Problem("other-value-kept", message, thread_id))
            return False
        self._rows["to_write"] += count
        return True


def _batches(reader: StateReader) -> Iterator[tuple[Ids, int]]:
    """Yield the mapping in batches, each with how many threads were passed over because they are not loaded."""
    rows = reader.maps.export("threads")
    while batch := list(islice(rows, BATCH)):
        ids = {str(row["thread_id"]): str(row["conversation_id"]) for row in batch if row["state"] in _READY}
        yield ids, len(batch) - len(ids)


def _thread_column(columns: Sequence[str], table: str) -> str:
    """Recognise the thread's column by its name, as the source does."""
    from migrate_cli.sources.columns import Columns  # noqa: PLC0415 - only where it is not named

    found = Columns().found(columns).get("thread_id")
    if found is None:
        raise UsageError(f"{_no_column(table, 'for the thread', columns)}; name it with --thread-column")
    return found


def _no_column(table: str, name: str, columns: Sequence[str]) -> str:
    return f"the table {table} has no column {name}; it has {', '.join(columns[:30])}"


def _double_quotes(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _backticks(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
