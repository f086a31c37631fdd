"""Waits until the target has indexed the files of vector stores, as long as there is progress, and records the outcome.

Indexing continues at the target whether anybody waits or not; the next run finds what was not finished. It must
not change anything at the target.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from migrate_cli.convert.text import counted, short
from migrate_cli.http.outcomes import Applied, Draining, Refused
from migrate_cli.model import InStore, JsonObject, StoreFileRecord, StoreRecord, StoreStatus
from migrate_cli.stores.context import Pulse, StoreContext
from migrate_cli.stores.telling import tell_files
from migrate_cli.work.waiting import waiting

FIRST_LOOK = 0.5
LONGEST_PAUSE = 15.0
"""Seconds between two looks, which grow while nothing happens."""


class StoreIndexing:
    """The stores that are filled and not at their end."""

    def __init__(self, context: StoreContext) -> None:
        self._context = context
        self._pulse = Pulse(context)
        self._left: dict[str, int] = {}
        """How many files of each store were still being indexed at the last look."""

    async def run(self, met: Collection[str]) -> None:
        """Look until nothing is left, or nothing has moved for too long. `met`: the stores that the source still has.

        Raises TemporaryError, AuthError, Draining.
        """
        context = self._context
        filling = {key: one for key, one in context.memory.records().items() if one.status is StoreStatus.FILLING}
        moved, pause = context.clock.now(), FIRST_LOOK
        while filling:
            for store_id, record in list(filling.items()):
                before = self._left.get(store_id)
                if await self._look(store_id, record, there=store_id in met):
                    del filling[store_id]
                    self._left.pop(store_id, None)
                if before is None or before != self._left.get(store_id):
                    moved, pause = context.clock.now(), FIRST_LOOK
            if not filling:
                break
            if context.clock.now() - moved > context.policy.patience:
                self._give_up(filling)
                break
            self._pulse.beat(self._words)
            with waiting("the target to index the files of vector stores", moves=False):
                await context.clock.sleep(pause)
            if context.draining():
                raise Draining
            pause = min(LONGEST_PAUSE, pause * 1.5)
        await context.memory.durable()

    async def _look(self, store_id: str, record: StoreRecord, *, there: bool) -> bool:
        """Ask for one store; True where there is nothing more to wait for."""
        context, target_id = self._context, record.target_id or ""
        reply = await context.target.retrieve(target_id)
        if isinstance(reply, Refused):
            self._lost(store_id, record, reply)
            return True
        counts = reply.body.get("file_counts")
        left = counts.get("in_progress") if isinstance(counts, dict) else None
        if isinstance(left, int) and left > 0:
            self._left[store_id] = left
            return False
        self._left[store_id] = await self._note_files(store_id, target_id)
        if self._left[store_id]:
            return False
        await context.memory.durable()
        rows = context.memory.files(store_id)
        outside = sum(row.status is InStore.WAITING for row in rows.values())
        if outside and not there:
            told = f"{counted(outside, 'file')} of the vector store {store_id} did not get into the rebuilt one"
            context.outcomes.problem("vector-store-unfinished", f"{told}, and the source no longer has it")
            return True
        if outside:
            told = f"{counted(outside, 'file')} of the vector store {store_id} are not in the rebuilt one yet"
            context.outcomes.problem("vector-store-unfinished", f"{told}; run the same command again")
            return True
        context.memory.note(store_id, replace(record, status=StoreStatus.REBUILT, detail=None))
        context.outcomes.counts["rebuilt"] += 1
        tell_files(context.outcomes, store_id, rows)
        return True

    async def _note_files(self, store_id: str, target_id: str) -> int:
        """Note how the indexing of each file ended; returns how many are still under way."""
        context = self._context
        waits = {
            row.target_id or "": file_id
            for file_id, row in context.memory.files(store_id).items()
            if row.status is InStore.INDEXING
        }
        left = 0
        async for told in context.target.files(target_id):
            file_id = waits.pop(str(told.get("id")), None)
            if file_id is not None:
                left += not self._ended(store_id, file_id, told)
        # A target may list less than it has.
        for target_file, file_id in waits.items():
            reply = await context.target.file(target_id, target_file)
            if isinstance(reply, Applied):
                left += not self._ended(store_id, file_id, reply.body)
            else:
                context.memory.note_file(store_id, file_id, StoreFileRecord(InStore.WAITING))
        return left

    def _ended(self, store_id: str, file_id: str, told: JsonObject) -> bool:
        """Note one file by what the target says of it; False where it is still being indexed."""
        status = str(told.get("status"))
        if status not in (InStore.COMPLETED, InStore.FAILED, InStore.CANCELLED):
            return False
        record = StoreFileRecord(InStore(status), str(told.get("id")), _why(told.get("last_error")))
        self._context.memory.note_file(store_id, file_id, record)
        return True

    def _lost(self, store_id: str, record: StoreRecord, refused: Refused) -> None:
        context = self._context
        told = f"the vector store {record.target_id}, created from {store_id}"
        if refused.status in (404, 410):
            context.memory.note(store_id, replace(record, status=StoreStatus.MAKING, target_id=None))
            context.memory.forget_files(store_id)
            sentence = f"{told}, is gone from the target; run the same command again to create it again"
            context.outcomes.problem("vector-store-gone", sentence)
        else:
            sentence = f"{told}, is not shown by the target ({refused.status}: {refused.message})"
            context.outcomes.problem("vector-store-unfinished", sentence)

    def _give_up(self, filling: dict[str, StoreRecord]) -> None:
        """Leave what does not get on; it may do so later."""
        context = self._context
        for store_id in filling:
            left = counted(self._left.get(store_id, 0), "file")
            told = f"the target still indexes {left} of the vector store {store_id}"
            sentence = (
                f"{told}, without any progress for {context.policy.patience:g} s; run the same command again later"
            )
            context.outcomes.problem("vector-store-unfinished", sentence)
            context.outcomes.counts["unfinished"] += 1

    def _words(self) -> str:
        files, stores = sum(self._left.values()), sum(count > 0 for count in self._left.values())
        return f"Indexing: {counted(files, 'file')} in {counted(stores, 'vector store')} to go."


def _why(error: Any) -> str | None:
    """What the target says of a file that it could not index, in one line."""
    if not isinstance(error, dict):
        return None
    code, message = error.get("code"), error.get("message")
    return short(": ".join(str(one) for one in (code, message) if one), 300) or None
