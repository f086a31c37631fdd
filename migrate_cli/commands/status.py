"""`migrate-cli status`: where the migration stands, read from the state file without its lock."""

from __future__ import annotations

from migrate_cli.model import Result
from migrate_cli.settings import Settings
from migrate_cli.state.reader import StateReader


def status(settings: Settings) -> Result:
    """Summarise the state file. Raises UsageError when there is none."""
    with StateReader(settings.state) as reader:
        return Result("status", reader.summary())
