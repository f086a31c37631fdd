"""Thread ids from lists, tables, state files and standard input, with everything that such lists hold besides."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.errors import UsageError
from migrate_cli.sources.api.id_list import IdList
from migrate_cli.sources.api.ids import Problem, fault_of, ids_in


def ids(path: Path | str, **columns: str) -> tuple[list[str], list[str]]:
    problems: list[Problem] = []
    found = [each for each, _ in ids_in(str(path), columns, problems)]
    return found, [detail for _, _, detail in problems]


def test_comments_blank_lines_quotes_and_a_mark_at_the_beginning_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text('\ufeffthread_a\n\n# a comment\n  "thread_b",\nthread_c # the last\r\n', encoding="utf-8")
    assert ids(path) == (["thread_a", "thread_b", "thread_c"], [])


def test_a_wrong_id_is_named_with_its_line_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("thread_a\ntwo words\nasst_b\nthread_c\n", encoding="utf-8")
    found, problems = ids(path)
    assert found == ["thread_a", "thread_c"]
    assert f"line 2 of {path}" in problems[0]
    assert "asst_b, which is the id of something else" in problems[1]


def test_what_may_be_a_key_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("sk-proj-0123456789abcdef\n", encoding="utf-8")
    found, problems = ids(path)
    assert found == []
    assert "0123456789" not in problems[0]


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_has_a_fault(text: str) -> None:
    fault = fault_of(text)
    assert fault is None or fault.startswith("holds ")


@pytest.mark.parametrize("header", ["thread_id", "ThreadId", "thread", "id"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_gives_its_column_of_threads(tmp_path: Path, header: str, delimiter: str) -> None:
    path = tmp_path / "users.csv"
    path.write_text(f"user{delimiter}{header}\nann{delimiter}thread_a\nbob{delimiter}\ncid{delimiter}thread_c\n")
    assert ids(path) == (["thread_a", "thread_c"], [])


def test_a_column_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("id,chat\n1,thread_a\n")
    assert ids(path, thread_id="chat") == (["thread_a"], [])


def test_a_table_without_the_column_says_which_it_has(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("user,chat\n1,thread_a\n")
    with pytest.raises(UsageError, match="no column thread_id; its columns are user, chat"):
        ids(path)


def test_a_state_file_gives_the_threads_that_it_knows(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as db:
        db.executescript("CREATE TABLE thread_map (thread_id TEXT); INSERT INTO thread_map VALUES ('thread_a');")
    db.close()
    assert ids(path) == (["thread_a"], [])


def test_another_programs_database_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE x (y)")
    db.close()
    with pytest.raises(UsageError, match="not a state file of migrate-cli"):
        ids(path)


def test_standard_input_is_a_list_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("thread_a\n# no\nthread_b\n"))
    assert ids("-") == (["thread_a", "thread_b"], [])


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        ids(tmp_path / "none.txt")


@pytest.mark.parametrize("text", ["", "\n \n", "# thread_a\n"])
def test_a_list_without_any_entry_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ids.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"ids\.txt contains no thread id at all"):
        ids(path)


def test_an_id_that_is_named_again_is_kept_once_with_the_place() -> None:
    id_list = IdList(None, "api:x")
    id_list.fill([("thread_a", "line 1"), ("thread_b", "line 2"), ("thread_a", "line 3")], [])
    assert list(id_list.threads()) == [("thread_a", "line 3"), ("thread_b", None)]
    id_list.close()


def test_a_roster_remembers_where_a_listing_stood(tmp_path: Path) -> None:
    path = tmp_path / "ids.db"
    first = IdList(path, "api:x")
    assert first.add_page(["a", "b"], "b") == ["a", "b"]
    first.close()
    again = IdList(path, "api:x")
    assert [again.cursor, len(again), again.add_page(["b", "c"], "c")] == ["b", 2, ["c"]]
    again.close()


def test_a_roster_of_another_host_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "ids.db"
    first = IdList(path, "api:x")
    first.add_page(["a"], "a")
    first.close()
    other = IdList(path, "api:y")
    assert [other.cursor, len(other)] == [None, 0]
    other.close()


def test_a_roster_never_takes_over_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE precious (y)")
    db.close()
    with pytest.raises(UsageError, match="another program"):
        IdList(path, "api:x")
