"""A list that may have ended early is told, with which side may be missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.model import Thread
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

from sources.conftest import Wire

CODE = "thread-may-be-incomplete"
Told = Callable[..., list[str]]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    def details(*documents: Any) -> list[str]:
        for number, document in enumerate(documents):
            (tmp_path / f"{number}.json").write_text(json.dumps(document), encoding="utf-8")
        [thread] = open_source(str(tmp_path)).threads(Selection())
        assert isinstance(thread, Thread)
        return [found.detail for found in thread.findings if found.code == CODE]

    return details


def page(raws: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return {"object": "list", "data": raws, "first_id": raws[0]["id"], "last_id": raws[-1]["id"], **fields}


PAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "list": lambda page: page,
    "thread": lambda page: {"id": "thread_A", "messages": page},
    "capped": lambda page: {"Messages": page},
    "by id": lambda page: {"thread_A": page},
}
every_page = pytest.mark.parametrize("kind", PAGES)


@every_page
def test_a_page_newest_first_that_promises_more_may_lack_older_ones(told: Told, wire: Wire, kind: str) -> None:
    [detail] = told(PAGES[kind](page([wire(number) for number in (3, 2, 1)], has_more=True)))
    assert "older ones may be missing" in detail


@every_page
def test_a_page_oldest_first_that_promises_more_may_lack_newer_ones(told: Told, wire: Wire, kind: str) -> None:
    [detail] = told(PAGES[kind](page([wire(number) for number in (1, 2, 3)], has_more=True)))
    assert "newer ones may be missing" in detail


@every_page
@pytest.mark.parametrize("count", [20, 50])
def test_a_page_that_says_it_is_the_last_is_believed(told: Told, wire: Wire, kind: str, count: int) -> None:
    assert told(PAGES[kind](page([wire(number) for number in range(count)], has_more=False))) == []


def test_a_page_that_promises_more_and_is_followed_by_the_last_is_complete(told: Told, wire: Wire) -> None:
    first = page([wire(number) for number in (4, 3)], has_more=True)
    assert told(first, page([wire(number) for number in (2, 1)], has_more=False)) == []


def test_pages_that_all_promise_more_lack_the_last(told: Told, wire: Wire) -> None:
    first = page([wire(number) for number in (4, 3)], has_more=True)
    [detail] = told(first, page([wire(number) for number in (2, 1)], has_more=True))
    assert "older ones may be missing" in detail


@pytest.mark.parametrize("count", [20, 50, 100])
def test_as_many_messages_as_a_page_are_told_where_nothing_else_tells(told: Told, wire: Wire, count: int) -> None:
    raws = [wire(number) for number in range(1, count + 1)]
    [detail] = told(raws)
    assert f"exactly {count} messages" in detail and "older or newer ones" in detail


def test_as_many_messages_as_a_page_newest_first_may_lack_older_ones(told: Told, wire: Wire) -> None:
    [detail] = told([wire(number) for number in range(20, 0, -1)])
    assert "so older ones may be missing" in detail


@pytest.mark.parametrize("count", [19, 21, 40])
def test_any_other_number_of_messages_tells_nothing(told: Told, wire: Wire, count: int) -> None:
    assert told([wire(number) for number in range(count)]) == []


def test_twenty_rows_of_a_file_are_told_too(tmp_path: Path) -> None:
    rows = "".join(f"thread_A,user,text {number},{number}\n" for number in range(20))
    (tmp_path / "rows.csv").write_text(f"thread_id,role,text,created_at\n{rows}")
    [thread] = open_source(str(tmp_path)).threads(Selection())
    assert isinstance(thread, Thread)
    assert CODE in [found.code for found in thread.findings]


@pytest.mark.parametrize("key", ["messages", "Messages"])
def test_what_a_tool_left_of_a_page_beside_its_entries_is_believed(told: Told, wire: Wire, key: str) -> None:
    raws = [wire(number) for number in range(20, 0, -1)]
    own = {"id": "thread_A"} if key == "messages" else {}
    [detail] = told({**own, key: raws[:3], "has_more": True, "first_id": "msg_20", "last_id": "msg_18"})
    assert "older ones may be missing" in detail


def test_a_page_that_is_the_last_is_believed_beside_its_entries(told: Told, wire: Wire) -> None:
    raws = [wire(number) for number in range(20)]
    assert told({"id": "thread_A", "messages": raws, "has_more": False}) == []


def test_a_list_of_runs_or_steps_that_promises_more_is_told(told: Told, wire: Wire) -> None:
    runs = page([{"id": "run_1", "object": "thread.run", "thread_id": "thread_A"}], has_more=True)
    [detail] = told({"id": "thread_A", "messages": [wire(1)], "runs": runs})
    assert "tool calls may be missing" in detail


def test_pages_of_steps_in_files_that_promise_more_are_told(told: Told, wire: Wire) -> None:
    step = {"id": "step_1", "object": "thread.run.step", "thread_id": "thread_A", "run_id": "run_1", "step_details": {}}
    [detail] = told([wire(1)], page([step], has_more=True))
    assert "tool calls may be missing" in detail


@pytest.mark.parametrize(
    "beside",
    [
        {"nextCursor": "abc", "total": 40},
        {"page": 1, "totalPages": 20},
        {"offset": "itr7/rec5"},
        {"remaining": 57},
        {"next": "https://api.example.com/messages?page=2"},
    ],
)
@pytest.mark.parametrize("deep", [False, True])
def test_what_a_service_says_of_further_pages_is_told(beside: dict[str, Any], deep: bool, tmp_path: Path) -> None:
    rows = [{"thread_id": "thread_a", "role": role, "content": role} for role in ("user", "assistant")]
    document: dict[str, Any] = {"items": rows, **beside}
    (tmp_path / "page.json").write_text(json.dumps({"response": document} if deep else document), encoding="utf-8")
    (thread,) = open_source(str(tmp_path / "page.json")).threads(Selection())
    assert isinstance(thread, Thread)
    assert "thread-may-be-incomplete" in {one.code for one in thread.findings}


@pytest.mark.parametrize(
    "beside", [{"nextCursor": None}, {"page": 2, "totalPages": 2}, {"offset": 0}, {"remaining": 0}]
)
def test_the_last_page_of_a_service_is_no_part(beside: dict[str, Any], tmp_path: Path) -> None:
    rows = [{"thread_id": "thread_a", "role": role, "content": role} for role in ("user", "assistant")]
    (tmp_path / "page.json").write_text(json.dumps({"items": rows, **beside}), encoding="utf-8")
    (thread,) = open_source(str(tmp_path / "page.json")).threads(Selection())
    assert isinstance(thread, Thread)
    assert "thread-may-be-incomplete" not in {one.code for one in thread.findings}
