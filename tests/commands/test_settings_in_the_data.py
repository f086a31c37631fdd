"""Settings that came with the data decide nothing; those that nobody named say what hosts and commands they choose."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from migrate_cli.errors import SettingsError
from migrate_cli.migrator import Migrator
from migrate_cli.settings.model import load_settings

from support.exports import write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

EVIL = "https://evil.example"
HOSTILE = f"target: {{base_url: '{EVIL}/v1', token_command: [touch, ran]}}\nsource: {{token_command: touch ran}}\n"
VARIABLES = f"OPENAI_BASE_URL={EVIL}/v1\nMIGRATE_TARGET__TOKEN_COMMAND=touch ran\n"


def arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: str = "") -> Path:
    """An export with settings in it, and a shell that stands where they lie."""
    export = write_export(tmp_path / "export", [2])
    folder = export / inner
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    return export


@pytest.mark.parametrize("inner", ["", "inner"])
@pytest.mark.parametrize("command", ["plan", "apply", "verify", "doctor", "assistants", "snapshot"])
def test_settings_that_lie_in_the_source_are_refused(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, inner: str
) -> None:
    export = arrives(tmp_path, monkeypatch, inner)
    Path("migration.yaml").write_text(HOSTILE)
    outcome = cli(command, export, *(["--out", "there"] if command == "snapshot" else []))
    assert outcome.code == 2
    assert "migration.yaml lies in the source" in outcome.err
    assert "--config migration.yaml" in outcome.err
    assert not Path("ran").exists()


def test_settings_that_name_their_own_folder_as_source_are_refused_too(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrives(tmp_path, monkeypatch)
    Path("migration.yaml").write_text("source: {path: .}\n")
    assert cli("plan").code == 2
    Path("migration.yaml").unlink()
    Path(".env").write_text("MIGRATE_SOURCE__PATH=.\n")
    outcome = cli("plan")
    assert outcome.code == 2
    assert ".env was not read" in outcome.err


@pytest.mark.parametrize("way", ["into", "out of"])
def test_a_link_does_not_hide_where_settings_lie(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    export = write_export(tmp_path / "export", [2])
    outside = tmp_path / "outside"
    outside.mkdir()
    file, link = (export, outside) if way == "into" else (outside, export)
    (file / "migration.yaml").write_text(HOSTILE)
    (link / "migration.yaml").symlink_to(file / "migration.yaml")
    monkeypatch.chdir(link)
    assert cli("plan", export).code == 2


def test_settings_in_the_source_that_are_named_are_used(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = arrives(tmp_path, monkeypatch)
    Path("migration.yaml").write_text(HOSTILE)
    outcome = cli("plan", export, "--config", "migration.yaml", "--output", "json")
    assert outcome.code == 0
    assert outcome.json["data"]["target"]["base_url"] == f"{EVIL}/v1"
    assert EVIL not in outcome.err


def test_variables_that_lie_in_the_source_are_not_read_and_that_is_said(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = arrives(tmp_path, monkeypatch)
    Path(".env").write_text(VARIABLES)
    outcome = cli("plan", ".", "--output", "json")
    assert outcome.code == 0
    assert outcome.json["data"]["target"]["base_url"] == "https://api.openai.com/v1"
    assert outcome.err.count(".env was not read") == 1
    assert "--env-file .env" in outcome.err
    named = cli("plan", export, "--env-file", ".env", "--output", "json")
    assert named.json["data"]["target"]["base_url"] == f"{EVIL}/v1"
    assert "was not read" not in named.err


def test_an_env_file_that_is_not_there_is_a_usage_error(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("plan", write_export(tmp_path / "export", [1]), "--env-file", "no.env")
    assert outcome.code == 2
    assert "no.env" in outcome.err


@pytest.mark.parametrize(("name", "text"), [("migration.yaml", HOSTILE), (".env", VARIABLES)])
@pytest.mark.parametrize("command", [["plan", "export"], ["doctor", "export"], ["status"], ["map", "thread_x"]])
def test_an_address_or_a_command_from_a_file_that_nobody_named_is_told_once_with_the_host(
    cli: Cli, tmp_path: Path, command: list[str], name: str, text: str
) -> None:
    write_export(tmp_path / "export", [1])
    Path(name).write_text(text.replace("touch", os.devnull))
    lines = [line for line in cli(*command).err.splitlines() if line.startswith(f"migrate-cli: {name}")]
    assert sum("the target is https://evil.example" in line for line in lines) == 1
    assert sum("target.token_command" in line and EVIL in line for line in lines) == 1


def test_nothing_is_told_of_what_changes_no_address_or_was_named(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [1])
    Path("migration.yaml").write_text("load: {workers: 3}\ntarget: {base_url: 'https://api.openai.com/v1'}\n")
    assert "migration.yaml" not in cli("plan", export).err
    Path("migration.yaml").write_text(HOSTILE)
    assert "migration.yaml" not in cli("plan", export, "--config", "migration.yaml").err


def test_an_address_that_the_environment_decides_is_not_the_files(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://mine.example/v1")
    Path("migration.yaml").write_text(f"target: {{base_url: '{EVIL}/v1'}}\n")
    assert "evil" not in cli("plan", write_export(tmp_path / "export", [1])).err


def test_a_database_that_an_unnamed_file_chooses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("migration.yaml").write_text("source: {kind: sql, url: 'postgresql://me@db.evil.example/x', table: t}\n")
    assert load_settings().told == ("migration.yaml:1 sets source.url: the source is postgresql://db.evil.example",)


def test_the_library_refuses_settings_that_lie_in_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export = arrives(tmp_path, monkeypatch)
    Path("migration.yaml").write_text(HOSTILE)
    with pytest.raises(SettingsError, match="lies in the source"):
        Migrator(source={"path": str(export)})


def test_a_plan_names_its_target_in_every_form(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [1])
    for form in ("text", "markdown", "html", "json"):
        assert "https://api.openai.com/v1" in cli("plan", export, "--output", form).out, form
