"""Messages of chat completions: with tool calls, tool answers, parts of files and refusals, and whole completions."""

from __future__ import annotations

from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.dialects.parts import call_part, calls_of, odd_call, output_part, rest, text_part

_MARKS = frozenset({"tool_calls", "function_call", "tool_call_id", "refusal", "audio", "annotations"})
"""Keys that only messages of chat completions have."""
_TOOL_ROLES = frozenset({"tool", "function"})
_OBJECTS = frozenset({"chat.completion", "chat.completion.message"})
_USED = frozenset({"role", "content", "tool_calls", "function_call", "refusal", "audio", "annotations"})
_USED_OF_TOOLS = frozenset({"role", "content", "tool_call_id", "name"})
_CARRIES_NOTHING = frozenset({"object", "usage", "system_fingerprint", "service_tier", "model", "provider"})


def matches(raw: JsonObject) -> bool:
    """Recognise what plain messages do not have: calls, answers of tools, files as parts; and whole completions."""
    role = raw.get("role")
    if type(role) is not str:
        return raw.get("object") == "chat.completion" and type(raw.get("choices")) is list
    if not _MARKS.isdisjoint(raw) or role.lower() in _TOOL_ROLES:
        return True
    content = raw.get("content")
    return type(content) is list and any(type(part) is dict and part.get("type") == "file" for part in content)


def wire(raw: JsonObject) -> list[JsonObject]:
    """Return the wire messages of one."""
    if "role" not in raw:
        return _completion(raw)
    if str(raw["role"]).lower() in _TOOL_ROLES:
        return [_answer(raw)]
    message = rest(raw, _USED) | {"role": raw["role"], "content": _content(raw)}
    if raw.get("annotations") and not _cites(raw):
        # There is no text that they could belong to.
        message["annotations"] = raw["annotations"]
    return [message]


def _answer(raw: JsonObject) -> JsonObject:
    """Return a tool's answer; one that was translated before stays."""
    content = raw.get("content")
    if type(content) is list and content and type(content[0]) is dict and content[0].get("type") == "tool_output":
        return raw
    part = output_part(raw.get("tool_call_id"), content, raw.get("name"))
    return rest(raw, _USED_OF_TOOLS) | {"role": "tool", "content": [part]}


def _content(raw: JsonObject) -> list[Any]:
    """Return the parts: what was said, then what was called."""
    content = raw.get("content")
    parts: list[Any] = []
    if isinstance(content, str):
        if content or not _says_more(raw):
            parts.append(text_part(content, raw["annotations"] if _cites(raw) else None))
    elif isinstance(content, list):
        parts += [file_part(part) for part in content]
    elif content is not None:
        parts.append(content)
    refusal, audio = raw.get("refusal"), raw.get("audio")
    if refusal is not None and refusal != "":
        parts.append({"type": "refusal", "refusal": refusal})
    if audio is not None:
        parts += _spoken(audio, told=bool(parts))
    parts += calls_of(raw.get("tool_calls"))
    function = raw.get("function_call")
    if isinstance(function, dict):
        parts.append(call_part(None, function.get("name"), function.get("arguments")))
    elif function is not None:
        parts.append(odd_call(function))
    return parts


def _cites(raw: JsonObject) -> bool:
    """Whether annotations can stand with the text."""
    return isinstance(raw.get("annotations"), list) and isinstance(raw.get("content"), str) and raw["content"] != ""


def _says_more(raw: JsonObject) -> bool:
    return any(raw.get(key) for key in ("tool_calls", "function_call", "refusal", "audio"))


def _spoken(audio: Any, *, told: bool) -> list[Any]:
    """Return the transcript of a spoken answer, and the sound itself as a part that conversion reports."""
    if not isinstance(audio, dict):
        return [audio]
    transcript = audio.get("transcript")
    said = [text_part(transcript)] if isinstance(transcript, str) and transcript and not told else []
    return [*said, {"type": "audio", "audio": rest(audio, frozenset({"transcript"}))}]


def file_part(part: Any) -> Any:
    """Return a file in the form that items have it."""
    if type(part) is not dict or part.get("type") != "file" or not isinstance(part.get("file"), dict):
        return part
    return {"type": "input_file", **part["file"], **rest(part, frozenset({"type", "file"}))}


def _completion(raw: JsonObject) -> list[JsonObject]:
    """Return the answer of a whole completion; further choices stay where the certificate of fields finds them."""
    choices = raw["choices"]
    first = choices[0] if choices and isinstance(choices[0], dict) else {}
    message = first.get("message")
    if not isinstance(message, dict):
        return []
    facts = {"id": raw.get("id"), "created_at": raw.get("created")}
    more = rest(raw, frozenset({"id", "created", "choices"}) | _CARRIES_NOTHING)
    if len(choices) > 1:
        more["choices"] = choices[1:]
    return [facts | more | found for found in wire(message)]
