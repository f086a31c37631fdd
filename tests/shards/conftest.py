"""One migration as many processes, run as a user does, with a target of its own on loopback."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox

from commands.conftest import Cli, Outcome, cli, conversations, target
from support.exports import texts_of, thread_id

__all__ = ["Cli", "Outcome", "cli", "conversations", "target"]

SIZES = [3, 25, 1, 41, 8, 20, 21, 60, 5, 2, 33, 12] * 4
"""Messages of the threads of an export: none, one and several full batches."""


def told(export: Path, count: int = len(SIZES)) -> dict[str, list[str]]:
    """What the target must hold in the end."""
    return {thread_id(number): texts_of(export, thread_id(number)) for number in range(1, count + 1)}


def hashes(state: Path) -> dict[str, list[bytes]]:
    """The hashes of all items by thread, as the state file has them."""
    found: dict[str, list[bytes]] = {}
    with closing(sqlite3.connect(state)) as conn:
        rows = conn.execute(
            "SELECT thread.id, item.digest FROM item JOIN thread ON thread.key = item.thread ORDER BY thread.id, idx"
        )
        for thread, digest in rows:
            found.setdefault(thread, []).append(digest)
    return found


def appends(target: EmbeddedSandbox) -> int:
    """How many batches the target was sent."""
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        return int(control.get("/stats").json()["requests"].get("append", 0))


@contextmanager
def slowed(target: EmbeddedSandbox, rule: str = "append:latency:ms=200") -> Iterator[None]:
    """Let the target answer so slowly meanwhile that a run is in its middle for as long as a test needs."""
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        control.post("/faults", json={"rules": [rule]}).raise_for_status()
        yield
        control.post("/faults", json={"rules": []})


def begin(target: EmbeddedSandbox, *args: object, batches: int = 12) -> subprocess.Popen[str]:
    """Start an `apply` of its own process, and return once it has sent some batches and is far from its end."""
    before = appends(target)
    process = subprocess.Popen(
        [sys.executable, "-m", "migrate_cli", "apply", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while appends(target) < before + batches:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    return process
