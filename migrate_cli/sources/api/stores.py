"""Reads vector stores from a host: those that it lists, and those that are named, each with the list of its files.

What goes wrong with one store is said of it; what concerns the host as a whole is raised.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from migrate_cli.errors import SourceError
from migrate_cli.http.endpoint import segment
from migrate_cli.model import JsonObject
from migrate_cli.sources.api.host import Host, RefusedError
from migrate_cli.sources.api.paging import Listing, pages
from migrate_cli.sources.export.stored_stores import store_of
from migrate_cli.sources.interface import StoreFileInfo, StoreInfo
from migrate_cli.sources.normalise import clean_id

STORES = "/vector_stores"


async def host_stores(host: Host, named: Collection[str]) -> AsyncIterator[StoreInfo]:
    """Yield the stores. Raises SourceError where the host refuses to list them, TemporaryError, AuthError."""
    left = dict.fromkeys(named)
    async for raw in _listed(host):
        if (store_id := clean_id(raw.get("id"))) is not None:
            left.pop(store_id, None)
            yield await _with_files(host, store_id, raw)
    for store_id in left:
        try:
            raw = await host.get(f"{STORES}/{segment(store_id)}")
        except RefusedError as error:
            yield StoreInfo(store_id, lack=f"the host does not have it ({error})")
        else:
            yield await _with_files(host, store_id, raw)


async def _listed(host: Host) -> AsyncIterator[JsonObject]:
    """Yield the objects of the host's list; nothing where it has no such list."""
    try:
        async for page in pages(host, Listing(STORES, "vector stores")):
            for raw in page:
                yield raw
    except RefusedError as error:
        if not error.absent:
            detail = f"{host.url} does not list its vector stores ({error}); check the permissions of the key"
            raise SourceError(detail, code="source-refused") from error


async def _with_files(host: Host, store_id: str, raw: JsonObject) -> StoreInfo:
    """Return a store with its files; those of one that has expired are gone."""
    if StoreInfo(store_id, raw).expired:
        return StoreInfo(store_id, raw)
    listing = Listing(f"{STORES}/{segment(store_id)}/files", "files of a vector store")
    files: list[StoreFileInfo] = []
    try:
        async for page in pages(host, listing):
            files += map(StoreFileInfo, page)
    except RefusedError as error:
        return StoreInfo(store_id, raw, tuple(files), f"the host does not list its files ({error})")
    if not listing.complete:
        return StoreInfo(store_id, raw, tuple(files), "the host does not list all of its files")
    return store_of(store_id, raw, files)
