"""A run over a live host that ended early is gone on with: what it had loaded is not read again, and stays counted."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.assistants_load import load_source
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.sources.export.open import open_source

from support.exports import texts_of, thread_id, write_export
from support.hosts import KEY, RunningHost, host

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures

SIZES = [number % 9 + 1 for number in range(60)]
LOADED = "state = 'loaded' AND reason IS NOT 'restored'"
"""What the state file itself knows; a thread that only its list of ids calls loaded is read once more."""


@pytest.fixture
def foundry(
    tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> Iterator[RunningHost]:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    with host(
        tmp_path, write_export(tmp_path / "export", SIZES), SourcePreset.FOUNDRY, "messages:latency:ms=60"
    ) as own:
        monkeypatch.setenv("MIGRATE_SOURCE__KIND", "api")
        monkeypatch.setenv("MIGRATE_SOURCE__PRESET", "foundry")
        monkeypatch.setenv("MIGRATE_SOURCE__BASE_URL", own.url)
        monkeypatch.setenv("MIGRATE_SOURCE__DISCOVER", "true")
        yield own


def reads(running: RunningHost) -> int:
    stats = httpx2.get(f"{running.sandbox.control_url}/stats").json()["requests"]
    return int(stats.get("messages", 0))


def loaded() -> int:
    if not Path("migration.db").exists():
        return 0
    try:
        with closing(sqlite3.connect("migration.db")) as db:
            return int(db.execute(f"SELECT count(*) FROM thread WHERE {LOADED}").fetchone()[0])
    except sqlite3.Error:
        return 0


def end_early(sign: signal.Signals, after: int) -> int:
    """Start a run, end it once some threads are loaded, and return how many the state file knows."""
    process = subprocess.Popen([sys.executable, "-m", "migrate_cli", "apply"], stdout=subprocess.PIPE)
    end = time.monotonic() + 60
    while loaded() < after:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(sign)
    process.communicate()
    return loaded()


def lose_the_last_commit() -> None:
    """Leave the state file as a kill between the list's lines and the commit they belong to leaves it."""
    lines = Path("migration.db.map.jsonl").read_bytes().splitlines(keepends=True)
    number = max(n for n, line in enumerate(lines) if json.loads(line).get("state") == "loaded")
    thread = json.loads(lines[number])["thread_id"]
    with closing(sqlite3.connect("migration.db")) as db, db:
        db.execute("DELETE FROM item WHERE thread = (SELECT key FROM thread WHERE id = ?)", (thread,))
        db.execute("UPDATE thread SET state = 'loading', position = 0 WHERE id = ?", (thread,))
        before = {"line": json.loads(lines[number - 1])["n"], "map_bytes": len(b"".join(lines[:number]))}
        for name, value in before.items():
            db.execute("UPDATE identity SET value = ? WHERE key = ?", (str(value), name))


def apply(cli: Cli, *args: object) -> dict[str, Any]:
    return cli("apply", *args, "--output", "json").json


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_what_the_run_had_loaded_is_neither_read_again_nor_lost_from_the_totals(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, foundry: RunningHost, sign: signal.Signals
) -> None:
    known, before = end_early(sign, 12), reads(foundry)
    result = apply(cli)
    assert result["exit_code"] == 0
    assert reads(foundry) - before == 60 - known
    data = result["data"]
    assert [data["threads"][name] for name in ("total", "loaded", "resumed")] == [60, 60, known]
    assert data["messages"] == {"read": sum(SIZES), "items": sum(SIZES)}
    assert data["parts"]["read"] == data["parts"]["kept"] < sum(SIZES)
    assert data["findings"]["source-not-reread"] == 1
    found = conversations(target.data)
    assert found == {thread_id(n): texts_of(tmp_path / "export", thread_id(n)) for n in range(1, 61)}
    assert {row["thread_id"] for row in data["thread_list"]} == set(found)


def test_a_thread_whose_last_commit_was_lost_in_the_kill_is_read_again_and_keeps_the_digests_of_its_items(
    cli: Cli, target: EmbeddedSandbox, foundry: RunningHost
) -> None:
    end_early(signal.SIGKILL, 12)
    lose_the_last_commit()
    known, before = loaded(), reads(foundry)
    result = apply(cli)
    assert [result["exit_code"], result["data"]["threads"]["resumed"]] == [0, known]
    assert reads(foundry) - before == 60 - known
    with closing(sqlite3.connect("migration.db")) as db:
        assert db.execute("SELECT count(*), count(digest) FROM item").fetchone() == (sum(SIZES), sum(SIZES))


def test_killed_again_and_again_each_thread_is_read_once_more_at_most_for_each_kill(
    cli: Cli, target: EmbeddedSandbox, foundry: RunningHost
) -> None:
    for after in (10, 25):
        end_early(signal.SIGKILL, after)
    known, before = loaded(), reads(foundry)
    assert known >= 25
    assert apply(cli)["data"]["threads"]["resumed"] == known
    assert reads(foundry) - before == 60 - known


def test_the_run_after_one_that_came_to_its_end_reads_everything_and_finds_what_has_grown(
    cli: Cli, tmp_path: Path, foundry: RunningHost
) -> None:
    end_early(signal.SIGKILL, 12)
    assert apply(cli)["exit_code"] == 0
    load_source(foundry.sandbox.data, open_source(str(write_export(tmp_path / "export", [SIZES[0] + 2, *SIZES[1:]]))))
    result = apply(cli)
    assert [result["exit_code"], [error["code"] for error in result["errors"]]] == [3, ["source-grown"]]
    assert [result["data"]["threads"].get(name) for name in ("unchanged", "resumed")] == [59, None]


def test_append_reads_what_was_loaded_too(cli: Cli, foundry: RunningHost) -> None:
    end_early(signal.SIGKILL, 12)
    before = reads(foundry)
    assert "resumed" not in apply(cli, "--append")["data"]["threads"]
    assert reads(foundry) - before == 60


def test_a_limit_means_the_same_threads_as_before(cli: Cli, foundry: RunningHost) -> None:
    known = end_early(signal.SIGKILL, 12)
    result = apply(cli, "--limit", "5")
    assert [result["data"]["threads"]["total"], result["data"]["writes"]] == [5, 0]
    assert loaded() == known


def test_threads_that_are_asked_for_by_id_are_found_in_what_was_loaded(cli: Cli, foundry: RunningHost) -> None:
    end_early(signal.SIGKILL, 12)
    with closing(sqlite3.connect("migration.db")) as db:
        [own] = db.execute("SELECT id FROM thread WHERE state = 'loaded' LIMIT 1").fetchone()
    before = reads(foundry)
    result = apply(cli, "--thread", own, "--thread", "thread_gone")
    assert [error["code"] for error in result["errors"]] == ["thread-gone"]
    assert [result["data"]["threads"]["loaded"], reads(foundry) - before] == [1, 0]


def test_an_export_is_read_whole_also_when_its_run_ended_early(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2, 3])
    assert apply(cli, export)["exit_code"] == 0
    with closing(sqlite3.connect("migration.db")) as db, db:
        db.execute("UPDATE run SET exit_code = NULL")
    result = apply(cli, export)
    assert [result["data"]["threads"].get(name) for name in ("unchanged", "resumed")] == [2, None]
