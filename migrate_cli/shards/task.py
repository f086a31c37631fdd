"""One shard as a task: how its process is started, and how it ended. Values only, so that they can be pickled.

They must not hold a key: the process takes keys from the environment, or the `.env`, of the machine that it runs on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from migrate_cli.errors import ExitCode
from migrate_cli.model import JsonObject


@dataclass(frozen=True, slots=True)
class ShardTask:
    """The `apply` of one shard, as a command line."""

    index: int
    """From 1."""
    total: int
    arguments: tuple[str, ...]
    """Of migrate-cli, beginning with `apply`."""
    folder: str
    """Where it runs; relative paths in the arguments and in settings files begin there."""
    environment: dict[str, str] = field(default_factory=dict)
    """Variables on top of those of the machine that it runs on."""
    stop_file: str | None = None
    """A file whose size says how often somebody asked all shards to stop; for engines that pass no signals on."""

    def __str__(self) -> str:
        return f"{self.index}/{self.total}"


@dataclass(frozen=True, slots=True)
class ShardEnd:
    """How one shard ended."""

    index: int
    envelope: JsonObject | None
    """What its last process printed; None where that was killed before it could."""
    began: float = 0.0
    """Seconds from the start of the whole run; 0 where the engine does not tell."""
    attempts: int = 1
    problem: str | None = None
    """Why there is no envelope: one sentence."""

    @property
    def exit_code(self) -> ExitCode:
        """The code of the shard. One that is killed again and again is unfinished, and can be resumed."""
        return ExitCode.TEMPORARY if self.envelope is None else ExitCode(self.envelope["exit_code"])


WORST_FIRST = (
    ExitCode.UNEXPECTED,
    ExitCode.STATE,
    ExitCode.AUTH,
    ExitCode.USAGE,
    ExitCode.TEMPORARY,
    ExitCode.INTERRUPTED,
    ExitCode.PARTIAL,
    ExitCode.OK,
)
"""The code of all shards together is the first of these that one of them has: a bug, then what somebody must fix, then
what only has to be run again, then what is done except for some threads."""
FATAL = frozenset(WORST_FIRST[:5])
"""What would end the other shards too, or makes their work useless: they are asked to stop."""


def worst(codes: list[ExitCode]) -> ExitCode:
    """Return the exit code of a run whose shards ended with these."""
    return next((code for code in WORST_FIRST if code in codes), ExitCode.OK)
