"""The `api` source: threads read from a host that still answers, several at a time, in a stable order.

It puts the parts together: which threads (`wanted.py`), reading them (`reader.py`), and handing them over
(`background.py`). It must not know settings or write anything but its list of ids.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from migrate_cli.errors import SourceError
from migrate_cli.http.client import ApiClient
from migrate_cli.model import JsonObject, Thread, Unreadable
from migrate_cli.sources.api.background import stream
from migrate_cli.sources.api.changed import ChangedThreads, Known
from migrate_cli.sources.api.chosen import ChosenThreads
from migrate_cli.sources.api.downloads import HostFiles
from migrate_cli.sources.api.host import Host, RefusedError
from migrate_cli.sources.api.id_list import IdList
from migrate_cli.sources.api.ids import ThreadName
from migrate_cli.sources.api.newest import NewestFirst
from migrate_cli.sources.api.ordered_reads import Read, in_order
from migrate_cli.sources.api.paging import Listing, pages
from migrate_cli.sources.api.presets import ApiPreset
from migrate_cli.sources.api.reader import ThreadReader
from migrate_cli.sources.api.stores import host_stores
from migrate_cli.sources.api.thread_record import SHAPE, LeftOut, ThreadRecord, Unchanged, thread_of
from migrate_cli.sources.api.wanted import Wanted, WantedThreads
from migrate_cli.sources.export.stored_files import file_info
from migrate_cli.sources.interface import FileFetcher, FileInfo, Selection, ShapeTaken, Source, StoreInfo


class ApiSource(Source):
    """One host. `connect` makes a client, once for each reading, inside the event loop that uses it."""

    kind = "api"
    live = True

    def __init__(
        self, base_url: str, connect: Callable[[], ApiClient], preset: ApiPreset, wanted: Wanted, *, workers: int = 8
    ) -> None:
        self._url = base_url
        self._connect = connect
        self._preset = preset
        self._wanted = WantedThreads(base_url, self.identity, wanted)
        self._workers = workers
        self._files: dict[str, FileInfo] | None = None
        self._passed = 0
        """Threads that were not read, for an earlier run has them."""
        self._read = 0

    @property
    def identity(self) -> str:
        """The base URL."""
        return f"api:{self._url}"

    def close(self) -> None:
        """Close the list of ids."""
        self._wanted.close()

    def threads(
        self, selection: Selection, skip: Callable[[str], bool] = lambda _: False
    ) -> Iterator[Thread | Unreadable]:
        """Yield the wanted threads in the order in which their ids are told; those that `skip` knows stay unread.

        `skip` is asked in a thread of its own.
        """
        for entry in self.records(selection, skip):
            if not isinstance(entry, Unchanged):
                yield self._entry(entry)

    def arriving(
        self, selection: Selection, skip: Callable[[str], bool] = lambda _: False
    ) -> AsyncGenerator[Thread | Unreadable]:
        """Yield what `threads` yields, on the caller's event loop."""
        return self._arriving(selection, self._wanted.ids(selection), skip)

    def records(
        self,
        selection: Selection,
        skip: Callable[[str], bool] = lambda _: False,
        known: Known | None = None,
    ) -> Iterator[ThreadRecord | Unreadable | Unchanged]:
        """Yield what `threads` reads as the wire has it; threads that `skip` knows are passed over.

        Where it is `known` what was saved, every thread is looked for, and one that is as it was comes as `Unchanged`.
        """
        id_list = self._wanted.ids(selection)
        return stream(lambda: self._records(selection, id_list, skip, known))

    def shapes(self) -> list[ShapeTaken]:
        """Return how many threads the host gave."""
        return [ShapeTaken(SHAPE, self._read, self._url)] if self._read else []

    def expected(self) -> int | None:
        """Return how many ids were named; None while the host has yet to list them."""
        return self._wanted.expected()

    def assistants(self) -> Iterator[JsonObject]:
        """Yield the host's assistants."""
        return stream(self._assistants)

    def files(self) -> Mapping[str, FileInfo]:
        """Return the facts of the host's files; empty where it lists none."""
        if self._files is None:
            told = map(file_info, stream(self._file_objects))
            # The objects as they came are twice as large, and nobody asks a host's list for them.
            self._files = {info.file_id: replace(info, raw={}) for info in told if info.file_id}
        return self._files

    def vector_stores(self, named: Collection[str] = ()) -> Iterator[StoreInfo]:
        """Yield the host's vector stores, and those that are named and not in its list."""
        return stream(lambda: self._vector_stores(named), ahead=2)

    @asynccontextmanager
    async def fetching(self) -> AsyncIterator[FileFetcher]:
        """Give what downloads files one by one, with a client of its own."""
        async with self._connect() as client:
            yield HostFiles(Host(client, self._preset))

    def downloads(self, file_ids: Iterator[str], folder: Path) -> Iterator[tuple[str, JsonObject | None, str | None]]:
        """Download files into a folder under their ids; yield id, facts where the host has them, and why not if so."""
        return stream(lambda: self._downloads(file_ids, folder), ahead=2)

    async def _arriving(
        self, selection: Selection, id_list: IdList, skip: Callable[[str], bool]
    ) -> AsyncGenerator[Thread | Unreadable]:
        async with aclosing(self._records(selection, id_list, skip)) as records:
            async for entry in records:
                if not isinstance(entry, Unchanged):
                    yield self._entry(entry)

    def _entry(self, entry: ThreadRecord | Unreadable) -> Thread | Unreadable:
        if isinstance(entry, Unreadable):
            return entry
        self._read += 1
        return thread_of(entry)

    async def _records(
        self, selection: Selection, id_list: IdList, skip: Callable[[str], bool], known: Known | None = None
    ) -> AsyncGenerator[ThreadRecord | Unreadable | Unchanged]:
        async with self._connect() as client:
            host = Host(client, self._preset)
            await host.check()
            newest = NewestFirst(host)
            read: Read = ChosenThreads(host, ThreadReader(host), selection.choice, newest).read
            if known is not None:
                read = ChangedThreads(host, newest, read, known).read
            listed = self._listed if selection == Selection() else _unheard
            names = self._wanted.names(host, selection, id_list, listed, afresh=known is not None)
            self._passed = 0
            chosen = _chosen(names, lambda each: selection.wants(each) and not self._passes(each, skip))
            async with aclosing(in_order(chosen, read, self._workers, selection.limit)) as entries:
                async for entry in entries:
                    if isinstance(entry, LeftOut):
                        self.left_out(entry.id)
                    else:
                        yield entry

    def _listed(self, count: int, ended: bool) -> None:
        """Say how many threads there are to read; those that an earlier run has are no work."""
        self.reading(max(count - self._passed, 0), 1.0 if ended else None)

    def _passes(self, thread_id: str, skip: Callable[[str], bool]) -> bool:
        known = skip(thread_id)
        self._passed += known
        return known

    async def _assistants(self) -> AsyncIterator[JsonObject]:
        async with self._connect() as client:
            host = Host(client, self._preset)
            try:
                async for page in pages(host, Listing("/assistants", "assistants")):
                    for each in page:
                        yield each
            except RefusedError as error:
                detail = f"{host.url} does not list its assistants ({error}); check the permissions of the key"
                raise SourceError(detail, code="source-refused") from error

    async def _vector_stores(self, named: Collection[str]) -> AsyncIterator[StoreInfo]:
        async with self._connect() as client:
            async for store in host_stores(Host(client, self._preset), named):
                yield store

    async def _file_objects(self) -> AsyncIterator[JsonObject]:
        async with self._connect() as client:
            try:
                async for page in pages(Host(client, self._preset), Listing("/files", "files")):
                    for each in page:
                        yield each
            except RefusedError:
                return

    async def _downloads(
        self, file_ids: Iterator[str], folder: Path
    ) -> AsyncIterator[tuple[str, JsonObject | None, str | None]]:
        async with self._connect() as client:
            files = HostFiles(Host(client, self._preset))
            for file_id in file_ids:
                facts = await files.facts(file_id)
                if isinstance(facts, str):
                    yield file_id, None, facts
                else:
                    path = folder / file_id
                    path.touch(mode=0o600)
                    yield file_id, facts.raw, await files.fetch(facts, path)


def _unheard(_count: int, _ended: bool) -> None:
    """Of a part of a host's threads, its list says nothing."""


async def _chosen(names: AsyncIterator[ThreadName | Unreadable], wants: Callable[[str], bool]) -> AsyncIterator[Any]:
    async for named in names:
        if isinstance(named, Unreadable) or wants(named.id):
            yield named
