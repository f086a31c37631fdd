"""What to report about files of a vector store that cannot be searched at the target. It asks nothing."""

from __future__ import annotations

from collections.abc import Mapping

from migrate_cli.convert.text import short
from migrate_cli.model import InStore, StoreFileRecord
from migrate_cli.stores.context import StoreOutcomes


def tell_files(outcomes: StoreOutcomes, store_id: str, rows: Mapping[str, StoreFileRecord]) -> None:
    """Count the files of a store by how they ended, with a finding for each that cannot be searched."""
    for file_id, row in rows.items():
        outcomes.counts[f"files_{row.status.value}"] += 1
        why = short(row.detail or "the target did not say why", 300)
        if row.status is InStore.LACKING:
            detail = f"The file {file_id} is not in the rebuilt vector store {store_id}: {why}."
            outcomes.find("vector-store-file-missing", detail)
        elif row.status in (InStore.FAILED, InStore.CANCELLED):
            detail = f"The target could not index the file {file_id} of the vector store {store_id}: {why}."
            outcomes.find("vector-store-file-failed", detail)
