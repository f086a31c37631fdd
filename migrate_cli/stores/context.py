"""What rebuilding vector stores works with, and what it reports along the way. It must not call the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from migrate_cli.findings import finding
from migrate_cli.http.retry import Patience
from migrate_cli.model import Finding, Problem
from migrate_cli.stores.record import StoreMemory
from migrate_cli.target.vector_stores import VectorStoresTarget
from migrate_cli.work.clock import Clock
from migrate_cli.work.waiting import FIRST_WORD, NEXT_WORD


@dataclass(slots=True)
class StoreOutcomes:
    """What came of it, for reports: counts, findings, and problems that the next run may solve."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def find(self, code: str, detail: str) -> None:
        """Report a departure that stays."""
        self.findings.append(finding(code, detail))

    def problem(self, code: str, sentence: str) -> None:
        """Report what is left to do."""
        self.problems.append(Problem(code, sentence))


@dataclass(frozen=True, slots=True)
class StoreContext:
    """Target, memory, time and outcomes of one run."""

    target: VectorStoresTarget
    memory: StoreMemory
    clock: Clock
    policy: StorePatience
    draining: Callable[[], bool]
    tell: Callable[[str], None]
    """Shows a sentence to the user."""
    outcomes: StoreOutcomes


class StorePatience(Patience, Protocol):
    """How long requests are repeated; its `patience` is also how long indexing may go on without any progress."""

    @property
    def latest(self) -> float:
        """Seconds after which a lost request has taken effect, or never will."""


class Pulse:
    """Says how far a long stretch is: after a few seconds, then now and then."""

    def __init__(self, context: StoreContext) -> None:
        self._now, self._tell = context.clock.now, context.tell
        self._due = self._now() + FIRST_WORD

    def beat(self, words: Callable[[], str]) -> None:
        """Say it, if it is time."""
        if self._now() >= self._due:
            self._due = self._now() + NEXT_WORD
            self._tell(words())
