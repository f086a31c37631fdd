"""Reads a YAML document together with the line of every key and list entry, so that an error can say where.

It knows YAML, not what the document is for: names, types and defaults belong to `model.py` and to the replay suite,
and so does the class of error that a bad document raises. It must not check values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from migrate_cli.disk.input import text_of
from migrate_cli.settings.yaml_bounds import check_yaml
from migrate_cli.settings.yaml_errors import yaml_fault

Place = tuple[str | int, ...]
"""The way to a value: keys and list positions (0-based)."""


class BadYamlError(Exception):
    """The text is not YAML that can be taken; the message is the sentence, without the full stop."""


class RepeatedKeyError(Exception):
    """A key stands twice in the same mapping, of which YAML would silently drop the first."""

    def __init__(self, path: Path, place: Place, line: int, earlier: int) -> None:
        super().__init__(f"{path}:{line}")
        self.place = place
        self.earlier = earlier
        """The line of the first."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and where it says it."""

    path: Path
    value: Any
    """None for an empty document."""
    lines: dict[Place, int] = field(default_factory=dict)
    """Line (1-based) by place."""

    def where(self, place: Place) -> str:
        """`suite.yaml:12`: the line of the value, or of the innermost value around the place where it is missing."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.lines:
                return f"{self.path}:{self.lines[place[:length]]}"
        return str(self.path)


def read_document(path: Path) -> Document:
    """Read one document. Raises OSError and UnicodeDecodeError, BadYamlError and RepeatedKeyError."""
    text = text_of(path)
    loader = None
    try:
        check_yaml(text, yaml.SafeLoader)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(path, None)
        lines: dict[Place, int] = {}
        _note_lines(node, (), lines, path)
        return Document(path, loader.construct_document(node), lines)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadYamlError(yaml_fault(error, path)) from None
    finally:
        if loader is not None:
            loader.dispose()


def _note_lines(node: yaml.Node, place: Place, lines: dict[Place, int], path: Path) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, entry in enumerate(node.value):
            _note_lines(entry, (*place, index), lines, path)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line, inner = key.start_mark.line + 1, (*place, str(key.value))
            if inner in lines:
                raise RepeatedKeyError(path, inner, line, lines[inner])
            lines[inner] = line
            _note_lines(value, inner, lines, path)
