"""One shard of a migration: its own state file, its share of the limits, and no other shard's threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import thread_id, write_export

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures


def plan(cli: Cli, export: Path, *args: object) -> dict[str, Any]:
    data: dict[str, Any] = cli("plan", export, "--output", "json", *args).json["data"]
    return data


def test_every_shard_writes_a_state_file_of_its_own(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2] * 10)
    for number in (1, 2):
        outcome = cli("apply", export, "--shard", f"{number}/2")
        assert outcome.code == 0
        assert f"migration-{number}of2.db" in outcome.out
    assert sorted(path.name for path in Path.cwd().glob("*.db")) == [
        "migration-1of2.db",
        "migration-2of2.db",
        "target.db",
    ]
    assert set(conversations(target.data)) == {thread_id(n) for n in range(1, 11)}


def test_the_settings_file_may_name_one_state_file_for_all_shards(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2] * 4)
    Path("migration.yaml").write_text("state: moved.db\n")
    assert cli("apply", export, "--shard", "1/2").code == 0
    assert Path("moved-1of2.db").exists()
    assert cli("apply", export, "--shard", "2/2", "--state", "named.db").code == 0
    assert Path("named.db").exists()
    assert not Path("moved.db").exists()


@pytest.mark.parametrize("other", [["--shard", "2/2"], ["--shard", "1/3"], []])
def test_another_shard_is_not_loaded_into_the_state_file_of_one(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, other: list[str]
) -> None:
    export = write_export(tmp_path / "export", [2] * 6)
    assert cli("apply", export, "--shard", "1/2").code == 0
    before = conversations(target.data)
    outcome = cli("apply", export, *other, "--state", "migration-1of2.db")
    assert outcome.code == 10
    assert "shard was 1/2 and is now" in outcome.err
    assert conversations(target.data) == before
    assert cli("apply", export, "--shard", "1/2", "--state", "migration-1of2.db").code == 0


def test_a_state_file_of_the_whole_takes_any_part_of_it(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2] * 6)
    assert cli("apply", export, "--limit", "1").code == 0
    for part in (["--shard", "2/3"], ["--shard", "1/3"], []):
        assert cli("apply", export, *part, "--state", "migration.db").code == 0
    assert set(conversations(target.data)) == {thread_id(n) for n in range(1, 7)}


def test_threads_of_other_shards_are_not_called_missing(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2] * 8)
    assert cli("apply", export).code == 0
    shard = ["--shard", "1/2", "--state", "migration.db", "--output", "json"]
    assert "missing" not in cli("apply", export, *shard).json["data"]["threads"]
    for path in export.glob("*.json"):
        path.unlink()
    write_export(export, [2])
    told = cli("apply", export, *shard).json["data"]["threads"]
    rest = cli("apply", export, "--output", "json").json["data"]["threads"]
    assert 0 < told["missing"] < rest["missing"] == 7


def test_shards_divide_a_limit_that_is_for_all_of_them(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [2] * 4)
    monkeypatch.setenv("MIGRATE_LOAD__MAX_REQUESTS_PER_MINUTE", "10")
    rates = [plan(cli, export, "--shard", f"{n}/4")["shard"]["requests_per_minute"] for n in (1, 2, 3, 4)]
    assert rates == [3, 3, 2, 2]
    assert plan(cli, export, "--shard", "1/4", "--rate", "400")["estimate"]["requests_per_minute"] == 100
    outcome = cli("plan", export, "--shard", "1/11")
    assert outcome.code == 2
    assert "cannot be divided among 11 shards" in outcome.err
    monkeypatch.setenv("MIGRATE_LOAD__DIVIDE_LIMITS", "false")
    assert plan(cli, export, "--shard", "1/11")["shard"]["requests_per_minute"] == 10


def test_the_report_says_which_shard_and_how_fast(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2] * 4)
    for command in ("plan", "apply"):
        out = cli(
            command, export, "--shard", "1/2", *(["--max-requests-per-minute", "9000"] if command == "apply" else [])
        )
        words = " ".join(out.out.split())
        assert "1 of 2" in words
        assert "--shard 1/2" in words.split("Next:", 1)[1]
    assert "4,500 requests per minute" in words


def test_plans_of_all_shards_make_up_the_plan_of_the_whole(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [3] * 20)
    whole = plan(cli, export)
    parts = [plan(cli, export, "--shard", f"{n}/3") for n in (1, 2, 3)]
    for group in ("threads", "messages", "parts"):
        for name, count in whole[group].items():
            assert sum(part[group].get(name, 0) for part in parts) == count
    assert sum(part["estimate"]["requests"] for part in parts) == whole["estimate"]["requests"]


def test_a_shard_is_verified_by_itself(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2] * 6)
    assert cli("apply", export, "--shard", "1/2").code == 0
    assert cli("verify", export, "--shard", "1/2").code == 0
    assert cli("verify", "--from-state", "--state", "migration-1of2.db").code == 0
    assert cli("verify", "--from-state", "--shard", "1/2").code == 0
    outcome = cli("verify", export, "--state", "migration-1of2.db")
    assert outcome.code == 10
    assert "shard was 1/2" in outcome.err


def test_who_asks_for_the_whole_is_told_of_the_shards(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2] * 4)
    cli("apply", export, "--shard", "1/2")
    for command in ("status", "verify"):
        outcome = cli(command)
        assert outcome.code == 2
        assert "migration-1of2.db" in outcome.err
        assert "migrate-cli merge migration-*of*.db" in outcome.err


def test_a_scheduler_may_tell_the_shard(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [2] * 6)
    for index in ("0", "1"):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", index)
        assert cli("apply", export, "--shard", "auto/2").code == 0
    assert set(conversations(target.data)) == {thread_id(n) for n in range(1, 7)}
    assert sorted(path.name for path in Path.cwd().glob("migration-*.db")) == ["migration-1of2.db", "migration-2of2.db"]
