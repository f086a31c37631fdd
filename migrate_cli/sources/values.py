"""Values as databases export them become plain JSON: MongoDB, Firestore, DynamoDB. Pure.

A form is only treated as one where nothing else looks like it; everything else stays the same object.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.times import unix_seconds

_FREE = frozenset({"metadata", "arguments", "parameters", "input", "args", "output"})
"""Keys under which an object is the user's own, so that only MongoDB's marks in it are read."""
_UNKNOWN = object()


def unwrapped(value: Any, *, free: bool = False) -> Any:
    """Return a value with what MongoDB and Firestore write for times, ids and numbers made plain.

    The same object where there was nothing of the kind.
    """
    if type(value) is dict:
        if 0 < len(value) <= 3 and (plain := _plain(value, free=free)) is not _UNKNOWN:
            return plain
        return _changed_entries(value, free=free)
    if type(value) is list:
        for place, entry in enumerate(value):
            if (plain := unwrapped(entry, free=free)) is not entry:
                return [*value[:place], plain, *(unwrapped(one, free=free) for one in value[place + 1 :])]
    return value


def _changed_entries(value: JsonObject, *, free: bool) -> JsonObject:
    changed: JsonObject | None = None
    for key, entry in value.items():
        if type(entry) is dict or type(entry) is list:
            plain = unwrapped(entry, free=free or key in _FREE)
            if plain is not entry:
                changed = dict(value) if changed is None else changed
                changed[key] = plain
    return value if changed is None else changed


def _plain(value: JsonObject, *, free: bool) -> Any:
    key = next(iter(value))
    if type(key) is not str:
        return _UNKNOWN
    if len(value) == 1:
        if key[:1] == "$":
            read = _MONGO.get(key)
            return _UNKNOWN if read is None else read(value[key])
        if not free and key == "__time__":
            return value[key]
    elif not free:
        return _timestamp(value)
    return _UNKNOWN


def _timestamp(value: JsonObject) -> Any:
    """Return the seconds of a Firestore time, in one of the forms that its SDKs and exports have."""
    if value.get("__datatype__") == "timestamp" and type(value.get("value")) is dict:
        value = value["value"]
    for whole, parts in (("_seconds", ("_nanoseconds",)), ("seconds", ("nanoseconds", "nanos"))):
        part = next((name for name in parts if name in value), None)
        if part is not None and whole in value and len(value) == 2:
            seconds, nanos = _number(value[whole]), _number(value[part])
            if seconds is not None and nanos is not None:
                return seconds + nanos / 1_000_000_000 if nanos else seconds
    return _UNKNOWN


_WHOLE = re.compile(r"-?[0-9]{1,40}")
"""A whole number of a size that databases have: Python refuses to read one of thousands of digits."""


def _number(value: Any) -> int | None:
    """Return a whole number, which may be a text where its type allows for more than JavaScript's numbers do."""
    if type(value) is int:
        return value
    return int(value) if type(value) is str and _WHOLE.fullmatch(value) else None


def _date(value: Any) -> Any:
    """Return MongoDB's date, a text or milliseconds however few."""
    if type(value) is dict and len(value) == 1:
        value = _number(value.get("$numberLong", value.get("$numberInt")))
    if type(value) is int:
        return unix_seconds(value / 1000) if abs(value) < 1e17 else _UNKNOWN
    return value if type(value) is str else _UNKNOWN


def _whole(value: Any) -> Any:
    number = _number(value)
    return _UNKNOWN if number is None else number


def _fraction(value: Any) -> Any:
    if type(value) is float or type(value) is int:
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return _UNKNOWN
    return number if number - number == 0 else _UNKNOWN


def _text(value: Any) -> Any:
    return value if type(value) is str else _UNKNOWN


_MONGO: dict[str, Callable[[Any], Any]] = {
    "$oid": _text,
    "$uuid": _text,
    "$symbol": _text,
    "$date": _date,
    "$numberLong": _whole,
    "$numberInt": _whole,
    "$numberDouble": _fraction,
    "$numberDecimal": _fraction,
    "$undefined": lambda _: None,
}


# Typed documents


def document(value: JsonObject) -> Any:
    """Return a document of DynamoDB or Firestore, all of whose values name their types, as plain JSON.

    Answers that hold several (`Items`, `documents`) become a list. The same object where it is no such document.
    """
    for key in ("Item", "NewImage"):
        inner = value.get(key)
        if type(inner) is dict and len(value) == 1:
            return document(inner)
    for key in ("Items", "documents", "Documents"):
        inner = value.get(key)
        if type(inner) is list and inner and type(inner[0]) is dict and (key == "Items" or _is_firestore(inner[0])):
            return [document(entry) if type(entry) is dict else entry for entry in inner]
    if _is_dynamo(value):
        return {key: _of_dynamo(entry) for key, entry in value.items()}
    if _is_firestore(value):
        fields = {key: _of_firestore(entry) for key, entry in value["fields"].items()}
        return fields if "id" in fields else {"id": str(value["name"]).rsplit("/", 1)[-1], **fields}
    return value


_DYNAMO: dict[str, Callable[[Any], bool]] = {
    "S": lambda value: type(value) is str,
    "N": lambda value: type(value) is str,
    "B": lambda value: type(value) is str,
    "BOOL": lambda value: type(value) is bool,
    "NULL": lambda value: type(value) is bool,
    "L": lambda value: type(value) is list,
    "M": lambda value: type(value) is dict,
    "SS": lambda value: type(value) is list,
    "NS": lambda value: type(value) is list,
    "BS": lambda value: type(value) is list,
}
_ITEM_LIKE = 1
"""Keys of the smallest item: its key alone."""


def _is_typed(value: Any) -> bool:
    if type(value) is not dict or len(value) != 1:
        return False
    ((kind, held),) = value.items()
    return kind in _DYNAMO and _DYNAMO[kind](held)


def _is_dynamo(value: JsonObject) -> bool:
    return len(value) >= _ITEM_LIKE and all(_is_typed(entry) for entry in value.values())


def _of_dynamo(value: Any) -> Any:
    if not _is_typed(value):
        return value
    ((kind, held),) = value.items()
    if kind == "N":
        return _dynamo_number(held)
    if kind == "NS":
        return [_dynamo_number(entry) for entry in held]
    if kind == "L":
        return [_of_dynamo(entry) for entry in held]
    if kind == "M":
        return {key: _of_dynamo(entry) for key, entry in held.items()}
    return None if kind == "NULL" else held


def _dynamo_number(text: Any) -> Any:
    number = _number(text)
    if number is not None:
        return number
    fraction = _fraction(text)
    return text if fraction is _UNKNOWN else fraction


def _is_firestore(value: JsonObject) -> bool:
    fields = value.get("fields")
    return (
        type(fields) is dict
        and type(value.get("name")) is str
        and bool(fields)
        and all(
            type(entry) is dict and len(entry) == 1 and next(iter(entry)) in _FIRESTORE for entry in fields.values()
        )
    )


def _of_firestore(value: Any) -> Any:
    if type(value) is not dict or len(value) != 1:
        return value
    ((kind, held),) = value.items()
    read = _FIRESTORE.get(kind)
    return value if read is None else read(held)


def _firestore_list(value: Any) -> list[Any]:
    entries = value.get("values") if type(value) is dict else None
    return [_of_firestore(entry) for entry in entries] if type(entries) is list else []


def _firestore_map(value: Any) -> JsonObject:
    fields = value.get("fields") if type(value) is dict else None
    return {key: _of_firestore(entry) for key, entry in fields.items()} if type(fields) is dict else {}


_FIRESTORE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("stringValue", "doubleValue", "booleanValue", "timestampValue", "referenceValue", "bytesValue"),
        lambda value: value,
    ),
    "nullValue": lambda _: None,
    "geoPointValue": lambda value: value,
    "integerValue": lambda value: value if _number(value) is None else _number(value),
    "arrayValue": _firestore_list,
    "mapValue": _firestore_map,
}
