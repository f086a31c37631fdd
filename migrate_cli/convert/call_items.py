"""Writes one tool call into a draft: as a function's call with its output, or as a note in the assistant's words.

A function's call is followed at once by its output, and the output is joined to it: an unpaired call makes every later
response of the conversation fail. What form a call takes is decided elsewhere (`tool_calls.py`, `host_items.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.host_calls import NO_OUTPUT
from migrate_cli.convert.limits import FUNCTION_NAME, MAX_CALL_ID, MAX_NAME, MAX_TEXT
from migrate_cli.convert.message_builder import message_body, portions, text_part
from migrate_cli.convert.text import pieces, short, tidy
from migrate_cli.model import Fate

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


def write_pair(call: Call, function: Mapping[str, Any], draft: DraftBuilder, *, same: bool = True) -> str:
    """Write a call of a function and its output, count both, and return the call's id.

    `same` says that the source has it as a function's call, too.
    """
    call_id, id_kept = _call_id(call, draft)
    name, name_kept = _function_name(call, function, draft)
    if not name_kept and function.get("name"):
        draft.set_aside("tool_name", {"call_id": call_id, "name": function["name"]}, call.message_id)
    arguments, arguments_kept = _arguments(call, function, draft)
    body = {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
    draft.put(body, "function_call", call.message_id, call.created_at)
    draft.count(Fate.KEPT if same and id_kept and name_kept and arguments_kept else Fate.CONVERTED)
    output = _output(call, function, draft)
    body = {"type": "function_call_output", "call_id": call_id, "output": output}
    draft.put(body, "function_call_output", call.message_id, call.created_at, joined=True)
    return call_id


def fits_pair(call: Call, function: Mapping[str, Any], draft: DraftBuilder) -> bool:
    """Whether the target takes a function's call as long as this; an output is cut only where no text could hold it."""
    arguments, output = as_text(function.get("arguments")), function.get("output")
    if len(arguments) > draft.most_text:
        detail = f"A call's arguments have {len(arguments):,} characters."
        draft.find("tool-arguments-too-long", detail, call.message_id)
        return False
    return draft.options.message_characters is None or len(as_text(output)) <= draft.most_text


def write_note(call: Call, draft: DraftBuilder, text: str, parts: int) -> None:
    """Tell a call in the assistant's words, and count so many parts of it."""
    text, codes = tidy(text)
    for code in codes:
        draft.find(
            code, f"The text of a {short(call.kind, 60)} call was changed: characters replaced.", call.message_id
        )
    content = [text_part("assistant", piece) for piece in pieces(text, draft.most_text)]
    if len(content) > 1:
        draft.find("text-too-long", f"A tool call's text of {len(text):,} characters was split.", call.message_id)
    for portion in portions(draft, content):
        draft.put(message_body(draft, "assistant", portion, call.holder_id), "note", call.message_id, call.created_at)
    draft.count(Fate.NOTED, parts)
    draft.find("tool-call-as-text", f"A call of type {short(call.kind, 60)} became a text.", call.message_id)


def find_no_output(call: Call, draft: DraftBuilder) -> None:
    """Report that nothing came of a call, as far as the source knows."""
    detail = f"The call {short(str(call.raw.get('id')), 80)} has no output."
    draft.find("tool-call-without-output", detail, call.message_id)


def set_data_aside(call: Call, data: list[str], draft: DraftBuilder) -> None:
    """Keep what was taken out of a call's text, if anything was, and report it."""
    if data:
        kept = {"step_id": call.holder_id, "call_id": call.raw.get("id"), "data": data}
        draft.set_aside("tool_call_data", kept, call.message_id)
        detail = f"A call of type {short(call.kind, 60)} holds data of {sum(map(len, data)):,} characters."
        draft.find("tool-call-data-aside", detail, call.message_id)


def as_text(value: Any) -> str:
    """Return a text as it is, and everything else as JSON; nothing for null."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def made_id(prefix: str, call: Call, draft: DraftBuilder) -> str:
    """Return an id made from where the call stands, the same each time."""
    seed = f"{draft.thread_id}:{call.holder_id}:{call.number}:{call.raw.get('id')}"
    return f"{prefix}_{_hash(seed)}"


def _call_id(call: Call, draft: DraftBuilder) -> tuple[str, bool]:
    """Return an id of 1 to 64 characters that no other call of the thread has, and whether it is the source's.

    A long id is shortened by hash, so that the same long id always becomes the same short one.
    """
    given = call.raw.get("id")
    if not isinstance(given, str) or not given:
        detail = f"Call {call.number + 1} of the {call.holder} {short(call.holder_id)} has no id."
        draft.find("tool-call-without-id", detail, call.message_id)
        call_id = made_id("call", call, draft)
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


def _function_name(call: Call, function: Mapping[str, Any], draft: DraftBuilder) -> tuple[str, bool]:
    given = function.get("name")
    if isinstance(given, str) and FUNCTION_NAME.fullmatch(given):
        return given, True
    cleaned = "".join(sign if FUNCTION_NAME.fullmatch(sign) else "_" for sign in str(given or ""))[:MAX_NAME]
    name = cleaned or "unknown_function"
    draft.find("tool-name-changed", f"A function's name was written as {name}.", call.message_id)
    return name, False


def _arguments(call: Call, function: Mapping[str, Any], draft: DraftBuilder) -> tuple[str, bool]:
    given = function.get("arguments")
    text, codes = tidy(as_text(given))
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


def _output(call: Call, function: Mapping[str, Any], draft: DraftBuilder) -> str:
    """Return the output as text, and count its fate; a call without one has no part to count."""
    given = function.get("output")
    if given is None:
        find_no_output(call, draft)
        return NO_OUTPUT
    text, codes = tidy(as_text(given))
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


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
