"""Messages of LangChain: plain, under `data` or `kwargs`, and as its serialiser writes constructors."""

from __future__ import annotations

from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.dialects.parts import (
    REASONING,
    call_ids,
    call_part,
    calls_of,
    odd_call,
    output_part,
    rest,
    text_part,
)

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool", "chat": None}
"""The role of each type of message; a message of type `chat` tells its own."""
_USED = frozenset({"type", "content", "role", "tool_calls", "invalid_tool_calls", "additional_kwargs"})
_USED_OF_TOOLS = frozenset({"type", "content", "role", "tool_call_id", "name", "additional_kwargs"})
_CALLS = frozenset({"tool_calls", "function_call"})
_OPTIONAL = frozenset(
    {"example", "response_metadata", "usage_metadata", "name", "artifact", "tool_calls", "invalid_tool_calls"}
)
"""Keys that are always written, and mostly empty."""
_CHUNK = "chunk"


def matches(raw: JsonObject) -> bool:
    """Recognise a message by its type or the class that it is built by."""
    if raw.get("lc") is not None and raw.get("type") == "constructor":
        return _class_of(raw) is not None and isinstance(raw.get("kwargs"), dict)
    kind = _kind(raw.get("type"))
    if kind is None:
        return False
    if isinstance(raw.get("data"), dict) or isinstance(raw.get("kwargs"), dict):
        return True
    return "content" in raw and ("role" not in raw or kind == "chat")


def wire(raw: JsonObject) -> list[JsonObject]:
    """Return the wire message."""
    kind = _class_of(raw) if raw.get("type") == "constructor" else _kind(raw.get("type"))
    held = next((raw[key] for key in ("data", "kwargs") if isinstance(raw.get(key), dict)), None)
    if held is None:
        return [_message(str(kind), raw)]
    around = rest(raw, frozenset({"type", "data", "kwargs", "lc", "id" if "lc" in raw else "lc"}))
    return [around | _message(str(kind), held)]


def _class_of(raw: JsonObject) -> str | None:
    path = raw.get("id")
    return _kind(path[-1]) if isinstance(path, list) and path else None


def _kind(name: Any) -> str | None:
    """Return the type of message that a name means: `human`, `HumanMessage`, `AIMessageChunk`."""
    if type(name) is not str:
        return None
    kind = name.lower().removesuffix(_CHUNK).removesuffix("message")
    return kind if kind in _ROLES else None


def _message(kind: str, held: JsonObject) -> JsonObject:
    given = held.get("additional_kwargs")
    extra = given if isinstance(given, dict) else {}
    if kind in ("tool", "function"):
        part = output_part(held.get("tool_call_id"), held.get("content"), held.get("name"))
        message = rest(held, _USED_OF_TOOLS) | {"role": "tool", "content": [part]}
        if message.get("status") == "success":
            del message["status"]
        return _tidy(message, given)
    calls = _calls(held, extra)
    known = call_ids(calls)
    message = rest(held, _USED) | {"role": _ROLES[kind] or held.get("role")}
    message["content"] = [*_content(held.get("content"), known, alone=not calls), *calls]
    if not isinstance(held.get("invalid_tool_calls"), list | None):
        message["invalid_tool_calls"] = held["invalid_tool_calls"]
    return _tidy(message, rest(extra, _CALLS) if isinstance(given, dict) else given)


def _tidy(message: JsonObject, extra: Any) -> JsonObject:
    """Leave out what is always written and empty, and keep what `additional_kwargs` says beyond calls."""
    kept = {key: value for key, value in message.items() if value or key not in _OPTIONAL}
    said = {key: value for key, value in extra.items() if value} if isinstance(extra, dict) else extra
    return kept | {"additional_kwargs": said} if said else kept


def _calls(held: JsonObject, extra: JsonObject) -> list[Any]:
    """Return the calls; those that `additional_kwargs` repeats are taken once."""
    found = calls_of(held.get("tool_calls"))
    known = call_ids(found)
    found += [call for call in calls_of(extra.get("tool_calls")) if not call_ids([call]) & known]
    function = extra.get("function_call")
    if isinstance(function, dict) and not any(_name_of(call) == function.get("name") for call in found):
        found.append(call_part(None, function.get("name"), function.get("arguments")))
    elif function is not None and not isinstance(function, dict):
        found.append(odd_call(function))
    known = call_ids(found)
    invalid = held.get("invalid_tool_calls")
    for entry in invalid if isinstance(invalid, list) else ():
        if not isinstance(entry, dict):
            found.append(odd_call(entry))
        elif str(entry.get("id")) not in known:
            found.append(call_part(entry.get("id"), entry.get("name"), entry.get("args")))
    return found


def _name_of(call: Any) -> Any:
    return call.get("name") if isinstance(call, dict) else None


def _content(content: Any, calls: set[str], *, alone: bool) -> list[Any]:
    if isinstance(content, str):
        return [text_part(content)] if content or alone else []
    if isinstance(content, list):
        return [part for entry in content for part in _parts(entry, calls)]
    return [] if content is None else [content]


def _parts(entry: Any, calls: set[str]) -> list[Any]:
    if type(entry) is not dict:
        return [entry]
    kind = entry.get("type")
    if kind in ("tool_use", "tool_call", "function_call"):
        call_id = entry.get("call_id") or entry.get("id")
        return (
            [] if str(call_id) in calls else calls_of([{**rest(entry, frozenset({"type", "call_id"})), "id": call_id}])
        )
    if kind == "tool_result":
        return [output_part(entry.get("tool_use_id"), entry.get("content"))]
    if kind in ("thinking", "redacted_thinking", "reasoning", "reasoning_content"):
        return [{"type": REASONING, **rest(entry, frozenset({"type"}))}]
    if kind == "image":
        return [_image(entry)]
    return [entry]


def _image(entry: JsonObject) -> JsonObject:
    """Return a picture in one of its forms as an image by URL."""
    source = entry.get("source")
    held = source if isinstance(source, dict) else entry
    key = next((name for name in ("url", "data", "base64") if isinstance(held.get(name), str)), None)
    if key is None:
        return entry
    media = held.get("mime_type") or held.get("media_type") or "image/png"
    url = held[key] if key == "url" else f"data:{media};base64,{held[key]}"
    more = rest(held, frozenset({"type", "source_type", "mime_type", "media_type", key}))
    if held is not entry:
        more |= rest(entry, frozenset({"type", "source"}))
    return {**more, "type": "image_url", "image_url": {"url": url}}
