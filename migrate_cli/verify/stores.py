"""The deep mode, for vector stores: is each one there and ready, and does it hold what was put into it? Reads only."""

from __future__ import annotations

from collections.abc import Mapping

from migrate_cli.convert.text import counted
from migrate_cli.http.outcomes import Refused
from migrate_cli.model import InStore, StoreFileRecord
from migrate_cli.target.vector_stores import VectorStoresTarget
from migrate_cli.verify.outcome import Outcome

_IN_IT = (InStore.INDEXING, InStore.COMPLETED, InStore.FAILED, InStore.CANCELLED)


async def compare_store(
    target: VectorStoresTarget, target_id: str, rows: Mapping[str, StoreFileRecord]
) -> tuple[Outcome, str, str]:
    """Return how a store differs from what is on record of it: outcome, code and half a sentence."""
    reply = await target.retrieve(target_id)
    if isinstance(reply, Refused):
        if reply.status in (404, 410):
            return Outcome.MISSING, "missing-vector-store", "it is not at the target"
        return Outcome.UNREADABLE, reply.code, f"it cannot be read ({reply.status}: {reply.message})"
    if reply.body.get("status") == "expired":
        return Outcome.DIFFERENT, "expired-vector-store", "it has expired, so nothing is in it any more"
    found = {str(one.get("id")): str(one.get("status")) async for one in target.files(target_id)}
    return _contents(found, rows)


def _contents(found: Mapping[str, str], rows: Mapping[str, StoreFileRecord]) -> tuple[Outcome, str, str]:
    """Compare the files of a store, and their statuses, with those that were put into it."""
    meant = {row.target_id: row.status for row in rows.values() if row.target_id and row.status in _IN_IT}
    outside = [one for one in meant if one not in found]
    if outside:
        told = f"{counted(len(outside), 'file')} of {len(meant):,} are not in it, such as {outside[0]}"
        return Outcome.DIFFERENT, "missing-store-file", told
    worse = [one for one, status in meant.items() if status is InStore.COMPLETED and found[str(one)] != status]
    if worse:
        told = f"{counted(len(worse), 'file')} of {len(meant):,} are no longer indexed, such as {worse[0]}"
        return Outcome.DIFFERENT, "unindexed-store-file", told
    waits = sum(status == InStore.INDEXING for status in found.values())
    if waits:
        return Outcome.DIFFERENT, "unfinished-vector-store", f"{counted(waits, 'file')} in it are still being indexed"
    more = len(found.keys() - meant.keys())
    if more:
        return Outcome.EXTRA, "extra-store-file", f"{counted(more, 'file')} in it were not added by this migration"
    return Outcome.SAME, "", ""
