"""The calls that a client must answer: which items they are, which of them are open and what they are given. Pure.

A call without an answer makes every later response on its conversation fail. The kinds are those of the official SDK
(`openai.types.responses`, 3.57); a call of an unknown kind counts as one too, if it has a `call_id`,
since only calls that wait for an answer do. It must not run anything, nor decide what an open call means.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.replay.response import ClientCall

FUNCTION, CUSTOM = "function_call", "custom_tool_call"
RUN_HERE = frozenset({FUNCTION, CUSTOM})
"""Calls that handlers and commands can answer."""
APPROVAL = "mcp_approval_request"


@dataclass(frozen=True, slots=True)
class CallKind:
    """One type of item that calls something of the client's."""

    answer: str
    """The type of the item that answers it."""
    tool: str
    """What a suite calls the tool, where the call itself names none."""
    given: str
    """The field that holds what the tool is given."""


KINDS = {
    FUNCTION: CallKind("function_call_output", "function", "arguments"),
    CUSTOM: CallKind("custom_tool_call_output", "custom", "input"),
    "local_shell_call": CallKind("local_shell_call_output", "local_shell", "action"),
    "shell_call": CallKind("shell_call_output", "shell", "action"),
    "apply_patch_call": CallKind("apply_patch_call_output", "apply_patch", "operation"),
    "computer_call": CallKind("computer_call_output", "computer", "action"),
    "tool_search_call": CallKind("tool_search_output", "tool_search", "arguments"),
}
ANSWERS = frozenset(kind.answer for kind in KINDS.values())
HOSTED = frozenset(
    {"web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "mcp_call"}
)
"""Calls that the server runs itself, always."""
_SERVER_PLACES = frozenset({"container_reference", "container_auto"})


def open_calls(items: Iterable[JsonObject]) -> tuple[ClientCall, ...]:
    """Return the calls among the items that a client must answer and that no other item answers, in order."""
    there = list(items)
    answered = {(str(item.get("type")), _text(item.get("call_id"))) for item in there}
    return tuple(call_of(item) for item in there if _is_clients(item) and not _is_answered(item, answered))


def call_of(item: JsonObject) -> ClientCall:
    """Return the call that an item makes; its `call_id` is empty where it cannot be answered."""
    kind = str(item.get("type"))
    known = KINDS.get(kind)
    name = _text(item.get("name")) or (known.tool if known else kind.removesuffix("_call"))
    given = item.get(known.given if known else "arguments")
    if given is None and kind == "computer_call":
        given = item.get("actions")
    caller = item.get("caller")
    return ClientCall(
        _text(item.get("call_id")) or "",
        name,
        given if isinstance(given, str) else json.dumps({} if given is None else given, ensure_ascii=False),
        kind,
        _text(item.get("namespace")),
        caller if isinstance(caller, dict) else None,
    )


def open_approvals(items: Iterable[JsonObject]) -> list[str]:
    """Return the ids of the MCP tools among the items that wait for an approval, in order."""
    there = list(items)
    decided = {_text(item.get("approval_request_id")) for item in there if item.get("type") == "mcp_approval_response"}
    asked = (_text(item.get("id")) for item in there if item.get("type") == APPROVAL)
    return [request for request in asked if request is not None and request not in decided]


def span_around(items: Sequence[JsonObject], place: int) -> range:
    """Return the places of the items that came with the one at `place`, in the same response.

    A response lies between what clients send: messages that are no assistant's, and answers to calls.
    """
    first, last = place, place + 1
    while first > 0 and not _is_sent(items[first - 1]):
        first -= 1
    while last < len(items) and not _is_sent(items[last]):
        last += 1
    return range(first, last)


def _is_clients(item: JsonObject) -> bool:
    kind = item.get("type")
    if not isinstance(kind, str) or kind in HOSTED:
        return False
    if kind == "tool_search_call":
        return item.get("execution") == "client" or (item.get("execution") is None and bool(_text(item.get("call_id"))))
    if kind == "shell_call":
        place = item.get("environment")
        return not (isinstance(place, dict) and place.get("type") in _SERVER_PLACES)
    return kind in KINDS or (kind.endswith("_call") and bool(_text(item.get("call_id"))))


def _is_answered(item: JsonObject, answered: Collection[tuple[str, str | None]]) -> bool:
    call_id = _text(item.get("call_id"))
    return call_id is not None and (_answer_of(str(item.get("type"))), call_id) in answered


def _is_sent(item: JsonObject) -> bool:
    """Whether a client sent an item."""
    kind = str(item.get("type", "message"))
    if kind == "message":
        return item.get("role") != "assistant"
    if kind == "tool_search_output":
        return item.get("execution") == "client"
    return kind in ANSWERS or kind == "mcp_approval_response"


def _answer_of(kind: str) -> str:
    return KINDS[kind].answer if kind in KINDS else f"{kind}_output"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
