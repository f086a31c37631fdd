"""What a table cannot say for certain is told: rows that fell apart, columns of one name, lists that did not fall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.convert.thread import convert_thread
from migrate_cli.model import Thread, Unreadable
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection


def entries(path: Path) -> list[Thread | Unreadable]:
    return list(open_source(str(path)).threads(Selection()))


def texts(thread: Thread | Unreadable) -> list[str]:
    assert isinstance(thread, Thread)
    found = []
    for item in convert_thread(thread).items:
        content = json.loads(item.body)["content"]
        found += [content] if isinstance(content, str) else [part["text"] for part in content]
    return found


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_row_with_an_unquoted_comma_is_left_out_with_its_thread_and_told(tmp_path: Path) -> None:
    rows = "thread_id,role,content\nthread_a,user,Hello, all\nthread_b,user,Hi\nthread_b,assistant,Yes,\n"
    whole, told = entries(written(tmp_path / "m.csv", rows))
    assert texts(whole) == ["Hi", "Yes"]
    assert isinstance(told, Unreadable)
    assert [told.code, told.thread_id, told.origin.line] == ["csv-broken", "thread_a", 2]


def test_the_second_column_of_one_name_hides_nothing(tmp_path: Path) -> None:
    rows = "thread_id,role,content,content,created_at\nthread_a,user,first,second,1720000000\n"
    (thread,) = entries(written(tmp_path / "m.csv", rows))
    assert texts(thread) == ["first"]
    assert isinstance(thread, Thread)
    assert [message.metadata for message in thread.messages] == [{"content (2)": "second"}]


TIMES = [[1720000010, 1720000020, 1720000005], [10, 20, 30, 40, 5], [10, 20, 30, 1]]


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("name", ["m.csv", "m.json", "m.jsonl", "thread.json"])
def test_one_late_message_with_an_old_time_turns_no_list_round(name: str, times: list[int], tmp_path: Path) -> None:
    said = [str(number) for number in range(len(times))]
    rows: list[dict[str, Any]] = [
        {"thread_id": "thread_a", "role": "user", "content": text, "created_at": 1_700_000_000 + time}
        for text, time in zip(said, times, strict=True)
    ]
    lines = [json.dumps(row) for row in rows]
    files = {
        "m.csv": "\n".join(
            ["thread_id,role,content,created_at", *(",".join(map(str, row.values())) for row in rows), ""]
        ),
        "m.json": f"[{','.join(lines)}]",
        "m.jsonl": "\n".join([*lines, ""]),
        "thread.json": json.dumps({"id": "thread_a", "messages": rows}),
    }
    (thread,) = entries(written(tmp_path / name, files[name]))
    assert texts(thread) == said
    assert isinstance(thread, Thread)
    assert "order-not-chronological" in {one.code for one in convert_thread(thread).findings}


def test_a_list_that_falls_but_for_one_message_is_turned(tmp_path: Path) -> None:
    rows = [
        {"thread_id": "thread_a", "role": "user", "content": text, "created_at": 1_700_000_000 + time}
        for text, time in zip("dcba", [40, 30, 35, 10], strict=True)
    ]
    (thread,) = entries(written(tmp_path / "m.json", json.dumps(rows)))
    assert texts(thread) == ["a", "b", "c", "d"]


def test_attachments_of_flat_rows_are_attachments(tmp_path: Path) -> None:
    attached = "[{'file_id': 'file-9', 'tools': [{'type': 'code_interpreter'}]}]"
    rows = f'thread_id,role,content,attachments\nthread_a,user,What is it?,"{attached}"\n'
    (thread,) = entries(written(tmp_path / "m.csv", rows))
    assert isinstance(thread, Thread)
    assert [one.file_id for message in thread.messages for one in message.attachments] == ["file-9"]


@pytest.mark.parametrize(
    "content",
    [
        "[{'image_file': {'file_id': 'file-8'}}, {'text': {'annotations': array([], dtype=object)}}]",
        "[{'image_file': {'file_id': 'file-8'}, 'type': 'image_file'}\n {'text': {'value': 'a'}, 'type': 'text'}]",
    ],
)
def test_a_list_that_begins_with_an_image_and_cannot_be_read_is_told(content: str, tmp_path: Path) -> None:
    row = {"thread_id": "thread_a", "role": "user", "content": content}
    (thread,) = entries(written(tmp_path / "m.json", json.dumps([row])))
    assert isinstance(thread, Thread)
    assert "text-looks-like-json" in {one.code for one in convert_thread(thread).findings}


@pytest.mark.parametrize("time", [{"$numberLong": "--5"}, {"$numberLong": "9" * 5000}, {"seconds": "--5", "nanos": 1}])
def test_a_number_that_is_none_ends_no_run(time: Any, tmp_path: Path) -> None:
    row = {"thread_id": "thread_a", "role": "user", "content": "Hi", "created_at": time}
    assert texts(entries(written(tmp_path / "m.json", json.dumps([row])))[0]) == ["Hi"]


def test_no_column_hides_another_whatever_columns_are_called(tmp_path: Path) -> None:
    path = written(
        tmp_path / "m.csv",
        "thread_id,role,content,note,note (2),note\nthread_1,user,hello,one,two,three\n",
    )
    (thread,) = entries(path)
    assert isinstance(thread, Thread)
    (message,) = thread.messages
    assert sorted(message.metadata.values()) == ["one", "three", "two"]
