"""Rebuilds vector stores: each is made, filled and indexed at the target. `StoreRebuild.run` is the work, step by step.

Everything that is done is recorded, so that it can be killed at any moment and resumed: what belongs in a
store is on record before its first file goes there, and after a kill the target is asked what is in there already.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from migrate_cli.convert.options import FileFact
from migrate_cli.convert.text import counted
from migrate_cli.http.outcomes import Ambiguous, Applied, Draining, Refused, Reply
from migrate_cli.http.retry import send_until_clear
from migrate_cli.model import InStore, StoreFileRecord, StoreRecord, StoreStatus
from migrate_cli.sources.interface import StoreFileInfo, StoreInfo
from migrate_cli.stores.bodies import file_body, store_body
from migrate_cli.stores.context import Pulse, StoreContext
from migrate_cli.stores.indexing import StoreIndexing
from migrate_cli.stores.own import OwnStores, StoresNotListed
from migrate_cli.stores.telling import tell_files

AT_ONCE = 32
"""Files of one store that are worked on together; the limiter decides how many requests that means."""
NOT_SEARCHABLE = ("failed", "cancelled")
"""What the source says of files that it could not index either."""
NOT_INDEXED = "the source could not index it either"

Carry = Callable[[list[str]], Awaitable[Mapping[str, FileFact]]]
"""Uploads files that are not at the target yet; fewer than were asked for where the run ends meanwhile."""
Recall = Callable[[Sequence[str], Iterable[str]], Awaitable[None]]
"""Is told of files of the source, and of files of the target that may be uploads of them which nobody recorded."""


@dataclass(slots=True)
class _Filling:
    """One store while it is filled."""

    store: StoreInfo
    target_id: str | None
    there: set[str] | None
    """Files that are in it already, by their ids at the target; None: not asked yet."""


class StoreRebuild:
    """The stores of one run. Without `carry` and `recall` files keep their ids, so that none is uploaded."""

    def __init__(self, context: StoreContext, carry: Carry | None = None, recall: Recall | None = None) -> None:
        self._context, self._carry, self._recall = context, carry, recall
        self._own = OwnStores(context)
        self._pulse = Pulse(context)
        self._files = 0

    async def run(self, stores: AsyncIterator[StoreInfo]) -> None:
        """Rebuild them all, then wait for their indexing. Raises TemporaryError, AuthError, Draining."""
        met: set[str] = set()
        try:
            async for store in stores:
                if self._context.draining():
                    raise Draining
                met.add(store.store_id)
                await self._store(store)
        except StoresNotListed as refused:
            self._not_listed(refused)
            return
        await self._context.memory.durable()
        await StoreIndexing(self._context).run(met)
        await self._own.settle()

    async def _store(self, store: StoreInfo) -> None:
        """See what is left to do for one store, and do it."""
        memory, outcomes = self._context.memory, self._context.outcomes
        known, rows = memory.record(store.store_id), memory.files(store.store_id)
        done = known is not None and known.status is StoreStatus.REBUILT
        todo = [one for one in store.files if _is_open(rows.get(one.file_id))]
        if done and not todo:
            outcomes.counts["unchanged"] += 1
            tell_files(outcomes, store.store_id, rows)
            return
        if store.expired or store.lack is not None:
            if known is None or known.target_id is None:
                self._leave(store, StoreStatus.EXPIRED if store.expired else StoreStatus.MISSING, store.lack)
            return
        await self._fill(store, known, todo)

    def _leave(self, store: StoreInfo, status: StoreStatus, why: str | None) -> None:
        """Note why a store is not rebuilt."""
        outcomes, memory = self._context.outcomes, self._context.memory
        known = memory.record(store.store_id) or StoreRecord(status)
        memory.note(store.store_id, replace(known, status=status, target_id=None, name=store.name, detail=why))
        outcomes.counts[status.value] += 1
        told = "it had expired at the source" if status is StoreStatus.EXPIRED else why
        outcomes.find("vector-store-not-rebuilt", f"The vector store {store.store_id} was not rebuilt: {told}.")

    async def _fill(self, store: StoreInfo, known: StoreRecord | None, todo: list[StoreFileInfo]) -> None:
        """Make the store if it is not there, and put the files into it, some at a time."""
        memory = self._context.memory
        filling = _Filling(store, None if known is None else known.target_id, None)
        rows = memory.files(store.store_id)
        for file in todo:
            if file.file_id not in rows:
                memory.note_file(store.store_id, file.file_id, StoreFileRecord(InStore.WAITING))
        await self._recall_copies(filling, todo)
        for start in range(0, len(todo), AT_ONCE):
            ready = await self._ready(store, todo[start : start + AT_ONCE])
            if ready and not await self._put(filling, ready):
                return
            self._pulse.beat(self._words)
        await memory.durable()
        if filling.target_id is None and not store.files:
            await self._made(filling)
        elif filling.target_id is None:
            self._leave(
                store, StoreStatus.MISSING, f"none of its {counted(len(store.files), 'file')} could be carried over"
            )
            tell_files(self._context.outcomes, store.store_id, memory.files(store.store_id))
        elif known is not None and known.status is StoreStatus.REBUILT and filling.there is None:
            # Nothing more could be put into it than before.
            self._context.outcomes.counts["unchanged"] += 1
            tell_files(self._context.outcomes, store.store_id, memory.files(store.store_id))

    async def _recall_copies(self, filling: _Filling, todo: list[StoreFileInfo]) -> None:
        """After a state file was lost, know the files again that are in the store, so that none gets in twice."""
        if self._recall is None or not todo:
            return
        standing = filling.target_id or await self._own.standing(filling.store.store_id)
        if standing is not None:
            there = [str(one.get("id")) async for one in self._context.target.files(standing)]
            await self._recall([one.file_id for one in todo], there)

    async def _ready(self, store: StoreInfo, files: list[StoreFileInfo]) -> list[tuple[StoreFileInfo, str]]:
        """Return the files that the target has by now, with their ids there; note why not, for the others."""
        wanted = [one for one in files if one.status not in NOT_SEARCHABLE]
        facts: Mapping[str, FileFact] = {}
        if self._carry is not None:
            facts = await self._carry([one.file_id for one in wanted])
            if self._context.draining():
                raise Draining
        ready = []
        for file in files:
            fact = facts.get(file.file_id, FileFact())
            if file.status in NOT_SEARCHABLE:
                self._lacks(store, file, f"{NOT_INDEXED} ({file.status})")
            elif self._carry is None:
                ready.append((file, file.file_id))
            elif fact.status == "uploaded" and fact.target_id is not None:
                ready.append((file, fact.target_id))
            else:
                self._lacks(store, file, fact.reason or "it could not be uploaded")
        return ready

    def _lacks(self, store: StoreInfo, file: StoreFileInfo, why: str) -> None:
        self._context.memory.note_file(store.store_id, file.file_id, StoreFileRecord(InStore.LACKING, detail=why))

    async def _put(self, filling: _Filling, files: list[tuple[StoreFileInfo, str]]) -> bool:
        """Put files into the store, which is made if need be; False where that cannot be done."""
        if filling.there is None and not await self._made(filling):
            return False
        results = await asyncio.gather(
            *(self._attach(filling, file, target_file) for file, target_file in files), return_exceptions=True
        )
        await self._context.memory.durable()
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return not any(result is False for result in results)

    async def _made(self, filling: _Filling) -> bool:
        """See that the store is there, and what is in it; False where the target does not make it."""
        context, store = self._context, filling.store
        if filling.target_id is not None and not await self._stands(filling, filling.target_id):
            filling.target_id = None
        if filling.target_id is not None:
            record = context.memory.record(store.store_id)
            if record is not None and record.status is not StoreStatus.FILLING:
                context.memory.note(store.store_id, replace(record, status=StoreStatus.FILLING, detail=None))
            filling.there = {str(one.get("id")) async for one in context.target.files(filling.target_id)}
            return True
        body, lost = store_body(store)
        before = context.outcomes.counts["adopted"]
        made = await self._own.get(store.store_id, store.name, body)
        if isinstance(made, Refused):
            why = f"the target refused it ({made.status}: {made.message})"
            self._leave(store, StoreStatus.REFUSED, why)
            context.outcomes.problem("vector-store-refused", f"the vector store {store.store_id}: {why}")
            return False
        filling.target_id, adopted = made, context.outcomes.counts["adopted"] > before
        context.outcomes.counts["made"] += not adopted
        # One that was made just now is empty, whatever the target says of it.
        filling.there = {str(one.get("id")) async for one in context.target.files(made)} if adopted else set()
        for what in lost:
            context.outcomes.find("vector-store-field-lost", f"The vector store {store.store_id}: {what}.")
        return True

    async def _stands(self, filling: _Filling, target_id: str) -> bool:
        """Whether a store that was made before can still be used; if not, it is made again."""
        reply = await self._context.target.retrieve(target_id)
        if isinstance(reply, Applied) and reply.body.get("status") != "expired":
            return True
        if isinstance(reply, Refused) and reply.status not in (404, 410):
            return True
        self._context.memory.forget_files(filling.store.store_id)
        for file in filling.store.files:
            waiting = StoreFileRecord(InStore.WAITING)
            self._context.memory.note_file(filling.store.store_id, file.file_id, waiting)
        self._context.outcomes.counts["made_anew"] += 1
        return False

    async def _attach(self, filling: _Filling, file: StoreFileInfo, target_file: str) -> bool:
        """Put one file into the store; False where the store is gone."""
        context, store_id = self._context, filling.target_id or ""
        reply: Reply = Applied({})
        if target_file not in (filling.there or ()):
            reply = await self._sent(store_id, file, target_file)
        if isinstance(reply, Refused):
            # Is it the file that the target does not have, or the store? Of that, the look at its indexing tells.
            if reply.status in (404, 410) and isinstance(await context.target.retrieve(store_id), Refused):
                return False
            self._lacks(filling.store, file, f"the target refused it ({reply.status}: {reply.message})")
            return True
        self._files += 1
        record = StoreFileRecord(InStore.INDEXING, target_file)
        context.memory.note_file(filling.store.store_id, file.file_id, record)
        return True

    async def _sent(self, store_id: str, file: StoreFileInfo, target_file: str) -> Applied | Refused:
        """Send the request until its outcome is clear; after an answer that was lost, look before it is sent again."""
        target, body, unclear = self._context.target, file_body(file, target_file), False

        async def once() -> Reply:
            nonlocal unclear
            if unclear and isinstance(found := await target.file(store_id, target_file), Applied):
                return found
            reply = await target.attach(store_id, body)
            unclear = isinstance(reply, Ambiguous)
            return reply

        what = f"putting the file {file.file_id} into a vector store"
        sent = await send_until_clear(once, self._context.clock, what, draining=self._context.draining)
        return sent.reply

    def _words(self) -> str:
        counts = self._context.outcomes.counts
        stores = counted(counts["made"] + counts["adopted"], "new store")
        return f"Vector stores: {counted(self._files, 'file')} put in, {stores} so far."

    def _not_listed(self, refused: StoresNotListed) -> None:
        why = f"the target has no vector stores ({refused})"
        if not refused.absent:
            why = f"the target does not list its vector stores ({refused}), so one could be created twice"
        told = f"no vector store was rebuilt: {why}; set convert.vector_stores to keep or note"
        self._context.outcomes.problem("vector-stores-not-taken", told)


def _is_open(row: StoreFileRecord | None) -> bool:
    """Whether something may be left to do for a file; what was not available before may be there now."""
    return row is None or row.status in (InStore.WAITING, InStore.LACKING)
