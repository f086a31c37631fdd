"""A document as an encoding can show it: replaced before anything is laid out, so that columns stay where they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from migrate_cli.disk.plain import has_marks, made_plain

T = TypeVar("T")


def in_encoding(value: T, encoding: str) -> T:
    """Return the value with every text in it as the encoding can show it."""
    return value if has_marks(encoding) else with_texts(value, lambda text: made_plain(text, encoding))


def with_texts(value: T, change: Callable[[str], str]) -> T:
    """Return the value with every text in it changed; dataclasses and tuples are gone through."""
    changed: T = _made(value, change)
    return changed


def _made(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_made(entry, change) for entry in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _made(getattr(value, each.name), change) for each in fields(value)})
    return value
