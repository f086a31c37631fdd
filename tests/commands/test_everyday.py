"""What every command has: a log beside the state, versions, and no key in either."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from migrate_cli import __version__
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


def test_apply_keeps_a_log_beside_the_state_file(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [1, 3])
    cli("apply", export, "--target", "sandbox", "--state", "m.db")
    log = Path("m.db.log")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert f"migrate-cli {__version__} begins" in log.read_text()
    assert "apply ends with exit code 0" in log.read_text()
    assert "2 loaded" in log.read_text()


def test_each_problem_stands_in_the_log_and_no_message_text(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2])
    (export / "broken.json").write_text('{"thread": {"id": "thread_b"}, "messages": [')
    outcome = cli("apply", export, "--target", "sandbox", "--state", "m.db")
    assert outcome.code == 3
    log = Path("m.db.log").read_text()
    assert "broken.json" in log
    assert f"{thread_id(1)} 0" not in log
    assert "WARNING" not in outcome.err


def test_a_log_file_that_was_named_is_the_only_one(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [1])
    cli("apply", export, "--target", "sandbox", "--state", "m.db", "--log-file", "mine.log")
    assert Path("mine.log").exists()
    assert not Path("m.db.log").exists()


def test_a_folder_that_takes_no_log_is_told_as_a_fault_of_the_state_file(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [1])
    outcome = cli("apply", export, "--target", "sandbox", "--state", "nowhere/m.db")
    assert "log file" not in outcome.err
    assert "nowhere" in outcome.err


def test_undo_logs_beside_the_state_too(cli: Cli, tmp_path: Path) -> None:
    cli("apply", write_export(tmp_path / "export", [1]), "--target", "sandbox", "--state", "m.db")
    cli("undo", "--all", "--yes", "--state", "m.db")
    assert "undo ends with exit code 0" in Path("m.db.log").read_text()


def test_commands_that_only_read_keep_no_log(cli: Cli, tmp_path: Path) -> None:
    cli("plan", write_export(tmp_path / "export", [1]))
    assert not list(Path().glob("*.log"))


def test_the_log_holds_no_key(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    cli("apply", write_export(tmp_path / "export", [1]))
    assert "sk-test" not in Path("migration.db.log").read_text()


def test_a_bug_leaves_its_traceback_in_the_log(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("with Bearer sk-canary-0123456789abcdef inside")

    monkeypatch.setattr("migrate_cli.commands.apply.apply", broken)
    outcome = cli("apply", write_export(tmp_path / "export", [1]), "--target", "sandbox")
    assert outcome.code == 1
    assert "the traceback is in migration.rehearsal.db.log" in outcome.err
    assert "Traceback" in Path("migration.rehearsal.db.log").read_text()
    assert "canary" not in Path("migration.rehearsal.db.log").read_text() + outcome.err


def test_verbose_says_on_stderr_what_the_log_says(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("plan", write_export(tmp_path / "export", [1]), "-v")
    assert "plan ends with exit code 0" in outcome.err


def test_the_versions_that_matter_are_told(cli: Cli) -> None:
    outcome = cli("--version", "-v")
    names = [line.split(" ")[0] for line in outcome.out.splitlines()]
    assert names[:3] == ["migrate-cli", "python", "sqlite"]
    assert "openai" in names


def test_progress_as_json_lines_goes_to_stderr(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("plan", write_export(tmp_path / "export", [1]), "--progress", "json", "--output", "json")
    assert outcome.err.startswith("{")
    assert outcome.json["command"] == "plan"


def test_the_state_file_may_lie_in_the_folder_of_the_export(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [2, 3])
    (export / f"{thread_id(2)}.json").rename(export / "second.map.jsonl")
    monkeypatch.chdir(export)
    first, again = (cli("apply", ".", "--output", "json") for _ in range(2))
    assert [first.code, first.json["data"]["threads"]["loaded"], first.json["errors"]] == [0, 2, []]
    assert [again.code, again.json["data"]["writes"], again.json["errors"]] == [0, 0, []]
    assert cli("verify", ".").code == 0
