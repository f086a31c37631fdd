"""Looks at the threads of a finished snapshot again, and says how each differs from what was saved.

What is gone from the host stays saved. A refresh of everything that ended early is resumed: what was as it was is
not looked at twice. It must not read from a host or write a thread.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from migrate_cli.model import JsonObject, Unreadable
from migrate_cli.sources.api.thread_record import ThreadRecord
from migrate_cli.sources.snapshot.saved import SavedThread, change_of
from migrate_cli.sources.snapshot.writer import SnapshotWriter, saved_of

GONE = "thread-gone"
AT_ONCE = 500
"""Threads that are noted in one step; so many are looked at twice after a kill."""
LISTED = 1000
"""Longest list of changes."""


class Refresh:
    """One look at a snapshot's threads. `whole`: at all of them, so that a later run can go on."""

    def __init__(self, archive: SnapshotWriter, *, whole: bool, now: Callable[[], float] = time.time) -> None:
        archive.learn()
        self._known = archive.ledger.known_again
        self._whole = whole
        self._looked: list[str] = []
        started = now()
        self.since = self._known.begin(started) if whole else started
        """When it began, in Unix seconds; a run that goes on began earlier."""
        self.goes_on = self.since != started
        self.passed = 0
        """Threads that an earlier run of this refresh looked at."""
        self.counts: Counter[str] = Counter()
        self.changes: list[JsonObject] = []

    def of(self, thread_id: str) -> SavedThread | None:
        """Return what is known of a thread; from any thread."""
        return self._known.of(thread_id)

    def passes(self, thread_id: str) -> bool:
        """Whether a thread need not be looked at; from any thread."""
        known = self._whole and self._known.was_checked(thread_id)
        self.passed += known
        return known

    def unchanged(self, thread_id: str) -> None:
        """Count a thread that is as it was."""
        self.counts["unchanged"] += 1
        self._note(thread_id)

    def differs(self, record: ThreadRecord) -> bool:
        """Whether a thread that was read is to be saved: it is new, or not as it was."""
        before = self._known.of(record.id)
        if before is None:
            self.counts["new"] += 1
            return True
        now = saved_of(record)
        change = change_of(before, now, record.messages)
        if change is None:
            self.unchanged(record.id)
            return False
        # It is noted once it is saved: by then it is known as it is now.
        self._changed(record.id, change, {"messages_before": before.messages, "messages": now.messages})
        return True

    def has(self, entry: Unreadable) -> bool:
        """Whether what cannot be read now is a thread that the snapshot holds from before."""
        return entry.thread_id is not None and self._known.of(entry.thread_id) is not None

    def gone(self, thread_id: str) -> None:
        """Count a thread that the host no longer has; it stays saved."""
        self._changed(thread_id, "gone", {})
        self._note(thread_id)

    def save(self) -> None:
        """Note what was looked at."""
        if self._looked:
            self._known.checked(self._looked)
            self._looked.clear()

    def end(self) -> None:
        """All threads were looked at."""
        self._looked.clear()
        if self._whole:
            self._known.end()

    def _changed(self, thread_id: str, change: str, more: JsonObject) -> None:
        self.counts[change] += 1
        if len(self.changes) < LISTED:
            self.changes.append({"thread_id": thread_id, "change": change, **more})

    def _note(self, thread_id: str) -> None:
        if not self._whole:
            return
        self._looked.append(thread_id)
        if len(self._looked) >= AT_ONCE:
            self.save()
