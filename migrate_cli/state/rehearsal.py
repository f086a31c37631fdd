"""A rehearsal is not the migration: it has its own state file, next to the migration's. Writes nothing."""

from __future__ import annotations

from pathlib import Path

from migrate_cli.errors import MigrateError
from migrate_cli.state.reader import StateReader
from migrate_cli.state.setup import SANDBOX

__all__ = ["SANDBOX", "beside", "is_rehearsal", "of_rehearsal"]


def beside(state: Path) -> Path:
    """Return the state file of the rehearsal: `migration.db` has `migration.rehearsal.db`."""
    return state.with_name(f"{state.stem}.rehearsal{state.suffix}")


def is_rehearsal(state: Path) -> bool:
    """Whether a state file records a rehearsal; one that is not there, or cannot be read, records nothing."""
    if not state.is_file():
        return False
    try:
        with StateReader(state) as reader:
            return reader.setup().get("target.base_url") == SANDBOX
    except MigrateError:
        return False


def of_rehearsal(state: Path) -> Path:
    """Return the file of the rehearsal where this one is named: itself, if it is one already."""
    return state if is_rehearsal(state) else beside(state)
