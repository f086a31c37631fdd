"""Turns the library's complaints about a suite into one sentence: which line, which key, what is allowed. Pure."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from migrate_cli.replay.yamltext import Document, Place

_ALLOWED = {
    "missing": "there",
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "float_parsing": "a number",
    "bool_type": "true or false", "bool_parsing": "true or false",
    "string_type": "a text", "string_too_short": "a text that is not empty", "string_too_long": "a shorter text",
    "string_pattern_mismatch": "a text on one line",
    "tuple_type": "a list", "list_type": "a list", "dict_type": "a mapping", "too_short": "a list that is not empty",
    "model_type": "a mapping with keys of its own", "model_attributes_type": "a mapping with keys of its own",
}  # fmt: skip
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
}
_SHOWN = 5


def sentence_for(error: ValidationError, document: Document, root: type[BaseModel]) -> str:
    """Return the sentence. Values are never repeated: one might be a token in the wrong place."""
    details = error.errors(include_url=False, include_input=False)
    parts = list(dict.fromkeys(_one(detail, document, root) for detail in details))
    more = f" (and {len(parts) - _SHOWN} more)" if len(parts) > _SHOWN else ""
    return "; ".join(parts[:_SHOWN]) + more


def _one(detail: ErrorDetails, document: Document, root: type[BaseModel]) -> str:
    place = _within(detail["loc"], document.value)
    where, name = document.where(place), _dotted(place) or "the suite"
    if detail["type"] == "extra_forbidden":
        return f"{where}: there is no key {name}{_closest(place, root)}"
    return f"{where}: {name} must be {_allowed(detail)}"


def _within(loc: Sequence[str | int], value: Any) -> Place:
    """The library's place, without what it adds for unions and short forms; a missing key stays at the end."""
    place: list[str | int] = []
    for index, step in enumerate(loc):
        inner = _at(value, step)
        if inner is not None or index == len(loc) - 1:
            place.append(step)
            value = inner
    return tuple(place)


def _at(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _dotted(place: Place) -> str:
    text = ""
    for step in place:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _allowed(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("enum", "literal_error"):
        return "one of " + str(context["expected"]).replace("'", "").replace(" or ", ", ")
    if kind == "value_error":
        return str(context["error"])
    if kind in _BOUNDS:
        field, words = _BOUNDS[kind]
        return f"{words} {context[field]}"
    return _ALLOWED.get(kind, detail["msg"].removeprefix("Input should be "))


def _closest(place: Place, root: type[BaseModel]) -> str:
    model = _model_at(place[:-1], root)
    names = [] if model is None else list(model.model_fields)
    close = difflib.get_close_matches(str(place[-1]), names, 1, 0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(names)}" if names else ""


def _model_at(place: Place, model: type[BaseModel]) -> type[BaseModel] | None:
    """The model whose keys stand at a place."""
    found: type[BaseModel] | None = model
    for step in place:
        if isinstance(step, str):
            field = found.model_fields.get(step) if found is not None else None
            found = next(_models(field.annotation), None) if field is not None else None
    return found


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    elif get_origin(kind) in (Union, types.UnionType, tuple, list) or hasattr(kind, "__metadata__"):
        for inner in get_args(kind):
            yield from _models(inner)
