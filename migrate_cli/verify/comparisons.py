"""What there is to compare: drafts of the source joined with what the state file knows of them, one at a time.

It reads the state and takes drafts as they come; it must not ask the target or write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from migrate_cli.convert.canonical import read_alike
from migrate_cli.load.decide import is_prefix
from migrate_cli.model import REFUSED_NOTE, Draft, Item, ThreadState, Unreadable
from migrate_cli.sources.disk_set import DiskSet
from migrate_cli.sources.interface import Selection
from migrate_cli.verify.conversation import ComparisonTask
from migrate_cli.verify.recorded_ids import RecordedIds

LOADED = frozenset({ThreadState.LOADED, ThreadState.VERIFIED, ThreadState.DIFFERS})
"""States in which a conversation should hold its whole thread."""


@dataclass(frozen=True, slots=True)
class NotLoaded:
    """A thread that has no whole conversation yet, so that there is nothing to compare."""

    thread_id: str
    state: str
    """`pending`, `failed`, `in_doubt`, `skipped` …"""
    detail: str | None = None
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Earlier:
    """A thread that the same verification found identical before it was interrupted."""

    thread_id: str
    conversation_id: str
    items: int
    messages: int
    code: str | None


AHEAD = 64
"""Threads of the state file that are looked up at once."""

Entry = ComparisonTask | NotLoaded | Earlier | Unreadable


class Memory(Protocol):
    """What is asked of the state file."""

    def thread_rows(self, thread_id: str, most: int) -> list[dict[str, Any]]:
        """Return all columns of a thread and of those that were noted first after it, none where it is unknown."""

    def recorded_items(self, thread_id: str) -> list[Item]:
        """Return the items that are loaded, in order, without bodies."""

    def recorded_digests(self, thread_id: str) -> list[bytes]:
        """Return the digests of the same items."""

    def item_ids(self, thread_id: str) -> list[str]:
        """Return the ids of the same items at the target."""

    def reader_of(self, run: int | None) -> int | None:
        """Return the generation of reading that a run worked with."""


class ComparisonTasks:
    """Makes tasks. `since` (Unix seconds) is when the verification began that is being resumed, or None."""

    def __init__(self, memory: Memory, *, since: int | None = None) -> None:
        self._memory = memory
        self._since = since
        self._seen = DiskSet()
        self._ahead: dict[str, dict[str, Any]] = {}
        """Threads that were looked up and not asked for yet, by id."""
        self._step = 1

    def from_source(self, drafts: Iterable[Draft | Unreadable]) -> Iterator[Entry]:
        """Yield an entry for each draft, and what could not be read as it is."""
        for draft in drafts:
            if isinstance(draft, Unreadable):
                yield draft
                continue
            self._seen.add(draft.thread_id)
            yield self._entry(draft.thread_id, draft)

    def from_state(self, thread_ids: Iterable[str], selection: Selection) -> Iterator[Entry]:
        """Yield an entry for each of these threads that did not come from the source, known by hashes alone."""
        left = selection.limit
        for thread_id in thread_ids:
            if thread_id in self._seen or not selection.wants(thread_id):
                continue
            if left is not None:
                left -= 1
                if left < 0:
                    return
            self._seen.add(thread_id)
            yield self._entry(thread_id, None)

    def unseen(self, thread_ids: Iterable[str]) -> list[str]:
        """Return those of the ids that neither the source nor the state knew."""
        return sorted(one for one in thread_ids if one not in self._seen)

    def _row(self, thread_id: str) -> dict[str, Any] | None:
        """Look a thread up, and with it those that were loaded next, the more of them the better that has worked.

        A source mostly gives its threads in the same order again.
        """
        row = self._ahead.pop(thread_id, None)
        if row is not None:
            return row
        self._step = 1 if self._ahead else min(2 * self._step, AHEAD)
        rows = self._memory.thread_rows(thread_id, self._step)
        self._ahead = {row["id"]: row for row in rows[1:]}
        # The first is the one that was asked for, also where its id could not be stored as it is.
        return rows[0] if rows else None

    def _entry(self, thread_id: str, draft: Draft | None) -> Entry:
        row = self._row(thread_id)
        if row is None or row["state"] not in LOADED or row["conversation_id"] is None:
            return _not_loaded(thread_id, row, draft)
        if self._since is not None and row["state"] == ThreadState.VERIFIED and row["updated_at"] >= self._since:
            return Earlier(thread_id, row["conversation_id"], row["position"], row["messages"] or 0, row["error_code"])
        known = row["digest"] or ""
        reread = draft is not None and draft.digest != known and self._reread(row, draft)
        if reread:
            draft = None  # what was sent is what the version that loaded it made of the thread
        items: Sequence[Item] = draft.items if draft is not None else self._memory.recorded_items(thread_id)
        if draft is None and any(item.kind == REFUSED_NOTE for item in items):
            known = ""  # the recorded digest is the source's, which the notes are no part of
        changed = draft is not None and draft.digest != known
        return ComparisonTask(
            thread_id,
            row["conversation_id"],
            items,
            draft.metadata if draft is not None else None,
            known,
            row["messages"] or 0,
            row["state"],
            changed=changed,
            known=partial(self._ids, thread_id, items, changed=changed),
            reread=reread,
        )

    def _reread(self, row: dict[str, Any], draft: Draft) -> bool:
        """Whether a draft is not what was loaded because another version read it, and not because it has grown."""
        if read_alike(row["digest"] or "", self._memory.reader_of(row["run"])):
            return False
        return not is_prefix(self._memory.recorded_digests(draft.thread_id), draft)

    def _ids(self, thread_id: str, items: Sequence[Item], *, changed: bool) -> RecordedIds:
        digests, ids = self._memory.recorded_digests(thread_id), self._memory.item_ids(thread_id)
        return RecordedIds.of(items, digests, ids, changed=changed)


def _not_loaded(thread_id: str, row: dict[str, Any] | None, draft: Draft | None) -> NotLoaded:
    skipped = draft.skip_reason if draft is not None else None
    if row is None:
        state = ThreadState.SKIPPED if skipped else ThreadState.PENDING
        return NotLoaded(thread_id, state.value, skipped, draft.messages if draft is not None else 0)
    detail = row["error_detail"] or row["reason"] or skipped
    return NotLoaded(thread_id, row["state"], detail, row["messages"] or 0)
