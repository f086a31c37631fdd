"""JSON Schema as suites use it: for responses, and for the arguments of calls. Pure.

It must never follow references to other documents: a schema describes one response, and nothing is fetched for it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from migrate_cli.model import JsonObject

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_SHOWN = 200


def valid_schema(schema: JsonObject) -> JsonObject:
    """Return the schema; raises ValueError, for pydantic to report, when it is none."""
    import jsonschema  # noqa: PLC0415 - costs a tenth of a second

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"a JSON Schema ({error.message[:_SHOWN]})") from None
    return schema


def violation(schema: JsonObject, value: Any) -> str | None:
    """Say in a few words where the value departs from the schema, without repeating the value; None when it fits."""
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - as above
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    try:
        error = best_match(_validator(_key(schema)).iter_errors(value))
    except Unresolvable as missing:
        return f"the schema refers to {missing.ref}, which is not in it"
    except RecursionError:
        return "the schema refers to itself, or the value is nested, too deeply to be compared"
    if error is None:
        return None
    where = "/".join(str(step) for step in error.absolute_path)
    named = f"{error.validator}: {_brief(error.validator_value)}"
    return f"{f'at {where}, ' if where else ''}it does not satisfy {named}"


def _key(schema: JsonObject) -> str:
    return json.dumps(schema, sort_keys=True)


@lru_cache(maxsize=256)
def _validator(schema: str) -> Validator:
    import jsonschema  # noqa: PLC0415 - as above
    from referencing import Registry  # noqa: PLC0415

    return jsonschema.Draft202012Validator(json.loads(schema), registry=Registry())


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
