"""Rows of databases and scripts: common column names are known, others can be named, and no column is lost."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from migrate_cli.errors import SourceError
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "header",
    [
        "thread_id,message_id,role,text,created_at",
        "Thread ID,Message ID,Sender,Body,Timestamp",
        "conversationId,id,author,content,date",
        "THREAD,MSG_ID,FROM,MESSAGE,SENT AT",
    ],
)
def test_common_column_names_are_recognised(header: str, tmp_path: Path, read: Any) -> None:
    table = write(tmp_path / "rows.csv", f'{header}\nthread_A,m1,user,"hi, there",2025-08-12T12:00:00Z\n')
    (message,) = read(table).messages("thread_A")

    assert (message.id, message.role, message.created_at) == ("m1", "user", 1755000000)
    assert message.content[0]["text"]["value"] == "hi, there"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_told_by_the_header(delimiter: str, tmp_path: Path, read: Any) -> None:
    rows = [["thread_id", "role", "text"], ["thread_A", "user", "hi"]]
    table = write(tmp_path / "rows.csv", "\n".join(delimiter.join(row) for row in rows))

    assert len(read(table).messages("thread_A")) == 1


def test_columns_can_be_named(tmp_path: Path, read: Any) -> None:
    table = write(tmp_path / "rows.csv", "chat no,wer,was\n7,user,hi\n")
    reading = read(table, columns={"thread_id": "chat no", "role": "wer", "text": "was"})

    assert reading.ids == ["7"]


def test_named_columns_serve_lines_too(tmp_path: Path, read: Any) -> None:
    table = write(tmp_path / "rows.jsonl", '{"chat": 7, "wer": "user", "was": "hi"}\n' * 2)
    reading = read(table, columns={"thread_id": "chat", "role": "wer", "text": "was"})

    assert len(reading.messages("7")) == 2


def test_a_wrong_header_is_told_with_what_is_missing_and_how_to_name_it(tmp_path: Path) -> None:
    table = write(tmp_path / "rows.csv", "thread_id,wer,was\nthread_A,user,hi\n")
    with pytest.raises(SourceError) as caught:
        list(open_source(str(table)).threads(Selection()))

    assert caught.value.code == "csv-header"
    assert "do not show role and text" in str(caught.value)
    assert "source.columns" in str(caught.value)


def test_a_table_of_something_else_in_a_folder_is_ignored(tmp_path: Path, read: Any, wire: Any) -> None:
    write(tmp_path / "m.json", json.dumps([wire(1)]))
    write(tmp_path / "sales.csv", "weekday,units\nMon,3\n")

    assert read(tmp_path).unreadable == []


def test_a_table_that_is_not_utf_8_is_told(tmp_path: Path, read: Any, wire: Any) -> None:
    write(tmp_path / "m.json", json.dumps([wire(1)]))
    (tmp_path / "rows.csv").write_bytes("thread_id,role,text\nthread_B,user,grün\n".encode("latin-1"))

    assert read(tmp_path).codes == ["csv-encoding"]


def test_columns_without_a_meaning_become_metadata(tmp_path: Path, read: Any) -> None:
    table = write(tmp_path / "rows.csv", "thread_id,role,text,rating,empty\nthread_A,user,hi,5,\n")

    assert read(table).messages("thread_A")[0].metadata == {"rating": "5"}


def test_other_words_for_roles_are_understood(tmp_path: Path, read: Any) -> None:
    table = write(tmp_path / "rows.csv", "thread_id,role,text\nt,Human,a\nt,AI,b\nt,bot,c\nt,Assistant,d\n")

    assert [message.role for message in read(table).messages("t")] == ["user", "assistant", "assistant", "assistant"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.csv", "thread_id,role,text\n7,Kundin,hi\n7,other,ho\n"),
        (
            "rows.jsonl",
            '{"thread_id": 7, "role": "Kundin", "text": "hi"}\n{"thread_id": 7, "role": "other", "text": "ho"}\n',
        ),
        (
            "rows.json",
            '[{"thread_id": 7, "role": "Kundin", "text": "hi"}, {"thread_id": 7, "role": "other", "text": "ho"}]',
        ),
    ],
)
def test_roles_can_be_mapped_and_those_that_are_not_stay_as_they_are(
    name: str, text: str, tmp_path: Path, read: Any
) -> None:
    reading = read(write(tmp_path / name, text), roles={"kundin": "user"})

    assert [message.role for message in reading.messages("7")] == ["user", "other"]


def test_roles_that_are_numbers_can_be_mapped_too(tmp_path: Path, read: Any) -> None:
    rows = '{"thread_id": 7, "role": 0, "text": "hi"}\n{"thread_id": 7, "role": 1, "text": "ho"}\n'
    reading = read(write(tmp_path / "rows.jsonl", rows), roles={"0": "user", "1": "assistant"})

    assert [message.role for message in reading.messages("7")] == ["user", "assistant"]


@pytest.mark.parametrize("written", ['["file-1", "file-2"]', "file-1 file-2", "file-1,file-2"])
def test_file_ids_in_a_column_are_attachments(written: str, tmp_path: Path, read: Any) -> None:
    row = {"thread_id": "t", "role": "user", "text": "a", "file_ids": written}
    table = write(tmp_path / "rows.jsonl", json.dumps(row) + "\n" + json.dumps(row))

    assert [file.file_id for file in read(table).messages("t")[0].attachments] == ["file-1", "file-2"]


def test_rows_without_ids_get_stable_ones(tmp_path: Path, read: Any) -> None:
    table = write(tmp_path / "rows.csv", "thread_id,role,text\nt,user,a\nt,assistant,b\n")
    reading = read(table)

    assert reading.message_ids("t") == ["t#0", "t#1"]
    assert reading.finding_codes("t") == ["order-unknown", *["message-without-id"] * 2]


def test_rows_newest_first_are_turned_round(tmp_path: Path, read: Any) -> None:
    table = write(tmp_path / "rows.csv", "thread_id,id,role,text,created\nt,b,assistant,b,2\nt,a,user,a,1\n")

    assert read(table).message_ids("t") == ["a", "b"]


# ---- tables that were cut off

TABLE = (
    "thread_id,message_id,role,text,created_at\n"
    'thread_A,m1,user,"a ""quoted"" text, with\nlines",1700000000\n'
    "thread_B,m2,user,plain,1700000001\n"
    'thread_C,m3,user,"the last, längste one",1700000002\n'
)


@pytest.mark.parametrize("packed", [False, True])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(end=st.integers(TABLE.encode().index(b"thread_B"), len(TABLE.encode()) - 1))
def test_no_cut_of_a_table_goes_by_in_silence(packed: bool, end: int, tmp_path: Path, read: Any) -> None:
    data = TABLE.encode()[:end]
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(data) if packed else data)
    reading = read(path)
    texts = {one.id: [message.content[0]["text"]["value"] for message in one.messages] for one in reading.threads}
    whole = {"thread_A": 'a "quoted" text, with\nlines', "thread_B": "plain", "thread_C": "the last, längste one"}
    doubted = {one.id for one in reading.threads if "file-may-be-cut" in [found.code for found in one.findings]}

    assert {name: [text] for name, text in whole.items() if name in texts and name not in doubted} == {
        name: text for name, text in texts.items() if name not in doubted
    }
    at_end_of_row = data.endswith((b"1700000000\n", b"1700000001\n"))
    assert at_end_of_row or doubted or reading.codes == ["file-cut-off"]
    assert set(reading.codes) <= {"file-cut-off"}


def test_the_thread_of_a_cut_row_waits_for_a_whole_table(tmp_path: Path, read: Any) -> None:
    (tmp_path / "t.csv").write_text(
        'thread_id,role,text\nthread_A,user,one\nthread_B,user,two\nthread_A,assistant,"cut in the mid'
    )
    reading = read(tmp_path / "t.csv")

    assert reading.ids == ["thread_B"]
    assert [(one.code, one.thread_id) for one in reading.unreadable] == [("file-cut-off", "thread_A")]


def test_a_table_without_a_last_line_end_is_read_with_a_warning_on_its_last_thread(tmp_path: Path, read: Any) -> None:
    (tmp_path / "t.csv").write_text("thread_id,role,text\nthread_A,user,one\nthread_B,user,two")
    reading = read(tmp_path / "t.csv")

    assert reading.ids == ["thread_A", "thread_B"]
    assert reading.codes == []
    assert reading.finding_codes("thread_A") == ["message-without-id"]
    assert "file-may-be-cut" in reading.finding_codes("thread_B")


@pytest.mark.parametrize("indent", [None, 1])
def test_one_row_alone_is_a_table_of_one_row(tmp_path: Path, read: Any, indent: int | None) -> None:
    row = {"thread_id": "t", "id": "msg_1", "role": "user", "text": "hi", "mood": "good"}
    path = write(tmp_path / "row.json", json.dumps(row, indent=indent))
    [message] = read(path).messages("t")
    assert (message.id, message.content[0]["text"]["value"], message.metadata) == ("msg_1", "hi", {"mood": "good"})


def test_an_empty_cell_is_no_text_and_is_told(tmp_path: Path, read: Any) -> None:
    table = write(tmp_path / "rows.csv", "thread_id,role,text,created_at\nt,user,hi,1\nt,assistant,,2\n")
    assert "message-without-content" in read(table).finding_codes("t")
