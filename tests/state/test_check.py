"""`state/check.py`: what must agree in a state file, and what is said when it does not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from migrate_cli.model import Progress
from migrate_cli.state.check import check_file, possible_orphans
from migrate_cli.state.store import StateStore

from support.world import draft_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A state file with two loaded threads."""
    store = StateStore.open(tmp_path / "m.db")
    store.runs.start_run("apply", {})
    for number in (1, 2):
        draft = draft_of(["a", "b", "c"], f"thread_{number}")
        progress = Progress(draft.thread_id, digest=draft.digest)
        store.journal.begin(progress, draft)
        progress.conversation_id = f"conv_{number}"
        store.journal.conversation(progress)
        progress.position = 3
        store.journal.items(progress, 0, draft.items, [f"msg_{number}_{place}" for place in range(3)])
        store.journal.outcome(progress, "loaded")
    store.journal.orphan("thread_1", "lost", None)
    store.close()
    return tmp_path / "m.db"


def test_a_sound_file_has_no_faults(file: Path) -> None:
    assert check_file(file) == []
    assert possible_orphans(file) == 1


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("DELETE FROM item WHERE idx = 1", "positions"),
        ("UPDATE thread SET position = 2, items = 2 WHERE id = 'thread_1'", None),
        ("UPDATE thread SET items = 9", "states"),
        ("UPDATE thread SET conversation_id = NULL", "states"),
        ("UPDATE thread SET state = 'lost'", "states"),
        ("UPDATE thread SET conversation_id = 'conv_1'", "conversations"),
        ("UPDATE item SET item_id = 'msg_same'", "conversations"),
        ("UPDATE thread SET findings = 4", "findings"),
        ("DELETE FROM thread WHERE id = 'thread_1'", "positions"),
        ("INSERT INTO aside VALUES (99, NULL, 'metadata', '{}')", "references"),
        ("UPDATE thread SET conversation_id = 'conv_other' WHERE id = 'thread_2'", "second copy"),
    ],
)
def test_what_does_not_agree_is_named(file: Path, damage: str, check: str | None) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute(damage)
    found = {fault.check for fault in check_file(file)}
    assert check in found if check else not found


def test_a_list_that_is_gone_or_cut_is_told(file: Path) -> None:
    listed = file.with_name("m.db.map.jsonl")
    text = listed.read_bytes()
    listed.write_bytes(text[: len(text) // 2])
    assert {fault.check for fault in check_file(file)} <= {"second copy"}
    listed.unlink()
    [fault] = check_file(file)
    assert fault.check == "second copy" and "writes it again" in fault.detail


def test_damaged_pages_are_found(file: Path) -> None:
    for name in ("m.db-wal", "m.db-shm"):
        assert not file.with_name(name).exists()
    data = bytearray(file.read_bytes())
    page = data.index(b"msg_1_1") // 4096
    data[page * 4096 + 3 : page * 4096 + 40] = b"\xff" * 37
    file.write_bytes(data)
    try:
        found = {fault.check for fault in check_file(file)}
    except sqlite3.DatabaseError:
        return
    assert found == {"integrity"}
