"""Lists the fields in which a sent item and the item that came back differ. Pure.

Sentences name fields, roles, ids, lengths and positions. Texts appear only in excerpts, and those only on request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from migrate_cli.convert.canonical import canonical, encode
from migrate_cli.model import JsonObject
from migrate_cli.verify.align import common_blocks

AROUND = 200
"""Characters of an excerpt before and after the first difference; an excerpt has at most four times as many."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs from what was sent."""

    field: str
    code: str
    detail: str
    expected: str | None = None
    got: str | None = None


def changes(sent: JsonObject, got: JsonObject, *, excerpts: bool = False) -> list[Change]:
    """Return the fields that differ; never empty if the canonical forms differ."""
    found = list(_changes(canonical(sent), canonical(got)))
    return found if excerpts else [Change(one.field, one.code, one.detail) for one in found]


def similarity(sent: JsonObject, got: JsonObject) -> float:
    """Return the similarity of two items, from 0 to 1."""
    a, b = canonical(sent), canonical(got)
    if a[0] != b[0]:
        return 0.0
    head, body_a, body_b = (a[1] == b[1], a[2:], b[2:]) if len(a) > 2 else (True, a[1:], b[1:])
    left, right = encode(body_a), encode(body_b)
    prefix, suffix = _shared(left, right)
    return 0.2 * head + 0.8 * (prefix + suffix) / max(len(left), len(right))


def _changes(a: list[Any], b: list[Any]) -> Iterator[Change]:
    if a[0] != b[0]:
        yield Change("type", "changed-type", f"{b[0]}, not {a[0]}")
    elif a[0] == "message":
        if a[1] != b[1]:
            yield Change("role", "changed-role", f"{b[1]}, not {a[1]}")
        if a[3:] != b[3:]:
            yield Change("phase", "changed-phase", f"{_phase(b)}, not {_phase(a)}")
        yield from _contents(a[2], b[2])
    else:
        names = _NAMES.get(a[0])
        fields = zip(names, a[1:], b[1:], strict=False) if names else _fields(a[1], b[1])
        for name, one, other in fields:
            if one != other:
                yield _value(name, one, other)


def _phase(form: list[Any]) -> Any:
    return form[3] if len(form) > 3 else "none"


_NAMES = {
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "file_search_call": ("queries",),
    "code_interpreter_call": ("code",),
}


def _fields(a: JsonObject, b: JsonObject) -> Iterator[tuple[str, Any, Any]]:
    return ((name, a.get(name), b.get(name)) for name in sorted({*a, *b}))


def _value(name: str, one: Any, other: Any) -> Change:
    if name in ("call_id", "name"):
        return Change(name, f"changed-{name.replace('_', '-')}", f"{other}, not {one}")
    if isinstance(one, str) and isinstance(other, str):
        return _text(name, f"changed-{name}", one, other)
    return Change(name, f"changed-{name.replace('_', '-')}", f"{_shape(other)}, not {_shape(one)}")


def _contents(a: list[list[Any]], b: list[list[Any]]) -> Iterator[Change]:
    """Compare the parts in order, so that a lost part is reported once, and not as a change of all parts after it."""
    left, right = [encode(part) for part in a], [encode(part) for part in b]
    if left == right:
        return
    if Counter(left) == Counter(right):
        order = ", ".join(map(str, _places(left, right)))
        yield Change("content", "parts-order", f"its parts are in a different order: {order}")
        return
    blocks = [*common_blocks(left, right), (len(left), len(right), 0)]
    at = there = 0
    for low, high, length in blocks:
        gone, new = range(at, low), range(there, high)
        yield from (_part(place, a[place], b[other]) for place, other in zip(gone, new, strict=False))
        yield from (_lost(place, a[place]) for place in gone[len(new) :])
        for other in new[len(gone) :]:
            yield Change(f"content[{other}]", "extra-part", f"an extra part that was not sent ({_named(b[other])})")
        at, there = low + length, high + length


def _places(sent: list[bytes], got: list[bytes]) -> list[int]:
    left = list(range(len(sent)))
    found = []
    for part in got:
        place = next(index for index in left if sent[index] == part)
        left.remove(place)
        found.append(place)
    return found


def _part(place: int, one: list[Any], other: list[Any]) -> Change:
    where, kind = f"content[{place}]", one[0]
    if kind != other[0]:
        lost = kind in ("image", "file")
        code = f"lost-{kind}" if lost else "changed-part"
        return Change(where, code, f"{_named(other)} is in the place where {_named(one)} was sent")
    if kind == "text":
        return _text(f"{where}.text", "changed-text", one[1], other[1])
    if kind in ("image", "file"):
        if other[1] is None:
            return Change(where, f"lost-{kind}", f"the {kind} no longer has a source ({_source(one[1])} was sent)")
        return Change(where, f"changed-{kind}", f"{_source(other[1])}, not {_source(one[1])}")
    return Change(where, "changed-part", f"a part of type {kind} differs")


def _lost(place: int, part: list[Any]) -> Change:
    kind = part[0] if part[0] in ("text", "image", "file") else "part"
    which = f" ({_source(part[1])})" if kind in ("image", "file") else ""
    return Change(f"content[{place}]", f"lost-{kind}", f"the {kind}{which} is missing")


def _named(part: list[Any]) -> str:
    return f"{'an' if str(part[0])[:1] in 'aeiou' else 'a'} {part[0]}"


def _source(value: Any) -> str:
    """Name a file id, but only the length of a URL, which may contain a secret or the image itself."""
    text = str(value)
    if value is None:
        return "none"
    if "://" in text:
        return f"a URL of {len(text):,} characters"
    return f"a data URL of {len(text):,} characters" if text.startswith("data:") else text


def _text(field: str, code: str, one: Any, other: Any) -> Change:
    if not isinstance(one, str) or not isinstance(other, str):
        return Change(field, code, f"{_shape(other)}, not {_shape(one)}")
    prefix, suffix = _shared(one, other)
    detail = (
        f"differs from character {prefix} on: {len(one) - prefix - suffix:,} of the {len(one):,} characters sent, "
        f"{len(other) - prefix - suffix:,} of the {len(other):,} found"
    )
    return Change(field, code, detail, _excerpt(one, prefix, suffix), _excerpt(other, prefix, suffix))


def words(body: JsonObject) -> str:
    """Return the beginning of the text of an item; parts other than text are named in square brackets."""
    content = body.get("content", body.get("arguments", body.get("output")))
    if isinstance(content, list):
        said = "\n".join(str(part.get("text") or part.get("refusal") or f"[{part.get('type')}]") for part in content)
    else:
        said = content if isinstance(content, str) else ""
    return _excerpt(said, 0, 0)


def _excerpt(text: str, prefix: int, suffix: int) -> str:
    start, stop = max(0, prefix - AROUND), min(len(text), len(text) - suffix + AROUND)
    shown = text[start : min(stop, start + 4 * AROUND)]
    return f"{'…' if start else ''}{shown}{'…' if start + len(shown) < len(text) else ''}"


def _shape(value: Any) -> str:
    if isinstance(value, str):
        return f"{len(value):,} characters"
    return f"{len(value):,} entries" if isinstance(value, list | dict) else str(value)


def _shared(one: str | bytes, other: str | bytes) -> tuple[int, int]:
    """Return the lengths of the common prefix and, in the rest, of the common suffix."""
    shorter = min(len(one), len(other))
    prefix = _equal_until(one, other, shorter)
    suffix = _equal_until(one[prefix:][::-1], other[prefix:][::-1], shorter - prefix)
    return prefix, suffix


def _equal_until(one: str | bytes, other: str | bytes, most: int) -> int:
    """Find the length of the common prefix by bisection; comparing slices runs at C speed."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
