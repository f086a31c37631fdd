"""JSON text is read quickly where it has no flaw, and the same value comes out as by the slow and lenient way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from migrate_cli.bounds import Bounds, bounds, set_bounds
from migrate_cli.sources.export import json_text
from migrate_cli.sources.export.json_text import BadJsonError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


def slow(data: bytes) -> Any:
    """Read a text with Python's own parser, as leniently as exports need it; its text is the mark of what is none."""
    decoder = json.JSONDecoder(strict=False, parse_constant=lambda _: None)
    try:
        return decoder.decode(data.decode())
    except ValueError:
        return "no JSON"


def alike(data: bytes) -> bool:
    """Whether both ways give the same, down to the signs of zeros and the order of keys."""
    try:
        read = json_text.parse(data)
    except BadJsonError:
        read = "no JSON"
    return repr(read) == repr(slow(data)) and (read == "no JSON" or repr(json_text.line(data)) == repr(read))


@given(VALUES, st.booleans(), st.booleans())
@example({"a": float("nan"), "b": -0.0, "c": "\ud83d"}, False, False)
@example({"a": "\x00\x1f", "b": float("inf")}, True, True)
def test_whatever_is_written_as_json_is_read_as_by_the_slow_way(value: Any, ascii_only: bool, loose: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=1 if loose else None)
    assert alike(text.encode("utf-8", "replace"))


@given(NUMBERS)
@example("-0")
@example("1e400")
@example("9007199254740993.0")
@example("2.2250738585072011e-308")
@example("18446744073709551616")
def test_a_number_is_the_same_number(number: str) -> None:
    assert alike(number.encode())


@given(VALUES, st.integers(0, 60), st.binary(max_size=3))
@example({"a": 1}, 0, b"\xef\xbb")
def test_a_damaged_text_is_read_by_both_ways_or_by_none(value: Any, place: int, damage: bytes) -> None:
    text = json.dumps({"key": value}).encode()
    damaged = text[:place] + damage + text[place + 1 :]
    # A byte order mark, and other encodings than UTF-8, are read by more than Python's parser.
    if not damaged.startswith((b"\xef\xbb\xbf", b"\xff", b"\xfe", b"\x00")) and b"\x00" not in damaged[:4]:
        assert alike(damaged) or not _is_text(damaged)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": "one\ntwo\ttabs"}', {"a": "one\ntwo\ttabs"}),
        (b'{"a": NaN, "b": Infinity, "c": -Infinity}', {"a": None, "b": None, "c": None}),
        (b'{"a": "\\ud83d"}', {"a": "\ud83d"}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        (b'\xef\xbb\xbf{"a": 1}\r\n', {"a": 1}),
        (b'{"a": 1, "b": 2, "a": 3}', {"a": 3, "b": 2}),
    ],
)
def test_what_exports_hold_that_is_not_quite_json_is_read_nevertheless(text: bytes, value: Any) -> None:
    assert json_text.line(text) == value


def test_json_that_is_too_deep_is_told_whether_or_not_the_quick_way_can_read_it() -> None:
    before = bounds()
    try:
        for allowed, depth in ((50, 60), (300, 320)):
            set_bounds(Bounds(json_depth=allowed))
            text = b"[" * depth + b"]" * depth
            assert json_text.line(text) is None
            with pytest.raises(BadJsonError) as refused:
                json_text.parse(text)
            assert refused.value.code == json_text.TOO_DEEP
            assert json_text.line(b"[" * (allowed - 10) + b"]" * (allowed - 10)) is not None
    finally:
        set_bounds(before)
