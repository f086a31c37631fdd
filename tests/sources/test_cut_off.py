"""Packed files that were cut off: told, and what is whole in them is read."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from migrate_cli.commands.context import open_configured
from migrate_cli.errors import SourceError
from migrate_cli.model import Origin, Unreadable
from migrate_cli.settings.model import load_settings
from migrate_cli.sources.interface import Selection

COUNT = 30


def threads(wire: Any) -> list[dict[str, Any]]:
    return [
        {"id": f"thread_{n}", "messages": [wire(n, thread=f"thread_{n}", metadata={"pad": str(n * 7919) * 20})]}
        for n in range(COUNT)
    ]


@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("large", [False, True])
def test_the_whole_lines_of_a_cut_gzip_are_read(
    share: float, large: bool, tmp_path: Path, read: Any, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("migrate_cli.sources.export.recognise._LARGE_PACKED", 20)
    whole = gzip.compress("".join(json.dumps(one) + "\n" for one in threads(wire)).encode())
    (tmp_path / "t.jsonl.gz").write_bytes(whole[: int(len(whole) * share)])
    reading = read(tmp_path / "t.jsonl.gz")

    assert 0 < len(reading.ids) <= COUNT
    assert reading.ids == [f"thread_{n}" for n in range(len(reading.ids))]
    assert set(reading.codes) == {"file-cut-off"}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), form=st.sampled_from(["lines", "array", "csv"]))
def test_no_cut_of_a_gzip_goes_by_in_silence(
    data: st.DataObject, form: str, tmp_path: Path, read: Any, wire: Any
) -> None:
    objects = threads(wire)
    text = {
        "lines": "".join(json.dumps(one) + "\n" for one in objects),
        "array": json.dumps(objects),
        "csv": "thread_id,role,text\n" + "".join(f"thread_{n},user,text {n}\n" for n in range(COUNT)),
    }[form]
    whole = gzip.compress(text.encode())
    path = tmp_path / f"t.{'csv' if form == 'csv' else 'json'}.gz"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    try:
        codes = read(path).codes
    except SourceError as error:
        assert error.code in {"file-cut-off", "file-empty"}
    else:
        assert "file-cut-off" in codes


def test_the_thread_of_a_cut_line_waits_for_a_whole_file(tmp_path: Path, read: Any, wire: Any) -> None:
    messages = [wire(1, thread="thread_A"), wire(1, thread="thread_B"), wire(2, thread="thread_A")]
    text = "".join(json.dumps(one) + "\n" for one in messages)
    (tmp_path / "m.jsonl").write_text(text[:-20])
    reading = read(tmp_path / "m.jsonl")

    assert reading.ids == ["thread_B"]
    assert [(one.code, one.thread_id) for one in reading.unreadable] == [("file-cut-off", "thread_A")]
    (tmp_path / "m.jsonl").write_text(text)
    assert read(tmp_path / "m.jsonl").ids == ["thread_A", "thread_B"]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99, 0.99999])
def test_a_cut_database_is_refused_in_one_sentence(share: float, tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE messages (thread_id TEXT, role TEXT, text TEXT)")
        database.executemany(
            "INSERT INTO messages VALUES (?, 'user', ?)", [(f"thread_{n // 4}", "x" * 300) for n in range(400)]
        )
        database.commit()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    named = {"source.kind": "sql", "source.url": f"sqlite:///{path}", "source.table": "messages"}
    with pytest.raises(SourceError, match="is damaged or truncated"):
        list(open_configured(load_settings(None, named)).threads(Selection()))


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("form", ["array", "named", "by id"])
def test_the_whole_threads_of_a_cut_document_are_read(
    form: str, large: bool, tmp_path: Path, read: Any, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("migrate_cli.sources.export.recognise.LARGE", 64)
    whole = threads(wire)
    document: Any = {
        "array": whole,
        "named": {"threads": whole},
        "by id": {one["id"]: one["messages"] for one in whole},
    }[form]
    text = json.dumps(document)
    (tmp_path / "t.json").write_text(text[: text.index('"thread_20"') + 40])
    reading = read(tmp_path / "t.json")

    assert reading.ids == [f"thread_{n}" for n in range(20)]
    assert reading.codes == ["file-cut-off"]
    assert reading.unreadable[0].sentence.count("t.json") == 1


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_the_thread_at_which_an_array_of_messages_breaks_off_waits_for_a_whole_file(
    large: bool, tmp_path: Path, read: Any, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("migrate_cli.sources.export.recognise.LARGE", 64)
    messages = [wire(n, thread=f"thread_{n // 10}") for n in range(30)]
    text = json.dumps(messages)
    (tmp_path / "m.json").write_text(text[:-20])
    reading = read(tmp_path / "m.json")

    assert reading.ids == ["thread_0", "thread_1"]
    assert reading.codes == ["file-cut-off"]
    assert "thread_2 is not read" in reading.unreadable[0].detail


def test_a_cut_file_of_one_thread_is_not_read_as_a_shorter_one(tmp_path: Path, read: Any, wire: Any) -> None:
    text = json.dumps({"id": "thread_A", "messages": [wire(n, thread="thread_A") for n in range(9)]})
    (tmp_path / "a.json").write_text(text[:-300])
    (tmp_path / "b.json").write_text(text.replace("thread_A", "thread_B"))
    reading = read(tmp_path)

    assert reading.ids == ["thread_B"]
    assert reading.codes == ["file-cut-off"]


@pytest.mark.parametrize("damage", ["{oops", '"text": {"value": \x01 1}'])
def test_the_whole_threads_before_a_damaged_place_are_read(damage: str, tmp_path: Path, read: Any, wire: Any) -> None:
    text = json.dumps(threads(wire))
    place = text.index('"thread_20"')
    (tmp_path / "t.json").write_text(text[:place] + damage + text[place:])
    reading = read(tmp_path / "t.json")

    assert reading.ids == [f"thread_{n}" for n in range(20)]
    assert reading.codes == ["not-json"]


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ("a.tar: It ends early.", "a.tar:7: It ends early."),
        ("a.tar:7: It ends early.", "a.tar:7: It ends early."),
        ("a.tar is truncated.", "a.tar is truncated."),
        ("It ends early.", "a.tar:7: It ends early."),
        ("a.tarred is another file.", "a.tar:7: a.tarred is another file."),
    ],
)
def test_the_place_of_what_cannot_be_read_is_told_once(detail: str, told: str) -> None:
    assert Unreadable(Origin("a.tar", line=7), "file-cut-off", detail).sentence == told
