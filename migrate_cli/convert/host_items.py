"""What becomes of calls of tools that a host runs itself: a function's call, a text, and a picture beside the text."""

from __future__ import annotations

from migrate_cli.convert.call_items import Call, find_no_output, fits_pair, set_data_aside, write_note, write_pair
from migrate_cli.convert.configuration import without_secrets
from migrate_cli.convert.content import input_image
from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.host_calls import FUNCTIONS, FunctionForm, function_form, host_call
from migrate_cli.convert.message_builder import MessageBuilder
from migrate_cli.convert.message_items import put_images
from migrate_cli.convert.options import ToolCalls
from migrate_cli.convert.part_count import count_outputs
from migrate_cli.convert.text import plain, short
from migrate_cli.model import CHILD_THREAD, JsonObject, Message


def write_host_call(call: Call, draft: DraftBuilder) -> None:
    """Write a call of one of `host_calls.KINDS`: as a function's where it has the same parts, otherwise in words."""
    if call.kind in FUNCTIONS and draft.options.tool_calls is ToolCalls.NATIVE:
        form = function_form(call.kind, call.raw)
        if form is not None and fits_pair(call, form.function, draft):
            _write_function(call, form, draft)
            return
    told = host_call(call.kind, call.raw)
    set_data_aside(call, told.data, draft)
    if not told.answered:
        find_no_output(call, draft)
    parts = 1 + count_outputs(call.raw)
    if told.picture is None:
        write_note(call, draft, told.text, parts)
    else:
        _write_picture(call, draft, told.text, parts - 1, told.picture)


def _write_function(call: Call, form: FunctionForm, draft: DraftBuilder) -> None:
    """Write a host's call as a function's; what that has no place for goes to the state file."""
    set_data_aside(call, form.data, draft)
    call_id = write_pair(call, form.function, draft, same=False)
    kept = f"; in the state file only: {short(', '.join(sorted(form.rest)), 100)}" if form.rest else ""
    if form.rest:
        rest = {"call_id": call_id, "type": call.kind, "fields": without_secrets(form.rest)}
        draft.set_aside("tool_call", rest, call.message_id)
    draft.find("tool-call-as-function", f"A call of type {call.kind} became a function call{kept}.", call.message_id)
    child = form.rest.get("thread_id")
    if isinstance(child, str) and child:
        draft.set_aside(CHILD_THREAD, {"call_id": call_id, "thread_id": plain(child)}, call.message_id)
        detail = f"The call {short(call_id, 80)} of an agent has its own thread, {short(child, 80)}."
        draft.find("child-thread", detail, call.message_id)


def _write_picture(call: Call, draft: DraftBuilder, text: str, parts: int, picture: JsonObject) -> None:
    """Tell a call in words, with the picture that came of it where an assistant's images go."""
    message = Message(call.message_id or call.holder_id, "assistant", (), created_at=call.created_at)
    builder = MessageBuilder(draft, message, "assistant")
    draft.count(input_image(builder, picture))
    write_note(call, draft, "\n".join([text, *(part["text"] for part in builder.parts)]), parts)
    if builder.images:
        put_images(draft, builder.images, call.message_id, call.created_at)
