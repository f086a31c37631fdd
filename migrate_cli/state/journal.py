"""The journal of the state file: what a load notes while it runs.

What is noted is in memory until the next group commit (`writer.py`); `durable` waits for that. It must not be given
keys or message text.
"""

from __future__ import annotations

from collections.abc import Iterable

from migrate_cli.model import Aside, Draft, Finding, Item, Progress, Unreadable
from migrate_cli.state import statements
from migrate_cli.state.threads import RecordedThreads


class LoadJournal(RecordedThreads):
    """Notes what happens to each thread; implements `load.interface.Journal`."""

    def begin(self, progress: Progress, draft: Draft) -> None:
        """Note that the load starts, with the draft's digest and counts, its findings and what goes aside."""
        again = progress.thread_id in self._session.writer.in_flight
        self._session.writer.in_flight.add(progress.thread_id)
        self._session.note(
            statements.begin(progress, draft, *self._session.run_and_time(), again=again),
            of=progress.thread_id,
        )

    def orphan(self, thread_id: str, reason: str, request_id: str | None) -> None:
        """Note one possible empty orphan."""
        self._session.note(statements.orphan(thread_id, reason, request_id, self._session.seconds()))

    def conversation(self, progress: Progress) -> None:
        """Note the conversation's id; must be durable before data is sent."""
        self._session.note(statements.conversation(progress, *self._session.run_and_time()), of=progress.thread_id)

    def items(self, progress: Progress, start: int, items: tuple[Item, ...], ids: list[str]) -> None:
        """Note that `items`, at positions from `start`, are in the conversation under `ids`."""
        self._session.note(statements.items(progress, start, items, ids, self._session.seconds()))

    def ambiguity(self, progress: Progress, reason: str) -> None:
        """Note that the thread saw an unclear answer."""
        self._session.note(statements.ambiguity(progress, reason, self._session.seconds()))

    def outcome(self, progress: Progress, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note how the thread ended for now."""
        self._session.writer.in_flight.discard(progress.thread_id)
        self._session.note(
            statements.outcome(progress, state, (code, detail), *self._session.run_and_time()),
            of=progress.thread_id,
        )

    def skip(self, draft: Draft, reason: str) -> None:
        """Note that the thread has nothing to load, and why."""
        self._session.note(statements.skip(draft, reason, *self._session.run_and_time()), of=draft.thread_id)

    def refused_item(self, thread_id: str, place: int, message_id: str | None, code: str, detail: str) -> None:
        """Note that a note will stand for the item at this place; must be durable before the note is sent."""
        self._session.note(statements.refused_item(thread_id, place, message_id, code, detail))

    def findings(self, thread_id: str | None, findings: Iterable[Finding], *, replace: bool = True) -> None:
        """Note the findings of a thread, in place of those it had or (`replace=False`) beside them.

        With None they belong to the source as a whole, and the next `apply` starts without them.
        """
        self._session.note(
            statements.findings(thread_id, findings, *self._session.run_and_time(), replace=replace),
            of=thread_id,
        )

    def aside(self, thread_id: str, facts: Iterable[Aside]) -> None:
        """Note what the target has no room for, in place of what was noted before."""
        self._session.note(statements.aside(thread_id, facts, *self._session.run_and_time()), of=thread_id)

    def unreadable(self, entry: Unreadable) -> None:
        """Note something in the source that could not be read in this run."""
        self._session.note(statements.unreadable(entry, self._session.run_id))
