"""Scratch conversations: made for one question or one case, and deleted again whatever happens.

A token is on record before one is made, and is in its metadata; its id is on record before any data is sent there. So
what a killed process left is found: by its id, or, where the target lists conversations, by its token. Deleting goes
items first, since deleting a conversation leaves its items on the server. It must not know what the conversations are
for, nor where the record is kept.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Protocol

from migrate_cli.convert.canonical import encode
from migrate_cli.convert.limits import MAX_BATCH_ITEMS
from migrate_cli.errors import MigrateError, TemporaryError
from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, Refused
from migrate_cli.http.retry import pause
from migrate_cli.model import JsonObject
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.deletion import DELETED, GONE, ConversationDeletion, Wait, delete_until_gone
from migrate_cli.target.listing import SCRATCH_MARK, ConversationWalk
from migrate_cli.work.pool import WorkerPool, each_of
from migrate_cli.work.waiting import waiting

ATTEMPTS = 6
"""How often one request is sent before it is given up."""
SILENT_ATTEMPTS = 3
"""The same where nothing comes, not even a refusal: each of them has taken a whole timeout."""
SHORTEST_WAIT = 0.2
"""Seconds, after the first attempt: a person waits for the answer to a case."""
_GROUP = 8_000_000
"""Bytes of items in one request."""

Sleep = Callable[[float], Awaitable[None]]


class ScratchRefused(Exception):
    """The target refuses to make or to fill a conversation; `code` is stable and kebab-case."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Unclear(Exception):
    """It stays unclear what a request has done, so that its conversation proves nothing any more."""


class ScratchRecord(Protocol):
    """Where the ids of scratch conversations are kept until these are deleted."""

    def scratch_begins(self, token: str, target: str) -> None:
        """Note that a conversation is about to be made; the token stands for it until it has an id."""

    def scratch_settled(self, token: str) -> None:
        """Note that what became of this one is known, or was told."""

    def scratches_begun(self, target: str) -> list[str]:
        """Return the tokens of those of which earlier processes do not say what became."""

    def scratch(self, conversation_id: str, target: str, token: str | None = None) -> None:
        """Note a conversation at a target, and that it is the one which the token stood for."""

    def scratch_gone(self, conversation_id: str) -> None:
        """Note that a conversation was deleted."""

    def scratches(self, target: str) -> list[str]:
        """Return the conversations that are still at a target, oldest first."""

    async def durable(self) -> None:
        """Return once all is on disk, where it is kept on one."""


class InMemory:
    """A record that ends with the process, for those whose conversations hold nobody's data."""

    def __init__(self) -> None:
        self._ids: list[str] = []

    def scratch_begins(self, token: str, target: str) -> None:
        """Nothing is kept that another process could ask for."""

    def scratch_settled(self, token: str) -> None:
        """As above."""

    def scratches_begun(self, target: str) -> list[str]:  # noqa: ARG002 - there is one target
        """There was no other process."""
        return []

    def scratch(self, conversation_id: str, target: str, token: str | None = None) -> None:  # noqa: ARG002 - as above
        """Note a conversation."""
        self._ids.append(conversation_id)

    def scratch_gone(self, conversation_id: str) -> None:
        """Forget a conversation."""
        self._ids.remove(conversation_id)

    def scratches(self, target: str) -> list[str]:  # noqa: ARG002 - there is one target
        """Return the conversations that stand."""
        return list(self._ids)

    async def durable(self) -> None:
        """Nothing is kept on a disk."""


class ScratchConversations:
    """Makes and deletes scratch conversations. Counts what it made, deleted and had to leave."""

    def __init__(
        self, target: ConversationsTarget, record: ScratchRecord, name: str, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._target, self._record, self._sleep = target, record, sleep
        self.name = name
        """What the record and sentences call the target; what is left at another is not looked for here."""
        self.made = 0
        self.deleted = 0
        """Of those that it made."""
        self.swept = 0
        """Of those that earlier processes left."""
        self.found = 0
        """Those that earlier processes left."""
        self.unclear = 0
        """Answers to creates that were lost, also by killed processes: each may have left an empty conversation."""
        self.unlisted = ""
        """Why those could not be looked for, as the end of a sentence that tells how many there are."""
        self._begun: list[str] = []
        """Tokens of creates that killed processes had no answer to."""
        self._own: set[str] = set()
        self._there: dict[str, None] = {}
        """All that are on record, as far as was asked or noted; the record itself may lag behind."""

    @property
    def left(self) -> list[str]:
        """Ids of all that are still at the target, also those that earlier processes left; they stay on record."""
        return list(self._there)

    async def make(self, items: Sequence[JsonObject]) -> tuple[str, str | None]:
        """Make one with these items; return its id and the id of its last item.

        Raises ScratchRefused, or Unclear when it stays unclear what was done; nothing is left then. Raises
        TemporaryError for a target that answers nothing.
        """
        conversation_id = await self._create()
        try:
            return conversation_id, await self._fill(conversation_id, items)
        except BaseException:
            await self.delete(conversation_id)
            raise

    async def keep_account(self, conversation_id: str, token: str | None = None) -> None:
        """Take a conversation that was just made into the account: from here on it is deleted in the end."""
        self.made += 1
        self._own.add(conversation_id)
        self._there[conversation_id] = None
        self._record.scratch(conversation_id, self.name, token)
        await self._record.durable()

    async def append(self, conversation_id: str, bodies: list[bytes]) -> str:
        """Append encoded items, once more only where they were certainly not taken; return the id of the last.

        Raises ScratchRefused or Unclear.
        """
        unclear = "it is unclear whether the history was copied"
        wait = self._attempts(unclear)
        while isinstance(reply := await self._target.append_items(conversation_id, bodies, images=False), NotApplied):
            await wait(reply)
        if isinstance(reply, Refused):
            sentence = f"the target does not accept the items of the conversation: {reply.message}"
            raise ScratchRefused("copy-refused", sentence)
        data = reply.body.get("data") if isinstance(reply, Applied) else None
        if isinstance(data, list) and len(data) == len(bodies) and isinstance(data[-1], dict):
            return str(data[-1].get("id"))
        raise Unclear(unclear)

    async def delete_items(self, conversation_id: str, item_ids: Sequence[str]) -> None:
        """Delete these items, in this order. Raises ScratchRefused, Unclear, or TemporaryError as `make` does."""
        for item_id in item_ids:
            delete = partial(self._target.delete_item, conversation_id, item_id)
            refused = await delete_until_gone(delete, self._attempts(f"it is unclear whether {item_id} is deleted"))
            if refused is not None:
                raise ScratchRefused("delete-refused", f"the target does not delete {item_id}: {refused.message}")

    async def delete(self, conversation_id: str, *, keep_record: bool = False) -> bool:
        """Delete the items, then the conversation; True when nothing is left. Never raises for what went wrong.

        `keep_record`: a request may still add items there, so that the next process is to delete it once more.
        """
        deletion = ConversationDeletion(self._target, conversation_id, self._attempts)
        try:
            gone = (await deletion.run())[0] in (DELETED, GONE)
        except (MigrateError, Unclear):
            gone = False
        if gone and keep_record:
            return True
        if gone:
            self._record.scratch_gone(conversation_id)
            self._there.pop(conversation_id, None)
            self.deleted += conversation_id in self._own
            self.swept += conversation_id not in self._own
        return gone

    async def sweep(self, workers: int = 1, settle: float = 0.0) -> int:
        """Delete all that is on record, also by earlier processes; return how many are gone.

        The last requests of those may take effect until `settle` seconds have passed, so that is waited for first.
        """
        before = self.deleted + self.swept
        self._there |= dict.fromkeys(self._record.scratches(self.name))
        self._begun = self._record.scratches_begun(self.name)
        self.found = len(self._there.keys() - self._own)
        self.unclear += len(self._begun)
        if (self._begun or self.found) and settle:
            with waiting("requests of the replay before to settle", moves=False):
                await self._sleep(settle)
        if self._begun:
            await self._look_for_begun()
        await WorkerPool(workers, asyncio.Event()).run(each_of(iter(list(self._there))), self.delete)
        return self.deleted + self.swept - before

    async def _look_for_begun(self) -> None:
        """Take those into the account whose creation was never answered, as far as the target lists them."""
        walk, tokens = ConversationWalk(self._target), frozenset(self._begun)
        try:
            with waiting("the list of conversations, in which scratch conversations of a killed replay may be"):
                async for page in walk.pages():
                    for one in page:
                        if one.scratch in tokens and one.id not in self._there:
                            self._there[one.id] = None
                            self.found += 1
                            self._record.scratch(one.id, self.name, one.scratch)
                            self._known(one.scratch)
        except MigrateError as error:  # a host may refuse a key for this alone; whether it does for all, the cases show
            self.unlisted = f", and the list of conversations could not be read ({error})"
            return
        if walk.refused is not None:
            self.unlisted = ", and the target has no list of conversations in which it could be found"
        elif walk.incomplete is not None:
            self.unlisted = f", and the list of conversations is not complete ({walk.incomplete})"
        else:
            # What is not in the whole list was never made.
            for token in list(self._begun):
                self._record.scratch_settled(token)
                self._known(token)

    def _known(self, token: str | None) -> None:
        """What became of this one is clear; a create that was sent twice may have made two."""
        if token in self._begun:
            self._begun.remove(token)
            self.unclear -= 1

    def told(self) -> None:
        """Take in that the counts were told: what killed processes had no answer to is not counted again."""
        for token in self._begun:
            self._record.scratch_settled(token)

    async def _create(self) -> str:
        """Make one; an unclear answer leaves at worst an empty conversation, so another is made after it."""
        token = secrets.token_hex(8)
        self._record.scratch_begins(token, self.name)
        await self._record.durable()
        try:
            return await self._created(token)
        except (MigrateError, ScratchRefused, Unclear):
            self._record.scratch_settled(token)
            raise

    async def _created(self, token: str) -> str:
        wait = self._attempts("the target made no conversation")
        metadata = {"migrate_cli": "scratch", SCRATCH_MARK: token}
        while not isinstance(reply := await self._target.create_conversation(metadata), Applied):
            if isinstance(reply, Refused):
                raise ScratchRefused("scratch-refused", f"the target creates no conversation: {reply.message}")
            self.unclear += isinstance(reply, Ambiguous)
            await wait(reply)
        conversation_id = str(reply.body["id"])
        await self.keep_account(conversation_id, token)
        return conversation_id

    async def _fill(self, conversation_id: str, items: Sequence[JsonObject]) -> str | None:
        last: str | None = None
        for bodies in _batches(map(encode, items)):
            last = await self.append(conversation_id, bodies)
        return last

    def _attempts(self, given_up: str = "no clear answer") -> Wait:
        """A new series of attempts at one request; waiting after the last raises Unclear."""
        numbers, silent = count(1), 0

        async def wait(reply: NotApplied | Ambiguous) -> None:
            nonlocal silent
            attempt, silent = next(numbers), silent + reply.silent
            if silent == SILENT_ATTEMPTS:
                raise TemporaryError(
                    f"{self.name} did not answer {silent} tries to create, fill or delete a scratch conversation "
                    f"({reply.reason}); nothing is lost, run the same command again later"
                )
            if attempt == ATTEMPTS:
                raise Unclear(given_up)
            asked = reply.wait if isinstance(reply, NotApplied) else None
            with waiting("the next attempt at a scratch conversation", moves=False):
                await self._sleep(pause(attempt, asked, shortest=SHORTEST_WAIT))

        return wait


def _batches(bodies: Iterator[bytes]) -> list[list[bytes]]:
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
