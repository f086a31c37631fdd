"""Lists and objects that a tool saved as text: JSON, or what Python writes of a value. Pure and bounded.

A text is only read where a list or an object belongs; whether the value is what belongs there, the caller decides.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

from migrate_cli.bounds import bounds, check_depth, loads

_LONGEST_LITERAL = 4 << 20
"""Characters of what Python wrote: its parser takes a hundred times as many bytes."""
_DEEPEST_LITERAL = 60
"""Brackets in one another: Python's parser counts on its own stack."""
_TYPES = (
    "text|image_file|image_url|refusal|input_text|output_text|input_image|input_file|input_audio|output_audio|file|"
    "image|audio|tool_use|tool_result|tool_call|tool_output|tool-call|tool-result|reasoning|thinking|summary_text"
)
PART_TYPES = frozenset(_TYPES.split("|"))
"""What a part of a message calls itself in the dialects that are known."""
_QUOTE = r"\\*[\"']"
_PARTS_LIKE = re.compile(
    rf"""["']?\s*\[?\s*(?:\{{\s*{_QUOTE}(?:[tT]ype{_QUOTE}\s*:\s*{_QUOTE}(?:{_TYPES}){_QUOTE}"""
    rf"""|[tT]ext{_QUOTE}\s*:\s*\{{\s*{_QUOTE}(?:[vV]alue|[aA]nnotations){_QUOTE}"""
    rf"""|(?:image_file|image_url|annotations){_QUOTE}\s*:\s*[\[{{])"""
    r"""|\w*(?:TextContentBlock|MessageContentText|ImageFileContentBlock|MessageTextContent)\()"""
)
_TYPE_MARKS = tuple(f"{quote}{name}{quote}" for quote in "'\"" for name in ("type", "Type"))
_ODD_ESCAPE = re.compile(r"\\(?:\\|[^\n\\'\"abfnrtvxuUN0-7])")
"""An escape that `repr` never writes, and that Python's parser warns of; an escaped backslash is passed over."""
_OPENINGS = ("[", "{")


def value_in(text: str) -> Any:
    """Return the list or object that a text is, as JSON or as Python writes it; None where it is none."""
    start = text[:64].lstrip()[:1]
    if start == '"':
        return _quoted(text)
    if start not in _OPENINGS and not _CALL.match(text):
        return None
    try:
        value = loads(text)
    except ValueError:
        value = literal(text)
    return value if isinstance(value, (list, dict)) else None


def _quoted(text: str) -> Any:
    """Return the list or object of a text that was written as JSON twice."""
    if text[:64].lstrip()[1:2] not in _OPENINGS:
        return None
    try:
        inner = loads(text)
    except ValueError:
        return None
    return value_in(inner) if isinstance(inner, str) and inner[:1] in _OPENINGS else None


def parts_in(text: str) -> list[Any] | None:
    """Return the parts that a text is a list of, or the one part that it is; None for any other text.

    What a user wrote may begin like a list too: only known types of parts count.
    """
    if _PARTS_LIKE.match(text) is None and not any(mark in text for mark in _TYPE_MARKS):
        return None
    value = value_in(text)
    parts = [value] if isinstance(value, dict) else value
    return parts if isinstance(parts, list) and parts and all(map(_is_part, parts)) else None


def looks_like_parts(text: str) -> bool:
    """Whether a text begins as a list of parts does; asked where none could be read."""
    return _PARTS_LIKE.match(text) is not None


def _is_part(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    kind = value.get("type", value.get("Type"))
    if kind is None:
        text = value.get("text")
        return isinstance(text, dict) and "value" in text
    return isinstance(kind, str) and kind in PART_TYPES and len(value) > 1


# What Python writes

_CALL = re.compile(r"\s*[A-Z]\w*\([a-z_]\w*=")


def literal(text: str) -> Any:
    """Return the value of what `repr` wrote, objects of SDKs as mappings; None where it is nothing of the kind."""
    if len(text) > min(_LONGEST_LITERAL, bounds().string_bytes) or _too_nested(text):
        return None
    if any(found[0] != "\\\\" for found in _ODD_ESCAPE.finditer(text)):
        return None
    try:
        value = _value(ast.parse(text.strip(), mode="eval").body)
        check_depth(text, value)
    except (SyntaxError, ValueError, TypeError, LookupError, MemoryError, RecursionError):
        return None
    return value


def _too_nested(text: str) -> bool:
    depth = 0
    for bracket in re.findall(r"[\[\](){}]", text):
        depth += 1 if bracket in "[({" else -1
        if depth > _DEEPEST_LITERAL:
            return True
    return False


def _value(node: ast.expr) -> Any:
    read = _NODES.get(type(node))
    if read is None:
        raise ValueError
    return read(node)


def _constant(node: Any) -> Any:
    if isinstance(node.value, (str, int, float, bool, type(None))):
        return node.value
    raise ValueError


def _mapping(node: Any) -> Any:
    if None in node.keys:
        raise ValueError
    return {str(_value(key)): _value(value) for key, value in zip(node.keys, node.values, strict=True)}


def _negative(node: Any) -> Any:
    value = _value(node.operand)
    if isinstance(node.op, ast.USub) and isinstance(value, (int, float)):
        return -value
    raise ValueError


def _name(node: Any) -> Any:
    return _CONSTANTS[node.id]


def _called(node: Any) -> Any:
    """Return an object of an SDK as a mapping, and a time or an id of a database as what they hold."""
    named = {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    given = [_value(argument) for argument in node.args]
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if None in named:
        raise ValueError
    if not given:
        return named
    if name == "datetime" and 3 <= len(given) <= 7 and all(type(part) is int for part in given):
        numbers = [*given, 0, 0, 0, 0][:7]
        return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}".format(*numbers)
    if len(given) == 1 and not named and name in ("ObjectId", "UUID", "Decimal", "Int64", "Timestamp"):
        return given[0]
    raise ValueError


_CONSTANTS = {"true": True, "false": False, "null": None, "nan": None, "NaN": None}
_NODES: dict[type[ast.expr], Callable[[Any], Any]] = {
    ast.Constant: _constant,
    ast.List: lambda node: [_value(entry) for entry in node.elts],
    ast.Tuple: lambda node: [_value(entry) for entry in node.elts],
    ast.Dict: _mapping,
    ast.UnaryOp: _negative,
    ast.Name: _name,
    ast.Call: _called,
}
