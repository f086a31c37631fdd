"""Where records of vector stores are kept from run to run: the state file. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from migrate_cli.model import StoreFileRecord, StoreRecord


class StoreMemory(Protocol):
    """Notes and answers what became of stores, and of the files in them, by their ids at the source."""

    def record(self, store_id: str) -> StoreRecord | None:
        """Return what became of a store, or None."""

    def records(self) -> Mapping[str, StoreRecord]:
        """Return what became of all stores, as far as it is on disk."""

    def files(self, store_id: str) -> Mapping[str, StoreFileRecord]:
        """Return what became of the files of a store, as far as it is on disk."""

    def note(self, store_id: str, record: StoreRecord) -> None:
        """Note what became of a store; durable with the next commit."""

    def note_file(self, store_id: str, file_id: str, record: StoreFileRecord) -> None:
        """Note what became of a file of a store."""

    def forget_files(self, store_id: str) -> None:
        """Note that nothing is in a store any more."""

    async def durable(self) -> None:
        """Return once all that was noted is on disk."""
