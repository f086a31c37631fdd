"""The fields of wire records that are carried, or are known to carry nothing; every other field is found here. Pure.

A field that no table names is a part of the source: it is counted, and conversion says what becomes of it. What
conversion keeps whole (attachments, annotations, parts and tool calls of other types) is not looked into. It must not
judge what a field is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from migrate_cli.model import JsonObject, UnknownField
from migrate_cli.secrets import scrub

MESSAGE = frozenset({
    "id", "object", "created_at", "thread_id", "status", "incomplete_details", "completed_at", "incomplete_at",
    "role", "content", "assistant_id", "run_id", "attachments", "file_ids", "metadata",
})  # fmt: skip
THREAD = frozenset({
    "id", "object", "created_at", "metadata", "tool_resources", "thread_id",
})  # fmt: skip
RUN = frozenset({
    "id", "object", "created_at", "thread_id", "assistant_id", "status", "required_action", "last_error",
    "expires_at", "started_at", "cancelled_at", "failed_at", "completed_at", "incomplete_details", "model",
    "instructions", "tools", "tool_resources", "file_ids", "metadata", "usage", "temperature", "top_p",
    "max_prompt_tokens", "max_completion_tokens", "truncation_strategy", "tool_choice", "parallel_tool_calls",
    "response_format", "reasoning_effort", "steps",
})  # fmt: skip
"""What an assistant was and what a run cost is not a part of a conversation."""
STEP = frozenset({
    "id", "object", "created_at", "assistant_id", "thread_id", "run_id", "type", "status", "step_details",
    "last_error", "expired_at", "expires_at", "cancelled_at", "failed_at", "completed_at", "metadata", "usage",
})  # fmt: skip
_DETAILS = frozenset({"type", "tool_calls", "message_creation"})

_TEXT_PART = frozenset({"type", "text"})
_TEXT = frozenset({"value", "annotations"})
_FLAT_TEXT = frozenset({"type", "text", "annotations"})
_REFUSAL = frozenset({"type", "refusal"})
_IMAGE = {
    "image_url": (frozenset({"type", "image_url"}), frozenset({"url", "detail"}), "url"),
    "image_file": (frozenset({"type", "image_file"}), frozenset({"file_id", "detail"}), "file_id"),
}
"""By type of the part: its fields, those of the object in it, and the one without which the part is set aside whole."""

_TOOL_PARTS = {
    "tool_call": frozenset({"type", "id", "name", "arguments", "output", "call"}),
    "tool_output": frozenset({"type", "call_id", "output", "name"}),
    "input_image": frozenset({"type", "image_url", "file_id", "detail"}),
    "input_file": frozenset({"type", "file_id", "file_url", "file_data", "filename"}),
}
"""Parts as the dialects write them, and as items have them."""

_CALL = frozenset({"id", "type", "index", "function", "code_interpreter", "file_search"})
_INNER = {
    "function": frozenset({"name", "arguments", "output"}),
    "code_interpreter": frozenset({"input", "outputs"}),
    "file_search": frozenset({"ranking_options", "queries", "results"}),
}
"""Fields of the calls that are taken apart; calls of other types are told with all their data."""
_ENTRIES = {
    "code_interpreter": ("outputs", frozenset({"type", "index", "logs", "image"})),
    "file_search": ("results", frozenset({"file_id", "file_name", "score", "content", "attributes"})),
}
_REASON = frozenset({"reason"})
_OBJECTS = {
    "metadata": (dict, list),
    "attachments": (list,),
    "file_ids": (list,),
    "tool_resources": (dict, list),
    "incomplete_details": (dict,),
}
"""Fields that carry only what is in an object or a list; as anything else they are carried by nothing."""

_LISTS: dict[str, tuple[type, ...]] = {"annotations": (list,)}
"""The same of a text."""


def carries(value: Any) -> bool:
    """Whether a value says anything: null and what is empty do not."""
    return value is not None and value not in ("", [], {})


def is_plain(content: Any) -> bool:
    """Whether each part of a content is a text as the wire has it, and nothing else: nearly all are."""
    for part in content:
        if type(part) is not dict or part.keys() != _TEXT_PART:
            return False
        text = part["text"]
        if type(text) is not dict or not text.keys() <= _TEXT:
            return False
    return True


def of_message(raw: JsonObject, content: Iterable[Any], *, carried: Iterable[str] = ()) -> tuple[UnknownField, ...]:
    """Return what nothing carries of a message and of its parts, which are those that conversion will see.

    `carried` are fields that messages seldom have, and that this one gave on.
    """
    place = "messages[]"
    parts = chain.from_iterable(_of_part(part, f"{place}.content[]") for part in content)
    why = raw.get("incomplete_details")
    reasons = _fields(why, _REASON, f"{place}.incomplete_details") if isinstance(why, dict) else ()
    return (*_fields(raw, MESSAGE.union(carried), place), *reasons, *parts)


def of_thread(raw: Mapping[str, Any]) -> tuple[UnknownField, ...]:
    """Return what nothing carries of a thread's own object."""
    return tuple(_fields(raw, THREAD, "thread"))


def of_run(raw: JsonObject) -> tuple[UnknownField, ...]:
    """Return what nothing carries of a run."""
    return () if raw.keys() <= RUN else tuple(_fields(raw, RUN, "runs[]", {}))


def of_step(raw: JsonObject, details: JsonObject) -> tuple[UnknownField, ...]:
    """Return what nothing carries of a run step and of its tool calls."""
    return (*_fields(raw, STEP, "run_steps[]", {}), *_of_details(details, "run_steps[].step_details"))


def _fields(
    raw: Mapping[str, Any],
    known: frozenset[str],
    place: str,
    objects: Mapping[str, tuple[type, ...]] = _OBJECTS,
) -> Iterator[UnknownField]:
    for name, value in raw.items():
        if (name not in known or (name in objects and not isinstance(value, objects[name]))) and carries(value):
            # A name may be anything, so also a key of a service.
            yield UnknownField(place, scrub(name), value)


def _of_part(part: Any, place: str) -> Iterator[UnknownField]:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        return
    if kind in ("text", "input_text", "output_text"):
        yield from _of_text(part, place)
    elif kind == "refusal" and isinstance(part.get("refusal"), str):
        yield from _fields(part, _REFUSAL, place)
    elif kind in _IMAGE:
        outer, known, needed = _IMAGE[kind]
        inner = part.get(kind)
        if isinstance(inner, dict) and isinstance(inner.get(needed), str):
            yield from chain(_fields(part, outer, place), _fields(inner, known, f"{place}.{kind}"))
        elif isinstance(inner, str):
            yield from _fields(part, outer | {"detail"}, place)
    elif kind in _TOOL_PARTS:
        yield from _fields(part, _TOOL_PARTS[kind], place)
        call = part.get("call")
        inside = call.get("type") if kind == "tool_call" and isinstance(call, dict) else None
        if isinstance(call, dict) and isinstance(inside, str) and inside in _INNER:
            yield from _of_call(call, inside, f"{place}.call")


def _of_text(part: JsonObject, place: str) -> Iterator[UnknownField]:
    text = part.get("text")
    if isinstance(text, str):
        yield from _fields(part, _FLAT_TEXT, place, _LISTS)
    elif isinstance(text, dict) and isinstance(text.get("value"), str):
        # Where a tool saved the text as a plain string, its annotations were brought into the object from beside it.
        same = "annotations" in part and part["annotations"] is text.get("annotations")
        yield from _fields(part, _FLAT_TEXT if same else _TEXT_PART, place)
        yield from _fields(text, _TEXT, f"{place}.text", _LISTS)


def _of_details(details: JsonObject, place: str) -> Iterator[UnknownField]:
    calls = details.get("tool_calls")
    if not isinstance(calls, list):
        if isinstance(created := details.get("message_creation"), dict):
            yield from chain(
                _fields(details, _DETAILS, place),
                _fields(created, frozenset({"message_id"}), f"{place}.message_creation"),
            )
        return
    yield from _fields(details, _DETAILS, place)
    for call in calls:
        kind = call.get("type") if isinstance(call, dict) else None
        if isinstance(kind, str) and kind in _INNER:
            yield from _of_call(call, kind, f"{place}.tool_calls[]")


def _of_call(call: JsonObject, kind: str, place: str) -> Iterator[UnknownField]:
    yield from _fields(call, _CALL, place)
    inner = call.get(kind)
    if not isinstance(inner, dict):
        return
    yield from _fields(inner, _INNER[kind], f"{place}.{kind}")
    name, known = _ENTRIES.get(kind, ("", frozenset()))
    entries = inner.get(name)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and (kind != "code_interpreter" or entry.get("type") in ("logs", "image")):
            yield from _of_entry(entry, known, f"{place}.{kind}.{name}[]")


def _of_entry(entry: JsonObject, known: frozenset[str], place: str) -> Iterator[UnknownField]:
    """What nothing carries of a code's output or a search's result."""
    yield from _fields(entry, known, place)
    if isinstance(image := entry.get("image"), dict):
        yield from _fields(image, frozenset({"file_id"}), f"{place}.image")
    content = entry.get("content")
    for said in content if isinstance(content, list) else ():
        if isinstance(said, dict) and isinstance(said.get("text"), str):
            yield from _fields(said, _TEXT_PART, f"{place}.content[]")
