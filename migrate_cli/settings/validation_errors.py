"""Turns pydantic's errors into one sentence: which key, where it is, what is allowed. Pure.

For settings, which come in layers, and for documents such as replay suites, which come from one file. Values are never
repeated in a sentence: one of them might be a key or a token in the wrong place.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from migrate_cli.errors import closest
from migrate_cli.settings.layers import Layer, flat, setting_names

_ALLOWED = {
    "missing": "there",
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "float_parsing": "a number", "finite_number": "a finite number",
    "bool_type": "true or false", "bool_parsing": "true or false",
    "string_type": "a text", "string_too_short": "a text that is not empty", "string_too_long": "a shorter text",
    "string_pattern_mismatch": "a text on one line",
    "path_type": "a path",
    "tuple_type": "a list", "list_type": "a list", "dict_type": "a mapping", "too_short": "a list that is not empty",
    "model_type": "a mapping with keys", "model_attributes_type": "a mapping with keys",
}  # fmt: skip
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
}
_SHOWN = 5

Loc = tuple[str | int, ...]
"""The way to a value, as pydantic tells it: keys and list positions (0-based)."""


def settings_sentence(error: ValidationError, layers: Sequence[Layer], settings: type[BaseModel]) -> str:
    """Return the sentence about settings that were merged from `layers`, with its full stop or question mark."""
    sentence = _joined(error, lambda detail: _wrong_setting(detail, layers, settings))
    return sentence if sentence.endswith("?") else f"{sentence}."


def document_sentence(
    error: ValidationError, value: Any, where: Callable[[Loc], str], model: type[BaseModel], whole: str
) -> str:
    """Return the sentence about one document, without a full stop.

    `value` is what the document says, `where` tells the line of a place in it, and `whole` names the document itself.
    """
    return _joined(error, lambda detail: _wrong_entry(detail, value, where, model, whole))


def _joined(error: ValidationError, told: Callable[[ErrorDetails], str]) -> str:
    """The first few complaints, each once: pydantic reports one mistake for every branch of a union."""
    details = error.errors(include_url=False, include_input=False)
    parts = list(dict.fromkeys(map(told, details)))
    more = f" (and {len(parts) - _SHOWN} more)" if len(parts) > _SHOWN else ""
    return "; ".join(parts[:_SHOWN]) + more


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


def _instead(close: str | None, known: Sequence[str]) -> str:
    if close is not None:
        return f"; did you mean {close}?"
    return f"; there are {', '.join(known)}" if known else ""


# Settings


def _wrong_setting(detail: ErrorDetails, layers: Sequence[Layer], settings: type[BaseModel]) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    layer = _layer_of(name, layers)
    place = "settings" if layer is None else layer.place(name)
    if detail["type"] == "extra_forbidden":
        return f"{place}: there is no setting {name}{_other_setting(name, settings)}"
    called = None if layer is None else layer.called
    allowed = _allowed(detail).replace("a mapping with keys", "a section with keys")
    return f"{f'{place}: {name}' if called is None else called(name)} must be {allowed}"


def _layer_of(name: str, layers: Sequence[Layer]) -> Layer | None:
    """Return the layer whose value counted: the strongest that has the key, or something below it."""
    for layer in reversed(layers):
        if any(leaf == name or leaf.startswith(name + ".") for leaf in flat(layer.values)):
            return layer
    return None


def _other_setting(name: str, settings: type[BaseModel]) -> str:
    """The right key for a wrong one: of the same name elsewhere, alike in its section, or alike anywhere."""
    names = list(setting_names(settings))
    section, _, last = name.rpartition(".")
    beside = [known for known in names if known.rpartition(".")[0] == section]
    elsewhere = next((known for known in names if known.rpartition(".")[2] == last), None)
    close = elsewhere or closest(name, beside) or closest(name, names)
    return _instead(close, [known.rpartition(".")[2] for known in beside])


# Documents


def _wrong_entry(
    detail: ErrorDetails, value: Any, where: Callable[[Loc], str], model: type[BaseModel], whole: str
) -> str:
    place = _place_in(value, detail["loc"])
    name = _dotted(place) or whole
    if detail["type"] == "extra_forbidden":
        owner = _model_at(place[:-1], model)
        known = [] if owner is None else list(owner.model_fields)
        return f"{where(place)}: there is no key {name}{_instead(closest(str(place[-1]), known), known)}"
    return f"{where(place)}: {name} must be {_allowed(detail)}"


def _place_in(value: Any, loc: Loc) -> Loc:
    """Pydantic's `loc` without the steps that it adds for unions and validators, which the document does not have.

    A last step that leads nowhere stays: it is the key that is missing.
    """
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


def _dotted(place: Loc) -> str:
    """`cases[1].id`, counted from 1 as people count."""
    text = ""
    for step in place:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _model_at(place: Loc, model: type[BaseModel]) -> type[BaseModel] | None:
    """The model whose keys are at a place."""
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
