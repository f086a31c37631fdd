"""The conversation's metadata: where the thread came from first, then the thread's own pairs while they fit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.limits import MAX_METADATA_KEY, MAX_METADATA_PAIRS, MAX_METADATA_VALUE
from migrate_cli.convert.text import counted, short, tidy
from migrate_cli.model import Fate, Thread


def convert_metadata(thread: Thread, draft: DraftBuilder) -> dict[str, str]:
    """Return the conversation's metadata and count the fate of each pair of the thread.

    A pair that fits as it is was kept; one that had to be written as JSON or tidied was converted; one that does not
    fit is set aside whole (noted), never cut.
    """
    fitted = _provenance(thread, draft)
    overflow: dict[str, Any] = {}
    for key, value in thread.metadata.items():
        name, text, changed = _as_strings(draft, key, value)
        if not _fits(fitted, name, text):
            overflow[str(key)] = value
            continue
        fitted[name] = text
        draft.count(Fate.CONVERTED if changed else Fate.KEPT)
    if overflow:
        draft.count(Fate.NOTED, len(overflow))
        draft.set_aside("thread_metadata", overflow)
        names = ", ".join(short(key, MAX_METADATA_KEY) for key in overflow)
        draft.find("metadata-overflow", f"No room for {counted(len(overflow), 'pair')}: {short(names, 400)}.")
    return fitted


def iso_time(seconds: float | None) -> str | None:
    """Return Unix seconds as `2023-11-10T13:09:38Z`, or None where there is no such date."""
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
        # Such years are not padded here; state files hold hashes of what was made of them so.
        if moment.year < 1000:
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def _provenance(thread: Thread, draft: DraftBuilder) -> dict[str, str]:
    own = {}
    source_id, _ = tidy(thread.id)
    if len(source_id) <= MAX_METADATA_VALUE:
        own["source_thread_id"] = source_id
    else:
        draft.find("metadata-overflow", f"The thread's id has {len(source_id):,} characters and is left out.")
    created = iso_time(thread.created_at)
    if created is not None:
        own["source_created_at"] = created
    return own


def _as_strings(draft: DraftBuilder, key: Any, value: Any) -> tuple[str, str, bool]:
    """Return the pair as strings, and whether that changed it."""
    text = value
    if not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
        draft.find("metadata-not-string", f"The value of {short(str(key), MAX_METADATA_KEY)} was written as JSON.")
    name, name_codes = tidy(str(key))
    text, text_codes = tidy(text)
    for code in (*name_codes, *text_codes):
        draft.find(code, "Characters of a metadata pair were replaced.")
    return name, text, text != value or name != key


def _fits(fitted: dict[str, str], name: str, text: str) -> bool:
    return (
        0 < len(name) <= MAX_METADATA_KEY
        and len(text) <= MAX_METADATA_VALUE
        and name not in fitted
        and len(fitted) < MAX_METADATA_PAIRS
    )
