"""What becomes of the parts of a message that are tool calls, tool outputs and reasoning.

A call becomes items where it stands: what the message said before it comes first. Its output, wherever it stands, goes
with it, as those of run steps do (`tool_calls.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate_cli.convert.call_items import Call
from migrate_cli.convert.message_builder import MessageBuilder
from migrate_cli.convert.message_items import put_message
from migrate_cli.convert.options import ToolCalls
from migrate_cli.convert.part_count import count_call_part
from migrate_cli.convert.text import short
from migrate_cli.convert.tool_calls import convert_call, output_as_note
from migrate_cli.convert.tool_pairs import OutputMeaning
from migrate_cli.model import Fate, JsonObject


def tool_call(builder: MessageBuilder, part: JsonObject) -> None:
    """Write a call and the output that answers it, and count both."""
    draft, place = builder.draft, builder.place
    builder.is_told = True
    native = part.get("call")
    if isinstance(native, Mapping):
        raw: Mapping[str, Any] = native
        answered = False
    elif draft.pairs.is_in_steps(place):
        builder.find("tool-call-repeated", f"The call {_named(part.get('id'))} is also in a run step.")
        draft.count(Fate.KEPT, count_call_part(part))
        return
    else:
        answered = part.get("output") is None and draft.pairs.has_output(place)
        raw = {"id": part.get("id"), "type": "function", "function": part}
    if draft.options.tool_calls is ToolCalls.DROP:
        draft.count(Fate.DROPPED, count_call_part(part) + answered)
        builder.find("tool-call-dropped", f"Left out: the call {_named(raw.get('id'))}.")
        return
    if answered:
        raw = {**raw, "function": {**part, "output": draft.pairs.output(place)}}
    put_message(builder)
    message = builder.message
    convert_call(Call("message", message.id, place, raw, message.id, message.created_at), draft)


def tool_output(builder: MessageBuilder, part: JsonObject) -> None:
    """An output that answers a call was written and counted with it; any other one is told in a note."""
    draft = builder.draft
    builder.is_told = True
    meaning = draft.pairs.meaning(builder.place)
    if meaning in {OutputMeaning.ANSWER, OutputMeaning.SAME}:
        if meaning is OutputMeaning.SAME:
            draft.count(Fate.KEPT)
        return
    named = _named(part.get("call_id") or part.get("name"))
    if meaning is OutputMeaning.REPEATED:
        builder.find("tool-output-repeated", f"The call {named} has an output already; this one became a note.")
    else:
        builder.find("tool-output-without-call", f"No call of the thread has the id {named}.")
    if draft.options.tool_calls is ToolCalls.DROP:
        draft.count(Fate.DROPPED)
        return
    put_message(builder)
    output_as_note(builder, named, part.get("output"))


def reasoning(builder: MessageBuilder, part: JsonObject) -> Fate:
    """What a model thought belongs to the answer it was made for: the target takes none of others."""
    builder.is_told = True
    builder.draft.set_aside("reasoning", part, builder.message.id)
    builder.find("reasoning-aside", "Reasoning of the model went to the state file.")
    return Fate.NOTED


def app_step(builder: MessageBuilder, part: JsonObject) -> Fate:
    """A step of an app that says nothing in the conversation."""
    builder.is_told = True
    builder.draft.set_aside("app_step", part, builder.message.id)
    builder.find("step-unknown", f"The step {short(builder.message.id)} is of type {short(str(part.get('step')), 60)}.")
    return Fate.NOTED


def _named(value: Any) -> str:
    return short(str(value), 80) if value else "without an id"
