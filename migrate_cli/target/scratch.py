"""Scratch conversations: a copy of a history that a case may change, and that is deleted again whatever happens.

The id is durable in the state before any data is sent there. Deleting goes items first, since deleting a conversation
leaves its items on the server. What a killed run left is deleted by the next one (`sweep`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from migrate_cli.convert.canonical import encode
from migrate_cli.convert.limits import MAX_BATCH_ITEMS
from migrate_cli.errors import MigrateError
from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, Refused, Reply
from migrate_cli.model import JsonObject
from migrate_cli.replay.errors import CaseFault, TryAgain
from migrate_cli.state.store import StateStore
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.pages import Walk

ATTEMPTS = 6
_DELETES_AT_ONCE = 8
_GROUP = 8_000_000
"""Bytes of items in one request."""

Sleep = Callable[[float], Awaitable[None]]


class Scratches:
    """Makes and deletes scratch conversations; one for each replay. Counts what it made, deleted and had to leave."""

    def __init__(self, target: ConversationsTarget, store: StateStore, name: str, sleep: Sleep = asyncio.sleep) -> None:
        self._target = target
        self._name = name
        """What the state file calls the target; what is left at another is not looked for here."""
        self._store = store
        self._sleep = sleep
        self.made = 0
        self.deleted = 0
        self.left: list[str] = []
        """Ids that could not be deleted; they stay in the state file for the next run."""

    async def make(self, items: Sequence[JsonObject]) -> tuple[str, str | None]:
        """Make one with these items; return its id and the id of its last item.

        Raises CaseFault when the target refuses, TryAgain when it stays unclear what was done (nothing is left then).
        """
        conversation_id = await self._create()
        try:
            return conversation_id, await self._fill(conversation_id, items)
        except BaseException:
            await self.delete(conversation_id)
            raise

    async def delete(self, conversation_id: str) -> bool:
        """Delete the items, then the conversation; True when nothing is left. Never raises for what went wrong."""
        try:
            gone = await self._delete(conversation_id)
        except (MigrateError, CaseFault, TryAgain):
            gone = False
        if gone:
            self.deleted += 1
            self._store.scratch_gone(conversation_id)
        elif conversation_id not in self.left:
            self.left.append(conversation_id)
        return gone

    async def sweep(self) -> int:
        """Delete what earlier runs left; return how many are gone."""
        before = self.deleted
        for conversation_id in self._store.scratches(self._name):
            await self.delete(conversation_id)
        return self.deleted - before

    async def _create(self) -> str:
        metadata = {"migrate_cli": "scratch"}
        reply = await self._insist(lambda: self._target.create_conversation(metadata), "scratch-refused")
        conversation_id = str(reply.body["id"])
        self.made += 1
        self._store.scratch(conversation_id, self._name)
        await self._store.durable()
        return conversation_id

    async def _fill(self, conversation_id: str, items: Sequence[JsonObject]) -> str | None:
        last: str | None = None
        for bodies in _batches([encode(item) for item in items]):
            last = await self.append(conversation_id, bodies)
        return last

    async def append(self, conversation_id: str, bodies: list[bytes]) -> str:
        """Append encoded items, once more only where they were certainly not taken; return the id of the last.

        Raises CaseFault when the target refuses, TryAgain when it stays unclear what was done.
        """
        for attempt in range(ATTEMPTS):
            reply = await self._target.append_items(conversation_id, bodies, images=False)
            if isinstance(reply, NotApplied):
                await self._sleep(_pause(reply, attempt))
                continue
            if isinstance(reply, Refused):
                raise CaseFault(
                    "copy-refused", f"the target does not take the items of the conversation: {reply.message}"
                )
            data = reply.body.get("data") if isinstance(reply, Applied) else None
            if isinstance(data, list) and len(data) == len(bodies) and isinstance(data[-1], dict):
                return str(data[-1].get("id"))
            break
        raise TryAgain("it is unclear whether the history was copied", sure=True)

    async def _delete(self, conversation_id: str) -> bool:
        gate = asyncio.Semaphore(_DELETES_AT_ONCE)

        async def one(item: JsonObject) -> bool:
            async with gate:
                return await self._gone(lambda: self._target.delete_item(conversation_id, str(item.get("id"))))

        seen: set[str] = set()
        while True:
            walk = Walk(self._target, conversation_id, images=False)
            items = [item async for page in walk.pages() for item in page]
            if walk.refused is not None and walk.refused.status != 404:
                return False
            if not all(await asyncio.gather(*(one(item) for item in items))):
                return False
            # Where a target shows the beginning alone, the next items show once these are gone.
            shown = {str(item.get("id")) for item in items}
            if not walk.cut_off or shown <= seen:
                break
            seen |= shown
        return await self._gone(lambda: self._target.delete_conversation(conversation_id))

    async def _gone(self, delete: Callable[[], Awaitable[Reply]]) -> bool:
        """Deleting twice does no harm, so an unclear answer is simply tried again."""
        for attempt in range(ATTEMPTS):
            reply = await delete()
            if isinstance(reply, Applied) or (isinstance(reply, Refused) and reply.status == 404):
                return True
            if isinstance(reply, Refused):
                return False
            await self._sleep(_pause(reply, attempt))
        return False

    async def _insist(self, send: Callable[[], Awaitable[Reply]], code: str) -> Applied:
        """Send until it is applied; for creating, where an unclear answer leaves at worst an empty conversation."""
        for attempt in range(ATTEMPTS):
            reply = await send()
            if isinstance(reply, Applied):
                return reply
            if isinstance(reply, Refused):
                raise CaseFault(code, f"the target makes no conversation: {reply.message}")
            await self._sleep(_pause(reply, attempt))
        raise TryAgain("the target made no conversation", sure=True)


def _pause(reply: NotApplied | Ambiguous | Applied, attempt: int) -> float:
    asked = reply.wait if isinstance(reply, NotApplied) else None
    return asked if asked is not None else min(0.2 * 2**attempt, 5.0)


def _batches(bodies: list[bytes]) -> list[list[bytes]]:
    """As many items in a request as the target takes; a call and its output may part, since nobody reads in between."""
    batches: list[list[bytes]] = []
    size = 0
    for body in bodies:
        if not batches or len(batches[-1]) == MAX_BATCH_ITEMS or size + len(body) > _GROUP:
            batches.append([])
            size = 0
        batches[-1].append(body)
        size += len(body)
    return batches
