"""Tables with a thread a row: one without messages is a thread too, and what a row lacks is told."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from migrate_cli.convert.thread import convert_thread
from migrate_cli.model import Thread, Unreadable
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.sources.sql.source import RowQuery, SqlSource

ROWS = [
    ("thread_a", json.dumps([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}])),
    ("thread_b", "[]"),
]


def database(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "app.db")) as connection, connection:
        connection.execute("CREATE TABLE chats (thread_id TEXT, messages TEXT)")
        connection.executemany("INSERT INTO chats VALUES (?, ?)", ROWS)
    return f"sqlite:///{folder / 'app.db'}"


def messages_of(source: Source) -> dict[str, int]:
    threads = [entry for entry in source.threads(Selection()) if isinstance(entry, Thread)]
    return {thread.id: convert_thread(thread).messages for thread in threads}


def test_a_row_of_a_thread_without_messages_is_a_thread(tmp_path: Path) -> None:
    assert messages_of(SqlSource(database(tmp_path), RowQuery())) == {"thread_a": 2, "thread_b": 0}


def test_so_it_is_where_paths_describe_the_table(tmp_path: Path) -> None:
    paths = {"thread_id": "thread_id", "messages": "messages", "role": "role", "text": "content"}
    assert messages_of(SqlSource(database(tmp_path), RowQuery(paths=paths))) == {"thread_a": 2, "thread_b": 0}


def test_and_in_csv(tmp_path: Path) -> None:
    cells = [f'{thread},"{messages.replace(chr(34), chr(34) * 2)}"\n' for thread, messages in ROWS]
    (tmp_path / "chats.csv").write_text("thread_id,messages\n" + "".join(cells), encoding="utf-8")
    assert messages_of(open_source(str(tmp_path / "chats.csv"))) == {"thread_a": 2, "thread_b": 0}


def test_a_table_that_ends_in_its_header_may_be_cut_off_and_one_with_a_whole_header_is_empty(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    whole.write_text("thread_id,role,content\n", encoding="utf-8")
    cut.write_text("thread_id,role,content", encoding="utf-8")
    (tmp_path / "other.csv").write_text("thread_id,role,content\nthread_a,user,Hi\n", encoding="utf-8")
    told = [entry for entry in open_source(str(tmp_path)).threads(Selection()) if isinstance(entry, Unreadable)]
    assert [(entry.code, entry.origin.path) for entry in told] == [("file-cut-off", str(cut))]


def test_a_row_that_is_no_record_does_not_vanish(tmp_path: Path) -> None:
    rows = ["thread_a,user,\"[{'type': 'text', 'text': 'Hi'}]\"\n", "thread_a,user,\n"]
    (tmp_path / "parts.csv").write_text("thread_id,role,parts\n" + "".join(rows), encoding="utf-8")
    (thread,) = open_source(str(tmp_path / "parts.csv")).threads(Selection())
    assert isinstance(thread, Thread)
    assert convert_thread(thread).messages == 2
