"""One thing that a target does, as a value, and the line that it adds to the doctor's checks."""

from __future__ import annotations

from dataclasses import dataclass

from migrate_cli.doctor.check import Check, CheckVerdict, failure, warning
from migrate_cli.errors import ExitCode
from migrate_cli.model import JsonObject


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that the target does."""

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
        """The line that it adds to the checks: only what needs somebody's attention."""
        if self.verdict is CheckVerdict.OK or self.next is None:
            return None
        if self.verdict is CheckVerdict.WARNING:
            return warning(f"live {self.name}", self.detail, self.next)
        return failure(f"live {self.name}", self.detail, self.next, ExitCode.PARTIAL)
