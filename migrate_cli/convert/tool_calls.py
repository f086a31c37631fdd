"""What becomes of tool calls, of run steps and of messages: a registry of one function for each type of call.

Parallel calls become adjacent pairs of call and output, which every server accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from migrate_cli.convert.builtin_calls import (
    code_interpreter_call,
    code_interpreter_text,
    file_search_call,
    file_search_text,
    other_text,
)
from migrate_cli.convert.call_items import (
    EMPTY_OUTPUT,
    Call,
    as_text,
    fits_pair,
    made_id,
    set_data_aside,
    write_note,
    write_pair,
)
from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.host_calls import KINDS, NO_OUTPUT, without_data
from migrate_cli.convert.host_items import write_host_call
from migrate_cli.convert.limits import MAX_TEXT
from migrate_cli.convert.message_builder import MessageBuilder
from migrate_cli.convert.options import ToolCalls
from migrate_cli.convert.part_count import count_step
from migrate_cli.convert.steps import PlacedStep
from migrate_cli.convert.text import counted, short
from migrate_cli.model import Fate, JsonObject, RunStep


def convert_steps(placed: list[PlacedStep], draft: DraftBuilder) -> None:
    """Write the items of steps that are in one place, in order, and count the fates of their parts."""
    for step, message_id in placed:
        calls = step.details.get("tool_calls")
        if not isinstance(calls, list):
            _set_step_aside(step, message_id, draft)
        elif draft.options.tool_calls is ToolCalls.DROP:
            draft.count(Fate.DROPPED, count_step(step) + sum(draft.pairs.answers_step(_id_of(call)) for call in calls))
            draft.find(
                "tool-call-dropped",
                f"Left out: {counted(len(calls), 'call')} of the step {short(step.id)}.",
                message_id,
            )
        else:
            for index, raw in enumerate(calls):
                whole = _with_output(raw, draft) if isinstance(raw, Mapping) else {"value": raw}
                convert_call(Call("step", step.id, index, whole, message_id, step.created_at), draft)


def _with_output(raw: Mapping[str, Any], draft: DraftBuilder) -> Mapping[str, Any]:
    """Return a step's call with the output that a message of the thread holds, where the step has none."""
    inner = raw.get("function")
    if raw.get("type") != "function" or not isinstance(inner, Mapping) or inner.get("output") is not None:
        return raw
    output = draft.pairs.output_for_step(_id_of(raw))
    return raw if output is None else {**raw, "function": {**inner, "output": output}}


def _id_of(raw: Any) -> str | None:
    call_id = raw.get("id") if isinstance(raw, Mapping) else None
    return call_id if isinstance(call_id, str) else None


def convert_call(call: Call, draft: DraftBuilder) -> None:
    """Write the items of one call, and count the fates of it and of its outputs."""
    CONVERTERS.get(call.kind, _other)(call, draft)


def output_as_note(builder: MessageBuilder, named: str, output: Any) -> None:
    """Tell an output that no call is left for, in the assistant's words, and count it."""
    message, draft = builder.message, builder.draft
    call = Call("message", message.id, builder.place, {"type": "function"}, message.id, message.created_at)
    write_note(call, draft, f"[Output of the tool call {named}]\n{as_text(output) or EMPTY_OUTPUT}", 1)


def _set_step_aside(step: RunStep, message_id: str | None, draft: DraftBuilder) -> None:
    """Keep a step that calls nothing for the state file; what servers offer is known to need no item."""
    draft.count(Fate.NOTED)
    draft.set_aside("run_step", {"id": step.id, "type": step.type, "step_details": step.details}, message_id)
    listed = step.details.get("activities")
    activities = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    kinds = {str(one.get("type")) for one in activities}
    if kinds and kinds <= _KNOWN_ACTIVITIES:
        servers = ", ".join(sorted({str(one.get("server_label")) for one in activities}))
        draft.find("step-lists-tools", f"The step {short(step.id)} lists the tools of {short(servers)}.", message_id)
        return
    inside = f" with {short(', '.join(sorted(kinds)), 100)}" if kinds else ""
    detail = f"The step {short(step.id)} is of type {short(str(step.type), 60)}{inside}."
    draft.find("step-unknown", detail, message_id)


_KNOWN_ACTIVITIES = frozenset({"mcp_list_tools"})


def _function(call: Call, draft: DraftBuilder) -> None:
    inner = call.inner
    if draft.options.tool_calls is ToolCalls.TEXT or not fits_pair(call, inner, draft):
        write_note(call, draft, _function_text(inner), 1 if inner.get("output") is None else 2)
    else:
        write_pair(call, inner, draft)


def _code_interpreter(call: Call, draft: DraftBuilder) -> None:
    outputs = call.inner.get("outputs")
    parts = 1 + (len(outputs) if isinstance(outputs, list) else 0)
    # A native call holds its code in one piece.
    if _is_native(draft) and len(str(call.inner.get("input"))) <= MAX_TEXT:
        body = code_interpreter_call(call.inner, made_id("ci", call, draft), made_id("cntr", call, draft))
        _write_native(call, draft, body, parts)
    else:
        write_note(call, draft, code_interpreter_text(call.inner), parts)


def _file_search(call: Call, draft: DraftBuilder) -> None:
    results = call.inner.get("results")
    parts = 1 + (len(results) if isinstance(results, list) else 0)
    if _is_native(draft):
        _write_native(call, draft, file_search_call(call.inner, made_id("fs", call, draft)), parts)
    else:
        write_note(call, draft, file_search_text(call.inner), parts)


def _other(call: Call, draft: DraftBuilder) -> None:
    data: list[str] = []
    text = without_data(other_text(call.kind, call.raw), data)
    set_data_aside(call, data, draft)
    write_note(call, draft, text, 1)


CONVERTERS: dict[str, Callable[[Call, DraftBuilder], None]] = {
    "function": _function,
    "code_interpreter": _code_interpreter,
    "file_search": _file_search,
    **dict.fromkeys(KINDS, write_host_call),
}
"""One function for each type of call; a type of tomorrow is told with all its data, as JSON."""


def _is_native(draft: DraftBuilder) -> bool:
    return draft.options.native_builtin and draft.options.tool_calls is ToolCalls.NATIVE


def _write_native(call: Call, draft: DraftBuilder, body: JsonObject, parts: int) -> None:
    draft.put(body, body["type"], call.message_id, call.created_at)
    draft.count(Fate.CONVERTED, parts)
    draft.find("tool-call-native-unproven", f"A call of type {call.kind} was written natively.", call.message_id)


def _function_text(inner: Mapping[str, Any]) -> str:
    output = inner.get("output")
    lines = [f"[Tool call: function {inner.get('name')}]", f"Arguments: {as_text(inner.get('arguments'))}"]
    lines.append(NO_OUTPUT if output is None else f"Output: {as_text(output)}")
    return "\n".join(lines)
