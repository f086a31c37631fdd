"""Files whose bytes lie at a live host or in its snapshot: fetched, uploaded, transcribed, each once, over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.files.remote import AT_ONCE
from migrate_cli.sandbox.assistants_quirks import SourcePreset

from support.exports import thread_id
from support.hosts import KEY, RunningHost, host

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures
from .test_files import PNG, WAV, Strict, attached, export, file_map  # noqa: TID252

PDF = b"%PDF-1.7 plan"


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    monkeypatch.setenv("MIGRATE_SOURCE__PRESET", "foundry")
    monkeypatch.setenv("MIGRATE_SOURCE__DISCOVER", "true")
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")


@pytest.fixture
def strict(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Strict]:
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    with Strict(tmp_path / "strict.db") as target:
        yield target


def stored(folder: Path, files: dict[str, tuple[str, str, bytes]], *threads: dict[str, Any]) -> Path:
    """Write an export with files: name, purpose and bytes by id."""
    objects = [
        {"id": key, "object": "file", "bytes": len(content), "created_at": 1, "filename": name, "purpose": purpose}
        for key, (name, purpose, content) in files.items()
    ]
    path = export(folder, *threads, files={key: content for key, (_, _, content) in files.items()})
    (path / "files.json").write_text(json.dumps({"object": "list", "data": objects}), encoding="utf-8")
    return path


FILES = {
    "file-doc": ("plan.pdf", "assistants_output", PDF),
    "file-pic": ("picture.png", "vision", PNG),
    "file-own": ("mine.txt", "assistants", b"what somebody attached"),
    "file-too": ("too.txt", "assistants", b"attached as well"),
}


@contextmanager
def serving(folder: Path, *threads: dict[str, Any], files: Any = None, faults: tuple[str, ...] = ()) -> Iterator[Any]:
    source = stored(folder / "export", FILES if files is None else files, *threads)
    with host(folder, source, SourcePreset.FOUNDRY, *faults) as running:
        yield running


def asked(running: RunningHost, endpoint: str) -> int:
    stats = httpx2.get(f"{running.sandbox.control_url}/stats").json()["requests"]
    return int(stats.get(endpoint, 0))


def run(cli: Cli, command: str, *args: object) -> dict[str, Any]:
    envelope = cli(command, *args, "--output", "json").json
    parts = envelope["data"].get("parts")
    if parts:
        assert parts["read"] == parts["kept"] + parts["converted"] + parts["noted"] + parts["dropped"]
    return envelope


def all_equal(verified: dict[str, Any]) -> bool:
    found = {sign for sign, count in verified["data"]["outcomes"].items() if count}
    return verified["exit_code"] == 0 and found == {"="}


def named_by(strict: Strict, own: str) -> list[str]:
    return [part["file_id"] for part in strict.parts(own) if "file_id" in part]


def test_bytes_come_straight_from_the_host_and_stay_nowhere(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    threads = [attached(number, "file-doc", images=("file-pic",)) for number in range(1, 9)]
    with serving(tmp_path, *threads) as running:
        result = run(cli, "apply", running.url)
        assert result["exit_code"] == 0, result
        assert [asked(running, "content"), strict.requests("upload")] == [2, 2]
        assert result["data"]["files"]["downloaded"] == 2
        rows = file_map(cli)
        assert strict.client.files.content(rows["file-pic"]["target_file_id"]).read() == PNG
        kept = {file.id: file.filename for file in strict.client.files.list()}
        assert kept == {
            rows["file-doc"]["target_file_id"]: "plan.pdf",
            rows["file-pic"]["target_file_id"]: "picture.png",
        }
        for number in range(1, 9):
            assert sorted(named_by(strict, thread_id(number))) == sorted(row["target_file_id"] for row in rows.values())
        again = run(cli, "apply", running.url)
        assert [again["data"]["writes"], again["data"]["threads"]["unchanged"]] == [0, 8]
        assert asked(running, "content") == 2, "what was uploaded is not fetched again"
        verified = run(cli, "verify", running.url, "--strict")
        assert all_equal(verified), verified
    assert not (tmp_path / "migration.db.files").exists()


def test_what_the_host_keeps_back_is_named_with_its_reason_and_asked_for_once(
    cli: Cli,
    tmp_path: Path,
    strict: Strict,
) -> None:
    with serving(tmp_path, attached(1, "file-own", "file-doc"), attached(2, "file-too", "file-gone")) as running:
        result = run(cli, "apply", running.url)
        assert result["exit_code"] == 0
        told = [row["detail"] for row in result["data"]["finding_list"] if row["code"] == "attachment-file-missing"]
        assert sum("Not allowed to download files of purpose: assistants" in detail for detail in told) == 2
        assert sum("file-gone" in detail and "does not have it (404" in detail for detail in told) == 1
        assert asked(running, "content") == 2, "the second file of that purpose is not asked for"
        assert {key: row["status"] for key, row in file_map(cli).items()} == {
            "file-doc": "uploaded", "file-own": "missing", "file-too": "missing", "file-gone": "missing",
        }  # fmt: skip


def test_planning_believes_the_host_but_sees_whether_it_gives_files_out(cli: Cli, tmp_path: Path) -> None:
    more = {f"file-p{number}": (f"p{number}.pdf", "assistants_output", PDF) for number in range(9)}
    with serving(tmp_path, attached(1, "file-own", *more), files=FILES | more) as running:
        result = run(cli, "plan", running.url)
        assert asked(running, "content") == 2, "one for each purpose"
        assert result["data"]["files"] == {"missing": 1, "uploaded": 9}
        assert result["data"]["findings"]["attachment-file-missing"] == 1
        [said] = [row["detail"] for row in result["data"]["finding_list"] if row["code"] == "files-foretold"]
        assert said.startswith(f"9 files ({9 * len(PDF)} bytes)")


def test_audio_is_fetched_and_transcribed_also_where_ids_are_kept(
    cli: Cli,
    tmp_path: Path,
    strict: Strict,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "keep")
    monkeypatch.setenv("MIGRATE_AUDIO__TRANSCRIBE", "true")
    files = {
        "file-memo": ("memo.wav", "assistants_output", WAV),
        "file-shut": ("shut.wav", "assistants", WAV),
        "file-doc": FILES["file-doc"],
    }
    with serving(tmp_path, *(attached(n, "file-memo", "file-shut") for n in (1, 2)), files=files) as running:
        planned = run(cli, "plan", running.url)["data"]["findings"]
        assert [planned["audio-transcribed"], planned["audio-not-transcribed"]] == [2, 2]
        result = run(cli, "apply", running.url)
        assert result["exit_code"] == 0, result
        assert result["data"]["findings"]["audio-transcribed"] == 2
        reasons = [row["detail"] for row in result["data"]["finding_list"] if row["code"] == "audio-not-transcribed"]
        assert all("does not hand it out" in reason for reason in reasons) and len(reasons) == 2
        assert strict.requests("transcribe") == 1
        assert any("transcript of memo.wav" in part.get("text", "") for part in strict.parts(thread_id(2)))


def test_a_name_that_lies_is_found_out_once_the_bytes_are_here(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    files = {"file-lie": ("notes.txt", "assistants_output", WAV), "file-bare": ("scan", "assistants_output", PDF)}
    with serving(tmp_path, attached(1, "file-lie", "file-bare"), files=files) as running:
        first = run(cli, "apply", running.url)
        assert first["data"]["findings"]["audio-not-transcribed"] == 1
        assert len(named_by(strict, thread_id(1))) == 1
        assert run(cli, "apply", running.url)["data"]["threads"]["unchanged"] == 1
        assert asked(running, "content") == 2


FAULTS = ("500", "cut", "break", "reset-before", "reset-after", "html", "429")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_download_that_fails_is_repeated(cli: Cli, tmp_path: Path, strict: Strict, fault: str) -> None:
    with serving(tmp_path, attached(1, "file-pic"), faults=(f"content:{fault}:count=1",)) as running:
        assert run(cli, "apply", running.url)["exit_code"] == 0
        [row] = file_map(cli).values()
        assert strict.client.files.content(row["target_file_id"]).read() == PNG


def test_a_file_that_the_host_cannot_send_does_not_stop_the_others(
    cli: Cli,
    tmp_path: Path,
    strict: Strict,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("migrate_cli.http.retry.LONGEST_WAIT", 0.01)
    with serving(tmp_path, attached(1, "file-doc"), faults=("content:500",)) as running:
        result = run(cli, "apply", running.url)
        assert result["exit_code"] == 0
        [said] = [row["detail"] for row in result["data"]["finding_list"] if row["code"] == "attachment-file-missing"]
        assert "answers, but does not send this file" in said


def test_killed_in_the_middle_it_fetches_and_uploads_only_what_is_left(
    cli: Cli,
    tmp_path: Path,
    strict: Strict,
) -> None:
    files = {f"file-d{n}": (f"d{n}.txt", "assistants_output", f"text {n}".encode()) for n in range(60)}
    threads = [attached(n, f"file-d{n}", f"file-d{(n * 7) % 60}") for n in range(60)]
    with serving(tmp_path, *threads, files=files) as running:
        _killed_after(20, strict, "apply", running.url)
        result = run(cli, "apply", running.url)
        assert result["exit_code"] == 0
        rows = file_map(cli)
        assert [{row["status"] for row in rows.values()}, len(rows)] == [{"uploaded"}, 60]
        assert len({row["target_file_id"] for row in rows.values()}) == 60
        assert strict.requests("upload") < 60 + 17
        assert asked(running, "content") < 60 + 17
        for n in range(60):
            wanted = dict.fromkeys((f"file-d{n}", f"file-d{(n * 7) % 60}"))
            assert named_by(strict, thread_id(n)) == [rows[name]["target_file_id"] for name in wanted]
    assert not (tmp_path / "migration.db.files").exists()


def test_interrupted_while_files_come_it_stops_in_good_order_and_leaves_no_bytes(
    cli: Cli, tmp_path: Path, strict: Strict
) -> None:
    files = {f"file-d{n}": (f"d{n}.txt", "assistants_output", f"text {n}".encode()) for n in range(60)}
    threads = [attached(n, f"file-d{n}") for n in range(60)]
    with serving(tmp_path, *threads, files=files, faults=("content:latency:ms=50",)) as running:
        code = _ended_after(10, strict, signal.SIGTERM, "apply", running.url)
        assert code == 130
        assert not (tmp_path / "migration.db.files").exists()
        assert run(cli, "apply", running.url)["exit_code"] == 0
        assert strict.requests("upload") == 60
        assert asked(running, "content") <= 60 + AT_ONCE, "at most what had come and was not yet sent"


def test_a_snapshot_is_uploaded_whole_also_when_it_is_killed_on_the_way(
    cli: Cli,
    tmp_path: Path,
    strict: Strict,
) -> None:
    files = {f"file-d{n}": (f"d{n}.txt", "assistants_output", f"text {n}".encode()) for n in range(40)}
    threads = [attached(n, f"file-d{n}", images=("file-pic",)) for n in range(40)] + [attached(40, "file-own")]
    with serving(tmp_path, *threads, files=files | FILES) as running:
        assert cli("snapshot", running.url).code == 0
    _killed_after(15, strict, "apply", "snapshot")
    result = run(cli, "apply", "snapshot")
    assert result["exit_code"] == 0
    rows = file_map(cli)
    assert rows.pop("file-own")["status"] == "missing"
    assert [{row["status"] for row in rows.values()}, len(rows)] == [{"uploaded"}, 41]
    assert strict.requests("upload") < 41 + 17
    for n in range(40):
        assert named_by(strict, thread_id(n)) == [rows[name]["target_file_id"] for name in ("file-pic", f"file-d{n}")]
    verified = run(cli, "verify", "snapshot", "--strict")
    assert all_equal(verified), verified
    assert run(cli, "apply", "snapshot")["data"]["writes"] == 0


def _killed_after(uploads: int, strict: Strict, *args: str) -> None:
    _ended_after(uploads, strict, signal.SIGKILL, *args)


def _ended_after(uploads: int, strict: Strict, sign: signal.Signals, *args: str) -> int:
    command = [sys.executable, "-m", "migrate_cli", *args, "--output", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ)
    while strict.requests("upload") < uploads and process.poll() is None:
        pass
    process.send_signal(sign)
    process.communicate()
    return process.returncode
