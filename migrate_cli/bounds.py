"""How much is taken from outside: how deep JSON may be, how large a string, an answer and a YAML document may become.

Bytes from outside (answers, exports, suites, recordings) can be small and become huge, or deeper than a program can
walk. Readers of such bytes ask here, and use these sentences. The bounds hold for the whole process and
are set once, when the settings are read. It must not read anything itself.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic_core import from_json

MEGABYTE = 1 << 20
DEEPEST = 1_000
"""The deepest JSON that the setting allows: each level takes a piece of the stack."""
_FRAMES = 5
"""Frames that the most thorough of our walks needs for one level."""
_OWN_FRAMES = 1_000
"""Frames that may be in use before a walk begins."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds, under the names that they have in the section `limits` of the settings."""

    json_depth: int = 200
    string_bytes: int = 128 * MEGABYTE
    answer_bytes: int = 128 * MEGABYTE
    yaml_nodes: int = 500_000


class TooDeepError(ValueError):
    """JSON is nested deeper than `limits.json_depth` allows; its text is the half sentence that says so."""

    def __init__(self) -> None:
        super().__init__(too_deep())


_now = Bounds()


def bounds() -> Bounds:
    """The bounds that hold now."""
    return _now


def set_bounds(new: Bounds) -> None:
    """Let other bounds hold, in the whole process; the stack grows with the depth that is allowed."""
    global _now  # noqa: PLW0603 - every reader asks for them, however far it is from the settings
    _now = new
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _OWN_FRAMES + _FRAMES * new.json_depth))


def loads(text: bytes | str) -> Any:
    """Parse JSON from outside; raises ValueError where it is none, TooDeepError where it is nested too deeply."""
    try:
        return flawless(text)
    except TooDeepError:
        raise
    except ValueError:
        pass  # Python's parser is more lenient, or says why not
    try:
        value = json.loads(text)
    except RecursionError:
        raise TooDeepError from None
    check_depth(text, value)
    return value


_QUICK = partial(from_json, allow_inf_nan=False, cache_strings="keys")


def flawless(text: bytes | str) -> Any:
    """Parse JSON that has no flaw, in half the time that Python's parser takes; the values are the same.

    Raises TooDeepError, and other ValueErrors for what the slower parser may take yet: NaN, half surrogates and so on.
    """
    # It keeps keys, which recur, and no values: ids would fill its store for nothing.
    value = _QUICK(text)
    check_depth(text, value)
    return value


def check_depth(text: bytes | str, value: Any) -> None:
    """Raise TooDeepError where the value of a text is nested too deeply to continue with."""
    # Few texts have so many brackets, and counting them is quick.
    brackets = text.count(b"[") + text.count(b"{") if isinstance(text, bytes) else text.count("[") + text.count("{")
    if brackets > _now.json_depth and is_too_deep(value):
        raise TooDeepError


def is_too_deep(value: Any) -> bool:
    """Whether lists and mappings lie in one another deeper than allowed; looks level by level, without recursion."""
    level = [value] if type(value) is dict or type(value) is list else []
    for _ in range(_now.json_depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def too_deep() -> str:
    """Half a sentence about JSON."""
    nested = f"nested more than {_now.json_depth:,} levels deep"
    return (
        f"{nested}; limits.json_depth raises the bound" if _now.json_depth < DEEPEST else f"{nested}, the most allowed"
    )


def too_long(what: str) -> str:
    """Half a sentence about a string, a line or a cell."""
    return f"{what} of more than {_now.string_bytes:,} bytes; limits.string_bytes raises the bound"


def too_large() -> str:
    """A sentence without its full stop about an answer."""
    return f"the answer has more than {_now.answer_bytes:,} bytes; limits.answer_bytes raises the bound"


def too_many_nodes() -> str:
    """Half a sentence about YAML, whose aliases count as often as they are used."""
    return f"more than {_now.yaml_nodes:,} values, its aliases written out; limits.yaml_nodes raises the bound"
