"""What the tests of the state file share: drafts of any size, and a store in an empty folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from migrate_cli.model import Draft, Finding, Item, Ledger, Progress, Severity
from migrate_cli.state.store import StateStore
from migrate_cli.state.writer import CommitPacing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the state file will be."""
    return tmp_path / "migration.db"


@pytest.fixture
def store(path: Path) -> Iterator[StateStore]:
    """An open store that commits at once, closed at the end."""
    opened = StateStore.open(path, command="migrate-cli apply", pace=CommitPacing(window=0.0, linger=0.0))
    yield opened
    opened.close()


@pytest.fixture
def load() -> Callable[..., Progress]:
    """Note a whole load, as the loader does it."""
    return note_load


def draft(thread_id: str, items: int = 3) -> Draft:
    """A draft with one finding and as many items as asked for."""
    return Draft(
        thread_id=thread_id,
        metadata={},
        items=tuple(item(thread_id, n) for n in range(items)),
        ledger=Ledger(),
        messages=items,
        findings=(Finding("message-incomplete", Severity.INFO, "One message was cut off.", thread_id, "msg_1"),),
        last_message_id=f"msg_{thread_id}_{items - 1}",
        created_at=1_700_000_000,
        digest="blake2b-128:" + "0" * 32,
    )


def item(thread_id: str, n: int) -> Item:
    """The n-th item of a thread."""
    return Item(b"{}", n.to_bytes(16, "big"), "message", f"msg_{thread_id}_{n}", 1_700_000_000 + n)


def note_load(store: StateStore, thread_id: str, items: int = 3, state: str = "loaded") -> Progress:
    """Begin, conversation, items and outcome of one thread."""
    whole = draft(thread_id, items)
    progress = Progress(thread_id, digest=whole.digest)
    store.journal.begin(progress, whole)
    progress.conversation_id = f"conv_{thread_id}"
    store.journal.conversation(progress)
    for start in range(0, items, 20):
        batch = whole.items[start : start + 20]
        ids = [f"item_{thread_id}_{start + n}" for n in range(len(batch))]
        progress.position, progress.anchor = start + len(batch), ids[-1]
        store.journal.items(progress, start, batch, ids)
    progress.state = state
    store.journal.outcome(progress, state)
    return progress
