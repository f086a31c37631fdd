"""What the Conversations API accepts: metadata, batches and messages. Pure; a violation raises ApiError.

The limits are those of the official specification. Where the real service's behaviour is unknown (empty text, unknown
fields), the sandbox refuses, so that what it accepts is accepted everywhere. Items other than messages are in
`rules_tools.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import bad_request, invalid_item

MAX_ITEMS = 20
MAX_PAIRS = 16
MAX_KEY = 64
MAX_VALUE = 512
MAX_TEXT = 10_485_760
MAX_PROJECT_MESSAGE = 1_500_000
"""Characters in one message, at Foundry."""
MAX_IMAGE_URL = 20_971_520
MAX_FILE_DATA = 73_400_320
MAX_FILE_ID = 64

KnownFile = Callable[[str], bool]
"""Tells whether a file id may be named."""

_FILE_ID = re.compile(r"[A-Za-z0-9_-]+")
_DETAILS = ("low", "high", "auto", "original")
_STATUSES = ("in_progress", "completed", "incomplete")
_ROLES: dict[str, tuple[str, ...]] = {
    "user": ("input_text", "input_image", "input_file"),
    "assistant": ("output_text", "refusal"),
    "system": ("input_text",),
    "developer": ("input_text",),
}
_ANNOTATIONS: dict[str, tuple[str, ...]] = {
    "file_citation": ("file_id", "filename", "index"),
    "url_citation": ("url", "title", "start_index", "end_index"),
    "container_file_citation": ("container_id", "file_id", "filename", "start_index", "end_index"),
    "file_path": ("file_id", "index"),
}


@dataclass(frozen=True, slots=True)
class CheckedItem:
    """One item that may be stored: the server's form of it, still without an id."""

    body: JsonObject
    partly_hidden: bool = False
    """Some of its fields are only shown when a reader asks for them with `include[]`."""


def check_fields(body: Any, allowed: Sequence[str]) -> JsonObject:
    """Return the request body as an object that holds nothing but the allowed fields."""
    if not isinstance(body, dict):
        raise bad_request(f"Invalid request body: expected an object, but got {a_json(body)} instead.")
    for name in body:
        if name not in allowed:
            raise bad_request(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    return body


def check_metadata(value: Any) -> dict[str, str]:
    """Return the metadata, or raise for too many pairs, long keys, long values and values that are not strings."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong_type("metadata", "an object", value)
    if len(value) > MAX_PAIRS:
        raise bad_request(
            f"Invalid 'metadata': too many properties. Expected an object with at most {MAX_PAIRS} properties, "
            f"but got an object with {len(value)} properties instead.",
            code="object_above_max_properties",
            param="metadata",
        )
    for key, text in value.items():
        if not isinstance(text, str):
            raise _wrong_type(f"metadata.{key}", "a string", text)
        _check_length("metadata key", key, MAX_KEY, "metadata")
        _check_length(f"metadata.{key}", text, MAX_VALUE, f"metadata.{key}")
    return value


def check_batch(value: Any, known_file: KnownFile, check_other: OtherRules) -> list[CheckedItem]:
    """Return all items of one request, or raise for the first bad one: nothing of a refused batch is stored."""
    if not isinstance(value, list):
        raise _wrong_type("items", "an array of objects", value)
    if len(value) > MAX_ITEMS:
        raise bad_request(
            f"Invalid 'items': array too long. Expected an array with maximum length {MAX_ITEMS}, "
            f"but got an array with length {len(value)} instead.",
            code="array_above_max_length",
            param="items",
        )
    return [_check_item(item, known_file, check_other) for item in value]


def check_project_items(items: list[JsonObject]) -> None:
    """Raise for what only Foundry refuses: items without `type`, ids of the client's making, and very long messages."""
    for item in items:
        if not item.get("type"):
            raise invalid_item("Invalid item: missing required parameter 'type'.")
        if item.get("id"):
            raise invalid_item(f"Invalid item: malformed id {show(item['id'])}.")
        length = sum(len(str(part.get("text") or part.get("refusal") or "")) for part in _parts_of(item))
        if length > MAX_PROJECT_MESSAGE:
            raise invalid_item(
                f"Invalid item: a message has at most {MAX_PROJECT_MESSAGE} characters, and this one {length}."
            )


def _parts_of(item: JsonObject) -> list[JsonObject]:
    content = item.get("content")
    return [{"text": content}] if isinstance(content, str) else content if isinstance(content, list) else []


def check_strict_assistants(items: list[JsonObject]) -> None:
    """Raise for an assistant message without what the specification's letter asks for; some servers insist on it."""
    for item in items:
        if item.get("type", "message") != "message" or item.get("role") != "assistant":
            continue
        texts = [part for part in item["content"] if part["type"] == "output_text"] if _is_list(item) else [{}]
        missing = [name for name in ("id", "status") if not item.get(name)]
        missing += [
            f"content.{name}" for name in ("annotations", "logprobs") if any(name not in text for text in texts)
        ]
        if missing:
            raise invalid_item(f"Invalid assistant message: missing {', '.join(missing)}.")


def _is_list(item: JsonObject) -> bool:
    return isinstance(item.get("content"), list)


OtherRules = Callable[[JsonObject, KnownFile], CheckedItem]
"""Checks an item that is not a message; see `rules_tools.check_tool_item`."""


def _check_item(item: Any, known_file: KnownFile, check_other: OtherRules) -> CheckedItem:
    if not isinstance(item, dict):
        raise invalid_item(f"Invalid item: expected an object, but got {a_json(item)} instead.")
    kind = item.get("type", "message")
    return _check_message(item, known_file) if kind == "message" else check_other(item, known_file)


def _check_message(item: JsonObject, known_file: KnownFile) -> CheckedItem:
    refuse_unknown(item, ("id", "type", "role", "content", "status", "phase"))
    role = item.get("role")
    accepted = _ROLES.get(role) if isinstance(role, str) else None
    if accepted is None:
        raise invalid_item(f"Invalid value: {show(role)}. Supported values are: {listed(tuple(_ROLES))}.")
    status = item.get("status")
    if status is not None and status not in _STATUSES:
        raise invalid_item(f"Invalid value: {show(status)}. Supported values are: {listed(_STATUSES)}.")
    parts = check_parts(item.get("content"), accepted, known_file)
    body = {"type": "message", "status": status or "completed", "content": parts, "role": role}
    if item.get("phase") is not None:
        body["phase"] = item["phase"]
    return CheckedItem(body, any(part.get("image_url") or part.get("logprobs") for part in parts))


def check_parts(content: Any, accepted: tuple[str, ...], known_file: KnownFile) -> list[JsonObject]:
    """Return the content as a list of parts in the server's form; plain text becomes one part of the first kind."""
    if isinstance(content, str):
        content = [{"type": accepted[0], "text": content}]
    if not isinstance(content, list):
        raise invalid_item(f"Invalid content: expected an array of parts or a string, but got {a_json(content)}.")
    if not content:
        raise invalid_item("Invalid content: empty array. Expected at least one part.")
    return [_check_part(part, accepted, known_file) for part in content]


def _check_part(part: Any, accepted: tuple[str, ...], known_file: KnownFile) -> JsonObject:
    if not isinstance(part, dict):
        raise invalid_item(f"Invalid content part: expected an object, but got {a_json(part)} instead.")
    kind = part.get("type")
    if kind not in accepted:
        raise invalid_item(f"Invalid value: {show(kind)}. Supported values are: {listed(accepted)}.")
    if kind == "input_text":
        refuse_unknown(part, ("type", "text", "prompt_cache_breakpoint"))
        return {"type": kind, "text": check_text(part.get("text"), "text")}
    if kind == "output_text":
        return _output_text(part)
    if kind == "refusal":
        refuse_unknown(part, ("type", "refusal"))
        return {"type": kind, "refusal": check_text(part.get("refusal"), "refusal")}
    return _image(part, known_file) if kind == "input_image" else _file(part, known_file)


def _output_text(part: JsonObject) -> JsonObject:
    refuse_unknown(part, ("type", "text", "annotations", "logprobs"))
    annotations = part.get("annotations") or []
    for note in annotations if isinstance(annotations, list) else [annotations]:
        _check_annotation(note)
    return {
        "type": "output_text",
        "annotations": annotations,
        "logprobs": part.get("logprobs") or [],
        "text": check_text(part.get("text"), "text"),
    }


def _check_annotation(note: Any) -> None:
    if not isinstance(note, dict):
        raise invalid_item(f"Invalid annotation: expected an object, but got {a_json(note)} instead.")
    wanted = _ANNOTATIONS.get(str(note.get("type")))
    if wanted is None:
        raise invalid_item(
            f"Invalid value: {show(note.get('type'))}. Supported values are: {listed(tuple(_ANNOTATIONS))}."
        )
    missing = tuple(name for name in wanted if note.get(name) is None)
    if missing:
        raise invalid_item(f"Missing required parameter: {listed(missing)} in an annotation.")


def _image(part: JsonObject, known_file: KnownFile) -> JsonObject:
    refuse_unknown(part, ("type", "detail", "file_id", "image_url", "prompt_cache_breakpoint"))
    file_id, url = part.get("file_id"), part.get("image_url")
    if (file_id is None) == (url is None):
        raise invalid_item("Invalid input_image: give exactly one of 'file_id' and 'image_url'.")
    detail = part.get("detail") or "auto"
    if detail not in _DETAILS:
        raise invalid_item(f"Invalid value: {show(detail)}. Supported values are: {listed(_DETAILS)}.")
    if url is not None and not _is_image_url(url):
        raise invalid_item(
            "Invalid 'image_url': expected a fully qualified http(s) URL or a base64 data URL "
            f"of at most {MAX_IMAGE_URL} characters."
        )
    if file_id is not None:
        check_file_id(file_id, known_file)
    return {"type": "input_image", "detail": detail, "file_id": file_id, "image_url": url}


def _is_image_url(url: Any) -> bool:
    return (
        isinstance(url, str)
        and url[:8].lower().startswith(("http://", "https://", "data:"))
        and len(url) <= MAX_IMAGE_URL
    )


def _file(part: JsonObject, known_file: KnownFile) -> JsonObject:
    names = ("file_id", "file_url", "file_data", "filename", "detail")
    refuse_unknown(part, ("type", *names, "prompt_cache_breakpoint"))
    given = [name for name in ("file_id", "file_url", "file_data") if part.get(name) is not None]
    if len(given) != 1:
        raise invalid_item("Invalid input_file: give exactly one of 'file_id', 'file_url' and 'file_data'.")
    if given == ["file_data"] and not part.get("filename"):
        raise invalid_item("Missing required parameter: 'filename' goes with 'file_data'.")
    if given == ["file_id"]:
        check_file_id(part["file_id"], known_file)
    check_text(part[given[0]], given[0], MAX_FILE_DATA)
    return {"type": "input_file"} | {name: part[name] for name in names if part.get(name) is not None}


def check_file_id(value: Any, known_file: KnownFile) -> None:
    """Raise unless the value is a well-formed file id that may be named."""
    if not isinstance(value, str) or len(value) > MAX_FILE_ID or _FILE_ID.fullmatch(value) is None:
        raise invalid_item(f"Invalid 'file_id': expected at most {MAX_FILE_ID} letters, digits, dashes or underscores.")
    if not known_file(value):
        raise invalid_item(f"No such File object: {value}")


def check_text(value: Any, name: str, limit: int = MAX_TEXT) -> str:
    """Return a text that is neither missing, empty nor too long."""
    if not isinstance(value, str):
        raise invalid_item(f"Invalid type for '{name}': expected a string, but got {a_json(value)} instead.")
    if not value:
        raise invalid_item(f"Invalid '{name}': empty string. Expected at least one character.")
    if len(value) > limit:
        raise invalid_item(
            f"Invalid '{name}': string too long. Expected a string with maximum length {limit}, "
            f"but got a string with length {len(value)} instead."
        )
    return value


def refuse_unknown(value: JsonObject, allowed: tuple[str, ...]) -> None:
    """Raise when an object has a field that the service does not know."""
    for name in value:
        if name not in allowed:
            raise invalid_item(f"Unknown parameter: '{name}'.")


def a_json(value: Any) -> str:
    """A JSON value's type in words, such as `an integer`."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer"}
    return "null" if value is None else names.get(type(value), "a number")


def show(value: Any) -> str:
    """A value as an error message quotes it, cut to a sane length."""
    return f"'{value[:64]}'" if isinstance(value, str) else a_json(value)


def listed(values: tuple[str, ...]) -> str:
    """Names as an error message lists them: `'a', 'b', and 'c'`."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) <= 2:
        return " and ".join(quoted)
    return ", ".join(quoted[:-1]) + f", and {quoted[-1]}"


def _check_length(what: str, text: str, limit: int, param: str) -> None:
    if len(text) > limit:
        raise bad_request(
            f"Invalid '{what}': string too long. Expected a string with maximum length {limit}, "
            f"but got a string with length {len(text)} instead.",
            code="string_above_max_length",
            param=param,
        )


def _wrong_type(name: str, wanted: str, value: Any) -> Exception:
    return bad_request(
        f"Invalid type for '{name}': expected {wanted}, but got {a_json(value)} instead.",
        code="invalid_type",
        param=name,
    )
