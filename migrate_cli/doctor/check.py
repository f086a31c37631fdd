"""The result of one check, and one fact about a live target, as values. It must not inspect anything itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migrate_cli.errors import ExitCode, MigrateError
from migrate_cli.model import JsonObject


class CheckVerdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """The migration can run; read the next step first."""
    FAILURE = "failure"
    """`apply` would stop here."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report."""

    name: str
    verdict: CheckVerdict
    detail: str
    """One sentence: what was found."""
    next: str | None = None
    """What to do about it; every warning and failure has one."""
    exit_code: ExitCode = ExitCode.OK
    """Of a failure: the code that `apply` would end with."""

    def as_dict(self) -> JsonObject:
        """The line as JSON."""
        return {"check": self.name, "verdict": self.verdict.value, "detail": self.detail, "next": self.next}


def ok(name: str, detail: str) -> Check:
    """A check that passed."""
    return Check(name, CheckVerdict.OK, detail)


def warning(name: str, detail: str, next_step: str) -> Check:
    """A check that passed with a reservation."""
    return Check(name, CheckVerdict.WARNING, detail, next_step)


def failure(name: str, detail: str, next_step: str, code: ExitCode) -> Check:
    """A check that failed, and the exit code that `apply` would end with."""
    return Check(name, CheckVerdict.FAILURE, detail, next_step, code)


def failed(name: str, error: MigrateError, next_step: str) -> Check:
    """The check that a raised error becomes."""
    return failure(name, str(error), next_step, error.exit_code)


def worst(checks: list[Check]) -> ExitCode:
    """The exit code of all checks together: the highest of the failures' codes."""
    return ExitCode(max((check.exit_code for check in checks), default=ExitCode.OK))


@dataclass(frozen=True, slots=True)
class Fact:
    """One observed behaviour of the target."""

    name: str
    answer: str
    """One word, stable, for programs."""
    detail: str
    next: str | None = None
    verdict: CheckVerdict = CheckVerdict.OK

    def as_dict(self) -> JsonObject:
        """The fact as JSON."""
        return {"fact": self.name, "answer": self.answer, "detail": self.detail, "next": self.next}

    def as_check(self) -> Check | None:
        """The check that this fact adds to the report; None unless somebody has to act on it."""
        if self.verdict is CheckVerdict.OK or self.next is None:
            return None
        if self.verdict is CheckVerdict.WARNING:
            return warning(f"live {self.name}", self.detail, self.next)
        return failure(f"live {self.name}", self.detail, self.next, ExitCode.PARTIAL)
