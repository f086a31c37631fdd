"""`status --watch`: looking on while a run is at work."""

from __future__ import annotations

from pathlib import Path

from migrate_cli.commands.status import watch
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.settings.model import load_settings
from migrate_cli.state.store import StateStore

from support.exports import write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


def test_it_looks_for_as_long_as_a_process_holds_the_state_file(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    cli("apply", write_export(tmp_path / "export", [2]))
    store = StateStore.open(tmp_path / "migration.db", command="migrate-cli apply")
    looks: list[object] = []

    def end_after_the_second_look(_seconds: float) -> None:
        if len(looks) == 2:
            store.close()

    for result in watch(load_settings(), sleep=end_after_the_second_look):
        looks.append(result.data["running"])
    assert [running is None for running in looks] == [False, False, True]


def test_without_a_run_it_shows_once_and_ends(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    cli("apply", write_export(tmp_path / "export", [2]))
    outcome = cli("status", "--watch")
    assert outcome.code == 0
    assert outcome.out.count("Threads") == 1
