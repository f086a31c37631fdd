"""Puts what a message said so far into the draft: its item, and a note with the images that its role may not hold."""

from __future__ import annotations

from migrate_cli.convert.message_builder import IMAGE_NOTE, MessageBuilder, message_body, text_part
from migrate_cli.convert.metadata import iso_time
from migrate_cli.convert.options import Timestamps
from migrate_cli.convert.text import short
from migrate_cli.convert.tool_pairs import UNFINISHED
from migrate_cli.model import JsonObject


def put_message(builder: MessageBuilder) -> None:
    """Put the parts that were written since the last time, if there are any."""
    message, draft = builder.message, builder.draft
    if builder.parts:
        opening = _opening(builder)
        if opening:
            builder.parts[:0] = opening
        kind = "message" if message.role == builder.role else "note"
        status = "incomplete" if message.status in UNFINISHED else "completed"
        body = message_body(draft, builder.role, builder.parts, message.id, status)
        draft.put(body, kind, message.id, message.created_at)
    if builder.images:
        note = [text_part("user", IMAGE_NOTE), *builder.images]
        draft.put({"type": "message", "role": "user", "content": note}, "note", message.id, message.created_at)
    builder.start_anew()


def _opening(builder: MessageBuilder) -> list[JsonObject]:
    """Text parts in front of the message's own: its old role where the target has no such role, and its time."""
    opening = []
    message = builder.message
    if message.role != builder.role:
        named = short(str(message.role), 60)
        builder.find("role-unknown", f"The target has no role {named}.")
        opening.append(text_part(builder.role, f"[Message with the role {named}]"))
    if builder.draft.options.timestamps is Timestamps.PREFIX:
        written = iso_time(message.created_at)
        if written is not None:
            opening.append(text_part(builder.role, f"[{written}]"))
    return opening
