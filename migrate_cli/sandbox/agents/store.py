"""Stores the versions of agents, on the connection of a `Store`.

Every method is one transaction, committed before it returns. It must not interpret a definition.
"""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.encoding import encode
from migrate_cli.sandbox.store import transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS agent_version (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    UNIQUE (project, name, version)
);
"""
_COLUMNS = "number, name, version, created_at, body"


@dataclass(frozen=True, slots=True)
class AgentVersion:
    """One version of an agent; `number` tells the order in which all were made."""

    number: int
    name: str
    version: int
    created_at: int
    body: JsonObject
    """Definition, metadata and description."""

    @property
    def id(self) -> str:
        """Its id, such as `support:2`."""
        return f"{self.name}:{self.version}"


class AgentStore:
    """Reads and writes agents. An instance must be used by one thread at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)

    def add(self, project: str, name: str, body: JsonObject) -> AgentVersion:
        """Store the next version of an agent; the first makes it. Numbers of deleted versions are not used again."""
        now = int(time.time())
        with transaction(self._db):
            (last,) = self._db.execute(
                "SELECT coalesce(max(version), 0) FROM agent_version WHERE project = ? AND name = ?", (project, name)
            ).fetchone()
            cursor = self._db.execute(
                "INSERT INTO agent_version (project, name, version, created_at, body) VALUES (?, ?, ?, ?, ?)",
                (project, name, last + 1, now, encode(body)),
            )
        return AgentVersion(cursor.lastrowid or 0, name, last + 1, now, body)

    def versions(self, project: str, name: str) -> list[AgentVersion]:
        """Return the versions of an agent, oldest first; none where there is no such agent."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM agent_version WHERE project = ? AND name = ? AND NOT deleted ORDER BY version",  # noqa: S608 - columns
            (project, name),
        )
        return [_version(row) for row in rows]

    def latest(self, project: str) -> list[AgentVersion]:
        """Return the latest version of each agent, in the order in which the agents were made."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS}, min(number) OVER (PARTITION BY name) AS made, "  # noqa: S608 - columns
            "row_number() OVER (PARTITION BY name ORDER BY version DESC) AS place "
            "FROM agent_version WHERE project = ? AND NOT deleted ORDER BY made",
            (project,),
        )
        return [_version(row[:5]) for row in rows if row[6] == 1]

    def delete_version(self, project: str, name: str, version: int) -> None:
        """Delete one version; an agent without versions is none any more."""
        self._db.execute(
            "UPDATE agent_version SET deleted = 1 WHERE project = ? AND name = ? AND version = ?",
            (project, name, version),
        )

    def delete(self, project: str, name: str) -> None:
        """Delete an agent with all its versions; a new one of this name starts over."""
        self._db.execute("DELETE FROM agent_version WHERE project = ? AND name = ?", (project, name))


def _version(row: tuple[int, str, int, int, bytes]) -> AgentVersion:
    number, name, version, created_at, body = row
    return AgentVersion(number, name, version, created_at, json.loads(body))
