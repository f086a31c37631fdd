"""Joining state files: all or none, the better row wins, conflicts are refused, and nothing is counted twice."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.errors import (
    SetupMismatch,
    StateDamaged,
    StateError,
    StateForeign,
    StateLocked,
    UsageError,
)
from migrate_cli.model import (
    AgentStatus,
    Aside,
    FileRecord,
    Finding,
    InStore,
    Origin,
    Progress,
    RecordedAgent,
    Severity,
    Status,
    StoreFileRecord,
    StoreRecord,
    StoreStatus,
    Unreadable,
)
from migrate_cli.state import migrations
from migrate_cli.state.backup import StateCopies
from migrate_cli.state.check import check_file
from migrate_cli.state.lines import IdLine
from migrate_cli.state.merge import merge
from migrate_cli.state.merge_rows import LOST_RACE
from migrate_cli.state.opening import backup_path, map_path
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore
from migrate_cli.state.writer import CommitPacing
from sqlite_utils import Database

from .conftest import draft, note_load  # noqa: TID252 - the folder's own drafts

SETUP = {"source": "/export", "target.base_url": "https://api.openai.com/v1", "convert.citations": "keep"}
DAY = 1_700_000_000.0

Fill = Callable[[StateStore], None]


def state(
    path: Path, fill: Fill, *, shard: str | None = None, now: float = DAY, setup: dict[str, str] | None = None
) -> Path:
    """Write a state file as one run of a shard leaves it."""
    store = StateStore.open(
        path, command="migrate-cli apply", now=lambda: now, pace=CommitPacing(window=0.0, linger=0.0)
    )
    try:
        store.runs.check_setup({**SETUP, **(setup or {}), **({"shard": shard} if shard else {})})
        run = store.runs.start_run("apply", {"shard": shard})
        fill(store)
        store.runs.finish_run(run, {"status": "ok", "exit_code": 0})
    finally:
        store.close()
    return path


def loaded(*names: str, items: int = 3) -> Fill:
    """Fill a file with loaded threads."""

    def fill(store: StateStore) -> None:
        for name in names:
            note_load(store, name, items)

    return fill


def pending(name: str) -> Fill:
    """A thread of which only findings are known."""
    return lambda store: store.journal.findings(name, [])


def creating(name: str) -> Fill:
    """A thread whose run was killed before the conversation's id came."""
    return lambda store: store.journal.begin(Progress(name), draft(name))


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask a file."""
    with closing(sqlite3.connect(path)) as conn:
        return conn.execute(sql).fetchall()


def content(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that a file says, without keys, runs of merges and bookkeeping."""
    return {
        "threads": rows(path, "SELECT * FROM thread_map ORDER BY thread_id"),
        "messages": rows(path, "SELECT * FROM message_map ORDER BY thread_id, position"),
        "findings": rows(path, "SELECT * FROM finding ORDER BY 1, 2, 3"),
        "files": rows(path, "SELECT * FROM file_map ORDER BY 1, 2"),
        "stores": rows(path, "SELECT * FROM vector_store_map ORDER BY 1"),
        "replays": rows(path, "SELECT * FROM replay_result ORDER BY 1, 2"),
        "asides": rows(path, "SELECT id, message_id, name, value FROM aside JOIN thread ON key = thread ORDER BY 1, 2"),
        "orphans": rows(path, "SELECT * FROM orphan ORDER BY 1, 2"),
        "runs": rows(path, "SELECT id, command, result FROM run WHERE command <> 'merge' ORDER BY id"),
    }


# ---- shards become one


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Three shards with something in every table."""

    def full(number: int) -> Fill:
        def fill(store: StateStore) -> None:
            for thread in range(4):
                note_load(store, f"thread_{number}_{thread}", items=25)
            store.journal.aside(f"thread_{number}_0", [Aside("msg_1", "metadata", {"colour": "blue"})])
            store.journal.refused_item(f"thread_{number}_1", 2, "msg_2", "invalid_value", "refused")
            store.journal.orphan(f"thread_{number}_2", "the answer was lost", None)
            store.journal.orphan(f"thread_{number}_2", "the answer was lost", None)
            store.journal.unreadable(Unreadable(Origin("broken.json"), "not-json", "It is no JSON."))
            store.journal.findings(None, [Finding("files-not-checked", Severity.INFO, "Nobody was asked.")])
            store.files.note(f"file-{number}", FileRecord(Status.UPLOADED, f"file-new-{number}", sha256="00"))
            store.stores.note(f"vs_{number}", StoreRecord(StoreStatus.REBUILT, f"vs_new_{number}", "Lamps"))
            store.stores.note_file(f"vs_{number}", f"file-{number}", StoreFileRecord(InStore.COMPLETED, "file-new"))
            store.replays.replay_result(f"case-{number}", "passed", total_ms=12.5, last_response_id=f"resp_{number}")
            store.replays.scratch_begins(f"token-{number}", "https://api.openai.com/v1")
            store.replays.in_place(f"conv_in_place_{number}", "https://api.openai.com/v1", f"msg_{number}")
            store.replays.scratch(f"conv_scratch_{number}", "https://api.openai.com/v1")
            store.replays.chain(f"conv_thread_{number}_0", f"resp_{number}")
            note_load(store, f"thread_{number}_x")
            store.repairs.abandon(f"thread_{number}_x", f"conv_thread_{number}_x")

        return fill

    # Each at a second of its own: ids of runs hold the time, and two of one moment may be alike.
    return [state(tmp_path / f"s{n}.db", full(n), shard=f"{n}/3", now=DAY + n) for n in (1, 2, 3)]


def test_the_destination_says_what_all_files_said(shards: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "migration.db"
    merged = merge(shards, into)
    said = [content(path) for path in shards]
    whole = content(into)
    for name in ("threads", "messages", "files", "stores", "replays", "asides", "orphans", "runs"):
        assert sorted(whole[name]) == sorted(row for one in said for row in one[name]), name
    assert merged.counts["threads"] == merged.offered["threads"] == 15
    assert merged.counts["items"] == 300 == len(whole["messages"])
    assert merged.states == {"loaded": 12, "pending": 3}
    assert merged.shared == 0
    assert merged.missing == ()
    assert check_file(into) == []


def test_what_hangs_on_a_thread_is_at_that_thread(shards: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "migration.db"
    merge(shards, into)
    store = StateStore.open(into)
    try:
        for number in (1, 2, 3):
            own = f"thread_{number}_1"
            assert store.threads.item_ids(own) == [f"item_{own}_{n}" for n in range(25)]
            assert store.threads.refused_items()[own] == {2: ("invalid_value", "refused")}
            assert store.replays.last_response(f"conv_thread_{number}_0") == f"resp_{number}"
        assert len(store.replays.scratches("https://api.openai.com/v1")) == 3
        assert len(store.replays.scratches_begun("https://api.openai.com/v1")) == 3
        left = store.replays.in_place_left("https://api.openai.com/v1")
        assert left == [(f"conv_in_place_{number}", f"msg_{number}") for number in (1, 2, 3)]
    finally:
        store.close()


def test_what_every_shard_found_in_the_source_is_said_once(shards: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "migration.db"
    merge(shards, into)
    with StateReader(into) as reader:
        summary = reader.summary()
    assert summary["findings"]["files-not-checked"] == 1
    assert summary["unreadable"] == 1
    assert summary["orphans"] == 6


def test_undo_finds_all_that_was_made(shards: list[Path], tmp_path: Path) -> None:
    merge(shards, tmp_path / "migration.db")
    with StateReader(tmp_path / "migration.db") as reader:
        made = {row["conversation_id"] for row in reader.threads.created()}
    assert made == {f"conv_thread_{n}_{t}" for n in (1, 2, 3) for t in (0, 1, 2, 3, "x")}


def test_of_an_agent_that_two_files_know_the_later_row_stays(tmp_path: Path) -> None:
    def knows(status: AgentStatus) -> Fill:
        return lambda store: store.agents.note(RecordedAgent("asst_1", "Help", "d1", "1", status))

    early = state(tmp_path / "s1.db", knows(AgentStatus.MADE), now=DAY)
    late = state(tmp_path / "s2.db", knows(AgentStatus.UNDONE), now=DAY + 5)
    for number, inputs in enumerate(([early, late], [late, early])):
        merge(inputs, tmp_path / f"{number}.db")
        with StateReader(tmp_path / f"{number}.db") as reader:
            [row] = reader.maps.export("agents")
        assert (row["agent"], row["status"]) == ("Help:1", "undone")


def test_every_table_and_column_is_carried(shards: list[Path], tmp_path: Path) -> None:
    """A table that is added to the schema must be added to the merge: none may be empty afterwards."""

    def fill(store: StateStore) -> None:
        store.files.note("file-1", FileRecord(Status.UPLOADED, "file-other", sha256="11"))
        store.agents.note(RecordedAgent("asst_1", "Help", "d1", "1", AgentStatus.MADE))

    state(tmp_path / "s4.db", fill)
    merge([*shards, tmp_path / "s4.db"], tmp_path / "migration.db")
    conn = sqlite3.connect(tmp_path / "migration.db")
    tables = [row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert [table for table in tables if not conn.execute(f"SELECT 1 FROM {table}").fetchone()] == []
    conn.close()


def test_the_copies_beside_the_file_know_everything_too(shards: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "migration.db"
    merge(shards, into)
    assert content(backup_path(into)) == content(into)
    lines = map_path(into).read_text().splitlines()
    assert len({line["thread_id"] for line in map(json.loads, lines) if "thread_id" in line}) == 12
    before = map_path(into).read_bytes()
    StateStore.open(into).close()
    assert map_path(into).read_bytes() == before


def test_a_run_of_the_destination_goes_on_where_the_shards_stopped(shards: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "migration.db"
    merge(shards, into)
    store = StateStore.open(into)
    try:
        store.runs.check_setup(SETUP)
        known = store.threads.progress_of("thread_2_3")
        assert known is not None
        assert (known.state, known.position, known.anchor) == ("loaded", 25, "item_thread_2_3_24")
        assert not store.runs.pilot_due(5)
        note_load(store, "thread_new")
    finally:
        store.close()
    assert check_file(into) == []


def test_the_inputs_stay_as_they_are(shards: list[Path], tmp_path: Path) -> None:
    before = [path.read_bytes() for path in shards]
    merge(shards, tmp_path / "migration.db")
    assert [path.read_bytes() for path in shards] == before


# ---- again, and in parts


def test_merging_again_changes_nothing(shards: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "migration.db"
    merge(shards, into)
    first = content(into)
    again = merge(shards, into)
    assert content(into) == first
    assert again.shared == 15
    with StateReader(into) as reader:
        assert reader.summary()["unreadable"] == 1
    assert check_file(into) == []


def test_the_order_and_the_number_of_merges_do_not_matter(shards: list[Path], tmp_path: Path) -> None:
    merge(shards, tmp_path / "at-once.db")
    for path in reversed(shards):
        merge([path], tmp_path / "one-by-one.db")
    assert content(tmp_path / "one-by-one.db") == content(tmp_path / "at-once.db")


def test_a_merge_that_lacks_shards_says_so_until_they_come(shards: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "migration.db"
    first = merge(shards[:2], into)
    assert first.missing == ("3/3",)
    store = StateStore.open(into)
    try:
        # Without shard 3 the file must not be taken for the whole: its threads would be loaded twice.
        with pytest.raises(SetupMismatch, match=r"shard was 1\+2/3 and is now not set"):
            store.runs.check_setup(SETUP)
    finally:
        store.close()
    assert merge(shards[2:], into).missing == ()
    store = StateStore.open(into)
    store.runs.check_setup(SETUP)
    store.close()


def test_the_destination_may_stand_among_the_inputs(shards: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "s0.db"
    merge(shards[:1], into)
    merged = merge([into, *shards, shards[1]], into)
    assert merged.inputs == tuple(shards)
    assert merged.counts["threads"] == 15


def test_a_shard_that_has_gone_on_since_is_taken_up(tmp_path: Path) -> None:
    one = state(tmp_path / "s1.db", loaded("thread_a"), now=DAY)
    into = tmp_path / "migration.db"
    merge([one], into)

    def go_on(store: StateStore) -> None:
        store.repairs.set_state("thread_a", "verified")
        note_load(store, "thread_b")

    state(one, go_on, now=DAY + 60)
    merge([one], into)
    assert rows(into, "SELECT id, state FROM thread ORDER BY id") == [("thread_a", "verified"), ("thread_b", "loaded")]
    assert check_file(into) == []


def test_what_the_destination_has_done_since_is_not_taken_back(tmp_path: Path) -> None:
    one = state(tmp_path / "s1.db", loaded("thread_a"), now=DAY)
    into = tmp_path / "migration.db"
    merge([one], into)
    state(into, lambda store: store.repairs.undone("thread_a", "conv_thread_a"), now=DAY + 60)
    merge([one], into)
    assert rows(into, "SELECT state FROM thread") == [("undone",)]


# ---- one thread in two files


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "lesser",
    [pending("thread_a"), creating("thread_a"), lambda store: store.repairs.set_state("thread_a", "failed", "x")],
)
def test_the_file_that_has_loaded_a_thread_wins(tmp_path: Path, lesser: Fill, first: bool) -> None:
    # The other one is younger, which must not matter.
    files = [state(tmp_path / "a.db", loaded("thread_a")), state(tmp_path / "b.db", lesser, now=DAY + 60)]
    merged = merge(files if first else files[::-1], tmp_path / "migration.db")
    assert rows(tmp_path / "migration.db", "SELECT id, state, position FROM thread") == [("thread_a", "loaded", 3)]
    assert merged.shared == 1
    assert check_file(tmp_path / "migration.db") == []


@pytest.mark.parametrize("first", [True, False])
def test_a_conversation_that_may_have_been_made_is_counted_when_its_row_loses(tmp_path: Path, first: bool) -> None:
    files = [
        state(tmp_path / "a.db", loaded("thread_a")),
        state(tmp_path / "b.db", creating("thread_a"), now=DAY + 60),
    ]
    for _ in range(2):
        merge(files if first else files[::-1], tmp_path / "migration.db")
        found = rows(tmp_path / "migration.db", "SELECT thread_id, reason FROM orphan")
        assert found == [("thread_a", LOST_RACE)]


@pytest.mark.parametrize("first", [True, False])
def test_the_file_that_has_a_vector_store_wins_with_all_that_is_in_it(tmp_path: Path, first: bool) -> None:
    def rebuilt(store: StateStore) -> None:
        store.stores.note("vs_1", StoreRecord(StoreStatus.REBUILT, "vs_new", "Lamps"))
        store.stores.note_file("vs_1", "file-1", StoreFileRecord(InStore.COMPLETED, "file-new"))

    def missing(store: StateStore) -> None:
        store.stores.note("vs_1", StoreRecord(StoreStatus.MISSING))
        store.stores.note_file("vs_1", "file-2", StoreFileRecord(InStore.LACKING))

    files = [state(tmp_path / "a.db", rebuilt), state(tmp_path / "b.db", missing, now=DAY + 9)]
    merge(files if first else files[::-1], tmp_path / "migration.db")
    assert content(tmp_path / "migration.db")["stores"] == [("vs_1", "vs_new", "Lamps", "rebuilt", 1, 1, 0)]


@pytest.mark.parametrize("first", [True, False])
def test_a_vector_store_that_was_taken_back_since_does_not_come_back(tmp_path: Path, first: bool) -> None:
    made, undone = (StoreRecord(StoreStatus.REBUILT, "vs_new"), StoreRecord(StoreStatus.UNDONE))
    files = [
        state(tmp_path / "a.db", lambda store: store.stores.note("vs_1", made)),
        state(tmp_path / "b.db", lambda store: store.stores.note("vs_1", undone), now=DAY + 9),
    ]
    merge(files if first else files[::-1], tmp_path / "migration.db")
    assert content(tmp_path / "migration.db")["stores"] == [("vs_1", None, "", "undone", 0, 0, 0)]


def test_a_doubt_that_the_winner_has_counted_is_not_counted_again(tmp_path: Path) -> None:
    into = state(tmp_path / "migration.db", creating("thread_a"))

    def go_on(store: StateStore) -> None:
        store.journal.orphan("thread_a", "the run ended while the conversation was being created", None)
        note_load(store, "thread_a")

    merge([state(tmp_path / "a.db", go_on, now=DAY + 60)], into)
    assert rows(into, "SELECT count(*) FROM orphan") == [(1,)]


def test_of_two_rows_of_one_second_the_one_that_has_come_further_wins(tmp_path: Path) -> None:
    def half(items: int) -> Fill:
        def fill(store: StateStore) -> None:
            note_load(store, "thread_a", items, state="loading")

        return fill

    files = [state(tmp_path / "a.db", half(5)), state(tmp_path / "b.db", half(9))]
    for inputs, into in ((files, "m.db"), (files[::-1], "n.db")):
        merge(inputs, tmp_path / into)
        assert rows(tmp_path / into, "SELECT position, (SELECT count(*) FROM item) FROM thread") == [(9, 9)]


def test_two_conversations_of_one_thread_are_refused_and_nothing_is_merged(tmp_path: Path) -> None:
    def other(store: StateStore) -> None:
        progress = Progress("thread_a")
        store.journal.begin(progress, draft("thread_a"))
        progress.conversation_id = "conv_other"
        store.journal.conversation(progress)
        note_load(store, "thread_c")

    files = [state(tmp_path / "a.db", loaded("thread_a", "thread_b")), state(tmp_path / "b.db", other)]
    into = tmp_path / "migration.db"
    with pytest.raises(StateError) as refused:
        merge(files, into)
    sentence = str(refused.value)
    assert refused.value.code == "merge-conflict"
    for part in ("thread_a", "conv_thread_a", "conv_other", str(files[0]), str(files[1]), "undo --thread thread_a"):
        assert part in sentence
    assert not into.exists()
    assert not map_path(into).exists()


def test_a_conflict_leaves_a_destination_as_it_was(tmp_path: Path) -> None:
    into = state(tmp_path / "migration.db", loaded("thread_b"))
    state(tmp_path / "a.db", loaded("thread_a"))
    other = state(tmp_path / "b.db", loaded("thread_b"))
    with closing(sqlite3.connect(other)) as conn, conn:
        conn.execute("UPDATE thread SET conversation_id = 'conv_other'")
    before = content(into)
    with pytest.raises(StateError, match="conv_other"):
        merge([tmp_path / "a.db", other], into)
    assert content(into) == before
    assert rows(into, "SELECT count(*) FROM run") == [(1,)]


@pytest.mark.parametrize("settle", ["undo", "restart"])
def test_a_conflict_is_settled_by_giving_one_conversation_up(tmp_path: Path, settle: str) -> None:
    def other(store: StateStore) -> None:
        note_load(store, "thread_a")
        if settle == "undo":
            store.repairs.undone("thread_a", "conv_thread_a")
        else:
            store.repairs.abandon("thread_a", "conv_thread_a")

    mine = state(tmp_path / "a.db", loaded("thread_a"))
    with closing(sqlite3.connect(mine)) as conn, conn:
        conn.execute("UPDATE thread SET conversation_id = 'conv_mine'")
    merge([mine, state(tmp_path / "b.db", other, now=DAY + 60)], tmp_path / "migration.db")
    found = rows(tmp_path / "migration.db", "SELECT conversation_id, state FROM thread")
    assert found == [("conv_mine", "loaded")]


def test_a_conversation_that_was_given_up_since_does_not_come_back(tmp_path: Path) -> None:
    one = state(tmp_path / "a.db", loaded("thread_a"))
    into = tmp_path / "migration.db"
    merge([one], into)
    state(one, lambda store: store.repairs.abandon("thread_a", "conv_thread_a"), now=DAY + 60)
    merge([one], into)
    assert rows(into, "SELECT state, conversation_id FROM thread") == [("pending", None)]
    with StateReader(into) as reader:
        assert [row["abandoned"] for row in reader.threads.created()] == [1]


def list_too(path: Path, line: IdLine) -> None:
    """Append a line to the list of ids that the state file beside it does not know of."""
    copy = StateCopies(path)
    copy.append([line])()
    copy.close()


def test_a_conversation_that_only_the_list_of_ids_knew_does_not_win_over_its_rows(tmp_path: Path) -> None:
    one = state(tmp_path / "a.db", loaded("thread_a"))
    into = state(tmp_path / "migration.db", lambda store: None)
    list_too(into, IdLine("thread_a", "conv_thread_a", "2023-11-14T22:13:20Z"))
    merge([one], into)
    assert rows(into, "SELECT state, position FROM thread") == [("loaded", 3)]


def test_what_only_the_list_of_an_input_knows_is_taken_up_first(tmp_path: Path) -> None:
    one = state(tmp_path / "a.db", loaded("thread_a"))
    list_too(one, IdLine("thread_b", "conv_b", "2023-11-14T22:13:20Z"))
    merge([one], tmp_path / "migration.db")
    found = rows(tmp_path / "migration.db", "SELECT id, conversation_id FROM thread ORDER BY id")
    assert found == [("thread_a", "conv_thread_a"), ("thread_b", "conv_b")]


def test_runs_of_one_id_are_told_apart(tmp_path: Path) -> None:
    files = [state(tmp_path / f"{n}.db", loaded(f"thread_{n}"), shard=f"{n}/2") for n in (1, 2)]
    for path in files:
        with closing(sqlite3.connect(path)) as conn, conn:
            conn.execute("UPDATE run SET id = '20231114-221320-abcd'")
    for _ in range(2):
        merge(files, tmp_path / "migration.db")
        found = rows(tmp_path / "migration.db", "SELECT run_id, thread_id FROM thread_map ORDER BY thread_id")
        assert found == [("20231114-221320-abcd", "thread_1"), ("20231114-221320-abcd-2", "thread_2")]


# ---- files


def uploaded(thread: str, *files: str) -> Fill:
    """A thread, and files that its shard has uploaded; `OLD=NEW`."""

    def fill(store: StateStore) -> None:
        note_load(store, thread)
        for old, new in (file.split("=") for file in files):
            store.files.note(old, FileRecord(Status.UPLOADED, new, sha256="00", kind="document"))

    return fill


def test_each_thread_goes_by_the_uploads_of_its_own_shard(tmp_path: Path) -> None:
    files = [
        state(tmp_path / "1.db", uploaded("thread_1", "file-x=file-x1", "file-y=file-y1")),
        state(tmp_path / "2.db", uploaded("thread_2", "file-x=file-x2", "file-z=file-z2")),
        state(tmp_path / "3.db", uploaded("thread_3", "file-x=file-x3", "file-y=file-y1")),
    ]
    into = tmp_path / "migration.db"
    for _ in range(2):
        merge(files, into)
        store = StateStore.open(into)
        try:
            own = {n: store.files.own_record(f"thread_{n}", "file-x") for n in (1, 2, 3)}
            shared = store.files.record("file-x")
            alone = store.files.record("file-z")
            assert store.files.own_record("thread_3", "file-y") is None
        finally:
            store.close()
        assert own[1] is None
        assert shared is not None
        assert shared.target_id == "file-x1"
        assert own[2] is not None
        assert own[2].target_id == "file-x2"
        assert own[3] is not None
        assert own[3].target_id == "file-x3"
        assert alone is not None
        # No id of an upload is lost, and none is there twice.
        ids = [row[0] for row in rows(into, "SELECT target_file_id FROM file_map ORDER BY 1")]
        assert ids == ["file-x1", "file-x2", "file-x3", "file-y1", "file-z2"]


def test_a_merge_of_merges_keeps_every_thread_at_its_uploads(tmp_path: Path) -> None:
    files = [state(tmp_path / f"{n}.db", uploaded(f"thread_{n}", f"file-x=file-x{n}")) for n in (1, 2, 3, 4)]
    merge(files[:2], tmp_path / "left.db")
    merge(files[2:], tmp_path / "right.db")
    into = tmp_path / "migration.db"
    merge([tmp_path / "left.db", tmp_path / "right.db"], into)
    store = StateStore.open(into)
    try:
        told = {
            n: store.files.own_record(f"thread_{n}", "file-x") or store.files.record("file-x") for n in (1, 2, 3, 4)
        }
    finally:
        store.close()
    assert {n: record and record.target_id for n, record in told.items()} == {n: f"file-x{n}" for n in (1, 2, 3, 4)}


# ---- what is refused


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("source", "https://host.example/v1", "https://other.example/v1"),
        ("target.base_url", "https://api.openai.com/v1", "https://eu.api.openai.com/v1"),
        ("target.organization", "org-1", "org-2"),
        ("convert.citations", "keep", "strip"),
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_files_of_different_setups_are_refused(tmp_path: Path, field: str, one: str, other: str, there: bool) -> None:
    first = state(tmp_path / "a.db", loaded("thread_a"), setup={field: one})
    second = state(tmp_path / "b.db", loaded("thread_b"), setup={field: other})
    before = content(first)
    with pytest.raises(SetupMismatch) as refused:
        merge([second] if there else [first, second], first if there else tmp_path / "new.db")
    assert all(part in str(refused.value) for part in (field, one, other, str(first), str(second)))
    assert content(first) == before
    assert not (tmp_path / "new.db").exists()


def test_one_source_at_two_places_is_joined_when_that_is_said(tmp_path: Path) -> None:
    first = state(tmp_path / "a.db", loaded("thread_a"), setup={"source": "sqlite:/here/chats.db#chats"})
    second = state(tmp_path / "b.db", loaded("thread_b"), setup={"source": "sqlite:/there/chats.db#chats"})
    with pytest.raises(SetupMismatch, match="add --any-source"):
        merge([first, second], tmp_path / "migration.db")
    merge([first, second], tmp_path / "migration.db", any_source=True)
    found = rows(tmp_path / "migration.db", "SELECT value FROM setup WHERE key = 'source'")
    assert found == [("sqlite:/here/chats.db#chats",)]
    assert rows(tmp_path / "migration.db", "SELECT count(*) FROM thread") == [(2,)]
    other = state(tmp_path / "c.db", loaded("thread_c"), setup={"convert.citations": "strip"})
    with pytest.raises(SetupMismatch, match=r"convert\.citations"):
        merge([other], tmp_path / "migration.db", any_source=True)


@pytest.mark.parametrize("older", [True, False], ids=["one of them by an older version", "both by this one"])
def test_an_export_may_have_been_seen_at_two_places(tmp_path: Path, older: bool) -> None:
    here: dict[str, str] = {"source": "export", "source.seen": "/here/export"}
    first = state(tmp_path / "a.db", loaded("thread_a"), setup={"source": "/there/export"} if older else here)
    second = state(tmp_path / "b.db", loaded("thread_b"), setup={"source": "export", "source.seen": "/there/export"})
    merge([first, second], tmp_path / "migration.db")
    merge([second], tmp_path / "migration.db")
    assert rows(tmp_path / "migration.db", "SELECT value FROM setup WHERE key = 'source'") == [("export",)]
    assert rows(tmp_path / "migration.db", "SELECT count(*) FROM thread") == [(2,)]


def test_shards_of_different_divisions_are_refused(tmp_path: Path) -> None:
    files = [
        state(tmp_path / "a.db", loaded("thread_a"), shard="1/2"),
        state(tmp_path / "b.db", loaded("thread_b"), shard="3/4"),
    ]
    with pytest.raises(SetupMismatch, match=r"is shard 1/2 and .* is shard 3/4"):
        merge(files, tmp_path / "migration.db")


def test_a_file_that_a_run_is_writing_is_refused_with_its_process(tmp_path: Path) -> None:
    free = state(tmp_path / "a.db", loaded("thread_a"))
    code = (
        "import sys; from migrate_cli.state.store import StateStore as S; s = S.open(sys.argv[1], command='busy run')"
    )
    busy = subprocess.Popen(
        [sys.executable, "-c", f"{code}; print(1, flush=True); sys.stdin.read(); s.close()", str(tmp_path / "b.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert busy.stdout is not None
    busy.stdout.readline()
    try:
        for inputs, into in (([free, tmp_path / "b.db"], tmp_path / "m.db"), ([free], tmp_path / "b.db")):
            with pytest.raises(StateLocked, match=rf"b\.db is in use by process {busy.pid} .*busy run"):
                merge(inputs, into)
    finally:
        busy.communicate()
    assert not (tmp_path / "m.db").exists()
    merge([free, tmp_path / "b.db"], tmp_path / "m.db")


def test_a_damaged_input_is_refused(tmp_path: Path) -> None:
    good = state(tmp_path / "a.db", loaded("thread_a"))
    bad = state(tmp_path / "b.db", loaded(*(f"thread_{n}" for n in range(200)), items=20))
    (size,) = rows(bad, "PRAGMA page_count")[0]
    data = bytearray(bad.read_bytes())
    data[4096 * (size // 2) : 4096 * (size // 2 + 3)] = b"\xff" * (4096 * 3)
    bad.write_bytes(bytes(data))
    with pytest.raises(StateDamaged, match=r"b\.db"):
        merge([good, bad], tmp_path / "migration.db")
    assert not (tmp_path / "migration.db").exists()


def test_what_is_no_state_file_is_refused(tmp_path: Path) -> None:
    good = state(tmp_path / "a.db", loaded("thread_a"))
    (tmp_path / "text.db").write_text("not a database at all, but a text that is long enough to be one")
    with pytest.raises(StateForeign, match=r"text\.db"):
        merge([good, tmp_path / "text.db"], tmp_path / "migration.db")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as conn:
        conn.execute("CREATE TABLE sale (x)")
    with pytest.raises(StateForeign, match=r"shop\.db"):
        merge([good, tmp_path / "shop.db"], tmp_path / "migration.db")
    with pytest.raises(UsageError, match=r"no state file .*gone\.db"):
        merge([good, tmp_path / "gone.db"], tmp_path / "migration.db")
    with pytest.raises(UsageError, match="nothing to merge"):
        merge([good], good)


def test_an_input_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    newer = state(tmp_path / "a.db", loaded("thread_a"))
    with closing(sqlite3.connect(newer)) as conn:
        conn.execute(f"PRAGMA user_version = {len(migrations.STEPS) + 1}")
    with pytest.raises(StateForeign, match="newer migrate-cli"):
        merge([newer], tmp_path / "migration.db")


def test_an_input_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    older = tmp_path / "a.db"
    db = Database(str(older))
    migrations.registry().apply(db, stop_before="m005_files_of_shards")
    with db.conn:
        db.conn.execute("PRAGMA user_version = 4")
        db.conn.execute("INSERT INTO setup VALUES ('source', '/export')")
        db.conn.execute("INSERT INTO thread (id, state, updated_at) VALUES ('thread_a', 'skipped', 1)")
    db.close()
    merge([older, state(tmp_path / "b.db", loaded("thread_b"))], tmp_path / "migration.db")
    found = rows(tmp_path / "migration.db", "SELECT id, state FROM thread ORDER BY id")
    assert found == [("thread_a", "skipped"), ("thread_b", "loaded")]


def test_sums_that_do_not_agree_stop_the_merge(tmp_path: Path) -> None:
    into = state(tmp_path / "migration.db", loaded("thread_b"))
    one = state(tmp_path / "a.db", loaded("thread_a"))
    with closing(sqlite3.connect(into)) as conn:
        conn.execute(
            "CREATE TRIGGER thief AFTER INSERT ON item WHEN NEW.idx = 1 BEGIN DELETE FROM item WHERE idx = 1; END"
        )
    before = content(into)
    with pytest.raises(StateError, match="items: 4 instead of 6"):
        merge([one], into)
    assert content(into) == before


# ---- killed


VICTIM = """
import sys
from pathlib import Path
from migrate_cli.state import merge
from migrate_cli.state.merge_rows import RowMerger

whole = RowMerger.join
def join(self, source, number):
    found = whole(self, source, number)
    if number == int(sys.argv[3]):
        print("joined", flush=True)
        sys.stdin.read()
    return found
RowMerger.join = join
merge._Merge._copies = lambda *_, **__: (print("joined", flush=True), sys.stdin.read())
merge.merge(sorted(Path(sys.argv[1]).glob("s?.db")), Path(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
@pytest.mark.parametrize("moment", [0, 1, 2, 99])
def test_a_merge_that_is_killed_is_simply_run_again(shards: list[Path], tmp_path: Path, moment: int) -> None:
    """After the first, second or last file, and (99) after the commit, before the list of ids is written."""
    into = tmp_path / "migration.db"
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(tmp_path), str(into), str(moment)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == b"joined\n"
    victim.kill()
    victim.communicate()
    merged = merge(shards, into)
    assert merged.counts["threads"] == 15
    merge(shards, tmp_path / "unharmed.db")
    assert content(into) == content(tmp_path / "unharmed.db")
    assert check_file(into) == []
