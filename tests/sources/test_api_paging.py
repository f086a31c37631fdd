"""Lists of hosts whose paging is right, and of hosts whose paging is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.errors import TemporaryError
from migrate_cli.http.outcomes import Refused
from migrate_cli.model import JsonObject
from migrate_cli.sources.api import paging
from migrate_cli.sources.api.host import Host, RefusedError
from migrate_cli.sources.api.paging import LIMIT, Listing, pages
from migrate_cli.sources.api.presets import PRESETS

Answer = Callable[[list[int], Mapping[str, Any]], JsonObject]


def honest(numbers: list[int], query: Mapping[str, Any]) -> JsonObject:
    ordered = numbers if query["order"] == "asc" else numbers[::-1]
    if "after" in query:
        ordered = ordered[ordered.index(int(query["after"])) + 1 :]
    return {
        "data": [{"id": str(number)} for number in ordered[: query["limit"]]],
        "has_more": len(ordered) > query["limit"],
    }


class FakeHost(Host):
    """A host with one list, which answers as a function says."""

    def __init__(self, count: int, answer: Answer = honest) -> None:
        super().__init__(None, PRESETS["self-hosted"])  # type: ignore[arg-type]  # no client is asked
        self.numbers = list(range(count))
        self.answer = answer
        self.asked: list[Mapping[str, Any]] = []

    async def get(self, path: str, query: Mapping[str, Any] | None = None, *, attempts: int = 8) -> JsonObject:
        self.asked.append(query or {})
        assert len(self.asked) < 500, "it never ends"
        return self.answer(self.numbers, query or {})

    def codes(self) -> list[str]:
        return [found.code for found in self.news("thread_1")]


def walk(host: FakeHost, after: str | None = None, *, what: str = "messages") -> tuple[list[int], Listing]:
    listing = Listing("/list", what)

    async def collect() -> list[int]:
        return [int(entry["id"]) async for page in pages(host, listing, after) for entry in page]

    return asyncio.run(collect()), listing


@given(count=st.integers(0, 450))
def test_every_entry_of_an_honest_list_comes_once_and_in_order(count: int) -> None:
    found, listing = walk(FakeHost(count))
    assert found == list(range(count))
    assert listing.complete and not listing.remarks


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 99, 100, 101, 250, 300])
def test_a_host_that_never_says_that_there_is_more_is_read_on(count: int) -> None:
    host = FakeHost(count, lambda numbers, query: {**honest(numbers, query), "has_more": False})
    found, listing = walk(host)
    assert found == list(range(count))
    assert listing.complete
    assert host.codes() == (["host-hides-more"] if count > LIMIT else [])


def test_a_host_that_gives_twenty_whatever_is_asked_and_hides_the_rest_is_read_on() -> None:
    def small(numbers: list[int], query: Mapping[str, Any]) -> JsonObject:
        return {**honest(numbers, {**query, "limit": 20}), "has_more": False}

    assert walk(FakeHost(70, small))[0] == list(range(70))


@pytest.mark.parametrize("count", [1, 100, 150])
def test_a_page_that_brings_nothing_new_ends_the_list_with_a_finding(count: int) -> None:
    host = FakeHost(count, lambda numbers, query: {**honest(numbers, query), "has_more": True})
    found, listing = walk(host)
    assert found == list(range(count))
    assert [code for code, _ in listing.remarks] == ["page-without-news"]


def stuck(numbers: list[int], query: Mapping[str, Any]) -> JsonObject:
    return honest(numbers, {name: value for name, value in query.items() if name != "after"})


@pytest.mark.parametrize(("count", "complete"), [(101, True), (150, True), (199, True), (250, False)])
def test_where_the_cursor_is_ignored_the_list_is_read_from_both_ends(count: int, complete: bool) -> None:
    host = FakeHost(count, stuck)
    found, listing = walk(host)
    assert found == ([*range(count)] if complete else [*range(100), *range(150, 250)])
    assert listing.complete is complete
    assert [code for code, _ in listing.remarks] == ([] if complete else ["messages-missing"])
    assert host.codes() == ["host-refuses-cursors"]


def test_a_host_that_repeats_its_last_page_does_not_hold_the_run_for_ever() -> None:
    def circling(numbers: list[int], query: Mapping[str, Any]) -> JsonObject:
        last = {**query, "after": "99"} if query.get("after") == "149" else query
        return {**honest(numbers, last), "has_more": True}

    found, listing = walk(FakeHost(150, circling))
    assert found == list(range(150))
    assert [code for code, _ in listing.remarks] == ["page-without-news"]
    assert not listing.complete


def test_a_list_of_ever_new_entries_is_left_after_so_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 7)

    def endless(_: list[int], query: Mapping[str, Any]) -> JsonObject:
        start = int(query.get("after", -1)) + 1
        return {"data": [{"id": str(number)} for number in range(start, start + 100)], "has_more": True}

    found, listing = walk(FakeHost(0, endless))
    assert len(found) == 700
    assert [code for code, _ in listing.remarks] == ["page-without-end"]


def refuses_cursors(error: Exception) -> Answer:
    def answer(numbers: list[int], query: Mapping[str, Any]) -> JsonObject:
        if "after" in query:
            raise error
        return {**honest(numbers, query), "has_more": False}

    return answer


REFUSALS = [TemporaryError("502"), RefusedError(Refused(400, "http-400", "no")), RefusedError(Refused(404, "x", "no"))]


@pytest.mark.parametrize("error", REFUSALS, ids=["502", "400", "404"])
@pytest.mark.parametrize(("count", "complete"), [(100, True), (150, True), (199, True), (250, False)])
def test_where_the_cursor_is_refused_the_list_is_read_from_both_ends(
    count: int, complete: bool, error: Exception
) -> None:
    host = FakeHost(count, refuses_cursors(error))
    found, listing = walk(host)
    assert found == ([*range(count)] if complete else [*range(100), *range(150, 250)])
    assert listing.complete is complete
    assert ("messages-missing" in dict(listing.remarks)) is not complete
    assert host.codes() == ["host-refuses-cursors"]


def test_a_refused_cursor_is_tried_on_three_lists_and_then_no_more() -> None:
    host = FakeHost(150, refuses_cursors(TemporaryError("502")))
    for _ in range(3):
        assert walk(host)[0] == [*range(150)]
    first = len(host.asked)
    walk(host)
    assert len(host.asked) - first == 2


@pytest.mark.parametrize("error", REFUSALS, ids=["502", "400", "404"])
def test_one_page_that_the_host_cannot_give_says_nothing_of_other_lists(error: Exception) -> None:
    broken = False

    def answer(numbers: list[int], query: Mapping[str, Any]) -> JsonObject:
        if broken and "after" in query:
            raise error
        return honest(numbers, query)

    host = FakeHost(350, answer)
    assert walk(host)[0] == [*range(350)]
    broken = True
    for _ in range(5):
        with pytest.raises(type(error)):
            walk(host)
    broken = False
    assert walk(host)[0] == [*range(350)]
    assert host.codes() == []


def test_what_a_host_takes_for_one_kind_of_list_says_nothing_of_another() -> None:
    host = FakeHost(350)
    assert walk(host, what="threads")[0] == [*range(350)]
    host.answer = refuses_cursors(TemporaryError("502"))
    host.numbers = list(range(150))
    assert walk(host)[0] == [*range(150)]


def test_a_host_whose_first_list_is_broken_is_not_taken_for_one_that_refuses_cursors() -> None:
    host = FakeHost(350, refuses_cursors(TemporaryError("502")))
    found, listing = walk(host)
    assert found == [*range(100), *range(250, 350)]
    assert [code for code, _ in listing.remarks] == ["messages-missing"]
    host.answer = honest
    assert walk(host)[0] == [*range(350)]


def test_a_host_that_is_merely_unwell_is_not_taken_for_one_that_refuses_cursors() -> None:
    def unwell(numbers: list[int], query: Mapping[str, Any]) -> JsonObject:
        if numbers and len(host.asked) > 1:
            raise TemporaryError("503")
        return honest(numbers, query)

    host = FakeHost(150, unwell)
    with pytest.raises(TemporaryError):
        walk(host)
    assert not host.refuses_cursors


def test_what_a_cursor_names_may_be_deleted_while_the_list_is_read() -> None:
    def shrinking(numbers: list[int], query: Mapping[str, Any]) -> JsonObject:
        if query.get("after") == "99" and 99 in numbers:
            numbers.remove(99)
        if "after" in query and int(query["after"]) not in numbers:
            raise RefusedError(Refused(404, "http-404", "No message found with id '99'."))
        return honest(numbers, query)

    host = FakeHost(250, shrinking)
    found, listing = walk(host)
    assert found == list(range(250))
    assert listing.complete and not host.refuses_cursors


def test_an_entry_that_is_no_object_is_left_out() -> None:
    assert walk(FakeHost(0, lambda *_: {"data": ["x", None, {"id": "7"}], "has_more": False}))[0] == [7]


def test_an_answer_that_is_no_list_is_no_list_without_entries() -> None:
    with pytest.raises(TemporaryError, match="something else"):
        walk(FakeHost(0, lambda *_: {"message": "hello"}))
