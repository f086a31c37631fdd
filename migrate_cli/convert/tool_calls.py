"""What becomes of tool calls, of run steps and of messages: a registry of one function for each type of call.

A function's call is followed at once by its output, and the output is joined to it: an unpaired call makes every later
response of the conversation fail. Parallel calls become adjacent pairs, which every server accepts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from migrate_cli.convert.builtin_calls import (
    code_interpreter_call,
    code_interpreter_text,
    file_search_call,
    file_search_text,
    other_text,
)
from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.host_calls import KINDS, NO_OUTPUT, host_call
from migrate_cli.convert.limits import FUNCTION_NAME, MAX_CALL_ID, MAX_NAME, MAX_TEXT
from migrate_cli.convert.message_builder import MessageBuilder, message_body, text_part
from migrate_cli.convert.options import ToolCalls
from migrate_cli.convert.part_count import count_step
from migrate_cli.convert.steps import PlacedStep
from migrate_cli.convert.text import counted, pieces, short, tidy
from migrate_cli.model import Fate, JsonObject, RunStep

EMPTY_OUTPUT = "(empty output)"


class Call(NamedTuple):
    """One tool call, where it stands, and the message that its run made, or that holds it."""

    holder: str
    """`step` or `message`."""
    holder_id: str
    number: int
    """Counted from 0 within the holder."""
    raw: Mapping[str, Any]
    message_id: str | None
    created_at: float | None

    @property
    def kind(self) -> str:
        """The call's type, as the source names it."""
        return str(self.raw.get("type"))

    @property
    def inner(self) -> Mapping[str, Any]:
        """The object that holds the call's own fields."""
        inner = self.raw.get(self.kind)
        return inner if isinstance(inner, Mapping) else {}


def convert_steps(placed: list[PlacedStep], draft: DraftBuilder) -> None:
    """Write the items of steps that stand in one place, in order, and count the fates of their parts."""
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
    _write_note(call, draft, f"[Output of the tool call {named}]\n{_as_text(output) or EMPTY_OUTPUT}", 1)


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
    arguments = inner.get("arguments")
    too_long = isinstance(arguments, str) and len(arguments) > MAX_TEXT
    if too_long:
        detail = f"A call's arguments have {len(str(arguments)):,} characters."
        draft.find("tool-arguments-too-long", detail, call.message_id)
    if draft.options.tool_calls is ToolCalls.TEXT or too_long:
        parts = 1 if inner.get("output") is None else 2
        _write_note(call, draft, _function_text(inner), parts)
        return
    call_id, id_kept = _call_id(call, draft)
    name, name_kept = _function_name(call, draft)
    arguments, arguments_kept = _arguments(call, draft)
    body = {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
    draft.put(body, "function_call", call.message_id, call.created_at)
    draft.count(Fate.KEPT if id_kept and name_kept and arguments_kept else Fate.CONVERTED)
    output = _output(call, draft)
    body = {"type": "function_call_output", "call_id": call_id, "output": output}
    draft.put(body, "function_call_output", call.message_id, call.created_at, joined=True)


def _code_interpreter(call: Call, draft: DraftBuilder) -> None:
    outputs = call.inner.get("outputs")
    parts = 1 + (len(outputs) if isinstance(outputs, list) else 0)
    # A native call holds its code in one piece.
    if _is_native(draft) and len(str(call.inner.get("input"))) <= MAX_TEXT:
        body = code_interpreter_call(call.inner, _made_id("ci", call, draft), _made_id("cntr", call, draft))
        _write_native(call, draft, body, parts)
    else:
        _write_note(call, draft, code_interpreter_text(call.inner), parts)


def _file_search(call: Call, draft: DraftBuilder) -> None:
    results = call.inner.get("results")
    parts = 1 + (len(results) if isinstance(results, list) else 0)
    if _is_native(draft):
        _write_native(call, draft, file_search_call(call.inner, _made_id("fs", call, draft)), parts)
    else:
        _write_note(call, draft, file_search_text(call.inner), parts)


def _host(call: Call, draft: DraftBuilder) -> None:
    told = host_call(call.kind, call.raw)
    if told.data:
        kept = {"step_id": call.holder_id, "call_id": call.raw.get("id"), "data": told.data}
        draft.set_aside("tool_call_data", kept, call.message_id)
        detail = f"A call of type {call.kind} holds data of {sum(map(len, told.data)):,} characters."
        draft.find("tool-call-data-aside", detail, call.message_id)
    if not told.answered:
        _find_no_output(call, draft)
    _write_note(call, draft, told.text, 1)


def _other(call: Call, draft: DraftBuilder) -> None:
    _write_note(call, draft, other_text(call.kind, call.raw), 1)


CONVERTERS: dict[str, Callable[[Call, DraftBuilder], None]] = {
    "function": _function,
    "code_interpreter": _code_interpreter,
    "file_search": _file_search,
    **dict.fromkeys(KINDS, _host),
}
"""One function for each type of call; a type of tomorrow is told with all its data, as JSON."""


def _is_native(draft: DraftBuilder) -> bool:
    return draft.options.native_builtin and draft.options.tool_calls is ToolCalls.NATIVE


def _write_note(call: Call, draft: DraftBuilder, text: str, parts: int) -> None:
    """Tell a call in the assistant's words."""
    text, codes = tidy(text)
    for code in codes:
        draft.find(
            code, f"The text of a {short(call.kind, 60)} call was changed: characters replaced.", call.message_id
        )
    content = [text_part("assistant", piece) for piece in pieces(text)]
    if len(content) > 1:
        draft.find("text-too-long", f"A tool call's text of {len(text):,} characters was split.", call.message_id)
    draft.put(message_body(draft, "assistant", content, call.holder_id), "note", call.message_id, call.created_at)
    draft.count(Fate.NOTED, parts)
    draft.find("tool-call-as-text", f"A call of type {short(call.kind, 60)} became a text.", call.message_id)


def _write_native(call: Call, draft: DraftBuilder, body: JsonObject, parts: int) -> None:
    draft.put(body, body["type"], call.message_id, call.created_at)
    draft.count(Fate.CONVERTED, parts)
    draft.find("tool-call-native-unproven", f"A call of type {call.kind} was written natively.", call.message_id)


def _function_text(inner: Mapping[str, Any]) -> str:
    output = inner.get("output")
    lines = [f"[Tool call: function {inner.get('name')}]", f"Arguments: {_as_text(inner.get('arguments'))}"]
    lines.append(NO_OUTPUT if output is None else f"Output: {_as_text(output)}")
    return "\n".join(lines)


def _call_id(call: Call, draft: DraftBuilder) -> tuple[str, bool]:
    """Return an id of 1 to 64 characters that no other call of the thread has, and whether it is the source's.

    A long id is shortened by hash, so that the same long id always becomes the same short one.
    """
    given = call.raw.get("id")
    if not isinstance(given, str) or not given:
        detail = f"Call {call.number + 1} of the {call.holder} {short(call.holder_id)} has no id."
        draft.find("tool-call-without-id", detail, call.message_id)
        call_id = _made_id("call", call, draft)
    else:
        call_id, codes = tidy(given)
        if codes or len(call_id) > MAX_CALL_ID:
            call_id = f"call_{_hash(given)}"
    if call_id in draft.call_ids:
        call_id = f"call_{_hash(f'{call_id}:{call.holder_id}:{call.number}:{len(draft.call_ids)}')}"
    draft.call_ids.add(call_id)
    if given and call_id != given:
        draft.find("tool-call-id-changed", f"The call {short(str(given), 80)} is now {call_id}.", call.message_id)
    return call_id, call_id == given


def _function_name(call: Call, draft: DraftBuilder) -> tuple[str, bool]:
    given = call.inner.get("name")
    if isinstance(given, str) and FUNCTION_NAME.fullmatch(given):
        return given, True
    cleaned = "".join(sign if FUNCTION_NAME.fullmatch(sign) else "_" for sign in str(given or ""))[:MAX_NAME]
    name = cleaned or "unknown_function"
    draft.find("tool-name-changed", f"A function's name was written as {name}.", call.message_id)
    return name, False


def _arguments(call: Call, draft: DraftBuilder) -> tuple[str, bool]:
    given = call.inner.get("arguments")
    text, codes = tidy(_as_text(given))
    for code in codes:
        draft.find(code, "Characters of a call's arguments were replaced.", call.message_id)
    if not text or given is None:
        draft.find("tool-arguments-not-json", "A call has no arguments; an empty object was written.", call.message_id)
        return "{}", False
    if not _is_json(text):
        draft.find("tool-arguments-not-json", f"Arguments of {len(text):,} characters are not JSON.", call.message_id)
    return text, text == given


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _output(call: Call, draft: DraftBuilder) -> str:
    """Return the output as text, and count its fate; a call without one has no part to count."""
    given = call.inner.get("output")
    if given is None:
        _find_no_output(call, draft)
        return NO_OUTPUT
    text, codes = tidy(_as_text(given))
    for code in codes:
        draft.find(code, "Characters of a call's output were replaced.", call.message_id)
    if not text:
        draft.find("empty-text", "A call's output is empty; a word says so.", call.message_id)
        text = EMPTY_OUTPUT
    if len(text) > MAX_TEXT:
        draft.find(
            "tool-output-cut", f"An output of {len(text):,} characters was cut to {MAX_TEXT:,}.", call.message_id
        )
        remark = f"\n[Cut: the whole output had {len(text):,} characters.]"
        text = text[: MAX_TEXT - len(remark)] + remark
    draft.count(Fate.KEPT if text == given else Fate.CONVERTED)
    return text


def _find_no_output(call: Call, draft: DraftBuilder) -> None:
    detail = f"The call {short(str(call.raw.get('id')), 80)} has no output."
    draft.find("tool-call-without-output", detail, call.message_id)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _made_id(prefix: str, call: Call, draft: DraftBuilder) -> str:
    seed = f"{draft.thread_id}:{call.holder_id}:{call.number}:{call.raw.get('id')}"
    return f"{prefix}_{_hash(seed)}"


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
