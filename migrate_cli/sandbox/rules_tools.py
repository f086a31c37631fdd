"""What the Conversations API accepts besides messages: calls, their outputs, and all other item types. Pure."""

from __future__ import annotations

from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import invalid_item
from migrate_cli.sandbox.rules import (
    MAX_TEXT,
    CheckedItem,
    KnownFile,
    a_json,
    check_parts,
    check_text,
    listed,
    refuse_unknown,
    show,
)

MAX_CALL_ID = 64
MAX_NAME = 128

_STATUSES = ("in_progress", "completed", "incomplete")
_OUTPUT_PARTS = ("input_text", "input_image", "input_file")

_REQUIRED: dict[str, tuple[str, ...]] = {
    "file_search_call": ("id", "queries"),
    "code_interpreter_call": ("id", "container_id"),
    "web_search_call": ("id", "action"),
    "image_generation_call": ("id", "result"),
    "computer_call": ("id", "call_id", "pending_safety_checks"),
    "computer_call_output": ("call_id", "output"),
    "mcp_list_tools": ("id", "server_label", "tools"),
    "mcp_approval_request": ("id", "server_label", "name", "arguments"),
    "mcp_approval_response": ("approval_request_id", "approve"),
    "mcp_call": ("id", "server_label", "name", "arguments"),
    "custom_tool_call": ("call_id", "name", "input"),
    "custom_tool_call_output": ("call_id", "output"),
    "local_shell_call": ("id", "call_id", "action"),
    "local_shell_call_output": ("call_id", "output"),
    "shell_call": ("call_id", "action"),
    "shell_call_output": ("call_id", "output"),
    "apply_patch_call": ("call_id", "operation"),
    "apply_patch_call_output": ("call_id", "status"),
    "tool_search_call": ("arguments",),
    "tool_search_output": ("tools",),
    "program": ("id", "call_id", "code", "fingerprint"),
    "program_output": ("id", "call_id", "result", "status"),
}
"""Fields that each other kind of item must bring, as the specification has them."""

_WITHOUT_STATUS = frozenset({"mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "program"})
_OF_CALLS = ("namespace", "caller")
_PARTLY_HIDDEN = frozenset({"file_search_call", "code_interpreter_call", "web_search_call", "computer_call_output"})


def check_tool_item(item: JsonObject, known_file: KnownFile) -> CheckedItem:
    """Return an item that is not a message in the server's form, or raise ApiError (400, `invalid_item`)."""
    kind = item.get("type")
    if kind == "function_call":
        return _function_call(item)
    if kind == "function_call_output":
        return _function_call_output(item, known_file)
    if kind == "reasoning":
        raise invalid_item("Invalid item: a reasoning item needs the id or encrypted content of a stored response.")
    required = _REQUIRED.get(kind) if isinstance(kind, str) else None
    if kind is None or required is None:
        known = ("message", "function_call", "function_call_output", *_REQUIRED)
        raise invalid_item(f"Invalid value: {show(kind)}. Supported values are: {listed(known)}.")
    for name in required:
        if item.get(name) is None:
            raise invalid_item(f"Missing required parameter: '{name}'.")
    body = {key: value for key, value in item.items() if key != "id"}
    if kind not in _WITHOUT_STATUS:
        body["status"] = _status(item)
    return CheckedItem(body, kind in _PARTLY_HIDDEN)


def _function_call(item: JsonObject) -> CheckedItem:
    refuse_unknown(item, ("id", "type", "call_id", "caller", "namespace", "name", "arguments", "status"))
    arguments = item.get("arguments")
    if not isinstance(arguments, str):
        raise invalid_item(f"Invalid type for 'arguments': expected a string, but got {a_json(arguments)} instead.")
    if len(arguments) > MAX_TEXT:
        raise invalid_item(f"Invalid 'arguments': string too long. The maximum length is {MAX_TEXT}.")
    return CheckedItem(
        {
            "type": "function_call",
            "status": _status(item),
            "arguments": arguments,
            "call_id": check_text(item.get("call_id"), "call_id", MAX_CALL_ID),
            "name": check_text(item.get("name"), "name", MAX_NAME),
            **_given(item),
        }
    )


def _function_call_output(item: JsonObject, known_file: KnownFile) -> CheckedItem:
    refuse_unknown(item, ("id", "type", "call_id", "output", "status", "name", "namespace", "caller"))
    output: Any = item.get("output")
    parts: list[JsonObject] = []
    if isinstance(output, list):
        output = parts = check_parts(output, _OUTPUT_PARTS, known_file)
    else:
        check_text(output, "output")
    body = {
        "type": "function_call_output",
        "status": _status(item),
        "call_id": check_text(item.get("call_id"), "call_id", MAX_CALL_ID),
        "output": output,
        **_given(item),
    }
    return CheckedItem(body, any(part.get("image_url") for part in parts))


def _given(item: JsonObject) -> JsonObject:
    """What tells of a call where it came from, kept as it is."""
    return {name: item[name] for name in _OF_CALLS if item.get(name) is not None}


def _status(item: JsonObject) -> str:
    status = item.get("status")
    if status is None:
        return "completed"
    if not isinstance(status, str) or status not in (*_STATUSES, "failed", "searching", "interpreting", "generating"):
        raise invalid_item(f"Invalid value: {show(status)}. Supported values are: {listed(_STATUSES)}.")
    return status
