"""Items that answer the calls which a client must answer: with an output, with an error, or with a no. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_cli.model import JsonObject
from migrate_cli.replay.client_calls import FUNCTION, KINDS, RUN_HERE, open_calls
from migrate_cli.replay.response import ClientCall
from migrate_cli.replay.tool_output import failure


def answer_item(call: ClientCall, output: str) -> JsonObject:
    """Return the item that answers a call with this output. Only calls in RUN_HERE have such a one."""
    item: JsonObject = {"type": KINDS[call.kind].answer, "call_id": call.call_id, "output": output}
    if call.namespace is not None and call.kind == FUNCTION:
        item["namespace"] = call.namespace
    return item | ({"caller": call.caller} if call.caller is not None else {})


def error_item(call: ClientCall, kind: str, message: str) -> JsonObject | None:
    """Return the item that says that a call failed; None where its type has none, or the call has no `call_id`."""
    if not call.call_id:
        return None
    if call.kind in RUN_HERE:
        return answer_item(call, failure(kind, message))
    item: JsonObject = {"call_id": call.call_id}
    match call.kind:
        case "local_shell_call":
            item |= {"type": "local_shell_call_output", "output": failure(kind, message)}
        case "shell_call":
            outcome = {"type": "exit", "exit_code": 1}
            item |= {"type": "shell_call_output", "output": [{"stdout": "", "stderr": message, "outcome": outcome}]}
        case "apply_patch_call":
            item |= {"type": "apply_patch_call_output", "status": "failed", "output": message}
        case _:  # a screenshot, or tools, cannot tell that there are none
            return None
    return item | ({"caller": call.caller} if call.caller is not None else {})


def denial(request_id: str) -> JsonObject:
    """Return the item that refuses an MCP tool its approval."""
    return {"type": "mcp_approval_response", "approval_request_id": request_id, "approve": False}


def with_answers(items: Iterable[JsonObject]) -> tuple[list[JsonObject], list[ClientCall]]:
    """Return the items so that no call among them is open, and the calls that were.

    Each open call is answered by an error right after it; one that no error can answer is left out.
    """
    there = list(items)
    left = {(call.kind, call.call_id): call for call in open_calls(there)}
    found: list[JsonObject] = []
    for item in there:
        call = left.get((str(item.get("type")), str(item.get("call_id") or "")))
        if call is None:
            found.append(item)
        elif answer := error_item(call, "no_output", "no output of this call was recorded"):
            found += [item, answer]
    return found, list(left.values())
