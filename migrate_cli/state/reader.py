"""A state file as readers see it: the progress of the migration and, in parts, everything else.

No lock is taken, so that it works while `apply` runs. It must not change anything.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from migrate_cli.model import JsonObject
from migrate_cli.state.lock import holder
from migrate_cli.state.queries import OPEN_PILOT, AgentQueries, FindingQueries, MapQueries, RunQueries, ThreadQueries
from migrate_cli.state.read_connection import ReadConnection
from migrate_cli.state.setup import upgraded

_LISTED = 200
"""Threads that a summary names for each state that needs a person."""

_EXAMPLES = 5
"""Threads that a summary names for each finding code."""
_NAMED = ("failed", "in_doubt", "differs")


class StateReader:
    """A state file, open for reading. Raises UsageError when it does not exist, StateError when it is not readable."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file = file = ReadConnection(self.path)
        self.threads = ThreadQueries(file)
        self.runs = RunQueries(file)
        self.maps = MapQueries(file)
        self.findings = FindingQueries(file)
        self.agents = AgentQueries(file)

    def __enter__(self) -> StateReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open file, for those in this package who read whole tables."""
        return self._file.connection

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def setup(self) -> dict[str, str]:
        """Return the setup that the file records, in the terms of this version."""
        return upgraded(dict(self._file.all("SELECT key, value FROM setup")))

    def summary(self) -> JsonObject:
        """Return where the migration stands, in the shape of the command `status`.

        `threads` by state, `items`, `messages`, `findings` by code, `finding_threads` (up to five threads of each
        code), `orphans`, `file_copies` (possible ones, which nothing names), `unreadable` (how many places, see
        `FindingQueries.unreadable`) and up to 200 of them as `unreadable_list`, `not_read` (files of the last apply
        that were of no known format, where there were any), up to 200 threads each of `failed`, `in_doubt` and
        `differs` with code and detail, `vector_stores` and `vector_store_files` by status where
        there are any, `skipped` by reason, `running` (the process that writes now, or None), `last_run` and
        `setup`. And `reached`, {threads, of}, where the last apply has not met all threads of its source; `of` is None
        where nobody has counted them, and `share_read` beside it says then which share of the source it had read, if
        that is known. `selected_only`, where no apply was asked for all threads; `selection`, what the last apply chose
        threads by, and `not_selected`, how many it left out (None while it runs). `agents`, where assistants became
        some. And `pilot`, where the last load did not come through it.
        """
        running = holder(self.path)
        threads, totals = self._threads_by_state()
        named = {state: list(self.threads.listed(state, limit=_LISTED)) if state in threads else [] for state in _NAMED}
        skipped = "SELECT reason, count(*) FROM thread WHERE state = 'skipped' GROUP BY reason"
        unreadable = self.findings.unreadable()
        codes = self._file.counts("SELECT code, count(*) FROM thread_finding GROUP BY code")
        return {
            "state": str(self.path),
            "threads": threads,
            **self._reached(sum(threads.values())),
            **totals,
            "findings": codes,
            "finding_threads": self.findings.threads(codes, _EXAMPLES),
            "orphans": self._file.number("SELECT count(*) FROM orphan"),
            "file_copies": self._file.number(
                "SELECT (SELECT coalesce(sum(lost_uploads), 0) FROM file) + "
                "(SELECT coalesce(sum(lost_uploads), 0) FROM file_copy)"
            ),
            **self._vector_stores(),
            "unreadable": len(unreadable),
            "unreadable_list": unreadable[:_LISTED],
            **self._not_read(),
            "skipped": self._file.counts(skipped) if "skipped" in threads else {},
            **named,
            "running": None if running is None else {"process": running.pid, "host": running.host,
                                                     "command": running.command, "since": running.since},
            "last_run": next(self.runs.listed(newest_first=True), None),
            "setup": self.setup(),
            **self._selection(),
            **self._agents(),
            **self._stopped_pilot(),
        }  # fmt: skip

    def _threads_by_state(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return the number of threads in each state, and `items` and `messages` of all, in one scan."""
        rows = self._file.all(
            "SELECT state, count(*), coalesce(sum(position), 0), coalesce(sum(messages), 0) FROM thread GROUP BY state"
        )
        return {row[0]: row[1] for row in rows}, {
            "items": sum(row[2] for row in rows),
            "messages": sum(row[3] for row in rows),
        }

    def _reached(self, known: int) -> JsonObject:
        """How many threads are known of how many in the source, where the last apply has not met all of them.

        A run that was asked for some threads only has no `expected` among its options: it says nothing of the source,
        and so the last that was asked for all of them counts.
        """
        row = self._file.row(
            """SELECT json_extract(options, '$.expected') AS 'of',
              json_extract(result, '$.data.share_read') AS share,
              result IS NULL OR json_extract(result, '$.data.reached') IS NOT NULL AS short
            FROM run WHERE key = (
              SELECT max(key) FROM run WHERE command = 'apply' AND json_type(options, '$.expected') IS NOT NULL)"""
        )
        if row is None:
            asked = self._file.number("SELECT count(*) FROM run WHERE command = 'apply'")
            return {"selected_only": True} if asked else {}
        if not row["short"] or (row["of"] is not None and row["of"] <= known):
            return {}
        share = {} if row["share"] is None else {"share_read": row["share"]}
        return {"reached": {"threads": known, "of": row["of"]}, **share}

    def _selection(self) -> JsonObject:
        """What the last apply chose threads by, if it did."""
        row = self._file.row(
            """SELECT json_extract(options, '$.selection') AS selection,
              json_extract(result, '$.data.threads.not_selected') AS left_out
            FROM run WHERE key = (SELECT max(key) FROM run WHERE command = 'apply')"""
        )
        if row is None or row["selection"] is None:
            return {}
        return {"selection": json.loads(row["selection"]), "not_selected": row["left_out"]}

    def _not_read(self) -> JsonObject:
        """How many files of the source the last apply has passed over, and one of them, if it has."""
        row = self._file.row(
            """SELECT json_extract(result, '$.data.not_read') AS told
            FROM run WHERE key = (SELECT max(key) FROM run WHERE command = 'apply' AND result IS NOT NULL)"""
        )
        return {} if row is None or row["told"] is None else {"not_read": json.loads(row["told"])}

    def _agents(self) -> JsonObject:
        """How many assistants have become agents, if any have."""
        made = self._file.number("SELECT count(DISTINCT assistant_id) FROM agent WHERE status = 'made'")
        return {"agents": made} if made else {}

    def _vector_stores(self) -> JsonObject:
        """How many vector stores, and files in them, there are by status, where there are any."""
        stores = self._file.counts("SELECT status, count(*) FROM vector_store GROUP BY status")
        if not stores:
            return {}
        files = self._file.counts("SELECT status, count(*) FROM vector_store_file GROUP BY status")
        return {"vector_stores": stores, "vector_store_files": files}

    def _stopped_pilot(self) -> JsonObject:
        """The pilot that is to be repeated, if one is."""
        row = self._file.row(OPEN_PILOT)
        return {} if row is None else {"pilot": json.loads(row["pilot"])}
