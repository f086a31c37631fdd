"""What an export knows of vector stores: `vector_store` objects, and the `vector_store.file` objects of their lists.

Pure. It must not guess what a store holds whose files were not saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate_cli.model import JsonObject
from migrate_cli.sources.interface import StoreFileInfo, StoreInfo
from migrate_cli.sources.normalise import clean_id


def stores_of(stores: Iterable[JsonObject], files: Iterable[JsonObject]) -> Iterator[StoreInfo]:
    """Yield the stores by id, each with its files; first those that have an object of their own."""
    held: dict[str, list[StoreFileInfo]] = {}
    for raw in files:
        if (store_id := clean_id(raw.get("vector_store_id"))) is not None:
            held.setdefault(store_id, []).append(StoreFileInfo(raw))
    for raw in stores:
        if (store_id := clean_id(raw.get("id"))) is not None:
            yield store_of(store_id, raw, held.pop(store_id, []))
    for store_id, of_store in held.items():
        yield StoreInfo(store_id, files=tuple(of_store))


def store_of(store_id: str, raw: JsonObject, files: Iterable[StoreFileInfo]) -> StoreInfo:
    """Return a store as its object and the list of its files tell it."""
    found = StoreInfo(store_id, raw, tuple(files))
    lacking = found.told - len(found.files)
    if found.expired or lacking <= 0:
        return found
    lack = f"it holds {found.told:,} files, and {len(found.files):,} of them are listed"
    return StoreInfo(store_id, raw, found.files, lack)
