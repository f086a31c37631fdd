"""Turns threads into drafts with facts about their files: immediately if all are known, otherwise after finding out.

A thread without files costs nothing here. It must not read threads, write to a target or know where records are kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import replace
from typing import Any

from migrate_cli.convert.file_references import FilePlace, files_of, resource_files
from migrate_cli.convert.limits import FILE_ID
from migrate_cli.convert.options import FileFact, Files
from migrate_cli.convert.thread import convert_thread
from migrate_cli.files import local
from migrate_cli.files.fact_cache import FileFactCache, Lookup
from migrate_cli.files.local import FileLook
from migrate_cli.files.needs import MAX_REQUEST_BYTES, Need
from migrate_cli.files.remote import RemoteFiles, promised
from migrate_cli.files.transfer import FileWork, TransferJob
from migrate_cli.findings import finding
from migrate_cli.http.outcomes import Draining
from migrate_cli.model import Draft, FileRecord, Finding, Thread, Unreadable
from migrate_cli.sources.interface import FileInfo
from migrate_cli.work.ordered import Entry

AT_ONCE = 32
"""Files of one thread that are worked on together; the limiter decides how many requests that means."""

Places = dict[str, set[FilePlace]]
"""Where each file is mentioned."""


class FileResolver:
    """Converts the threads of one run. `work` None means that nothing can be found out.

    `distant` holds bytes that lie at the source; None where all there are lie on this disk.
    """

    def __init__(
        self,
        known: FileFactCache,
        work: FileWork | None = None,
        *,
        live: bool = False,
        distant: RemoteFiles | None = None,
    ) -> None:
        self._known = known
        self._work = work
        self._live = live
        self._distant = distant
        self._under_way: dict[str, asyncio.Task[FileFact]] = {}
        self._carried: set[str] = set()
        """Files of the code interpreter that were looked into."""
        self.named_files = False
        """Whether any file was named so far."""

    def convert(self, entries: Iterable[Thread | Unreadable]) -> Iterator[Entry]:
        """Convert what can be converted at once, one thread at a time, and pass the rest on."""
        for entry in entries:
            yield entry if isinstance(entry, Unreadable) else self.at_once(entry)

    def learn(self, file_id: str, record: FileRecord) -> None:
        """Take what was found out about a file elsewhere; threads that are converted from now on go by it."""
        self._known.learn(file_id, record)

    def at_once(self, thread: Thread) -> Draft | Thread:
        """Return the draft, or the thread itself where something must be found out first."""
        lookup = Lookup(self._known, thread.id)
        draft = self._convert(thread, lookup)
        waits = lookup.unsettled or any(map(self._left_aside, resource_files(thread.tool_resources)))
        return thread if waits and self._work is not None else draft

    async def carry(self, file_ids: Iterable[str]) -> dict[str, FileFact]:
        """Find out about files that no thread names, such as those of assistants; nothing once the run ends."""
        try:
            return await self._all("", {one: {FilePlace.RESOURCE} for one in file_ids})
        except Draining:
            return {}

    async def draft(self, thread: Thread) -> Draft | None:
        """Find out what is missing, then convert. None when the run ends meanwhile."""
        places: Places = {}
        for mention in files_of(thread):
            places.setdefault(mention.file_id, set()).add(mention.place)
        for file_id in resource_files(thread.tool_resources):
            places.setdefault(file_id, set()).add(FilePlace.RESOURCE)
        try:
            found = await self._all(thread.id, places)
        except Draining:
            return None
        lookup = Lookup(self._known, thread.id, found)
        if self._live:
            return await asyncio.to_thread(self._convert, thread, lookup)
        return self._convert(thread, lookup)

    def _convert(self, thread: Thread, lookup: Lookup) -> Draft:
        draft = convert_thread(thread, self._known.policy.options, lookup)
        self.named_files |= bool(lookup.used)
        heavy = too_heavy(draft, lookup.used)
        return draft if heavy is None else replace(draft, findings=(*draft.findings, heavy))

    async def _all(self, thread_id: str, places: Places) -> dict[str, FileFact]:
        found: dict[str, FileFact] = {}
        ids = list(places)
        for start in range(0, len(ids), AT_ONCE):
            group = ids[start : start + AT_ONCE]
            finding_out = (self._find(one, thread_id, places[one]) for one in group)
            results = await asyncio.gather(*finding_out, return_exceptions=True)
            for one, result in zip(group, results, strict=True):
                if isinstance(result, BaseException):
                    raise result
                found[one] = result
        return found

    async def _find(self, file_id: str, thread_id: str, places: set[FilePlace]) -> FileFact:
        fact, settled = self._known.look(file_id, thread_id)
        if settled and not (FilePlace.RESOURCE in places and self._left_aside(file_id)):
            return fact
        ordered = sorted(places, key=_ORDER.__getitem__)
        if self._idle(file_id, ordered):
            return self._known.learn(file_id, None)
        return await self._once(file_id, self._do(file_id, ordered))

    def _left_aside(self, file_id: str) -> bool:
        """Whether a file of the code interpreter is still to be carried, whatever is settled for conversations."""
        policy = self._known.policy
        if policy.options.files is Files.KEEP or file_id in self._carried or FILE_ID.fullmatch(file_id) is None:
            return False
        record = self._known.record(file_id)
        return record is None or not policy.settled(record, None)

    def _idle(self, file_id: str, places: list[FilePlace]) -> bool:
        """Whether a file needs nothing at these places. Elsewhere it may, so no other thread can go by that."""
        info = self._known.info(file_id)
        here = local.of_source(info)
        look = promised(file_id, info) if here is None and self._distant is not None else here
        return FilePlace.RESOURCE not in places and self._need(places, info, look)[1] is Need.NOTHING

    async def _once(self, file_id: str, work: Coroutine[Any, Any, FileFact]) -> FileFact:
        """Let several threads that name one file wait for the same work."""
        task = self._under_way.get(file_id)
        if task is None:
            task = asyncio.create_task(work)
            self._under_way[file_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(file_id, None))
        else:
            work.close()
        return await asyncio.shield(task)

    async def _do(self, file_id: str, places: list[FilePlace]) -> FileFact:
        info, record = self._known.info(file_id), self._known.record(file_id)
        here = local.of_source(info)
        elsewhere = self._distant if here is None else None
        if FilePlace.RESOURCE in places:
            self._carried.add(file_id)
        place, need = self._need(places, info, here if elsewhere is None else promised(file_id, info))
        if need is Need.NOTHING or self._work is None:
            return self._known.learn(file_id, None)
        job = TransferJob(need, file_id, here, record, aside=place is FilePlace.RESOURCE)
        if elsewhere is not None and need in (Need.UPLOAD, Need.TRANSCRIBE):
            return self._known.learn(file_id, await self._brought(job, places, info, elsewhere, self._work))
        return self._known.learn(file_id, await self._work.do(job))

    async def _brought(
        self, job: TransferJob, places: list[FilePlace], info: FileInfo | None, elsewhere: RemoteFiles, work: FileWork
    ) -> FileRecord | None:
        """Do a job with bytes from the source; their content is checked again, since names may be wrong."""
        async with elsewhere.of(job.file_id, info) as got:
            if got.look is None:
                return await work.do(replace(job, lack=got.reason))
            # Where nothing is to be done after all, what the bytes are is still worth knowing.
            place, need = self._need(places, info, got.look)
            return await work.do(replace(job, need=need, local=got.look, aside=place is FilePlace.RESOURCE))

    def _need(self, places: list[FilePlace], info: FileInfo | None, look: FileLook | None) -> tuple[FilePlace, Need]:
        """Return the first place at which a file needs something, and what."""
        for place in places:
            need = self._known.policy.need(place, info, look)
            if need is not Need.NOTHING:
                return place, need
        return places[0], Need.NOTHING

    async def close(self) -> None:
        """End what is still under way for threads that nobody waits for any more."""
        left = list(self._under_way.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


_PLACES = (FilePlace.ATTACHMENT, FilePlace.IMAGE, FilePlace.CITATION, FilePlace.RESOURCE)
_ORDER = {place: number for number, place in enumerate(_PLACES)}
"""Which place decides first where a file is mentioned at several."""


def too_heavy(draft: Draft, facts: dict[str, FileFact]) -> Finding | None:
    """Return the finding for a draft whose files are more than one request may carry, else None."""
    sizes = {fact.target_id or file_id: fact.bytes or 0 for file_id, fact in facts.items() if fact.status != "missing"}
    if sum(sizes.values()) < MAX_REQUEST_BYTES:
        return None
    sent = [item.body for item in draft.items if b'"file_id"' in item.body]
    total = sum(size for name, size in sizes.items() if any(f'"file_id":"{name}"'.encode() in body for body in sent))
    if total < MAX_REQUEST_BYTES:
        return None
    return finding(
        "files-over-request-limit",
        f"The files of this thread have {total:,} bytes together; one request takes {MAX_REQUEST_BYTES:,}.",
        draft.thread_id,
    )
