"""An entry of an export that is nested too deeply, or holds a string that is too long, is told; its thread waits.

The others are read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli import bounds
from migrate_cli.bounds import Bounds, set_bounds
from migrate_cli.errors import SourceError
from migrate_cli.sources import overlong
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

MEGABYTE = 1 << 20
DEEP = "[" * 30 + "]" * 30
DEEPEST = "[" * 200_000 + "]" * 200_000
LONG = '"' + "long \\u00e9\\n " * (MEGABYTE // 8) + '"'


@pytest.fixture(autouse=True)
def small_bounds() -> Iterator[None]:
    """JSON of twenty levels, strings of a megabyte."""
    before = bounds.bounds()
    set_bounds(Bounds(json_depth=20, string_bytes=MEGABYTE))
    yield
    set_bounds(before)


def message(number: int, thread: str, more: str = "1") -> str:
    text = f'{{"id": "msg_{thread}{number}", "object": "thread.message", "created_at": 170000000{number}, '
    return text + f'"thread_id": "thread_{thread}", "role": "user", "content": "text {number}", "odd": {more}}}'


def thread(name: str, more: str = "1") -> str:
    messages = ", ".join([message(1, name), message(2, name, more), message(3, name)])
    return f'{{"thread": {{"id": "thread_{name}"}}, "messages": [{messages}]}}'


ODD = {
    "deep": (DEEP, "json-too-deep", "limits.json_depth"),
    "deeper": (DEEPEST, "json-too-deep", "limits.json_depth"),
    "long": (LONG, "string-too-long", "limits.string_bytes"),
}
FILES: dict[str, tuple[str, Callable[[str], str]]] = {
    "one thread": ("thread.json", lambda odd: thread("a", odd)),
    "array of threads": ("export.json", lambda odd: f"[{thread('a')}, {thread('b', odd)}, {thread('c')}]"),
    "array of messages": ("export.json", lambda odd: f"[{message(1, 'a')}, {message(2, 'a', odd)}, {message(1, 'b')}]"),
    "list page": (
        "export.json",
        lambda odd: f'{{"object": "list", "data": [{message(1, "a")}, {message(2, "a", odd)}, {message(3, "a")}]}}',
    ),
    "threads by id": (
        "export.json",
        lambda odd: (
            "{"
            f'"thread_a": [{message(1, "a")}], "thread_b": [{message(1, "b", odd)}], "thread_c": [{message(1, "c")}]'
            "}"
        ),
    ),
    "lines of messages": (
        "export.jsonl",
        lambda odd: "\n".join([message(1, "a"), message(2, "a", odd), message(1, "b")]) + "\n",
    ),
    "lines of threads": ("export.jsonl", lambda odd: "\n".join([thread("a"), thread("b", odd), thread("c")]) + "\n"),
}
KEPT: dict[str, dict[str, list[str]]] = {
    "one thread": {},
    "array of threads": {"thread_a": ["msg_a1", "msg_a2", "msg_a3"], "thread_c": ["msg_c1", "msg_c2", "msg_c3"]},
    "array of messages": {"thread_b": ["msg_b1"]},
    "list page": {},
    "threads by id": {"thread_a": ["msg_a1"], "thread_c": ["msg_c1"]},
    "lines of messages": {"thread_b": ["msg_b1"]},
    "lines of threads": {"thread_a": ["msg_a1", "msg_a2", "msg_a3"], "thread_c": ["msg_c1", "msg_c2", "msg_c3"]},
}


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("kind", FILES)
def test_the_odd_entry_is_named_its_thread_waits_and_the_others_are_read(
    kind: str, odd: str, large: bool, tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate_cli.sources.export.recognise.LARGE", 64 if large else 8 * MEGABYTE)
    name, text = FILES[kind]
    value, code, setting = ODD[odd]
    (tmp_path / name).write_text(text(value), encoding="utf-8")
    if odd == "long" and not large and kind != "lines of messages":
        pytest.skip("what is not large holds no long string, with the bounds that can be set")
    reading = read(tmp_path)
    assert {thread.id: [one.id for one in thread.messages] for thread in reading.threads} == KEPT[kind]
    assert reading.codes == [code]
    assert name in reading.unreadable[0].detail
    assert setting in reading.unreadable[0].detail


@pytest.mark.parametrize("odd", ["deep", "long"])
def test_what_a_document_as_a_whole_says_of_its_thread_must_be_readable(odd: str, tmp_path: Path) -> None:
    value, code, setting = ODD[odd]
    file = tmp_path / "thread.json"
    body = f'{{"thread": {{"id": "thread_a", "odd": {value}}}, "messages": [{message(1, "a")}]}}'
    file.write_text(body + " " * 8 * MEGABYTE, encoding="utf-8")
    with pytest.raises(SourceError, match=setting) as caught:
        list(open_source(str(file)).threads(Selection()))
    assert caught.value.code == code


CELL = "x" * (2 * MEGABYTE)
LINES = "\n" * (2 * MEGABYTE)


@pytest.mark.parametrize(
    "long",
    [
        f"thread_a,user,{CELL}",
        f'thread_a,user,"{CELL}"',
        f'thread_a,user,"a ""quoted"" {LINES} word"',
        f'thread_a,"{CELL}",{LINES}',
    ],
    ids=["plain", "quoted", "of many lines", "an early cell"],
)
def test_a_row_with_a_cell_that_is_too_long_is_named_and_the_other_rows_are_read(
    long: str, tmp_path: Path, read: Any
) -> None:
    rows = ["thread_id,role,content", "thread_a,user,one", long, "thread_a,user,two", 'thread_b,user,"a, ""b"""']
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    reading = read(tmp_path)
    assert {found.id: [one.content[0]["text"]["value"] for one in found.messages] for found in reading.threads} == {
        "thread_a": ["one", "two"],
        "thread_b": ['a, "b"'],
    }
    assert reading.codes == ["string-too-long"]
    assert "a cell of more than 1,048,576 bytes; limits.string_bytes" in reading.unreadable[0].detail


def test_a_cell_as_long_as_allowed_is_read(tmp_path: Path, read: Any) -> None:
    set_bounds(Bounds(string_bytes=16 * MEGABYTE))
    cell = "x" * 10 * MEGABYTE
    (tmp_path / "rows.csv").write_text(f"thread_id,role,content\nthread_a,user,{cell}\n", encoding="utf-8")
    (found,) = read(tmp_path).threads
    assert len(found.messages[0].content[0]["text"]["value"]) == len(cell)


def test_a_cell_of_json_that_is_too_deep_stays_a_text(tmp_path: Path, read: Any) -> None:
    cell = '[{""type"": ""text"", ""text"": ' + DEEPEST[:60_000] + "]" * 60_000 + "}]"
    (tmp_path / "rows.csv").write_text(f'thread_id,role,content\nthread_a,user,"{cell}"\n', encoding="utf-8")
    (found,) = read(tmp_path).threads
    assert found.messages[0].content[0]["text"]["value"] == cell.replace('""', '"')


def test_a_recorded_answer_that_is_too_deep_is_told(tmp_path: Path, read: Any) -> None:
    answer = f'{{"object": "list", "data": [{message(1, "a", DEEPEST)}]}}'
    url = "https://host.example/v1/threads/thread_a/messages"
    recording = {"Entries": [{"RequestUri": url, "RequestMethod": "GET", "ResponseBody": answer}]}
    (tmp_path / "session.json").write_text(json.dumps(recording), encoding="utf-8")
    (tmp_path / "good.json").write_text(thread("b"), encoding="utf-8")
    reading = read(tmp_path)
    assert reading.ids == ["thread_b"]
    assert reading.codes == ["json-too-deep"]
    assert "A recorded body is nested more than 20 levels deep" in reading.unreadable[0].detail


def test_a_recording_that_has_to_be_held_is_no_larger_than_a_string(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate_cli.sources.export.recognise.LARGE", 64)
    recording = {"Entries": [{"RequestUri": "https://host.example/", "ResponseBody": "x" * 1000}] * 2000}
    (tmp_path / "session.json").write_text(json.dumps(recording), encoding="utf-8")
    (tmp_path / "good.json").write_text(thread("b"), encoding="utf-8")
    reading = read(tmp_path)
    assert reading.ids == ["thread_b"]
    assert reading.codes == ["string-too-long"]


def values(depth: int) -> st.SearchStrategy[Any]:
    leaves = st.integers(0, 9) | st.text(alphabet='ab\\"[]{}é', max_size=12)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a[]\\", max_size=3), inner),
        max_leaves=depth,
    )


def without(value: Any, level: int = 1) -> Any:
    """The value with a word in the place of what is deeper than three levels, or a string longer than eight bytes."""
    if isinstance(value, str):
        return "CUT" if len(json.dumps(value, ensure_ascii=False).encode()) > 8 else value
    if not isinstance(value, list | dict):
        return value
    if level > 3:
        return "CUT"
    if isinstance(value, list):
        return [without(each, level + 1) for each in value]
    return {key: without(each, level + 1) for key, each in value.items()}


# A piece is never longer than a string may be: a megabyte is read at a time, and eight are the least bound.
@given(values(20), st.integers(1, 8))
def test_exactly_what_is_too_deep_or_too_long_is_cut_out_wherever_the_pieces_end(value: Any, chunk: int) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlong, "bounds", lambda: Bounds(json_depth=3, string_bytes=8))
        patch.setattr(overlong, "_CHUNK", chunk)
        left_out = overlong.cuts(lambda: io.BytesIO(text))
        reader = overlong.Reader(io.BytesIO(text), left_out, "CUT")
        rest = b"".join(iter(lambda: reader.read(chunk), b"")).decode()
    for code in ("json-too-deep", "string-too-long"):
        rest = rest.replace(f'"CUT{code}"', '"CUT"')
    assert json.loads(rest) == without(value)


@given(st.lists(st.sampled_from(['"', "\\", "a", " ", "é"]), max_size=200))
def test_pieces_grow_while_a_string_goes_on_so_that_it_is_read_in_few(words: list[str]) -> None:
    string = json.dumps("".join(words) * 500).encode()
    reader, pieces = overlong.Reader(io.BytesIO(string), [], ""), 0
    while reader.read(64):
        pieces += 1
    assert pieces <= 4 + len(string).bit_length()


def test_a_string_of_many_pieces_is_read_as_it_was_written(tmp_path: Path, read: Any) -> None:
    set_bounds(Bounds(string_bytes=16 * MEGABYTE))
    text = 'all "kinds" of\n\\ text, é 😀 ' * 400_000
    body = {"thread": {"id": "thread_a"}, "messages": [{"id": "msg_1", "role": "user", "content": text}]}
    (tmp_path / "thread.json").write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
    (found,) = read(tmp_path).threads
    (only,) = found.messages
    assert only.content[0]["text"]["value"] == text
