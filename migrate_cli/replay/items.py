"""Reads output items: texts, calls, approvals, tools, images, tokens. Pure; it must not raise, whatever an item is."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from migrate_cli.http.error_bodies import told_in
from migrate_cli.model import JsonObject
from migrate_cli.replay.client_calls import ANSWERS, APPROVAL, HOSTED, KINDS, call_of, open_calls
from migrate_cli.replay.response import ApprovalRequest, Image, ToolUse, Usage

_HOSTED = {
    "web_search_call": ("web_search", "action"),
    "file_search_call": ("file_search", "queries"),
    "code_interpreter_call": ("code_interpreter", "code"),
    "image_generation_call": ("image_generation", "revised_prompt"),
}
"""Items of tools that the server runs: what a suite calls the tool, and the field that tells what it was given."""
_KNOWN = frozenset(
    {
        "message", "reasoning", "compaction", "compaction_trigger", "additional_tools", "configuration_update",
        "item_reference", "program", "program_output", "mcp_list_tools", APPROVAL, "mcp_approval_response",
        *KINDS, *ANSWERS, *HOSTED,
    }
)  # fmt: skip
"""The types of items of the official SDK, 3.57."""


def string(value: Any) -> str | None:
    """The value if it is a text that is not empty."""
    return value if isinstance(value, str) and value else None


def text_of(items: Iterable[JsonObject]) -> str:
    """The whole text of the messages among the items, also of those that are no answer."""
    return "".join(_texts(items, "output_text", "text"))


def answer_of(items: Iterable[JsonObject]) -> str:
    """The text of the answer: what the model says on the way to it (`phase: commentary`) is left out."""
    return text_of(item for item in items if item.get("phase") != "commentary")


def refusal_of(items: Iterable[JsonObject]) -> str:
    """The whole refusal among the items."""
    return "".join(_texts(items, "refusal", "refusal"))


def annotations_of(items: Iterable[JsonObject]) -> list[JsonObject]:
    """All annotations of the messages' texts, in order."""
    found: list[JsonObject] = []
    for part in _parts(items):
        notes = part.get("annotations")
        found += [note for note in notes if isinstance(note, dict)] if isinstance(notes, list) else []
    return found


def approvals_of(items: Iterable[JsonObject]) -> tuple[ApprovalRequest, ...]:
    """The MCP tools that wait for approval, in order."""
    return tuple(
        ApprovalRequest(
            str(item["id"]),
            str(item.get("server_label") or ""),
            str(item.get("name") or ""),
            _as_json_text(item.get("arguments")),
        )
        for item in items
        if item.get("type") == "mcp_approval_request" and string(item.get("id"))
    )


def uses_of(items: Iterable[JsonObject]) -> tuple[ToolUse, ...]:
    """The tools that the server ran, in order."""
    there = list(items)
    waiting = {(call.kind, call.call_id) for call in open_calls(there)}
    return tuple(use for use in (_use(item, there, waiting) for item in there) if use is not None)


def unknown_in(items: Iterable[JsonObject]) -> tuple[str, ...]:
    """The types of the items that are not known here, in order."""
    kinds = (str(item.get("type") or "no type") for item in items)
    return tuple(kind for kind in kinds if kind not in _KNOWN)


def _use(item: JsonObject, items: Sequence[JsonObject], waiting: Collection[tuple[str, str]]) -> ToolUse | None:
    kind, ended = item.get("type"), item.get("status") in (None, "completed") and not item.get("error")
    if not isinstance(kind, str):
        return None
    if kind == "mcp_call":
        name, server = str(item.get("name") or ""), str(item.get("server_label") or "")
        return ToolUse((name, f"{server}.{name}", "mcp"), _as_json_text(item.get("arguments")), ended)
    if kind in _HOSTED:
        name, field = _HOSTED[kind]
        given = item.get(field)
        arguments = given if isinstance(given, dict) else {field: given}
        return ToolUse((name,), json.dumps(arguments, ensure_ascii=False), ended)
    if kind == "program_output":
        code = [one.get("code") for one in items if one.get("type") == "program" and _same_call(one, item)]
        given = json.dumps({"code": code[0]} if code else {}, ensure_ascii=False)
        return ToolUse(("programmatic_tool_calling",), given, ended)
    if kind in KINDS and (kind, str(item.get("call_id") or "")) not in waiting:
        # The server has answered this one itself, as it does in a container of its own.
        call = call_of(item)
        return ToolUse(call.names, call.arguments, ended)
    return None


def _same_call(one: JsonObject, other: JsonObject) -> bool:
    return string(one.get("call_id")) is not None and one.get("call_id") == other.get("call_id")


def images_of(items: Iterable[JsonObject]) -> tuple[Image, ...]:
    """The images that were made."""
    return tuple(
        Image(str(item.get("id") or ""), item["result"], None, str(item.get("output_format") or "png"))
        for item in items
        if item.get("type") == "image_generation_call" and string(item.get("result"))
    )


def usage_of(usage: Any) -> Usage:
    """Tokens as the response counts them; zero where it does not say."""
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("input_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(_count(usage.get("input_tokens")), _count(cached), _count(usage.get("output_tokens")))


def tells_usage(usage: Any) -> bool:
    """Whether the response says how many tokens it took."""
    return isinstance(usage, dict) and usage_of(usage).total > 0


def error_of(source: JsonObject) -> tuple[str | None, str | None]:
    """Code and message of a failed response or of an `error` event, in any of the forms that are met."""
    alone, inner = source.get("type") == "error", source.get("error")
    code, message = told_in(source if alone else {"error": inner})
    kind = inner.get("type") if isinstance(inner, dict) else "error" if alone else None
    return string(code) or string(kind), message or None


def _parts(items: Iterable[JsonObject]) -> Iterator[JsonObject]:
    for item in items:
        content = item.get("content") if item.get("type") == "message" else None
        if isinstance(content, list):
            yield from (part for part in content if isinstance(part, dict))


def _texts(items: Iterable[JsonObject], kind: str, field: str) -> Iterator[str]:
    return (part[field] for part in _parts(items) if part.get("type") == kind and isinstance(part.get(field), str))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _as_json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value if value is not None else {}, ensure_ascii=False)
