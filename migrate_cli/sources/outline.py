"""Shows how a JSON value is built: names, how they nest, how many there are and of which types; never a value. Pure.

An outline is bounded, however large the value is: it looks at the first entries of lists and at so many values in all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from migrate_cli.bounds import loads
from migrate_cli.errors import closest
from migrate_cli.secrets import scrub
from migrate_cli.settings.path_step import step

LINES = 15
DEPTH = 5
ENTRIES = 200
"""Entries of a list that are looked at."""
VALUES = 20_000
"""Values that are looked at in all."""
MANY = 12
"""Names of an object from which on they are looked at as one, if what is under them is alike."""
MOST_NAMES = 14
_LONG = 40
_TYPES = {str: "text", bool: "truth", int: "number", float: "number", type(None): "null"}
_ID_LIKE = re.compile(
    r"(?:thread|conv|run|asst|msg|user|room|chat|session)[_-](?=\w*[0-9A-Z])\w{4,}|[0-9a-f]{8}-?[0-9a-f-]{8,}|\d{5,}"
)


@dataclass(slots=True)
class Node:
    """All values that lie at one place."""

    types: Counter[str] = field(default_factory=Counter)
    names: dict[str, Node] = field(default_factory=dict)
    entries: Node | None = None
    """What lies in its lists, all entries as one."""
    longest: int = 0
    """Entries of the longest list."""
    keyed: Node | None = None
    """What lies under names that are data, such as ids."""
    most_names: int = 0
    in_text: bool = False
    """Whether a list or an object stands as JSON in a text."""


def node_of(values: Iterable[Any]) -> Node:
    """Return what the values have in common, as one place."""
    node = Node()
    left = [VALUES]
    for value in islice(values, ENTRIES):
        _add(node, value, left, 0)
    return node


def outline(node: Node) -> list[str]:
    """Return the outline as lines, indented by depth: what is near the top first, as far as there is room."""
    shown = {id(node)}
    room, level = LINES - 1, [node]
    for _ in range(DEPTH):
        below: list[Node] = []
        for one in level:
            inside = [inner for _, inner in _inside(one)]
            if not inside:
                continue
            if len(inside) > room and one is not node:
                continue
            shown.add(id(one))
            room -= len(inside)
            below += inside
        level = below
    return list(islice(_lines(node, shown, 0), 2 * LINES))


def paths(node: Node, at: str = "") -> Iterator[str]:
    """Yield the path of every place, as `source.map` takes them."""
    if node.entries is not None:
        yield f"{at}[]" if at else "[]"
        yield from paths(node.entries, f"{at}[]")
    for name, inner in node.names.items():
        path = f"{at}.{step(name)}" if at else step(name)
        yield path
        yield from paths(inner, path)
    if node.keyed is not None:
        yield from paths(node.keyed, f"{at}.*" if at else "*")


def closest_path(path: str, node: Node) -> str | None:
    """Return the path that exists and is most like another, or ends with the same name."""
    there = list(islice(paths(node), 2_000))
    bare = re.sub(r"\[[^\]]*\]", "[]", path).removeprefix("^.")
    by_bare = {one.replace("[]", ""): one for one in reversed(there)}
    bare = bare.replace("[]", "")
    last = bare.rpartition(".")[2]
    close = closest(bare, by_bare, cutoff=0.7)
    if close is None:
        same = [one for one in by_bare if one.rpartition(".")[2].lower() == last.lower()]
        close = same[0] if same else closest(bare, by_bare, cutoff=0.5)
    return None if close is None else by_bare[close]


# Building


def _add(node: Node, value: Any, left: list[int], depth: int) -> None:
    left[0] -= 1
    kind = type(value)
    if kind is str and value[:1] in ("[", "{") and len(value) < 1_000_000:
        inner = _parsed(value)
        if isinstance(inner, (dict, list)):
            node.in_text, value, kind = True, inner, type(inner)
    node.types["object" if kind is dict else "list" if kind is list else _TYPES.get(kind, "text")] += 1
    if left[0] <= 0 or depth > 2 * DEPTH:
        return
    if kind is list:
        node.longest = max(node.longest, len(value))
        if value:
            node.entries = node.entries or Node()
            for entry in islice(value, ENTRIES):
                _add(node.entries, entry, left, depth + 1)
    elif kind is dict:
        node.most_names = max(node.most_names, len(value))
        if node.keyed is not None or is_keyed(value):
            node.keyed = node.keyed or Node()
            for entry in islice(value.values(), ENTRIES):
                _add(node.keyed, entry, left, depth + 1)
        else:
            for name, entry in islice(value.items(), ENTRIES):
                _add(node.names.setdefault(str(name), Node()), entry, left, depth + 1)


def is_keyed(value: dict[str, Any]) -> bool:
    """Whether an object's names are data: ids, or very many over values of one type."""
    if not value:
        return False
    first = list(islice(value.items(), ENTRIES))
    holds = {type(entry) for _, entry in first}
    if not holds <= {dict, list} or len(holds) != 1:
        return False
    return len(value) >= MANY or all(_ID_LIKE.fullmatch(name) for name, _ in first)


def _parsed(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return None


# Showing


def _inside(node: Node) -> list[tuple[str, Node]]:
    """Return what lies in a place, or in the entries of its lists, with the names as they are shown."""
    while node.entries is not None and not node.names and node.keyed is None:
        node = node.entries
    found = [(_name(name), inner) for name, inner in islice(node.names.items(), MOST_NAMES)]
    if node.keyed is not None:
        found.append((f"(each of {node.most_names:,} names)", node.keyed))
    return found


def _lines(node: Node, shown: set[int], depth: int) -> Iterator[str]:
    if depth == 0:
        yield _said(node)
    inside = _inside(node)
    indent = "  " * (depth + 1)
    if inside and id(node) not in shown:
        yield f"{indent}…"
        return
    for name, below in inside:
        yield f"{indent}{name}: {_said(below)}"
        yield from _lines(below, shown, depth + 1)
    if node.most_names > len(inside) == MOST_NAMES:
        yield f"{indent}… and {node.most_names - MOST_NAMES:,} names more"


def _name(name: str) -> str:
    name = " ".join(scrub(name).split())
    return name if len(name) <= _LONG else f"{name[:_LONG]}…"


def _said(node: Node) -> str:
    """Return what lies at a place, in words: `list of 3: object`, `12 text, 1 null`."""
    kinds = [kind for kind, _ in node.types.most_common()]
    told = [f"{count:,} {kind}" if count > 1 else kind for kind, count in node.types.most_common()]
    if kinds[:1] == ["list"] and len(kinds) == 1:
        several = f"{node.types['list']:,} lists of up to" if node.types["list"] > 1 else "list of"
        inside = " or ".join(node.entries.types) if node.entries is not None else "nothing"
        told = [f"{several} {node.longest:,}: {inside}" if node.longest else "empty list"]
    return ", ".join(told) + (" (as JSON in a text)" if node.in_text else "")
