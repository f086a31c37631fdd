"""Turns assistants into agents of a Foundry project: says what would be created, then creates and records it.

It must not convert an assistant, or write a file.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

from migrate_cli.commands.context import TargetChoice, policy_of, target_of, target_setup
from migrate_cli.commands.provenance import MADE, made_by
from migrate_cli.commands.signals import Interrupts
from migrate_cli.convert.agent import AgentDraft
from migrate_cli.convert.text import counted, short
from migrate_cli.errors import MigrateError, SetupMismatch, UsageError
from migrate_cli.findings import finding
from migrate_cli.http.client import ApiClient
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.load.agents import GOOD, AgentOutcome, AgentResult, AgentRun, ProjectView, standing
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.model import AgentStatus, Finding, JsonObject, Problem, Result
from migrate_cli.report.progress import ProgressView
from migrate_cli.settings.model import Settings
from migrate_cli.state import setup as setups
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore
from migrate_cli.target.agents import ProjectAgents, project_url
from migrate_cli.work.clock import WallClock

_WHY = {
    AgentOutcome.TAKEN: "the project has an agent {name} that is not part of this migration; rename or delete it "
    "there, or rename the assistant, and run the same command again",
    AgentOutcome.CONTINUED: "somebody has added versions to the agent {name} after ours, and the assistant has changed "
    "since, so nothing was created; carry the change over by hand",
    AgentOutcome.WITHOUT_MODEL: "its model is not known, and an agent needs one; complete the assistant's object in "
    "the source",
    AgentOutcome.REFUSED: "the target refused the agent {name}: {detail}",
    AgentOutcome.UNFINISHED: "the run ended before it was created; run the same command again",
}


@dataclass(frozen=True, slots=True)
class AgentsMade:
    """What one run did."""

    target: str
    """The project's address."""
    results: Sequence[AgentResult]
    run_id: str | None = None
    failure: MigrateError | None = None
    interrupted: bool = False
    dry_run: bool = False
    sandbox: bool = False

    @property
    def to_make(self) -> int:
        """Of a dry run: how many agents would be made, or get a further version."""
        return sum(result.outcome in (AgentOutcome.MAKE, AgentOutcome.RENEW) for result in self.results)

    @property
    def told(self) -> str:
        """Of a dry run: what would be done, in one sentence."""
        if not self.to_make:
            return f"There is no agent to create at {self.target}."
        renewed = sum(result.outcome is AgentOutcome.RENEW for result in self.results)
        made = self.to_make - renewed
        parts = [f"make {counted(made, 'agent')}"] if made else []
        parts += [f"give {counted(renewed, 'agent')} another version"] if renewed else []
        return f"Would {' and '.join(parts)} at {self.target}."

    def findings(self) -> list[Finding]:
        """What was found of agents that stand."""
        return [
            finding(
                "agent-differs",
                f"Assistant {short(result.draft.assistant_id, 80)}: agent {result.name}:{result.version}, at "
                f"{short(', '.join(result.differs), 300)}.",
            )
            for result in self.results
            if result.differs
        ]

    def by_assistant(self) -> dict[str, AgentResult]:
        """The results by the assistant's id."""
        return {result.draft.assistant_id: result for result in self.results}

    def counts(self) -> dict[str, int]:
        """How many came to what."""
        return dict(sorted(Counter(result.outcome.value for result in self.results).items()))

    def problems(self) -> list[Problem]:
        """One for each assistant that has no agent as it should be."""
        found = [] if self.failure is None else [Problem(self.failure.code, str(self.failure))]
        for result in self.results:
            if result.outcome not in GOOD:
                sentence = _WHY[result.outcome].format(name=result.name, detail=result.detail)
                found.append(Problem(f"agent-{result.outcome.value}", f"{result.draft.assistant_id}: {sentence}"))
        return found


def agent_row(result: AgentResult) -> JsonObject:
    """Return what reports show of one agent: `agent` is what `map` knows it by, None where there is none."""
    version = None if result.outcome in (AgentOutcome.MAKE, AgentOutcome.RENEW) else result.version
    agent = None if version is None else f"{result.name}:{version}"
    return {
        "agent": agent,
        "name": result.name,
        "version": version,
        "outcome": result.outcome.value,
        "differs": list(result.differs),
    }


def recorded_agents(settings: Settings) -> dict[str, tuple[str, str]]:
    """Return name and version of the agent of each assistant, as far as the state file knows."""
    if not settings.state.is_file():
        return {}
    with StateReader(settings.state) as reader:
        rows = [row for row in reader.maps.export("agents") if row["status"] == AgentStatus.MADE and row["version"]]
    return {str(row["assistant_id"]): (str(row["name"]), str(row["version"])) for row in rows}


def foresee_agents(settings: Settings, drafts: Sequence[AgentDraft], *, sandbox: bool) -> AgentsMade:
    """Look at the project and say what would be made; nothing is written. Raises MigrateError."""
    known = _known(settings, sandbox=sandbox)

    async def look(target: TargetChoice) -> list[AgentResult]:
        async with _project(settings, target) as project:
            view = await ProjectView.of(project.agents)
            return [await standing(project.agents, view, draft, known.get(draft.assistant_id)) for draft in drafts]

    with _target(settings, sandbox=sandbox) as target:
        return AgentsMade(target.endpoint.base_url, asyncio.run(look(target)), dry_run=True, sandbox=sandbox)


def make_agents(
    settings: Settings,
    drafts: Sequence[AgentDraft],
    *,
    sandbox: bool,
    view: ProgressView,
    conclude: Callable[[AgentsMade], Result],
) -> Result:
    """Make the agents; `conclude` makes the command's result of it. Raises MigrateError for what stops it before."""
    with _target(settings, sandbox=sandbox) as target:
        store = StateStore.open(settings.state, command="migrate-cli assistants")
        try:
            store.runs.check_target(target_setup(settings, sandbox=sandbox))
            return asyncio.run(_Making(settings, store, target, view, len(drafts)).go(drafts, conclude))
        finally:
            view.close()
            store.close()


@dataclass(frozen=True, slots=True)
class _Project:
    """A project that is being worked on."""

    agents: ProjectAgents
    clock: WallClock
    policy: LoadPolicy


class _Making:
    """One invocation."""

    def __init__(
        self, settings: Settings, store: StateStore, target: TargetChoice, view: ProgressView, total: int
    ) -> None:
        self._settings, self._store, self._target, self._view = settings, store, target, view
        self._total = total
        self._results: list[AgentResult] = []

    async def go(self, drafts: Sequence[AgentDraft], conclude: Callable[[AgentsMade], Result]) -> Result:
        """Make them, then say what was made."""
        known = self._store.agents.names()
        options = {"agents": self._total, "sandbox": self._target.sandbox, MADE: made_by(self._settings)}
        run_id = self._store.runs.start_run("assistants", options)
        failure: MigrateError | None = None
        async with _project(self._settings, self._target) as project:
            run = AgentRun(
                agents=project.agents,
                clock=project.clock,
                policy=project.policy,
                memory=self._store.agents,
                observer=self,
            )
            project.clock.wake_on(run.drain)
            interrupts = Interrupts(self._view, run.drain.set)
            with interrupts.on_loop():
                try:
                    await run.run(iter(drafts), known)
                except MigrateError as error:
                    failure = error
        met = {result.draft.assistant_id for result in self._results}
        left = [
            AgentResult(draft, AgentOutcome.UNFINISHED, draft.name) for draft in drafts if draft.assistant_id not in met
        ]
        made = AgentsMade(
            self._target.endpoint.base_url,
            [*self._results, *left],
            run_id,
            failure,
            interrupted=interrupts.met,
            sandbox=self._target.sandbox,
        )
        await self._store.durable()
        result = conclude(made)
        self._store.runs.finish_run(run_id, _recorded(result).envelope())
        await self._store.durable()
        return result

    def agent(self, result: AgentResult) -> None:
        """Remember and show what became of one assistant."""
        self._results.append(result)
        shown = f"{result.name}:{result.version}" if result.version else result.name
        self._view.note(f"{len(self._results)} of {self._total} agents: {shown} {_SAID[result.outcome]}")


def _recorded(result: Result) -> Result:
    """Return the result as the state file keeps it: without what assistants were told, which may be private."""
    rows = [row | {"config": _outline(row["config"]), "not_carried": []} for row in result.data["assistants"]]
    return replace(result, data=result.data | {"assistants": rows})


def _outline(config: JsonObject) -> JsonObject:
    tools = [{key: tool[key] for key in ("type", "name") if key in tool} for tool in config.get("tools") or ()]
    return {"model": config.get("model"), "tools": tools}


_SAID = {
    AgentOutcome.MADE: "was made",
    AgentOutcome.THERE: "is there already",
    AgentOutcome.TAKEN: "is somebody else's",
    AgentOutcome.CONTINUED: "was continued by somebody else",
    AgentOutcome.WITHOUT_MODEL: "has no model",
    AgentOutcome.REFUSED: "was refused",
    AgentOutcome.UNFINISHED: "was not made",
}


@contextmanager
def _target(settings: Settings, *, sandbox: bool) -> Iterator[TargetChoice]:
    """Yield the project. Raises UsageError for a target that has no agents."""
    if settings.target.preset != "foundry":
        raise UsageError(
            f"agents can only be created in a Microsoft Foundry project, and target.preset is {settings.target.preset}"
            "; set target.preset: foundry, or leave --create out",
            code="no-agents",
        )
    with project_of(settings, sandbox=sandbox) as target:
        yield target


@contextmanager
def project_of(settings: Settings, *, sandbox: bool) -> Iterator[TargetChoice]:
    """Yield the project that the target is in, or that of the sandbox, as a target of its own."""
    with target_of(settings, sandbox=sandbox) as target:
        yield as_project(target)


def as_project(target: TargetChoice) -> TargetChoice:
    """Return the project that a target is in. Raises UsageError for one that is in none."""
    return replace(target, endpoint=replace(target.endpoint, base_url=project_url(target.endpoint.base_url)))


@asynccontextmanager
async def _project(settings: Settings, target: TargetChoice) -> AsyncIterator[_Project]:
    clock, policy = WallClock(), policy_of(settings, target.endpoint.base_url)
    limiter = RateLimiter(
        most_in_flight=policy.workers,
        requests_per_minute=settings.load.max_requests_per_minute,
        sleep=clock.sleep,
        draining=clock.draining,
    )
    async with ApiClient(target.endpoint, limiter, sleep=clock.sleep) as client:
        yield _Project(ProjectAgents(client), clock, policy)


def _known(settings: Settings, *, sandbox: bool) -> dict[str, str]:
    """Return the name of each assistant's agent, as the state file has it. Raises SetupMismatch."""
    if not settings.state.is_file():
        return {}
    with StateReader(settings.state) as reader:
        known = reader.setup()
        names = {agent.assistant_id: agent.name for agent in reader.agents.standing()}
    if refusal := setups.refusal_of_target(settings.state, known, target_setup(settings, sandbox=sandbox)):
        raise SetupMismatch(refusal)
    return names
