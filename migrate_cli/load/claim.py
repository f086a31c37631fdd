"""What a conversation holds of one thread, found out by reading it: for a lost state file, and for orphans.

Everything here reads. It must not write to the target or to a journal, nor decide what follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from migrate_cli.convert.canonical import digest_of
from migrate_cli.convert.placeholders import what_stood_there
from migrate_cli.errors import AnswerOutOfBounds, TemporaryError
from migrate_cli.http.outcomes import Draining, Refused
from migrate_cli.load.reconcile import has_id, matches
from migrate_cli.load.refusal import note_of
from migrate_cli.model import Item, JsonObject
from migrate_cli.target.conversations import decode
from migrate_cli.target.listing import thread_of
from migrate_cli.target.pages import ItemWalk, ListsItems

GRACE = 2.0
"""Seconds that comparisons under way get when the run is to end. They change nothing, and the next run repeats them."""
IN_A_ROW = 3
"""After so many conversations in a row without an answer, the target is taken to be down."""


class Holding(StrEnum):
    """What a conversation holds, compared with a thread."""

    WHOLE = "whole"
    """All items of the thread in their order, and nothing else."""
    CONTINUED = "continued"
    """All of them, and after them something new."""
    PART = "part"
    """The first of them, or none, and nothing else."""
    COPIES = "copies"
    """All of them, and after them nothing but copies, as late requests leave them."""
    OTHER = "other"
    """Something that the thread does not say, before it is whole."""
    UNREADABLE = "unreadable"
    """The target does not show it, or not to its end."""
    NOT_OURS = "not-ours"
    """It is not there, or its metadata names another thread: a list that names it is wrong."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One conversation that may be a thread's."""

    conversation_id: str
    holding: Holding
    ids: list[str] = field(default_factory=list)
    """Ids of the items that are as the thread has them, from its first on."""
    more: int = 0
    """Items that are there besides."""
    noted: tuple[int, ...] = ()
    """Places at which a note stands for an item that the target had refused."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What is there of files, by the placeholders in the thread's items (see `convert/placeholders.py`)."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Those of the conversation, where they were looked at."""
    why: str = ""
    """What is wrong, as half a sentence without message text."""


MayBe = Callable[[str, str], bool]
"""Whether a placeholder of a file may stand for this."""


def _none_else(_placeholder: str, _value: str) -> bool:
    return False


class ReadsClaims(ListsItems, Protocol):
    """The calls that this needs."""

    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        """Return the conversation object."""


async def read_claim(
    target: ReadsClaims,
    conversation_id: str,
    items: Sequence[Item],
    *,
    thread: str | None = None,
    may_be: MayBe = _none_else,
) -> Claim:
    """Read a conversation and compare it with a thread. Raises what the target raises for the whole run.

    `thread` is what its metadata must name as its thread; None where that is known. Items with an empty body are known
    by their hash alone, so that notes and images without addresses are not known again.
    `may_be` tells whether something else may be in the place of a placeholder.
    """
    metadata: Any = None
    if thread is not None:
        whole = await target.retrieve_conversation(conversation_id)
        if isinstance(whole, Refused):
            return _refused(conversation_id, whole)
        metadata = whole.get("metadata")
        if thread_of(metadata) != thread:
            return Claim(conversation_id, Holding.NOT_OURS, why="its metadata names another thread")
    images = any(not item.body or b'"image_url"' in item.body for item in items)
    walk = ItemWalk(target, conversation_id, images=images, expected=len(items))
    reading = _ClaimReading(items, may_be)
    try:
        async for page in walk.pages():
            reading.feed(page)
    except AnswerOutOfBounds as error:
        return Claim(conversation_id, Holding.UNREADABLE, why=error.reason)
    if walk.refused is not None:
        return _refused(conversation_id, walk.refused)
    if walk.cut_off:
        return Claim(conversation_id, Holding.UNREADABLE, why="the target does not list all of its items")
    return replace(reading.claim(conversation_id), metadata=metadata if isinstance(metadata, dict) else {})


def _refused(conversation_id: str, refused: Refused) -> Claim:
    if refused.status == 404:
        return Claim(conversation_id, Holding.NOT_OURS, why="it is not at the target")
    return Claim(
        conversation_id, Holding.UNREADABLE, why=f"the target does not show it ({refused.status}: {refused.message})"
    )


class ClaimReader:
    """Reads claims, many at a time. One without an answer is unreadable, several in a row are a target that is down."""

    def __init__(self, target: ReadsClaims, drain: asyncio.Event) -> None:
        self._target, self.drain = target, drain
        self._silent = 0
        """Conversations in a row that had no answer."""

    async def read(
        self, conversation_id: str, items: Sequence[Item], *, thread: str | None = None, may_be: MayBe = _none_else
    ) -> Claim | None:
        """Return what `read_claim` returns; None when the run ends meanwhile. Raises what ends the whole run."""
        try:
            claim = await read_claim(self._target, conversation_id, items, thread=thread, may_be=may_be)
        except Draining:
            return None
        except TemporaryError as error:
            if self.drain.is_set():
                return None
            self._silent += 1
            if self._silent >= IN_A_ROW or error.by_all:
                raise
            return Claim(conversation_id, Holding.UNREADABLE, why=str(error))
        self._silent = 0
        return claim


class _ClaimReading:
    """Compares the items of one conversation as they come, without holding them."""

    def __init__(self, items: Sequence[Item], may_be: MayBe) -> None:
        self._items, self._may_be = items, may_be
        self._files: dict[str, str] = {}
        self._ids: list[str] = []
        self._noted: list[int] = []
        self._more = 0
        self._foreign = False
        self._ours: frozenset[bytes] | None = None

    def feed(self, page: Sequence[JsonObject]) -> None:
        """Take the next items, oldest first."""
        for got in page:
            if not self._agrees(got):
                self._take(got)

    def _agrees(self, got: JsonObject) -> bool:
        """Whether this is the next item of the thread, and all before it agreed."""
        place = len(self._ids)
        if self._more or place >= len(self._items) or not has_id(got):
            return False
        same = self._is(self._items[place], got, place)
        if same:
            self._ids.append(got["id"])
        return same

    def _is(self, item: Item, got: JsonObject, place: int) -> bool:
        if not item.body:
            return digest_of(got) == item.digest
        if matches(item, got):
            return True
        if matches(note_of(item), got):
            self._noted.append(place)
            return True
        found = what_stood_there(decode(item.body), got)
        if found and all(self._may_be(*pair) and self._files.get(*pair) == pair[1] for pair in found.items()):
            self._files |= found
            return True
        return False

    def _take(self, got: JsonObject) -> None:
        if self._ours is None:
            self._ours = frozenset(item.digest for item in self._items)
        self._more += 1
        self._foreign = self._foreign or digest_of(got) not in self._ours

    def claim(self, conversation_id: str) -> Claim:
        """Return what was found, once all was fed."""
        whole = len(self._ids) == len(self._items)
        why = ""
        if not self._more:
            holding = Holding.WHOLE if whole and self._items else Holding.PART
        elif whole and self._items:
            holding = Holding.CONTINUED if self._foreign else Holding.COPIES
            why = "" if self._foreign else f"{self._more:,} duplicates of its own items come after it"
        else:
            holding = Holding.OTHER
            why = f"item {len(self._ids)} is not what the thread says there"
        return Claim(conversation_id, holding, self._ids, self._more, tuple(self._noted), self._files, why=why)
