"""Turns the library's complaints about settings into one sentence: which key, where it stands, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from migrate_cli.settings.layers import Layer, flat

_ALLOWED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "path_type": "a path",
    "model_type": "a section with keys of its own",
    "model_attributes_type": "a section with keys of its own",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
}
_SHOWN = 5


def sentence_for(error: ValidationError, layers: Sequence[Layer], settings: type[BaseModel]) -> str:
    """Return the sentence; never the values themselves, because one might be a key in the wrong place."""
    details = error.errors(include_url=False, include_input=False)
    parts = list(dict.fromkeys(_one(detail, layers, settings) for detail in details))
    more = f" (and {len(parts) - _SHOWN} more)" if len(parts) > _SHOWN else ""
    whole = "; ".join(parts[:_SHOWN]) + more
    return whole if whole.endswith("?") else whole + "."


def _one(detail: ErrorDetails, layers: Sequence[Layer], settings: type[BaseModel]) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    layer = _layer(name, layers)
    place = "settings" if layer is None else layer.place(name)
    if detail["type"] == "extra_forbidden":
        return f"{place}: there is no setting {name}{_closest(name, settings)}"
    called = None if layer is None else layer.called
    return f"{f'{place}: {name}' if called is None else called(name)} must be {_allowed(detail)}"


def _layer(name: str, layers: Sequence[Layer]) -> Layer | None:
    """Return the layer whose value counted: the strongest that has the key, or something below it."""
    for layer in reversed(layers):
        if any(leaf == name or leaf.startswith(name + ".") for leaf in flat(layer.values)):
            return layer
    return None


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


def _closest(name: str, settings: type[BaseModel]) -> str:
    """The right key for a wrong one: alike in its section, of the same name elsewhere, or alike anywhere."""
    names = list(_names(settings))
    section, _, last = name.rpartition(".")
    beside = [known for known in names if known.rpartition(".")[0] == section]
    elsewhere = [known for known in names if known.rpartition(".")[2] == last]
    close = (
        elsewhere or difflib.get_close_matches(name, beside, 1, 0.6) or difflib.get_close_matches(name, names, 1, 0.6)
    )
    return (
        f"; did you mean {close[0]}?"
        if close
        else f"; there are {', '.join(known.rpartition('.')[2] for known in beside)}"
    )


def _names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _names(kind, f"{prefix}{name}.")
