"""By what a thread that a snapshot holds is known again: enough to tell, without reading it, that it has grown. Pure.

It must not ask a host or open a file; whoever does gives it wire objects.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.normalise import clean_id


@dataclass(frozen=True, slots=True)
class SavedThread:
    """What is known of one saved thread."""

    messages: int
    last_message: str | None
    """The id of the newest one."""
    last_run: str | None
    """The newest run, by its id and status; see `mark_of_run`."""
    metadata: str
    """A hash; see `mark_of_metadata`."""
    digest: str
    """A hash of everything."""

    @classmethod
    def of(
        cls, thread: JsonObject, messages: Iterable[JsonObject], runs: Iterable[JsonObject], steps: Iterable[JsonObject]
    ) -> SavedThread:
        """Return what to know of a thread; lists oldest first, read once."""
        digest = hashlib.blake2b(_encoded(thread), digest_size=16)
        count, message, run = 0, None, None
        for count, message in enumerate(messages, 1):  # noqa: B007 - the last of each is wanted
            digest.update(b"m" + _encoded(message))
        for run in runs:
            digest.update(b"r" + _encoded(run))
        for step in steps:
            digest.update(b"s" + _encoded(step))
        last = None if message is None else clean_id(message.get("id"))
        return cls(count, last, mark_of_run(run), mark_of_metadata(thread), digest.hexdigest())


def mark_of_run(run: JsonObject | None) -> str | None:
    """By what a run is known again: one that went on since has another status."""
    return None if run is None else f"{clean_id(run.get('id'))} {run.get('status')}"


def mark_of_metadata(thread: JsonObject) -> str:
    """By what the metadata of a thread is known again, in whichever order a host gives the pairs."""
    pairs = json.dumps(thread.get("metadata") or {}, sort_keys=True)
    return hashlib.blake2b(pairs.encode(), digest_size=8).hexdigest()


def change_of(before: SavedThread, now: SavedThread, messages: Iterable[JsonObject]) -> str | None:
    """Return how a thread that was read again differs: `grown`, `changed`, or None for not at all.

    `messages` are those of now. Grown is what begins with as many messages as there were, up to the same last one.
    """
    if before.digest == now.digest:
        return None
    if now.messages <= before.messages or before.last_message is None:
        return "grown" if before.messages == 0 < now.messages else "changed"
    place = before.messages - 1
    known = next(entry for number, entry in enumerate(messages) if number == place)
    return "grown" if clean_id(known.get("id")) == before.last_message else "changed"


def _encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
