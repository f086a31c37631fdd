"""`--max-duration`: a run ends in good order when its time is over, says what is left, and is gone on with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.snapshot.layout import read_manifest

from support.exports import texts_of, thread_id, write_export
from support.hosts import KEY, digests, host, read

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures

THREADS = 40


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_export(tmp_path / "export", [3] * THREADS)


def misbehave(target: EmbeddedSandbox, *rules: str) -> None:
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        assert control.post("/faults", json={"rules": list(rules)}).status_code == 200


def is_loaded(export: Path, target: EmbeddedSandbox) -> bool:
    return conversations(target.data) == {thread_id(n): texts_of(export, thread_id(n)) for n in range(1, THREADS + 1)}


@pytest.mark.parametrize("more", [[], ["--processes", "2"]])
def test_what_is_left_is_said_and_the_same_command_goes_on(
    cli: Cli, target: EmbeddedSandbox, export: Path, more: list[str]
) -> None:
    # So slow that the threads take minutes one after the other.
    misbehave(target, "append:latency:ms=3000")
    command = ["apply", export, "--workers", "1", "--output", "json", *more, "--max-duration"]
    first = cli(*command, "2s")
    assert first.code == 130, first.out
    data = first.json["data"]
    assert data["time_limit"] == 2 and data["reached"]["of"] == THREADS and data["reached"]["threads"] < THREADS
    assert first.json["errors"] == []
    left = THREADS - data["reached"]["threads"]
    assert (
        f"It ended after 2.0 s (--max-duration); {left} are left; run the same command again" in first.json["headline"]
    )
    assert "To resume, run the same command again" in first.err
    misbehave(target)
    assert cli(*command, "1h").code == 0
    assert is_loaded(export, target)


def test_a_run_that_is_done_in_time_ends_as_without_a_limit(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    outcome = cli("apply", export, "--max-duration", "1h", "-o", "json")
    assert outcome.code == 0
    assert "time_limit" not in outcome.json["data"] and "reached" not in outcome.json["data"]


def test_verify_goes_on_with_what_is_left(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    assert cli("apply", export).code == 0
    misbehave(target, "list:latency:ms=2000")
    first = cli("verify", export, "--workers", "1", "--max-duration", "3s", "-o", "json")
    assert (first.code, first.json["data"]["time_limit"]) == (130, 3)
    misbehave(target)
    second = cli("verify", export, "--max-duration", "1h", "-o", "json")
    assert second.code == 0
    assert second.json["data"]["resumes"] == first.json["run_id"]
    assert second.json["data"]["threads"]["verified"] == THREADS


def test_a_snapshot_is_made_safe_and_gone_on_with(
    cli: Cli, tmp_path: Path, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    monkeypatch.setenv("MIGRATE_SOURCE__PRESET", "foundry")
    with host(tmp_path, export, SourcePreset.FOUNDRY, "reads:latency:ms=700") as running:
        command = [sys.executable, "-m", "migrate_cli", "snapshot", running.url, "--discover", "--out", "snap"]
        ended = subprocess.run(
            [*command, "--max-duration", "3s"], capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 130, ended.stderr
        assert ended.stdout.startswith("! It ended after 3.0 s (--max-duration); run the same command again to resume.")
        assert not read_manifest(tmp_path / "snap").complete
        with httpx2.Client(base_url=running.sandbox.control_url, headers=CONTROL_HEADERS) as control:
            control.post("/faults", json={"rules": []})
        assert cli("snapshot", running.url, "--discover", "--out", "snap").code == 0
        assert digests(read(open_source("snap"))[0]) == digests(read(open_source(str(export)))[0])


@pytest.mark.parametrize("command", ["apply", "verify", "snapshot"])
def test_what_is_no_time_is_refused_before_any_work(
    cli: Cli, target: EmbeddedSandbox, export: Path, command: str
) -> None:
    outcome = cli(command, export, "--max-duration", "soon")
    assert (outcome.code, outcome.err.strip()) == (
        2,
        "migrate-cli: --max-duration takes a time such as 90s, 30m, 2h or 1h30m, not soon",
    )
