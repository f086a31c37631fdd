"""Reads a YAML mapping together with the line of every key, so that a complaint can say where.

It knows YAML, not settings: names, types and defaults are `model.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from migrate_cli.disk.input import text_of
from migrate_cli.errors import SettingsError
from migrate_cli.settings.yaml_bounds import check_yaml
from migrate_cli.settings.yaml_errors import yaml_fault


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a file says, and where it says it."""

    path: Path
    values: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)
    """Line (1-based) by dotted key, such as `load.workers`."""

    def place(self, key: str) -> str:
        """`migration.yaml:12`, or the file alone for a key that is not in it."""
        line = self.lines.get(key)
        return str(self.path) if line is None else f"{self.path}:{line}"


def read_yaml(path: Path) -> YamlFile:
    """Read one mapping. Raises SettingsError, with the line, for bad YAML and for a key that is there twice."""
    try:
        text = text_of(path)
    except FileNotFoundError:
        raise SettingsError(f"There is no settings file {path}; make one with `migrate-cli init`.") from None
    except IsADirectoryError:
        raise SettingsError(f"{path} is a folder; name the settings file in it.") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from None
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read ({error.strerror}); check its permissions."
        ) from None
    return _parse(text, path)


def _parse(text: str, path: Path) -> YamlFile:
    loader = None
    try:
        check_yaml(text, yaml.SafeLoader)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        lines: dict[str, int] = {}
        if node is not None:
            _walk(node, "", lines, path)
        values = {} if node is None else loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsError(f"{yaml_fault(error, path)}.") from None
    finally:
        if loader is not None:
            loader.dispose()
    if values is not None and not isinstance(values, dict):
        raise SettingsError(f"{path} must hold settings as `key: value` lines; see migration.yaml.example.")
    return YamlFile(path, values or {}, lines)


def _walk(node: yaml.Node, prefix: str, lines: dict[str, int], path: Path) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        line = key.start_mark.line + 1
        if name in lines:
            raise SettingsError(f"{path}:{line}: {name} was already set in line {lines[name]}; keep one of them.")
        lines[name] = line
        _walk(value, f"{name}.", lines, path)
