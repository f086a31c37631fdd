"""Creates a vector store at the target, once: it looks before it creates one, and after every lost response.

There is no idempotency key, but a store can be listed and says what it was made from. A request that was lost may still
take effect after the look: such copies are deleted at the end, where they are certainly ours and nothing is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from migrate_cli.errors import MigrateError, TemporaryError
from migrate_cli.http.outcomes import Ambiguous, Applied, Draining, Refused, Reply
from migrate_cli.http.retry import Retry, send_until_clear
from migrate_cli.model import JsonObject, StoreRecord, StoreStatus
from migrate_cli.stores.bodies import made_from
from migrate_cli.stores.context import StoreContext
from migrate_cli.work.waiting import waiting


class StoresNotListed(Exception):
    """The target does not list vector stores, so that none can be made without the danger of a second one."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.status}: {refused.message}")
        self.absent = refused.status in (404, 405, 410, 501)
        """Whether it has none at all."""


class OwnStores:
    """The stores of the target that were made from stores of the source."""

    def __init__(self, context: StoreContext) -> None:
        self._context = context
        self._listed: dict[str, list[JsonObject]] | None = None

    async def standing(self, store_id: str) -> str | None:
        """Return the id of a store that was made from this one of the source. Raises StoresNotListed."""
        return self._usable(await self._ours(store_id))

    async def get(self, store_id: str, name: str, body: JsonObject) -> str | Refused:
        """Return the id of the store that stands for this one of the source: found, or made now.

        Raises StoresNotListed, TemporaryError, AuthError, Draining.
        """
        context = self._context
        known = context.memory.record(store_id)
        record = replace(known or StoreRecord(StoreStatus.MAKING), status=StoreStatus.MAKING, target_id=None, name=name)
        found = self._usable(await self._ours(store_id))
        if found is not None:
            return await self._adopted(store_id, record, found)
        retry = Retry(context.clock.now, context.policy, "its vector stores")
        while True:
            reply, record = await self._send(store_id, record, body)
            if isinstance(reply, Applied):
                return str(reply.body["id"])
            if isinstance(reply, Refused):
                return reply
            seconds = retry.pause(reply)
            with waiting("the next attempt to make a vector store", moves=False):
                await context.clock.sleep(seconds)
            if isinstance(reply, Ambiguous):
                found = self._usable(await self._ours(store_id, afresh=True))
                if found is not None:
                    return await self._adopted(store_id, record, found)

    async def settle(self) -> None:
        """Look for what lost requests left: delete empty copies, and say how many more there may be."""
        context, left = self._context, 0
        await context.memory.durable()
        doubtful = {key: one for key, one in context.memory.records().items() if one.lost and one.target_id}
        if not doubtful:
            return
        try:
            await self._ours("", afresh=True)
        except (StoresNotListed, TemporaryError):
            # They stay on record; the next run looks again.
            return
        for store_id, record in doubtful.items():
            copies = [one for one in await self._ours(store_id) if one.get("id") != record.target_id]
            gone = 0
            if len(copies) <= record.lost:
                for copy in copies:
                    gone += _is_empty(copy) and await self._delete(str(copy["id"]))
            landed = context.clock.wall() - record.lost_at >= context.policy.latest
            lost = len(copies) - gone if landed else record.lost - gone
            context.memory.note(store_id, replace(record, lost=lost))
            context.outcomes.counts["copies_deleted"] += gone
            left += lost
        if left:
            detail = (
                f"The answers to {left:,} requests that create vector stores were lost; each may have left an "
                "empty one."
            )
            context.outcomes.find("vector-store-answer-lost", detail)

    async def _send(self, store_id: str, record: StoreRecord, body: JsonObject) -> tuple[Reply, StoreRecord]:
        """Make one, once. That it may be under way is on disk before it is sent."""
        context = self._context
        if context.draining():
            raise Draining
        sent = replace(record, lost=record.lost + 1, lost_at=context.clock.wall())
        context.memory.note(store_id, sent)
        await context.memory.durable()
        try:
            reply = await context.target.create(body)
        except (Draining, MigrateError):
            # It has not gone out, or was refused for all alike.
            context.memory.note(store_id, record)
            raise
        if isinstance(reply, Ambiguous):
            return reply, sent
        if isinstance(reply, Applied):
            record = replace(record, status=StoreStatus.FILLING, target_id=str(reply.body["id"]), detail=None)
        context.memory.note(store_id, record)
        await context.memory.durable()
        return reply, record

    async def _adopted(self, store_id: str, record: StoreRecord, found: str) -> str:
        """Note a store that was made before; if an answer was lost, this is one that it told of."""
        context = self._context
        filling = replace(record, status=StoreStatus.FILLING, target_id=found, detail=None)
        context.memory.note(store_id, replace(filling, lost=max(0, record.lost - 1)))
        await context.memory.durable()
        context.outcomes.counts["adopted"] += 1
        return found

    async def _ours(self, store_id: str, *, afresh: bool = False) -> list[JsonObject]:
        if self._listed is None or afresh:
            stores, refused = await self._context.target.listed()
            if refused is not None:
                raise StoresNotListed(refused)
            self._listed = {}
            for one in stores:
                if (source := made_from(one)) is not None:
                    self._listed.setdefault(source, []).append(one)
        return self._listed.get(store_id, [])

    def _usable(self, stores: list[JsonObject]) -> str | None:
        """The oldest of them that has not expired and that stands for no other store of the source."""
        return next((str(one["id"]) for one in stores if one.get("id") and one.get("status") != "expired"), None)

    async def _delete(self, identifier: str) -> bool:
        context = self._context
        try:
            sent = await send_until_clear(
                lambda: context.target.delete(identifier),
                context.clock,
                "the deletion of a copy of a vector store",
                draining=context.draining,
            )
        except (TemporaryError, Draining):
            return False
        return not isinstance(sent.reply, Refused) or sent.reply.status == 404


def _is_empty(store: Mapping[str, Any]) -> bool:
    counts = store.get("file_counts")
    return isinstance(counts, Mapping) and counts.get("total") == 0
