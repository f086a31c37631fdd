"""What is spread over files comes together: runs, steps, thread objects, assistants and files beside the messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RUNS = [{"id": f"run_{n}", "object": "thread.run", "thread_id": "thread_A", "created_at": n} for n in (1, 2)]
STEPS = [
    {
        "id": f"step_{n}",
        "object": "thread.run.step",
        "thread_id": "thread_A",
        "run_id": "run_1",
        "created_at": 1,
        "step_details": {"type": kind},
        "type": kind,
    }
    for n, kind in enumerate(["tool_calls", "message_creation"])
]


def dump(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def page(data: list[Any]) -> dict[str, Any]:
    return {"object": "list", "data": data, "first_id": data[0]["id"], "last_id": data[-1]["id"], "has_more": False}


def as_pages(folder: Path) -> None:
    dump(folder / "runs.json", page(RUNS[::-1]))
    dump(folder / "steps" / "run_1.json", page(STEPS[::-1]))


def as_arrays(folder: Path) -> None:
    dump(folder / "zz" / "runs.json", RUNS)
    dump(folder / "zz" / "steps.json", STEPS)


def as_lines(folder: Path) -> None:
    (folder / "runs-and-steps.jsonl").write_text("".join(json.dumps(value) + "\n" for value in [*RUNS, *STEPS]))


def as_thread_file(folder: Path, messages: list[Any]) -> None:
    dump(folder / "a.json", {"thread": {"id": "thread_A"}, "messages": messages})


def as_message_array(folder: Path, messages: list[Any]) -> None:
    dump(folder / "m.json", messages)


@pytest.mark.parametrize("write_messages", [as_thread_file, as_message_array], ids=lambda f: f.__name__)
@pytest.mark.parametrize("write_runs", [as_pages, as_arrays, as_lines], ids=lambda f: f.__name__)
def test_runs_and_steps_beside_are_joined_to_their_thread(
    write_messages: Any, write_runs: Any, tmp_path: Path, read: Any, wire: Any
) -> None:
    write_messages(tmp_path, [wire(1), wire(2)])
    write_runs(tmp_path)
    reading = read(tmp_path)
    thread = reading.thread("thread_A")

    assert reading.ids == ["thread_A"]
    assert [run.id for run in thread.runs] == ["run_1", "run_2"]
    assert [step.id for step in thread.run_steps] == ["step_0", "step_1"]


def test_a_thread_object_beside_gives_metadata_and_time(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "thread_A" / "messages.json", page([wire(1)]))
    dump(
        tmp_path / "thread_A" / "thread.json",
        {"id": "thread_A", "object": "thread", "created_at": 5, "metadata": {"a": "b"}},
    )
    thread = read(tmp_path).thread("thread_A")

    assert (thread.created_at, thread.metadata) == (5, {"a": "b"})


def test_runs_without_messages_are_a_thread_without_messages(tmp_path: Path, read: Any) -> None:
    dump(tmp_path / "runs.json", RUNS)
    thread = read(tmp_path).thread("thread_A")

    assert list(thread.messages) == []
    assert len(thread.runs) == 2


def test_steps_nested_in_their_run_are_found(tmp_path: Path, read: Any) -> None:
    runs = [{**RUNS[0], "steps": STEPS}]
    dump(tmp_path / "a.json", {"thread": {"id": "thread_A"}, "messages": [], "runs": runs})

    assert [step.id for step in read(tmp_path).thread("thread_A").run_steps] == ["step_0", "step_1"]


def test_objects_that_name_no_thread_are_told(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "m.json", [wire(1)])
    dump(tmp_path / "steps.json", [{key: value for key, value in STEPS[0].items() if key != "thread_id"}])

    assert read(tmp_path).codes == ["object-without-thread"]


def test_assistants_and_files_are_kept_once_each(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "m.json", [wire(1)])
    dump(tmp_path / "a.json", page([{"id": "asst_2", "object": "assistant"}, {"id": "asst_1", "object": "assistant"}]))
    dump(tmp_path / "b.json", {"id": "asst_1", "object": "assistant", "name": "again"})
    dump(
        tmp_path / "f.json", [{"id": "file-1", "object": "file", "filename": "a.pdf", "bytes": 3, "purpose": "vision"}]
    )
    reading = read(tmp_path)

    assert [assistant["id"] for assistant in reading.source.assistants()] == ["asst_1", "asst_2"]
    assert reading.source.files()["file-1"].filename == "a.pdf"
    assert reading.ids == ["thread_A"]


@pytest.mark.parametrize("path", ["file-1", "file-1.csv", "file-1-sales.csv", "file-1/sales.csv"])
def test_bytes_in_the_files_folder_are_found_by_id(path: str, tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "m.json", [wire(1)])
    (tmp_path / "files" / path).parent.mkdir(parents=True)
    (tmp_path / "files" / path).write_text("a,b")
    info = read(tmp_path).source.files()["file-1"]

    assert (info.bytes, info.path) == (3, tmp_path / "files" / path)


def test_json_in_the_files_folder_is_bytes_and_no_thread(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "m.json", [wire(1)])
    dump(tmp_path / "files" / "file-1.json", [wire(1, thread="thread_B")])
    reading = read(tmp_path)

    assert reading.ids == ["thread_A"]
    assert list(reading.source.files()) == ["file-1"]


def test_the_messages_word_counts_more_than_the_files_name(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "thread_B.json", [wire(1)])
    dump(tmp_path / "thread_C.json", {"messages": [wire(1, thread="thread_D")]})
    reading = read(tmp_path)

    assert reading.ids == ["thread_D", "thread_A"]
    assert reading.finding_codes("thread_A") == reading.finding_codes("thread_D") == ["thread-id-from-message"]


def test_where_no_message_names_its_thread_the_files_name_does(tmp_path: Path, read: Any, wire: Any) -> None:
    nameless = wire(1, thread=None)
    dump(tmp_path / "thread_B.json", [nameless])
    dump(tmp_path / "thread_C" / "messages.json", page([nameless]))
    dump(tmp_path / "chat 7.json", {"messages": [nameless]})
    reading = read(tmp_path)

    assert sorted(reading.ids) == ["chat 7", "thread_B", "thread_C"]
    assert {code for thread in reading.ids for code in reading.finding_codes(thread)} == {"thread-id-from-file-name"}


def test_messages_that_all_name_another_thread_are_kept_with_a_finding(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "a.json", {"thread": {"id": "thread_B"}, "messages": [wire(1), wire(2)]})

    assert read(tmp_path).finding_codes("thread_B") == ["message-of-another-thread"]


def test_a_thread_may_be_spread_over_shapes(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "a.json", page([wire(2), wire(1)]))
    (tmp_path / "b.jsonl").write_text(json.dumps(wire(3)) + "\n" + json.dumps(wire(4)) + "\n")

    assert read(tmp_path).message_ids("thread_A") == ["msg_1", "msg_2", "msg_3", "msg_4"]


def test_long_threads_stay_on_disk_and_read_the_same(
    tmp_path: Path, read: Any, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate_cli.sources.spool.LONG", 100)
    monkeypatch.setattr("migrate_cli.sources.export.json_lines.BLOCK_ENTRIES", 7)
    messages = [wire(number) for number in range(150, 0, -1)]
    messages[40] |= {"id": None}
    messages[3:3] = [dict(messages[2])]
    messages[1:1] = [{**messages[0], "status": "other"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(message) + "\n" for message in messages))
    reading = read(tmp_path)
    found = reading.thread("thread_A").messages

    assert not isinstance(found, (tuple, list))
    ids = [f"msg_{number}" if number != 110 else "thread_A#109" for number in range(1, 151)]
    assert [message.id for message in found] == [message.id for message in found] == ids
    assert sorted(reading.finding_codes("thread_A")) == [
        "duplicate-message",
        "duplicate-message-differs",
        "message-without-id",
    ]


def test_messages_of_several_threads_in_one_thread_are_several_threads(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "a.json", {"thread": {"id": "thread_A"}, "messages": [wire(1), wire(2, thread="thread_B")]})
    reading = read(tmp_path)

    assert reading.message_ids("thread_A") == ["msg_1"]
    assert reading.message_ids("thread_B") == ["msg_2"]


@pytest.mark.parametrize("key", ["messages", "data", "items", "Messages", "rows", "anything"])
def test_messages_that_name_several_threads_are_several_whatever_holds_them(
    key: str, tmp_path: Path, read: Any, wire: Any
) -> None:
    dump(tmp_path / "a.json", {"exported_at": "2026-08-20", key: [wire(1), wire(2, thread="thread_B"), wire(3)]})
    reading = read(tmp_path)

    assert {thread: reading.message_ids(thread) for thread in reading.ids} == {
        "thread_A": ["msg_1", "msg_3"],
        "thread_B": ["msg_2"],
    }


@pytest.mark.parametrize(
    "wrap", [lambda value: value, lambda value: {"threads": value}, lambda value: {"export": value}]
)
def test_a_header_and_one_level_more_do_not_hide_threads_by_id(wrap: Any, tmp_path: Path, read: Any, wire: Any) -> None:
    by_id = {"thread_A": [wire(1)], "thread_B": [wire(2, thread="thread_B")]}
    dump(tmp_path / "a.json", {"exported_at": "2026-08-20", **wrap(by_id)})

    assert read(tmp_path).ids == ["thread_A", "thread_B"]


def test_records_that_name_no_thread_get_an_id_each(tmp_path: Path, read: Any) -> None:
    said = [{"role": "user", "content": "Hi"}]
    dump(tmp_path / "chats.json", [{"messages": said}, {"messages": said}, {"messages": said}])
    reading = read(tmp_path)

    assert reading.ids == ["chats", "chats#2", "chats#3"]
    assert all("thread-id-made" in reading.finding_codes(thread) for thread in reading.ids)
    assert not reading.unreadable


def test_files_of_one_name_in_several_folders_are_several_threads(tmp_path: Path, read: Any, wire: Any) -> None:
    for folder in ("anna", "bert"):
        dump(tmp_path / folder / "chat.json", [wire(1, thread=None), wire(2, thread=None)])
    reading = read(tmp_path)

    assert len(reading.ids) == 2
    assert reading.ids[0] == "chat"
    assert all(len(reading.messages(thread)) == 2 for thread in reading.ids)


def test_an_id_that_is_a_number_in_one_file_and_a_text_in_another_is_one(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "a.json", [wire(1, thread=17)])
    dump(tmp_path / "b.json", [wire(2, thread="17")])

    assert read(tmp_path).message_ids("17") == ["msg_1", "msg_2"]


def test_a_key_is_no_id_where_the_messages_name_another(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "a.json", {"first": [wire(1)], "second": [wire(2, thread="thread_B")]})

    assert read(tmp_path).ids == ["thread_A", "thread_B"]


def test_records_of_a_log_beside_the_messages_are_left_out_and_told(tmp_path: Path, read: Any) -> None:
    said = {"message_id": "m1", "role": "user", "content": "Hi"}
    log = [
        {"id": "u0", "thread_id": "thread_A", "log_type": "thread_created", "data": {"session": "s"}},
        {"id": "u1", "thread_id": "thread_A", "log_type": "message", "data": said},
    ]
    dump(tmp_path / "log.json", log)
    reading = read(tmp_path)

    assert reading.message_ids("thread_A") == ["m1"]
    assert reading.finding_codes("thread_A") == ["record-left-out"]


def test_a_list_of_messages_a_line_is_a_thread_a_line(tmp_path: Path, read: Any, wire: Any) -> None:
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    (tmp_path / "chats.jsonl").write_text("\n".join(map(json.dumps, [said, said, [wire(1)]])))
    reading = read(tmp_path)

    assert {thread: len(reading.messages(thread)) for thread in reading.ids} == {
        "chats": 2,
        "chats#2": 2,
        "thread_A": 1,
    }
