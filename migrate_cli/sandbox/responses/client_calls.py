"""Calls of the model that only the client can answer. Pure; items are complete except for their ids."""

from __future__ import annotations

from migrate_cli.model import JsonObject
from migrate_cli.sandbox import ids
from migrate_cli.sandbox.responses.hosted_tools import CueResult

_OTHERS: dict[str, JsonObject] = {
    "local_shell_call": {"action": {"type": "exec", "command": ["ls"], "env": {}}},
    "shell_call": {"action": {"commands": ["ls"], "max_output_length": 1000}, "environment": {"type": "local"}},
    "apply_patch_call": {"operation": {"type": "delete_file", "path": "old.txt"}},
    "computer_call": {"actions": [{"type": "screenshot"}], "pending_safety_checks": []},
    "tool_search_call": {"arguments": {"query": "orders"}, "execution": "client"},
}
WAITING = frozenset({"function_call", "custom_tool_call", "mcp_approval_request", *_OTHERS})
"""Items that the client must answer before the model goes on."""


def function_call(name: str, arguments: str, namespace: str | None = None) -> CueResult:
    """Call one of the client's functions."""
    call: JsonObject = {
        "type": "function_call",
        "status": "completed",
        "arguments": arguments,
        "call_id": ids.call_id(),
        "name": name,
    }
    return CueResult((call | ({"namespace": namespace} if namespace else {}),), pending=True)


def custom_call(name: str, text: str, namespace: str | None = None) -> CueResult:
    """Call one of the client's custom tools with a text."""
    call: JsonObject = {
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": ids.call_id(),
        "name": name,
        "input": text,
    }
    return CueResult((call | ({"namespace": namespace} if namespace else {}),), pending=True)


def other_call(kind: str) -> CueResult | None:
    """Call what a client has by its nature, such as a shell; None for an item of another type."""
    if kind not in _OTHERS:
        return None
    return CueResult(({"type": kind, "status": "completed", "call_id": ids.call_id(), **_OTHERS[kind]},), pending=True)
