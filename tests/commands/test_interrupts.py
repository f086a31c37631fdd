"""Ctrl-C, SIGTERM, and what is said at the end; a state file that takes no more."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from migrate_cli.commands.signals import Interrupts
from migrate_cli.report.progress import SilentProgress
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.state.writer import JournalFailed

from support.exports import texts_of, thread_id, write_export

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures


def begin(export: Path, target: EmbeddedSandbox, *faults: str) -> subprocess.Popen[str]:
    """Start a migration against a misbehaving target, and return once it has sent something."""
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        control.post("/faults", json={"rules": list(faults)})
        process = subprocess.Popen(
            [sys.executable, "-m", "migrate_cli", "apply", str(export), "--workers", "4"],
            env={**os.environ, "MIGRATE_LOAD__PILOT": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while control.get("/stats").json()["requests"].get("append", 0) < 1:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        control.post("/faults", json={"rules": []})
    return process


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("fault", ["append:hang", "append:429:retry_after=60", "append:locked", "append:500"])
def test_one_signal_drains_within_seconds_whatever_the_target_does(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, number: signal.Signals, fault: str
) -> None:
    export = write_export(tmp_path / "export", [30] * 12)
    process = begin(export, target, fault)
    process.send_signal(number)
    _, err = process.communicate(timeout=25)
    assert process.returncode == 130, err
    assert "run the same command again" in err or "migrate-cli apply" in last_line(err)
    assert cli("apply", export).code == 0
    assert conversations(target.data) == {thread_id(n): texts_of(export, thread_id(n)) for n in range(1, 13)}


def test_the_second_signal_ends_at_once_and_still_says_how_to_go_on(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [30] * 12)
    process = begin(export, target, "append:hang")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=5)
    assert process.returncode == 130
    assert "run the same command again" in last_line(err)
    assert cli("apply", export).code == 0
    assert conversations(target.data) == {thread_id(n): texts_of(export, thread_id(n)) for n in range(1, 13)}


def test_conversations_that_no_disk_remembers_are_named_on_stderr(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise JournalFailed("The disk of the state file m.db is full.", {"thread_a": "conv_1", "thread_b": "conv_2"})

    monkeypatch.setattr("migrate_cli.state.writer.Writer.durable", full)
    outcome = cli("apply", write_export(tmp_path / "export", [2]))
    assert outcome.code == 10
    assert "thread_a is conv_1" in outcome.err
    assert "thread_b is conv_2" in outcome.err


def test_a_command_that_blocks_acts_on_a_signal_at_its_next_check() -> None:
    drained: list[bool] = []
    interrupts = Interrupts(SilentProgress(), lambda: drained.append(True))
    with interrupts.counted():
        signal.raise_signal(signal.SIGTERM)
        assert (interrupts.met, drained) == (False, [])
        interrupts.check()
        interrupts.check()
    assert (interrupts.met, drained) == (True, [True])


def test_a_command_in_another_thread_leaves_the_signals_of_the_process_alone() -> None:
    async def run() -> None:
        with Interrupts(SilentProgress(), lambda: None).on_loop():
            pass

    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run()).result()
    assert signal.getsignal(signal.SIGTERM) is before
