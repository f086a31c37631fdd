"""Reads conversations that name a thread but are not its own, and deletes those that hold only its beginning.

Each is read and compared before it is deleted; what somebody has written into stays, and so does what cannot be
compared. It must not decide whose a conversation is, nor know where threads come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from migrate_cli.load.claim import GRACE, Claim, ClaimReader, Holding
from migrate_cli.load.undo import CreatedConversation, UndoRun
from migrate_cli.model import Item
from migrate_cli.work.pool import WorkerPool
from migrate_cli.work.queue import queue_of


class Whose(StrEnum):
    """What the state file knows of the thread that a conversation names."""

    LOADED_ELSEWHERE = "loaded-elsewhere"
    """It is loaded into another conversation."""
    NOT_LOADED = "not-loaded"
    """It is known, and not loaded."""
    UNKNOWN = "thread-unknown"
    """Another shard or another machine may have loaded it."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """One conversation that is not its thread's own."""

    thread_id: str
    conversation_id: str
    whose: Whose
    items: Sequence[Item] | None
    """What the thread says, with empty bodies where only hashes are known; None where nothing is."""
    was_sent: Callable[[Mapping[str, Any]], bool] = field(default=lambda _: True, compare=False)
    """Whether a migration gives its conversation these metadata; True if it is not known."""


class OrphanFate(StrEnum):
    """What becomes of an orphan, before it is tried."""

    REMOVABLE = "removable"
    """It is empty, or holds nothing but the beginning of its thread."""
    WITH_FORCE = "with-force"
    """The same, but this state file does not have its thread elsewhere."""
    WRITTEN_INTO = "written-into"
    """It holds something that the thread does not say there, or its metadata was changed."""
    NOT_COMPARABLE = "not-comparable"
    """It holds items, and nothing is known of the thread; or the target does not show them."""
    NOT_THERE = "not-there"
    """The list names it, and it is not there, or names another thread."""


def fate_of(orphan: Orphan, claim: Claim, *, force: bool) -> OrphanFate:
    """Judge one orphan by what it holds."""
    if claim.holding is Holding.NOT_OURS:
        return OrphanFate.NOT_THERE
    if claim.holding is Holding.UNREADABLE or (orphan.items is None and claim.more):
        return OrphanFate.NOT_COMPARABLE
    if claim.holding not in (Holding.PART, Holding.WHOLE) or not orphan.was_sent(claim.metadata):
        return OrphanFate.WRITTEN_INTO
    return OrphanFate.REMOVABLE if force or orphan.whose is Whose.LOADED_ELSEWHERE else OrphanFate.WITH_FORCE


class OrphanObserver(Protocol):
    """Hears what each orphan was found to be."""

    def judged(self, orphan: Orphan, claim: Claim, fate: OrphanFate) -> None:
        """One orphan was read; the undo that follows, if any, tells its own observer."""


class OrphanRun:
    """Looks at many orphans at a time. With an `undo`, it deletes those that are removable."""

    def __init__(
        self, reader: ClaimReader, observer: OrphanObserver, *, workers: int, force: bool, undo: UndoRun | None = None
    ) -> None:
        self._reader, self._observer, self._undo = reader, observer, undo
        self._workers, self._force = workers, force

    async def run(self, orphans: Iterator[Orphan], *, live: bool) -> None:
        """Look at all of them; `live` where the next one may have to be waited for. Raises what ends the whole run."""
        drain = self._reader.drain
        pool = WorkerPool(self._workers, drain, grace=GRACE)
        async with queue_of(orphans, self._workers, drain, live=live) as queue:
            await pool.run(queue.take, self._look)
        pool.raise_failure()

    async def _look(self, orphan: Orphan) -> None:
        named = orphan.thread_id
        claim = await self._reader.read(orphan.conversation_id, orphan.items or (), thread=named)
        if claim is None:
            return
        fate = fate_of(orphan, claim, force=self._force)
        self._observer.judged(orphan, claim, fate)
        if fate is OrphanFate.REMOVABLE and self._undo is not None:
            # What is written into it from here on has an id that is not among these.
            await self._undo.undo(CreatedConversation(named, orphan.conversation_id, frozenset(claim.ids), False))
