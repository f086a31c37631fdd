"""A state file that is not as it was left: refused or survived with one sentence, and nothing is doubled."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import texts_of, thread_id, write_export

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures


@pytest.fixture
def export(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> Path:
    """An export that was migrated."""
    export = write_export(tmp_path / "export", [3, 45])
    assert cli("apply", export).code == 0
    return export


def unchanged(export: Path, target: EmbeddedSandbox) -> bool:
    return conversations(target.data) == {thread_id(n): texts_of(export, thread_id(n)) for n in (1, 2)}


def one_sentence(text: str) -> bool:
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text


def test_a_state_file_that_was_carried_to_another_place_goes_on_there(
    cli: Cli, export: Path, target: EmbeddedSandbox
) -> None:
    elsewhere = Path("elsewhere")
    elsewhere.mkdir()
    shutil.copy("migration.db", elsewhere / "migration.db")
    result = cli("apply", export, "--state", elsewhere / "migration.db", "--output", "json").json
    assert (result["exit_code"], result["data"]["writes"]) == (0, 0)
    assert unchanged(export, target)


def test_a_damaged_state_file_is_refused_and_its_backup_brings_it_back(
    cli: Cli, export: Path, target: EmbeddedSandbox
) -> None:
    file = Path("migration.db")
    file.write_bytes(b"\xff" * 8192 + file.read_bytes()[8192:])
    outcome = cli("apply", export)
    assert outcome.code == 10
    assert one_sentence(outcome.err)
    assert "migration.db.bak" in outcome.err
    shutil.copy("migration.db.bak", "migration.db")
    assert cli("apply", export).code == 0
    assert unchanged(export, target)


def test_a_state_file_of_a_newer_version_is_refused(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    with closing(sqlite3.connect("migration.db")) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('migrate-cli', 'm999_next', '')"
        )
        db.execute("PRAGMA user_version = 999")
    for command in (("apply", export), ("status",), ("undo", "--all", "--yes"), ("resolve", thread_id(1))):
        outcome = cli(*command)
        assert outcome.code == 10
        assert "newer" in outcome.err
    assert unchanged(export, target)


def test_a_conversion_that_is_set_otherwise_is_refused_and_named(
    cli: Cli, export: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__TIMESTAMPS", "prefix")
    outcome = cli("apply", export)
    assert outcome.code == 10
    assert "convert.timestamps was none and is now prefix" in outcome.err
    assert unchanged(export, target)


@pytest.mark.parametrize("hours", [-48, 48])
def test_a_clock_that_was_set_otherwise_changes_nothing(
    cli: Cli, export: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    with closing(sqlite3.connect("migration.db")) as db, db:
        db.execute("UPDATE thread SET state = 'loading', updated_at = updated_at + ?", (hours * 3600,))
        db.execute("UPDATE run SET started_at = started_at + ?", (hours * 3600,))
    assert cli("apply", export).code == 0
    assert unchanged(export, target)


def test_a_backup_from_the_middle_of_a_run_is_caught_up_from_the_target(
    cli: Cli, export: Path, target: EmbeddedSandbox
) -> None:
    with closing(sqlite3.connect("migration.db")) as db, db:
        db.execute("DELETE FROM item WHERE thread = 2 AND idx >= 20")
        db.execute("UPDATE thread SET state = 'loading', position = 20 WHERE key = 2")
    result = cli("apply", export, "--output", "json").json
    assert (result["exit_code"], result["data"]["writes"]) == (0, 0)
    assert unchanged(export, target)


def test_a_list_of_ids_alone_is_enough_to_find_every_conversation_again(
    cli: Cli, export: Path, target: EmbeddedSandbox
) -> None:
    for name in ("migration.db", "migration.db.bak"):
        Path(name).unlink()
    result = cli("apply", export, "--output", "json").json
    assert (result["exit_code"], result["data"]["writes"]) == (0, 0)
    assert unchanged(export, target)
