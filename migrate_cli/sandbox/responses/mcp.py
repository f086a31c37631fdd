"""MCP servers as the model sees them: their tools, which calls need approval, and what a call returns. Pure.

No server is contacted: it has the tools that the request allows, or else `search`, `fetch` and the one being called.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.responses.cues import Cue
from migrate_cli.sandbox.responses.hosted_tools import AnnotatedText, CueResult

_READ_ONLY = ("search", "fetch", "get", "list", "read", "find", "track", "lookup")


def call(cue: Cue, tools: Iterable[JsonObject]) -> CueResult:
    """Call a tool of a server, or ask whether it may be called."""
    label, _, name = cue.text.partition(" ")
    name = name.strip()
    server = next((tool for tool in tools if tool["type"] == "mcp" and tool["server_label"] == label), None)
    if server is None:
        return CueResult(sentence=AnnotatedText(f"I have no MCP server named {label}."))
    if not _matches(server.get("allowed_tools"), name, default=True):
        return CueResult(sentence=AnnotatedText(f"The tool {name} of {label} is not among the allowed tools."))
    if needs_approval(server.get("require_approval"), name):
        request = {
            "type": "mcp_approval_request",
            "arguments": cue.arguments,
            "name": name,
            "server_label": label,
        }
        return CueResult((request,), pending=True)
    return completed_call(label, name, cue.arguments, None)


def completed_call(label: str, name: str, arguments: str, approval: str | None) -> CueResult:
    """The call of a tool, and what it answered; `approval` is the id of the request that was approved."""
    failed = name.startswith("fail")
    error = {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": f"{name} failed."}]}
    output = json.dumps({"server": label, "tool": name, "arguments": _parsed(arguments)}, ensure_ascii=False)
    item = {
        "type": "mcp_call",
        "status": "failed" if failed else "completed",
        "approval_request_id": approval,
        "arguments": arguments,
        "error": error if failed else None,
        "name": name,
        "output": None if failed else output,
        "server_label": label,
    }
    return CueResult((item,), AnnotatedText(f"{label} failed at {name}." if failed else f"{label} answered: {output}"))


def carry_out_approved(responses: Sequence[JsonObject], context: Iterable[JsonObject]) -> list[CueResult]:
    """Carry out what was approved; say what was not."""
    requests = {item["id"]: item for item in context if item["type"] == "mcp_approval_request"}
    results = []
    for response in responses:
        request = requests.get(response["approval_request_id"])
        if request is None:  # truncation cut it off, so the model does not know what was approved
            continue
        if response["approve"]:
            results.append(
                completed_call(request["server_label"], request["name"], request["arguments"], request["id"])
            )
        else:
            why = f" ({response['reason']})" if response.get("reason") else ""
            results.append(
                CueResult(
                    sentence=AnnotatedText(f"You did not approve {request['name']} of {request['server_label']}{why}.")
                )
            )
    return results


def listing(server: JsonObject, called: Sequence[str]) -> JsonObject:
    """The item that lists a server's tools; `called` are names that it must have besides."""
    allowed = server.get("allowed_tools")
    names = allowed.get("tool_names") if isinstance(allowed, dict) else allowed
    tools = [
        {
            "annotations": {"read_only": name.startswith(_READ_ONLY)},
            "description": f"{name} of {server['server_label']}",
            "input_schema": {"type": "object", "properties": {}, "additionalProperties": True},
            "name": name,
        }
        for name in dict.fromkeys(names or ("search", "fetch", *called))
    ]
    return {"type": "mcp_list_tools", "server_label": server["server_label"], "tools": tools, "error": None}


def needs_approval(policy: Any, name: str) -> bool:
    """Whether a call has to be approved: yes, unless the policy says otherwise for this tool."""
    if isinstance(policy, dict):
        return not _matches(policy.get("never"), name, default=False) or _matches(
            policy.get("always"), name, default=False
        )
    return bool(policy != "never")


def _matches(names: Any, name: str, *, default: bool) -> bool:
    if names is None:
        return default
    wanted = names if isinstance(names, list) else names.get("tool_names")
    if wanted is not None:
        return name in set(wanted)
    read_only = names.get("read_only")
    return default if read_only is None else name.startswith(_READ_ONLY) == bool(read_only)


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
