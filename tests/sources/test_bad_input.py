"""Bad input gets one sentence that says what, where and what to do; the other threads go on."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from migrate_cli.errors import SourceError
from migrate_cli.sources.export.open import SHAPES, open_source
from migrate_cli.sources.interface import Selection


def good(folder: Path) -> None:
    whole = {"thread": {"id": "thread_Good"}, "messages": [{"id": "msg_1", "role": "user", "content": "hi"}]}
    (folder / "good.json").write_text(json.dumps(whole), encoding="utf-8")


def refused(path: Path | str, **kwargs: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        list(open_source(str(path), **kwargs).threads(Selection()))
    return caught.value


def test_a_path_that_is_not_there_is_named() -> None:
    error = refused("no/such/export")

    assert error.code == "no-such-path"
    assert "no/such/export" in str(error)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path).code == "empty-folder"


def test_a_folder_without_threads_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("[hello](there)")

    assert refused(tmp_path).code == "no-threads"


def test_an_unknown_format_is_refused_with_the_closest_and_all_others() -> None:
    error = refused(".", format="message-line")

    assert "did you mean message-lines?" in str(error)
    assert all(name in str(error) for name in SHAPES)


def test_an_unknown_column_field_is_refused() -> None:
    assert "did you mean thread_id?" in str(refused(".", columns={"threadid": "x"}))


BROKEN = {
    "not-json": '{"messages": [}\n]',
    "file-cut-off": '{"thread": {"id": "thread_X"},\n "messages": [{"id": "msg_1", "content": "half a',
    "file-empty": "",
    "unknown-shape": '{"name": "my-package", "version": 1}',
}


@pytest.mark.parametrize("code", BROKEN)
def test_one_broken_file_in_a_folder_is_named_and_the_others_are_read(code: str, tmp_path: Path, read: Any) -> None:
    good(tmp_path)
    (tmp_path / "broken.json").write_text(BROKEN[code])
    reading = read(tmp_path)

    assert reading.ids == ["thread_Good"]
    assert reading.codes == [code]
    assert reading.unreadable[0].origin.path.endswith("broken.json")
    assert "broken.json" in reading.unreadable[0].detail


@pytest.mark.parametrize("code", BROKEN)
def test_a_single_broken_file_is_the_whole_sources_fault(code: str, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text(BROKEN[code])

    assert refused(tmp_path / "broken.json").code == code


def test_a_fault_names_the_line(tmp_path: Path, read: Any) -> None:
    good(tmp_path)
    (tmp_path / "broken.json").write_text('{\n"messages": [\n  {"id": 1,,}\n]}')
    problem = read(tmp_path).unreadable[0]

    assert problem.origin.line == 3
    assert "line 3, column 12" in problem.detail


def test_an_unknown_shape_says_where_the_known_ones_are_listed_and_shows_how_the_file_is_built(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"name": 1, "log": [{"said": "my secret"}]}')
    error = refused(tmp_path / "x.json")

    assert "an object with the keys name, log" in str(error)
    assert "docs/reference/tables.md" in str(error)
    assert "  name: number" in [line[2:] for line in error.shown]
    assert "my secret" not in "\n".join(error.shown)


def test_bad_input_never_shows_text_of_messages(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"name": "my secret"')

    assert "my secret" not in str(refused(tmp_path / "x.json"))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' + "9" * 5000 + "}", '{"a": "\xff"}'])
def test_hostile_json_is_refused_without_a_traceback(text: str, tmp_path: Path, read: Any) -> None:
    good(tmp_path)
    (tmp_path / "hostile.json").write_bytes(text.encode("latin-1"))

    assert read(tmp_path).codes in (["not-json"], ["file-cut-off"])


def test_files_of_other_kinds_are_ignored_and_counted(tmp_path: Path, read: Any) -> None:
    good(tmp_path)
    (tmp_path / "README.md").write_text("# An export")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    (tmp_path / ".hidden.json").write_text("{")
    reading = read(tmp_path)

    assert reading.unreadable == []
    assert {taken.shape: taken.files for taken in reading.source.shapes()} == {"ignored": 2, "thread-file": 1}


@pytest.mark.parametrize("first", ["whole", "pages"])
def test_the_second_thread_with_an_id_is_refused(first: str, tmp_path: Path, read: Any) -> None:
    good(tmp_path)
    if first == "whole":
        (tmp_path / "second.json").write_text((tmp_path / "good.json").read_text())
    else:
        message = {
            "id": "msg_2",
            "object": "thread.message",
            "thread_id": "thread_Good",
            "role": "user",
            "content": "x",
        }
        (tmp_path / "second.json").write_text(json.dumps([message]))
    reading = read(tmp_path)

    assert reading.message_ids("thread_Good") == ["msg_1"]
    assert reading.codes == ["duplicate-thread-id"]
    assert reading.unreadable[0].thread_id == "thread_Good"


def test_a_thread_without_messages_is_a_thread(tmp_path: Path, read: Any) -> None:
    (tmp_path / "a.json").write_text('{"thread": {"id": "thread_Empty", "object": "thread"}, "messages": []}')

    assert read(tmp_path).messages("thread_Empty") == []


def test_an_empty_list_page_named_after_its_thread_is_a_thread(tmp_path: Path, read: Any) -> None:
    (tmp_path / "thread_Empty.json").write_text('{"object": "list", "data": [], "has_more": false}')

    assert read(tmp_path).messages("thread_Empty") == []


def test_nul_and_half_surrogates_arrive_as_they_are(tmp_path: Path, read: Any) -> None:
    text = "a\x00b\ud83dc\U0001f600"
    whole = {"thread": {"id": "thread_Odd"}, "messages": [{"id": "msg_1", "role": "user", "content": text}]}
    (tmp_path / "a.json").write_text(json.dumps(whole))

    assert read(tmp_path).messages("thread_Odd")[0].content[0]["text"]["value"] == text


def test_bad_lines_are_told_by_number_and_the_others_are_read(tmp_path: Path, read: Any, wire: Any) -> None:
    rows = [json.dumps(wire(1)), "{broken", "", "[1]", json.dumps(wire(2)), '{"id": "msg_3", "obj']
    (tmp_path / "messages.jsonl").write_text("\n".join(rows))
    reading = read(tmp_path)

    assert reading.message_ids("thread_A") == ["msg_1", "msg_2"]
    assert [(problem.code, problem.origin.line) for problem in reading.unreadable] == [
        ("not-json", 2),
        ("unknown-line", 4),
        ("file-cut-off", 6),
    ]


def test_lines_are_read_although_the_first_is_broken(tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "messages.jsonl").write_text('{"id": "msg_0", "object\n' + json.dumps(wire(1)) + "\n")

    assert read(tmp_path).message_ids("thread_A") == ["msg_1"]


def test_a_gzip_file_that_is_cut_off_is_told(tmp_path: Path, read: Any) -> None:
    good(tmp_path)
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(json.dumps(list(range(9999))).encode())[:-200])
    (tmp_path / "damaged.json.gz").write_bytes(b"\x1f\x8b\x00garbage")

    assert sorted(read(tmp_path).codes) == ["file-cut-off", "file-damaged"]


def test_utf_16_is_read(tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "messages.jsonl").write_text(json.dumps(wire(1)) + "\r\n" + json.dumps(wire(2)), encoding="utf-16")

    assert read(tmp_path).message_ids("thread_A") == ["msg_1", "msg_2"]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps([wire(1)]), encoding="utf-8-sig")
    (tmp_path / "b.jsonl").write_text(json.dumps(wire(2, thread="thread_B")) + "\n{}\n", encoding="utf-8-sig")

    assert read(tmp_path).ids == ["thread_A", "thread_B"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, read: Any) -> None:
    good(tmp_path)
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "secret.json").chmod(0)

    assert read(tmp_path).codes == ["file-unreadable"]


def test_a_format_that_does_not_fit_is_told(tmp_path: Path) -> None:
    good(tmp_path)

    assert "not of the format message-array" in str(refused(tmp_path / "good.json", format="message-array"))


def test_a_line_among_threads_that_is_none_is_told(tmp_path: Path, read: Any) -> None:
    rows = ['{"id": "thread_A", "messages": []}', "[]", '{"id": "thread_B", "messages": []}']
    (tmp_path / "threads.jsonl").write_text("\n".join(rows))
    reading = read(tmp_path)

    assert reading.ids == ["thread_A", "thread_B"]
    assert [(problem.code, problem.origin.line) for problem in reading.unreadable] == [("unknown-line", 2)]


def test_a_compressed_file_on_standard_input_is_read(
    tmp_path: Path, read: Any, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "in"
    packed.write_bytes(gzip.compress(json.dumps([wire(1)]).encode()))
    with packed.open("rb") as stream:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))
        reading = read("-")

    assert reading.message_ids("thread_A") == ["msg_1"]
    assert reading.source.identity.startswith("stdin:sha256:")
