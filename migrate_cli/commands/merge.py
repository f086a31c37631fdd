"""`migrate-cli merge`: merges the state files of shards into one, and the sandboxes of a rehearsal too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from migrate_cli.model import Result
from migrate_cli.report.status import command_options
from migrate_cli.settings.model import Settings
from migrate_cli.state import merge as states
from migrate_cli.state.rehearsal import SANDBOX
from migrate_cli.state.setup import SOURCE


def merge(settings: Settings, inputs: Sequence[Path], *, any_source: bool = False) -> Result:
    """Join state files into the one of the settings. Raises MigrateError, and then the destination is as it was."""
    merged = states.merge(inputs, settings.state, any_source=any_source)
    result = merged.result()
    if merged.setup.get("target.base_url") == SANDBOX:
        _join_sandboxes(merged)
    if merged.missing:
        return result
    # Shards of several sources have none that one command could name.
    setup = {name: value for name, value in merged.setup.items() if not (any_source and name == SOURCE)}
    options = command_options(setup, str(settings.state))
    result.data["next"] = [f"Compare every conversation with its source: migrate-cli verify{options}"]
    return result


def _join_sandboxes(merged: states.Merged) -> None:
    """Each shard of a rehearsal had a sandbox of its own, unless all were given one."""
    parts = [_sandbox_of(path) for path in merged.inputs]
    parts = [path for path in parts if path.is_file()]
    if parts:
        from migrate_cli.sandbox.join import join_sandboxes  # noqa: PLC0415 - for rehearsals only

        join_sandboxes(parts, _sandbox_of(merged.into))


def _sandbox_of(state: Path) -> Path:
    return state.with_name(state.name + ".sandbox")
