"""`source.map`: records of any build become threads, from files, lines and tables; what no path reads is counted."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.errors import SettingsError, SourceError
from migrate_cli.model import Thread
from migrate_cli.settings.json_path import beside_names, json_path, name_tree, unread
from migrate_cli.settings.model import MapSettings, load_settings
from migrate_cli.sources.columns import FIELDS
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection
from migrate_cli.sources.mapping import OF_THREAD, WIRE
from migrate_cli.sources.sql.rows import OWN_FIELDS
from migrate_cli.sources.sql.source import RowQuery, SqlSource

ROOMS = {
    "threads": "export.rooms[]",
    "thread_id": "room.key",
    "messages": "log.entries[?kind=='msg']",
    "role": "data.role",
    "text": "data.body",
    "created_at": "ts",
    "message_id": "uid",
}


def room(key: str, *texts: str) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [{"kind": "join", "ts": 1_720_000_000, "name": "A"}]
    for place, text in enumerate(texts):
        role = ("human", "AI")[place % 2]
        data = {"role": role, "body": text}
        entries.append({"kind": "msg", "ts": 1_720_000_001 + place, "uid": f"{key}-{place}", "data": data})
    return {"room": {"key": key}, "log": {"entries": entries}}


def dump(*rooms: dict[str, Any]) -> dict[str, Any]:
    return {"version": 3, "export": {"rooms": list(rooms)}}


def threads(path: Path, paths: dict[str, str], **settings: Any) -> list[Thread]:
    found = list(open_source(str(path), paths=paths, **settings).threads(Selection()))
    assert all(isinstance(thread, Thread) for thread in found), found
    return [thread for thread in found if isinstance(thread, Thread)]


def said(thread: Thread) -> list[tuple[str | None, str]]:
    return [(message.role, _text(message.content)) for message in thread.messages]


def _text(content: tuple[Any, ...]) -> str:
    return "".join(part["text"]["value"] for part in content)


def written(folder: Path, value: Any, name: str = "dump.json") -> Path:
    (folder / name).write_text(json.dumps(value), "utf-8")
    return folder / name


def refused(path: Path, paths: dict[str, str], **settings: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        list(open_source(str(path), paths=paths, **settings).threads(Selection()))
    return caught.value


def fields(thread: Thread) -> set[str]:
    """What nothing carries of a thread and its messages."""
    return {field.name for field in thread.unknown} | {
        field.name for message in thread.messages for field in message.unknown
    }


# Containers


def test_a_map_reads_threads_wherever_they_lie(tmp_path: Path) -> None:
    (thread, other) = threads(written(tmp_path, dump(room("r1", "hi", "ho"), room("r2", "ha"))), ROOMS)

    assert thread.id == "r1"
    assert said(thread) == [("user", "hi"), ("assistant", "ho")]
    assert [message.id for message in thread.messages] == ["r1-0", "r1-1"]
    assert [message.created_at for message in thread.messages] == [1_720_000_001, 1_720_000_002]
    assert said(other) == [("user", "ha")]


def test_a_large_document_is_streamed_and_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, dump(*(room(f"r{number}", "a", "b", "c") for number in range(50))))
    whole = [(thread.id, said(thread)) for thread in threads(path, ROOMS)]
    monkeypatch.setattr("migrate_cli.sources.export.recognise.LARGE", 64)
    monkeypatch.setattr("migrate_cli.sources.export.described.held", lambda _: pytest.fail("it is held as a whole"))

    assert [(thread.id, said(thread)) for thread in threads(path, ROOMS)] == whole
    assert len(whole) == 50


def test_a_large_document_with_another_kind_of_path_is_read_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate_cli.sources.export.recognise.LARGE", 64)
    path = written(tmp_path, dump(room("r1", "hi")))

    assert [thread.id for thread in threads(path, ROOMS | {"threads": "export.rooms[?room.key=='r1']"})] == ["r1"]


def test_lines_are_threads_where_no_path_leads_to_them(tmp_path: Path) -> None:
    paths = {name: path for name, path in ROOMS.items() if name != "threads"}
    (tmp_path / "x.jsonl").write_text("\n".join(json.dumps(room(key, "hi", "ho")) for key in ("r1", "r2")), "utf-8")
    found = threads(tmp_path / "x.jsonl", paths)

    assert [(thread.id, len(tuple(thread.messages))) for thread in found] == [("r1", 2), ("r2", 2)]


ROW_PATHS = {"thread_id": "conv", "role": "payload.who", "text": "payload.what", "created_at": "at", "message_id": "n"}
ROWS = [
    {"conv": "c1", "n": "a", "at": "2024-07-01T10:00:00Z", "payload": {"who": "user", "what": "hi"}},
    {"conv": "c2", "n": "b", "at": "2024-07-01T10:00:01Z", "payload": {"who": "user", "what": "hey"}},
    {"conv": "c1", "n": "c", "at": "2024-07-01T10:00:02Z", "payload": {"who": "bot", "what": "ho"}},
]


def as_lines(folder: Path) -> Path:
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)), "utf-8")
    return folder / "rows.jsonl"


def as_array(folder: Path) -> Path:
    return written(folder, ROWS, "rows.json")


def as_csv(folder: Path) -> Path:
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(ROWS[0]))
        writer.writeheader()
        writer.writerows({**row, "payload": json.dumps(row["payload"])} for row in ROWS)
    return folder / "rows.csv"


def as_packed(folder: Path) -> Path:
    (folder / "rows.json.gz").write_bytes(gzip.compress(json.dumps(ROWS).encode()))
    return folder / "rows.json.gz"


@pytest.mark.parametrize("container", [as_lines, as_array, as_csv, as_packed])
def test_rows_that_name_their_thread_are_joined(container: Callable[[Path], Path], tmp_path: Path) -> None:
    found = {thread.id: said(thread) for thread in threads(container(tmp_path), ROW_PATHS)}

    assert found == {"c1": [("user", "hi"), ("assistant", "ho")], "c2": [("user", "hey")]}


def test_one_row_for_a_thread_with_its_messages_as_json(tmp_path: Path) -> None:
    messages = [{"by": "user", "said": "hi"}, {"by": "assistant", "said": "ho"}]
    with (tmp_path / "x.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["key", "log"], ["k1", json.dumps(messages)], ["k2", json.dumps(messages[:1])]])
    found = threads(tmp_path / "x.csv", {"thread_id": "key", "messages": "log", "role": "by", "text": "said"})

    assert {thread.id: said(thread) for thread in found} == {
        "k1": [("user", "hi"), ("assistant", "ho")],
        "k2": [("user", "hi")],
    }


def test_messages_as_they_stand_are_read_by_a_map_that_only_leads_to_them(tmp_path: Path) -> None:
    value = {
        "saved": {"thread_A": [{"role": "user", "content": "hi"}], "thread_B": [{"role": "user", "content": "ho"}]}
    }
    paths = {"threads": "to_entries(saved)[]", "thread_id": "key", "messages": "value"}

    assert {thread.id: said(thread) for thread in threads(written(tmp_path, value), paths)} == {
        "thread_A": [("user", "hi")],
        "thread_B": [("user", "ho")],
    }


def test_a_path_of_a_message_can_start_at_its_thread(tmp_path: Path) -> None:
    value = [{"key": "k", "bot": "asst_1", "log": [{"by": "assistant", "said": "hi"}]}]
    paths = {"thread_id": "key", "messages": "log", "role": "by", "text": "said", "assistant_id": "^.bot"}
    (thread,) = threads(written(tmp_path, value), paths)

    assert [message.assistant_id for message in thread.messages] == ["asst_1"]
    assert fields(thread) == set()


def test_messages_that_name_several_threads_are_several_threads(tmp_path: Path) -> None:
    value = {"rows": [{"t": "a", "by": "user", "said": "1"}, {"t": "b", "by": "user", "said": "2"}]}
    paths = {"thread_id": "t", "messages": "rows", "role": "by", "text": "said"}

    assert [thread.id for thread in threads(written(tmp_path, value), paths)] == ["a", "b"]


def test_roles_are_named_beside_a_map(tmp_path: Path) -> None:
    path = written(tmp_path, [{"t": "a", "by": "visitor", "said": "1"}])
    paths = {"thread_id": "t", "role": "by", "text": "said"}

    assert said(threads(path, paths, roles={"visitor": "user"})[0]) == [("user", "1")]


def test_times_are_read_in_the_form_that_the_setting_names(tmp_path: Path) -> None:
    value = [{"t": "a", "by": "user", "said": "1", "p": {"at": "14.07.2024 23:33"}}]
    paths = {"thread_id": "t", "role": "by", "text": "said", "created_at": "p.at"}
    (thread,) = threads(written(tmp_path, value), paths, time_format="%d.%m.%Y %H:%M")

    assert [message.created_at for message in thread.messages] == [1_720_999_980]


def test_values_that_a_database_wraps_are_read(tmp_path: Path) -> None:
    value = [{"t": {"$oid": "66a1"}, "by": "user", "said": "1", "at": {"$date": "2024-07-14T23:33:00Z"}}]
    paths = {"thread_id": 't."$oid"', "role": "by", "text": "said", "created_at": "at"}
    (thread,) = threads(written(tmp_path, value), paths)

    assert (thread.id, [message.created_at for message in thread.messages]) == ("66a1", [1_720_999_980])


def test_columns_and_a_map_are_read_together(tmp_path: Path) -> None:
    path = written(tmp_path, [{"the thread": "a", "p": {"by": "user"}, "said": "1"}])

    assert said(threads(path, {"role": "p.by", "text": "said"}, columns={"thread_id": "the thread"})[0]) == [
        ("user", "1")
    ]


# What no path reads


def test_what_no_path_reads_is_counted_under_its_path(tmp_path: Path) -> None:
    one = room("r1", "hi")
    one["room"]["name"] = "A room"
    one["log"]["entries"][1]["data"]["language"] = "de"
    one["log"]["entries"][1]["status"] = "seen"
    (thread,) = threads(written(tmp_path, dump(one)), ROOMS)

    assert fields(thread) == {"room.name", "log.entries[]", "data.language", "@.status"}


def test_a_field_that_has_a_name_of_the_wire_is_not_taken_for_it(tmp_path: Path) -> None:
    value = [{"t": "a", "by": "user", "said": "1", "content": "not this", "run_id": "run_x"}]
    (thread,) = threads(written(tmp_path, value), {"thread_id": "t", "role": "by", "text": "said"})

    assert said(thread) == [("user", "1")]
    assert fields(thread) == {"@.content", "@.run_id"}


def test_one_entry_of_a_list_that_is_read_leaves_the_others_unread() -> None:
    record = {"parts": [{"text": "a"}, {"text": "b"}], "x": 1}

    assert list(unread(record, [json_path("parts[0].text")])) == [("parts[]", {"text": "b"}), ("x", 1)]
    assert list(unread(record, [json_path("parts[].text")])) == [("x", 1)]


def test_entries_that_a_condition_leaves_out_are_unread() -> None:
    record = {"parts": [{"kind": "text", "said": "a"}, {"kind": "note", "said": "b"}]}

    assert list(unread(record, [json_path("parts[?kind=='text'].said")])) == [
        ("parts[]", {"kind": "note", "said": "b"})
    ]


RECORDS = st.recursive(
    st.integers() | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=20,
)


@given(
    st.dictionaries(st.sampled_from("abcd"), RECORDS, max_size=4),
    st.sampled_from(["a", "a.b", "a[].c", "a[*].b[].c", "b.c.d", "a[0].b", "a[-1]", "b.*.c"]),
)
def test_every_value_of_a_record_is_read_or_unread(record: dict[str, Any], text: str) -> None:
    path = json_path(text)
    found = path.find(record)
    rest = [value for _, value in unread(record, [path])]

    assert _leaves(found) + sum(map(_leaves, rest)) == _leaves(record)


@given(
    st.dictionaries(st.sampled_from("abcd"), RECORDS, max_size=4),
    st.lists(st.sampled_from(["a", "a.b", "b.c.d", "b.c", "c", "d.a"]), min_size=1, max_size=4),
)
def test_paths_of_names_need_not_be_followed_to_know_what_they_leave(record: dict[str, Any], texts: list[str]) -> None:
    paths = [json_path(text) for text in texts]
    quick = list(beside_names(record, name_tree(path.steps or () for path in paths)))

    assert sum(_leaves(value) for _, value in quick) == sum(_leaves(value) for _, value in unread(record, paths))


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list):
        return sum(map(_leaves, value))
    return int(value is not None)


# Bad input


@pytest.mark.parametrize(
    ("name", "wrong", "closest"),
    [
        ("threads", "export.room[]", "export.rooms"),
        ("messages", "log.entrys[]", "log.entries"),
        ("role", "data.rolle", "data.role"),
        ("text", "body", "data.body"),
        ("created_at", "time.ts", "ts"),
    ],
)
def test_a_path_that_fits_nothing_is_told_with_the_closest_that_exists(
    name: str, wrong: str, closest: str, tmp_path: Path
) -> None:
    error = refused(written(tmp_path, dump(room("r1", "hi", "ho"))), ROOMS | {name: wrong})

    assert error.code == "map-fits-nothing"
    assert f"source.map.{name} ({wrong}) fits nothing; the closest path that exists is {closest}" in str(error)


def test_columns_that_a_path_does_not_find_are_told(tmp_path: Path) -> None:
    error = refused(as_csv(tmp_path), ROW_PATHS | {"role": "payloud.who"})

    assert "source.map.role (payloud.who) fits nothing; the closest path that exists is payload" in str(error)


def test_a_file_that_does_not_fit_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    written(tmp_path, dump(room("r1", "hi")), "good.json")
    written(tmp_path, {"other": [1]}, "other.json")
    found = list(open_source(str(tmp_path), paths=ROOMS).threads(Selection()))

    assert [getattr(entry, "code", None) or entry.id for entry in found] == ["r1", "map-fits-nothing"]  # type: ignore[union-attr]


def test_a_field_named_twice_is_refused(tmp_path: Path) -> None:
    error = refused(as_array(tmp_path), ROW_PATHS, columns={"role": "payload"})

    assert error.code == "map-and-columns"
    assert "both name role" in str(error)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("rolle: a", "did you mean source.map.role?"),
        ('role: "data["', "at character 6"),
        ('role: "a b"', "at character 3"),
        ("role: lenght(a)", "did you mean length?"),
    ],
)
def test_a_wrong_map_is_refused_with_the_settings(
    line: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("migration.yaml").write_text(f"source:\n  map:\n    {line}\n", "utf-8")

    with pytest.raises(SettingsError, match=r"migration.yaml:3.*source.map") as caught:
        load_settings()
    assert told in str(caught.value)


def test_a_map_is_part_of_the_recorded_setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "source.map" not in load_settings().setup("export")
    Path("migration.yaml").write_text(yaml.safe_dump({"source": {"map": ROOMS}}), "utf-8")

    assert json.loads(load_settings().setup("export")["source.map"]) == ROOMS


def test_a_map_takes_every_field_that_columns_take() -> None:
    beside = {"threads", "messages"}

    assert set(MapSettings.model_fields) - beside == {*FIELDS, *OWN_FIELDS, "content"}
    assert {*WIRE, *OF_THREAD, "thread_id", "order"} == {*FIELDS, *OWN_FIELDS}


# Databases


def database(folder: Path, columns: str, rows: list[tuple[Any, ...]]) -> str:
    with closing(sqlite3.connect(folder / "app.db")) as connection:
        connection.execute(f"CREATE TABLE log ({columns})")
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO log VALUES ({marks})", rows)
        connection.commit()
    return f"sqlite:///{folder / 'app.db'}"


def from_rows(url: str, paths: dict[str, str], **query: Any) -> dict[str, list[tuple[str | None, str]]]:
    found = SqlSource(url, RowQuery(paths=paths, **query)).threads(Selection())
    return {thread.id: said(thread) for thread in found if isinstance(thread, Thread)}


def test_rows_of_a_database_hold_messages_as_json(tmp_path: Path) -> None:
    rows = [(row["conv"], json.dumps(row["payload"]), row["at"], row["n"]) for row in ROWS]
    url = database(tmp_path, "conv TEXT, payload TEXT, at TEXT, n TEXT", rows)

    assert from_rows(url, ROW_PATHS) == {"c1": [("user", "hi"), ("assistant", "ho")], "c2": [("user", "hey")]}


def test_a_row_of_a_database_is_a_thread_with_its_messages_as_json(tmp_path: Path) -> None:
    messages = [{"by": "user", "said": "hi"}, {"by": "assistant", "said": "ho", "mood": "calm"}]
    url = database(tmp_path, "room INT, log TEXT, topic TEXT", [(7, json.dumps(messages), "travel")])
    paths = {"thread_id": "room", "messages": "log", "role": "by", "text": "said"}
    (thread,) = SqlSource(url, RowQuery(paths=paths)).threads(Selection())

    assert isinstance(thread, Thread)
    assert (thread.id, said(thread)) == ("7", [("user", "hi"), ("assistant", "ho")])
    assert fields(thread) == {"topic", "mood"}


def test_a_path_that_begins_with_no_column_of_a_table_is_told(tmp_path: Path) -> None:
    url = database(tmp_path, "conv TEXT, payload TEXT", [("c", "{}")])

    with pytest.raises(SourceError, match=r"source.map.role \(payloud.who\) names none of its columns; .* payload"):
        SqlSource(url, RowQuery(paths={"thread_id": "conv", "role": "payloud.who", "text": "payload.what"}))


@pytest.mark.parametrize(
    "paths",
    [{"thread_id": "payload.room", "text": "payload.what"}, {"threads": "payload.rooms[]", "thread_id": "conv"}],
)
def test_a_map_that_no_database_can_be_ordered_by_is_refused(paths: dict[str, str], tmp_path: Path) -> None:
    url = database(tmp_path, "conv TEXT, payload TEXT", [("c", "{}")])

    with pytest.raises(SourceError, match=r"column|each row"):
        SqlSource(url, RowQuery(paths=paths))


@pytest.mark.parametrize("path", ["[" * 5000, "[@,@]|" * 60 + "@", "a." * 600 + "a"])
def test_a_path_beyond_all_need_is_refused_with_the_settings(path: str) -> None:
    with pytest.raises(ValueError, match=r"at most 1000 characters and 30 brackets"):
        json_path(path)
