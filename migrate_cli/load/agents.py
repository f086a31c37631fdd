"""Creates agents in a Foundry project, each once: it looks first, and looks again after a lost response.

The metadata of a version says whose it is. Existing agents are left as they are; one of ours whose assistant has
changed gets a new version; somebody else's agent is never touched, nor is one to which somebody has added versions.
It must not know assistants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Protocol

from migrate_cli.convert.agent import AgentDraft, changed_paths
from migrate_cli.http.outcomes import Ambiguous, Applied, Draining, NotApplied, Refused
from migrate_cli.http.retry import Retry
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.model import AgentStatus, RecordedAgent
from migrate_cli.target.agents import Agents, StandingVersion
from migrate_cli.target.deletion import delete_until_gone
from migrate_cli.work.clock import Clock
from migrate_cli.work.pool import WorkerPool, each_of
from migrate_cli.work.waiting import waiting

GRACE = 2.5
"""Seconds that requests under way may take when the run is asked to stop."""
MOST_AT_ONCE = 4
"""Agents at a time: a project has some dozens, and making one takes seconds there."""


class AgentOutcome(StrEnum):
    """What became of one assistant."""

    MAKE = "make"
    """It is to be made; of a dry run only."""
    RENEW = "renew"
    """A further version is to be made; of a dry run only."""
    MADE = "made"
    THERE = "there"
    """It was made before, with this very definition."""
    TAKEN = "name-taken"
    """An agent of that name is somebody else's."""
    CONTINUED = "continued"
    """Somebody has made versions after ours, and ours is not as it would be made now."""
    WITHOUT_MODEL = "no-model"
    REFUSED = "refused"
    UNFINISHED = "unfinished"
    """The run ended before."""


GOOD = frozenset({AgentOutcome.MAKE, AgentOutcome.RENEW, AgentOutcome.MADE, AgentOutcome.THERE})


@dataclass(frozen=True, slots=True)
class AgentResult:
    """What became of one assistant, and the version that is its agent; None where there is none."""

    draft: AgentDraft
    outcome: AgentOutcome
    name: str
    version: str | None = None
    detail: str | None = None
    differs: tuple[str, ...] = ()
    """Where the target shows its definition otherwise than it was sent."""


class AgentMemory(Protocol):
    """Remembers what was made."""

    def note(self, agent: RecordedAgent) -> None:
        """Note where an agent stands."""

    async def durable(self) -> None:
        """Return once everything noted is on disk."""


class AgentObserver(Protocol):
    """Hears what became of each."""

    def agent(self, result: AgentResult) -> None:
        """One assistant is done with."""


@dataclass(slots=True)
class ProjectView:
    """What a project holds, as far as it was looked at."""

    latest: dict[str, StandingVersion] = field(default_factory=dict)
    """The latest version of each agent, by its name in small letters: whether capitals count, nobody says."""
    marked: dict[str, StandingVersion] = field(default_factory=dict)
    """Those that bear a mark of ours, by that."""

    @classmethod
    async def of(cls, agents: Agents) -> ProjectView:
        """List the agents. Raises what listing raises."""
        view = cls()
        for one in await agents.latest():
            view.latest[one.name.casefold()] = one
            if one.migrated_from is not None:
                view.marked.setdefault(one.migrated_from, one)
        return view


async def standing(agents: Agents, view: ProjectView, draft: AgentDraft, known: str | None) -> AgentResult:
    """Say what is to be done about one assistant; `known` is the name of its agent, where the state has one."""
    if not draft.body["definition"].get("model"):
        return AgentResult(draft, AgentOutcome.WITHOUT_MODEL, draft.name)
    ours = view.marked.get(draft.mark)
    name = ours.name if ours is not None else known or draft.name
    latest = view.latest.get(name.casefold())
    if latest is None:
        # Lists have been seen that end early: a further version of what stands would be a copy.
        latest = next(iter(reversed(await agents.versions(name))), None)
    if latest is None:
        return AgentResult(draft, AgentOutcome.MAKE, name)
    if latest.migrated_from == draft.mark:
        outcome = AgentOutcome.THERE if latest.digest == draft.digest else AgentOutcome.RENEW
        differs = _differs(draft, latest.definition) if outcome is AgentOutcome.THERE else ()
        return AgentResult(draft, outcome, latest.name, latest.version, differs=differs)
    versions = [one for one in await agents.versions(latest.name) if one.migrated_from == draft.mark]
    if not versions:
        return AgentResult(draft, AgentOutcome.TAKEN, latest.name)
    same = _of(versions, draft)
    if same:
        differs = _differs(draft, same[-1].definition)
        return AgentResult(draft, AgentOutcome.THERE, same[-1].name, same[-1].version, differs=differs)
    return AgentResult(draft, AgentOutcome.CONTINUED, latest.name, versions[-1].version)


def _differs(draft: AgentDraft, definition: object) -> tuple[str, ...]:
    """Return where it differs; a target that shows no definition has told nothing."""
    return tuple(changed_paths(draft.body["definition"], definition)) if definition else ()


def _of(versions: Sequence[StandingVersion], draft: AgentDraft) -> list[StandingVersion]:
    return [one for one in versions if one.migrated_from == draft.mark and one.digest == draft.digest]


@dataclass(frozen=True, slots=True)
class _SentAgain:
    """An agent that was asked for again after a request whose fate is not known: there may come to be a copy of it."""

    draft: AgentDraft
    name: str
    kept: frozenset[str]
    """The versions that are not copies of it."""
    at: float
    """When the last request had its answer."""


class AgentRun:
    """Makes many agents, some at a time."""

    def __init__(
        self, *, agents: Agents, clock: Clock, policy: LoadPolicy, memory: AgentMemory, observer: AgentObserver
    ) -> None:
        self.drain = asyncio.Event()
        self._agents, self._clock, self._policy = agents, clock, policy
        self._memory, self._observer = memory, observer
        self._sent_again: list[_SentAgain] = []

    async def run(self, drafts: Iterator[AgentDraft], known: Mapping[str, str]) -> None:
        """Make them all. `known` are the names of agents by assistant. Raises what ends the run as a whole."""
        view = await ProjectView.of(self._agents)

        async def one(draft: AgentDraft) -> None:
            result = AgentResult(draft, AgentOutcome.UNFINISHED, draft.name)
            try:
                result = await self._one(view, draft, known.get(draft.assistant_id))
            except Draining:
                pass
            finally:
                self._observer.agent(result)

        pool = WorkerPool(min(self._policy.workers, MOST_AT_ONCE), self.drain, grace=GRACE)
        await pool.run(each_of(drafts), one)
        pool.raise_failure()
        for entry in self._sent_again:
            await self._drop_copies(entry)

    async def _one(self, view: ProjectView, draft: AgentDraft, known: str | None) -> AgentResult:
        found = await standing(self._agents, view, draft, known)
        if found.outcome is AgentOutcome.THERE:
            self._note(draft, found.name, found.version)
        if found.outcome not in (AgentOutcome.MAKE, AgentOutcome.RENEW):
            return found
        self._note(draft, found.name, None)
        await self._memory.durable()
        before = await self._agents.versions(found.name) if found.outcome is AgentOutcome.RENEW else []
        return await self._make(draft, found.name, frozenset(one.version for one in before))

    def _note(self, draft: AgentDraft, name: str, version: str | None) -> None:
        status = AgentStatus.MAKING if version is None else AgentStatus.MADE
        self._memory.note(RecordedAgent(draft.assistant_id, name, draft.digest, version, status))

    async def _make(self, draft: AgentDraft, name: str, before: frozenset[str]) -> AgentResult:
        """Send until it is known that the agent stands, or that it does not; a lost answer is looked for first.

        `before` are the versions that stood already: one of them may be alike.
        """
        retry = Retry(self._clock.now, self._policy, "making an agent")
        in_doubt = 0
        while True:
            reply = await self._agents.create(name, draft.body)
            if isinstance(reply, Applied) and reply.body.get("version"):
                version, definition = str(reply.body["version"]), reply.body.get("definition")
                break
            if isinstance(reply, Refused):
                self._memory.note(RecordedAgent(draft.assistant_id, name, draft.digest, None, AgentStatus.UNDONE))
                return AgentResult(draft, AgentOutcome.REFUSED, name, None, f"{reply.message} ({reply.status})")
            unclear = Ambiguous("the response named no version") if isinstance(reply, Applied) else reply
            await self._wait(retry, unclear)
            if isinstance(unclear, NotApplied):
                continue
            if found := await self._new(draft, name, before):
                version, definition = found[0].version, found[0].definition
                break
            in_doubt += 1
        self._note(draft, name, version)
        if in_doubt:
            self._sent_again.append(_SentAgain(draft, name, before | {version}, self._clock.now()))
        return AgentResult(draft, AgentOutcome.MADE, name, version, differs=_differs(draft, definition))

    async def _wait(self, retry: Retry, reply: NotApplied | Ambiguous) -> None:
        seconds = retry.pause(reply)
        if isinstance(reply, Ambiguous):
            seconds = max(seconds, self._policy.settle)
        with waiting("the next attempt to create an agent", moves=False):
            await self._clock.sleep(seconds)
        if self.drain.is_set():
            raise Draining

    async def _new(self, draft: AgentDraft, name: str, before: frozenset[str]) -> list[StandingVersion]:
        return [one for one in _of(await self._agents.versions(name), draft) if one.version not in before]

    async def _drop_copies(self, entry: _SentAgain) -> None:
        """Delete what an earlier request made after all: versions that are alike in all but their number.

        Where the run is asked to end, the next one finds the same definition twice, and takes the later one.
        """
        with waiting("requests without a response, which may still be executed"):
            await self._clock.sleep(max(0.0, entry.at + self._policy.latest - self._clock.now()))
        if self.drain.is_set():
            return
        for one in await self._new(entry.draft, entry.name, entry.kept):
            wait = partial(self._wait, Retry(self._clock.now, self._policy, "a DELETE"))
            await delete_until_gone(partial(self._agents.delete_version, one.name, one.version), wait)
