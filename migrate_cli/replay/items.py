"""Reads output items: texts, calls, approvals, tools, images, tokens. Pure; it must not raise, whatever an item is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from migrate_cli.http.error_bodies import told_in
from migrate_cli.model import JsonObject
from migrate_cli.replay.response import ApprovalRequest, FunctionCall, Image, ToolUse, Usage

_KINDS = {
    "web_search_call": ("web_search", "action"),
    "file_search_call": ("file_search", "queries"),
    "code_interpreter_call": ("code_interpreter", "code"),
    "image_generation_call": ("image_generation", "revised_prompt"),
    "computer_call": ("computer", "action"),
    "local_shell_call": ("local_shell", "action"),
    "shell_call": ("shell", "action"),
    "apply_patch_call": ("apply_patch", "operation"),
}
"""Items of tools that the server runs: what a suite calls the tool, and the field that tells what it was given."""


def string(value: Any) -> str | None:
    """The value if it is a text that is not empty."""
    return value if isinstance(value, str) and value else None


def text_of(items: Iterable[JsonObject]) -> str:
    """The whole text of the messages among the items."""
    return "".join(_texts(items, "output_text", "text"))


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


def calls_of(items: Iterable[JsonObject]) -> tuple[FunctionCall, ...]:
    """The function calls, in order; one without an id or a name cannot be answered and is left out."""
    return tuple(
        FunctionCall(str(item["call_id"]), str(item["name"]), _as_json_text(item.get("arguments")))
        for item in items
        if item.get("type") == "function_call" and string(item.get("call_id")) and string(item.get("name"))
    )


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
    return tuple(use for use in map(_use, items) if use is not None)


def _use(item: JsonObject) -> ToolUse | None:
    kind, status = item.get("type"), str(item.get("status") or "completed")
    if kind == "mcp_call":
        name, server = str(item.get("name") or ""), str(item.get("server_label") or "")
        return ToolUse(
            (name, f"{server}.{name}", "mcp"), _as_json_text(item.get("arguments")), status, bool(item.get("error"))
        )
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    name, field = _KINDS[kind]
    given = item.get(field)
    arguments = given if isinstance(given, dict) else {field: given}
    return ToolUse((name,), json.dumps(arguments, ensure_ascii=False), status, status == "failed")


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
