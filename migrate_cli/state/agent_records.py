"""What the state file records of agents that were made at the target: which assistant became which version.

A row is written before the request goes out, so that what a killed run has made can be found and taken back. It must
not look at the target.
"""

from __future__ import annotations

from migrate_cli.model import RecordedAgent
from migrate_cli.state.id_list import fact_line
from migrate_cli.state.queries import AGENTS_IN_ORDER, STANDING_AGENTS
from migrate_cli.state.session import StatePart
from migrate_cli.state.statements import AGENT_COLUMNS, with_keys
from migrate_cli.state.writer import PendingWrite

_NOTE = with_keys(
    f"INSERT OR REPLACE INTO agent (run, {', '.join(AGENT_COLUMNS)}) "  # noqa: S608 - columns
    f"VALUES (<run>, {', '.join('?' * len(AGENT_COLUMNS))})"
)


class AgentRecords(StatePart):
    """Notes and answers what agents were made."""

    def note(self, agent: RecordedAgent) -> None:
        """Note where an agent stands."""
        run, now = self._session.run_and_time()
        row = (agent.assistant_id, agent.name, agent.digest, agent.version, agent.status.value, now)
        self._session.note([PendingWrite(_NOTE, [(run, *row)], line=fact_line("agent", row))])

    def names(self) -> dict[str, str]:
        """Return the name of each assistant's agent, where one stands or may."""
        return {row[0]: row[1] for row in self._session.ask(f"{STANDING_AGENTS}{AGENTS_IN_ORDER}")}
