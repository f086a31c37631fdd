"""Order is the server's: lists are turned round and pages joined, but single messages are never sorted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.sources.normalise import Notes
from migrate_cli.sources.ordering import arrange, each_once, stretch_of


def ordered(*stretches: list[dict[str, Any]], api_page: bool = False) -> tuple[list[str], list[str]]:
    """Return the ids in order, and the codes of the findings."""
    notes = Notes("thread_A")
    order = arrange([stretch_of(stretch, api_page=api_page) for stretch in stretches], notes)
    entries = [entry for place, turned in order for entry in stretches[place][:: -1 if turned else 1]]
    return [entry["id"] for entry in entries], [finding.code for finding in notes.findings]


def at(*times: int | None, role: str = "user", start: int = 0) -> list[dict[str, Any]]:
    return [{"id": f"m{start + n}", "created_at": time, "role": role} for n, time in enumerate(times)]


def test_a_descending_list_is_turned_round() -> None:
    assert ordered(at(3, 2, 1)) == (["m2", "m1", "m0"], [])


def test_an_ascending_list_stays() -> None:
    assert ordered(at(1, 2, 3)) == (["m0", "m1", "m2"], [])


def test_ties_are_never_sorted() -> None:
    assert ordered(at(1, 1, 2, 1, 2))[0] == ["m0", "m1", "m2", "m3", "m4"]


def test_a_list_in_one_second_stays_as_it_stands() -> None:
    assert ordered(at(5, 5, 5)) == (["m0", "m1", "m2"], [])


def test_an_api_page_in_one_second_that_ends_with_the_question_is_turned_round() -> None:
    page = at(5, role="assistant") + at(5, start=1)

    assert ordered(page, api_page=True) == (["m1", "m0"], ["order-unknown"])


def test_an_api_page_in_one_second_that_begins_with_the_question_stays() -> None:
    page = at(5) + at(5, role="assistant", start=1)

    assert ordered(page, api_page=True) == (["m0", "m1"], ["order-unknown"])


def test_an_api_page_that_tells_nothing_is_taken_for_the_default_order() -> None:
    assert ordered(at(5, 5, 5), api_page=True) == (["m2", "m1", "m0"], ["order-unknown"])


def test_a_page_in_one_second_follows_its_siblings() -> None:
    newest_first = [at(9, 9), at(9, 8, start=2), at(7, 6, start=4)]

    assert ordered(*newest_first, api_page=True) == (["m5", "m4", "m3", "m2", "m1", "m0"], [])


def test_pages_are_joined_in_time_whatever_their_names() -> None:
    assert ordered(at(5, 6, start=2), at(1, 2))[0] == ["m0", "m1", "m2", "m3"]


def test_missing_times_keep_the_order() -> None:
    assert ordered(at(None, None))[0] == ["m0", "m1"]
    assert ordered(at(None, 3, None, 1))[0] == ["m3", "m2", "m1", "m0"]


def test_a_repeated_message_is_read_once() -> None:
    notes = Notes("thread_A")
    one, other = {"id": "a", "content": "x"}, {"id": "a", "content": "y"}

    assert list(each_once([one, dict(one), other], notes)) == [one]
    assert [finding.code for finding in notes.findings] == ["duplicate-message", "duplicate-message-differs"]


@given(st.lists(st.integers(0, 3), max_size=12).map(sorted), st.integers(1, 5), st.booleans())
def test_pages_of_either_direction_give_back_the_list(times: list[int], size: int, newest_first: bool) -> None:
    entries = at(*times)
    listed = entries[::-1] if newest_first else entries
    pages = [listed[place : place + size] for place in range(0, len(listed), size)]
    # A page or a whole thread in one second tells no direction; then only the siblings do.
    if pages and (len(set(times)) > 1 or not newest_first):
        assert ordered(*pages)[0] == [entry["id"] for entry in entries]


def dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def test_page_10_comes_after_page_2(tmp_path: Path, read: Any, wire: Any) -> None:
    for number in range(1, 12):
        dump(tmp_path / f"page-{number}.json", {"object": "list", "data": [wire(number, at=0)]})

    assert read(tmp_path).message_ids("thread_A") == [f"msg_{number}" for number in range(1, 12)]


def test_pages_that_overlap_give_each_message_once(tmp_path: Path, read: Any, wire: Any) -> None:
    messages = [wire(number) for number in range(6, 0, -1)]
    dump(tmp_path / "page-1.json", {"object": "list", "data": messages[:4], "has_more": True})
    dump(tmp_path / "page-2.json", {"object": "list", "data": messages[2:], "has_more": False})
    reading = read(tmp_path)

    assert reading.message_ids("thread_A") == [f"msg_{number}" for number in range(1, 7)]
    assert reading.finding_codes("thread_A") == ["duplicate-message"] * 2


def test_a_last_page_that_promises_more_makes_the_thread_suspect(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "page.json", {"object": "list", "data": [wire(2), wire(1)], "has_more": True})

    assert read(tmp_path).finding_codes("thread_A") == ["thread-may-be-incomplete"]


@pytest.mark.parametrize("count", [99, 100])
def test_an_export_that_was_cut_at_100_may_be_incomplete(tmp_path: Path, read: Any, wire: Any, count: int) -> None:
    dump(tmp_path / "export.json", {"Messages": [wire(number) for number in range(count, 0, -1)]})
    reading = read(tmp_path)

    assert reading.message_ids("thread_A")[0] == "msg_1"
    assert reading.finding_codes("thread_A") == (["thread-may-be-incomplete"] if count == 100 else [])


def test_times_that_go_back_are_told_and_the_order_is_kept(tmp_path: Path, read: Any, wire: Any) -> None:
    dump(tmp_path / "a.json", [wire(1, at=1), wire(2, at=9), wire(3, at=4), wire(4, at=10)])
    reading = read(tmp_path)

    assert reading.message_ids("thread_A") == ["msg_1", "msg_2", "msg_3", "msg_4"]
    assert reading.finding_codes("thread_A") == ["order-not-chronological"]


def test_a_page_without_times_stays_behind_the_one_before_it() -> None:
    assert ordered(at(1), at(None, start=1), at(2, start=2)) == (["m0", "m1", "m2"], [])
    assert ordered(at(3, start=2), at(None, start=1), at(1)) == (["m0", "m1", "m2"], [])


def test_files_of_one_time_are_told_where_their_names_follow_no_time() -> None:
    assert ordered(at(2), at(1, start=1), at(2, start=2)) == (["m1", "m0", "m2"], ["order-unknown"])
    assert ordered(at(2), at(1, start=1), at(3, start=2)) == (["m1", "m0", "m2"], [])
