"""The part of `undo` that deletes agents: which are recorded, and what became of each. It must not send anything."""

from __future__ import annotations

from collections import Counter

from migrate_cli.convert.agent import mark_of
from migrate_cli.convert.text import counted
from migrate_cli.load.undo import UNFINISHED
from migrate_cli.load.undo_agents import CreatedAgent
from migrate_cli.model import AgentStatus, Problem, RecordedAgent
from migrate_cli.report.progress import ProgressView
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore
from migrate_cli.target.deletion import DELETED, GONE, KEPT, REFUSED

_WHY = {
    KEPT: ("agent-kept", "it was kept: {detail}"),
    REFUSED: ("delete-refused", "the target did not delete it: {detail}"),
    UNFINISHED: ("unfinished", "the run ended before it was deleted; run the same command again"),
}


def agents_to_undo(reader: StateReader, run_id: str | None) -> list[CreatedAgent]:
    """Return the agents that are recorded, or those of one run, with all their versions."""
    rows: dict[str, list[RecordedAgent]] = {}
    for agent in reader.agents.standing(run_id):
        rows.setdefault(agent.name, []).append(agent)
    marks = {name: frozenset(mark_of(row.assistant_id) for row in own) for name, own in rows.items()}
    return [CreatedAgent(name, tuple(own), marks[name]) for name, own in rows.items()]


class AgentsUndone:
    """Hears what became of each agent, notes it in the state, and counts."""

    def __init__(self, store: StateStore, view: ProgressView, problems: list[Problem]) -> None:
        self._store, self._view, self._problems = store, view, problems
        self._agents: Counter[str] = Counter()
        self._versions = 0

    def agent_undone(self, created: CreatedAgent, outcome: str, versions: int, detail: str | None) -> None:
        """Remember what became of one agent."""
        self._agents[outcome] += 1
        self._versions += versions
        if outcome in (DELETED, GONE):
            for row in created.recorded:
                undone = RecordedAgent(row.assistant_id, row.name, row.digest, row.version, AgentStatus.UNDONE)
                self._store.agents.note(undone)
        else:
            code, sentence = _WHY[outcome]
            self._problems.append(Problem(code, f"agent {created.name}: {sentence.format(detail=detail)}"))
        self._view.note(f"agent {created.name}: {outcome}")

    @property
    def left(self) -> int:
        """How many agents still stand, or may."""
        return sum(count for outcome, count in self._agents.items() if outcome not in (DELETED, GONE))

    @property
    def told(self) -> str:
        """One more sentence for the result; empty where there were no agents."""
        done = self._agents[DELETED] + self._agents[GONE]
        if not self._agents:
            return ""
        is_, was = "is" if done == 1 else "are", "was" if self._versions == 1 else "were"
        return f"{counted(done, 'agent')} {is_} undone: {counted(self._versions, 'version')} {was} deleted."

    def counts(self) -> dict[str, int]:
        """How many agents came to what, and how many versions were deleted."""
        return {name: self._agents[name] for name in (DELETED, GONE, KEPT, REFUSED, UNFINISHED)} | {
            "versions": self._versions
        }
