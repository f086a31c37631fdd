"""What goes wrong gets one sentence and the right exit code; nothing is lost."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.state.store import StateStore

from support.exports import thread, thread_id, write_export

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures


def assert_one_sentence(text: str) -> None:
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    assert "Traceback" not in text


def test_without_a_key_apply_names_both_ways_on(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("apply", write_export(tmp_path / "export", [1]))
    assert outcome.code == 2
    assert_one_sentence(outcome.err)
    assert "OPENAI_API_KEY" in outcome.err
    assert "--target sandbox" in outcome.err


def test_a_wrong_key_ends_with_its_own_code_and_is_never_shown(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789abcdef")
    outcome = cli("apply", write_export(tmp_path / "export", [1, 2]), "--output", "json")
    assert outcome.code == 6
    assert outcome.json["errors"][0]["code"] == "auth"
    assert "0123456789abcdef" not in outcome.out + outcome.err
    for file in tmp_path.rglob("migration.db*"):
        assert b"0123456789abcdef" not in file.read_bytes()


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    """A target at a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
    monkeypatch.setenv("MIGRATE_LOAD__CONNECT_PATIENCE", "0")


@pytest.mark.usefixtures("nobody")
def test_the_exit_code_and_the_log_stay_the_same_when_nobody_reads_what_is_said(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "migrate_cli", "apply", str(write_export(tmp_path / "export", [1])), "-v"]
    ended = subprocess.run(command, stdout=writing, stderr=writing, check=False)
    os.close(writing)
    assert ended.returncode == 5
    log = (tmp_path / "migration.db.log").read_text()
    assert "exit code 5" in log
    assert "Traceback" not in log


@pytest.mark.usefixtures("nobody")
def test_a_target_that_is_down_ends_with_try_later(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("apply", write_export(tmp_path / "export", [1]), "--output", "json")
    assert outcome.code == 5
    assert "run the same command again later" in outcome.json["errors"][0]["message"]
    assert outcome.json["data"]["requests"]["ambiguous"] == 0


def test_a_host_without_conversations_is_said_so(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", target.base_url + "/elsewhere")
    outcome = cli("apply", write_export(tmp_path / "export", [1]), "--output", "json")
    assert outcome.code == 2
    assert "Conversations API" in outcome.json["errors"][0]["message"]


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_path_that_does_not_exist_is_named(cli: Cli, command: str, target: EmbeddedSandbox) -> None:
    outcome = cli(command, "no-such-folder")
    assert outcome.code == 2
    assert_one_sentence(outcome.err)
    assert "no-such-folder" in outcome.err


def test_a_broken_file_is_named_and_the_other_threads_go_on(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2, 2])
    whole = json.dumps(thread(3, 4), indent=1)
    (export / "cut.json").write_text(whole[: len(whole) // 2])
    outcome = cli("apply", export, "--output", "json")
    assert outcome.code == 3
    assert len(conversations(target.data)) == 2
    entry = outcome.json["data"]["unreadable"][0]
    assert "cut.json" in entry["origin"]
    assert entry["code"] == "file-cut-off"


def test_no_source_at_all_is_a_sentence(cli: Cli) -> None:
    outcome = cli("plan")
    assert outcome.code == 2
    assert_one_sentence(outcome.err)
    assert "source.path" in outcome.err


def test_a_state_file_that_another_process_holds_is_left_alone(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [1])
    store = StateStore.open(tmp_path / "migration.db", command="another run")
    try:
        # The lock is held by this very process; another one must be refused.
        process = subprocess.run(
            [sys.executable, "-m", "migrate_cli", "apply", str(export)], capture_output=True, text=True, check=False
        )
    finally:
        store.close()
    assert process.returncode == 10
    assert_one_sentence(process.stderr)
    assert "another run" in process.stderr


def test_a_state_file_of_another_export_is_refused_in_one_sentence(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    assert cli("apply", write_export(tmp_path / "one", [1])).code == 0
    (write_export(tmp_path / "two", [1, 1]) / f"{thread_id(1)}.json").unlink()
    outcome = cli("apply", tmp_path / "two")
    assert outcome.code == 10
    assert_one_sentence(outcome.err)
    assert f"{tmp_path / 'two'} is not the export that" in outcome.err


def test_another_programs_database_is_refused(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    with sqlite3.connect(tmp_path / "migration.db") as db:
        db.execute("CREATE TABLE customers (id)")
    db.close()
    outcome = cli("apply", write_export(tmp_path / "export", [1]))
    assert outcome.code == 10
    assert_one_sentence(outcome.err)


def test_status_and_map_without_a_state_file_say_what_to_do(cli: Cli) -> None:
    for args in (["status"], ["map", "thread_1"], ["map", "export"]):
        outcome = cli(*args)
        assert outcome.code == 2
        assert_one_sentence(outcome.err)


def test_an_unknown_id_is_a_finding_of_map(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    cli("apply", write_export(tmp_path / "export", [1]))
    assert cli("map", thread_id(1)).code == 0
    assert cli("map", "thread_unknown").code == 4


def test_a_wrong_key_in_the_settings_names_the_closest_right_one(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "migration.yaml").write_text("load:\n  wokers: 3\n")
    outcome = cli("plan", write_export(tmp_path / "export", [1]))
    assert outcome.code == 2
    assert_one_sentence(outcome.err)
    assert "wokers" in outcome.err
    assert "workers" in outcome.err


@pytest.mark.parametrize("shard", ["0/4", "5/4", "x", "1"])
def test_a_shard_that_is_none_is_refused(cli: Cli, tmp_path: Path, shard: str) -> None:
    outcome = cli("plan", write_export(tmp_path / "export", [1]), "--shard", shard)
    assert outcome.code == 2
    assert_one_sentence(outcome.err)


def test_errors_come_as_one_json_object_when_json_is_asked_for(cli: Cli) -> None:
    outcome = cli("plan", "no-such-folder", "--output", "json")
    assert outcome.code == 2
    assert outcome.json["status"] == "failed"
    assert outcome.json["exit_code"] == 2
    assert "no-such-folder" in outcome.json["errors"][0]["message"]


def test_a_full_disk_stops_the_run_in_good_order(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [20] * 200)
    real_connect = sqlite3.connect

    def small(database: object, *args: object, **more: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = real_connect(database, *args, **more)  # type: ignore[call-overload]
        if "migration.db" in str(database):
            connection.execute("PRAGMA max_page_count = 60")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    outcome = cli("apply", export, "--output", "json")
    assert outcome.code == 10
    assert "full" in outcome.json["errors"][0]["message"]
    monkeypatch.setattr(sqlite3, "connect", real_connect)
    assert cli("apply", export, "--output", "json").code == 0
    found = {source: texts for source, texts in conversations(target.data).items() if texts}
    assert len(found) == 200
    assert all(len(texts) == 20 for texts in found.values())


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_thread_that_is_asked_for_and_not_there_is_named(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, command: str
) -> None:
    export = write_export(tmp_path / "export", [1, 2])
    outcome = cli(command, export, "--thread", "thread_unknown", "--thread", thread_id(1), "--output", "json")
    assert outcome.code == 3
    [problem] = outcome.json["errors"]
    assert (problem["code"], problem["thread_id"]) == ("unknown-thread", "thread_unknown")
    assert outcome.json["data"]["threads"]["total"] == 1


@pytest.mark.parametrize("text", ["thread_id,foo\n1,hi\n", "a,b\n1,2\n"])
@pytest.mark.parametrize("beside", ["alone", "in a folder", "beside another"])
def test_a_table_with_a_wrong_header_is_a_wrong_source_wherever_it_lies(
    cli: Cli, tmp_path: Path, text: str, beside: str
) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "t.csv").write_text(text)
    if beside == "beside another":
        (folder / "u.csv").write_text("conversation,body\n1,hi\n")
    source = folder / "t.csv" if beside == "alone" else folder
    assert cli("plan", source).code == 2
    refused = cli("apply", source, "--target", "sandbox")
    assert refused.code == 2
    assert refused.err.startswith("migrate-cli: ")
    assert refused.err.count("\n") == 1
    assert not (tmp_path / "migration.db").exists(), "a wrong source must not claim the state file"


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        (
            "apply export --target sandbox --state nowhere/m.db",
            10,
            "the folder nowhere for the state file does not exist; create it or correct --state",
        ),
        ("status --state export", 2, "the state file export is a folder; name the file itself with --state"),
        (
            "plan export --threads-from nofile",
            2,
            "the thread ids in nofile cannot be read (No such file or directory); check --threads-from",
        ),
        (
            "sandbox --data nowhere/s.db",
            2,
            "the sandbox cannot keep its data in nowhere/s.db (No such file or directory); "
            "name another file with --data",
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_told_without_the_number_of_the_error(
    cli: Cli, tmp_path: Path, line: str, code: int, sentence: str
) -> None:
    write_export(tmp_path / "export", [2])
    outcome = cli(*line.split())
    assert (outcome.code, outcome.out, outcome.err) == (code, "", f"migrate-cli: {sentence}\n")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("apply export --workers 0", "--workers must be at least 1"),
        ("apply export --max-requests-per-minute 0", "--max-requests-per-minute must be at least 1"),
        ("replay --max-tokens 0", "--max-tokens must be at least 1"),
        (
            "plan https://ann:word@host.example/v1",
            "SOURCE must be a URL without user name and password; put the key into the variable that api_key_env names",
        ),
    ],
)
def test_a_wrong_option_is_called_by_its_name_and_once(cli: Cli, line: str, sentence: str) -> None:
    outcome = cli(*line.split())
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"migrate-cli: {sentence}\n")


def test_bytes_that_are_no_text_spoil_one_id_and_not_the_list(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [1, 2])
    ids = tmp_path / "ids.txt"
    ids.write_bytes(b"# mine\n" + thread_id(1).encode() + b"\n\xfe\xff-thread\n" + thread_id(2).encode() + b"\n")
    result = cli("plan", str(export), "--threads-from", str(ids), "--output", "json")
    assert result.json["data"]["threads"]["pending"] == 2
    assert [result.code, [error["code"] for error in result.json["errors"]]] == [3, ["unknown-thread"]]


def test_a_list_of_ids_in_another_encoding_is_refused(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [1])
    ids = tmp_path / "ids.txt"
    ids.write_text(thread_id(1), encoding="utf-16")
    result = cli("plan", str(export), "--threads-from", str(ids))
    assert result.code == 2
    assert "not UTF-8" in result.err
