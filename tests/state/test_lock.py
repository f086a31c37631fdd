"""One writer: the lock lives exactly as long as its process, and says whose it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from migrate_cli.errors import ExitCode, StateLocked
from migrate_cli.state.lock import StateLock, holder, lock_path
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore

OWNER = """
import sys
from migrate_cli.state.store import StateStore
store = StateStore.open(sys.argv[1], command="migrate-cli apply")
print("ready", flush=True)
sys.stdin.read()
store.close()
"""


@contextmanager
def owner(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the state file."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


def test_a_second_process_is_told_which_one_holds_the_file(path: Path) -> None:
    with owner(path) as process:
        with pytest.raises(StateLocked) as caught:
            StateStore.open(path)
        assert caught.value.exit_code == ExitCode.STATE
        for part in (str(process.pid), "migrate-cli apply", "since 2"):
            assert part in str(caught.value)


def test_a_reader_works_meanwhile_and_names_the_process(path: Path) -> None:
    with owner(path) as process, StateReader(path) as reader:
        assert reader.summary()["running"]["process"] == process.pid


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_stopped_process_keeps_the_lock_and_a_killed_one_frees_it(path: Path) -> None:
    with owner(path) as process:
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(StateLocked):
            StateStore.open(path)
        process.kill()
        process.wait()
        assert holder(path) is None
        StateStore.open(path).close()


def test_the_lock_holds_within_one_process_too(store: StateStore, path: Path) -> None:
    with pytest.raises(StateLocked, match=str(os.getpid())):
        StateStore.open(path)


def test_nobody_holds_a_file_that_was_closed(path: Path) -> None:
    StateStore.open(path).close()
    assert holder(path) is None
    StateStore.open(path).close()


def test_an_unreadable_lock_file_still_locks(path: Path) -> None:
    lock = StateLock(path, "migrate-cli apply")
    lock_path(path).write_text("{half")
    found = holder(path)
    with pytest.raises(StateLocked, match="another process"):
        StateLock(path, "migrate-cli apply")
    lock.release()
    assert found is not None
    assert holder(path) is None
