"""Calls of the tools that a host runs itself, in words: the kinds that agents of Microsoft Foundry have.

Functions from a call to text. All of the call is told; only a data URL is taken out of the text and returned apart,
since a screenshot would fill the model's window with letters. They report nothing and count no fates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

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

_HOLDERS = frozenset({"function", "microsoftfabric", "sharepoint"})
"""Keys beside the kind's own under which hosts and clients put a call's fields, in one spelling."""
_LABELS = {"server_label": "Server", "requesturl": "Request"}
_DEPTH = 4
"""Levels of nesting that are written as indented lines; what lies deeper is written as JSON."""


class HostCall(NamedTuple):
    """A call as text."""

    text: str
    answered: bool
    data: list[str]
    """The data URLs that stood in the call, in order."""


def host_call(kind: str, raw: Mapping[str, Any]) -> HostCall:
    """Return a call of one of `KINDS` in words: its name, what went in and what came out, then all the rest."""
    fields = list(_fields(kind, raw))
    name = next((value for key, value in fields if key == "name" and isinstance(value, str)), None)
    data: list[str] = []
    lines = [f"[Tool call: {kind} {name}]" if name else f"[Tool call: {kind}]"]
    outputs: list[str] = []
    for key, value in fields:
        if value is None or (key == "name" and value is name):
            continue
        (outputs if key == "output" else lines).extend(_lines(key, value, data))
    answered = bool(outputs) or not KINDS[kind]
    return HostCall("\n".join([*lines, *(outputs or ([] if answered else [NO_OUTPUT]))]), answered, data)


def _fields(kind: str, raw: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the call's own fields, those inside its kind's object as if they stood beside it."""
    for key, value in raw.items():
        if key in {"id", "type"}:
            continue
        plain = key.replace("_", "").lower()
        if isinstance(value, Mapping) and (plain == kind.replace("_", "") or plain in _HOLDERS):
            yield from value.items()
        else:
            yield key, value


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
        return json.dumps(value, ensure_ascii=False, default=str)
    if not value.startswith("data:") or "," not in value[:200]:
        return value
    head, _, body = value.partition(",")
    data.append(value)
    kind = head.removeprefix("data:").split(";")[0] or "data"
    size = len(body) * 3 // 4 if head.endswith(";base64") else len(body)
    return f"({kind}, about {size:,} bytes; in the state file only)"
