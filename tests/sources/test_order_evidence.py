"""What tells the order of a thread is evidence; where there is none, the order of the file stays, and is said to."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.model import Thread
from migrate_cli.sources.evidence import form_of
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.sources.sql.source import RowQuery, SqlSource

ROLES = ("user", "assistant")
UNKNOWN, REVERSED = "order-unknown", "order-probably-reversed"


def messages(*times: Any, first: str = "user", **fields: Any) -> list[dict[str, Any]]:
    turn = ROLES.index(first)
    return [
        {"id": f"m{n}", "thread_id": "thread_A", "role": ROLES[(n + turn) % 2], "content": f"text {n}"}
        | ({} if time is None else {"created_at": time})
        | fields
        for n, time in enumerate(times)
    ]


def only(source: Source) -> Thread:
    [found] = source.threads(Selection())
    assert isinstance(found, Thread)
    return found


@pytest.fixture
def read_one(tmp_path: Path) -> Callable[..., Thread]:
    def read_document(document: Any, name: str = "export.json", order: str = "auto") -> Thread:
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return only(open_source(str(path), order=order))

    return read_document


ReadOne = Callable[..., Thread]


def ids(thread: Thread) -> list[str]:
    return [message.id for message in thread.messages]


def codes(thread: Thread) -> list[str]:
    return [found.code for found in thread.findings if found.code != "thread-may-be-incomplete"]


def detail(thread: Thread, code: str) -> str:
    return next(found.detail for found in thread.findings if found.code == code)


CONTAINERS: dict[str, Callable[[list[dict[str, Any]]], tuple[Any, str]]] = {
    "array": lambda raws: (raws, "export.json"),
    "thread": lambda raws: ({"id": "thread_A", "messages": raws}, "export.json"),
    "lines": lambda raws: ("\n".join(map(json.dumps, raws)), "export.jsonl"),
    "threads": lambda raws: ([{"id": "thread_A", "messages": raws}], "export.json"),
    "by id": lambda raws: ({"thread_A": raws}, "export.json"),
}
every_container = pytest.mark.parametrize("container", CONTAINERS)


@every_container
@pytest.mark.parametrize("time", [None, 5, "14.07.2024 23:33"])
def test_without_times_that_differ_the_files_order_stays_and_is_said_to(
    read_one: ReadOne, container: str, time: Any
) -> None:
    thread = read_one(*CONTAINERS[container](messages(time, time, time)))
    assert ids(thread) == ["m0", "m1", "m2"]
    assert UNKNOWN in codes(thread) and REVERSED not in codes(thread)


@every_container
def test_a_thread_that_begins_with_an_answer_and_ends_with_a_question_is_said_to_be_reversed(
    read_one: ReadOne, container: str
) -> None:
    document = CONTAINERS[container](messages(None, None, first="assistant"))
    thread = read_one(*document)
    assert codes(thread) == [UNKNOWN, REVERSED]
    assert "source.order: newest-first" in detail(thread, REVERSED)
    turned = read_one(*document, order="newest-first")
    assert (ids(turned), codes(turned)) == (["m1", "m0"], [])


@every_container
@pytest.mark.parametrize("times", [(1, 2, 3), (3, 2, 1), (1, 1, 2), (None, 1, 2)])
def test_times_that_agree_tell_the_order(read_one: ReadOne, container: str, times: Any) -> None:
    thread = read_one(*CONTAINERS[container](messages(*times)))
    assert ids(thread) == (["m2", "m1", "m0"] if times == (3, 2, 1) else ["m0", "m1", "m2"])
    assert codes(thread) == []
    assert thread.certificate is not None and thread.certificate.order == "times"


def test_one_message_needs_no_order(read_one: ReadOne) -> None:
    assert codes(read_one(messages(None))) == []


def test_the_setting_wins_over_what_times_tell(read_one: ReadOne) -> None:
    thread = read_one(messages(3, 2, 1), order="oldest-first")
    assert ids(thread) == ["m0", "m1", "m2"]
    assert codes(thread) == ["order-not-chronological"]


def test_a_time_that_cannot_be_read_is_told_by_its_field_and_form_and_never_by_its_value(read_one: ReadOne) -> None:
    table = "thread_id,role,text,sent_at\nthread_A,user,a,14.07.2024 23:33\nthread_A,assistant,b,15.07.2024 1:02 pm\n"
    thread = read_one(table, "export.csv")
    told = detail(thread, "time-unreadable")
    assert "2 of 2 times (sent_at)" in told
    assert "00.00.0000 00:00 or 00.00.0000 0:00 aa" in told and "source.time_format" in told
    assert "14.07" not in told
    assert UNKNOWN in codes(thread)


def test_a_single_unreadable_time_among_good_ones_is_told(read_one: ReadOne) -> None:
    thread = read_one(messages(1, "yesterday", 3))
    assert codes(thread) == ["time-unreadable"]
    assert "1 of 3" in detail(thread, "time-unreadable")


def test_times_in_two_forms_are_told(read_one: ReadOne) -> None:
    thread = read_one(messages(1_700_000_000, "2023-11-15T00:00:00", "2023-11-16T00:00:00"))
    assert codes(thread) == ["times-in-two-forms"]
    assert codes(read_one(messages("2023-11-15T00:00:00Z", "2023-11-15T00:00:00.5+00:00"))) == []


def test_what_runs_made_when_tells_the_order_where_the_messages_have_no_times(read_one: ReadOne) -> None:
    listed = messages(None, None, None, None, first="assistant")
    steps = [
        {
            "id": f"step_{name}",
            "run_id": f"run_{name}",
            "type": "message_creation",
            "created_at": at,
            "step_details": {"type": "message_creation", "message_creation": {"message_id": name}},
        }
        for name, at in (("m0", 20), ("m2", 10))
    ]
    thread = read_one({"id": "thread_A", "messages": listed, "run_steps": steps})
    assert ids(thread) == ["m3", "m2", "m1", "m0"]
    assert codes(thread) == []
    assert thread.certificate is not None and thread.certificate.order == "the times of runs"


def test_runs_in_a_file_of_their_own_tell_the_order_too(tmp_path: Path) -> None:
    listed = messages(None, None, None, None, first="assistant")
    for place, raw in enumerate(listed):
        raw |= {"object": "thread.message", "run_id": None if raw["role"] == "user" else f"run_{9 - place}"}
    runs = [
        {"id": f"run_{number}", "object": "thread.run", "thread_id": "thread_A", "created_at": number}
        for number in range(10)
    ]
    (tmp_path / "messages.json").write_text(json.dumps(listed))
    (tmp_path / "runs.json").write_text(json.dumps(runs))
    assert ids(only(open_source(str(tmp_path)))) == ["m3", "m2", "m1", "m0"]


def database(path: Path, rows: list[tuple[Any, ...]], columns: str = "thread_id, role, text, created_at") -> Path:
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE messages ({columns})")
        db.executemany(f"INSERT INTO messages VALUES ({', '.join('?' * len(rows[0]))})", rows)
    db.close()
    return path


def test_rows_are_turned_where_the_setting_says_so(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", [("t", "assistant", "b"), ("t", "user", "a")], "thread_id, role, text")
    reversed_rows = only(SqlSource(f"sqlite:///{path}", RowQuery()))
    assert {UNKNOWN, REVERSED} <= set(codes(reversed_rows))
    turned = only(SqlSource(f"sqlite:///{path}", RowQuery(order="newest-first")))
    assert [message.role for message in turned.messages] == ["user", "assistant"]
    assert {UNKNOWN, REVERSED}.isdisjoint(codes(turned))


def test_times_of_rows_that_cannot_be_read_are_told_by_column_and_form(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", [("t", "user", "a", "3.7.2024"), ("t", "assistant", "b", "4.7.2024")])
    thread = only(SqlSource(f"sqlite:///{path}", RowQuery()))
    assert "(created_at)" in detail(thread, "time-unreadable") and "0.0.0000" in detail(thread, "time-unreadable")


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("14.07.2024 23:33", "00.00.0000 00:00"),
        ("Mär 3", "aaa 0"),
        ({"$date": 1}, "an object"),
        ([1], "a list"),
        (None, "null"),
        (True, "true"),
        (12.5, "00.0"),
        ("x" * 50, "a" * 40 + "…"),
        ("a\n\x00b", "a??a"),
    ],
)
def test_the_form_of_a_value_shows_none_of_it(value: Any, form: str) -> None:
    assert form_of(value) == form


def test_the_setting_turns_recorded_lists_whose_request_asked_for_no_order(read_one: ReadOne) -> None:
    def recording(query: str) -> dict[str, Any]:
        page = {"object": "list", "has_more": False, "data": [{**raw, "object": "thread.message"} for raw in listed]}
        uri = f"https://a.example/v1/threads/thread_A/messages{query}"
        return {"Entries": [{"RequestUri": uri, "ResponseBody": json.dumps(page)}]}

    listed = messages(5, 5)
    assert ids(read_one(recording(""))) == ["m1", "m0"]
    assert ids(read_one(recording(""), order="oldest-first")) == ["m0", "m1"]
    assert ids(read_one(recording("?order=asc"), order="newest-first")) == ["m0", "m1"]


def test_rows_whose_times_a_database_compares_as_texts_stand_in_the_order_of_their_times(tmp_path: Path) -> None:
    rows = [("t", "user", "a", "999999999"), ("t", "assistant", "b", "1000000000"), ("t", "user", "c", "1000000001")]
    thread = only(SqlSource(f"sqlite:///{database(tmp_path / 'a.db', rows)}", RowQuery()))
    assert [message.created_at for message in thread.messages] == [999_999_999, 1_000_000_000, 1_000_000_001]
    assert "order-not-chronological" not in codes(thread)


def test_rows_of_one_time_are_turned_where_all_rows_were_inserted_newest_first(tmp_path: Path) -> None:
    rows = [("t", "user", "d", 9), ("t", "assistant", "c", 5), ("t", "user", "b", 5), ("t", "user", "a", 1)]
    thread = only(SqlSource(f"sqlite:///{database(tmp_path / 'a.db', rows)}", RowQuery()))
    assert [message.content[0]["text"]["value"] for message in thread.messages] == ["a", "b", "c", "d"]
    assert UNKNOWN not in codes(thread)


def test_rows_of_one_time_that_were_inserted_in_no_order_are_told(tmp_path: Path) -> None:
    rows = [("t", "user", "d", 9), ("t", "user", "a", 1), ("t", "assistant", "c", 5), ("t", "user", "b", 5)]
    thread = only(SqlSource(f"sqlite:///{database(tmp_path / 'a.db', rows)}", RowQuery()))
    assert UNKNOWN in codes(thread)


def test_rows_without_a_time_among_others_are_told(tmp_path: Path) -> None:
    rows = [("t", "user", "a", 1), ("t", "assistant", "b", None), ("t", "user", "c", 3)]
    thread = only(SqlSource(f"sqlite:///{database(tmp_path / 'a.db', rows)}", RowQuery()))
    assert UNKNOWN in codes(thread)
    assert "1 of its messages has no time" in detail(thread, UNKNOWN)


def test_rows_whose_times_cannot_be_read_stand_as_they_were_inserted(tmp_path: Path) -> None:
    rows = [("t", "user", "a", "30.6.2024"), ("t", "assistant", "b", "30.6.2024"), ("t", "user", "c", "1.7.2024")]
    thread = only(SqlSource(f"sqlite:///{database(tmp_path / 'a.db', rows)}", RowQuery()))
    assert [message.content[0]["text"]["value"] for message in thread.messages] == ["a", "b", "c"]
    assert {UNKNOWN, "time-unreadable"} <= set(codes(thread))
    read = only(SqlSource(f"sqlite:///{tmp_path / 'a.db'}", RowQuery(time_format="%d.%m.%Y")))
    assert [message.content[0]["text"]["value"] for message in read.messages] == ["a", "b", "c"]
    assert {UNKNOWN, "time-unreadable"}.isdisjoint(codes(read))
