"""Calls of tools that a host runs itself, as Microsoft Foundry does: in words, or in the form of a function's call.

Functions from a call to a value. The text has all of the call; only non-text, such as a screenshot, is removed and
returned separately, since it would fill the model's window with characters. They report nothing and count no fates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from migrate_cli.model import JsonObject

NO_OUTPUT = "No output was recorded for this call."

KINDS: dict[str, bool] = {
    "azure_ai_search": False,
    "azure_function": True,
    "bing_custom_search": False,
    "bing_grounding": False,
    "browser_automation": True,
    "computer_use_preview": True,
    "connected_agent": True,
    "deep_research": True,
    "fabric_dataagent": True,
    "mcp": True,
    "openapi": True,
    "sharepoint_grounding": True,
}
"""Each kind, and whether a call of it that has no output was never answered. Searches answer in citations, too."""

FUNCTIONS = frozenset({"azure_function", "connected_agent", "mcp"})
"""Kinds that have a name, arguments and an output, as a function's call has."""
SCREEN = "computer_use_preview"
"""The kind whose output is a picture."""

_HOLDERS = frozenset({"function", "microsoftfabric", "sharepoint"})
"""Keys beside the kind's own under which hosts and clients put a call's fields, in one spelling."""
_LABELS = {"server_label": "Server", "requesturl": "Request"}
_OF_FUNCTION = frozenset({"name", "arguments", "output"})
_ABOUT = frozenset({"server_label", "run_id", "thread_id", "agent_id", "assistant_id"})
"""Fields that say where a call ran, and nothing of what came of it."""
_DEPTH = 4
"""Levels of nesting that are written as indented lines; what lies deeper is written as JSON."""
_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w.+=-]+)*;base64,[A-Za-z0-9+/=_-]{100,}")
"""Data within a text; shorter ones may be examples of what somebody wrote about."""


class HostCall(NamedTuple):
    """A call as text."""

    text: str
    answered: bool
    data: list[str]
    """The data URLs that stood in the call, in order."""
    picture: JsonObject | None = None
    """The screenshot that came of the call, as items have images: by `image_url` or by `file_id`."""


class FunctionForm(NamedTuple):
    """A call in the form of a function's call."""

    function: JsonObject
    """Its name, its arguments, and its output where there is one."""
    rest: JsonObject
    """What a function's call has no place for."""
    data: list[str]
    """The data URLs that stood in the output, in order."""


def host_call(kind: str, raw: Mapping[str, Any]) -> HostCall:
    """Return a call of one of `KINDS` in words: its name, what went in and what came out, then all the rest."""
    fields = fields_of(kind, raw)
    name = fields.get("name")
    name = name if isinstance(name, str) else None
    data: list[str] = []
    picture = None
    if kind == SCREEN:
        picture, fields["output"] = _picture(fields.get("output"))
    lines = [f"[Tool call: {kind} {name}]" if name else f"[Tool call: {kind}]"]
    outputs = ["Output: a screenshot"] if picture else []
    for key, value in fields.items():
        if value is None or (key == "name" and value is name):
            continue
        # Arguments are written in the language of the function that is called.
        spelt = value if kind in FUNCTIONS or key == "arguments" else _opened(value)
        (outputs if key == "output" else lines).extend(_lines(key, spelt, data))
    answered = bool(outputs) or not KINDS[kind]
    text = "\n".join([*lines, *(outputs or ([] if answered else [NO_OUTPUT]))])
    return HostCall(text, answered, data, picture)


def function_form(kind: str, raw: Mapping[str, Any]) -> FunctionForm | None:
    """Return a call of one of `FUNCTIONS` as a function's call; None where that would hide what came of it.

    That is so where it has no output and something else that nobody knows, which may be why.
    """
    fields = fields_of(kind, raw)
    rest = {key: value for key, value in fields.items() if key not in _OF_FUNCTION and value is not None}
    function = {key: fields[key] for key in _OF_FUNCTION if fields.get(key) is not None}
    if "output" not in function and not rest.keys() <= _ABOUT:
        return None
    data: list[str] = []
    if "output" in function:
        output = function["output"]
        spelt = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, default=str)
        told = without_data(spelt, data)
        function["output"] = told if data else output
    # A function's call must have a name.
    return FunctionForm({"name": kind, **function}, rest, data)


def fields_of(kind: str, raw: Mapping[str, Any]) -> JsonObject:
    """Return the call's own fields, those inside its kind's object as if they stood beside it."""
    found: JsonObject = {}
    for key, value in _fields(kind, raw):
        if found.get(key) is None:
            found[key] = value
    return found


def _fields(kind: str, raw: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in raw.items():
        if key in {"id", "type"}:
            continue
        plain = key.replace("_", "").lower()
        if isinstance(value, Mapping) and (plain == kind.replace("_", "") or plain in _HOLDERS):
            yield from value.items()
        else:
            yield key, value


def _picture(output: Any) -> tuple[JsonObject | None, Any]:
    """Take the picture out of what came of a call: return it, and what is left to tell."""
    if not isinstance(output, Mapping):
        return None, output
    address, file_id = output.get("image_url"), output.get("file_id")
    left = {key: value for key, value in output.items() if key not in {"type", "image_url", "file_id"}} or None
    if isinstance(address, str) and address:
        return {"image_url": address}, left if not file_id else {"file_id": file_id, **(left or {})}
    if isinstance(file_id, str) and file_id:
        return {"file_id": file_id}, left
    return None, output


def _opened(value: Any) -> Any:
    """Return what a text spells as JSON, numbers as they are written; any other text as it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value, parse_float=str, parse_int=str, object_pairs_hook=_each_once) or value
    except (ValueError, RecursionError):
        return value


def _each_once(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name that occurs twice would be told once")
    return found


def _lines(key: str, value: Any, data: list[str]) -> list[str]:
    """Return a field under its label: on one line, or the parts of a list or an object indented below it."""
    label = _LABELS.get(key) or key.replace("_", " ").capitalize()
    return _labelled(f"{label}:", value, data, 1)


def _labelled(label: str, value: Any, data: list[str], depth: int) -> list[str]:
    if not value or not isinstance(value, Mapping | list) or depth > _DEPTH:
        return [f"{label} {_scalar(value, data)}"]
    entries = value.items() if isinstance(value, Mapping) else ((None, entry) for entry in value)
    lines = [label]
    for key, entry in entries:
        below = _labelled("-" if key is None else f"{key}:", entry, data, depth + 1)
        lines += [f"  {line}" for line in below]
    return lines


def _scalar(value: Any, data: list[str]) -> str:
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return without_data(value, data)


def without_data(text: str, data: list[str]) -> str:
    """Return a text with a word for each data URL in it, which is added to `data`."""
    if text.startswith("data:") and "," in text[:200]:
        return _aside(text, data)
    if "data:" not in text:
        return text
    return _DATA_URL.sub(lambda match: _aside(match[0], data), text)


def _aside(url: str, data: list[str]) -> str:
    head, _, body = url.partition(",")
    data.append(url)
    kind = head.removeprefix("data:").split(";")[0] or "data"
    size = len(body) * 3 // 4 if head.endswith(";base64") else len(body)
    return f"({kind}, about {size:,} bytes; in the state file only)"
