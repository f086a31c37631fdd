"""Ids of items take little room in the state file, and come out of it exactly as the service gave them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from migrate_cli.model import Progress
from migrate_cli.state import migrations
from migrate_cli.state.item_ids import SHOWN, packed, unpacked
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore
from sqlite_utils import Database

from .conftest import draft  # noqa: TID252 - the folder's own helpers

USUAL = "msg_689667905b048191b4740501625afd940c7533ace33a2dab"
ODD = [
    USUAL, "msg_", "msg_0", "msg_0a", "msg_0A", "msg_0a ", "msg_ 0a", "msg_0a 0b", "msg_0a\n", "msg_xyz", "fc_0a0b",
    "MSG_0a", "0a0b", "", "msg_\u0660\u0660", "msg_0a\x00", "msg_msg_0a", "rs_" + "0a" * 24,
]  # fmt: skip


@given(st.one_of(st.text(), st.text("0123456789abcdefABCDEF _").map("msg_".__add__)))
@example(USUAL)
def test_every_id_comes_back_as_it_was(item_id: str) -> None:
    assert unpacked(packed(item_id)) == item_id


def test_the_usual_id_takes_half_the_room() -> None:
    assert len(packed(USUAL)) == (len(USUAL) - 4) / 2


def test_the_public_view_and_every_question_show_ids_as_they_were_given(store: StateStore, path: Path) -> None:
    whole = draft("t1", len(ODD))
    progress = Progress("t1", digest=whole.digest)
    store.journal.begin(progress, whole)
    progress.conversation_id, progress.position = "conv_t1", len(ODD)
    store.journal.conversation(progress)
    store.journal.items(progress, 0, whole.items, ODD)
    store.journal.outcome(progress, "loaded")
    store.flush()

    assert store.threads.item_ids("t1") == ODD
    assert [store.threads.item_at("t1", place) for place in range(len(ODD))] == ODD
    with StateReader(path) as reader:
        assert [row["item_id"] for row in reader.maps.export("messages")] == ODD
        (row,) = reader.maps.of([USUAL])
        assert (row["found"], row["message_id"], row["item_id"]) == ("item", "msg_t1_0", USUAL)


@pytest.mark.parametrize("item_id", ODD)
def test_sql_shows_an_id_like_python(item_id: str) -> None:
    conn = sqlite3.connect(":memory:")
    conn.execute("CREATE TABLE item (item_id TEXT NOT NULL)")
    conn.execute("INSERT INTO item VALUES (?)", (packed(item_id),))
    assert conn.execute(f"SELECT {SHOWN} FROM item").fetchone() == (item_id,)
    conn.close()


def test_the_ids_of_an_older_file_are_the_same_afterwards() -> None:
    older = Database(memory=True)
    migrations.registry().apply(older, stop_before="m006_short_ids_of_items")
    older.conn.execute("INSERT INTO thread (id, state, conversation_id, updated_at) VALUES ('t1', 'loaded', 'c', 1)")
    rows = [(1, place, f"msg_{place}", item_id, b"") for place, item_id in enumerate(ODD)]
    older.conn.executemany("INSERT INTO item (thread, idx, message_id, item_id, digest) VALUES (?, ?, ?, ?, ?)", rows)
    migrations.migrate(older)
    found = older.conn.execute("SELECT item_id FROM message_map ORDER BY position").fetchall()
    assert [row[0] for row in found] == ODD
    assert older.conn.execute("SELECT typeof(item_id) FROM item WHERE idx = 0").fetchone() == ("blob",)
    older.close()
