"""Reads from a host what has changed since it was saved, and as little as possible of the rest.

A thread's object and its newest message and run show that it has grown. A message in the middle that was edited or
deleted leaves all three as they were: that is not noticed. Where a host does not show what is newest, the thread is
read whole, and compared by whoever saved it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from migrate_cli.errors import Unanswered
from migrate_cli.http.endpoint import segment
from migrate_cli.model import JsonObject
from migrate_cli.sources.api.host import Host, RefusedError
from migrate_cli.sources.api.ids import ThreadName
from migrate_cli.sources.api.newest import NewestFirst
from migrate_cli.sources.api.ordered_reads import Entry
from migrate_cli.sources.api.thread_record import Unchanged
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.snapshot.saved import SavedThread, mark_of_metadata, mark_of_run

Known = Callable[[str], SavedThread | None]
"""What is known of a thread that was saved."""


@dataclass(frozen=True, slots=True)
class ChangedThreads:
    """Reads threads of which nothing is known, or more than is known; `read_whole` reads one."""

    host: Host
    newest: NewestFirst
    read_whole: Callable[[ThreadName], Awaitable[Entry]]
    known: Known

    async def read(self, named: ThreadName) -> Entry:
        """Return the thread, that it is unchanged, or what `read_whole` returns. Raises what that raises."""
        saved = self.known(named.id)
        if saved is None:
            return await self.read_whole(named)
        try:
            thread = named.listed or await self.host.get(f"/threads/{segment(named.id)}")
            if await self._is(saved, named.id, thread):
                return Unchanged(named.id)
            named = replace(named, listed=thread)
        except (RefusedError, Unanswered):
            # Whoever reads it whole knows what that means.
            pass
        return await self.read_whole(named)

    async def _is(self, saved: SavedThread, thread_id: str, thread: JsonObject) -> bool:
        """Whether a few small answers say that all is as it was saved."""
        if mark_of_metadata(thread) != saved.metadata:
            return False
        path = f"/threads/{segment(thread_id)}"
        messages = await self.newest.of(path, "messages")
        if messages is None or _id_of(messages) != saved.last_message:
            return False
        runs = await self.newest.of(path, "runs")
        return runs is not None and mark_of_run(runs[0] if runs else None) == saved.last_run


def _id_of(entries: list[JsonObject]) -> str | None:
    return clean_id(entries[0].get("id")) if entries else None
