"""kill -9 in the middle: what was durable is there, and the file is sound."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from migrate_cli.state.store import StateStore

VICTIM = """
import asyncio, sys
from migrate_cli.model import Progress
from migrate_cli.model import Draft, Item, Ledger
from migrate_cli.state.store import StateStore

store = StateStore.open(sys.argv[1])

async def go():
    n = 0
    while True:
        name = f"{sys.argv[2]}_{n}"
        items = tuple(Item(b"{}", bytes(16), "message", f"msg_{name}_{i}") for i in range(5))
        progress = Progress(name)
        store.journal.begin(progress, Draft(name, {}, items, Ledger(), 5))
        progress.conversation_id = f"conv_{name}"
        store.journal.conversation(progress)
        await store.durable()
        print(name, flush=True)
        progress.position = 5
        store.journal.items(progress, 0, items, [f"item_{name}_{i}" for i in range(5)])
        store.journal.outcome(progress, "loaded")
        n += 1

asyncio.run(go())
"""


def killed(path: Path, name: str, after: int) -> list[str]:
    """Run a writer, kill it after so many durable threads, and return those."""
    process = subprocess.Popen([sys.executable, "-c", VICTIM, str(path), name], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    durable = [process.stdout.readline().strip() for _ in range(after)]
    process.kill()
    durable += process.stdout.read().split()
    process.stdout.close()
    process.wait()
    return durable


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_no_conversation_that_was_durable_is_lost_by_a_kill(path: Path) -> None:
    durable: list[str] = []
    for round_, after in enumerate((1, 7, 40)):
        durable += killed(path, f"r{round_}", after)
        store = StateStore.open(path)
        for name in durable:
            progress = store.threads.progress_of(name)
            assert progress is not None
            assert progress.conversation_id == f"conv_{name}"
            assert progress.position == len(store.threads.item_ids(name))
        store.close()
    conn = sqlite3.connect(path)
    assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    conn.close()


def test_a_line_that_a_crash_cut_off_does_not_swallow_the_next(path: Path) -> None:
    StateStore.open(path).close()
    copy = path.with_name(path.name + ".map.jsonl")
    copy.write_bytes(b'{"thread_id":"t1","conversation_id":"conv_1","at":"2026-01-01T00:00:00Z"}\n{"thread_id":"t2"')
    store = StateStore.open(path)
    adopted = store.threads.progress_of("t1")
    assert adopted is not None
    assert (adopted.state, adopted.conversation_id, adopted.ambiguous) == ("loading", "conv_1", True)
    assert store.threads.progress_of("t2") is None
    store.close()
    lines = [json.loads(line) for line in copy.read_bytes().splitlines()]
    assert [line["thread_id"] for line in lines if "thread_id" in line] == ["t1"]
