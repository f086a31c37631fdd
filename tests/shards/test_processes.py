"""`apply --processes N`: the same conversations as one process, whatever is killed, however often N changes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.state.divide import folder_of
from migrate_cli.state.lock import holder

from support.exports import write_export

from .conftest import SIZES, Cli, begin, conversations, hashes, slowed, told  # noqa: TID252 - the folder's own


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_export(tmp_path / "export", SIZES)


def shard_pids(state: Path) -> list[int]:
    """The processes that hold the state files of shards right now."""
    found = [holder(path) for path in sorted(folder_of(state).glob("*of*.db"))]
    return [one.pid for one in found if one is not None]


def let_children_end(state: Path) -> None:
    while shard_pids(state):
        time.sleep(0.02)


def test_three_processes_load_what_one_loads(cli: Cli, tmp_path: Path, target: EmbeddedSandbox, export: Path) -> None:
    alone = cli("apply", export, "--state", "alone.db", "--target", "sandbox", "-o", "json")
    together = cli("apply", export, "--processes", 3, "-o", "json")
    assert (alone.code, together.code) == (0, 0)
    assert hashes(tmp_path / "migration.db") == hashes(tmp_path / "alone.db")
    assert conversations(target.data) == told(export)
    one, three = alone.json["data"], together.json["data"]
    for key in ("threads", "messages", "parts", "findings"):
        assert three[key] == one[key]
    assert one.keys() - {"rehearsal"} <= three.keys()
    assert sum(row["threads"] for row in three["shards"]) == len(SIZES)
    assert cli("verify", export).code == 0


def test_one_state_file_is_left_and_every_command_works_on_it(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    cli("apply", export, "--processes", 2)
    assert not folder_of(Path("migration.db")).exists()
    assert cli("status", "-o", "json").json["data"]["threads"]["loaded"] == len(SIZES)
    assert cli("report", "-o", "json").json["data"]["threads"]["loaded"] == len(SIZES)
    assert len(cli("map", "export", "--format", "csv").out.splitlines()) == len(SIZES) + 1
    again = cli("apply", export, "-o", "json").json["data"]
    assert again["writes"] == 0


def test_a_killed_run_goes_on_with_another_number_of_processes_and_then_with_one(
    cli: Cli, target: EmbeddedSandbox, export: Path, tmp_path: Path
) -> None:
    state = tmp_path / "migration.db"
    with slowed(target):
        for processes in (3, 2):
            run = begin(target, export, "--processes", processes, "--workers", 2)
            run.kill()
            run.communicate()
            let_children_end(state)
            assert folder_of(state).is_dir()
    assert len(hashes(state)) < len(SIZES)
    assert cli("apply", export).code == 0
    assert not folder_of(state).exists()
    assert conversations(target.data) == told(export)
    assert cli("verify", export).code == 0
    assert cli("apply", export, "--processes", 2, "-o", "json").json["data"]["writes"] == 0


def test_undo_after_a_kill_deletes_what_the_shards_had_loaded(
    cli: Cli, target: EmbeddedSandbox, export: Path, tmp_path: Path
) -> None:
    with slowed(target):
        run = begin(target, export, "--processes", 2)
        run.kill()
        run.communicate()
        let_children_end(tmp_path / "migration.db")
    assert any(conversations(target.data).values())
    assert cli("undo", "--all", "--yes").code == 0
    assert not any(conversations(target.data).values())


def test_while_shards_outlive_their_parent_nobody_else_loads(
    cli: Cli, target: EmbeddedSandbox, export: Path, tmp_path: Path
) -> None:
    state = tmp_path / "migration.db"
    with slowed(target):
        run = begin(target, export, "--processes", 2)
        asleep = shard_pids(state)[0]
        os.kill(asleep, signal.SIGSTOP)
        run.kill()
        run.communicate()
        refused = cli("apply", export)
        os.kill(asleep, signal.SIGCONT)
    assert refused.code == 10
    assert "in use by process" in refused.err
    let_children_end(state)
    assert cli("apply", export).code == 0
    assert conversations(target.data) == told(export)


def test_a_process_that_is_killed_is_started_again(
    cli: Cli, target: EmbeddedSandbox, export: Path, tmp_path: Path
) -> None:
    with slowed(target):
        run = begin(target, export, "--processes", 2, "-o", "json", "--report", "out.json")
        os.kill(shard_pids(tmp_path / "migration.db")[0], signal.SIGKILL)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert "was killed (SIGKILL) and is started again" in err
    assert conversations(target.data) == told(export)
    attempts = [row["attempts"] for row in cli("report", "-o", "json").json["data"]["shards"]]
    assert sorted(attempts) == [1, 2]


def test_one_interrupt_drains_all_and_leaves_one_state_file(
    cli: Cli, target: EmbeddedSandbox, export: Path, tmp_path: Path
) -> None:
    with slowed(target):
        run = begin(target, export, "--processes", 3, "--workers", 2)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=30)
    assert run.returncode == 130, err
    assert "Stopping when the requests in flight are done" in err
    assert err.count("run the same command again") == 1
    assert "The run was interrupted and can be resumed." in " ".join(out.split())
    assert not folder_of(tmp_path / "migration.db").exists()
    assert cli("apply", export, "--processes", 2).code == 0
    assert conversations(target.data) == told(export)


def test_a_second_interrupt_stops_at_once(cli: Cli, target: EmbeddedSandbox, export: Path, tmp_path: Path) -> None:
    with slowed(target, "append:hang"):
        run = begin(target, export, "--processes", 2, batches=2)
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        assert "Stopping" in run.stderr.readline()
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=10)
    assert run.returncode == 130
    assert "run the same command again" in err.splitlines()[-1]
    let_children_end(tmp_path / "migration.db")
    assert cli("apply", export, "--processes", 2).code == 0
    assert conversations(target.data) == told(export)


def test_what_stops_one_stops_all_and_is_told_once(
    cli: Cli, target: EmbeddedSandbox, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("OPENAI_API_KEY", "sk-wrong-0123456789abcdef")
        ended = cli("apply", export, "--processes", 3, "-o", "json")
    assert ended.code == 6
    assert [error["code"] for error in ended.json["errors"]] == ["auth"]
    assert cli("apply", export, "--processes", 2).code == 0
    assert conversations(target.data) == told(export)


def test_failures_of_all_processes_count_together(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    with slowed(target, "append:poison:text=thread_"):
        ended = cli("apply", export, "--processes", 2, "--max-errors", 3, "-o", "json")
    assert ended.code == 5
    assert "too-many-errors" in {error["code"] for error in ended.json["errors"]}


def test_a_rehearsal_goes_on_from_what_earlier_processes_did(cli: Cli, export: Path, tmp_path: Path) -> None:
    assert cli("apply", export, "--target", "sandbox", "--processes", 2).code == 0
    assert cli("apply", export, "--target", "sandbox", "--processes", 3, "-o", "json").json["data"]["writes"] == 0
    assert conversations(tmp_path / "migration.rehearsal.db.sandbox") == told(export)
    assert cli("verify", export, "--target", "sandbox").code == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--shard", "1/2"], "the run makes its own shards"),
        (["--limit", "5"], "each process would count separately"),
        (["--threads-from", "-"], "cannot read one stdin"),
        (["--max-requests-per-minute", "1"], "cannot be divided"),
        (["--scheduler", "tcp://127.0.0.1:1"], "--engine"),
    ],
)
def test_what_does_not_go_with_processes_is_said_before_any_work(
    cli: Cli, target: EmbeddedSandbox, export: Path, options: list[str], why: str
) -> None:
    refused = cli("apply", export, "--processes", 2, *options)
    assert refused.code == 2
    assert why in refused.err
    assert conversations(target.data) == {}
    assert cli("apply", export, "--processes", 2).code == 0


def test_only_the_threads_asked_for_are_loaded(cli: Cli, target: EmbeddedSandbox, export: Path, tmp_path: Path) -> None:
    wanted = sorted(told(export))[:5]
    (tmp_path / "ids.txt").write_text("\n".join([*wanted[1:], "thread_nowhere"]))
    ended = cli("apply", export, "--processes", 3, "--thread", wanted[0], "--threads-from", "ids.txt", "-o", "json")
    assert ended.code == 3
    assert [error["thread_id"] for error in ended.json["errors"]] == ["thread_nowhere"]
    assert sorted(conversations(target.data)) == wanted
