"""The rules of `plan --check`: which findings, and how many dropped parts, make it fail. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from migrate_cli.convert.text import counted
from migrate_cli.errors import UsageError, closest
from migrate_cli.findings import CATALOGUE
from migrate_cli.model import Ledger, Problem, Severity

_SEVERITIES = {
    "error": frozenset({Severity.ERROR}),
    "warning": frozenset({Severity.ERROR, Severity.WARNING}),
}
"""What each word of `--fail-on` stands for: a warning is never worse than an error."""


@dataclass(frozen=True, slots=True)
class MostDropped:
    """The limit of `--max-dropped`: a number of parts, or a share of all that were read."""

    text: str
    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> MostDropped:
        """Read `N` or `P%`. Raises UsageError."""
        number = text.strip()
        if re.fullmatch(r"[0-9]+", number):
            return cls(number, count=int(number))
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?%", number) and float(number[:-1]) <= 100:
            return cls(number, percent=float(number[:-1]))
        raise UsageError(f"--max-dropped takes a number of parts or a share, such as 10 or 0.5%, not {text}")

    def broken_by(self, parts: Ledger) -> bool:
        """Whether more is dropped than may be."""
        if self.count is not None:
            return parts.dropped > self.count
        return parts.dropped * 100 > (self.percent or 0) * parts.read


@dataclass(frozen=True, slots=True)
class PlanGate:
    """What `plan --check` asks."""

    fail_on: str
    codes: frozenset[str]
    """Every code that must not be met."""
    most_dropped: MostDropped | None = None

    @classmethod
    def parse(cls, fail_on: str | None, max_dropped: str | None) -> PlanGate:
        """Read `--fail-on` (default `error`) and `--max-dropped`. Raises UsageError."""
        words = [word.strip() for word in (fail_on or "error").split(",") if word.strip()]
        if not words:
            raise UsageError("--fail-on takes error, warning, or finding codes separated by commas")
        codes = frozenset(code for word in words for code in _codes_of(word))
        return cls(",".join(words), codes, None if max_dropped is None else MostDropped.parse(max_dropped))

    def blocking(self, found: Mapping[str, int]) -> list[str]:
        """Return the codes met that must not be met, sorted."""
        return sorted(code for code, count in found.items() if count and code in self.codes)

    def problems(self, found: Mapping[str, int], parts: Ledger) -> list[Problem]:
        """Return one entry for each broken rule; none means that the check passes."""
        broken = [
            Problem(
                code,
                f"The check fails: {counted(found[code], 'finding')} of {code} ({CATALOGUE[code].severity.value}), "
                f"which --fail-on {self.fail_on} does not allow.",
            )
            for code in self.blocking(found)
        ]
        if self.most_dropped is not None and self.most_dropped.broken_by(parts):
            broken.append(
                Problem(
                    "too-many-dropped",
                    f"The check fails: {parts.dropped:,} of {parts.read:,} parts would be dropped, "
                    f"which --max-dropped {self.most_dropped.text} does not allow.",
                )
            )
        return broken


def _codes_of(word: str) -> frozenset[str]:
    severities = _SEVERITIES.get(word)
    if severities is not None:
        return frozenset(code for code, entry in CATALOGUE.items() if entry.severity in severities)
    if word in CATALOGUE:
        return frozenset({word})
    near = closest(word, [*_SEVERITIES, *CATALOGUE], cutoff=0.0)
    raise UsageError(
        f"--fail-on takes error, warning or finding codes, and {word} is none of them; did you mean {near}?"
    )
