"""Answers questions about a state file without a lock: it works while `apply` runs, and changes nothing.

Small answers are values, large ones iterators. It reads the public views where they hold the answer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from migrate_cli.errors import StateError, StateForeign
from migrate_cli.model import JsonObject
from migrate_cli.state import migrations
from migrate_cli.state.lock import holder
from migrate_cli.state.opening import followed, missing, translate
from migrate_cli.state.restoring import check_current
from migrate_cli.state.setup import LOADS_ALL, upgraded

_LISTED = 200
"""Threads that a summary names for each state that needs a person."""

_NAMED = ("failed", "in_doubt", "differs")

_RUN = """
SELECT id, command, version, status, exit_code,
  strftime('%Y-%m-%dT%H:%M:%SZ', started_at, 'unixepoch') AS started_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', ended_at, 'unixepoch') AS ended_at{} FROM run"""


OPEN_PILOT = """
WITH load AS (
  SELECT key, started_at, ended_at, json_extract(result, '$.data.pilot') AS pilot,
    json_extract(result, '$.data.pilot.passed') AS passed
  FROM run WHERE command IN ('apply', 'ensure') AND result IS NOT NULL AND key > (SELECT max(key) - 200 FROM run))
SELECT pilot FROM load AS stopped WHERE passed = 0 AND NOT EXISTS (
  SELECT 1 FROM load WHERE passed = 1 AND load.key > stopped.key AND load.started_at >= stopped.ended_at)
ORDER BY key DESC LIMIT 1"""
"""The last pilot that a load did not come through and that none has repeated since; shards have one each, side by side.

Whoever comes after a stopped pilot has one, so that it is always among the last runs.
"""


class StateReader:
    """A state file, open for reading. Raises UsageError when it does not exist, StateError when it is not readable."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise missing(self.path)
        check_current(self.path)
        try:
            self._conn = _connect(self.path)
        except sqlite3.Error as error:
            raise _unreadable(error, self.path) from error
        try:
            _check(self._conn, self.path)
        except BaseException:
            self._conn.close()
            raise

    def __enter__(self) -> StateReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open file, for those in this package who read whole tables."""
        return self._conn

    def close(self) -> None:
        """Close the file."""
        self._conn.close()

    # ---- where it stands

    def summary(self) -> JsonObject:
        """Return where the migration stands, in the shape of the command `status`.

        `threads` by state, `items`, `messages`, `findings` by code, `orphans`, `file_copies` (possible ones, which
        nothing names), `unreadable` (of the last apply), up to 200 threads each of `failed`, `in_doubt` and `differs`
        with code and detail, `skipped` by reason, `running` (the process that writes now, or None), `last_run` and
        `setup`. And `reached`, {threads, of}, where the last apply has not met all threads of its source; `of` is None
        where nobody has counted them. And `pilot`, where the last load did not come
        through it.
        """
        running = holder(self.path)
        threads, totals = self._threads_by_state()
        named = {state: list(self.threads(state, limit=_LISTED)) if state in threads else [] for state in _NAMED}
        skipped = "SELECT reason, count(*) FROM thread WHERE state = 'skipped' GROUP BY reason"
        return {
            "state": str(self.path),
            "threads": threads,
            **self._reached(sum(threads.values())),
            **totals,
            "findings": self._counts("SELECT code, count(*) FROM thread_finding GROUP BY code"),
            "orphans": self._number("SELECT count(*) FROM orphan"),
            "file_copies": self._number(
                "SELECT (SELECT coalesce(sum(lost_uploads), 0) FROM file) + "
                "(SELECT coalesce(sum(lost_uploads), 0) FROM file_copy)"
            ),
            "unreadable": len(self.unreadable()),
            "skipped": self._counts(skipped) if "skipped" in threads else {},
            **named,
            "running": None if running is None else {"process": running.pid, "host": running.host,
                                                     "command": running.command, "since": running.since},
            "last_run": next(self.runs(newest_first=True), None),
            "setup": self.setup(),
            **self._stopped_pilot(),
        }  # fmt: skip

    def _threads_by_state(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return the number of threads in each state, and `items` and `messages` of all, in one scan."""
        rows = self._all(
            "SELECT state, count(*), coalesce(sum(position), 0), coalesce(sum(messages), 0) FROM thread GROUP BY state"
        )
        return {row[0]: row[1] for row in rows}, {
            "items": sum(row[2] for row in rows),
            "messages": sum(row[3] for row in rows),
        }

    def _reached(self, known: int) -> JsonObject:
        """How many threads are known of how many in the source, where the last apply has not met all of them.

        A run that was asked for some threads only has no `expected` among its options: it says nothing of the source.
        """
        row = self._row(
            """SELECT json_extract(options, '$.expected') AS 'of' FROM run
            WHERE command = 'apply' AND (result IS NULL OR json_extract(result, '$.data.reached') IS NOT NULL)
              AND json_type(options, '$.expected') IS NOT NULL
              AND key = (SELECT max(key) FROM run WHERE command = 'apply')"""
        )
        if row is None or (row["of"] is not None and row["of"] <= known):
            return {}
        return {"reached": {"threads": known, "of": row["of"]}}

    def _stopped_pilot(self) -> JsonObject:
        """The pilot that is to be repeated, if one is."""
        row = self._row(OPEN_PILOT)
        return {} if row is None else {"pilot": json.loads(row["pilot"])}

    def setup(self) -> dict[str, str]:
        """Return the setup that the file records, in the terms of this version."""
        return upgraded(dict(self._all("SELECT key, value FROM setup")))

    def threads(self, *states: str, limit: int | None = None) -> Iterator[JsonObject]:
        """Yield threads in these states (all, without any): ids, state, code, detail and counts."""
        where = f"WHERE state IN ({_marks(states)})" if states else ""
        sql = f"""
            SELECT id AS thread_id, conversation_id, state, coalesce(error_code, reason) AS code,
              error_detail AS detail, messages, position AS items, findings, ambiguous, attempts
            FROM thread {where} ORDER BY key LIMIT ?"""  # noqa: S608 - only placeholders are inserted
        return self._rows(sql, *states, -1 if limit is None else limit)

    def threads_of(self, run_id: str | None) -> Iterator[JsonObject]:
        """Yield the threads that one run was the last to work on, or all of them, in the columns of `threads`."""
        where, values = ("", ()) if run_id is None else ("WHERE run = (SELECT key FROM run WHERE id = ?)", (run_id,))
        sql = f"""
            SELECT id AS thread_id, conversation_id, state, coalesce(error_code, reason) AS code,
              error_detail AS detail, messages, position AS items, findings, ambiguous, attempts
            FROM thread {where} ORDER BY key"""  # noqa: S608 - a constant is inserted
        return self._rows(sql, *values)

    def thread(self, thread_id: str) -> JsonObject | None:
        """Return where one thread stands, in the columns of `threads`, or None when nothing was ever noted about it."""
        sql = """
            SELECT id AS thread_id, conversation_id, state, coalesce(error_code, reason) AS code,
              error_detail AS detail, messages, position AS items, findings, ambiguous, attempts
            FROM thread WHERE id = ?"""
        return self._row(sql, thread_id)

    def created(self, threads: Collection[str] = (), run_id: str | None = None) -> Iterator[JsonObject]:
        """Yield what `undo` has to delete: thread_id, conversation_id, state, items (known), abandoned (0 or 1).

        All of it, or that of some threads, or what one run worked on.
        """
        where, values = "1", list(threads)
        if threads:
            where = f"id IN ({_marks(values)})"
        elif run_id is not None:
            where, values = "run = (SELECT key FROM run WHERE id = ?)", [run_id]
        yield from self._rows(
            f"""SELECT id AS thread_id, conversation_id, state, position AS items, 0 AS abandoned FROM thread
            WHERE conversation_id IS NOT NULL AND state <> 'undone' AND {where} ORDER BY key""",  # noqa: S608
            *values,
        )
        if run_id is None:
            own = f"thread_id IN ({_marks(values)})" if threads else "1"
            yield from self._rows(
                f"""SELECT thread_id, conversation_id, 'abandoned' AS state, 0 AS items, 1 AS abandoned FROM abandoned
                WHERE deleted_at IS NULL AND {own} ORDER BY at""",  # noqa: S608 - only placeholders are inserted
                *values,
            )

    # ---- ids

    def map_ids(self, ids: Iterable[str]) -> list[JsonObject]:
        """Return rows for each id, old or new, in the order asked for.

        Each row has `id`, `found` (`thread`, `conversation`, `message`, `item`, `file`, or None) and the fields of
        `thread_map`, `message_map` or `file_map`. An id that stands for several items has several rows.
        """
        wanted = list(dict.fromkeys(ids))
        rows: dict[str, list[JsonObject]] = {}
        for found, column, view in _LOOKUPS:
            left = [one for one in wanted if one not in rows]
            for start in range(0, len(left), _AT_ONCE):
                some = left[start : start + _AT_ONCE]
                sql = f"SELECT * FROM {view} WHERE {column} IN ({_marks(some)})"  # noqa: S608 - names are constants
                for row in self._rows(sql, *some):
                    rows.setdefault(row[column], []).append({"id": row[column], "found": found, **row})
        return [row for one in wanted for row in rows.get(one, [{"id": one, "found": None}])]

    def export_map(self, level: Literal["threads", "messages", "files"] = "threads") -> Iterator[JsonObject]:
        """Yield the rows of `thread_map` (threads that have a conversation), `message_map` or `file_map`."""
        if level == "threads":
            return self._rows("SELECT * FROM thread_map WHERE conversation_id IS NOT NULL")
        return self._rows(f"SELECT * FROM {'message_map' if level == 'messages' else 'file_map'}")  # noqa: S608

    # ---- what was found, and when

    def findings(self, thread: str | None = None, code: str | None = None) -> Iterator[JsonObject]:
        """Yield findings, in the columns of the view `finding`."""
        wanted = {"thread_id": thread, "code": code}
        given = {column: value for column, value in wanted.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in given) or "1"
        return self._rows(f"SELECT * FROM finding WHERE {where}", *given.values())  # noqa: S608 - columns are ours

    def aside(self, thread: str | None = None) -> Iterator[JsonObject]:
        """Yield what the target had no room for: thread_id, message_id, name, value (as JSON value)."""
        where, values = ("", ()) if thread is None else ("WHERE thread.id = ?", (thread,))
        sql = f"""SELECT thread.id AS thread_id, message_id, name, value
            FROM aside JOIN thread ON thread.key = aside.thread {where}"""  # noqa: S608 - a constant is inserted
        for row in self._rows(sql, *values):
            yield row | {"value": json.loads(row["value"])}

    def unreadable(self, run_id: str | None = None) -> list[JsonObject]:
        """Return what a run (the last `apply`, unless named) could not read: thread_id, origin, code, detail.

        A `merge` stands for the last runs of all that it joined.
        """
        last = "(SELECT max(key) FROM run WHERE command IN ('apply', 'merge'))"
        run = "(SELECT key FROM run WHERE id = ?)" if run_id else last
        sql = f"SELECT thread_id, origin, code, detail FROM unreadable WHERE run = {run}"  # noqa: S608 - constants
        return list(self._rows(sql, *([run_id] if run_id else [])))

    def orphans(self) -> Iterator[JsonObject]:
        """Yield possible empty orphans: thread_id, at (ISO 8601), reason, request_id."""
        return self._rows(
            "SELECT thread_id, strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS at, reason, request_id FROM orphan"
        )

    def replay_results(self, run_id: str) -> Iterator[JsonObject]:
        """Yield the results of a replay, in the columns of the view `replay_result`."""
        return self._rows("SELECT * FROM replay_result WHERE run_id = ?", run_id)

    def runs(self, *, newest_first: bool = False) -> Iterator[JsonObject]:
        """Yield runs in order: id, command, version, status, exit_code, started_at, ended_at.

        A run that never ended has the status `running`, or `interrupted` when no process holds the file.
        """
        alive = holder(self.path) is not None
        for row in self._rows(_RUN.format("") + f" ORDER BY key {'DESC' if newest_first else 'ASC'}"):
            yield _settled(row, alive)

    def run(self, run_id: str | None = None) -> JsonObject | None:
        """Return one run (the last, unless named) with its `options` and its `result` envelope (None while it runs)."""
        where, values = ("WHERE id = ?", (run_id,)) if run_id else ("ORDER BY key DESC LIMIT 1", ())
        row = self._row(_RUN.format(", options, result") + " " + where, *values)
        if row is None:
            return None
        row["options"] = json.loads(row["options"])
        row["result"] = None if row["result"] is None else json.loads(row["result"])
        return _settled(row, holder(self.path) is not None)

    # ---- inside

    def _cursor(self, sql: str, *values: Any) -> sqlite3.Cursor:
        try:
            return self._conn.execute(sql, values)
        except sqlite3.Error as error:
            raise _unreadable(error, self.path) from error

    def _all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._cursor(sql, *values).fetchall()

    def _rows(self, sql: str, *values: Any) -> Iterator[JsonObject]:
        cursor = self._cursor(sql, *values)
        names = [column[0] for column in cursor.description]
        try:
            for row in cursor:
                yield dict(zip(names, row, strict=True))
        except sqlite3.Error as error:
            raise _unreadable(error, self.path) from error

    def _row(self, sql: str, *values: Any) -> JsonObject | None:
        return next(self._rows(sql, *values), None)

    def _number(self, sql: str) -> int:
        return int(self._all(sql)[0][0])

    def _counts(self, sql: str) -> dict[str, int]:
        return {str(name): count for name, count in self._all(sql)}


_LOOKUPS = (
    ("thread", "thread_id", "thread_map"),
    ("message", "message_id", "message_map"),
    ("file", "source_file_id", "file_map"),
    ("file", "target_file_id", "file_map"),
    ("conversation", "conversation_id", "thread_map"),
    ("item", "item_id", "message_map"),
)
"""Where an id is looked for, cheapest first."""

_AT_ONCE = 500
"""Ids in one query: a scan serves many."""


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return _opened(path, "mode=ro")
    except sqlite3.OperationalError:
        file = followed(path)
        if file.with_name(file.name + "-wal").exists():
            raise
        # In a folder that may not be written, the log's index cannot be made; without a log none is needed.
        return _opened(path, "mode=ro&immutable=1")


def _opened(path: Path, how: str) -> sqlite3.Connection:
    # Whoever reads a live source does so on other threads, one after the other, and asks from there.
    conn = sqlite3.connect(
        f"{path.resolve().as_uri()}?{how}", uri=True, timeout=10, isolation_level=None, check_same_thread=False
    )
    try:
        conn.execute("SELECT 1 FROM sqlite_master").fetchone()
    except BaseException:
        conn.close()
        raise
    return conn


def _check(conn: sqlite3.Connection, path: Path) -> None:
    if conn.execute("PRAGMA application_id").fetchone()[0] != migrations.APPLICATION_ID:
        raise StateForeign(f"{path} is not a state file of migrate-cli; correct --state ({LOADS_ALL}).")
    version = conn.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations.STEPS):
        raise StateForeign(f"{path} was written by a newer migrate-cli (schema {version}); update migrate-cli.")
    if version < len(migrations.STEPS):
        raise StateError(
            f"{path} was written by an older migrate-cli; run `migrate-cli apply` once to bring it up to date."
        )


def _unreadable(error: sqlite3.Error, path: Path) -> StateError:
    if "not a database" in str(error):
        return StateForeign(f"{path} is not a state file of migrate-cli; correct --state ({LOADS_ALL}).")
    return translate(error, path)


def _settled(row: JsonObject, alive: bool) -> JsonObject:
    return row | {"status": "interrupted"} if row["status"] == "running" and not alive else row


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
