"""`snapshot --refresh`: a finished snapshot follows its host, reading again only what has changed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.assistants_load import load_source
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.snapshot import writer
from migrate_cli.sources.snapshot.layout import PROGRESS, read_manifest

from commands.conftest import Cli, Outcome, conversations
from support.exports import texts_of, thread, thread_id, write_export
from support.hosts import KEY, RunningHost, digests, host, read


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    monkeypatch.setenv("MIGRATE_SOURCE__PRESET", "foundry")
    # Several small parts, so that some are written anew and some are not.
    monkeypatch.setattr(writer, "PART_THREADS", 4)
    monkeypatch.setattr(writer, "LONG", 30)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_export(tmp_path / "export", [3] * 10 + [40])


@pytest.fixture
def running(tmp_path: Path, export: Path) -> Iterator[RunningHost]:
    with host(tmp_path, export, SourcePreset.FOUNDRY) as one:
        yield one


def change(export: Path, number: int, messages: int | None, **frame: Any) -> None:
    """Let a thread have so many messages, and other facts, or none at all."""
    path = export / f"{thread_id(number)}.json"
    if messages is None:
        path.unlink()
        return
    one = thread(number, messages)
    one["thread"] |= frame
    path.write_text(json.dumps(one), encoding="utf-8")


def serve(tmp_path: Path, export: Path) -> None:
    """Let the host hold what the export holds now."""
    load_source(tmp_path / "foundry.db", open_source(str(export)))


def take(cli: Cli, running: RunningHost, *options: object) -> Outcome:
    return cli("snapshot", running.url, "--discover", "--out", "snap", "-o", "json", *options)


def requests(running: RunningHost) -> dict[str, int]:
    counts: dict[str, int] = httpx2.get(f"{running.sandbox.control_url}/stats").json()["requests"]
    return counts


def is_like(export: Path) -> bool:
    """Whether the snapshot is whole, and gives the threads of the export and no others."""
    found, unreadable = read(open_source("snap"))
    wanted, _ = read(open_source(str(export)))
    return not unreadable and digests(found) == digests(wanted)


def test_threads_that_grew_are_read_again_and_what_changed_is_said(
    cli: Cli, tmp_path: Path, running: RunningHost, export: Path
) -> None:
    assert take(cli, running).code == 0
    change(export, 2, 5)
    change(export, 7, 3, metadata={"tier": "gold"})
    change(export, 11, 45)
    change(export, 12, 2)
    serve(tmp_path, export)
    outcome = take(cli, running, "--refresh")
    assert outcome.code == 0, outcome.out
    data = outcome.json["data"]
    assert {name: data["refresh"][name] for name in ("unchanged", "grown", "changed", "new", "gone")} == {
        "unchanged": 8, "grown": 2, "changed": 1, "new": 1, "gone": 0,
    }  # fmt: skip
    assert data["changes"] == [
        {"thread_id": thread_id(2), "change": "grown", "messages_before": 3, "messages": 5},
        {"thread_id": thread_id(7), "change": "changed", "messages_before": 3, "messages": 3},
        {"thread_id": thread_id(11), "change": "grown", "messages_before": 40, "messages": 45},
    ]
    assert outcome.json["headline"] == "Of the threads, 2 grown, 1 changed, 1 new and 8 as before."
    assert data["threads"] == {"total": 12, "read": 4, "failed": 0}
    assert is_like(export)
    assert cli("snapshot", "--verify", "--out", "snap").code == 0


def test_nothing_is_read_whole_where_nothing_changed(
    cli: Cli, tmp_path: Path, running: RunningHost, export: Path
) -> None:
    assert take(cli, running).code == 0
    before = {path: path.read_bytes() for path in Path("snap", "threads").iterdir()}
    outcome = take(cli, running, "--refresh")
    assert outcome.json["data"]["refresh"]["unchanged"] == 11
    assert outcome.json["data"]["threads"]["read"] == 0
    assert {path: path.read_bytes() for path in Path("snap", "threads").iterdir()} == before
    assert cli("snapshot", "--verify", "--out", "snap").code == 0


def test_a_thread_that_is_gone_from_the_host_stays_saved(
    cli: Cli, tmp_path: Path, running: RunningHost, export: Path
) -> None:
    assert take(cli, running).code == 0
    before, _ = read(open_source("snap"))
    change(export, 4, None)
    serve(tmp_path, export)
    outcome = take(cli, running, "--refresh")
    assert (outcome.code, outcome.json["data"]["refresh"]["gone"]) == (0, 1)
    assert outcome.json["data"]["changes"] == [{"thread_id": thread_id(4), "change": "gone"}]
    after, unreadable = read(open_source("snap"))
    assert not unreadable and digests(after) == digests(before)


def test_a_snapshot_of_an_earlier_version_is_refreshed_too(
    cli: Cli, tmp_path: Path, running: RunningHost, export: Path
) -> None:
    assert take(cli, running).code == 0
    with sqlite3.connect(Path("snap", PROGRESS)) as ledger:
        ledger.execute("DROP TABLE saved")
        ledger.execute("DROP TABLE checked")
    ledger.close()
    change(export, 3, 6)
    change(export, 11, 41)
    serve(tmp_path, export)
    outcome = take(cli, running, "--refresh")
    assert outcome.json["data"]["refresh"]["unchanged"] == 9
    assert [entry["change"] for entry in outcome.json["data"]["changes"]] == ["grown", "grown"]
    assert is_like(export) and cli("snapshot", "--verify", "--out", "snap").code == 0


def test_a_choice_says_which_threads_are_looked_at(
    cli: Cli, tmp_path: Path, running: RunningHost, export: Path
) -> None:
    assert take(cli, running).code == 0
    change(export, 2, 5)
    change(export, 5, 5)
    serve(tmp_path, export)
    outcome = take(cli, running, "--refresh", "--thread", thread_id(5))
    assert [entry["thread_id"] for entry in outcome.json["data"]["changes"]] == [thread_id(5)]
    outcome = take(cli, running, "--refresh")
    assert [entry["thread_id"] for entry in outcome.json["data"]["changes"]] == [thread_id(2)]
    assert is_like(export)


def test_a_snapshot_that_is_not_there_cannot_be_refreshed(cli: Cli, running: RunningHost) -> None:
    outcome = cli("snapshot", running.url, "--discover", "--out", "other", "--refresh")
    assert (outcome.code, outcome.err.strip()) == (
        2,
        "migrate-cli: other holds no snapshot to refresh; omit --refresh to take one",
    )


def test_a_damaged_part_is_named_and_nothing_is_lost(
    cli: Cli, tmp_path: Path, running: RunningHost, export: Path
) -> None:
    assert take(cli, running).code == 0
    part = sorted(Path("snap", "threads").glob("part-*"))[0]
    kept = part.read_bytes()
    part.write_bytes(kept[:-30])
    change(export, 1, 5)
    serve(tmp_path, export)
    outcome = take(cli, running, "--refresh")
    assert outcome.code == 2 and str(part) in outcome.json["errors"][0]["message"]
    part.write_bytes(kept)
    assert take(cli, running, "--refresh").code == 0
    assert is_like(export) and cli("snapshot", "--verify", "--out", "snap").code == 0


SMALL_PARTS = (
    "import migrate_cli.sources.snapshot.writer as w; w.PART_THREADS = 3; w.LONG = 30;"
    "from migrate_cli.__main__ import main; main()"
)


def test_killed_at_any_moment_a_refresh_goes_on_and_ends_the_same(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [number % 35 + 1 for number in range(40)])
    with host(tmp_path, export, SourcePreset.FOUNDRY, "reads:latency:ms=5") as running:
        assert take(cli, running).code == 0
        for number in range(1, 41, 2):
            change(export, number, number % 35 + 4)
        serve(tmp_path, export)
        command = [sys.executable, "-c", SMALL_PARTS, "snapshot", running.url, "--discover", "--out", "snap"]
        for after in (12, 30, 50):
            process = subprocess.Popen([*command, "--refresh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            wanted = requests(running).get("messages", 0) + after
            while requests(running).get("messages", 0) < wanted and process.poll() is None:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            # Whatever a kill leaves, every thread is there once, at least as new as it was, or it is said.
            found, unreadable = read(open_source("snap"))
            assert set(found) == {thread_id(number) for number in range(1, 41)}
            assert {entry.code for entry in unreadable} <= {"snapshot-incomplete", "duplicate-thread-id"}
        outcome = take(cli, running, "--refresh")
        assert outcome.code == 0, outcome.out
        assert is_like(export) and cli("snapshot", "--verify", "--out", "snap").code == 0


def test_interrupted_it_leaves_a_snapshot_that_is_complete_and_says_how_to_go_on(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [3] * 60)
    with host(tmp_path, export, SourcePreset.FOUNDRY, "reads:latency:ms=20") as running:
        assert take(cli, running).code == 0
        change(export, 60, 9)
        serve(tmp_path, export)
        command = [sys.executable, "-m", "migrate_cli", "snapshot", running.url, "--discover", "--out", "snap"]
        process = subprocess.Popen(
            [*command, "--refresh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)
        )
        wanted = requests(running).get("messages", 0) + 40
        while requests(running).get("messages", 0) < wanted and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, (out, err)
        assert read_manifest(tmp_path / "snap").complete
        outcome = take(cli, running, "--refresh")
        assert outcome.code == 0 and outcome.json["data"]["refresh"]["passed"] > 0
        assert "This resumed the refresh of" in outcome.json["headline"]
        assert is_like(export)


def test_what_grew_is_appended_to_the_conversations_that_are_there(
    cli: Cli, tmp_path: Path, running: RunningHost, export: Path, target: EmbeddedSandbox
) -> None:
    assert take(cli, running).code == 0
    assert cli("apply", "snap").code == 0
    change(export, 2, 5)
    change(export, 12, 2)
    serve(tmp_path, export)
    assert take(cli, running, "--refresh").code == 0
    outcome = cli("apply", "snap", "--append", "-o", "json")
    assert outcome.code == 0, outcome.out
    assert conversations(target.data) == {
        thread_id(number): texts_of(export, thread_id(number)) for number in range(1, 13)
    }
    assert cli("verify", "snap").code == 0
