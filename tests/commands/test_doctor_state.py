"""`doctor` looks into the state file: what agrees, what does not, and what to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


def state_of(cli: Cli, export: Path, state: str = "migration.db", *more: str) -> dict[str, Any]:
    result = cli("doctor", export, "--state", state, "--output", "json", *more).json
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
    assert "2 threads record a number of items" in found["detail"]
    assert ".bak" in found["next"]


def test_no_state_file_yet_is_well_and_none_is_made(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    found = state_of(cli, write_export(tmp_path / "export", [2]))
    assert (found["verdict"], found["exit_code"]) == ("ok", 0)
    assert found["detail"] == "there is no migration.db yet; the first apply starts it"
    assert not Path("migration.db").exists()


def test_a_sound_state_file_is_told_with_what_it_knows(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2, 30])
    cli("apply", export)
    assert state_of(cli, export)["detail"] == "migration.db knows 2 threads (2 loaded)"


def test_a_folder_in_its_place_is_a_failure(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    Path("folder.db").mkdir()
    found = state_of(cli, write_export(tmp_path / "export", [2]), "folder.db")
    assert (found["verdict"], found["exit_code"]) == ("failure", 10)
    assert "folder.db is a folder" in found["detail"]
    assert "never made anew" in found["next"]


def test_a_state_file_in_no_folder_is_a_failure(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    found = state_of(cli, write_export(tmp_path / "export", [2]), "nowhere/migration.db")
    assert (found["verdict"], found["exit_code"]) == ("failure", 10)
    assert "nowhere" in found["detail"]


def test_a_rehearsal_is_no_state_for_the_migration_but_can_be_looked_at_as_one(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2])
    cli("apply", export, "--target", "sandbox", "--state", "migration.db")
    found = state_of(cli, export)
    assert (found["verdict"], found["exit_code"]) == ("failure", 10)
    assert found["detail"] == "migration.db is the state file of a rehearsal, in the sandbox"
    assert "doctor --rehearsal" in found["next"]
    assert state_of(cli, export, "migration.db", "--target", "sandbox")["verdict"] == "ok"


def test_a_broken_file_is_a_failure_and_keeps_its_bytes(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2, 30])
    cli("apply", export)
    whole = Path("migration.db").read_bytes()
    broken = whole[:100] + b"\xff" * (len(whole) - 100)
    for beside in (".bak", ".map.jsonl"):
        Path(f"migration.db{beside}").unlink(missing_ok=True)
    Path("migration.db").write_bytes(broken)
    found = state_of(cli, export)
    assert (found["verdict"], found["exit_code"]) == ("failure", 10)
    assert Path("migration.db").read_bytes() == broken


def test_a_lost_state_file_beside_its_copy_is_a_warning_that_apply_restores_it(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2, 30])
    cli("apply", export)
    Path("migration.db").unlink()
    found = state_of(cli, export)
    assert (found["verdict"], found["exit_code"]) == ("warning", 0)
    assert found["detail"].startswith("the next apply says: ")
    assert "apply does so before anything else: migrate-cli apply" in found["next"]
    assert not Path("migration.db").exists()


def test_threads_that_wait_for_a_person_are_a_warning_that_says_where_they_are_listed(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [2, 3])
    refuses = SandboxOptions(faults=plan_from_specs([f"append:poison:text={thread_id(2)}"]))
    with EmbeddedSandbox(tmp_path / "target.db", refuses) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
        cli("apply", export)
        found = state_of(cli, export)
    assert (found["verdict"], found["exit_code"]) == ("warning", 0)
    assert found["detail"] == "migration.db knows 2 threads (1 failed, 1 loaded)"
    assert "migrate-cli status" in found["next"]
