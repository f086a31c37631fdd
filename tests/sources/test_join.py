"""Several records of one thread: told with both places, or joined where the setting asks for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.model import Thread, Unreadable
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

from sources.conftest import Wire


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def entries(path: Path, *, join: bool) -> list[Thread | Unreadable]:
    return list(open_source(str(path), join=join).threads(Selection()))


def joined(path: Path) -> Thread:
    [found] = entries(path, join=True)
    assert isinstance(found, Thread)
    return found


def ids(thread: Thread) -> list[str]:
    return [message.id for message in thread.messages]


@pytest.fixture
def halves(tmp_path: Path, wire: Wire) -> Path:
    for name, numbers in (("a", (3, 4, 5)), ("b", (1, 2, 3))):
        thread = {"id": "thread_A", "object": "thread", "metadata": {name: "x"}}
        write(tmp_path / f"{name}.json", {"thread": thread, "messages": [wire(number) for number in numbers]})
    return tmp_path


def test_a_second_record_is_told_with_both_places_and_what_joins_them(halves: Path) -> None:
    found = entries(halves, join=False)
    assert [type(one) for one in found] == [Thread, Unreadable]
    told = found[1]
    assert isinstance(told, Unreadable)
    assert all(part in told.detail for part in ("a.json", "b.json", "source.join: true", "thread_A"))


def test_joined_records_are_one_thread_in_the_order_of_their_times_with_each_message_once(halves: Path) -> None:
    thread = joined(halves)
    assert ids(thread) == ["msg_1", "msg_2", "msg_3", "msg_4", "msg_5"]
    assert [found.code for found in thread.findings] == ["duplicate-message"]


def test_no_field_of_a_joined_record_disappears(halves: Path) -> None:
    thread = joined(halves)
    assert thread.metadata == {"a": "x"}
    assert [one.value for one in thread.unknown] == [{"b": "x"}]


def test_records_of_one_file_are_joined(tmp_path: Path, wire: Wire) -> None:
    records = [{"id": "thread_A", "messages": [wire(number)]} for number in (2, 1)]
    assert ids(joined(write(tmp_path / "threads.json", records))) == ["msg_1", "msg_2"]
    lines = "\n".join(json.dumps(record) for record in records)
    assert ids(joined(write(tmp_path / "threads.json", lines))) == ["msg_1", "msg_2"]


def test_a_record_of_a_thread_and_loose_messages_are_joined(tmp_path: Path, wire: Wire) -> None:
    write(tmp_path / "a.json", {"id": "thread_A", "messages": [wire(2)], "runs": [{"id": "run_1", "model": "m"}]})
    write(tmp_path / "b.json", [wire(1), wire(3)])
    thread = joined(tmp_path)
    assert ids(thread) == ["msg_1", "msg_2", "msg_3"]
    assert [run.id for run in thread.runs] == ["run_1"]


def test_other_threads_stay_what_they_are(tmp_path: Path, wire: Wire) -> None:
    document = {"thread_A": [wire(1)], "thread_B": [], "thread_C": [wire(2, thread="thread_C")]}
    path = write(tmp_path / "a.json", document)

    def counts(*, join: bool) -> dict[str, int]:
        found = [one for one in entries(path, join=join) if isinstance(one, Thread)]
        return {one.id: len(list(one.messages)) for one in found}

    assert counts(join=True) == counts(join=False) == {"thread_A": 1, "thread_B": 0, "thread_C": 1}
