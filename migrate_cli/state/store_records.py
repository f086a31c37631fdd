"""What the state file records of vector stores: what became of each one, and of each file that belongs into it.

It must not ask the target, nor decide what to do about a store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate_cli.model import InStore, StoreFileRecord, StoreRecord, StoreStatus
from migrate_cli.state.id_list import fact_line
from migrate_cli.state.session import StatePart, named
from migrate_cli.state.statements import STORE, with_keys
from migrate_cli.state.writer import PendingWrite

_FILE = "INSERT OR REPLACE INTO vector_store_file VALUES (?, ?, ?, ?, ?, ?)"
_RUN = with_keys("UPDATE vector_store SET run = <run> WHERE source_store_id = ?")


class StoreRecords(StatePart):
    """Notes and answers what became of each vector store; implements `stores.record.StoreMemory`."""

    def note(self, store_id: str, record: StoreRecord) -> None:
        """Note what became of a store, under the run that works on it."""
        run, now = self._session.run_and_time()
        row = (
            store_id, record.target_id, record.name, record.status.value, record.detail, record.lost, record.lost_at,
            now,
        )  # fmt: skip
        made = record.target_id is not None
        writes = [PendingWrite(STORE, [row], line=fact_line("vector_store", row), vital=made)]
        self._session.note([*writes, PendingWrite(_RUN, [(run, store_id)])])

    def note_file(self, store_id: str, file_id: str, record: StoreFileRecord) -> None:
        """Note what became of one file of a store, by its id at the source."""
        row = (store_id, file_id, record.target_id, record.status.value, record.detail, self._session.seconds())
        self._session.note([PendingWrite(_FILE, [row])])

    def forget_files(self, store_id: str) -> None:
        """Note that nothing is in a store any more, so that all of it is to be put there again."""
        self._session.note([PendingWrite("DELETE FROM vector_store_file WHERE source_store_id = ?", [(store_id,)])])

    def record(self, store_id: str) -> StoreRecord | None:
        """Return what became of a store, or None."""
        rows = named(self._session.query("SELECT * FROM vector_store WHERE source_store_id = ?", store_id))
        row = next(rows, None)
        return None if row is None else _record_of(row)

    def records(self) -> dict[str, StoreRecord]:
        """Return what became of all stores, by their ids at the source."""
        rows = named(self._session.query("SELECT * FROM vector_store ORDER BY source_store_id"))
        return {row["source_store_id"]: _record_of(row) for row in rows}

    def files(self, store_id: str) -> dict[str, StoreFileRecord]:
        """Return what became of the files of a store, by their ids at the source."""
        sql = "SELECT source_file_id, target_file_id, status, detail FROM vector_store_file WHERE source_store_id = ?"
        return {
            source: StoreFileRecord(InStore(status), target, detail)
            for source, target, status, detail in self._session.ask(sql, store_id)
        }

    def named_by_threads(self) -> list[str]:
        """Return the tool resources of all threads that have any, as JSON, each once."""
        sql = "SELECT DISTINCT value FROM aside WHERE name = 'tool_resources' AND value LIKE '%vector_store_ids%'"
        return [value for (value,) in self._session.ask(sql)]


def _record_of(row: Mapping[str, Any]) -> StoreRecord:
    return StoreRecord(
        status=StoreStatus(row["status"]),
        target_id=row["target_store_id"],
        name=row["name"],
        detail=row["detail"],
        lost=row["lost_creates"],
        lost_at=row["lost_at"],
    )
