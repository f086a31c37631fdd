"""Which threads of a host are wanted: named in a file, a table or a selection, or listed by the host.

It must not read a thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from migrate_cli.errors import SourceError
from migrate_cli.model import Origin, Unreadable
from migrate_cli.sources.api.host import Host, RefusedError
from migrate_cli.sources.api.id_list import IdList
from migrate_cli.sources.api.ids import Problem, ThreadName, fault_of, ids_in, wrong_id
from migrate_cli.sources.api.paging import Listing, pages
from migrate_cli.sources.disk_set import DiskSet
from migrate_cli.sources.interface import Selection
from migrate_cli.sources.normalise import clean_id

Listed = Callable[[int, bool], None]
"""Hears how many threads a host has listed, and whether that is all of them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where the ids come from. Without any, only a selection by id can be read."""

    discover: bool = False
    """List the host's threads."""
    ids_from: str | None = None
    """A file, `-`, a table or a state file; see `ids.py`."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """For tables: `thread_id` → the column's name."""
    id_list: Path | None = None
    """Where a listing is remembered."""


class WantedThreads:
    """The ids of one source's threads; the list of them is opened when it is first asked for."""

    def __init__(self, url: str, identity: str, wanted: Wanted) -> None:
        self._url = url
        self._identity = identity
        self._wanted = wanted
        self._list: IdList | None = None

    def close(self) -> None:
        """Close the list; the next use opens it again."""
        if self._list is not None:
            self._list.close()
            self._list = None

    def expected(self) -> int | None:
        """Return how many ids were named; None while the host has yet to list them."""
        if self._wanted.discover or self._wanted.ids_from is None:
            return None
        return len(self.ids(Selection()))

    def ids(self, selection: Selection) -> IdList:
        """Return the list, filled with the ids that the user named. Raises UsageError, SourceError."""
        if self._list is None:
            self._list = IdList(self._wanted.id_list if self._wanted.discover else None, self._identity)
            if self._wanted.ids_from is not None:
                problems: list[Problem] = []
                self._list.fill(ids_in(self._wanted.ids_from, self._wanted.columns, problems), problems)
        if selection.thread_ids is None and not self._wanted.discover and self._wanted.ids_from is None:
            raise SourceError(
                f"no thread of {self._url} is named; list ids in a file (source.ids_from, --threads-from FILE), name "
                "one (--thread ID), or let the host list them, if it can, as Foundry does (--discover)",
                code="no-thread-ids",
            )
        return self._list

    async def names(
        self,
        host: Host,
        selection: Selection,
        id_list: IdList,
        listed: Listed = lambda _count, _ended: None,
        *,
        afresh: bool = False,
    ) -> AsyncIterator[ThreadName | Unreadable]:
        """Yield the threads of a selection by id, those that the host lists last, and what is wrong with an id.

        `listed` hears how many the host has listed, after each page and at the end. `again`: the host lists all of
        them again, which tells their objects; those that it does not list any more come last.
        """
        if selection.thread_ids is not None:
            for place, text in selection.doubtful.items():
                if selection.wants(text) and (wrong := wrong_id(place, text)) is not None:
                    yield Unreadable(Origin(place), *wrong)
            for thread_id in sorted(selection.thread_ids.difference(selection.doubtful.values())):
                yield _checked(thread_id)
            return
        for place, code, detail in id_list.problems():
            yield Unreadable(Origin(place), code, detail)
        again = DiskSet()
        if afresh and self._wanted.discover:
            async for named in _discovered(host, id_list, listed, again):
                yield named
        for thread_id, repeated in id_list.threads():
            if thread_id in again:
                continue
            detail = f"The id occurs again in {repeated}; the thread is read once."
            yield ThreadName(thread_id, remarks=() if repeated is None else (("thread-id-repeated", detail),))
        if self._wanted.discover and not afresh:
            async for named in _discovered(host, id_list, listed):
                yield named


def _checked(thread_id: str) -> ThreadName | Unreadable:
    fault = fault_of(thread_id)
    if fault is None:
        return ThreadName(thread_id)
    return Unreadable(Origin("the selection"), "thread-id-wrong", f"The selection {fault}.")


async def _discovered(
    host: Host, id_list: IdList, listed: Listed, again: DiskSet | None = None
) -> AsyncIterator[ThreadName | Unreadable]:
    """List the host's threads from where the list of ids ends, and give those that are new.

    With a set `again`, list them from the beginning, give all of them, and put their ids into it.
    """
    listing, known = Listing("/threads", "threads"), len(id_list)
    begin = id_list.cursor if again is None else None
    try:
        async for page in pages(host, listing, begin):
            entries = {thread_id: entry for entry in page if (thread_id := clean_id(entry.get("id"))) is not None}
            cursor = None if listing.what in host.refuses_cursors else next(reversed(entries), None)
            new = id_list.add_page(entries, cursor)
            known += len(new)
            listed(known, False)
            given = new if again is None else [thread_id for thread_id in entries if again.add(thread_id)]
            for thread_id in given:
                yield ThreadName(thread_id, entries[thread_id])
        listed(known, True)
    except RefusedError as error:
        raise SourceError(
            f"{host.url} does not list its threads ({error}); OpenAI never did. Name them: source.ids_from or "
            "--threads-from FILE, with the ids that your application kept",
            code="no-thread-list",
        ) from error
    for _, detail in listing.remarks:
        # A list that ends too early is no finding of one thread: somebody has to look for the others.
        yield Unreadable(Origin(f"{host.url}/threads"), "thread-list-incomplete", detail)
