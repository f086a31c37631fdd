"""Making and deleting agents through every pair of faults: one version each, never two, and none of somebody else's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import pytest
from migrate_cli.convert.agent import AgentDraft, agent_draft
from migrate_cli.convert.configuration import Configuration
from migrate_cli.errors import MigrateError, TemporaryError
from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, NotAppliedKind, Refused, Reply
from migrate_cli.load.agents import AgentOutcome, AgentResult, AgentRun
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.load.undo_agents import AgentUndoRun, CreatedAgent
from migrate_cli.model import AgentStatus, JsonObject, RecordedAgent
from migrate_cli.target.agents import StandingVersion

POLICY = LoadPolicy(workers=2, settle=5.0)
LATE = 3.0
"""Seconds after which a lost request takes effect; fewer than are waited for."""
FAULTS = ("fine", "lost before", "lost after", "late", "throttled", "nameless", "killed before", "killed after")


class VirtualTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)


class Project:
    """A project that carries out requests as a script says, and keeps what was made."""

    def __init__(self, clock: VirtualTime, script: Sequence[str] = ()) -> None:
        self.clock, self.script = clock, iter(script)
        self.standing: list[StandingVersion] = []
        self._late: list[tuple[float, Callable[[], None]]] = []
        self._count = 0

    async def latest(self) -> list[StandingVersion]:
        self._land()
        return list({one.name: one for one in self.standing}.values())

    async def versions(self, name: str) -> list[StandingVersion]:
        self._land()
        return [one for one in self.standing if one.name == name]

    async def create(self, name: str, body: JsonObject) -> Reply:
        def work() -> None:
            self._count += 1
            self.standing.append(
                StandingVersion(name, str(self._count), body["metadata"], self.keeps(body["definition"]))
            )

        shown = self.keeps(body["definition"])
        return self._answer(work, lambda: {"name": name, "version": str(self._count), "definition": shown})

    def keeps(self, definition: JsonObject) -> JsonObject:
        """What the project makes of a definition."""
        return definition

    async def delete_version(self, name: str, version: str) -> Reply:
        return self._delete([one for one in self.standing if (one.name, one.version) == (name, version)])

    async def delete(self, name: str) -> Reply:
        return self._delete([one for one in self.standing if one.name == name])

    def _delete(self, found: list[StandingVersion]) -> Reply:
        if not found:
            return Refused(404, "not_found", "not found")

        def work() -> None:
            self.standing = [one for one in self.standing if one not in found]

        return self._answer(work, lambda: {"deleted": True})

    def _answer(self, work: Callable[[], None], body: Callable[[], JsonObject]) -> Reply:
        self._land()
        fault = next(self.script, "fine")
        if fault == "throttled":
            return NotApplied(NotAppliedKind.THROTTLED, "busy", 1.0)
        if fault == "killed before":
            raise TemporaryError("killed")
        if fault == "late":
            self._late.append((self.clock.time + LATE, work))
        elif fault != "lost before":
            work()
        if fault == "killed after":
            raise TemporaryError("killed")
        if fault == "nameless":
            return Applied({"id": "?"})
        return Applied(body()) if fault == "fine" else Ambiguous("no answer in time")

    def _land(self) -> None:
        due = [work for at, work in self._late if at <= self.clock.time]
        self._late = [entry for entry in self._late if entry[0] > self.clock.time]
        for work in due:
            work()


class Notes:
    """Remembers what was noted, as a state file does, and what was told."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], RecordedAgent] = {}
        self.told: list[AgentResult] = []
        self.undone: list[tuple[str, int]] = []

    def note(self, agent: RecordedAgent) -> None:
        self.rows[agent.assistant_id, agent.name, agent.digest] = agent

    async def durable(self) -> None:
        return

    def agent(self, result: AgentResult) -> None:
        self.told.append(result)

    def agent_undone(self, _created: CreatedAgent, outcome: str, versions: int, _detail: str | None) -> None:
        self.undone.append((outcome, versions))

    def names(self) -> dict[str, str]:
        return {row.assistant_id: row.name for row in self.rows.values() if row.status is not AgentStatus.UNDONE}

    def created(self) -> Iterator[CreatedAgent]:
        rows = [row for row in self.rows.values() if row.status is not AgentStatus.UNDONE]
        for name in dict.fromkeys(row.name for row in rows):
            own = tuple(row for row in rows if row.name == name)
            yield CreatedAgent(name, own, frozenset(row.assistant_id for row in own))


def draft(**config: Any) -> AgentDraft:
    return agent_draft(Configuration("asst_1", "Help", {"model": "m", **config}, ()), "asst_1", "Help")


def make(project: Project, notes: Notes, one: AgentDraft) -> MigrateError | None:
    """Run once; return what ended the run, if anything did."""
    run = AgentRun(agents=project, clock=project.clock, policy=POLICY, memory=notes, observer=notes)
    try:
        asyncio.run(run.run(iter([one]), notes.names()))
    except MigrateError as error:
        return error
    return None


@pytest.mark.parametrize("script", list(product(FAULTS, repeat=2)), ids=" then ".join)
def test_whatever_happens_there_is_one_version_that_is_known(script: tuple[str, str]) -> None:
    clock, notes = VirtualTime(), Notes()
    project = Project(clock, script)
    while make(project, notes, draft()) is not None:
        clock.time += LATE
    clock.time += LATE
    assert make(project, notes, draft()) is None
    assert [one.outcome for one in notes.told][-1] is AgentOutcome.THERE
    [standing] = project.standing
    [row] = notes.rows.values()
    assert (row.version, row.status) == (standing.version, AgentStatus.MADE)


def test_a_request_that_is_carried_out_long_after_it_was_given_up_leaves_no_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "LATE", 40.0)
    notes = Notes()
    project = Project(VirtualTime(), ["late", "late"])
    assert make(project, notes, draft()) is None
    assert project.clock.time >= POLICY.latest
    [standing] = asyncio.run(project.versions("Help"))
    assert notes.rows["asst_1", "Help", draft().digest].version == standing.version


@pytest.mark.parametrize("fault", FAULTS)
def test_a_further_version_is_made_once_although_an_older_one_is_alike(fault: str) -> None:
    clock, notes = VirtualTime(), Notes()
    project = Project(clock)
    make(project, notes, draft())
    make(project, notes, draft(instructions="Sing."))
    project.script = iter([fault])
    while make(project, notes, draft()) is not None:
        clock.time += LATE
    clock.time += LATE
    assert make(project, notes, draft()) is None
    assert [one.version for one in project.standing] == ["1", "2", "3"]
    assert notes.rows["asst_1", "Help", draft().digest].version == "3"


@pytest.mark.parametrize("fault", ["fine", "lost after"])
def test_a_definition_that_the_target_changes_is_told_each_time(fault: str) -> None:
    class Forgetful(Project):
        def keeps(self, definition: JsonObject) -> JsonObject:
            return {key: value for key, value in definition.items() if key != "instructions"}

    notes = Notes()
    project = Forgetful(VirtualTime(), [fault])
    for _ in range(2):
        make(project, notes, draft(instructions="Sing."))
    assert [(one.outcome.value, one.differs) for one in notes.told] == [
        ("made", ("instructions",)),
        ("there", ("instructions",)),
    ]


def test_a_refusal_is_told_and_leaves_nothing_to_undo() -> None:
    class Strict(Project):
        async def create(self, name: str, body: JsonObject) -> Reply:
            return Refused(400, "invalid", f"{name} has {len(body)} faults")

    notes = Notes()
    assert make(Strict(VirtualTime()), notes, draft()) is None
    assert [(one.outcome, one.detail) for one in notes.told] == [(AgentOutcome.REFUSED, "Help has 2 faults (400)")]
    assert list(notes.created()) == []


def test_a_target_that_never_answers_ends_the_run() -> None:
    notes = Notes()
    failure = make(Project(VirtualTime(), ["lost before"] * 99), notes, draft())
    assert isinstance(failure, TemporaryError)
    assert "nothing is lost" in str(failure)
    assert [one.outcome for one in notes.told] == [AgentOutcome.UNFINISHED]
    assert [row.status for row in notes.rows.values()] == [AgentStatus.MAKING]


def undo(project: Project, notes: Notes) -> MigrateError | None:
    run = AgentUndoRun(agents=project, clock=project.clock, policy=POLICY, observer=notes, drain=asyncio.Event())
    try:
        asyncio.run(run.run(notes.created()))
    except MigrateError as error:
        return error
    return None


@pytest.mark.parametrize("theirs", [False, True], ids=["ours alone", "with somebody else's"])
@pytest.mark.parametrize("script", list(product(FAULTS, repeat=2)), ids=" then ".join)
def test_undo_deletes_ours_and_nothing_else(script: tuple[str, str], theirs: bool) -> None:
    clock, notes = VirtualTime(), Notes()
    project = Project(clock)
    make(project, notes, draft())
    make(project, notes, draft(instructions="Sing."))
    if theirs:
        project.standing.append(StandingVersion("Help", "9", {"owner": "somebody"}))
    project.script = iter(script)
    while undo(project, notes) is not None:
        clock.time += LATE
    clock.time += LATE
    assert [one.version for one in asyncio.run(project.versions("Help"))] == (["9"] if theirs else [])
    assert notes.undone[-1][0] in ("deleted", "gone")


def test_versions_that_a_target_does_not_show_are_not_deleted_with_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate_cli.load.undo_agents.PAGE", 2)

    class FirstPageOnly(Project):
        async def versions(self, name: str) -> list[StandingVersion]:
            return (await super().versions(name))[:2]

    notes = Notes()
    project = FirstPageOnly(VirtualTime())
    make(project, notes, draft())
    make(project, notes, draft(instructions="Sing."))
    project.standing.append(StandingVersion("Help", "9", {"owner": "somebody"}))
    assert undo(project, notes) is None
    assert [one.version for one in project.standing] == ["9"]


def test_a_version_that_says_it_is_not_ours_is_kept_whatever_is_recorded() -> None:
    notes = Notes()
    project = Project(VirtualTime())
    make(project, notes, draft())
    project.standing = [StandingVersion("Help", "1", {})]
    undo(project, notes)
    assert notes.undone == [("kept", 0)]
    assert len(project.standing) == 1
