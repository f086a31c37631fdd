"""An outline shows names, nesting, counts and types of any value, in a few lines, and never what a value is."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.sources.outline import closest_path, node_of, outline, paths

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(10_000_000, 99_999_999) | st.text("xyz", min_size=30, max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcde", min_size=1, max_size=6), inner, max_size=20)
    ),
    max_leaves=60,
)
ROOMS = {"export": {"rooms": [{"key": "r", "log": {"entries": [{"said": "hello", "who": "x"}] * 3}}] * 2}}


@given(VALUES)
def test_an_outline_is_short_and_holds_no_value(value: Any) -> None:
    lines = outline(node_of([value]))

    assert len(lines) <= 30
    assert max(len(line) - len(line.lstrip(" ")) for line in lines) <= 2 * 8
    assert not any("x" * 3 in line or "y" * 3 in line for line in lines if "xy" in str(value))
    assert not any(str(number) in line for line in lines for number in _numbers(value))


def _numbers(value: Any) -> list[int]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in _numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in _numbers(inner)]
    return [value] if type(value) is int else []


def test_lists_are_shown_as_one_entry_with_how_many_there_are() -> None:
    assert outline(node_of([ROOMS])) == [
        "object",
        "  export: object",
        "    rooms: list of 2: object",
        "      key: 2 text",
        "      log: 2 object",
        "        entries: 2 lists of up to 3: object",
        "          said: 6 text",
        "          who: 6 text",
    ]


def test_names_that_are_ids_are_counted_and_not_shown() -> None:
    value = {f"thread_{number:05}": [{"role": "user"}] for number in range(40)}

    assert outline(node_of([value]))[:3] == [
        "object",
        "  (each of 40 names): 40 lists of up to 1: object",
        "    role: 40 text",
    ]


def test_very_many_names_are_not_all_shown() -> None:
    value = {f"name{number}": number for number in range(100_000)}

    assert len(outline(node_of([value]))) < 20


def test_json_in_a_text_is_shown_as_what_it_holds() -> None:
    assert outline(node_of([{"messages": '[{"role": "user"}]'}])) == [
        "object",
        "  messages: list of 1: object (as JSON in a text)",
        "    role: text",
    ]


def test_the_closest_path_is_found_by_likeness_or_by_its_last_name() -> None:
    node = node_of([ROOMS])

    assert closest_path("export.room[]", node) == "export.rooms"
    assert closest_path("export.rooms[].log.entrys[?who=='x']", node) == "export.rooms[].log.entries"
    assert closest_path("said", node) == "export.rooms[].log.entries[].said"
    assert closest_path("nothing.like.it", node) is None
    assert "export.rooms[].log.entries[].who" in list(paths(node))
