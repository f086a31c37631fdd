"""`apply`: the whole way from an export to conversations, over HTTP."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import texts_of, thread_id, write_export

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "thread-exports"


def apply_json(cli: Cli, *args: object) -> dict[str, Any]:
    return cli("apply", *args, "--output", "json").json


def test_threads_of_every_awkward_length_arrive_whole_and_in_order(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    sizes = [1, 19, 20, 21, 40, 41, 100, 101, 250, 5000]
    export = write_export(tmp_path / "export", sizes)
    result = apply_json(cli, export)
    assert result["exit_code"] == 0
    assert result["data"]["threads"]["loaded"] == len(sizes)
    found = conversations(target.data)
    for number in range(1, len(sizes) + 1):
        assert found[thread_id(number)] == texts_of(export, thread_id(number))


def test_a_thread_without_messages_is_skipped_with_its_reason(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    result = apply_json(cli, write_export(tmp_path / "export", [0, 2]))
    assert result["exit_code"] == 0
    assert result["data"]["skipped"] == [{"thread_id": thread_id(1), "reason": "no-messages"}]
    assert set(conversations(target.data)) == {thread_id(2)}


def test_a_second_run_sends_no_write_and_says_so(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [3, 30])
    assert apply_json(cli, export)["data"]["writes"] == 2 + 1 + 2
    again = cli("apply", export)
    assert again.code == 0
    assert "nothing was sent" in " ".join(again.out.lower().split())
    result = apply_json(cli, export)
    assert result["data"]["writes"] == 0
    assert result["data"]["threads"]["unchanged"] == 2
    assert result["data"]["requests"]["sent"] == 0


def test_the_least_possible_number_of_requests_is_sent_the_pilot_aside(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_LOAD__PILOT", "0")
    result = apply_json(cli, write_export(tmp_path / "export", [1, 20, 21, 60]))
    assert result["data"]["requests"] == {"sent": 4 + 1 + 1 + 2 + 3, "retried": 0, "ambiguous": 0}


def test_a_rehearsal_says_that_nothing_real_was_written(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2])
    outcome = cli("apply", export, "--target", "sandbox")
    assert outcome.code == 0
    assert "nothing real was written" in " ".join(outcome.out.lower().split())
    assert apply_json(cli, export, "--target", "sandbox")["data"]["writes"] == 0


def test_the_ids_in_the_map_are_the_ids_at_the_target(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    from openai import OpenAI

    export = write_export(tmp_path / "export", [25])
    apply_json(cli, export)
    rows = [
        json.loads(line) for line in cli("map", "export", "--level", "messages", "--format", "jsonl").out.splitlines()
    ]
    client = OpenAI(base_url=target.base_url, api_key="sk-test-key-0123456789")
    items = list(client.conversations.items.list(rows[0]["conversation_id"], order="asc", limit=100))
    assert [row["item_id"] for row in rows] == [item.id for item in items]
    source = json.loads((export / f"{thread_id(1)}.json").read_text())["messages"]
    assert [row["message_id"] for row in rows] == [entry["id"] for entry in source]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded samples are not here")
def test_every_recorded_thread_is_loaded_or_skipped_and_reads_back_in_order(cli: Cli, tmp_path: Path) -> None:
    from openai import OpenAI

    state = tmp_path / "m.db"
    result = apply_json(cli, SAMPLES, "--target", "sandbox", "--state", state)
    threads, parts = result["data"]["threads"], result["data"]["parts"]
    assert result["exit_code"] == 0
    assert threads["total"] == threads["loaded"] + threads["skipped"] == 26
    assert parts["read"] == parts["kept"] + parts["converted"] + parts["noted"] + parts["dropped"]
    rows = json.loads(cli("map", "export", "--format", "json", "--state", state, "--rehearsal").out)
    with EmbeddedSandbox(tmp_path / "m.db.sandbox") as server:
        client = OpenAI(base_url=server.base_url, api_key="any-key")
        for row in rows:
            source = json.loads((SAMPLES / f"{row['thread_id']}.json").read_text())["messages"]
            expected = [
                part["text"]["value"] for entry in source for part in entry["content"] if part["type"] == "text"
            ]
            items = client.conversations.items.list(row["conversation_id"], order="asc", limit=100)
            texts = [
                part.text for item in items if item.type == "message" for part in item.content if hasattr(part, "text")
            ]
            remaining = iter(texts)
            assert all(text in remaining for text in expected), row["thread_id"]


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "migrate_cli", *map(str, args)]


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments_and_run_again_it_ends_the_same(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, seed: int
) -> None:
    random = Random(seed)
    sizes = [random.randint(1, 70) for _ in range(60)]
    export = write_export(tmp_path / "export", sizes)
    for share in (0.0, 0.3, 0.6):
        process = subprocess.Popen(command("apply", export), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        _wait_for_items(target.data, int(sum(sizes) * (share + 0.2 * random.random())), process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    result = apply_json(cli, export)
    assert result["exit_code"] == 0
    found = {source: texts for source, texts in conversations(target.data).items() if texts}
    assert found == {thread_id(n): texts_of(export, thread_id(n)) for n in range(1, len(sizes) + 1)}
    assert apply_json(cli, export)["data"]["writes"] == 0


def test_one_interrupt_drains_and_the_next_run_goes_on(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [100] * 60)
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        # So slow that the interrupt comes long before the end, however busy the machine is.
        control.post("/faults", json={"rules": ["append:latency:ms=500"]})
        process = subprocess.Popen(
            command("apply", export, "--output", "json", "--workers", "2"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        _wait_for_items(target.data, 0, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        control.post("/faults", json={"rules": []})
    assert process.returncode == 130, err
    stopped = json.loads(out)
    assert stopped["exit_code"] == 130
    assert stopped["data"]["threads"]["loaded"] < 60
    assert "run the same command again" in " ".join(err.decode().lower().split())
    result = apply_json(cli, export)
    assert result["exit_code"] == 0
    found = conversations(target.data)
    assert all(found[thread_id(n)] == texts_of(export, thread_id(n)) for n in range(1, 61))


def _wait_for_items(data: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Return when the target holds so many items, by looking into its own data, or when the process has ended."""
    with closing(sqlite3.connect(f"file:{data}?mode=ro", uri=True)) as db:
        while process.poll() is None and db.execute("SELECT count(*) FROM item").fetchone()[0] <= count:
            os.sched_yield()
