"""`init`: a settings file that changes nothing, and that is never overwritten by accident."""

from __future__ import annotations

from pathlib import Path

from migrate_cli.settings.model import Settings, load_settings

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


def test_the_written_file_changes_no_setting(cli: Cli) -> None:
    before = load_settings().model_dump()
    outcome = cli("init")
    assert outcome.code == 0
    assert "migration.yaml is written" in outcome.out
    assert load_settings().model_dump() == before


def test_every_section_is_explained_in_the_written_file(cli: Cli) -> None:
    cli("init")
    text = Path("migration.yaml").read_text()
    assert all(f"\n{section}:" in text for section in Settings.model_fields)
    assert "#" in text


def test_a_file_that_is_there_is_kept(cli: Cli) -> None:
    Path("mine.yaml").write_text("load: {workers: 3}\n")
    outcome = cli("init", "mine.yaml")
    assert outcome.code == 2
    assert "--force" in outcome.err
    assert Path("mine.yaml").read_text() == "load: {workers: 3}\n"


def test_force_overwrites(cli: Cli) -> None:
    Path("migration.yaml").write_text("load: {workers: 3}\n")
    assert cli("init", "--force").code == 0
    assert load_settings().load.workers == 16


def test_a_place_that_cannot_be_written_is_one_sentence(cli: Cli) -> None:
    outcome = cli("init", "nowhere/migration.yaml")
    assert outcome.code == 2
    assert "nowhere/migration.yaml cannot be written" in outcome.err


def test_the_file_of_config_is_the_one_that_is_written(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("init", "--config", "other.yaml")
    assert outcome.code == 0
    assert (tmp_path / "other.yaml").is_file() and not (tmp_path / "migration.yaml").exists()
    assert "migrate-cli doctor --config other.yaml" in " ".join(outcome.out.split())
