"""Checks of single request parameters, with the error bodies of the real service. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.rules import a_json, listed, show


def missing(param: str) -> ApiError:
    """A required parameter is not there."""
    return bad_request(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)


def wrong_type(param: str, wanted: str, value: Any) -> ApiError:
    """A parameter has another JSON type; `wanted` is in words, such as `a string`."""
    return bad_request(
        f"Invalid type for '{param}': expected {wanted}, but got {a_json(value)} instead.",
        code="invalid_type",
        param=param,
    )


def not_one_of(param: str, value: Any, allowed: Sequence[str]) -> ApiError:
    """A parameter has a value that is not in the list."""
    return bad_request(
        f"Invalid value: {show(value)}. Supported values are: {listed(tuple(allowed))}.",
        code="invalid_value",
        param=param,
    )


def unknown(param: str) -> ApiError:
    """A parameter that the service does not know."""
    return bad_request(f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)


def unsupported(param: str) -> ApiError:
    """A parameter that this model does not take."""
    return bad_request(
        f"Unsupported parameter: '{param}' is not supported with this model.",
        code="unsupported_parameter",
        param=param,
    )


def refuse_unknown(value: Mapping[str, Any], allowed: Sequence[str], prefix: str = "") -> None:
    """Raise for the first field that is not allowed; `prefix` is the path of the object, such as `text.`."""
    for name in value:
        if name not in allowed:
            raise unknown(f"{prefix}{name}")


def an_object(value: Any, param: str) -> JsonObject:
    """Return an object, empty for null."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    return value


def a_list(value: Any, param: str) -> list[Any]:
    """Return a list, empty for null."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type(param, "an array", value)
    return value


def a_flag(value: Any, param: str, default: bool) -> bool:
    """Return a boolean, the default for null."""
    if value is None:
        return default
    if not isinstance(value, bool):
        raise wrong_type(param, "a boolean", value)
    return value


def a_text(value: Any, param: str, most: int | None = None) -> str | None:
    """Return a string of at most `most` characters, or None for null."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type(param, "a string", value)
    if most is not None and len(value) > most:
        raise bad_request(
            f"Invalid '{param}': string too long. Expected a string with maximum length {most}, "
            f"but got a string with length {len(value)} instead.",
            code="string_above_max_length",
            param=param,
        )
    return value


def a_choice(value: Any, param: str, allowed: Sequence[str], default: str | None) -> str | None:
    """Return one of the allowed strings, the default for null."""
    if value is None:
        return default
    if not isinstance(value, str) or value not in allowed:
        raise not_one_of(param, value, allowed)
    return value


def a_number(value: Any, param: str, least: float, most: float) -> float | None:
    """Return a number within the bounds, or None for null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(param, "a decimal", value)
    return float(_within(value, param, "decimal", least, most))


def an_integer(value: Any, param: str, least: int, most: int | None = None) -> int | None:
    """Return an integer within the bounds, or None for null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(param, "an integer", value)
    return int(_within(value, param, "integer", least, most))


def _within(value: float, param: str, kind: str, least: float, most: float | None) -> float:
    if value < least:
        raise bad_request(
            f"Invalid '{param}': {kind} below minimum value. Expected a value >= {least:g}, but got {value} instead.",
            code=f"{kind}_below_min_value",
            param=param,
        )
    if most is not None and value > most:
        raise bad_request(
            f"Invalid '{param}': {kind} above maximum value. Expected a value <= {most:g}, but got {value} instead.",
            code=f"{kind}_above_max_value",
            param=param,
        )
    return value
