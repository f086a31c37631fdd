"""JSON Schemas in requests: the rules of strict mode, and an example value that fits a schema. Pure."""

from __future__ import annotations

import re
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import bad_request

_DEPTH = 16


def check_strict(schema: Any, what: str, code: str, param: str) -> None:
    """Raise unless every object in the schema names all properties as required and allows no others.

    `what` is how the message names the schema, such as `function 'lookup'`.
    """
    for path, each in _objects(schema, (), 0):
        where = f"In context=({', '.join(repr(step) for step in path)})"
        if each.get("additionalProperties") is not False:
            raise bad_request(
                f"Invalid schema for {what}: {where}, 'additionalProperties' is required to be supplied and to be "
                "false.",
                code=code,
                param=param,
            )
        left = [name for name in each.get("properties", {}) if name not in (each.get("required") or ())]
        if left:
            raise bad_request(
                f"Invalid schema for {what}: {where}, 'required' is required to be supplied and to be an array "
                f"including every key in properties. Missing '{left[0]}'.",
                code=code,
                param=param,
            )


def example_of(schema: Any, text: str, root: Any = None, depth: int = 0) -> Any:
    """Return a value that fits the schema: the same one every time, with `text` wherever any string will do."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > _DEPTH:
        return None
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    if schema.get("enum"):
        return schema["enum"][0]
    if "$ref" in schema:
        return example_of(_referred(schema["$ref"], root), text, root, depth + 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if schema.get(keyword):
            return example_of(schema[keyword][0], text, root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return _of_type(kind[0] if isinstance(kind, list) and kind else kind, schema, text, root, depth)


def _of_type(kind: Any, schema: JsonObject, text: str, root: Any, depth: int) -> Any:
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: example_of(inner, text, root, depth + 1) for name, inner in properties.items()}
    if kind == "array":
        count = max(1, int(schema.get("minItems", 1)))
        return [example_of(schema.get("items", {}), text, root, depth + 1) for _ in range(count)]
    if kind in ("integer", "number"):
        least: Any = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        return least + 1 if "exclusiveMinimum" in schema else least
    if kind == "boolean":
        return True
    return None if kind == "null" else _string(schema, text)


def _string(schema: JsonObject, text: str) -> str:
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    fitting = text.ljust(least, ".")
    return fitting if most is None else fitting[: int(most)]


def _referred(reference: Any, root: Any) -> Any:
    found = root
    for step in re.split("/", str(reference).removeprefix("#").strip("/")):
        found = found.get(step, {}) if isinstance(found, dict) and step else found
    return found


def _objects(schema: Any, path: tuple[str, ...], depth: int) -> list[tuple[tuple[str, ...], JsonObject]]:
    if not isinstance(schema, dict) or depth > _DEPTH:
        return []
    found = [(path, schema)] if schema.get("type") == "object" or "properties" in schema else []
    for name, inner in (schema.get("properties") or {}).items():
        found += _objects(inner, (*path, "properties", name), depth + 1)
    if isinstance(schema.get("items"), dict):
        found += _objects(schema["items"], (*path, "items"), depth + 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        for place, inner in enumerate(schema.get(keyword) or ()):
            found += _objects(inner, (*path, keyword, str(place)), depth + 1)
    return found
