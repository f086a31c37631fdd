"""Deletes vector stores that were rebuilt. The files in them stay at the target, as conversations name them too.

What somebody else made, or has put files into, is kept. It must not decide which stores are undone.
"""

from __future__ import annotations

from collections.abc import Collection

from migrate_cli.http.outcomes import Ambiguous, Applied, Refused
from migrate_cli.stores.bodies import made_from
from migrate_cli.target.deletion import DELETED, GONE, KEPT, REFUSED, Wait
from migrate_cli.target.vector_stores import VectorStoresTarget


async def undo_store(
    target: VectorStoresTarget, store_id: str, target_id: str, ours: Collection[str], wait: Wait, *, force: bool
) -> tuple[str, str | None]:
    """Delete one store; returns DELETED, GONE, KEPT or REFUSED, with the reason of the last two.

    `ours` are the files that were put into it, by their ids at the target.
    """
    reply = await target.retrieve(target_id)
    if isinstance(reply, Refused):
        return (GONE, None) if reply.status in (404, 410) else (REFUSED, f"{reply.message} ({reply.status})")
    if not force and made_from(reply.body) != store_id:
        return KEPT, "its metadata does not say that it was created from it"
    others = [str(one.get("id")) async for one in target.files(target_id) if one.get("id") not in ours]
    if others and not force:
        return KEPT, f"{len(others):,} of its files were not added by this migration"
    while True:
        answer = await target.delete(target_id)
        if isinstance(answer, Refused) and answer.status not in (404, 410):
            return REFUSED, f"{answer.message} ({answer.status})"
        if isinstance(answer, Applied | Refused):
            return DELETED, None
        await wait(answer)
        # A target that never answers deletes would never answer the next one either.
        if isinstance(answer, Ambiguous) and isinstance(await target.retrieve(target_id), Refused):
            return DELETED, None
