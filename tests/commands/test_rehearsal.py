"""A rehearsal is not the migration: it keeps a state file of its own, and whatever reads that says so first."""

from __future__ import annotations

import csv
import io
import json
import shlex
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from migrate_cli.migrator import Migrator
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.state.rehearsal import beside, is_rehearsal

from support.exports import thread_id, write_export

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures

REHEARSAL = "migration.rehearsal.db"


@pytest.fixture
def rehearsed(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export that was rehearsed, and that the settings name."""
    export = write_export(tmp_path / "export", [2, 3])
    monkeypatch.setenv("MIGRATE_SOURCE__PATH", str(export))
    assert cli("apply", export, "--target", "sandbox").code == 0
    return export


def proposed(text: str) -> list[str]:
    """The commands that a text proposes, each on one line."""
    return ["migrate-cli" + part for part in " ".join(text.split()).split("migrate-cli")[1:]]


def test_a_rehearsal_and_then_the_migration_both_load_everything(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, rehearsed: Path
) -> None:
    assert is_rehearsal(tmp_path / REHEARSAL)
    assert not (tmp_path / "migration.db").exists()
    assert not conversations(target.data)
    assert cli("apply", rehearsed).code == 0
    assert len(conversations(target.data)) == 2
    assert not is_rehearsal(tmp_path / "migration.db")
    again = cli("apply", rehearsed, "--target", "sandbox", "--output", "json").json
    assert again["data"]["writes"] == 0
    assert cli("verify", rehearsed, "--target", "sandbox").code == 0
    assert cli("verify", rehearsed).code == 0


@pytest.mark.parametrize("named", [(), ("--state", "other.db")], ids=["the usual state file", "one that is named"])
def test_what_plan_proposes_can_be_done_in_that_order(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, named: tuple[str, ...]
) -> None:
    export = write_export(tmp_path / "export", [2, 3])
    told = cli("plan", export, "--output", "markdown", *named).out
    commands = [line.split("`migrate-cli ")[1].rstrip("`") for line in told.splitlines() if "migrate-cli apply" in line]
    assert len(commands) == 2
    for command in commands:
        assert cli(*shlex.split(command.replace("\\", ""))).code == 0, command
    assert len(conversations(target.data)) == 2


COMMANDS = [
    ("status", "--rehearsal"),
    ("map", "ids", thread_id(1), "--rehearsal"),
    ("report", "--rehearsal"),
    ("report", "--list", "--rehearsal"),
    ("doctor", "--rehearsal"),
    ("verify", "export", "--target", "sandbox"),
    ("apply", "export", "--target", "sandbox"),
    ("resolve", thread_id(1), "--rehearsal"),
    ("undo", "--all", "--dry-run", "--rehearsal"),
    ("undo", "--all", "--yes", "--rehearsal"),
    ("status", "--state", REHEARSAL),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_that_reads_it_says_so_first(cli: Cli, rehearsed: Path, command: tuple[str, ...]) -> None:
    assert rehearsed.is_dir()
    assert cli(*command, "--output", "json").json["data"]["rehearsal"] is True
    for form in ("text", "markdown"):
        first = cli(*command, "--output", form).out.splitlines()[0]
        assert "Rehearsal: all of this is in the embedded sandbox" in first
    assert "Rehearsal: all of this" in cli(*command, "--output", "html").out
    suite = ET.fromstring(cli(*command, "--output", "junit").out)
    assert [one.get("value") for one in suite.iter("property") if one.get("name") == "rehearsal"] == ["true"]


@pytest.mark.parametrize(
    "command", [("status",), ("report",), ("map", "ids", thread_id(1)), ("doctor",), ("apply", "export")]
)
def test_no_command_says_so_of_a_migration(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, command: tuple[str, ...]
) -> None:
    assert target
    cli("apply", write_export(tmp_path / "export", [2]))
    assert "rehearsal" not in cli(*command, "--output", "json").json["data"]
    assert "Rehearsal" not in cli(*command).out


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "sql"])
def test_the_map_of_a_rehearsal_is_written_only_where_it_is_meant(cli: Cli, rehearsed: Path, form: str) -> None:
    assert rehearsed
    refused = cli("map", "export", "--format", form, "--state", REHEARSAL)
    assert (refused.code, refused.out) == (2, "")
    assert "add --rehearsal" in refused.err
    written = cli("map", "export", "--format", form, "--rehearsal")
    assert written.code == 0
    assert f"{REHEARSAL} belongs to a rehearsal" in written.err
    assert "ehearsal" not in written.out
    assert thread_id(1) in written.out
    if form == "csv":
        assert len(list(csv.DictReader(io.StringIO(written.out)))) == 2
    assert cli("map", "export", "--format", form, "--state", REHEARSAL, "--rehearsal").out == written.out


def test_a_table_of_ones_own_gets_no_ids_of_a_rehearsal_by_mistake(cli: Cli, rehearsed: Path) -> None:
    assert rehearsed
    options = ("--to-sql", "--url", "sqlite:///app.db", "--table", "chats", "--thread-column", "id", "--yes")
    refused = cli("map", "export", *options, "--state", REHEARSAL)
    assert refused.code == 2
    assert "add --rehearsal" in refused.err


def test_without_a_migration_the_rehearsal_is_pointed_out(cli: Cli, rehearsed: Path) -> None:
    assert rehearsed
    outcome = cli("status")
    assert outcome.code == 2
    assert f"there is one of a rehearsal, {REHEARSAL}" in outcome.err
    assert "--rehearsal" in outcome.err


def test_a_state_file_that_is_named_is_the_one_of_the_rehearsal(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2])
    assert cli("apply", export, "--target", "sandbox", "--state", "mine.db").code == 0
    assert is_rehearsal(tmp_path / "mine.db")
    assert cli("verify", export, "--target", "sandbox", "--state", "mine.db").code == 0
    assert cli("status", "--rehearsal", "--state", "mine.db").out.startswith("Rehearsal")


def test_a_rehearsal_of_a_named_migration_lies_beside_it(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    assert target
    export = write_export(tmp_path / "export", [2])
    cli("apply", export, "--state", "mine.db")
    cli("apply", export, "--target", "sandbox", "--state", "mine.rehearsal.db")
    data = cli("status", "--rehearsal", "--state", "mine.db", "--output", "json").json["data"]
    assert (data["rehearsal"], data["state"]) == (True, "mine.rehearsal.db")
    refused = cli("apply", export, "--target", "sandbox", "--state", "mine.db")
    assert refused.code == 10
    assert "a rehearsal has its own state file" in refused.err


def test_a_state_file_of_the_settings_has_its_rehearsal_beside_it(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    assert target
    (tmp_path / "migration.yaml").write_text("state: data.sqlite\n")
    export = write_export(tmp_path / "export", [2])
    assert cli("apply", export, "--target", "sandbox").code == 0
    assert is_rehearsal(tmp_path / "data.rehearsal.sqlite")
    assert cli("apply", export).code == 0
    assert cli("status", "--rehearsal", "--output", "json").json["data"]["rehearsal"] is True


def test_an_older_rehearsal_under_the_name_of_the_migration_is_not_mistaken_for_it(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    assert target
    export = write_export(tmp_path / "export", [2])
    cli("apply", export, "--target", "sandbox", "--state", "migration.db")
    looked = cli("doctor", export, "--output", "json")
    assert looked.code == 10
    assert looked.json["data"]["rehearsal"] is True
    assert "Rehearsal" in cli("status").out.splitlines()[0]
    refused = cli("apply", export)
    assert refused.code == 10
    assert "state file of a rehearsal in the sandbox, and nothing in it is at the target" in refused.err
    assert "the migration loads every thread" in refused.err
    assert cli("apply", export, "--target", "sandbox", "--output", "json").json["data"]["writes"] == 0


def test_steps_that_a_rehearsal_proposes_stay_with_it(cli: Cli, tmp_path: Path, rehearsed: Path) -> None:
    for command in (("status", "--rehearsal"), ("apply", rehearsed, "--target", "sandbox")):
        step = next(step for step in proposed(cli(*command).out) if "migrate-cli report" not in step)
        assert step.startswith("migrate-cli verify")
        assert "--target sandbox" in step
        assert "--state" not in step
    told = cli("resolve", thread_id(1), "--restart", "--rehearsal").out
    assert any(step.startswith(f"migrate-cli apply {rehearsed} --target sandbox") for step in proposed(told))
    shown = cli("resolve", thread_id(2), "--rehearsal").out
    resolves = [step for step in proposed(shown) if step.startswith(f"migrate-cli resolve {thread_id(2)}")]
    assert len(resolves) >= 3
    assert all(f"--state {REHEARSAL}" in step for step in resolves)
    assert cli("apply", rehearsed, "--target", "sandbox").code == 0
    assert sorted(tmp_path.glob("migration.db*")) == []


def test_undo_of_a_rehearsal_leaves_the_migration_alone(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, rehearsed: Path
) -> None:
    cli("apply", rehearsed)
    assert cli("undo", "--all", "--yes", "--rehearsal").code == 0
    assert len(conversations(target.data)) == 2
    assert cli("status", "--rehearsal", "--output", "json").json["data"]["threads"] == {"undone": 2}
    assert cli("status", "--output", "json").json["data"]["threads"] == {"loaded": 2}
    assert beside(tmp_path / "migration.db") == tmp_path / REHEARSAL


def test_an_application_that_rehearses_keeps_to_the_rehearsal(tmp_path: Path, cli: Cli, rehearsed: Path) -> None:
    (row,) = cli("map", "ids", thread_id(1), "--rehearsal", "--output", "json").json["data"]["rows"]
    with Migrator(source={"path": str(rehearsed)}, sandbox=True) as migrator:
        assert migrator.ensure(thread_id(1)) == row["conversation_id"]
    assert not (tmp_path / "migration.db").exists()


def test_shards_of_a_rehearsal_keep_states_of_their_own(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2, 3, 4])
    for number in (1, 2):
        cli("apply", export, "--target", "sandbox", "--shard", f"{number}/2")
    parts = sorted(tmp_path.glob("migration.rehearsal-*of2.db"))
    assert [part.name for part in parts] == ["migration.rehearsal-1of2.db", "migration.rehearsal-2of2.db"]
    assert cli("merge", *parts, "--state", REHEARSAL).code == 0
    assert cli("verify", export, "--target", "sandbox").code == 0


def test_the_report_of_a_rehearsal_in_a_file_says_so(cli: Cli, tmp_path: Path, rehearsed: Path) -> None:
    cli("apply", rehearsed, "--target", "sandbox", "--report", "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["data"]["rehearsal"] is True


@pytest.mark.parametrize("command", ["apply", "verify", "replay", "doctor"])
def test_a_rehearsal_that_is_refused_leaves_nothing_beside_the_migration(
    command: str, cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2])
    assert cli("apply", export).code == 0
    suite = tmp_path / "suite.yaml"
    suite.write_text("model: gpt-5.4-mini\ncases: [{id: one, input: hello}]\n")
    before = {file.name for file in tmp_path.iterdir()}
    named = suite if command == "replay" else export
    refused = cli(command, named, "--target", "sandbox", "--state", "migration.db")
    assert refused.code != 0
    left = {file.name for file in tmp_path.iterdir()} - before
    assert not [name for name in left if "sandbox" in name]
