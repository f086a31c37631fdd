"""From a host that still answers to conversations, on the command line: listed, killed, resumed, snapshot or not."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.server import EmbeddedSandbox

from commands.conftest import Cli, conversations
from support.exports import texts_of, thread_id, write_export
from support.hosts import KEY, RunningHost, host

TOKEN = f"{sys.executable} -c \"import uuid; print('token-' + uuid.uuid4().hex)\""
FAULTS = ("reads:500:0.01", "reads:reset-before:0.01", "reads:cut:0.01", "reads:429:0.01:retry_after=0.05")


def settings(folder: Path, running: RunningHost, **source: object) -> None:
    """Write a settings file that names the host."""
    own = {"kind": "api", "base_url": running.url, "preset": running.preset.value, **source}
    (folder / "migration.yaml").write_text(json.dumps({"source": own}), encoding="utf-8")


@pytest.fixture
def foundry(tmp_path: Path) -> Iterator[RunningHost]:
    export = write_export(tmp_path / "export", [number % 23 + 1 for number in range(120)])
    with host(tmp_path, export, SourcePreset.FOUNDRY, *FAULTS, token_requests=150) as running:
        settings(tmp_path, running, token_command=TOKEN)
        yield running


def test_a_faulty_host_is_listed_and_migrated_and_killed_and_resumed_on_the_way(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, foundry: RunningHost
) -> None:
    for loaded in (20, 60):
        process = subprocess.Popen(
            [sys.executable, "-m", "migrate_cli", "apply", "--discover"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        _until(partial(_has_made, target.data, loaded), process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    result = cli("apply", "--discover", "--output", "json")
    assert result.code == 0, result.out
    found = {source: texts for source, texts in conversations(target.data).items() if texts}
    assert found == {thread_id(n): texts_of(tmp_path / "export", thread_id(n)) for n in range(1, 121)}


def test_the_same_threads_come_from_the_host_its_snapshot_and_the_export(
    cli: Cli, tmp_path: Path, foundry: RunningHost
) -> None:
    assert cli("snapshot", "--discover").code == 0
    loaded = []
    for name, args in (("host", ["--discover"]), ("snapshot", ["snapshot"]), ("export", ["export"])):
        state = tmp_path / f"{name}.db"
        assert cli("apply", *args, "--target", "sandbox", "--state", state).code == 0
        data = state.with_name(f"{name}.db.sandbox")
        loaded.append({meta["source_thread_id"]: _bodies(items) for _, meta, items in read_conversations(data)})
    assert loaded[0] == loaded[1] == loaded[2]
    assert len(loaded[0]) == 120


def test_ids_are_taken_from_a_file_with_everything_that_people_write_into_one(
    cli: Cli, tmp_path: Path, foundry: RunningHost
) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text(f"# Ann's\n\n{thread_id(4)}\n{thread_id(4)}\nthread_deleted\nwhat is this\n", encoding="utf-8")
    settings(tmp_path, foundry, token_command=TOKEN, ids_from=str(ids))
    result = cli("plan", "--output", "json")
    assert result.code == 3
    assert result.json["data"]["threads"]["pending"] == 1
    assert sorted(error["code"] for error in result.json["errors"]) == ["thread-gone", "thread-id-wrong"]
    assert result.json["data"]["findings"]["thread-id-repeated"] == 1


@pytest.mark.parametrize("command", ["plan", "apply", "verify"])
def test_what_is_no_id_in_a_list_is_told_with_its_line_and_counted_once(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, foundry: RunningHost, command: str
) -> None:
    (tmp_path / "ids.txt").write_text(f"# Ann's\n{thread_id(4)}\nwhat is this\nasst_1\nwhat is this\n")
    if command == "verify":
        assert cli("apply", "--thread", thread_id(4)).code == 0
    result = cli(command, "--threads-from", "ids.txt", "--thread", "nor/this", "--output", "json")
    told = [error["message"].partition(";")[0] for error in result.json["errors"]]
    assert told == [
        "value 1 of --thread holds no thread id",
        "line 3 of ids.txt holds no thread id",
        "line 4 of ids.txt holds asst_1, which is the id of something else, not of a thread. The other threads are "
        "read.",
        "line 5 of ids.txt holds no thread id",
    ]
    assert result.code == 3
    counts = result.json["data"]["threads"]
    assert [counts["total"], counts["unreadable"], counts.get("unknown")] == [5, 4, None]


@pytest.mark.parametrize("how", ["--threads-from", "source.ids_from"])
@pytest.mark.parametrize("command", ["plan", "apply", "verify", "snapshot"])
def test_a_list_that_names_no_thread_is_refused_before_any_work(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, foundry: RunningHost, command: str, how: str
) -> None:
    (tmp_path / "empty.txt").write_text("# a query that failed\n")
    if command == "verify":
        assert cli("apply", "--thread", thread_id(4)).code == 0
    if how == "source.ids_from":
        settings(tmp_path, foundry, token_command=TOKEN, ids_from="empty.txt")
    before = _kept(tmp_path)
    refused = cli(command, *(["--threads-from", "empty.txt"] if how.startswith("--") else []))
    assert [refused.code, refused.out] == [2, ""]
    sentence = "empty.txt contains no thread id at all; check how the list was made"
    *told, last = refused.err.splitlines()
    assert told and all(line.startswith("migrate-cli: migration.yaml:1 sets source.") for line in told)
    assert last == f"migrate-cli: {sentence}"
    assert _kept(tmp_path) == before, "nothing must have been begun"


def test_the_share_of_a_list_may_be_empty(cli: Cli, tmp_path: Path, foundry: RunningHost) -> None:
    (tmp_path / "ids.txt").write_text(thread_id(4))
    shares = [cli("plan", "--threads-from", "ids.txt", "--shard", f"{n}/3", "--output", "json") for n in (1, 2, 3)]
    assert [share.code for share in shares] == [0, 0, 0]
    assert sorted(share.json["data"]["threads"]["total"] for share in shares) == [0, 0, 1]


def _kept(folder: Path) -> list[tuple[str, int]]:
    """What a command would have begun: state file, runs in it, a snapshot's folder."""
    there = [path for path in (folder / "migration.db", folder / "snapshot") if path.exists()]
    return [(path.name, _runs(path) if path.is_file() else 0) for path in there]


def _runs(state: Path) -> int:
    with closing(sqlite3.connect(state)) as db:
        (count,) = db.execute("SELECT count(*) FROM run").fetchone()
    return int(count)


def test_an_id_that_only_a_host_would_not_have_is_looked_for_in_an_export(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2])
    result = cli("plan", export, "--thread", "what is this", "--output", "json")
    assert [error["code"] for error in result.json["errors"]] == ["unknown-thread"]


def test_a_url_can_be_named_as_the_source(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    with host(tmp_path, write_export(tmp_path / "export", [3]), SourcePreset.OPENAI) as running:
        result = cli("plan", running.url, "--thread", thread_id(1), "--output", "json")
        assert [result.code, result.json["data"]["messages"]["read"]] == [0, 3]


def test_the_sandbox_serves_an_export_as_a_host_and_says_how_to_read_it(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2, 3])
    command = [sys.executable, "-m", "migrate_cli", "sandbox", "--port", "0", "--source-from", str(export)]
    process = subprocess.Popen([*command, "--source-preset", "foundry"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "SOURCE_BASE_URL" in line)
        url = line.strip().partition("=")[2]
        assert url.endswith("/api/projects/demo")
        (tmp_path / ".env").write_text("SOURCE_API_KEY=any-key-0123456789\nMIGRATE_SOURCE__PRESET=foundry\n")
        result = cli("plan", url, "--discover", "--output", "json")
        assert [result.code, result.json["data"]["messages"]["read"]] == [0, 5]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 0


# What can be wrong, one sentence each


def test_an_api_that_is_gone_is_told_with_its_date_and_a_way_on(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    with host(tmp_path, write_export(tmp_path / "export", [3]), SourcePreset.GONE) as running:
        result = cli("plan", running.url, "--thread", "thread_a")
        assert result.code == 2
        assert "2026-08-26" in result.err and "your own database" in result.err
        assert result.err.startswith(f"migrate-cli: {running.url} does not speak the Assistants API: check source.")


def test_without_a_key_all_ways_to_authenticate_are_named(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    (tmp_path / "migration.yaml").write_text("source: {kind: api, preset: foundry, base_url: 'https://h.example/x'}")
    result = cli("plan", "--discover")
    assert result.code == 2
    assert all(word in result.err for word in ("SOURCE_API_KEY", "token_command", "pip install azure-identity"))


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("no-such-program --token", "cannot be run"),
        (f"{sys.executable} -c \"import sys; sys.exit('no account for bob and hunter2')\"", "ended with 1"),
        (f'{sys.executable} -c "print()"', "printed no token"),
    ],
)
def test_a_token_command_that_fails_is_named_with_the_reason_and_what_it_said_is_not_repeated(
    cli: Cli, tmp_path: Path, foundry: RunningHost, command: str, why: str
) -> None:
    settings(tmp_path, foundry, token_command=command)
    result = cli("plan", "--discover")
    assert result.code == 6
    assert why in result.err and "run it by hand and sign in" in result.err
    assert "hunter2" not in result.out + result.err


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """A server that answers every connection with the same bytes; its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_a_proxy_that_wants_a_name_is_one_sentence(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    refused = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with raw_server(refused) as address:
        result = cli("plan", f"http://{address}/v1", "--thread", "thread_a")
    assert result.code == 2
    assert "407" in result.err and "HTTPS_PROXY" in result.err


def test_tls_that_fails_is_one_sentence(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    with raw_server(b"this is no TLS at all\r\n") as address:
        result = cli("plan", f"https://{address}/v1", "--thread", "thread_a")
    assert result.code == 2
    assert "speaks no TLS" in result.err and "http://" in result.err


def _bodies(items: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{key: value for key, value in item.items() if key != "id"} for item in items]


def _has_made(data: Path, wanted: int) -> bool:
    return sum(1 for _, _, items in read_conversations(data) if items) >= wanted


def _until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_a_host_that_the_state_file_knows_need_not_be_named_again(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    monkeypatch.setenv("MIGRATE_SOURCE__PRESET", "foundry")
    monkeypatch.setenv("MIGRATE_SOURCE__DISCOVER", "true")
    with host(tmp_path, write_export(tmp_path / "export", [2, 3]), SourcePreset.FOUNDRY) as running:
        assert cli("apply", running.url, "--target", "sandbox").code == 0
        verified = cli("verify", "--target", "sandbox", "--output", "json").json
        assert (verified["exit_code"], verified["data"]["threads"]["verified"]) == (0, 2)
        assert f"migrate-cli apply {running.url} --target sandbox" in _next_of_failed(cli, tmp_path)


def _next_of_failed(cli: Cli, folder: Path) -> str:
    """What status proposes where a thread has failed."""
    with closing(sqlite3.connect(folder / "migration.rehearsal.db")) as db, db:
        db.execute("UPDATE thread SET state = 'failed' WHERE key = 1")
    return " ".join(cli("status", "--rehearsal").out.split())
