"""Reads one thread from a host: its object, its messages, and its runs and steps where there are any.

What goes wrong with one thread is a value; what concerns the host as a whole is raised.
"""

from __future__ import annotations

import asyncio
from collections import deque

from migrate_cli.errors import AnswerOutOfBounds, TemporaryError, Unanswered
from migrate_cli.findings import finding
from migrate_cli.http.endpoint import segment
from migrate_cli.model import JsonObject, Origin, Unreadable
from migrate_cli.sources.api.host import Host, RefusedError
from migrate_cli.sources.api.ids import ThreadName
from migrate_cli.sources.api.paging import Listing, pages
from migrate_cli.sources.api.thread_record import ThreadRecord, arrange
from migrate_cli.sources.normalise import clean_id

SEARCH_RESULTS = "step_details.tool_calls[*].file_search.results[*].content"
LATELY = 200
MOST_ALIKE = 10
"""Where the host could not read out so many threads, and most of the last `LATELY`, it is the host that is unwell."""


class ThreadReader:
    """Reads threads from one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._failed: deque[bool] = deque(maxlen=LATELY)

    async def read(self, named: ThreadName) -> ThreadRecord | Unreadable:
        """Return the thread, or why it cannot be read. Raises SourceError, TemporaryError, AuthError."""
        origin = Origin(f"{self._host.url}/threads/{named.id}")
        try:
            record = await self._record(named, origin)
        except RefusedError as error:
            return await self._refused(named.id, origin, error)
        except AnswerOutOfBounds as error:
            detail = f"The host's response for this thread is not accepted: {error.reason}. The others are read."
            return Unreadable(origin, "answer-out-of-bounds", detail, named.id)
        except TemporaryError as error:
            return await self._unwell_for(named.id, origin, error)
        self._failed.append(False)
        return record

    async def _record(self, named: ThreadName, origin: Origin) -> ThreadRecord:
        path = f"/threads/{segment(named.id)}"
        thread = named.listed or await self._host.get(path)
        record = ThreadRecord(named.id, thread, origin)
        listing = Listing(f"{path}/messages", "messages")
        may_have_runs = False
        role = None
        async for page in pages(self._host, listing):
            record.messages.extend(page)
            may_have_runs = may_have_runs or any(entry.get("run_id") for entry in page)
            role = page[-1].get("role") if page else role
        # A run that failed leaves no message: then the user's stands last.
        if may_have_runs or role == "user":
            await self._add_runs(record, path)
        _remark(record, listing)
        record.findings += [finding(code, detail, named.id) for code, detail in named.remarks]
        record.findings += self._host.news(named.id)
        arrange(record)
        return record

    async def _add_runs(self, record: ThreadRecord, path: str) -> None:
        listing = Listing(f"{path}/runs", "runs")
        try:
            async for page in pages(self._host, listing):
                record.runs += page
            for lists in await asyncio.gather(*(self._steps(record, path, run) for run in record.runs)):
                record.steps += lists
        except RefusedError as error:
            detail = f"The host refused the runs ({error}), so tool calls may be missing."
            record.findings.append(finding("runs-not-read", detail, record.id))
        _remark(record, listing)

    async def _steps(self, record: ThreadRecord, path: str, run: JsonObject) -> list[JsonObject]:
        run_id = clean_id(run.get("id"))
        if run_id is None:
            return []
        listing = Listing(f"{path}/runs/{segment(run_id)}/steps", "steps")
        if not self._host.refuses_include:
            listing.query = {"include": [SEARCH_RESULTS]}  # the client adds the brackets
        try:
            steps = [step async for page in pages(self._host, listing) for step in page]
        except RefusedError as error:
            if error.absent or not listing.query:
                raise
            self._host.refuses_include = True
            detail = "The host refuses `include`; search results come without their text."
            self._host.notice("host-refuses-include", detail)
            return await self._steps(record, path, run)
        _remark(record, listing)
        return steps

    async def _refused(self, thread_id: str, origin: Origin, error: RefusedError) -> Unreadable:
        if not error.absent:
            detail = f"The host refuses the thread ({error}); the others are read."
            return Unreadable(origin, "thread-refused", detail, thread_id)
        await self._host.still_speaks()
        detail = f"The host has no thread {thread_id}: it was deleted, or belongs to another project."
        return Unreadable(origin, "thread-gone", detail, thread_id)

    async def _unwell_for(self, thread_id: str, origin: Origin, error: TemporaryError) -> Unreadable:
        """Tell a thread that the host fails on from a host that fails."""
        self._failed.append(True)
        failed = sum(self._failed)
        most = failed >= MOST_ALIKE and 2 * failed > len(self._failed)
        if most or error.code != TemporaryError.code or not await self._host.is_well():
            raise error
        told = f"{error.reason}, {error.tries} times" if isinstance(error, Unanswered) else str(error)
        detail = (
            f"The host answers, but not for this thread ({told}); the others are read, and the next run tries again."
        )
        return Unreadable(origin, "thread-unreadable", detail, thread_id)


def _remark(record: ThreadRecord, listing: Listing) -> None:
    record.findings += [finding(code, detail, record.id) for code, detail in listing.remarks]
