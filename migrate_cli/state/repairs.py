"""Changes to what is recorded of a thread outside of a load: by `verify`, `resolve` and `undo`.

Each method notes what the caller has done or seen at the target. It must not talk to the target itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from migrate_cli.model import Progress
from migrate_cli.state.id_list import fact_line, reached_line
from migrate_cli.state.item_ids import packed
from migrate_cli.state.lines import FactLine, IdLine
from migrate_cli.state.session import StatePart
from migrate_cli.state.statements import (
    ABANDONED_GONE,
    DROP_ITEMS,
    DROP_REFUSED,
    FORGET,
    ITEM,
    POSITION,
    STATE,
    doubts,
    stamp,
    with_keys,
)
from migrate_cli.state.writer import PendingWrite

_SET_ASIDE = """
UPDATE thread SET state = 'skipped', reason = ?, error_code = ?, error_detail = NULL, updated_at = ? WHERE id = ?"""
_ABANDON = "INSERT OR IGNORE INTO abandoned VALUES (?, ?, ?, NULL)"
_ADOPTED = with_keys("""
UPDATE thread SET state = 'loaded', position = ?, ambiguous = 0, reason = NULL, error_code = NULL, error_detail = NULL,
  run = <run>, updated_at = ? WHERE id = ?""")


class Repairs(StatePart):
    """Notes what was found or changed at the target after the load."""

    def set_state(self, thread_id: str, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note a state that was reached outside of loading: `verified`, `differs`, `skipped`, `in_doubt` …"""
        row = (thread_id, state, code, detail, *self._session.run_and_time())
        self._session.note([PendingWrite(STATE, [row])], of=thread_id)

    def undone(self, thread_id: str, conversation_id: str) -> None:
        """Note that the conversation was deleted; its rows stay, as the record of what was."""
        now = self._session.seconds()
        line = reached_line(thread_id, conversation_id, "undone", 0, now)
        state = PendingWrite(STATE, [(thread_id, "undone", None, None, None, now)], line=line)
        self._session.note([state, PendingWrite(DROP_REFUSED, [(thread_id,)])], of=thread_id)

    def truncate(self, progress: Progress) -> None:
        """Note that only the items before `progress.position` are still in the conversation."""
        dropped = PendingWrite(DROP_ITEMS, [(progress.thread_id, progress.position)])
        position = (
            progress.position, doubts(progress), progress.attempts, self._session.seconds(), progress.thread_id,
        )  # fmt: skip
        self._session.note([dropped, PendingWrite(POSITION, [position])])

    def forget(self, thread_id: str) -> None:
        """Let the thread start over, as if it had never been loaded."""
        self._session.note(_forgotten(thread_id, self._session.seconds()))

    def abandon(self, thread_id: str, conversation_id: str) -> None:
        """Give the conversation up and let the thread start over; `undo` can still delete what was given up."""
        now = self._session.seconds()
        line = fact_line("abandoned", (conversation_id, thread_id, now, None))
        given_up = PendingWrite(_ABANDON, [(conversation_id, thread_id, now)], line=line, vital=True)
        refused = PendingWrite(DROP_REFUSED, [(thread_id,)])
        self._session.note([given_up, refused, *_forgotten(thread_id, now, conversation_id)])

    def abandoned_gone(self, conversation_id: str) -> None:
        """Note that a conversation that was given up is deleted."""
        now = self._session.seconds()
        line = FactLine("abandoned", {"conversation_id": conversation_id, "deleted_at": now}, gone=True)
        self._session.note([PendingWrite(ABANDONED_GONE, [(now, conversation_id)], line=line)])

    def set_aside(self, thread_id: str, code: str) -> None:
        """Note that a person leaves the thread out, under this code."""
        self._session.note([PendingWrite(_SET_ASIDE, [(code, code, self._session.seconds(), thread_id)])])

    def adopt(self, thread_id: str, conversation_id: str, rows: Sequence[tuple[str | None, str, str, bytes]]) -> None:
        """Take what is in the conversation for the truth: message_id, item_id, kind and digest of each item."""
        run, now = self._session.run_and_time()
        writes = [PendingWrite(DROP_ITEMS, [(thread_id, 0)])]
        for index, (message_id, item_id, kind, digest) in enumerate(rows):
            row = (index, message_id, packed(item_id), None if kind == "message" else kind, None, digest, thread_id)
            writes.append(PendingWrite(f"{ITEM}(?, ?, ?, ?, ?, ?)) WHERE id = ?", [row]))
        line = reached_line(thread_id, conversation_id, "loaded", len(rows), now)
        self._session.note([*writes, PendingWrite(_ADOPTED, [(len(rows), run, now, thread_id)], line=line)])


def _forgotten(thread_id: str, now: int, conversation_id: str | None = None) -> list[PendingWrite]:
    """The thread starts over, without the conversation that it had, if it had one."""
    line = None if conversation_id is None else IdLine(thread_id, conversation_id, stamp(now), "forgotten", 0)
    return [PendingWrite(FORGET, [(now, thread_id)], line=line), PendingWrite(DROP_ITEMS, [(thread_id, 0)])]
