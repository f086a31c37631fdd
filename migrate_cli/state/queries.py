"""The queries on a state file, by topic: threads, runs, ids, findings.

Small answers are values, large ones iterators. Where a public view holds the answer, the view is read.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal

from migrate_cli.model import AgentStatus, JsonObject, RecordedAgent
from migrate_cli.state.lock import holder
from migrate_cli.state.read_connection import ReadConnection

_THREAD = """
SELECT id AS thread_id, conversation_id, state, coalesce(error_code, reason) AS code,
  error_detail AS detail, messages, position AS items, findings, ambiguous, attempts
FROM thread"""
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
_LOOKUPS = (
    ("thread", "thread_id", "thread_map"),
    ("message", "message_id", "message_map"),
    ("file", "source_file_id", "file_map"),
    ("file", "target_file_id", "file_map"),
    ("conversation", "conversation_id", "thread_map"),
    ("vector_store", "source_store_id", "vector_store_map"),
    ("vector_store", "target_store_id", "vector_store_map"),
    ("item", "item_id", "message_map"),
    ("assistant", "assistant_id", "agent_map"),
    ("agent", "agent", "agent_map"),
    ("agent", "name", "agent_map"),
    ("response", "last_response_id", "response_chain"),
)
"""Where an id is looked for, cheapest first."""

_LAST_LOAD = "SELECT max(key) FROM run WHERE command IN ('apply', 'merge')"
_LAST_WHOLE = """
SELECT max(key) FROM run WHERE command = 'merge' OR (
  command = 'apply' AND json_type(options, '$.expected') IS NOT NULL AND result IS NOT NULL
  AND json_extract(result, '$.data.reached') IS NULL)"""
"""The last load that was asked for all of its source, and came to the end of it."""
Level = Literal["threads", "messages", "files", "agents", "stores"]
"""What one row of an exported mapping stands for."""
STANDING_AGENTS = "SELECT assistant_id, name, digest, version, status FROM agent WHERE status <> 'undone'"
AGENTS_IN_ORDER = " ORDER BY updated_at, assistant_id, length(version), version"
_AT_ONCE = 500
"""Ids in one query: a scan serves many."""


class ThreadQueries:
    """Where threads stand."""

    def __init__(self, file: ReadConnection) -> None:
        self._file = file

    def listed(self, *states: str, limit: int | None = None) -> Iterator[JsonObject]:
        """Yield threads in these states (all, without any): ids, state, code, detail and counts."""
        where = f"WHERE state IN ({_marks(states)})" if states else ""
        sql = f"{_THREAD} {where} ORDER BY key LIMIT ?"
        return self._file.rows(sql, *states, -1 if limit is None else limit)

    def of_run(self, run_id: str | None) -> Iterator[JsonObject]:
        """Yield the threads that one run was the last to work on, or all of them, in the columns of `listed`."""
        where, values = ("", ()) if run_id is None else ("WHERE run = (SELECT key FROM run WHERE id = ?)", (run_id,))
        return self._file.rows(f"{_THREAD} {where} ORDER BY key", *values)

    def one(self, thread_id: str) -> JsonObject | None:
        """Return where one thread stands, in the columns of `listed`, or None when nothing was ever noted about it."""
        return self._file.row(f"{_THREAD} WHERE id = ?", thread_id)

    def created(self, threads: Collection[str] = (), run_id: str | None = None) -> Iterator[JsonObject]:
        """Yield what `undo` has to delete: thread_id, conversation_id, state, items (known), abandoned (0 or 1).

        All of it, or that of some threads, or what one run worked on.
        """
        where, values = "1", list(threads)
        if threads:
            where = f"id IN ({_marks(values)})"
        elif run_id is not None:
            where, values = "run = (SELECT key FROM run WHERE id = ?)", [run_id]
        yield from self._file.rows(
            f"""SELECT id AS thread_id, conversation_id, state, position AS items, 0 AS abandoned FROM thread
            WHERE conversation_id IS NOT NULL AND state <> 'undone' AND {where} ORDER BY key""",  # noqa: S608
            *values,
        )
        if run_id is None:
            own = f"thread_id IN ({_marks(values)})" if threads else "1"
            yield from self._file.rows(
                f"""SELECT thread_id, conversation_id, 'abandoned' AS state, 0 AS items, 1 AS abandoned FROM abandoned
                WHERE deleted_at IS NULL AND {own} ORDER BY at""",  # noqa: S608 - only placeholders are inserted
                *values,
            )

    def conversations(self) -> Iterator[str]:
        """Yield every conversation that the file names: of threads, given up, and of replays."""
        yield from self.given_up()
        for row in self._file.rows("SELECT conversation_id AS id FROM thread WHERE conversation_id IS NOT NULL"):
            yield row["id"]

    def given_up(self) -> Iterator[str]:
        """Yield the conversations that the file names and that are no thread's: given up, or made by replays."""
        sql = "SELECT conversation_id AS id FROM abandoned UNION ALL SELECT conversation_id FROM scratch"
        return (row["id"] for row in self._file.rows(sql))

    def digest(self, thread_id: str) -> str | None:
        """Return the digest of a thread as it was sent: None where it is not known, or notes stand for some items."""
        sql = """SELECT digest FROM thread
            WHERE id = ? AND NOT EXISTS (SELECT 1 FROM refused_item WHERE refused_item.thread = thread.key)"""
        row = self._file.row(sql, thread_id)
        return None if row is None else row["digest"]

    def digests(self, thread_id: str) -> list[bytes]:
        """Return the digests of the items of a thread that are loaded, in order."""
        sql = """SELECT item.digest FROM item JOIN thread ON thread.key = item.thread
            WHERE thread.id = ? AND idx < thread.position ORDER BY idx"""
        return [row[0] for row in self._file.all(sql, thread_id)]


class RunQueries:
    """The runs that worked on the file, and what belongs to one of them."""

    def __init__(self, file: ReadConnection) -> None:
        self._file = file

    def listed(self, *, newest_first: bool = False) -> Iterator[JsonObject]:
        """Yield runs in order: id, command, version, status, exit_code, started_at, ended_at.

        A run that never ended has the status `running`, or `interrupted` when no process holds the file.
        """
        alive = holder(self._file.path) is not None
        for row in self._file.rows(_RUN.format("") + f" ORDER BY key {'DESC' if newest_first else 'ASC'}"):
            yield _settled(row, alive)

    def one(self, run_id: str | None = None) -> JsonObject | None:
        """Return one run (the last, unless named) with its `options` and its `result` envelope (None while it runs)."""
        where, values = ("WHERE id = ?", (run_id,)) if run_id else ("ORDER BY key DESC LIMIT 1", ())
        row = self._file.row(_RUN.format(", options, result") + " " + where, *values)
        if row is None:
            return None
        row["options"] = json.loads(row["options"])
        row["result"] = None if row["result"] is None else json.loads(row["result"])
        return _settled(row, holder(self._file.path) is not None)

    def replay_results(self, run_id: str) -> Iterator[JsonObject]:
        """Yield the results of a replay, in the columns of the view `replay_result`."""
        return self._file.rows("SELECT * FROM replay_result WHERE run_id = ?", run_id)


class MapQueries:
    """What became of ids, in both directions."""

    def __init__(self, file: ReadConnection) -> None:
        self._file = file

    def of(self, ids: Iterable[str]) -> list[JsonObject]:
        """Return rows for each id, old or new, in the order asked for.

        Each row has `id`, `found` (`thread`, `conversation`, `message`, `item`, `file`, `vector_store`, `assistant`,
        `agent`, `response`, or None) and the fields of the view that holds it, such as `thread_map`. An id that stands
        for several items has several rows. A thread whose connected agents worked in threads of their own has
        `children`, in the columns of the view `child_thread`.
        """
        wanted = list(dict.fromkeys(ids))
        rows: dict[str, list[JsonObject]] = {}
        for found, column, view in _LOOKUPS:
            left = [one for one in wanted if one not in rows]
            for start in range(0, len(left), _AT_ONCE):
                some = left[start : start + _AT_ONCE]
                sql = f"SELECT * FROM {view} WHERE {column} IN ({_marks(some)})"  # noqa: S608 - names are constants
                for row in self._file.rows(sql, *some):
                    rows.setdefault(row[column], []).append({"id": row[column], "found": found, **row})
        self._add_children(
            [row for found in rows.values() for row in found if row["found"] in ("thread", "conversation")]
        )
        return [row for one in wanted for row in rows.get(one, [{"id": one, "found": None}])]

    def stores_of(self, run_id: str | None) -> Iterator[JsonObject]:
        """Yield the vector stores that are at the target, all or those of one run: both ids, name, files."""
        return self._file.rows(
            """SELECT m.source_store_id, m.target_store_id, m.name, m.files FROM vector_store_map AS m
            JOIN vector_store AS s USING (source_store_id) WHERE m.target_store_id IS NOT NULL
            AND (?1 IS NULL OR s.run = (SELECT key FROM run WHERE id = ?1)) ORDER BY m.source_store_id""",
            run_id,
        )

    def _add_children(self, threads: list[JsonObject]) -> None:
        """Give threads what their connected agents worked in."""
        by_id: dict[str, list[JsonObject]] = {}
        for row in threads:
            by_id.setdefault(row["thread_id"], []).append(row)
        ids = list(by_id)
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            sql = f"SELECT * FROM child_thread WHERE thread_id IN ({_marks(some)})"  # noqa: S608 - only placeholders
            for child in self._file.rows(sql, *some):
                for row in by_id[child.pop("thread_id")]:
                    row.setdefault("children", []).append(child)

    def export(self, level: Level = "threads") -> Iterator[JsonObject]:
        """Yield the rows of a view: `thread_map` (threads that have a conversation), `message_map` and so on."""
        if level == "threads":
            return self._file.rows("SELECT * FROM thread_map WHERE conversation_id IS NOT NULL")
        view = "vector_store" if level == "stores" else level.removesuffix("s")
        return self._file.rows(f"SELECT * FROM {view}_map")  # noqa: S608 - one of five words


class AgentQueries:
    """The agents that were made at the target."""

    def __init__(self, file: ReadConnection) -> None:
        self._file = file

    def standing(self, run_id: str | None = None) -> list[RecordedAgent]:
        """Return what may be at the target, oldest first: all that is recorded, or what one run has noted last."""
        where, values = ("", ()) if run_id is None else (" AND run = (SELECT key FROM run WHERE id = ?)", (run_id,))
        rows = self._file.all(f"{STANDING_AGENTS}{where}{AGENTS_IN_ORDER}", *values)
        return [RecordedAgent(row[0], row[1], row[2], row[3], AgentStatus(row[4])) for row in rows]


_PER_THREAD = 20
"""Findings of one code that one thread may have before fewer threads than asked for are named."""


class FindingQueries:
    """What was found, and what the target or the reader could not take."""

    def __init__(self, file: ReadConnection) -> None:
        self._file = file

    def listed(self, thread: str | None = None, code: str | None = None) -> Iterator[JsonObject]:
        """Yield findings, in the columns of the view `finding`."""
        wanted = {"thread_id": thread, "code": code}
        given = {column: value for column, value in wanted.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in given) or "1"
        return self._file.rows(f"SELECT * FROM finding WHERE {where}", *given.values())  # noqa: S608 - columns are ours

    def threads(self, codes: Iterable[str], most: int) -> dict[str, list[str]]:
        """Return, for each of the codes, threads that have it, up to `most`; quick however many findings there are."""
        sql = """SELECT thread.id AS thread_id FROM thread_finding JOIN thread ON thread.key = thread_finding.thread
            WHERE code = ? LIMIT ?"""
        found = {}
        for code in codes:
            met = dict.fromkeys(str(row["thread_id"]) for row in self._file.rows(sql, code, _PER_THREAD * most))
            found[code] = list(met)[:most]
        return found

    def aside(self, thread: str | None = None) -> Iterator[JsonObject]:
        """Yield what the target had no room for: thread_id, message_id, name, value (as JSON value)."""
        where, values = ("", ()) if thread is None else ("WHERE thread.id = ?", (thread,))
        sql = f"""SELECT thread.id AS thread_id, message_id, name, value
            FROM aside JOIN thread ON thread.key = aside.thread {where}"""  # noqa: S608 - a constant is inserted
        for row in self._file.rows(sql, *values):
            yield row | {"value": json.loads(row["value"])}

    def unreadable(self, run_id: str | None = None) -> list[JsonObject]:
        """Return what a run could not read: thread_id, origin, code, detail.

        Unless a run is named, it is the last `apply` that read the whole source to its end, or else the last of all:
        one that was asked for a part, or was cut short, does not tell of the rest. A `merge` stands for the last runs
        of all that it joined.
        """
        run = "(SELECT key FROM run WHERE id = ?)" if run_id else f"coalesce(({_LAST_WHOLE}), ({_LAST_LOAD}))"
        sql = f"SELECT thread_id, origin, code, detail FROM unreadable WHERE run = {run}"  # noqa: S608 - constants
        return list(self._file.rows(sql, *([run_id] if run_id else [])))

    def orphans(self) -> Iterator[JsonObject]:
        """Yield possible empty orphans: thread_id, at (ISO 8601), reason, request_id."""
        return self._file.rows(
            "SELECT thread_id, strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS at, reason, request_id FROM orphan"
        )


def _settled(row: JsonObject, alive: bool) -> JsonObject:
    return row | {"status": "interrupted"} if row["status"] == "running" and not alive else row


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
