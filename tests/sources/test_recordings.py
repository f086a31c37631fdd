"""Recorded traffic: threads are put together from lists, single answers and event streams."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from migrate_cli.errors import SourceError
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

BASE = "https://host.example/v1/threads/thread_A/messages"


def record(folder: Path, *calls: tuple[str, Any]) -> Path:
    entries = [{"RequestUri": uri, "RequestMethod": "GET", "ResponseBody": answer} for uri, answer in calls]
    path = folder / "session.json"
    path.write_text(json.dumps({"Entries": entries}), encoding="utf-8")
    return path


def listing(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": list(messages), "has_more": False}


def test_the_request_tells_the_direction_of_a_list_in_one_second(tmp_path: Path, read: Any, wire: Any) -> None:
    a, b = wire(1, at=0), wire(2, at=0)

    assert read(record(tmp_path, (f"{BASE}?order=asc", listing(a, b)))).message_ids("thread_A") == ["msg_1", "msg_2"]
    assert read(record(tmp_path, (BASE, listing(b, a)))).message_ids("thread_A") == ["msg_1", "msg_2"]


def test_an_object_counts_as_it_was_answered_last(tmp_path: Path, read: Any, wire: Any) -> None:
    begun = wire(2, content=[], status="in_progress")
    done = wire(2, status="completed")
    reading = read(record(tmp_path, (BASE, listing(begun, wire(1))), (BASE, listing(done, wire(1)))))

    assert [message.status for message in reading.messages("thread_A")] == [None, "completed"]
    assert reading.finding_codes("thread_A") == []


def test_a_list_that_grew_is_read_once(tmp_path: Path, read: Any, wire: Any) -> None:
    one, two, three = (wire(number, at=0) for number in (1, 2, 3))
    reading = read(record(tmp_path, (BASE, listing(two, one)), (BASE, listing(three, two, one))))

    assert reading.message_ids("thread_A") == ["msg_1", "msg_2", "msg_3"]


def test_messages_that_no_list_holds_are_put_in_by_time(tmp_path: Path, read: Any, wire: Any) -> None:
    reading = read(record(tmp_path, (BASE, wire(3)), (BASE, wire(1)), (BASE, listing(wire(4), wire(2)))))

    assert reading.message_ids("thread_A") == ["msg_1", "msg_2", "msg_3", "msg_4"]


def test_event_streams_are_read_without_their_deltas(tmp_path: Path, read: Any, wire: Any) -> None:
    delta = {"id": "msg_2", "object": "thread.message.delta", "delta": {}}
    run = {"id": "run_1", "object": "thread.run", "thread_id": "thread_A", "status": "completed"}
    events = [("thread.message.delta", delta), ("thread.message.completed", wire(2)), ("thread.run.completed", run)]
    stream = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events) + "data: [DONE]\n\n"
    reading = read(record(tmp_path, (BASE, wire(1)), (f"{BASE}/runs", stream)))

    assert reading.message_ids("thread_A") == ["msg_1", "msg_2"]
    assert [run.id for run in reading.thread("thread_A").runs] == ["run_1"]


def test_bytes_and_text_bodies_of_a_cassette_are_read(tmp_path: Path, read: Any, wire: Any) -> None:
    calls = [
        {"request": {"uri": BASE}, "response": {"body": {"string": json.dumps(listing(wire(1))).encode()}}},
        {"request": {"uri": BASE}, "response": {"body": {"string": "<html>gateway</html>"}}},
        {"request": {"uri": BASE}, "response": {}},
        None,
    ]
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"version": 1, "interactions": calls}))

    assert read(tmp_path).message_ids("thread_A") == ["msg_1"]


@pytest.mark.parametrize("content", [{"interactions": []}, {"interactions": [{"request": {}, "response": {}}]}])
def test_a_cassette_without_a_thread_is_told(content: Any, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(SourceError, match="no thread was read") as caught:
        list(open_source(str(tmp_path / "c.yaml")).threads(Selection()))

    assert caught.value.code == "no-thread-in-recording"


def test_a_broken_cassette_is_told_with_its_line(tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    (tmp_path / "c.yaml").write_text("version: 1\ninteractions:\n  - [\n")
    (problem,) = read(tmp_path).unreadable

    assert problem.code == "not-yaml"
    assert problem.origin.line is not None


def test_a_cassette_cannot_make_objects(tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    (tmp_path / "c.yaml").write_text("interactions:\n- !!python/object/apply:os.getcwd []\n")

    assert read(tmp_path).codes == ["not-yaml"]


def test_other_yaml_in_a_folder_is_ignored(tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    (tmp_path / "migration.yaml").write_text("source: {path: ./export}\n")

    assert read(tmp_path).unreadable == []
