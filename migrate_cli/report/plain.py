"""A document as an encoding can show it: replaced before anything is laid out, so that columns stay where they are."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from migrate_cli.disk.plain import has_marks, made_plain

T = TypeVar("T")


def in_encoding(value: T, encoding: str) -> T:
    """Return the value with every text in it as the encoding can show it; dataclasses and tuples are gone through."""
    return value if has_marks(encoding) else _made(value, encoding)


def _made(value: Any, encoding: str) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return made_plain(value, encoding)
    if isinstance(value, tuple):
        return tuple(_made(entry, encoding) for entry in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _made(getattr(value, each.name), encoding) for each in fields(value)})
    return value
