"""Messages of the Vercel AI SDK, as its hooks keep them (versions 3 to 5) and as they are sent to models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.dialects.parts import (
    REASONING,
    call_ids,
    call_part,
    first_of,
    odd_call,
    output_part,
    rest,
    text_part,
)

_INVOCATIONS = ("toolInvocations", "tool_invocations")
_ATTACHMENTS = ("experimental_attachments", "experimentalAttachments")
_USED = frozenset({"role", "content", "parts", "reasoning", *_INVOCATIONS, *_ATTACHMENTS})
_MODEL_PARTS = frozenset({"tool-call", "tool-result", "image", "reasoning", "redacted-reasoning"})
_STATES = frozenset({"state", "toolCallId", "tool_call_id", "toolName", "tool_name", "type", "step"})
_CARRIES_NOTHING = frozenset({"state", "providerMetadata", "provider_metadata", "callProviderMetadata"})


def matches(raw: JsonObject) -> bool:
    """Recognise a message by its parts, its invocations of tools, or the parts that models are sent."""
    if type(raw.get("role")) is not str:
        return False
    parts = raw.get("parts")
    if type(parts) is list:
        return all(type(part) is dict for part in parts)
    if not raw.keys().isdisjoint(_INVOCATIONS) or not raw.keys().isdisjoint(_ATTACHMENTS):
        return True
    content = raw.get("content")
    return type(content) is list and any(type(part) is dict and _for_models(part) for part in content)


def _for_models(part: JsonObject) -> bool:
    kind = part.get("type")
    return (type(kind) is str and kind in _MODEL_PARTS) or (
        kind == "file" and ("mediaType" in part or "mimeType" in part)
    )


def wire(raw: JsonObject) -> list[JsonObject]:
    """Return the wire message."""
    message = rest(raw, _USED) | {"role": raw["role"]} | _unread(raw)
    found = _content(raw, message)
    if raw.get("reasoning") and not any(_is_reasoning(part) for part in found):
        found.insert(0, {"type": REASONING, "text": raw["reasoning"]})
    found += _invoked(first_of(raw, *_INVOCATIONS), found)
    attached = first_of(raw, *_ATTACHMENTS)
    for entry in [] if attached is None else attached if isinstance(attached, list) else [attached]:
        found += _file(entry) if isinstance(entry, dict) else [entry]
    message["content"] = found
    return [message]


def _unread(raw: JsonObject) -> JsonObject:
    """Return fields under known names that nothing reads: parts that are no list, the second of two names of one."""
    parts = raw.get("parts")
    left = {} if parts is None or type(parts) is list else {"parts": parts}
    for names in (_INVOCATIONS, _ATTACHMENTS):
        there = [name for name in names if raw.get(name) is not None]
        left |= {name: raw[name] for name in there[1:]}
    return left


def _content(raw: JsonObject, message: JsonObject) -> list[Any]:
    """Return what the parts or the content say; a content that says something else than the parts stays a field."""
    parts, content = raw.get("parts"), raw.get("content")
    found = [one for part in parts for one in _part(part)] if type(parts) is list else []
    if isinstance(content, list):
        return found + [one for part in content for one in _part(part)]
    if not isinstance(content, str):
        return found if content is None else [*found, content]
    texts = [part["text"] for part in found if isinstance(part, dict) and _is_text(part)]
    if not texts:
        empty = not content and (bool(found) or first_of(raw, *_INVOCATIONS) is not None)
        return found if empty else [text_part(content), *found]
    if content and "".join(content.split()) != "".join("".join(texts).split()):
        message["plain_content"] = content
    return found


def _is_text(part: JsonObject) -> bool:
    return part.get("type") == "text" and isinstance(part.get("text"), str)


def _is_reasoning(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == REASONING


def _part(part: Any) -> list[Any]:
    if type(part) is not dict:
        return [part]
    kind = part.get("type")
    if kind in ("text", None):
        return _text(part) if isinstance(part.get("text"), str) else [part]
    if type(kind) is not str:
        return [part]
    if kind in _PARTS:
        return _PARTS[kind](part)
    return [_call(part, kind.removeprefix("tool-"))] if kind.startswith("tool-") else [part]


def _text(part: JsonObject) -> list[Any]:
    return [{"type": "text", **rest(part, _CARRIES_NOTHING | {"type"})}]


def _reasoning(part: JsonObject) -> list[Any]:
    return [{"type": REASONING, **rest(part, frozenset({"type"}))}]


def _result(part: JsonObject) -> list[Any]:
    key = _key(part, "output", "result")
    answer = output_part(first_of(part, "toolCallId", "tool_call_id"), _unwrapped(part.get(key)), _name(part))
    return [answer | rest(part, _STATES | _CARRIES_NOTHING | {key})]


def _invocation(part: JsonObject) -> list[Any]:
    inner = first_of(part, "toolInvocation", "tool_invocation")
    return [_call(inner, None)] if isinstance(inner, dict) else [part]


def _boundary(part: JsonObject) -> list[Any]:
    """What only marks where a step begins or ends holds nothing."""
    return [] if part.keys() <= _OF_BOUNDARIES else [part]


_OF_BOUNDARIES = _CARRIES_NOTHING | {"type", "id", "index", "finishReason", "usage", "isContinued"}


def _name(part: JsonObject) -> Any:
    return first_of(part, "toolName", "tool_name")


def _call(part: JsonObject, name: str | None) -> JsonObject:
    """Return a call with its output, where it came to one; an error is an output too."""
    output, given = _key(part, *_OUTPUTS), _key(part, *_INPUTS)
    call_id = first_of(part, "toolCallId", "tool_call_id")
    call = call_part(call_id, name or _name(part), part.get(given), _unwrapped(part.get(output)))
    return call | rest(part, _STATES | _CARRIES_NOTHING | {output, given})


_OUTPUTS = ("output", "result", "errorText", "error_text")
_INPUTS = ("input", "args", "rawInput", "raw_input")


def _key(part: JsonObject, *names: str) -> str:
    """Return the first key that holds anything, of several names for one fact; the others stay fields of their own."""
    return next((name for name in names if part.get(name) is not None), names[0])


def _unwrapped(output: Any) -> Any:
    """Return the value of an output that names its type: `{"type": "json", "value": …}`."""
    if isinstance(output, dict) and output.keys() == {"type", "value"}:
        return output["value"]
    return output


def _invoked(invocations: Any, found: list[Any]) -> list[Any]:
    """Return the calls of a message that its parts do not hold already."""
    known = call_ids(found)
    listed = invocations if isinstance(invocations, list) else [] if invocations is None else [invocations]
    calls = []
    for entry in listed:
        if not isinstance(entry, dict):
            calls.append(odd_call(entry))
        elif str(first_of(entry, "toolCallId", "tool_call_id")) not in known:
            calls.append(_call(entry, None))
    return calls


def _file(part: JsonObject) -> list[Any]:
    """Return an image or a file, by address or with its bytes."""
    media = first_of(part, *_MEDIA)
    key = next((name for name in ("url", "data", "image") if isinstance(part.get(name), str)), None)
    if key is None:
        return [part]
    held = part[key]
    image = part.get("type") == "image" or (isinstance(media, str) and media.startswith("image/"))
    linked = held.startswith(("http:", "https:", "data:"))
    url = held if linked else f"data:{media or ('image/png' if image else 'application/octet-stream')};base64,{held}"
    more = rest(part, _CARRIES_NOTHING | {"type", key, *_MEDIA})
    if image:
        return [{**more, "type": "image_url", "image_url": {"url": url}}]
    if isinstance(more.get("name"), str):
        more.setdefault("filename", more.pop("name"))
    return [{**more, "type": "input_file", ("file_data" if url.startswith("data:") else "file_url"): url}]


_MEDIA = ("mediaType", "media_type", "mimeType", "mime_type", "contentType", "content_type")


_PARTS: dict[str, Callable[[JsonObject], list[Any]]] = {
    "reasoning": _reasoning,
    "redacted-reasoning": _reasoning,
    "thinking": _reasoning,
    "step-start": _boundary,
    "start-step": _boundary,
    "step-finish": _boundary,
    "finish-step": _boundary,
    "file": _file,
    "image": _file,
    "tool-result": _result,
    "tool-invocation": _invocation,
    "tool-call": lambda part: [_call(part, None)],
    "dynamic-tool": lambda part: [_call(part, None)],
}
