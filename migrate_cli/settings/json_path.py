"""A path into JSON, in the language JMESPath: what it finds in a value, and which places it looks at. Pure.

A plain chain of names is followed without the library, since most paths are one and are followed for every message.
Beside the library's functions there is `to_entries`, which makes a list of `{"key", "value"}` of an object. It must not
know what is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath import exceptions, functions, visitor

from migrate_cli.errors import closest
from migrate_cli.settings.path_step import step

Place = tuple[str, ...]
"""The names that lead to a value. Lists between them count for nothing, and `*` is any name."""
ABOVE = "^."
"""Before a path of a message: it starts at the thread's record."""
_LONGEST = 1_000
_MOST_PARTS = 30
"""Brackets and pipes of one path: far more than any record needs."""
_PASS_ON = frozenset({"sort_by", "max_by", "min_by", "reverse", "sort", "to_array", "not_null", "values"})
"""Functions whose result lies where their arguments do."""


_STEPS = frozenset({
    "field", "value_projection", "filter_projection", "subexpression", "index_expression", "projection",
    "pipe", "flatten",
})  # fmt: skip


class _Functions(functions.Functions):  # type: ignore[misc]  # the library has no types
    @functions.signature({"types": ["object", "null"]})  # type: ignore[untyped-decorator]
    def _func_to_entries(self, value: Any) -> list[dict[str, Any]] | None:
        return None if value is None else [{"key": key, "value": entry} for key, entry in value.items()]


_OPTIONS = jmespath.Options(custom_functions=_Functions())


@dataclass(frozen=True, slots=True)
class JsonPath:
    """One path, compiled."""

    text: str
    above: bool
    """Whether it starts at the thread's record, in a place where others start at the message's."""
    steps: Place | None
    """The names, of a path that is nothing but names."""
    entries_at: Place | None
    """The names that lead to a list whose entries it gives; None for a path of another kind."""
    places: frozenset[Place]
    """Where what it gives lies, as far as a path tells that."""
    looks_at: frozenset[Place]
    """What it looks at on its way: in conditions, and as arguments of functions."""
    parsed: Any
    """The expression as the library has it."""
    _search: Callable[[Any], Any]

    def find(self, value: Any) -> Any:
        """Return what lies there; None for nothing, and where a function does not fit what it is given."""
        if self.steps is None:
            try:
                return self._search(value)
            except exceptions.JMESPathError:
                return None
        for name in self.steps:
            if type(value) is not dict:
                return None
            value = value.get(name)
        return value

    @property
    def reads(self) -> frozenset[Place]:
        """All places that it takes something from."""
        return self.places | self.looks_at


def json_path(text: str) -> JsonPath:
    """Compile a path. Raises ValueError whose text says what is wrong with it, and where."""
    above = text.startswith(ABOVE)
    expression = text[len(ABOVE) :] if above else text
    if not expression.strip():
        raise ValueError("a path such as log.entries[]")
    if len(expression) > _LONGEST or sum(map(expression.count, "|[{(")) > _MOST_PARTS:
        # Each selection of several values may double what the next one works on.
        raise ValueError(
            f"a path of at most {_LONGEST} characters and {_MOST_PARTS} brackets and pipes in all (`{expression[:80]}`)"
        )
    try:
        parsed = jmespath.compile(expression)
    except exceptions.JMESPathError as error:
        raise ValueError(_fault(error, expression, len(text) - len(expression))) from None
    walk = _Walk()
    places = walk.of(parsed.parsed, frozenset({()}))
    steps = _steps(parsed.parsed)
    return JsonPath(
        text,
        above,
        steps,
        _entries_at(parsed.parsed),
        frozenset(places),
        frozenset(walk.looks_at),
        parsed.parsed,
        lambda value: parsed.search(value, _OPTIONS),
    )


def _fault(error: Exception, expression: str, shift: int) -> str:
    at = getattr(error, "lex_position", None)
    if isinstance(error, exceptions.IncompleteExpressionError):
        at = len(expression)
    what = "it ends too early" if isinstance(error, exceptions.IncompleteExpressionError) else "it goes wrong"
    where = "" if at is None else f"; {what} at character {at + shift + 1}"
    return f"a path in the language JMESPath{where} (`{expression[:80]}`)"


def _steps(node: Any) -> Place | None:
    kind = node["type"]
    if kind == "field":
        return (node["value"],)
    if kind == "current":
        return ()
    if kind == "subexpression":
        parts = [_steps(child) for child in node["children"]]
        return None if None in parts else tuple(name for part in parts if part for name in part)
    return None


def _entries_at(node: Any) -> Place | None:
    """Return the names of `a.b[]`, `a.b[*]` or `a.b`."""
    if node["type"] == "projection" and node["children"][1]["type"] == "identity":
        inner = node["children"][0]
        inner = inner["children"][0] if inner["type"] == "flatten" else inner
        return () if inner["type"] == "identity" else _steps(inner)
    return _steps(node)


class _Walk:
    """Follows a parsed path without a value, and notes which places it takes something from."""

    def __init__(self) -> None:
        self.looks_at: set[Place] = set()

    def of(self, node: Any, here: frozenset[Place]) -> frozenset[Place]:
        """Return where the results lie; raises ValueError for a function that does not exist."""
        kind, children = node["type"], node["children"]
        if kind in _STEPS:
            return self._step(kind, node, here)
        if kind in ("comparator", "not_expression"):
            self.looks_at |= self._all(children, here)
            return frozenset()
        if kind == "function_expression":
            return self._function(node["value"], children, here)
        if kind == "literal":
            return frozenset()
        return self._all(children, here) if children else here

    def _step(self, kind: str, node: Any, here: frozenset[Place]) -> frozenset[Place]:
        """Return where one goes from the places: to a name, to entries, and so on along the expression."""
        children = node["children"]
        if kind == "field":
            return frozenset((*place, node["value"]) for place in here)
        if kind == "value_projection":
            below = frozenset((*place, "*") for place in self.of(children[0], here))
            return self.of(children[1], below)
        if kind == "filter_projection":
            base = self.of(children[0], here)
            self.looks_at |= self.of(children[2], base)
            return self.of(children[1], base)
        for child in children:
            here = self.of(child, here)
        return here

    def _function(self, name: str, children: list[Any], here: frozenset[Place]) -> frozenset[Place]:
        if name not in _Functions.FUNCTION_TABLE:
            close = closest(name, _Functions.FUNCTION_TABLE)
            raise ValueError(
                f"a path in JMESPath, which has no function {name}{f'; did you mean {close}?' if close else ''}"
            )
        values = self._all((child for child in children if child["type"] != "expref"), here)
        for child in children:
            if child["type"] == "expref":
                self.looks_at |= self.of(child["children"][0], values)
        if name in _PASS_ON:
            return values
        self.looks_at |= values
        return frozenset()

    def _all(self, children: Iterable[Any], here: frozenset[Place]) -> frozenset[Place]:
        return frozenset(place for child in children for place in self.of(child, here))


class Reading:
    """Which values of a record some paths have taken: found by following them, so that nothing is treated as read."""

    def __init__(self) -> None:
        self._reached: set[tuple[int, str | int]] = set()
        self._kept: set[tuple[int, str | int]] = set()
        """What a path ended at: another path that leads on from there takes nothing away."""
        self._whole: set[int] = set()

    def take(self, path: JsonPath, record: Any) -> Any:
        """Follow a path from a record, and return what lies there."""
        found = self._follow(path.steps, record) if path.steps is not None else _Tracer(self).result(path, record)
        for value in found if isinstance(found, list) else ():
            self.take_whole(value)
        self.take_whole(found)
        return found

    def reach(self, container: Any, name: str | int) -> None:
        """Note that a name, or an entry, was looked up in an object or in a list."""
        self._reached.add((id(container), name))

    def reach_all(self, names: Place, record: Any) -> None:
        """Note that a condition looked at a value, and had all of it."""
        self.take_whole(self._follow(names, record))

    def take_whole(self, value: Any) -> None:
        """Note that a value was given out with all that it holds."""
        if isinstance(value, (dict, list)):
            self._whole.add(id(value))

    def rest(self, value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
        """Yield what was not taken of a record, each with its path; what lies in lists comes once for each entry."""
        if id(value) in self._whole:
            return
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in entries:
            below = f"{path}[]" if isinstance(name, int) else f"{path}.{step(name)}" if path else step(name)
            if (id(value), name) not in self._reached:
                yield below, inner
            elif isinstance(inner, (dict, list)):
                yield from self.rest(inner, below)

    def leave(self, container: Any, name: str | int) -> None:
        """Note that what was looked up was of no use: a path led on from it, and it holds nothing."""
        if (id(container), name) not in self._kept:
            self._reached.discard((id(container), name))

    def keep(self, container: Any, name: str | int) -> None:
        """Note that a path ended at what was looked up."""
        self._kept.add((id(container), name))

    def _follow(self, steps: Place | None, value: Any) -> Any:
        last: tuple[Any, str] | None = None
        for name in steps or ():
            if type(value) is not dict or name not in value:
                if last is not None and not isinstance(value, (dict, list)):
                    self.leave(*last)
                return None
            self.reach(value, name)
            last, value = (value, name), value[name]
        if last is not None:
            self.keep(*last)
        return value


class _Tracer(visitor.TreeInterpreter):  # type: ignore[misc]  # the library has no types
    """Follows a parsed path as the library does, and tells a reading where it goes."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(_OPTIONS)
        self._reading = reading
        self._last: tuple[Any, str | int] | None = None
        """The object and the name that were looked up last."""
        self._sources: dict[int, tuple[list[Any], list[tuple[Any, str | int] | None]]] = {}
        """Where the entries of lists come from that a path made on its way; the lists are held, so that ids stay."""

    def result(self, path: JsonPath, record: Any) -> Any:
        try:
            found = self.visit(path.parsed, record)
            if self._last is not None and found is not None:
                self._reading.keep(*self._last)
            return found
        except exceptions.JMESPathError:
            return None

    def visit_field(self, node: Any, value: Any) -> Any:
        if isinstance(value, dict) and node["value"] in value:
            self._reading.reach(value, node["value"])
            self._last = (value, node["value"])
        return super().visit_field(node, value)

    def visit_subexpression(self, node: Any, value: Any) -> Any:
        for child in node["children"][:-1]:
            value = self._base(child, value)
        return self.visit(node["children"][-1], value)

    visit_index_expression = visit_subexpression

    def visit_index(self, node: Any, value: Any) -> Any:
        place = node["value"]
        if isinstance(value, list) and -len(value) <= place < len(value):
            self._last = (value, place % len(value))
            self._reading.reach(*self._last)
        return super().visit_index(node, value)

    def visit_slice(self, node: Any, value: Any) -> Any:
        if isinstance(value, list):
            for place in range(len(value))[slice(*node["children"])]:
                self._reading.reach(value, place)
        return super().visit_slice(node, value)

    def visit_projection(self, node: Any, value: Any) -> Any:
        left, right = node["children"]
        if left["type"] == "flatten":
            base = self._flat(left, value, inside=right["type"] != "identity")
            return None if base is None else self._each(right, base, ())
        base = self._base(left, value)
        return self._each(right, base, base) if isinstance(base, list) else None

    def visit_flatten(self, node: Any, value: Any) -> Any:
        return self._flat(node, value, inside=False)

    def visit_filter_projection(self, node: Any, value: Any) -> Any:
        base = self._base(node["children"][0], value)
        if not isinstance(base, list):
            return None
        wanted = [entry for entry in base if self._is_true(self.visit(node["children"][2], entry))]
        return self._each(node["children"][1], wanted, base)

    def visit_value_projection(self, node: Any, value: Any) -> Any:
        base = self._base(node["children"][0], value)
        if not isinstance(base, dict):
            return None
        right = node["children"][1]
        for name, entry in base.items():
            self._enter(base, name, entry, inside=right["type"] != "identity")
        found = (self.visit(right, entry) for entry in base.values())
        return [one for one in found if one is not None]

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        for child in node["children"]:
            if child["type"] == "expref":
                continue
            given = self.visit(child, value)
            if node["value"] not in _PASS_ON:
                self._reading.take_whole(given)
            elif isinstance(given, list):
                for place in range(len(given)):
                    self._reading.reach(given, place)
        return super().visit_function_expression(node, value)

    def _base(self, node: Any, value: Any) -> Any:
        """Return a value from which the path leads on."""
        self._last = None
        base = self.visit(node, value)
        if self._last is not None and not isinstance(base, (dict, list)):
            self._reading.leave(*self._last)
        return base

    def _flat(self, node: Any, value: Any, *, inside: bool) -> list[Any] | None:
        base = self._base(node["children"][0], value)
        if not isinstance(base, list):
            return None
        flat: list[Any] = []
        for place, entry in enumerate(base):
            self._enter(base, place, entry, inside=inside)
            for inner, one in enumerate(entry if isinstance(entry, list) else ()):
                self._enter(entry, inner, one, inside=inside)
            flat += entry if isinstance(entry, list) else [entry]
        return flat

    def _each(self, node: Any, entries: list[Any], base: Sequence[Any]) -> list[Any]:
        """Follow a path from each entry that is wanted of a list."""
        wanted = {id(entry) for entry in entries}
        for place, entry in enumerate(base):
            if id(entry) in wanted:
                self._enter(base, place, entry, inside=node["type"] != "identity")
        found: list[Any] = []
        sources: list[tuple[Any, str | int] | None] = []
        for entry in entries:
            self._last = None
            one = self.visit(node, entry)
            if one is not None:
                found.append(one)
                sources.append(self._last)
        self._sources[id(found)] = (found, sources)
        return found

    def _enter(self, container: Any, name: str | int, entry: Any, *, inside: bool) -> None:
        """Note an entry: one that holds nothing is taken only where the path ends there."""
        if not inside or isinstance(entry, (dict, list)):
            self._reading.reach(container, name)
        elif isinstance(name, int) and id(container) in self._sources:
            source = self._sources[id(container)][1][name]
            if source is not None:
                self._reading.leave(*source)


NameTree = dict[str, "NameTree | None"]
"""Names that are looked up in records, each with those inside it; None where all that lies there is taken."""


def name_tree(places: Iterable[Place]) -> NameTree:
    """Return the names that lead to some places."""
    tree: NameTree = {}
    for place in places:
        inner: NameTree | None = tree
        for name in place[:-1]:
            inner = None if inner is None else inner.setdefault(name, {})
        if inner is not None and place:
            inner[place[-1]] = None
    return tree


def beside_names(record: dict[str, Any], tree: NameTree, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what `Reading.rest` does, for paths that are nothing but names: they need not be followed for it."""
    for name, value in record.items():
        if name in tree:
            inner = tree[name]
            if inner is None:
                continue
            if type(value) is dict:
                yield from beside_names(value, inner, f"{path}{step(name)}.")
                continue
        if isinstance(value, list) and name in tree and value:
            for entry in value:
                yield f"{path}{step(name)}[]", entry
        elif not (isinstance(value, (dict, list)) and name in tree):
            yield f"{path}{step(name)}", value


def unread(record: Any, paths: Iterable[JsonPath]) -> Iterator[tuple[str, Any]]:
    """Yield what lies in a record and was taken by none of the paths, each with its own path."""
    reading = Reading()
    for path in paths:
        reading.take(path, record)
    yield from reading.rest(record)
