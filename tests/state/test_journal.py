"""What loading notes is what resuming reads."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from migrate_cli.errors import SetupMismatch
from migrate_cli.load.interface import Journal
from migrate_cli.model import (
    Aside,
    Draft,
    FileRecord,
    Finding,
    InStore,
    Ledger,
    Origin,
    Progress,
    Severity,
    Status,
    StoreFileRecord,
    StoreRecord,
    StoreStatus,
    Unreadable,
)
from migrate_cli.state.opening import map_path
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore

Load = Callable[..., Progress]


def test_what_the_store_notes_of_a_load_is_a_journal(store: StateStore) -> None:
    journal: Journal = store.journal
    assert journal is store.journal


def test_nothing_is_known_of_a_thread_that_was_never_noted(store: StateStore) -> None:
    assert store.threads.progress_of("t1") is None
    assert store.threads.item_ids("t1") == []
    assert store.threads.recorded_digests("t1") == []
    assert store.threads.item_at("t1", 0) is None


DRAFT = Draft("t1", {}, (), Ledger(), 0)


@pytest.mark.parametrize(
    "note",
    [
        lambda store: store.journal.begin(Progress("t1"), DRAFT),
        lambda store: store.journal.conversation(Progress("t1", "loading", "conv_1")),
        lambda store: store.journal.outcome(Progress("t1"), "failed", "code"),
        lambda store: store.journal.skip(DRAFT, "no-messages"),
        lambda store: store.journal.findings("t1", [Finding("odd", Severity.INFO, "An oddity.")]),
        lambda store: store.journal.aside("t1", [Aside(None, "metadata", {})]),
        lambda store: store.repairs.set_state("t1", "verified"),
        lambda store: store.repairs.undone("t1", "conv_1"),
    ],
)
def test_a_thread_is_known_once_anything_was_noted_of_it(path: Path, note: Callable[[StateStore], None]) -> None:
    store = StateStore.open(path)
    assert store.threads.progress_of("t1") is None
    note(store)
    store.flush()
    known = store.threads.progress_of("t1")
    assert known is not None
    assert store.threads.progress_of("t2") is None
    store.close()
    again = StateStore.open(path)
    assert again.threads.progress_of("t1") == known
    again.close()


def test_a_new_file_is_not_asked_about_threads_that_nobody_noted(
    store: StateStore, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, "t1", 1)
    store.flush()
    asked: list[object] = []
    ask = store._session.query

    def query(sql: str, *values: object) -> sqlite3.Cursor:
        asked.append(values)
        return ask(sql, *values)

    monkeypatch.setattr(store._session, "query", query)
    assert [store.threads.progress_of(f"t{number}") for number in range(2, 40)] == [None] * 38
    assert len(asked) <= 1  # two threads may share a mark
    assert store.threads.progress_of("t1") is not None


def test_a_loaded_thread_is_remembered_with_its_items_in_order(store: StateStore, load: Load) -> None:
    load(store, "t1", 45)
    store.flush()
    progress = store.threads.progress_of("t1")
    assert progress is not None
    assert (progress.state, progress.conversation_id, progress.position) == ("loaded", "conv_t1", 45)
    assert progress.anchor == "item_t1_44"
    assert store.threads.item_ids("t1") == [f"item_t1_{n}" for n in range(45)]
    assert store.threads.recorded_digests("t1") == [n.to_bytes(16, "big") for n in range(45)]
    assert store.threads.item_at("t1", 20) == "item_t1_20"


def test_a_thread_that_was_cut_off_says_how_far_it_came(store: StateStore) -> None:
    progress = Progress("t1", digest="d")
    store.journal.begin(progress, Draft("t1", {}, (), Ledger(), 0))
    store.flush()
    begun = store.threads.progress_of("t1")
    assert begun is not None
    assert (begun.state, begun.conversation_id) == ("creating", None)
    progress.conversation_id = "conv_1"
    store.journal.conversation(progress)
    progress.unclear, progress.ambiguous = 2, True
    store.journal.ambiguity(progress, "timeout")
    store.flush()
    cut = store.threads.progress_of("t1")
    assert cut is not None
    assert (cut.state, cut.conversation_id, cut.position, cut.anchor) == ("loading", "conv_1", 0, None)
    assert (cut.ambiguous, cut.unclear) == (True, 2)


def test_a_new_conversation_makes_the_items_of_the_old_one_void(store: StateStore, load: Load) -> None:
    progress = load(store, "t1", 3)
    progress.conversation_id, progress.position, progress.anchor = "conv_2", 0, None
    store.journal.conversation(progress)
    store.flush()
    assert store.threads.item_ids("t1") == []


def test_a_thread_can_be_cut_back_and_forgotten(store: StateStore, load: Load) -> None:
    progress = load(store, "t1", 5)
    progress.position = 2
    store.repairs.truncate(progress)
    store.flush()
    assert store.threads.item_ids("t1") == ["item_t1_0", "item_t1_1"]
    store.repairs.forget("t1")
    store.flush()
    fresh = store.threads.progress_of("t1")
    assert fresh is not None
    assert (fresh.state, fresh.conversation_id, fresh.position) == ("pending", None, 0)


def test_findings_are_replaced_not_repeated(store: StateStore, path: Path, load: Load) -> None:
    load(store, "t1")
    load(store, "t1")
    more = Finding("text-too-long", Severity.ERROR, "Cut.", "t1", "msg_2")
    store.journal.findings("t1", [more], replace=False)
    store.flush()
    with StateReader(path) as reader:
        assert [row["code"] for row in reader.findings.listed("t1")] == ["message-incomplete", "text-too-long"]
        assert next(reader.threads.listed())["findings"] == 2
    store.journal.findings("t1", [])
    store.flush()
    with StateReader(path) as reader:
        assert list(reader.findings.listed()) == []


def test_findings_of_the_source_as_a_whole_begin_anew_with_the_next_apply(store: StateStore, path: Path) -> None:
    store.runs.start_run("apply", {})
    store.journal.findings(None, [Finding("duplicate-file", Severity.INFO, "A file was there twice.")])
    store.flush()
    with StateReader(path) as reader:
        assert reader.summary()["findings"] == {"duplicate-file": 1}
    store.runs.start_run("apply", {})
    store.flush()
    with StateReader(path) as reader:
        assert reader.summary()["findings"] == {}


def test_what_has_no_room_in_the_target_is_kept(store: StateStore, path: Path) -> None:
    facts = [Aside("msg_1", "metadata", {"a": ["ä", None]}), Aside(None, "thread_metadata", {})]
    store.journal.aside("t1", facts)
    store.journal.aside("t1", facts)
    store.flush()
    with StateReader(path) as reader:
        kept = list(reader.findings.aside("t1"))
    assert [(row["message_id"], row["name"], row["value"]) for row in kept] == [
        ("msg_1", "metadata", {"a": ["ä", None]}),
        (None, "thread_metadata", {}),
    ]


def test_a_skipped_thread_says_why(store: StateStore, path: Path) -> None:
    store.journal.skip(Draft("t1", {}, (), Ledger(), 0), "no-messages")
    store.flush()
    with StateReader(path) as reader:
        assert reader.summary()["skipped"] == {"no-messages": 1}


def test_what_could_not_be_read_belongs_to_its_run(store: StateStore, path: Path) -> None:
    first = store.runs.start_run("apply", {})
    store.journal.unreadable(Unreadable(Origin("export/x.json", line=3), "not-json", "It is not JSON.", None))
    store.runs.start_run("apply", {})
    store.flush()
    with StateReader(path) as reader:
        assert reader.findings.unreadable() == []
        assert [row["origin"] for row in reader.findings.unreadable(first)] == ["export/x.json:3"]


def test_files_and_replays_are_kept(store: StateStore, path: Path) -> None:
    store.files.note("file-1", FileRecord(Status.UPLOADED, "file-2", kind="image", bytes=9, sha256="00"))
    run = store.runs.start_run("replay", {})
    store.replays.replay_result(
        "refund", "passed", conversation_id="conv_1", ttft_ms=1.5, total_ms=9.0, output_tokens=3
    )
    store.flush()
    record = store.files.record("file-1")
    assert record is not None
    assert record.target_id == "file-2"
    with StateReader(path) as reader:
        assert [case["case_id"] for case in reader.runs.replay_results(run)] == ["refund"]
        assert reader.maps.of(["file-2"])[0]["source_file_id"] == "file-1"


def test_vector_stores_are_kept_and_found_by_either_id(store: StateStore, path: Path) -> None:
    record = StoreRecord(StoreStatus.FILLING, "vs_new", "Lamps", "why", lost=2, lost_at=1.5)
    store.runs.start_run("apply", {})
    store.stores.note("vs_old", record)
    store.stores.note_file("vs_old", "file-1", StoreFileRecord(InStore.FAILED, "file-2", "unsupported_file"))
    store.flush()
    assert store.stores.record("vs_old") == record == store.stores.records()["vs_old"]
    assert store.stores.record("vs_other") is None
    assert store.stores.files("vs_old") == {"file-1": StoreFileRecord(InStore.FAILED, "file-2", "unsupported_file")}
    with StateReader(path) as reader:
        for one in ("vs_old", "vs_new"):
            [row] = reader.maps.of([one])
            assert (row["found"], row["source_store_id"], row["files"], row["failed"]) == (
                "vector_store",
                "vs_old",
                1,
                1,
            )
    store.stores.forget_files("vs_old")
    store.flush()
    assert store.stores.files("vs_old") == {}


def test_a_vector_store_that_was_made_is_known_when_the_file_is_lost(path: Path) -> None:
    first = StateStore.open(path)
    first.runs.start_run("apply", {})
    first.stores.note("vs_old", StoreRecord(StoreStatus.FILLING, "vs_new", "Lamps"))
    first.close()
    for lost in path.parent.glob(f"{path.name}*"):
        if lost != map_path(path):
            lost.unlink()
    store = StateStore.open(path)
    try:
        assert store.stores.record("vs_old") == StoreRecord(StoreStatus.FILLING, "vs_new", "Lamps")
    finally:
        store.close()


def test_ids_that_no_database_can_hold_are_spelled_out(store: StateStore) -> None:
    store.repairs.set_state("thread_\ud800", "failed", "odd-id", "An id with \udfff in it.")
    store.flush()
    row = store.threads.thread_row("thread_\ud800")
    assert row is not None
    assert row["error_detail"] == "An id with \\udfff in it."


def test_run_ids_sort_by_time(path: Path) -> None:
    times = iter([1e9 + n / 1000 for n in range(0, 5000, 7)])
    store = StateStore.open(path, now=lambda: next(times))
    ids = [store.runs.start_run("plan", {}) for _ in range(100)]
    store.close()
    assert ids == sorted(ids)
    assert all(len(run_id) <= 20 for run_id in ids)


def test_the_setup_is_recorded_once_and_another_is_refused_by_name(store: StateStore) -> None:
    setup = {"source": "a", "target.base_url": "https://a.example/v1", "convert.tail": "null"}
    store.runs.check_setup(setup)
    store.flush()
    store.runs.check_setup(setup)
    with pytest.raises(SetupMismatch) as caught:
        store.runs.check_setup(setup | {"source": "b", "convert.tail": '{"messages":5}'})
    told = str(caught.value)
    assert "source was a and is now b" in told
    assert 'convert.tail was null and is now {"messages":5}' in told
    assert "target.base_url" not in told


def test_a_choice_that_an_older_version_did_not_know_is_recorded_not_refused(store: StateStore, path: Path) -> None:
    store.runs.check_setup({"source": "a"})
    store.flush()
    store.runs.check_setup({"source": "a", "convert.new": "x"})
    store.flush()
    with StateReader(path) as reader:
        assert reader.setup() == {"source": "a", "convert.new": "x"}


def test_the_second_copy_has_a_line_for_each_conversation_and_each_loaded_thread(
    store: StateStore, path: Path, load: Load
) -> None:
    load(store, "t1")
    load(store, "t2", state="failed")
    store.flush()
    import json

    lines = [json.loads(line) for line in map_path(path).read_text().splitlines()]
    ids = [line for line in lines if "thread_id" in line]
    told = [(line["thread_id"], line["conversation_id"], line.get("state"), line.get("items")) for line in ids]
    assert told == [("t1", "conv_t1", None, None), ("t1", "conv_t1", "loaded", 3), ("t2", "conv_t2", None, None)]


def test_a_lost_second_copy_is_written_anew(path: Path, load: Load) -> None:
    first = StateStore.open(path)
    load(first, "t1")
    first.close()
    map_path(path).unlink()
    StateStore.open(path).close()
    assert '"conversation_id":"conv_t1"' in map_path(path).read_text()


def test_durable_means_on_disk(path: Path, store: StateStore, load: Load) -> None:
    async def go() -> list[str]:
        load(store, "t1")
        await store.durable()
        await store.durable()
        with StateReader(path) as reader:
            return [row["thread_id"] for row in reader.threads.listed("loaded")]

    assert asyncio.run(go()) == ["t1"]


def test_a_changed_draft_takes_the_place_of_the_old(store: StateStore, load: Load) -> None:
    progress = load(store, "t1")
    progress.state = "loading"
    changed = Draft("t1", {}, (), Ledger(), 9, digest="blake2b-128:new")
    store.journal.begin(replace(progress, digest="blake2b-128:new"), changed)
    store.flush()
    row = store.threads.thread_row("t1")
    assert row is not None
    assert (row["state"], row["messages"], row["digest"]) == ("loading", 9, "blake2b-128:new")
    assert row["conversation_id"] == "conv_t1"


def test_a_start_that_is_tried_again_notes_its_findings_once(store: StateStore) -> None:
    found = Finding("message-incomplete", Severity.INFO, "One message was cut off.", "t1", "msg_1")
    whole = Draft("t1", {}, (), Ledger(), 1, findings=(found,), digest="blake2b-128:0")
    progress = Progress("t1", digest=whole.digest, unheard=True)
    store.journal.begin(progress, whole)
    store.journal.orphan("t1", "no answer", None)
    store.journal.begin(progress, whole)
    store.flush()
    with StateReader(store.path) as reader:
        assert [row["code"] for row in reader.findings.listed()] == ["message-incomplete"]
