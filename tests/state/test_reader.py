"""What can be asked of a state file while it is being written, and afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from migrate_cli.model import READER, Progress
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore

Load = Callable[..., Progress]


@pytest.fixture
def reader(store: StateStore, path: Path, load: Load) -> StateReader:
    """A reader of a file with threads in several states, while the writer is alive."""
    run = store.runs.start_run("apply", {"limit": 3})
    load(store, "t1", 3)
    load(store, "t2", 2, state="failed")
    store.journal.outcome(
        Progress("t3", conversation_id="conv_t3"), "in_doubt", "foreign-items", "2 items are not ours."
    )
    store.journal.orphan("t9", "timeout", "req_1")
    store.runs.finish_run(run, {"status": "partial", "exit_code": 3, "data": {"x": 1}})
    store.flush()
    return StateReader(path)


def test_the_summary_says_where_everything_stands(reader: StateReader, path: Path) -> None:
    with reader:
        summary = reader.summary()
    assert summary["threads"] == {"failed": 1, "in_doubt": 1, "loaded": 1}
    assert (summary["items"], summary["messages"], summary["orphans"]) == (5, 5, 1)
    assert summary["findings"] == {"message-incomplete": 2}
    assert [row["thread_id"] for row in summary["failed"]] == ["t2"]
    doubt = summary["in_doubt"][0]
    assert (doubt["thread_id"], doubt["code"], doubt["detail"]) == ("t3", "foreign-items", "2 items are not ours.")
    assert summary["running"]["command"] == "migrate-cli apply"
    assert (summary["last_run"]["command"], summary["last_run"]["exit_code"]) == ("apply", 3)
    assert summary["state"] == str(path)


@pytest.mark.parametrize(
    ("one", "found", "field", "value"),
    [
        ("t1", "thread", "conversation_id", "conv_t1"),
        ("conv_t2", "conversation", "thread_id", "t2"),
        ("msg_t1_2", "message", "item_id", "item_t1_2"),
        ("item_t2_1", "item", "message_id", "msg_t2_1"),
    ],
)
def test_ids_are_mapped_in_both_directions(reader: StateReader, one: str, found: str, field: str, value: str) -> None:
    with reader:
        (row,) = reader.maps.of([one])
    assert (row["id"], row["found"], row[field]) == (one, found, value)


def test_an_unknown_id_is_answered_too_and_the_order_is_kept(reader: StateReader) -> None:
    with reader:
        rows = reader.maps.of(["nobody", "t1", "item_t1_0"] + [f"x{n}" for n in range(1200)])
    assert [row["found"] for row in rows[:4]] == [None, "thread", "item", None]
    assert len(rows) == 1203


def test_the_map_is_exported_at_both_levels(reader: StateReader) -> None:
    with reader:
        assert [row["conversation_id"] for row in reader.maps.export()] == ["conv_t1", "conv_t2", "conv_t3"]
        messages = list(reader.maps.export("messages"))
        assert list(reader.maps.export("files")) == []
    assert [(row["thread_id"], row["position"], row["kind"]) for row in messages[:2]] == [
        ("t1", 0, "message"),
        ("t1", 1, "message"),
    ]
    assert messages[0]["source_created_at"] == 1_700_000_000


def test_findings_can_be_asked_for_by_thread_and_code(reader: StateReader) -> None:
    with reader:
        assert len(list(reader.findings.listed(thread="t1"))) == 1
        assert len(list(reader.findings.listed(code="message-incomplete"))) == 2
        assert list(reader.findings.listed("t1", "text-too-long")) == []


def test_a_run_can_be_reported_again(reader: StateReader) -> None:
    with reader:
        (listed,) = reader.runs.listed()
        run = reader.runs.one(listed["id"])
        assert run == reader.runs.one()
        assert reader.runs.one("no-such-run") is None
    assert run is not None
    assert run["options"] == {"limit": 3, "reader": READER}
    assert run["result"]["data"] == {"x": 1}


def test_a_run_that_was_killed_is_called_interrupted(path: Path) -> None:
    store = StateStore.open(path)
    store.runs.start_run("apply", {})
    store.flush()
    with StateReader(path) as reader:
        assert next(reader.runs.listed())["status"] == "running"
        store.close()
        assert next(reader.runs.listed())["status"] == "interrupted"


def test_orphans_are_listed(reader: StateReader) -> None:
    with reader:
        (row,) = reader.findings.orphans()
    assert (row["thread_id"], row["reason"], row["request_id"]) == ("t9", "timeout", "req_1")


def test_reading_changes_nothing(path: Path, load: Load) -> None:
    store = StateStore.open(path)
    load(store, "t1")
    store.close()
    before = path.read_bytes()
    with StateReader(path) as reader:
        reader.summary()
        list(reader.maps.export("messages"))
    assert path.read_bytes() == before


def test_a_million_messages_would_need_less_than_200_bytes_each(path: Path, store: StateStore) -> None:
    from migrate_cli.model import Draft, Item, Ledger

    def identity(kind: str, n: int, length: int) -> str:
        return f"{kind}_" + f"{(n * 2654435761) % 2**32:08x}".ljust(length, "x")

    threads, each = 400, 12
    for t in range(threads):
        numbers = range(t * each, (t + 1) * each)
        items = tuple(Item(b"", bytes(16), "message", identity("msg", n, 24), 1_700_000_000 + n) for n in numbers)
        name = identity("thread", t, 24)
        progress = Progress(name, conversation_id=identity("conv", t, 48), position=each)
        last = items[-1].message_id
        store.journal.begin(progress, Draft(name, {}, items, Ledger(), each, digest="d" * 44, last_message_id=last))
        store.journal.conversation(progress)
        store.journal.items(progress, 0, items, [identity("msg", n, 48) for n in numbers])
        store.journal.outcome(progress, "loaded")
    store.close()
    unused = path.with_name("unused.db")
    StateStore.open(unused).close()
    empty = unused.stat().st_size
    assert (path.stat().st_size - empty) / (threads * each) < 200
