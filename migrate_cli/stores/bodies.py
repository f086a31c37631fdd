"""The requests that make a vector store and put files into it, from what the source tells. Pure.

A store says in its metadata which one of the source it was made from: by that it is known again where the answer to the
request that made it was lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from migrate_cli.convert.limits import MAX_METADATA_KEY, MAX_METADATA_PAIRS, MAX_METADATA_VALUE
from migrate_cli.convert.text import plain, short
from migrate_cli.model import JsonObject
from migrate_cli.sources.interface import StoreFileInfo, StoreInfo

MIGRATED_FROM = "migrated_from"
"""The key of the metadata that holds the id at the source."""
MOST_DAYS = 365


def store_body(store: StoreInfo) -> tuple[JsonObject, list[str]]:
    """Return the body of the request, and what of the source's store it has no room for, in a few words each."""
    metadata, lost = _metadata(store)
    body: JsonObject = {"metadata": metadata}
    for name in ("name", "description"):
        told = store.raw.get(name)
        if isinstance(told, str) and told:
            body[name] = plain(told)
    expiry = store.raw.get("expires_after")
    if isinstance(expiry, Mapping):
        days = expiry.get("days")
        if expiry.get("anchor") == "last_active_at" and isinstance(days, int) and 1 <= days <= MOST_DAYS:
            body["expires_after"] = {"anchor": "last_active_at", "days": days}
        else:
            lost.append(f"when it expires ({short(json.dumps(expiry, default=str), 80)})")
    return body, lost


def file_body(file: StoreFileInfo, target_file_id: str) -> JsonObject:
    """Return the body of the request that puts a file into a store, with its attributes and its chunking."""
    body: JsonObject = {"file_id": target_file_id}
    if file.attributes:
        body["attributes"] = file.attributes
    if file.chunking is not None:
        body["chunking_strategy"] = file.chunking
    return body


def made_from(store: Mapping[str, Any]) -> str | None:
    """Return the id of the source's store that a store of the target was made from, or None."""
    metadata = store.get("metadata")
    told = metadata.get(MIGRATED_FROM) if isinstance(metadata, Mapping) else None
    return told if isinstance(told, str) and told else None


def _metadata(store: StoreInfo) -> tuple[dict[str, str], list[str]]:
    """The pairs that fit beside ours, and the names of those that do not."""
    given = store.raw.get("metadata")
    fitted = {MIGRATED_FROM: store.store_id}
    lost = []
    for key, value in given.items() if isinstance(given, Mapping) else ():
        name = plain(str(key))
        text = plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
        fits = 0 < len(name) <= MAX_METADATA_KEY and len(text) <= MAX_METADATA_VALUE
        if fits and name not in fitted and len(fitted) < MAX_METADATA_PAIRS:
            fitted[name] = text
        else:
            lost.append(f"the metadata pair {short(name, 80)}")
    return fitted, lost
