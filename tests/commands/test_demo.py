"""`demo`: what a newcomer sees first."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from migrate_cli.commands import demo

from support.printed import arguments

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


def test_the_demo_migrates_the_bundled_exports_and_says_what_to_do_next(cli: Cli) -> None:
    outcome = cli("demo")
    assert outcome.code == 0
    for step in ("1. Plan", "2. Apply", "3. Apply again", "4. Verify", "5. Status", "6. Map", "7. Replay"):
        assert step in outcome.out
    assert "Nothing was sent: everything is already there" in " ".join(outcome.out.split())
    assert "migrate-cli plan ./export" in outcome.out


def test_the_demo_as_json_is_one_object_with_every_step(cli: Cli) -> None:
    outcome = cli("demo", "--output", "json")
    assert outcome.code == 0
    steps = outcome.json["data"]["steps"]
    assert [step["command"] for step in steps][:3] == ["plan", "apply", "apply"]
    applied, again = steps[1]["data"], steps[2]["data"]
    assert applied["threads"]["loaded"] > 0
    assert again["writes"] == 0


def test_a_folder_that_takes_no_files_ends_the_demo_in_one_sentence(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "taken" / "migration.rehearsal.db").mkdir(parents=True)
    for folder in ("file", "file/below", "taken"):
        outcome = cli("demo", "--folder", folder)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith(f"migrate-cli: the demo cannot keep its files in {folder}: ")
        assert outcome.err.endswith("name another folder with --folder\n")
        assert outcome.err.count("\n") == 1


def test_another_install_goes_on_in_the_same_folder(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("demo", "--quiet").code == 0
    elsewhere = tmp_path / "other install" / "_fixtures"
    shutil.copytree(demo.fixtures(), elsewhere)
    monkeypatch.setattr(demo, "fixtures", lambda: elsewhere)
    outcome = cli("demo", "--output", "json")
    assert outcome.code == 0
    assert [step["data"].get("writes") for step in outcome.json["data"]["steps"]][1:3] == [0, 0]


def test_a_folder_that_a_newer_version_wrote_ends_the_demo_in_one_sentence(cli: Cli) -> None:
    cli("demo", "--quiet")
    with closing(sqlite3.connect("demo/migration.rehearsal.db")) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('migrate-cli', 'm999', '')"
        )
    outcome = cli("demo")
    assert outcome.code == 10
    assert "newer migrate-cli" in outcome.err
    assert "Traceback" not in outcome.err


def test_every_command_that_the_demo_shows_can_be_typed_again(cli: Cli) -> None:
    shown = [line.strip().removeprefix("$ ") for line in cli("demo").out.splitlines() if line.strip().startswith("$ ")]
    assert len(shown) == 7
    for line in shown:
        outcome = cli(*arguments(line))
        assert outcome.code == 0, f"{line}: {outcome.err}"
