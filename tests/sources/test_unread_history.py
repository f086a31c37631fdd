"""A file that no format reads is an error where a part of the history may be in it; else it is only named."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sandbox.store import APPLICATION_ID as SANDBOX_ID
from migrate_cli.sources.export.left_behind import _OWN_DATABASES
from migrate_cli.state.migrations import APPLICATION_ID as STATE_ID

from support.exports import message, thread_id

THREAD, MESSAGE = thread_id(1), message(thread_id(1), 0)["id"]


def workbook(folder: str, text: str) -> bytes:
    """A document of an office program, with a text in one of its members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(f"{folder}/sheet.xml", f"<t>{text}</t>")
    return packed.getvalue()


def database(path: Path, application: int = 0) -> bytes:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA application_id = {application}")
        db.execute("CREATE TABLE chat (t TEXT, said TEXT)")
        db.execute("INSERT INTO chat VALUES (?, 'Hello')", (THREAD,))
    return path.read_bytes()


TABLES = {
    "ids in cells": ("a.csv", f"Fall;Wer;Was\n{THREAD};ich;hallo\n"),
    "short ids in cells": ("a.csv", "Fall;Wer;Was\nthread_1;ich;hallo\n"),
    "ids of messages": ("a.csv", f"Nr,Wer,Was\n{MESSAGE},ich,hallo\n"),
    "ids inside cells": ("a.tsv", f"Link\tWas\nhttps://example.com/{THREAD}\thallo\n"),
    "who speaks": ("a.csv", "Fall,Wer,Was\n7,user,When do you open?\n7,assistant,We open at nine.\n"),
    "its name": ("chat-log 2024.csv", "Fall,Wer,Was\n7,ich,hallo\n"),
    "a long first cell": ("a.csv", f'Was,Fall\n"{"long text, " * 2_000}",{THREAD}\n'),
    "one column": ("a.csv", f"Fall\n{THREAD}\n"),
    "blank lines first": ("a.csv", f"\n\nFall;Wer;Was\n{THREAD};ich;hallo\n"),
    "a line for a spreadsheet first": ("a.csv", f"sep=;\nFall;Wer;Was\n{THREAD};ich;hallo\n"),
    "a title first": ("a.csv", f"All chats\nFall;Wer;Was\n{THREAD};ich;hallo\n"),
    "a name that is no table's": ("a.txt", f"Fall;Wer\n{THREAD};ich\n"),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_that_looks_like_messages_is_an_error(kind: str, tmp_path: Path, read: Any, wire: Any) -> None:
    name, text = TABLES[kind]
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    (tmp_path / name).write_text(text, "utf-8")
    found = read(tmp_path)

    assert found.ids == ["thread_A"]
    assert found.codes == ["csv-header"]
    assert {taken.shape: taken.files for taken in found.source.shapes()}["unreadable"] == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sales.csv", "weekday,units\nMon,3\n"),
        ("sheet.csv", "sep=;\nweekday;units\nMon;3\n"),
        ("prices.csv", "day,what,price\n2024-07-01,A table of oak,300\n2024-07-02,A chair of oak,90\n"),
        ("notes.csv", "one line of prose without any comma\n"),
        ("README.md", f"# An export\n\nIt begins with {THREAD}, by the way.\n"),
        ("suite.yaml", f"cases:\n- id: one\n  conversation: {THREAD}\n  input: What did I ask?\n"),
    ],
)
def test_what_is_clearly_something_else_is_only_named(
    name: str, text: str, tmp_path: Path, read: Any, wire: Any
) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    (tmp_path / name).write_text(text)
    found = read(tmp_path)

    assert found.unreadable == []
    assert {taken.shape: taken.files for taken in found.source.shapes()}["ignored"] == 1


def test_a_table_without_names_of_columns_is_told_so_and_shows_no_value(tmp_path: Path, read: Any) -> None:
    (tmp_path / "a.csv").write_text(f"{THREAD},user,my secret\n{THREAD},assistant,my answer\n")
    [problem] = read(tmp_path).unreadable

    assert problem.code == "csv-header"
    assert "put a row with names above it" in problem.detail
    assert "secret" not in problem.detail + "".join(problem.shown)


HELD: dict[str, bytes] = {
    "book.xlsx": workbook("xl/worksheets", THREAD),
    "book.ods": workbook("content", MESSAGE),
    "old.xls": b"\xd0\xcf\x11\xe0" + THREAD.encode("utf-16-le"),
    "rows.parquet": b"PAR1" + b"\0" * 100 + b"thread_id\0role\0" + b"PAR1",
    "rows.avro": b"Obj\x01" + THREAD.encode(),
    "dump.sql": f"CREATE TABLE m (t TEXT);\nINSERT INTO m VALUES ('{THREAD}');\n".encode(),
    "rows.xml": f"<?xml version='1.0'?><m t='{THREAD}'/>".encode(),
    "page.html": f"<!DOCTYPE html><p>{THREAD}</p>".encode(),
    "transcript.txt": f"{THREAD}\n[10:03] User: hello there\n[10:04] Assistant: and you\n".encode(),
    "rows.yaml": f"- thread: {THREAD}\n  role: user\n  says: hello\n- role: assistant\n  says: there\n".encode(),
}


@pytest.mark.parametrize("name", HELD)
def test_a_file_of_another_kind_with_ids_in_it_is_an_error(name: str, tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    (tmp_path / name).write_bytes(HELD[name])
    found = read(tmp_path)

    assert found.codes == ["ids-not-read"]
    assert name in found.unreadable[0].detail
    assert THREAD not in found.unreadable[0].detail


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("book.xlsx", workbook("xl/worksheets", "units")),
        ("letter.docx", workbook("word", THREAD)),
        ("rows.parquet", b"PAR1" + b"\0" * 100 + b"weekday\0units\0" + b"PAR1"),
        ("paper.pdf", b"%PDF-1.7 " + THREAD.encode()),
        ("broken.xlsx", b"PK\x03\x04 this is no archive"),
        ("plan.html", f"<!DOCTYPE html><title>migrate-cli plan</title><p>{THREAD}</p>".encode()),
    ],
)
def test_a_file_of_another_kind_without_ids_or_that_people_write_is_only_named(
    name: str, data: bytes, tmp_path: Path, read: Any, wire: Any
) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    (tmp_path / name).write_bytes(data)

    assert read(tmp_path).unreadable == []


def test_a_database_in_a_folder_is_an_error_unless_migrate_cli_keeps_it(tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    for name, application in (("app.db", 0), ("migration.db", STATE_ID), ("sandbox.db", SANDBOX_ID)):
        database(tmp_path / name, application)
    [problem] = read(tmp_path).unreadable

    assert problem.code == "ids-not-read"
    assert "app.db (SQLite database)" in problem.detail
    assert "Name a database by itself as SOURCE." in problem.detail


def test_a_database_with_a_table_of_messages_is_an_error_whatever_its_ids_look_like(
    tmp_path: Path, read: Any, wire: Any
) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    for name, columns in (("chat.db", "session_id, role, content"), ("shop.db", "id, day, amount")):
        with closing(sqlite3.connect(tmp_path / name)) as db, db:
            db.execute(f"CREATE TABLE rows ({columns})")
            db.execute("INSERT INTO rows VALUES ('a', 'b', 'c')")
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0" + b"x" * 200)
    found = read(tmp_path)

    assert [str(problem.origin) for problem in found.unreadable] == [str(tmp_path / "chat.db")]


def test_what_stands_only_in_the_log_of_a_database_counts_too(tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE chat (t TEXT)")
        db.execute("INSERT INTO chat VALUES (?)", (THREAD,))
        db.commit()
        assert read(tmp_path).codes == ["ids-not-read"]


def test_the_marks_of_own_databases_are_those_that_they_carry() -> None:
    assert [int.from_bytes(mark, "big") for mark in _OWN_DATABASES] == [STATE_ID, SANDBOX_ID]


def test_named_columns_are_for_their_own_table_and_leave_others_as_they_are(
    tmp_path: Path, read: Any, wire: Any
) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    (tmp_path / "a.csv").write_text("Fall,Wer,Was\nthread_B,user,hallo\n")
    (tmp_path / "b.csv").write_text("thread_id,role,text\nthread_C,user,hello\n")
    (tmp_path / "c.csv").write_text("thread_id,prompt,response\nthread_D,When?,At nine.\n")
    found = read(tmp_path, columns={"thread_id": "Fall", "role": "Wer", "text": "Was"})

    assert sorted(found.ids) == ["thread_A", "thread_B", "thread_C", "thread_D"]
    assert found.unreadable == []
