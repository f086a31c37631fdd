"""Server-sent events: lines and events, as the definition of event streams has them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from migrate_cli.http.sse import UNREADABLE, EventParser
from migrate_cli.model import JsonObject


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_may_end_in_three_ways(end: str) -> None:
    data = end.join(["event: x", 'data: {"a":1}', "", 'data: {"a":2}', "", ""]).encode()
    parser = EventParser()
    # A CR at the very end may be half of a CRLF, so the last event may wait for what follows.
    assert [*parser.feed(data), *parser.feed(b"\n")] == [{"a": 1}, {"a": 2}]


def test_several_data_lines_are_one_event() -> None:
    assert list(EventParser().feed(b'data: {"a":\ndata: 1}\n\n')) == [{"a": 1}]


def test_comments_other_fields_and_the_end_mark_are_no_events() -> None:
    assert list(EventParser().feed(b": ping\n\nid: 7\nretry: 10\nwhat is this\n\ndata: [DONE]\n\n")) == []


@pytest.mark.parametrize("data", [b"{broken", b"[1]", b"7", b"null", b"\xff\xfe"])
def test_what_is_no_json_object_comes_as_unreadable(data: bytes) -> None:
    assert list(EventParser().feed(b"data: " + data + b"\n\n")) == [{"type": UNREADABLE}]


def test_an_event_without_its_empty_line_never_was() -> None:
    assert list(EventParser().feed(b'data: {"a":1}\n')) == []


@settings(deadline=None)
@given(st.lists(st.sampled_from(["\r", "\n", "\r\n", "data: ", "{", "}", '"a":1', "\ufeff", "é", "x"])), st.data())
def test_it_does_not_matter_how_the_bytes_are_cut(words: list[str], data: st.DataObject) -> None:
    text = "".join(words).encode()
    found: list[JsonObject] = []
    parser, rest = EventParser(), text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += parser.feed(rest[:size])
        rest = rest[size:]
    assert found == list(EventParser().feed(text))
