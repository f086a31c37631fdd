"""The `api` source: threads read from a host that still answers, several at a time, in a stable order.

It puts the parts together: which threads (`ids.py`, `id_list.py`, listing), reading them (`reader.py`), and handing
them over (`background.py`). It must not know settings or write anything but its list of ids.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from migrate_cli.errors import SourceError
from migrate_cli.http.client import ApiClient
from migrate_cli.model import JsonObject, Origin, Thread, Unreadable
from migrate_cli.sources.api.background import stream
from migrate_cli.sources.api.downloads import HostFiles
from migrate_cli.sources.api.host import Host, RefusedError
from migrate_cli.sources.api.id_list import IdList
from migrate_cli.sources.api.ids import Problem, ThreadName, fault_of, ids_in, wrong_id
from migrate_cli.sources.api.ordered_reads import in_order
from migrate_cli.sources.api.paging import Listing, pages
from migrate_cli.sources.api.presets import ApiPreset
from migrate_cli.sources.api.reader import ThreadReader
from migrate_cli.sources.api.stall_notice import patiently
from migrate_cli.sources.api.thread_record import SHAPE, ThreadRecord, thread_of
from migrate_cli.sources.export.stored_files import file_info
from migrate_cli.sources.interface import FileFetcher, FileInfo, Selection, ShapeTaken, Source
from migrate_cli.sources.normalise import clean_id

_SKIPPED = "thread-list-incomplete"


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
        self._wanted = wanted
        self._workers = workers
        self._id_list: IdList | None = None
        self._files: dict[str, FileInfo] | None = None
        self._read = 0

    @property
    def identity(self) -> str:
        """The base URL."""
        return f"api:{self._url}"

    def close(self) -> None:
        """Close the list of ids."""
        if self._id_list is not None:
            self._id_list.close()
            self._id_list = None

    def threads(
        self, selection: Selection, skip: Callable[[str], bool] = lambda _: False
    ) -> Iterator[Thread | Unreadable]:
        """Yield the wanted threads in the order in which their ids are told; those that `skip` knows stay unread.

        `skip` is asked in a thread of its own.
        """
        for entry in self.records(selection, skip):
            yield self._entry(entry)

    def arriving(
        self, selection: Selection, skip: Callable[[str], bool] = lambda _: False
    ) -> AsyncGenerator[Thread | Unreadable]:
        """Yield what `threads` yields, on the caller's event loop."""
        return self._arriving(selection, self._filled_list(selection), skip)

    def records(
        self, selection: Selection, skip: Callable[[str], bool] = lambda _: False
    ) -> Iterator[ThreadRecord | Unreadable]:
        """Yield what `threads` reads as the wire has it; threads that `skip` knows are passed over."""
        id_list = self._filled_list(selection)
        return stream(lambda: self._stream(selection, id_list, skip))

    def shapes(self) -> list[ShapeTaken]:
        """Return how many threads the host gave."""
        return [ShapeTaken(SHAPE, self._read, self._url)] if self._read else []

    def expected(self) -> int | None:
        """Return how many ids were named; None while the host has yet to list them."""
        if self._wanted.discover or self._wanted.ids_from is None:
            return None
        return len(self._filled_list(Selection()))

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

    def fetching(self) -> AbstractAsyncContextManager[FileFetcher]:
        """Return what downloads files one by one, with a client of its own."""
        return self._fetching()

    def downloads(self, file_ids: Iterator[str], folder: Path) -> Iterator[tuple[str, JsonObject | None, str | None]]:
        """Download files into a folder under their ids; yield id, facts where the host has them, and why not if so."""
        return stream(lambda: self._downloads(file_ids, folder), ahead=2)

    def _silent(self, seconds: float) -> None:
        self.tell(f"No thread has come from {self._url} for {seconds:g} s; it is still waited for.")

    # Which threads

    def _filled_list(self, selection: Selection) -> IdList:
        """Return the list, filled with the ids that the user named. Raises UsageError, SourceError."""
        if self._id_list is None:
            self._id_list = IdList(self._wanted.id_list if self._wanted.discover else None, self.identity)
            if self._wanted.ids_from is not None:
                problems: list[Problem] = []
                self._id_list.fill(ids_in(self._wanted.ids_from, self._wanted.columns, problems), problems)
        if selection.thread_ids is None and not self._wanted.discover and self._wanted.ids_from is None:
            raise SourceError(
                f"no thread of {self._url} is named; list ids in a file (source.ids_from, --threads-from FILE), name "
                "one (--thread ID), or let the host list them where it can, as Foundry does (--discover)",
                code="no-thread-ids",
            )
        return self._id_list

    async def _names(self, host: Host, selection: Selection, id_list: IdList) -> AsyncIterator[ThreadName | Unreadable]:
        if selection.thread_ids is not None:
            for place, text in selection.doubtful.items():
                if selection.wants(text) and (wrong := wrong_id(place, text)) is not None:
                    yield Unreadable(Origin(place), *wrong)
            for thread_id in sorted(selection.thread_ids.difference(selection.doubtful.values())):
                yield _checked(thread_id)
            return
        for place, code, detail in id_list.problems():
            yield Unreadable(Origin(place), code, detail)
        for thread_id, repeated in id_list.threads():
            detail = f"The id is named again in {repeated}; the thread is read once."
            yield ThreadName(thread_id, remarks=() if repeated is None else (("thread-id-repeated", detail),))
        if self._wanted.discover:
            async for named in _discovered(host, id_list):
                yield named

    # Reading

    async def _arriving(
        self, selection: Selection, id_list: IdList, skip: Callable[[str], bool]
    ) -> AsyncGenerator[Thread | Unreadable]:
        async with aclosing(self._stream(selection, id_list, skip)) as records:
            async for entry in records:
                yield self._entry(entry)

    def _entry(self, entry: ThreadRecord | Unreadable) -> Thread | Unreadable:
        if isinstance(entry, Unreadable):
            return entry
        self._read += 1
        return thread_of(entry)

    def _stream(
        self, selection: Selection, id_list: IdList, skip: Callable[[str], bool]
    ) -> AsyncGenerator[ThreadRecord | Unreadable]:
        return patiently(self._records(selection, id_list, skip), self._silent)

    async def _records(
        self, selection: Selection, id_list: IdList, skip: Callable[[str], bool]
    ) -> AsyncGenerator[ThreadRecord | Unreadable]:
        async with self._connect() as client:
            host = Host(client, self._preset)
            await host.check()
            reader = ThreadReader(host)
            names = self._names(host, selection, id_list)
            chosen = _chosen(names, lambda each: selection.wants(each) and not skip(each))
            async with aclosing(in_order(chosen, reader.read, self._workers, selection.limit)) as entries:
                async for entry in entries:
                    yield entry

    async def _assistants(self) -> AsyncIterator[JsonObject]:
        async with self._connect() as client:
            host = Host(client, self._preset)
            try:
                async for page in pages(host, Listing("/assistants", "assistants")):
                    for each in page:
                        yield each
            except RefusedError as error:
                detail = f"{host.url} does not list its assistants ({error}); check what the key may do"
                raise SourceError(detail, code="source-refused") from error

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

    @asynccontextmanager
    async def _fetching(self) -> AsyncIterator[FileFetcher]:
        async with self._connect() as client:
            yield HostFiles(Host(client, self._preset))


def _checked(thread_id: str) -> ThreadName | Unreadable:
    fault = fault_of(thread_id)
    if fault is None:
        return ThreadName(thread_id)
    return Unreadable(Origin("the selection"), "thread-id-wrong", f"The selection {fault}.")


async def _discovered(host: Host, id_list: IdList) -> AsyncIterator[ThreadName | Unreadable]:
    """List the host's threads from where the list of ids ends, and give those that are new."""
    listing = Listing("/threads", "threads")
    try:
        async for page in pages(host, listing, id_list.cursor):
            listed = {thread_id: entry for entry in page if (thread_id := clean_id(entry.get("id"))) is not None}
            cursor = None if listing.what in host.refuses_cursors else next(reversed(listed), None)
            for thread_id in id_list.add_page(listed, cursor):
                yield ThreadName(thread_id, listed[thread_id])
    except RefusedError as error:
        raise SourceError(
            f"{host.url} does not list its threads ({error}); OpenAI never did. Name them: source.ids_from or "
            "--threads-from FILE, with the ids that your application kept",
            code="no-thread-list",
        ) from error
    for _, detail in listing.remarks:
        # A list that ends too early is no finding of one thread: somebody has to look for the others.
        yield Unreadable(Origin(f"{host.url}/threads"), _SKIPPED, detail)


async def _chosen(names: AsyncIterator[ThreadName | Unreadable], wants: Callable[[str], bool]) -> AsyncIterator[Any]:
    async for named in names:
        if isinstance(named, Unreadable) or wants(named.id):
            yield named
