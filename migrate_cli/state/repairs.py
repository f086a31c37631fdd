"""Changes to what is recorded of a thread outside of a load: by `verify`, `resolve`, `undo` and `verify --fix`.

Each method notes what the caller has done or seen at the target. It must not talk to the target itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from migrate_cli.model import Progress
from migrate_cli.state import statements
from migrate_cli.state.session import StatePart


class Repairs(StatePart):
    """Notes what was found or changed at the target after the load."""

    def set_state(self, thread_id: str, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note a state that was reached outside of loading: `verified`, `differs`, `skipped`, `in_doubt` …"""
        self._session.note(
            statements.state(thread_id, state, (code, detail), *self._session.run_and_time()),
            of=thread_id,
        )

    def undone(self, thread_id: str, conversation_id: str) -> None:
        """Note that the conversation was deleted; its rows stay, as the record of what was."""
        self._session.note(statements.undone(thread_id, conversation_id, self._session.seconds()), of=thread_id)

    def truncate(self, progress: Progress) -> None:
        """Note that only the items before `progress.position` are still in the conversation."""
        self._session.note(statements.drop_items(progress, self._session.seconds()))

    def forget(self, thread_id: str) -> None:
        """Let the thread start anew, as if it had never been loaded."""
        self._session.note(statements.forget(thread_id, self._session.seconds()))

    def abandon(self, thread_id: str, conversation_id: str) -> None:
        """Give the conversation up and let the thread start anew; `undo` can still delete what was given up."""
        self._session.note(statements.abandon(thread_id, conversation_id, self._session.seconds()))

    def abandoned_gone(self, conversation_id: str) -> None:
        """Note that a conversation that was given up is deleted."""
        self._session.note(statements.abandoned_gone(conversation_id, self._session.seconds()))

    def set_aside(self, thread_id: str, code: str) -> None:
        """Note that a person leaves the thread out, under this code."""
        self._session.note(statements.set_aside(thread_id, code, self._session.seconds()))

    def adopt(self, thread_id: str, conversation_id: str, rows: Sequence[tuple[str | None, str, str, bytes]]) -> None:
        """Take what stands in the conversation for the truth: message_id, item_id, kind and digest of each item."""
        self._session.note(statements.adopted(thread_id, conversation_id, rows, *self._session.run_and_time()))
