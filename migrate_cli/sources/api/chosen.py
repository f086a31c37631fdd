"""Reads of a host what a choice wants, and as little as can be of what it does not.

The thread's own object tells its metadata, and the newest message and run tell when it was last active: three small
answers, where the host shows its lists in the order asked for. Everything else has to be read to be judged.
"""

from __future__ import annotations

from dataclasses import replace

from migrate_cli.errors import Unanswered
from migrate_cli.http.endpoint import segment
from migrate_cli.model import JsonObject, Unreadable
from migrate_cli.sources import normalise
from migrate_cli.sources.api.host import Host, RefusedError
from migrate_cli.sources.api.ids import ThreadName
from migrate_cli.sources.api.newest import NewestFirst
from migrate_cli.sources.api.reader import ThreadReader
from migrate_cli.sources.api.thread_record import LeftOut, ThreadRecord, thread_of
from migrate_cli.sources.choice import Activity, Choice, Judgement, unknown_activity
from migrate_cli.sources.ordering import time_of


class ChosenThreads:
    """Reads threads from one host, if a choice wants them."""

    def __init__(self, host: Host, reader: ThreadReader, choice: Choice, newest: NewestFirst) -> None:
        self._host, self._reader, self._choice, self._newest = host, reader, choice, newest

    async def read(self, named: ThreadName) -> ThreadRecord | Unreadable | LeftOut:
        """Return the thread, that it is left out, or why it cannot be read. Raises what `ThreadReader.read` raises."""
        if not self._choice:
            return await self._reader.read(named)
        try:
            thread = named.listed or await self._host.get(f"/threads/{segment(named.id)}")
            if await self._plainly_out(named.id, thread):
                return LeftOut(named.id)
            named = replace(named, listed=thread)
        except (RefusedError, Unanswered):
            # Whoever reads it whole knows what that means.
            pass
        entry = await self._reader.read(named)
        if isinstance(entry, Unreadable):
            return entry
        judgement = self._choice.judge(thread_of(entry))
        if judgement is Judgement.LEFT_OUT:
            return LeftOut(entry.id)
        if judgement is Judgement.UNKNOWN:
            entry.findings.append(unknown_activity(entry.id))
        return entry

    async def _plainly_out(self, thread_id: str, thread: JsonObject) -> bool:
        """Whether a few small answers tell that the thread is not wanted."""
        facts = normalise.thread_facts(thread)
        if not self._choice.wants_metadata(facts["metadata"]):
            return True
        if not self._choice.timed:
            return False
        path, times = f"/threads/{segment(thread_id)}", list[float | None]()
        for what in ("messages", "runs"):
            newest = await self._newest.of(path, what)
            if newest is None:
                return False
            times += map(time_of, newest)
            # Runs may be newer than all messages.
            unseen = [None] if what == "messages" else []
            judgement = self._choice.judge_activity(Activity.of([*times, *unseen]))
            if judgement is not Judgement.UNKNOWN:
                return judgement is Judgement.LEFT_OUT
        return False
