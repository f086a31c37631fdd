"""Checks the input items of a request, and that calls and outputs in the whole context are paired. Pure.

Items follow the rules of conversations (`rules.py`), plus three types: a reference to a stored item, a reasoning item
of an earlier response, and the response to an approval request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.responses.values import wrong_type
from migrate_cli.sandbox.rules import CheckedItem, KnownFile, check_batch
from migrate_cli.sandbox.rules_tools import check_tool_item

Find = Callable[[str], JsonObject | None]
"""Returns a stored item by its id."""

_PAIRS = {
    "function_call": ("function_call_output", "function call"),
    "custom_tool_call": ("custom_tool_call_output", "custom tool call"),
    "computer_call": ("computer_call_output", "computer call"),
    "shell_call": ("shell_call_output", "shell call"),
    "apply_patch_call": ("apply_patch_call_output", "apply patch call"),
    "local_shell_call": ("local_shell_call_output", "local shell call"),
    "tool_search_call": ("tool_search_output", "tool search call"),
}


def check_input(items: Sequence[Any], known_file: KnownFile, find: Find) -> list[CheckedItem]:
    """Return the items in the server's form, ids included where they came with one; raise ApiError for a bad one."""
    return [_item(item, place, known_file, find) for place, item in enumerate(items)]


def _item(item: Any, place: int, known_file: KnownFile, find: Find) -> CheckedItem:
    path = f"input[{place}]"
    if not isinstance(item, dict):
        raise wrong_type(path, "an object", item)
    kind = item.get("type", "message" if "role" in item or "id" not in item else "item_reference")
    if kind == "item_reference":
        return CheckedItem(_stored(item, path, find))
    if kind == "reasoning":
        return CheckedItem(_reasoning(item, path, find))
    try:
        checked = check_batch([{**item, "type": kind}], known_file, check_tool_item)[0]
    except ApiError as error:
        code = "invalid_value" if error.code == "invalid_item" else error.code
        raise bad_request(error.message, code=code, param=path) from error
    given = item.get("id")
    body = {"id": given, **checked.body} if isinstance(given, str) else checked.body
    return CheckedItem(body, checked.partly_hidden)


def _stored(item: JsonObject, path: str, find: Find) -> JsonObject:
    identifier = item.get("id")
    if not isinstance(identifier, str):
        raise wrong_type(f"{path}.id", "a string", identifier)
    found = find(identifier)
    if found is None:
        raise ApiError(404, f"Item with id '{identifier[:80]}' not found.", param="input")
    return found


def _reasoning(item: JsonObject, path: str, find: Find) -> JsonObject:
    identifier, summary = item.get("id"), item.get("summary")
    if not isinstance(identifier, str):
        raise wrong_type(f"{path}.id", "a string", identifier)
    if not isinstance(summary, list):
        raise wrong_type(f"{path}.summary", "an array", summary)
    if not item.get("encrypted_content") and find(identifier) is None:
        raise ApiError(
            404,
            f"Item with id '{identifier[:80]}' not found. Items are not persisted when `store` is set to false. "
            "Try again with `store` set to true, or remove this item from your input.",
            param="input",
        )
    return {"id": identifier, "type": "reasoning", "summary": summary} | (
        {"encrypted_content": item["encrypted_content"]} if item.get("encrypted_content") else {}
    )


def check_pairs(context: Iterable[JsonObject], new: Sequence[JsonObject]) -> None:
    """Raise ApiError unless every call has its output, every output its call, every approval its request."""
    items = list(context)
    asked = {item["id"] for item in items if item["type"] == "mcp_approval_request"}
    for item in new:
        if item["type"] == "mcp_approval_response" and item["approval_request_id"] not in asked:
            raise bad_request(
                f"No approval request found for approval response with id '{str(item['approval_request_id'])[:80]}'.",
                param="input",
            )
    for call_kind, (output_kind, name) in _PAIRS.items():
        there = [item for item in items if item.get("execution") != "server"]
        calls = [item.get("call_id") for item in there if item["type"] == call_kind]
        outputs = [item.get("call_id") for item in there if item["type"] == output_kind]
        _check_pair(calls, outputs, name)


def _check_pair(calls: list[Any], outputs: list[Any], name: str) -> None:
    called, answered = set(calls), set(outputs)
    unanswered = next((call for call in calls if call not in answered), None)
    if unanswered is not None:
        raise bad_request(f"No tool output found for {name} {unanswered}.", param="input")
    uncalled = next((output for output in outputs if output not in called), None)
    if uncalled is not None:
        raise bad_request(f"No tool call found for {name} output with call_id {uncalled}.", param="input")
