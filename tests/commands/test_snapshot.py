"""`migrate-cli snapshot` on the command line: taken, killed, gone on with, verified, read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.snapshot.layout import read_manifest

from commands.conftest import Cli
from support.exports import thread_id, write_export
from support.hosts import KEY, RunningHost, digests, host, read
from support.hurry import hurry

FIXTURES = Path(__file__).parents[2] / "fixtures"
SMALL_PARTS = (
    "import migrate_cli.sources.snapshot.writer as w; w.PART_THREADS = 7; w.LONG = 40;"
    "from migrate_cli.__main__ import main; main()"
)


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    monkeypatch.setenv("MIGRATE_SOURCE__PRESET", "foundry")


@pytest.fixture
def foundry(tmp_path: Path) -> Iterator[RunningHost]:
    with host(tmp_path, FIXTURES, SourcePreset.FOUNDRY) as running:
        yield running


def test_everything_that_the_host_has_is_saved_and_read_again(cli: Cli, tmp_path: Path, foundry: RunningHost) -> None:
    result = cli("snapshot", foundry.url, "--discover", "--out", "snap", "--output", "json")
    assert result.code == 0, result.out
    assert result.json["data"]["threads"] == {"total": 32, "read": 32, "failed": 0}
    export, saved = open_source(str(FIXTURES)), open_source("snap")
    found, unreadable = read(saved)
    assert not unreadable and digests(found) == digests(read(export)[0])
    assert {each["id"] for each in saved.assistants()} == {each["id"] for each in export.assistants()}
    assert set(saved.files()) >= {"file-SxoHYL9f6SN23dsP8KvZJL", "file-Oe2U6qE1nbpbtRBePVPdBN"}
    assert saved.files()["file-SxoHYL9f6SN23dsP8KvZJL"].path is not None
    assert saved.files()["file-Oe2U6qE1nbpbtRBePVPdBN"].path is None
    assert cli("snapshot", "--verify", "--out", "snap").code == 0


def test_a_snapshot_is_for_its_owner_only(cli: Cli, tmp_path: Path, foundry: RunningHost) -> None:
    before = os.umask(0o022)
    try:
        assert cli("snapshot", foundry.url, "--discover", "--out", "kept/snap").code == 0
    finally:
        os.umask(before)
    snap = tmp_path / "kept" / "snap"
    held = [snap, *snap.rglob("*")]
    assert {path.relative_to(snap).parts[0] for path in held if path.is_file()} >= {
        "threads",
        "files",
        "manifest.jsonl",
    }
    assert {path.stat().st_mode & 0o777 for path in held if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in held if path.is_dir()} == {0o700}


def test_running_it_again_reads_nothing_twice(cli: Cli, tmp_path: Path, foundry: RunningHost) -> None:
    cli("snapshot", foundry.url, "--discover", "--out", "snap")
    before = _requests(foundry)
    result = cli("snapshot", foundry.url, "--discover", "--out", "snap", "--output", "json")
    assert result.json["data"]["threads"] == {"total": 32, "read": 0, "failed": 0}
    assert _requests(foundry)["messages"] == before["messages"]
    assert _requests(foundry).get("content") == before.get("content")


def test_killed_at_any_moment_it_goes_on_and_ends_the_same(cli: Cli, tmp_path: Path) -> None:
    sizes = [number % 45 + 1 for number in range(55)]
    export = write_export(tmp_path / "export", sizes)
    with host(tmp_path, export, SourcePreset.FOUNDRY, "reads:latency:ms=5", "reads:500:0.02") as running:
        command = [sys.executable, "-c", SMALL_PARTS, "snapshot", running.url, "--discover", "--out", "snap"]
        for requests in (3, 20, 35):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            _until_messages(running, _requests(running).get("messages", 0) + requests, process)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        result = cli("snapshot", running.url, "--discover", "--out", "snap", "--output", "json")
        assert result.code == 0, result.out
        assert cli("snapshot", "--verify", "--out", "snap").code == 0
        found, unreadable = read(open_source("snap"))
        assert not unreadable and digests(found) == digests(read(open_source(str(export)))[0])


def test_an_interrupt_makes_safe_what_was_read(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [3] * 200)
    with host(tmp_path, export, SourcePreset.FOUNDRY, "reads:latency:ms=20") as running:
        command = [sys.executable, "-m", "migrate_cli", "snapshot", running.url, "--discover", "--out", "snap"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        _until_messages(running, 60, process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, (out, err)
        assert out.startswith(b"! The run was interrupted; run the same command again to resume.")
        manifest = read_manifest(tmp_path / "snap")
        assert not manifest.complete and manifest.counts["threads"] > 0
        assert cli("snapshot", "--verify", "--out", "snap").code == 4


def test_a_thread_that_is_gone_makes_the_snapshot_partial_and_stays_said(
    cli: Cli, tmp_path: Path, foundry: RunningHost
) -> None:
    known = "thread_TxphmWLVr4jhvxjGEgVvOT3y"
    result = cli("snapshot", foundry.url, "--thread", known, "--thread", "thread_gone", "--output", "json")
    assert [result.code, result.json["errors"][0]["code"]] == [3, "thread-gone"]
    assert not read_manifest(tmp_path / "snapshot").whole_source
    plan = cli("plan", "snapshot", "--output", "json")
    assert [error["code"] for error in plan.json["errors"]] == ["thread-gone"]


def test_a_host_that_stops_answering_leaves_a_snapshot_to_go_on_with(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    export = write_export(tmp_path / "export", [2] * 40)
    with host(tmp_path, export, SourcePreset.FOUNDRY) as running:
        assert cli("snapshot", running.url, "--discover", "--limit", "9").code == 0
        url = running.url
    gone = cli("snapshot", url, "--discover", "--output", "json")
    assert gone.code in (2, 5) and gone.json["errors"]
    found, unreadable = read(open_source("snapshot"))
    assert len(found) == 9
    assert [entry.code for entry in unreadable] == ["snapshot-incomplete"]


def test_files_on_disk_are_no_host(cli: Cli, tmp_path: Path) -> None:
    result = cli("snapshot", write_export(tmp_path / "export", [1]))
    assert result.code == 2
    assert "is already on disk" in result.err
    assert cli("snapshot", "--verify", "--out", tmp_path / "export").code == 2


def test_the_snapshot_keeps_no_key(cli: Cli, tmp_path: Path, foundry: RunningHost) -> None:
    cli("snapshot", foundry.url, "--discover", "--out", "snap")
    for path in (tmp_path / "snap").rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()
    assert (tmp_path / "snap" / "threads").stat().st_mode & 0o077 == 0
    assert thread_id(1) not in {path.name for path in (tmp_path / "snap").rglob("*")}


def _requests(running: RunningHost) -> dict[str, int]:
    counted: dict[str, int] = httpx2.get(f"{running.sandbox.control_url}/stats").json()["requests"]
    return counted


def _until_messages(running: RunningHost, wanted: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while _requests(running).get("messages", 0) < wanted:
        if process.poll() is not None:
            return
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
