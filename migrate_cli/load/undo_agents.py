"""Deletes agents that were created: only those versions that are ours according to the records and their own metadata.

An agent is deleted whole if all its versions are ours; if somebody has added versions, only ours are deleted. A
delete is repeated until the answer is clear; what is gone counts as deleted. It must not decide what is undone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from migrate_cli.http.outcomes import Ambiguous, Applied, Draining, NotApplied, Refused, Reply
from migrate_cli.http.retry import Retry
from migrate_cli.load.agents import GRACE, MOST_AT_ONCE
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.load.undo import UNFINISHED
from migrate_cli.model import RecordedAgent
from migrate_cli.target.agents import PAGE, Agents, StandingVersion
from migrate_cli.target.deletion import DELETED, GONE, KEPT, REFUSED
from migrate_cli.work.clock import Clock
from migrate_cli.work.pool import WorkerPool, each_of
from migrate_cli.work.waiting import waiting


@dataclass(frozen=True, slots=True)
class CreatedAgent:
    """All versions that are recorded of one agent."""

    name: str
    recorded: tuple[RecordedAgent, ...]
    marks: frozenset[str]
    """What the metadata of ours say they were made of."""

    def owns(self, one: StandingVersion) -> bool:
        """Whether a version is ours: by its metadata, and by its number or by what it was made as."""
        if one.migrated_from not in self.marks:
            return False
        return any(one.version == row.version or one.digest == row.digest for row in self.recorded)


class AgentUndoObserver(Protocol):
    """Hears what became of each agent, and remembers it."""

    def agent_undone(self, created: CreatedAgent, outcome: str, versions: int, detail: str | None) -> None:
        """An agent's versions are `deleted`, were `gone`, were `kept`, or were `refused`; `versions` were deleted."""


class AgentUndoRun:
    """Undoes many agents, some at a time."""

    def __init__(
        self, *, agents: Agents, clock: Clock, policy: LoadPolicy, observer: AgentUndoObserver, drain: asyncio.Event
    ) -> None:
        self._agents, self._clock, self._policy = agents, clock, policy
        self._observer, self._drain = observer, drain

    async def run(self, created: Iterator[CreatedAgent]) -> None:
        """Undo them all. Raises what ends the run as a whole."""
        pool = WorkerPool(min(self._policy.workers, MOST_AT_ONCE), self._drain, grace=GRACE)
        await pool.run(each_of(created), self._undo_one)
        pool.raise_failure()

    async def _undo_one(self, created: CreatedAgent) -> None:
        outcome, versions, detail = UNFINISHED, 0, None
        try:
            outcome, versions, detail = await self._undo(created)
        except Draining:
            pass
        finally:
            self._observer.agent_undone(created, outcome, versions, detail)

    async def _undo(self, created: CreatedAgent) -> tuple[str, int, str | None]:
        """Delete what is ours, looking again after each answer that was lost: it may have been done anyway."""
        seen: set[str] = set()
        gone: set[str] = set()
        retry = Retry(self._clock.now, self._policy, "a DELETE")
        while True:
            found = await self._agents.versions(created.name)
            ours = [one for one in found if created.owns(one) and one.version not in gone]
            if not ours:
                return (DELETED, len(seen), None) if seen else self._none_of(created, found)
            seen.update(one.version for one in ours)
            # A full page may be all that a target shows of a longer list, and what it does not show is not ours.
            whole = len(ours) == len(found) < PAGE
            asked = ours if whole else ours[:1]
            reply = await self._delete(asked, whole=whole)
            if isinstance(reply, Applied) or (isinstance(reply, Refused) and reply.status == 404):
                gone.update(one.version for one in asked)
            elif isinstance(reply, Refused):
                return REFUSED, len(gone), f"{reply.message} ({reply.status})"
            else:
                await self._wait(retry, reply)

    def _none_of(self, created: CreatedAgent, found: Sequence[StandingVersion]) -> tuple[str, int, str | None]:
        known = {row.version for row in created.recorded}
        foreign = next((one.version for one in found if one.version in known), None)
        if foreign is None:
            return GONE, 0, None
        return KEPT, 0, f"version {foreign} does not say which of our assistants it was created from"

    async def _delete(self, asked: Sequence[StandingVersion], *, whole: bool) -> Reply:
        one = asked[0]
        return await (self._agents.delete(one.name) if whole else self._agents.delete_version(one.name, one.version))

    async def _wait(self, retry: Retry, reply: NotApplied | Ambiguous) -> None:
        seconds = retry.pause(reply)
        with waiting("the next look at what was deleted", moves=False):
            await self._clock.sleep(seconds)
        if self._drain.is_set():
            raise Draining
