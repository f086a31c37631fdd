"""Measures how the package is laid out: rooms, floors, imports, the sizes and names of classes. It changes nothing.

A room is a module or a folder directly under `migrate_cli/`. `ROOMS` lists them from the ground up: a room may import
those before it, never those after it. Run it as `python tools/house.py`; it ends with 1 where a rule is broken.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "migrate_cli"

ROOMS = (
    *("version", "errors", "secrets", "bounds", "model", "findings", "wire_objects", "disk"),
    *("convert", "work", "http", "settings", "sources", "files", "target", "stores"),
    *("load", "verify", "state", "report", "replay", "doctor", "sandbox"),
    *("commands", "migrator", "__init__", "shards", "cli", "__main__"),
)
"""From the ground up."""

SANDBOX_MAY = ("errors", "model", "wire_objects", "disk", "sources.interface")
"""What the embedded server may import: values, and what a source is. It would prove nothing if it shared code with the
client that is tested against it."""

MOST_METHODS = 22
MOST_PARAMETERS = 8


@dataclass(frozen=True, slots=True)
class Import:
    """One import of a module of the package by another, as dotted names without the package's."""

    importer: str
    imported: str

    @property
    def rooms(self) -> tuple[str, str]:
        """The two rooms."""
        return self.importer.split(".")[0], self.imported.split(".")[0]


@dataclass(frozen=True, slots=True)
class ClassSize:
    """How large a class is. `parameters` counts those of its constructor; None for plain values."""

    name: str
    module: str
    methods: int
    parameters: int | None


def module_of(path: Path) -> str:
    """Return the dotted name of a file, without the package's; the package's own is `__init__`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imports() -> list[Import]:
    """Return every import inside the package, wherever in a file it stands."""
    modules = {module_of(path) for path in PACKAGE.rglob("*.py")}
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        here = module_of(path)
        for name in _imported(ast.parse(path.read_text(encoding="utf-8"))):
            there = _module(name, modules)
            if there != here:
                found.append(Import(here, there))
    return found


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE.name:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE.name)


def _module(name: str, modules: set[str]) -> str:
    """Return the module that a dotted name lies in: the longest beginning of it that is one."""
    parts = name.split(".")[1:]
    while parts and ".".join(parts) not in modules:
        parts.pop()
    return ".".join(parts) or "__init__"


def upward(all_imports: list[Import]) -> list[Import]:
    """Return the imports of a room by one that stands below it, or that `ROOMS` does not know."""
    height = {room: place for place, room in enumerate(ROOMS)}
    unknown = len(ROOMS)
    return [
        each
        for each in all_imports
        if each.rooms[0] != each.rooms[1]
        and height.get(each.rooms[1], unknown) >= height.get(each.rooms[0], -1)
        and each != Import("__init__", "migrator")
    ]


def outside_the_sandbox(all_imports: list[Import]) -> list[Import]:
    """Return what the sandbox imports that is not its business."""
    return [
        each
        for each in all_imports
        if each.rooms[0] == "sandbox"
        and each.rooms[1] != "sandbox"
        and not any(each.imported == may or each.imported.startswith(f"{may}.") for may in SANDBOX_MAY)
    ]


def circle(all_imports: list[Import]) -> list[str]:
    """Return modules that import each other in a circle, or nothing."""
    graph: dict[str, set[str]] = {}
    for each in all_imports:
        graph.setdefault(each.importer, set()).add(each.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def floors(all_imports: list[Import]) -> Mapping[str, int]:
    """Return the floor of each room: 1 on the ground, else one above the highest room that it imports."""
    graph: dict[str, set[str]] = {room: set() for room in ROOMS}
    for each in all_imports:
        if each.rooms[0] != each.rooms[1] and each != Import("__init__", "migrator"):
            graph.setdefault(each.rooms[0], set()).add(each.rooms[1])
    height: dict[str, int] = {}
    for room in TopologicalSorter(graph).static_order():
        height[room] = 1 + max((height[below] for below in graph.get(room, ())), default=0)
    return height


def classes() -> list[ClassSize]:
    """Return every class of the package with its size, largest first."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.append(_size(node, module_of(path)))
    return sorted(found, key=lambda each: (-each.methods, each.name))


def _size(node: ast.ClassDef, module: str) -> ClassSize:
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    made = next((each for each in methods if each.name == "__init__"), None)
    parameters = None
    if made is not None:  # a dataclass without one is a value, whose fields may be many
        parameters = len(made.args.args) + len(made.args.kwonlyargs) + len(made.args.posonlyargs) - 1
    return ClassSize(node.name, module, len(methods), parameters)


def too_large(all_classes: list[ClassSize]) -> list[ClassSize]:
    """Return the classes that one head cannot hold."""
    return [each for each in all_classes if each.methods > MOST_METHODS or (each.parameters or 0) > MOST_PARAMETERS]


def named_alike(all_classes: list[ClassSize]) -> dict[str, list[str]]:
    """Return the modules of each class name that means several things. Private names speak to one module only."""
    modules: dict[str, list[str]] = {}
    for each in all_classes:
        if not each.name.startswith("_"):
            modules.setdefault(each.name, []).append(each.module)
    return {name: sorted(found) for name, found in sorted(modules.items()) if len(found) > 1}


def main() -> int:
    """Print the figures; return 1 where a rule is broken."""
    found, sizes = imports(), classes()
    wrong, ring, strangers = upward(found), circle(found), outside_the_sandbox(found)
    large, alike = too_large(sizes), named_alike(sizes)
    arrows = {each.rooms for each in found if each.rooms[0] != each.rooms[1]}
    heights = {} if wrong else floors(found)
    say = sys.stdout.write
    say(f"rooms: {len({room for pair in arrows for room in pair})}, files: {len(list(PACKAGE.rglob('*.py')))}\n")
    say(f"arrows between rooms: {len(arrows)}, floors: {max(heights.values(), default=0)}\n")
    say(f"upward imports: {len(wrong)}\n" + "".join(f"  {each.importer} -> {each.imported}\n" for each in wrong))
    say(f"circles: {1 if ring else 0}\n" + (f"  {' -> '.join(ring)}\n" if ring else ""))
    say(f"imports that the sandbox should not have: {len(strangers)}\n")
    say("".join(f"  {each.importer} -> {each.imported}\n" for each in strangers))
    say(f"class names with several meanings: {len(alike)}\n")
    say("".join(f"  {name}: {', '.join(modules)}\n" for name, modules in alike.items()))
    say(f"classes that are too large: {len(large)}; the largest (methods, constructor parameters):\n")
    for each in [*sizes[:5], *(each for each in large if each not in sizes[:5])]:
        say(f"  {each.methods:3} {each.parameters or 0:3}  {each.module}.{each.name}\n")
    return 1 if wrong or ring or strangers or large or alike else 0


if __name__ == "__main__":
    sys.exit(main())
