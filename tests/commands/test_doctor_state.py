"""`doctor` looks into the state file: what agrees, what does not, and what to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


def state_of(cli: Cli, export: Path) -> dict[str, Any]:
    result = cli("doctor", export, "--state", "migration.db", "--output", "json").json
    [check] = [check for check in result["data"]["checks"] if check["check"] == "state"]
    return {**check, "exit_code": result["exit_code"]}


def test_a_sound_state_file_is_well(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2, 30])
    cli("apply", export)
    found = state_of(cli, export)
    assert (found["verdict"], found["exit_code"]) == ("ok", 0)


def test_counts_that_do_not_agree_are_a_failure_with_a_way_on(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2, 30])
    cli("apply", export)
    with closing(sqlite3.connect("migration.db")) as db, db:
        db.execute("DELETE FROM item WHERE idx = 1")
    found = state_of(cli, export)
    assert (found["verdict"], found["exit_code"]) == ("failure", 10)
    assert "2 threads say another number of items" in found["detail"]
    assert ".bak" in found["next"]
