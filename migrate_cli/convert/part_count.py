"""Counts the parts of a source thread, apart from the converter, so that the ledger's sum is a real check.

One part is each of these, whatever it holds:

- an entry of a message's `content` (text, image, refusal, or of an unknown type; empty ones too);
- an entry of `annotations` inside a text entry;
- an attachment of a message;
- a metadata pair of a message, and of the thread;
- an entry of the thread's `tool_resources` (one for each tool) that is not empty;
- a tool call in a run step, or as a part of a message;
- a tool output: the `output` of a call of a function, an Azure Function, a connected agent, an MCP server or a computer
  when it is not null, each entry of a code call's `outputs`, each entry of a search's `results`; a tool's answer in a
  message. Calls of other types are one part, outputs included;
- a call that a run waited for (`required_action`) and that no run step holds; what else it waited for;
- a run step that is neither a message's creation nor a list of tool calls;
- a field of a thread, a message, a part, a run, a step or a tool call that nothing carries, whatever its value holds.

Messages, runs, steps and threads are not parts: they are counted on their own, and a step that only points at a message
carries nothing. It must not import the converter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate_cli.model import Message, Run, RunStep, Thread


def count_parts(thread: Thread) -> int:
    """Return the number of parts of the whole thread; reads its messages once."""
    return count_frame(thread) + sum(count_message(message) for message in thread.messages)


def count_frame(thread: Thread) -> int:
    """Return the number of parts outside the messages: metadata, tool resources, tool calls and outputs."""
    resources = thread.tool_resources
    total = len(thread.metadata) + (sum(1 for value in resources.values() if value) if resources else 0)
    total += len(thread.unknown) + sum(len(run.unknown) for run in thread.runs)
    for step in thread.run_steps:
        total += count_step(step) + len(step.unknown)
    return total + sum(_count_pending(run, thread) for run in thread.runs if run.raw.get("required_action"))


def _count_pending(run: Run, thread: Thread) -> int:
    listed = {
        call.get("id")
        for step in thread.run_steps
        for call in _list(step.details.get("tool_calls"))
        if isinstance(call, Mapping)
    }
    action = run.raw["required_action"]
    if not isinstance(action, Mapping):
        return 1
    others = [details for name, details in action.items() if name != "type" and details and not _holds_calls(details)]
    asked = [
        call
        for details in action.values()
        if _holds_calls(details)
        for call in details["tool_calls"]
        if isinstance(call, Mapping)
    ]
    return len(others) + sum(1 for call in asked if call.get("id") is None or call["id"] not in listed)


def _holds_calls(details: Any) -> bool:
    return isinstance(details, Mapping) and isinstance(details.get("tool_calls"), list)


def count_message(message: Message) -> int:
    """Return the number of parts of one message, unknown fields among them."""
    return count_known(message) + len(message.unknown)


def count_known(message: Message) -> int:
    """Return the number of parts of one message beside its unknown fields."""
    total = len(message.content) + len(message.attachments) + len(message.metadata)
    for part in message.content:
        if type(part) is dict or isinstance(part, Mapping):
            text = part.get("text")
            if type(text) is not dict and part.get("type") == "tool_call":
                total += count_call_part(part) - 1
            holder = text if type(text) is dict or isinstance(text, Mapping) else part
            annotations = holder.get("annotations")
            if annotations and part.get("type") in _TEXT_TYPES and isinstance(annotations, list):
                total += len(annotations)
    return total


_TEXT_TYPES = frozenset({"text", "input_text", "output_text"})


def count_call_part(part: Mapping[str, Any]) -> int:
    """Return the number of parts of a tool call that is in a message: itself, and the outputs that it holds."""
    call = part.get("call")
    if isinstance(call, Mapping):
        return 1 + count_outputs(call)
    return 1 if part.get("output") is None else 2


def count_step(step: RunStep) -> int:
    """Return the number of parts of one run step."""
    calls = step.details.get("tool_calls")
    if isinstance(calls, list):
        return sum(1 + count_outputs(call) for call in calls)
    is_pointer = "message_creation" in (step.type, step.details.get("type"))
    return 0 if is_pointer else 1


def count_outputs(call: Any) -> int:
    """Return the number of outputs of one tool call that are parts of their own."""
    if not isinstance(call, Mapping):
        return 0
    kind = call.get("type")
    if isinstance(kind, str) and kind in _HOSTS:
        return int(_has_output(kind, call))
    inner = call.get(str(kind))
    if not isinstance(inner, Mapping):
        return 0
    if kind == "function":
        return 0 if inner.get("output") is None else 1
    return _length(inner.get(_ENTRIES.get(str(kind), "")))


_ENTRIES = {"code_interpreter": "outputs", "file_search": "results"}
_HOSTS = frozenset({"azure_function", "computer_use_preview", "connected_agent", "mcp"})
"""Kinds of calls that a host answers with one thing, which is next to their fields or with them in an object."""
_HOLDERS = frozenset({"function", "microsoftfabric", "sharepoint"})


def _has_output(kind: str, call: Mapping[str, Any]) -> bool:
    own = {*_HOLDERS, kind.replace("_", "")}
    inner = [held for key, held in call.items() if isinstance(held, Mapping) and key.replace("_", "").lower() in own]
    return any(holder.get("output") is not None for holder in (call, *inner))


def _length(value: Any) -> int:
    return len(_list(value))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
