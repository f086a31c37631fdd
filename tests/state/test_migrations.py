"""The schema: public views that never change, and steps that lead from any older file to the newest."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from migrate_cli.model import InStore, StoreFileRecord, StoreRecord, StoreStatus
from migrate_cli.state import migrations
from migrate_cli.state.store import StateStore
from sqlite_utils import Database

PUBLIC = {
    "thread_map": "thread_id conversation_id state messages items findings run_id updated_at last_response_id",
    "message_map": "thread_id message_id position conversation_id item_id kind source_created_at",
    "file_map": "source_file_id target_file_id kind bytes sha256 status",
    "finding": "thread_id message_id code severity detail",
    "child_thread": "thread_id message_id call_id child_thread_id child_conversation_id",
    "vector_store_map": "source_store_id target_store_id name status files completed failed",
    "replay_result": "run_id case_id conversation_id status ttft_ms total_ms input_tokens output_tokens detail",
    "agent_map": "assistant_id agent name version status run_id updated_at",
    "response_chain": "run_id case_id conversation_id last_response_id",
}


def schema(conn: sqlite3.Connection) -> set[tuple[str, str]]:
    """Every table, index and view, by name and text."""
    return set(conn.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


@pytest.mark.parametrize("view", PUBLIC)
def test_the_columns_of_a_public_view_are_fixed(store: StateStore, path: Path, view: str) -> None:
    with sqlite3.connect(path) as conn:
        assert [column[0] for column in conn.execute(f"SELECT * FROM {view}").description] == PUBLIC[view].split()
    conn.close()


def test_there_are_no_other_views(store: StateStore, path: Path) -> None:
    conn = sqlite3.connect(path)
    assert {row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'view'")} == set(PUBLIC)
    conn.close()


@pytest.mark.parametrize("applied", range(len(migrations.STEPS) + 1))
def test_a_file_of_any_older_schema_becomes_the_same_as_a_new_one(applied: int) -> None:
    fresh, older = Database(memory=True), Database(memory=True)
    migrations.migrate(fresh)
    stop = migrations.STEP_NAMES[applied] if applied < len(migrations.STEPS) else None
    migrations.registry().apply(older, stop_before=stop)
    migrations.migrate(older)
    migrations.migrate(older)
    assert schema(fresh.conn) == schema(older.conn)
    for pragma in ("user_version", "application_id"):
        query = f"PRAGMA {pragma}"
        assert fresh.conn.execute(query).fetchone() == older.conn.execute(query).fetchone()
    fresh.close()
    older.close()


def test_the_file_says_what_it_is_and_how_new(store: StateStore, path: Path) -> None:
    conn = sqlite3.connect(path)
    assert conn.execute("PRAGMA application_id").fetchone() == (migrations.APPLICATION_ID,)
    assert conn.execute("PRAGMA user_version").fetchone() == (len(migrations.STEPS),)
    conn.close()


def test_a_message_is_looked_up_by_an_index_and_all_rows_are_read_in_their_order(store: StateStore, path: Path) -> None:
    conn = sqlite3.connect(path)
    plan = "EXPLAIN QUERY PLAN SELECT * FROM message_map"
    assert "item_by_message" in str(conn.execute(f"{plan} WHERE message_id = 'x'").fetchall())
    assert "item_by_message" not in str(conn.execute(plan).fetchall())
    conn.close()


def test_what_the_first_schema_knew_of_files_is_still_there() -> None:
    older = Database(memory=True)
    migrations.registry().apply(older, stop_before="m002_facts_of_files")
    older.conn.execute("INSERT INTO file VALUES ('file-1', 'file-2', 'image', 9, '00', 'uploaded', NULL, 5)")
    migrations.migrate(older)
    [row] = older["file"].rows
    assert (row["source_file_id"], row["target_file_id"], row["bytes"], row["updated_at"]) == ("file-1", "file-2", 9, 5)
    assert (row["filename"], row["transcript"], row["lost_uploads"]) == (None, None, 0)
    older.close()


def test_a_file_from_before_vector_stores_has_room_for_them(path: Path) -> None:
    older = Database(path)
    migrations.registry().apply(older, stop_before="m012_vector_stores")
    assert "vector_store" not in older.table_names()
    older.close()
    store = StateStore.open(path)
    store.stores.note("vs_1", StoreRecord(StoreStatus.REBUILT, "vs_9", "Lamps"))
    for number, status in enumerate((InStore.COMPLETED, InStore.FAILED, InStore.LACKING, InStore.WAITING)):
        store.stores.note_file("vs_1", f"file-{number}", StoreFileRecord(status))
    store.close()
    conn = sqlite3.connect(path)
    assert conn.execute("SELECT * FROM vector_store_map").fetchall() == [("vs_1", "vs_9", "Lamps", "rebuilt", 4, 1, 2)]
    conn.close()


def test_a_file_of_the_newest_schema_is_opened_without_the_library_that_makes_it(path: Path) -> None:
    StateStore.open(path).close()
    script = f"""
import sys
from migrate_cli.state.store import StateStore
StateStore.open({str(path)!r}).close()
assert "sqlite_utils" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_file_of_an_older_schema_catches_up_when_it_is_opened(path: Path) -> None:
    older = Database(path)
    migrations.registry().apply(older, stop_before=migrations.STEP_NAMES[-1])
    older.close()
    StateStore.open(path).close()
    conn = sqlite3.connect(path)
    assert conn.execute("PRAGMA user_version").fetchone() == (len(migrations.STEPS),)
    assert {row[0] for row in conn.execute("SELECT name FROM _sqlite_migrations")} == set(migrations.STEP_NAMES)
    conn.close()
