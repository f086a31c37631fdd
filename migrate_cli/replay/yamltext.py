"""Reads a YAML document together with the line of every key and list entry, so that a complaint can say where."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from migrate_cli.disk.input import text_of
from migrate_cli.errors import UsageError
from migrate_cli.settings.yaml_bounds import check_yaml
from migrate_cli.settings.yaml_errors import yaml_fault

Place = tuple[str | int, ...]
"""The way to a value: keys and list positions (0-based)."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and where it says it."""

    path: Path
    value: Any
    lines: dict[Place, int] = field(default_factory=dict)

    def where(self, place: Place) -> str:
        """`suite.yaml:12`: the line of the value, or of what it should stand in."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.lines:
                return f"{self.path}:{self.lines[place[:length]]}"
        return str(self.path)


def read_document(path: Path) -> Document:
    """Read one document. Raises UsageError, with the line, for bad YAML and for a key that is there twice."""
    try:
        text = text_of(path)
    except OSError as error:
        raise UsageError(
            f"the suite {path} cannot be read ({error.strerror or error}); check the path, or write one with --init"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"the suite {path} is no UTF-8 text (byte {error.start}); save it as UTF-8") from None
    lines: dict[Place, int] = {}
    loader = None
    try:
        check_yaml(text, yaml.SafeLoader)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is not None:
            _walk(node, (), lines, path)
        return Document(path, None if node is None else loader.construct_document(node), lines)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(yaml_fault(error, path)) from None
    finally:
        if loader is not None:
            loader.dispose()


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int], path: Path) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, entry in enumerate(node.value):
            _walk(entry, (*place, index), lines, path)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line, inner = key.start_mark.line + 1, (*place, str(key.value))
            if inner in lines:
                raise UsageError(f"{path}:{line}: {key.value} stands in line {lines[inner]} already; keep one of them")
            lines[inner] = line
            _walk(value, inner, lines, path)
