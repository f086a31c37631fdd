"""What one look of the doctor found, as a value. It must not look at anything itself."""

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
    """All is well."""
    return Check(name, CheckVerdict.OK, detail)


def warning(name: str, detail: str, next_step: str) -> Check:
    """It works, with a reservation."""
    return Check(name, CheckVerdict.WARNING, detail, next_step)


def failure(name: str, detail: str, next_step: str, code: ExitCode) -> Check:
    """It does not work."""
    return Check(name, CheckVerdict.FAILURE, detail, next_step, code)


def failed(name: str, error: MigrateError, next_step: str) -> Check:
    """The check that a raised error becomes."""
    return failure(name, str(error), next_step, error.exit_code)


def worst(checks: list[Check]) -> ExitCode:
    """The exit code of all checks together: the highest of the failures' codes."""
    return ExitCode(max((check.exit_code for check in checks), default=ExitCode.OK))
