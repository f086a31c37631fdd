"""Copies of files at the target to which no record refers: found, adopted, deleted or counted.

Uploads with lost responses leave them behind, and so does a lost state file; then vector stores show which they are.

A copy is treated as ours only where its name, size and purpose are those that were sent, its time lies between the lost
request and now, no record knows its id, and there are no more such copies than lost answers. In doubt it is kept and
counted. It must not upload anything.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from migrate_cli.errors import TemporaryError
from migrate_cli.files.host import FileHost, FileListing, ListedFile, listed_file
from migrate_cli.files.record import FileMemory
from migrate_cli.http.outcomes import Applied, Draining, Refused
from migrate_cli.http.retry import Sleeper, send_until_clear
from migrate_cli.model import FileRecord, Lost, SentAs

SLACK = 2.0
"""Seconds by which times may differ: files have whole seconds, and clocks are compared by a header of whole seconds."""


@dataclass(frozen=True, slots=True)
class _Likeness:
    """What of a sent file the target's list tells; two files that are alike cannot be told apart there."""

    filename: str
    bytes: int
    purpose: str

    @classmethod
    def of(cls, sent_as: SentAs) -> _Likeness:
        return cls(sent_as.filename, sent_as.bytes, sent_as.purpose)


class OrphanedUploads:
    """Looks for copies, for one run. `alone` says that no other process uploads for this migration now."""

    def __init__(
        self,
        host: FileHost,
        memory: FileMemory,
        clock: Sleeper,
        *,
        wall: Callable[[], float] = time.time,
        quiet: float = 0.0,
        alone: bool = True,
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        self._host, self._memory, self._clock, self.wall = host, memory, clock, wall
        self._quiet, self._alone, self._draining = quiet, alone, draining
        self.counts: Counter[str] = Counter()
        self._offered: dict[str, ListedFile] = {}

    async def offer(self, file_ids: Iterable[str], alike: Collection[tuple[str | None, int | None]]) -> None:
        """Take files of the target for copies of this migration's, by name and size, where no record knows them.

        `alike`: names and sizes that only one file of the source has. Raises AuthError, TemporaryError.
        """
        await self._memory.durable()
        for file_id in file_ids:
            if file_id in self._offered or self._memory.knows_file(file_id):
                continue
            reply = await self._host.retrieve(file_id)
            one = listed_file(reply.body) if isinstance(reply, Applied) else None
            if one is not None and (one.filename, one.bytes) in alike:
                self._offered[file_id] = one

    def offered(self, sent_as: SentAs) -> str | None:
        """Return the id of the one copy that was offered and is like this file; each is given once."""
        found = [one.id for one in self._offered.values() if _likeness_of(one) == _Likeness.of(sent_as)]
        if len(found) != 1:
            return None
        del self._offered[found[0]]
        self.counts["adopted"] += 1
        return found[0]

    async def adopt(self, file_id: str, lost: Lost, sent_as: SentAs) -> str | None:
        """Return the id of a copy of these very bytes that an upload left; None where there is none for certain."""
        if not (self._alone and lost.count) or lost.since is None or lost.sent_as != sent_as:
            return None
        listed = await self._list(lost.since)
        if listed is None or not listed.whole:
            return None
        await self._memory.durable()
        alike = _Likeness.of(sent_as)
        others = (one for source_id, one in self._memory.lost_files() if source_id != file_id)
        if any(one.lost.sent_as is None or _Likeness.of(one.lost.sent_as) == alike for one in others):
            return None
        found = self._copies(listed, alike, lost.since)
        if not 0 < len(found) <= lost.count:
            return None
        self.counts["adopted"] += 1
        return found[0].id

    async def settle(self) -> None:
        """Delete the copies that are certainly left over, and keep count of those that may be. Nothing is under way."""
        await self._memory.durable()
        groups: dict[_Likeness, list[tuple[str, FileRecord]]] = {}
        for source_id, record in self._memory.lost_files():
            if record.lost.sent_as is not None and record.lost.since is not None:
                groups.setdefault(_Likeness.of(record.lost.sent_as), []).append((source_id, record))
        # A copy of a file that has no id yet may still be adopted.
        ready = {alike: rows for alike, rows in groups.items() if all(one.sent for _, one in rows)}
        if not ready:
            return
        listed = await self._list(min(one.lost.since or 0.0 for rows in ready.values() for _, one in rows))
        if listed is None:
            return
        for alike, rows in ready.items():
            await self._settle(alike, rows, listed)

    def left(self) -> int:
        """How many copies may be at the target that nothing names."""
        return sum(record.lost.count for _, record in self._memory.lost_files())

    async def _settle(self, alike: _Likeness, rows: Sequence[tuple[str, FileRecord]], listed: FileListing) -> None:
        count = sum(one.lost.count for _, one in rows)
        found = self._copies(listed, alike, min(one.lost.since or 0.0 for _, one in rows))
        gone = 0
        if self._alone and len(found) <= count:
            for one in found:
                gone += await self._delete(one.id)
        kept = len(found) - gone
        # What was not found so long after the last request has never arrived.
        landed = listed.whole and all(self.wall() - one.lost.last >= self._quiet for _, one in rows)
        self._keep(rows, kept if landed else max(kept, count - gone))

    def _keep(self, rows: Sequence[tuple[str, FileRecord]], count: int) -> None:
        for source_id, record in rows:
            kept = min(count, record.lost.count) if (source_id, record) != rows[-1] else count
            count -= kept
            if kept != record.lost.count:
                self._memory.note(source_id, replace(record, lost=replace(record.lost, count=kept)))

    async def _delete(self, identifier: str) -> bool:
        try:
            sent = await send_until_clear(
                lambda: self._host.delete(identifier), self._clock, "the deletion of a copy", draining=self._draining
            )
        except (TemporaryError, Draining):
            return False
        gone = not isinstance(sent.reply, Refused) or sent.reply.status == 404
        self.counts["copies_deleted"] += gone
        return gone

    async def _list(self, since: float) -> FileListing | None:
        try:
            return await self._host.made_since(since - SLACK, self.wall)
        except TemporaryError:
            return None

    def _copies(self, listed: FileListing, alike: _Likeness, since: float) -> list[ListedFile]:
        began, now = since + listed.ahead - SLACK, self.wall() + listed.ahead + SLACK
        return [
            one
            for one in listed.files
            if _likeness_of(one) == alike and began <= one.created_at <= now and not self._memory.knows_file(one.id)
        ]


def _likeness_of(listed: ListedFile) -> _Likeness:
    return _Likeness(listed.filename, listed.bytes, listed.purpose)
