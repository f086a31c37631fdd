"""Starting, stopping, killing and restarting, and reading the data file past the server."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.errors import UsageError
from migrate_cli.sandbox.audit import read_conversations, read_deleted
from migrate_cli.sandbox.server import EmbeddedSandbox, run_server

User = Callable[[str], dict[str, Any]]
KEY = {"Authorization": "Bearer test-key"}
SERVE = """
import sys
from pathlib import Path
from migrate_cli.sandbox.server import run_server
run_server(0, Path(sys.argv[1]), on_ready=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


def serve(data: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(data)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def kill_after(enough: threading.Event, process: subprocess.Popen[str]) -> None:
    enough.wait(10)
    process.kill()


def items_in(data: Path) -> dict[str, list[str]]:
    return {
        conversation: [item["content"][0]["text"] for item in items]
        for conversation, _, items in read_conversations(data)
    }


def test_the_data_outlives_the_server(tmp_path: Path, user: User) -> None:
    data = tmp_path / "sandbox.db"
    with EmbeddedSandbox(data) as sandbox:
        made = httpx2.post(f"{sandbox.base_url}/conversations", json={"items": [user("kept")]}, headers=KEY).json()
    with EmbeddedSandbox(data) as sandbox:
        found = httpx2.get(f"{sandbox.base_url}/conversations/{made['id']}/items", headers=KEY).json()
    assert found["data"][0]["content"][0]["text"] == "kept"


def test_a_killed_server_has_kept_all_that_it_answered(tmp_path: Path, user: User) -> None:
    data = tmp_path / "sandbox.db"
    process, base_url = serve(data)
    answered: list[str] = []
    with httpx2.Client(base_url=base_url, headers=KEY) as http, process:
        made = http.post("/conversations", json={"metadata": {"a": "b"}}).json()["id"]
        enough = threading.Event()
        killer = threading.Thread(target=kill_after, args=(enough, process))
        killer.start()
        try:
            for number in range(100_000):
                http.post(f"/conversations/{made}/items", json={"items": [user(f"{number}")]}).raise_for_status()
                answered.append(f"{number}")
                if number == 50:
                    enough.set()
        except httpx2.TransportError:
            pass
        killer.join()
    kept = items_in(data)[made]
    assert kept[: len(answered)] == answered
    assert len(kept) <= len(answered) + 1
    with EmbeddedSandbox(data) as sandbox:
        again = httpx2.get(f"{sandbox.base_url}/conversations/{made}/items?limit=1", headers=KEY).json()
    assert again["data"][0]["content"][0]["text"] == kept[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_command_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    process, _ = serve(tmp_path / "sandbox.db")
    with process:
        process.send_signal(number)
        output, _ = process.communicate(timeout=20)
    assert (process.returncode, output.strip()) == (0, "stopped")
    assert not (tmp_path / "sandbox.db-wal").exists()


def test_a_stopped_sandbox_leaves_no_log_and_can_be_stopped_twice(tmp_path: Path) -> None:
    sandbox = EmbeddedSandbox(tmp_path / "sandbox.db").start()
    sandbox.stop()
    sandbox.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["sandbox.db"]
    with pytest.raises(RuntimeError):
        _ = sandbox.base_url


def test_only_this_machine_can_reach_it() -> None:
    with EmbeddedSandbox() as sandbox:
        assert sandbox.base_url.startswith("http://127.0.0.1:")


def test_a_port_in_use_gets_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=str(port)):
            EmbeddedSandbox(tmp_path / "a.db", port=port).start()
        with pytest.raises(UsageError, match=str(port)):
            run_server(port, tmp_path / "b.db")


def test_a_data_file_that_is_not_a_sandboxes_gets_a_sentence(tmp_path: Path) -> None:
    text, foreign = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("these are notes, and they are long enough to be no database at all" * 20)
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE precious (id)")
    db.close()
    before = foreign.read_bytes()
    for path in (text, foreign, tmp_path / "missing" / "sandbox.db", tmp_path):
        with pytest.raises(UsageError, match=r"sandbox"):
            EmbeddedSandbox(path).start()
    assert foreign.read_bytes() == before


def test_the_data_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with EmbeddedSandbox(tmp_path / "sandbox.db"):
        assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_the_auditor_reads_items_of_deleted_conversations_while_the_server_runs(start: Any, user: User) -> None:
    sandbox, http = start()
    kept = http.post("/conversations", json={"items": [user("a")], "metadata": {"k": "v"}}).json()["id"]
    gone = http.post("/conversations", json={"items": [user("b"), user("c")]}).json()["id"]
    http.delete(f"/conversations/{gone}")
    assert items_in(sandbox.data) == {kept: ["a"], gone: ["b", "c"]}
    assert [(name, metadata) for name, metadata, _ in read_conversations(sandbox.data, deleted=False)] == [
        (kept, {"k": "v"})
    ]
    assert read_deleted(sandbox.data) == {gone}


def test_the_auditor_sees_items_in_order_and_without_the_deleted_ones(start: Any, user: User) -> None:
    sandbox, http = start()
    made = http.post("/conversations", json={"items": [user(f"{n}") for n in range(20)]}).json()["id"]
    http.post(f"/conversations/{made}/items", json={"items": [user("20")]})
    page = http.get(f"/conversations/{made}/items?order=asc").json()
    http.delete(f"/conversations/{made}/items/{page['data'][3]['id']}")
    assert items_in(sandbox.data)[made] == [f"{n}" for n in range(21) if n != 3]
