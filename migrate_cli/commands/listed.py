"""Lists the conversations of a target for a command: with a sentence where there is no list, and ended in time.

It must not read conversations, nor decide what is done with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from migrate_cli.http.client import ApiClient
from migrate_cli.http.outcomes import Draining
from migrate_cli.load.claim import GRACE
from migrate_cli.model import JsonObject
from migrate_cli.report.progress import ProgressView
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.listing import ConversationIndex, ConversationWalk, refusal
from migrate_cli.work.pool import WorkerPool, each_of

LISTED = 1000
"""Longest list of conversations in a result."""


Begun = Callable[[], Awaitable[None]]


class TargetListing:
    """The list of one target, as far as it was read."""

    def __init__(self, client: ApiClient) -> None:
        self._host = client.endpoint.base_url
        self.index = ConversationIndex()
        self.walk = ConversationWalk(ConversationsTarget(client))
        self.conversations = 0

    async def read(self, drain: asyncio.Event, view: ProgressView, begun: Begun | None = None) -> None:
        """Read it to its end, or until the run drains. Raises what the target raises for the whole run.

        `begun` is awaited once, when the first page has come: the target does list conversations.
        """

        async def read_all(_: object) -> None:
            with suppress(Draining):
                async for page in self.walk.pages(begun):
                    for one in page:
                        self.index.add(one)
                    self.conversations += len(page)

        pool = WorkerPool(1, drain, grace=GRACE)
        await pool.run(each_of(iter([self])), read_all)
        pool.raise_failure()
        if self.walk.incomplete is not None:
            view.note(f"The list of conversations is incomplete: {self.walk.incomplete}.")

    def require(self, way_on: str) -> None:
        """Raise UsageError where the target does not list conversations."""
        if self.walk.refused is not None:
            raise refusal(self.walk.refused, self._host, way_on)

    def data(self) -> JsonObject:
        """How many conversations are listed, as results show it."""
        incomplete = {} if self.walk.incomplete is None else {"incomplete": self.walk.incomplete}
        return {"listed": self.conversations, "of_threads": len(self.index), "others": self.index.foreign, **incomplete}
