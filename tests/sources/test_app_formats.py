"""The tables of apps: each row becomes the messages that it means, and what it holds beside them is kept."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.commands.sql_source import open_sql
from migrate_cli.errors import SourceError, UsageError
from migrate_cli.model import Thread
from migrate_cli.settings.model import Settings, SourceSettings
from migrate_cli.sources.app_formats import APPS, app_messages, app_of, app_records
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection
from migrate_cli.sources.sql.source import RowQuery, SqlSource


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": {"value": value, "annotations": []}}


STEP: dict[str, Any] = {
    "id": "s1",
    "name": "lamp_user",
    "type": "user_message",
    "threadId": "thread_lamp",
    "parentId": None,
    "streaming": False,
    "isError": False,
    "metadata": "{}",
    "tags": None,
    "input": "",
    "output": "Is the lamp in stock?",
    "createdAt": "2024-07-03T10:00:00.100Z",
    "generation": "{}",
    "showInput": "json",
}
CHAT_MESSAGE: dict[str, Any] = {
    "id": "f1",
    "role": "userMessage",
    "chatflowid": "flow-1",
    "content": "When does it leave?",
    "sourceDocuments": None,
    "createdDate": "2024-07-03 10:00:00",
    "chatType": "EXTERNAL",
    "chatId": "chat-1",
    "sessionId": "thread_flow",
    "usedTools": None,
    "fileUploads": None,
}
MWAI: dict[str, Any] = {
    "id": 1,
    "userId": 7,
    "ip": "::1",
    "title": "Trains",
    "messages": json.dumps([{"type": "user", "text": "When?"}, {"type": "ai", "text": "Nine.", "extra": {"e": None}}]),
    "extra": "{}",
    "botId": "default",
    "chatId": "chat-1",
    "threadId": "thread_wp",
    "created": "2024-07-03 10:00:00",
    "updated": "2024-07-03 10:00:05",
}
LIBRE: dict[str, Any] = {
    "messageId": "m1",
    "conversationId": "c1",
    "parentMessageId": "00000000-0000-0000-0000-000000000000",
    "sender": "User",
    "isCreatedByUser": True,
    "text": "When?",
    "createdAt": "2024-07-03T10:00:00.000Z",
    "endpoint": "assistants",
    "model": "asst_1",
    "thread_id": "thread_libre",
    "tokenCount": 3,
}
N8N: dict[str, Any] = {
    "id": 1,
    "session_id": "sess-1",
    "message": json.dumps({"type": "human", "content": "When?", "additional_kwargs": {}, "response_metadata": {}}),
}
ROWS = {"chainlit": STEP, "flowise": CHAT_MESSAGE, "wordpress-ai-engine": MWAI, "librechat": LIBRE, "n8n": N8N}


@pytest.mark.parametrize("app", APPS)
def test_a_row_is_told_by_its_columns_alone(app: str) -> None:
    assert app_of(ROWS[app]) == app
    assert app_of([column.lower() for column in ROWS[app]]) == app


@pytest.mark.parametrize("columns", [["thread_id", "role", "text"], ["id", "content"], []])
def test_columns_of_no_app_name_none(columns: list[str]) -> None:
    assert app_of(columns) is None


def test_messages_of_chainlit_are_its_steps_of_two_types() -> None:
    (asked,) = app_messages("chainlit", STEP)
    assert (asked["role"], asked["thread_id"], asked["content"]) == (
        "user", "thread_lamp", [text("Is the lamp in stock?")]
    )  # fmt: skip
    assert asked["metadata"] == {"name": "lamp_user"}
    (said,) = app_messages("chainlit", {**STEP, "type": "assistant_message", "output": "Yes."})
    assert (said["role"], said["content"]) == ("assistant", [text("Yes.")])
    (nothing,) = app_messages("chainlit", {**STEP, "type": "run", "output": ""})
    assert nothing == {"object": "thread", "id": "thread_lamp"}


def test_a_tool_step_of_chainlit_is_a_call_with_its_output() -> None:
    (called,) = app_messages("chainlit", {**STEP, "type": "tool", "name": "stock", "input": '{"q":1}', "output": "3"})
    assert called["content"] == [
        {"type": "tool_call", "id": "s1", "name": "stock", "arguments": {"q": 1}, "output": "3"}
    ]


def test_another_step_of_chainlit_that_says_something_is_kept_apart() -> None:
    (step,) = app_messages("chainlit", {**STEP, "type": "retrieval", "input": "q", "output": "found"})
    assert step["content"][0]["type"] == "app_step"


def test_tools_that_flowise_used_come_before_the_answer() -> None:
    used = json.dumps([{"tool": "times", "toolInput": {"a": 1}, "toolOutput": "9"}])
    (said,) = app_messages("flowise", {**CHAT_MESSAGE, "role": "apiMessage", "usedTools": used})
    assert said["role"] == "assistant"
    assert said["content"] == [
        {"type": "tool_call", "id": "f1-1", "name": "times", "arguments": {"a": 1}, "output": "9"},
        text("When does it leave?"),
    ]
    assert said["metadata"] == {"chatflowid": "flow-1", "chatId": "chat-1"}


def test_a_row_of_ai_engine_is_a_thread() -> None:
    *messages, thread = app_messages("wordpress-ai-engine", MWAI)
    assert thread["id"] == "thread_wp"
    known = {"object": "thread.message", "thread_id": "thread_wp"}
    assert messages == [
        {**known, "role": "user", "content": "When?"},
        {**known, "role": "assistant", "content": "Nine."},
    ]
    assert thread["metadata"]["title"] == "Trains"
    assert app_messages("wordpress-ai-engine", {**MWAI, "threadId": None})[-1]["id"] == "chat-1"


def test_parts_of_librechat_become_texts_calls_and_reasoning() -> None:
    parts = [
        {"type": "think", "think": "hm"},
        {
            "type": "tool_call",
            "tool_call": {"id": "call_1", "name": "times", "args": "{}", "output": "9", "progress": 1},
        },
        {"type": "text", "text": "At nine."},
    ]
    (said,) = app_messages("librechat", {**LIBRE, "isCreatedByUser": False, "text": "", "content": parts})
    assert said["role"] == "assistant"
    assert said["thread_id"] == "thread_libre"
    assert said["content"] == [
        {"type": "reasoning", "text": "hm"},
        {"type": "tool_call", "id": "call_1", "name": "times", "arguments": "{}", "output": "9"},
        {"type": "text", "text": "At nine."},
    ]


def test_a_row_of_n8n_is_a_message_of_langchain_in_a_session() -> None:
    (asked,) = app_messages("n8n", N8N)
    assert asked == {
        "object": "thread.message",
        "id": 1,
        "thread_id": "sess-1",
        "role": "user",
        "content": [text("When?")],
    }


def test_a_row_whose_columns_alone_look_like_an_app_is_left_to_others() -> None:
    assert app_records({"session_id": "s", "message": "hello"}) is None
    assert app_records({"session_id": "s", "message": "hello"}, "n8n") is not None
    assert app_records({"id": "x"}, "n8n") is None


ODD: tuple[Any, ...] = (None, 1, "x", "", [], {}, [1], {"a": []}, "[1]", '{"type":[]}', True, "[{}]", [None])


@pytest.mark.parametrize("app", APPS)
def test_values_of_any_kind_break_no_app(app: str) -> None:
    for column in ROWS[app]:
        for value in ODD:
            found = app_messages(app, {**ROWS[app], column: value})
            assert all(isinstance(message, dict) for message in found)


def database(path: Path, table: str, *rows: dict[str, Any]) -> str:
    """An SQLite file with one table of an app."""
    with closing(sqlite3.connect(path / "app.db")) as made:
        columns = ", ".join(f'"{column}"' for column in rows[0])
        made.execute(f"CREATE TABLE {table} ({columns})")
        for row in rows:
            marks = ", ".join("?" * len(row))
            made.execute(f"INSERT INTO {table} VALUES ({marks})", list(row.values()))
        made.commit()
    return f"sqlite:///{path / 'app.db'}"


def threads_of(url: str, **query: Any) -> dict[str, list[tuple[str | None, list[Any]]]]:
    found = list(SqlSource(url, RowQuery(**query)).threads(Selection()))
    assert all(isinstance(entry, Thread) for entry in found), found
    return {
        entry.id: [(message.role, list(message.content)) for message in entry.messages]
        for entry in found
        if isinstance(entry, Thread)
    }


ANSWER = {**STEP, "id": "s0", "type": "assistant_message", "output": "Yes.", "createdAt": "2025-01-01"}
REPLY = {**CHAT_MESSAGE, "id": "e", "role": "apiMessage", "createdDate": "2025-01-01"}
TABLES = {
    "chainlit": ("steps", [STEP, ANSWER]),
    "flowise": ("chat_message", [CHAT_MESSAGE, REPLY]),
    "wordpress-ai-engine": ("wp_mwai_chats", [MWAI]),
    "n8n": ("n8n_chat_histories", [N8N, {**N8N, "id": 2, "message": '{"type": "ai", "content": "Nine."}'}]),
}


@pytest.mark.parametrize("app", TABLES)
@pytest.mark.parametrize("named", [False, True])
def test_the_table_of_an_app_is_read_with_and_without_its_name(app: str, named: bool, tmp_path: Path) -> None:
    table, rows = TABLES[app]
    threads = threads_of(database(tmp_path, table, *rows), app=app if named else None)
    ((_, messages),) = threads.items()
    assert [role for role, _ in messages] == ["user", "assistant"]


def test_rows_without_a_session_belong_to_the_chat(tmp_path: Path) -> None:
    rows = [
        {**CHAT_MESSAGE, "id": f"{chat}{place}", "sessionId": None, "chatId": chat, "createdDate": f"2024-07-0{place}"}
        for place in (1, 2)
        for chat in ("chat-a", "chat-b")
    ]
    threads = threads_of(database(tmp_path, "chat_message", *rows))
    assert {thread: len(messages) for thread, messages in threads.items()} == {"chat-a": 2, "chat-b": 2}


def test_a_table_of_another_app_is_refused_in_one_sentence(tmp_path: Path) -> None:
    url = database(tmp_path, "steps", STEP)
    with pytest.raises(SourceError, match="is not the table `chat_message` of flowise"):
        SqlSource(url, RowQuery(table="steps", app="flowise"))
    with pytest.raises(UsageError, match="no table is the table `chat_message` of flowise"):
        SqlSource(url, RowQuery(app="flowise"))


def test_columns_that_are_named_win_over_the_app(tmp_path: Path) -> None:
    url = database(tmp_path, "steps", STEP)
    named = {"role": "type", "text": "output"}
    threads = threads_of(url, table="steps", columns=named, roles={"user_message": "user"})
    assert threads == {"thread_lamp": [("user", [text("Is the lamp in stock?")])]}


def csv_of(path: Path, *rows: dict[str, Any]) -> Path:
    """A CSV file of an app's table, in which everything is text."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_file(path: Path, **settings: Any) -> dict[str, list[str | None]]:
    found = list(open_source(str(path), **settings).threads(Selection()))
    assert all(isinstance(entry, Thread) for entry in found), found
    return {entry.id: [message.role for message in entry.messages] for entry in found if isinstance(entry, Thread)}


FILES = {**TABLES, "librechat": ("messages", [LIBRE, {**LIBRE, "messageId": "m2", "isCreatedByUser": False}])}


@pytest.mark.parametrize("app", FILES)
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_the_export_of_an_app_is_read_from_files(app: str, named: bool, form: str, tmp_path: Path) -> None:
    _, rows = FILES[app]
    path = tmp_path / f"export.{form}"
    if form == "csv":
        csv_of(path, *rows)
    else:
        path.write_text(json.dumps(rows) if form == "json" else "".join(json.dumps(row) + "\n" for row in rows))
    threads = read_file(path, format=app if named else "auto")
    assert list(threads.values()) == [["user", "assistant"]]


def test_a_thread_of_ai_engine_keeps_its_title(tmp_path: Path) -> None:
    for path in (csv_of(tmp_path / "a.csv", MWAI), tmp_path / "a.json"):
        path.with_suffix(".json").write_text(json.dumps([MWAI]))
        (thread,) = open_source(str(path)).threads(Selection())
        assert isinstance(thread, Thread)
        assert thread.metadata["title"] == "Trains"


def test_replies_that_hang_under_a_message_of_librechat_are_read(tmp_path: Path) -> None:
    reply = {**LIBRE, "messageId": "m2", "isCreatedByUser": False, "createdAt": "2024-07-03T10:00:05.000Z"}
    path = tmp_path / "conversation.json"
    path.write_text(
        json.dumps({"conversationId": "c1", "recursive": True, "messages": [{**LIBRE, "children": [reply]}]})
    )
    assert list(read_file(path).values()) == [["user", "assistant"]]


def test_columns_that_are_named_win_in_files_too(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "steps.csv", STEP)
    threads = read_file(path, columns={"role": "type", "text": "output"}, roles={"user_message": "user"})
    assert threads == {"thread_lamp": ["user"]}


@pytest.mark.parametrize("example", sorted((Path(__file__).parents[2] / "examples" / "apps").iterdir()))
def test_the_examples_are_read_whole(example: Path) -> None:
    assert all(len(roles) >= 2 and None not in roles for roles in read_file(example).values())


def test_a_word_that_is_neither_a_format_nor_an_app_is_refused(tmp_path: Path) -> None:
    url = database(tmp_path, "steps", STEP)
    with pytest.raises(UsageError, match="did you mean chainlit"):
        open_sql(Settings(source=SourceSettings(kind="sql", url=url, format="chainlt")))
    with pytest.raises(SourceError, match="did you mean flowise"):
        open_source(str(csv_of(tmp_path / "a.csv", CHAT_MESSAGE)), format="flowis")
