"""What a replay keeps in the state file: its results, its scratch conversations, and its chains of responses.

A scratch conversation is recorded before data is sent there, so that a killed run leaves nothing that the next one
cannot delete. It must not be given the text of answers.
"""

from __future__ import annotations

from migrate_cli.state.id_list import fact_line
from migrate_cli.state.lines import FactLine
from migrate_cli.state.session import StatePart
from migrate_cli.state.statements import SCRATCH_GONE, with_keys
from migrate_cli.state.writer import PendingWrite

_SCRATCH = with_keys("INSERT OR REPLACE INTO scratch VALUES (?, ?, <run>, ?)")
_CHAIN = "INSERT OR REPLACE INTO chain VALUES (?, ?, ?)"
_REPLAY = with_keys("INSERT INTO replay VALUES (<run>, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
_BEGUN = "INSERT OR REPLACE INTO scratch_begun VALUES (?, ?, ?)"
_SETTLED = "DELETE FROM scratch_begun WHERE token = ?"
_IN_PLACE = with_keys("INSERT OR REPLACE INTO in_place VALUES (?, ?, <run>, ?, ?)")
_IN_PLACE_OVER = "DELETE FROM in_place WHERE conversation_id = ?"


class ReplayRecords(StatePart):
    """Notes and answers what replays leave."""

    def replay_result(
        self,
        case_id: str,
        status: str,
        *,
        conversation_id: str | None = None,
        ttft_ms: float | None = None,
        total_ms: float | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        detail: str | None = None,
        last_response_id: str | None = None,
    ) -> None:
        """Note the result of one replayed case of the current run; of a chain, the response that another can follow."""
        if self._session.run_id is None:
            raise ValueError("a replay result belongs to a run: call start_run first")
        told = (status, ttft_ms, total_ms, input_tokens, output_tokens, detail, last_response_id)
        self._session.note([PendingWrite(_REPLAY, [(self._session.run_id, case_id, conversation_id, *told)])])

    def scratch_begins(self, token: str, target: str) -> None:
        """Note that a scratch conversation is about to be made; the token stands for it until it has an id."""
        self._session.note([PendingWrite(_BEGUN, [(token, target, self._session.seconds())])])

    def scratch_settled(self, token: str) -> None:
        """Note that what became of this one is known, or was told."""
        self._session.note([PendingWrite(_SETTLED, [(token,)])])

    def scratches_begun(self, target: str) -> list[str]:
        """Return the tokens of those of which nothing more is known: each may have left an empty conversation."""
        return [row[0] for row in self._session.ask("SELECT token FROM scratch_begun WHERE target = ?", target)]

    def scratch(self, conversation_id: str, target: str, token: str | None = None) -> None:
        """Note a scratch conversation of a replay at a target; must be durable before data is sent there."""
        run, now = self._session.run_and_time()
        line = fact_line("scratch", (conversation_id, target, now))
        made = PendingWrite(_SCRATCH, [(conversation_id, target, run, now)], line=line, vital=True)
        self._session.note([made, *([] if token is None else [PendingWrite(_SETTLED, [(token,)])])])

    def scratch_gone(self, conversation_id: str) -> None:
        """Note that a scratch conversation was deleted."""
        line = FactLine("scratch", {"conversation_id": conversation_id}, gone=True)
        self._session.note([PendingWrite(SCRATCH_GONE, [(conversation_id,)], line=line)])

    def scratches(self, target: str) -> list[str]:
        """Return the scratch conversations that are still at a target, oldest first."""
        sql = "SELECT conversation_id FROM scratch WHERE target = ? ORDER BY made_at, conversation_id"
        return [row[0] for row in self._session.ask(sql, target)]

    def in_place(self, conversation_id: str, target: str, anchor: str | None) -> None:
        """Note that a case runs in a conversation itself, after this item; must be durable before it does."""
        run, now = self._session.run_and_time()
        self._session.note([PendingWrite(_IN_PLACE, [(conversation_id, target, run, anchor, now)], vital=True)])

    def in_place_over(self, conversation_id: str) -> None:
        """Note that the case has left its conversation usable."""
        self._session.note([PendingWrite(_IN_PLACE_OVER, [(conversation_id,)])])

    def in_place_left(self, target: str) -> list[tuple[str, str | None]]:
        """Return the conversations at a target in which a case was killed, each with its anchor."""
        sql = "SELECT conversation_id, anchor FROM in_place WHERE target = ? ORDER BY at, conversation_id"
        return [(row[0], row[1]) for row in self._session.ask(sql, target)]

    def chain(self, conversation_id: str, response_id: str) -> None:
        """Note the last response of a conversation that goes on as a chain of responses."""
        self._session.note([PendingWrite(_CHAIN, [(conversation_id, response_id, self._session.seconds())])])

    def last_response(self, conversation_id: str) -> str | None:
        """Return the last response of a conversation that goes on as a chain of responses, or None."""
        rows = self._session.ask("SELECT response_id FROM chain WHERE conversation_id = ?", conversation_id)
        return rows[0][0] if rows else None
