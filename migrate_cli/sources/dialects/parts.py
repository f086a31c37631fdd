"""What the dialects write: parts of calls and outputs, and what a record holds beyond the keys that a dialect read.

A tool call is a part of its message, and a tool's answer a part of a message of role `tool`; conversion pairs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from migrate_cli.model import JsonObject

TOOL_CALL = "tool_call"
TOOL_OUTPUT = "tool_output"
REASONING = "reasoning"
APP_STEP = "app_step"
"""A step of an app that is neither a message nor a call of a tool."""


def text_part(text: str, annotations: list[Any] | None = None) -> JsonObject:
    """Return the wire's text part."""
    return {"type": "text", "text": {"value": text, "annotations": annotations or []}}


def call_part(call_id: Any, name: Any, arguments: Any, output: Any = None) -> JsonObject:
    """Return a function's call; `output` only where the same record holds it."""
    part = {"type": TOOL_CALL, "id": call_id, "name": name, "arguments": arguments}
    return part if output is None else part | {"output": output}


def builtin_part(call: JsonObject) -> JsonObject:
    """Return a call of any other tool, as a run step has it."""
    return {"type": TOOL_CALL, "id": call.get("id"), "call": call}


def output_part(call_id: Any, output: Any, name: Any = None) -> JsonObject:
    """Return a tool's answer; `name` tells the function where no id of a call does."""
    part = {"type": TOOL_OUTPUT, "call_id": call_id, "output": "" if output is None else plain_output(output)}
    return part if name is None or call_id is not None else part | {"name": name}


def plain_output(output: Any) -> Any:
    """Return a list of nothing but texts as one text, and everything else as it is."""
    if type(output) is not list or not output:
        return output
    texts = [_text_of(entry) for entry in output]
    return output if None in texts else "\n".join(text for text in texts if text is not None)


def _text_of(entry: Any) -> str | None:
    if isinstance(entry, str):
        return entry
    if type(entry) is not dict or entry.get("type") not in ("text", "input_text", "output_text"):
        return None
    text = entry.get("text")
    if isinstance(text, dict):
        text = text.get("value")
    return text if isinstance(text, str) else None


def call_ids(parts: Iterable[Any]) -> set[str]:
    """Return the ids of the calls among parts."""
    return {
        str(part["id"]) for part in parts if isinstance(part, dict) and part.get("type") == TOOL_CALL and part["id"]
    }


def calls_of(value: Any) -> list[Any]:
    """Return the parts of a chat message's `tool_calls`; what is not a call becomes a part that is told."""
    if value is None:
        return []
    return [_call(entry) for entry in (value if isinstance(value, list) else [value])]


def odd_call(value: Any) -> JsonObject:
    """Return what is in a call's place and is none, as a part that conversion sets aside and reports."""
    return {"type": "unknown_call", "value": value}


def _call(entry: Any) -> Any:
    if type(entry) is not dict:
        return odd_call(entry)
    kind = entry.get("type")
    inner = entry.get("function")
    if isinstance(inner, dict):
        return call_part(entry.get("id"), inner.get("name"), inner.get("arguments"), inner.get("output")) | _beyond(
            entry, ("id", "type", "function", "index"), inner, ("name", "arguments", "output")
        )
    custom = entry.get("custom")
    if kind == "custom" and isinstance(custom, dict):
        return call_part(entry.get("id"), custom.get("name"), {"input": custom.get("input")}) | _beyond(
            entry, ("id", "type", "custom", "index"), custom, ("name", "input")
        )
    if isinstance(kind, str) and isinstance(entry.get(kind), dict):
        return builtin_part(entry)
    if isinstance(entry.get("name"), str):
        arguments = next((entry[key] for key in _ARGUMENTS if key in entry), None)
        call = call_part(entry.get("id"), entry["name"], arguments, entry.get("output"))
        return call | _beyond(entry, ("id", "type", "name", "output", "index", *_ARGUMENTS))
    return builtin_part(entry) if isinstance(kind, str) else odd_call(entry)


_ARGUMENTS = ("arguments", "args", "input")


def _beyond(
    entry: JsonObject, used: Iterable[str], inner: JsonObject | None = None, used_inside: Iterable[str] = ()
) -> JsonObject:
    """Return what a call holds beyond what was read of it."""
    more = rest(entry, frozenset(used))
    if inner is not None and (inside := rest(inner, frozenset(used_inside))):
        more["function"] = inside
    return more


def rest(raw: JsonObject, used: frozenset[str]) -> JsonObject:
    """Return the entries of the keys that were not read, under their own names."""
    if raw.keys() <= used:
        return {}
    return {key: value for key, value in raw.items() if key not in used}


def first_of(raw: JsonObject, *names: str) -> Any:
    """Return the first value that is there and not null, of several spellings of one key."""
    for name in names:
        value = raw.get(name)
        if value is not None:
            return value
    return None
