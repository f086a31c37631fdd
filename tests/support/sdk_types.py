"""The events and items that the official SDK knows, and an example of each that holds its required fields."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from openai.types.responses import (
    ResponseInputItem,
    ResponseOutputItem,
    ResponseStreamEvent,
)
from pydantic import BaseModel

from support.events import Event


def _members(union: Any) -> list[type[BaseModel]]:
    """The models of a union, with the unions inside it."""
    if get_origin(union) is Annotated:
        return _members(get_args(union)[0])
    if get_origin(union) in (Union, types.UnionType):
        return [model for member in get_args(union) for model in _members(member)]
    return [union]


def _types_of(model: type[BaseModel]) -> list[str]:
    """The values of `type`; a message may have none."""
    annotation = model.model_fields["type"].annotation
    found = [each for part in (annotation, *get_args(annotation)) for each in _literals(part)]
    return list(dict.fromkeys(found))


def _literals(annotation: Any) -> list[str]:
    return list(get_args(annotation)) if get_origin(annotation) is Literal else []


def _example(annotation: Any) -> Any:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _example(inner[0])
    if origin is Literal:
        return inner[0]
    if origin in (Union, types.UnionType):
        return _example(next(one for one in inner if one is not type(None)))
    if origin is list:
        return [_example(inner[0])]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _filled(annotation)
    return {str: "words", int: 0, float: 0.0, bool: True}.get(annotation, {})


def _filled(model: type[BaseModel]) -> Event:
    return {
        field.alias or name: _example(field.annotation)
        for name, field in model.model_fields.items()
        if field.is_required() or name == "type"
    }


def _examples(union: Any) -> dict[str, Event]:
    found: dict[str, Event] = {}
    for model in _members(union):
        for kind in _types_of(model):
            found.setdefault(kind, _filled(model) | {"type": kind})
    return found


EVENTS = _examples(ResponseStreamEvent)
"""Every event of a stream, by its type."""
ITEMS = _examples(ResponseOutputItem) | {
    kind: item for kind, item in _examples(ResponseInputItem).items() if kind not in _examples(ResponseOutputItem)
}
"""Every item that may stand in a conversation, by its type."""
