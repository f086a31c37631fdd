"""Items of the Responses and Conversations APIs, and whole responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.dialects.parts import REASONING, builtin_part, call_part, output_part, rest

_FUNCTIONS = frozenset({"function_call", "custom_tool_call", "function_call_output", "custom_tool_call_output"})
_BUILTIN = frozenset(
    {
        *("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call"),
        *("computer_call", "computer_call_output", "local_shell_call", "local_shell_call_output"),
        *("shell_call", "shell_call_output", "apply_patch_call", "apply_patch_call_output"),
        *("mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response"),
        *("tool_search_call", "tool_search_output", "tool_search_call_output", "program", "program_output"),
    }
)
"""Items of tools that the host ran, and their answers."""
_ITEMS = _FUNCTIONS | _BUILTIN | {"reasoning", "compaction"}
_CARRIES_NOTHING = frozenset(
    {
        *("object", "status", "model", "usage", "background", "completed_at", "error", "incomplete_details"),
        *("instructions", "max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls", "output_text"),
        *("previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_retention", "safety_identifier"),
        *("service_tier", "store", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p"),
        *("truncation", "user", "reasoning", "billing", "frequency_penalty", "presence_penalty", "content_filters"),
    }
)
"""What a response says of how it was made: settings of the call and figures, no words of the conversation."""


def matches(raw: JsonObject) -> bool:
    """Recognise an item by its type, and a response by its object and its output."""
    kind = raw.get("type")
    if type(kind) is not str:
        return raw.get("object") == "response" and type(raw.get("output")) is list
    if kind == "message":
        return "role" in raw and "content" in raw
    return kind in _ITEMS and "role" not in raw


def wire(raw: JsonObject) -> list[JsonObject]:
    """Return the wire messages of an item, or of all that a response was given and gave."""
    kind = raw.get("type")
    if type(kind) is not str:
        return _response(raw)
    return [_WRITERS.get(kind, _builtin)(raw)]


def _said(raw: JsonObject) -> JsonObject:
    return rest(raw, frozenset({"type"}))


def _function(raw: JsonObject) -> JsonObject:
    part = call_part(raw.get("call_id") or raw.get("id"), raw.get("name"), raw.get("arguments"))
    return _message(raw, "assistant", [part], "call_id", "name", "arguments")


def _custom(raw: JsonObject) -> JsonObject:
    part = call_part(raw.get("call_id") or raw.get("id"), raw.get("name"), {"input": raw.get("input")})
    return _message(raw, "assistant", [part], "call_id", "name", "input")


def _output(raw: JsonObject) -> JsonObject:
    return _message(raw, "tool", [output_part(raw.get("call_id"), raw.get("output"))], "call_id", "output")


def _reasoning(raw: JsonObject) -> JsonObject:
    held = rest(raw, frozenset({"type", "status", *_FACTS}))
    return _facts(raw) | {"role": "assistant", "content": [{"type": REASONING, **held}]}


_FACTS = ("id", "created_at", "thread_id", "run_id", "response_id")


def _facts(raw: JsonObject) -> JsonObject:
    return {key: raw[key] for key in _FACTS if key in raw}


def _message(raw: JsonObject, role: str, content: list[Any], *used: str) -> JsonObject:
    held = rest(raw, frozenset({"type", "status", *used}))
    return held | {"role": role, "content": content}


def _builtin(raw: JsonObject) -> JsonObject:
    return _facts(raw) | {"role": "assistant", "content": _call(str(raw["type"]), raw)}


def _call(kind: str, raw: JsonObject) -> list[Any]:
    """Return the call in the form that run steps have it."""
    held = rest(raw, frozenset({"type", "status", *_FACTS}))
    call: JsonObject = {"id": raw.get("call_id") or raw.get("id"), "type": kind, **held}
    if kind == "code_interpreter_call":
        call = _renamed(call, "code_interpreter", {"code": "input"})
    elif kind == "file_search_call":
        call = _renamed(call, "file_search", {})
        results = call["file_search"].get("results")
        if isinstance(results, list):
            call["file_search"]["results"] = [_search_result(result) for result in results]
    elif kind == "image_generation_call" and isinstance(call.get("result"), str):
        return _drawn(call)
    return [builtin_part(call)]


def _renamed(call: JsonObject, kind: str, names: dict[str, str]) -> JsonObject:
    inner = {names.get(key, key): value for key, value in call.items() if key not in ("id", "type", "container_id")}
    return {"id": call["id"], "type": kind, kind: inner}


def _search_result(result: Any) -> Any:
    if not isinstance(result, dict):
        return result
    found = rest(result, frozenset({"filename", "text"}))
    if "filename" in result:
        found["file_name"] = result["filename"]
    if "text" in result:
        found["content"] = [{"type": "text", "text": result["text"]}]
    return found


def _drawn(call: JsonObject) -> list[Any]:
    """Return a picture that was drawn as an image of the assistant, beside its call."""
    form = call.get("output_format")
    url = f"data:image/{form if isinstance(form, str) and form.isalnum() else 'png'};base64,{call['result']}"
    told = rest(call, frozenset({"result"}))
    return [builtin_part(told), {"type": "image_url", "image_url": {"url": url}}]


_WRITERS: dict[str, Callable[[JsonObject], JsonObject]] = {
    "message": _said,
    "function_call": _function,
    "custom_tool_call": _custom,
    "function_call_output": _output,
    "custom_tool_call_output": _output,
    "reasoning": _reasoning,
    "compaction": _reasoning,
}


def _response(raw: JsonObject) -> list[JsonObject]:
    """Return what a response was given and gave, with its time, and its conversation as the thread."""
    given = raw.get("input")
    entries: list[Any] = [{"role": "user", "content": given}] if isinstance(given, str) else []
    entries += given if isinstance(given, list) else []
    found = [message for entry in [*entries, *raw["output"]] for message in _entry(entry)]
    conversation = raw.get("conversation")
    shared = {"created_at": raw.get("created_at"), "thread_id": _id_of(conversation) or raw.get("thread_id")}
    shared = {key: value for key, value in shared.items() if value is not None}
    more = rest(raw, _CARRIES_NOTHING | {"id", "input", "output", "created_at", "conversation", "thread_id"})
    found = [shared | message for message in found]
    if found and more:
        found[-1] = more | found[-1]
    return found


def _entry(entry: Any) -> list[JsonObject]:
    if not isinstance(entry, dict):
        return []
    return wire(entry) if matches(entry) else [entry]


def _id_of(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value
