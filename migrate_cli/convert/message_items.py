"""Puts what a message said so far into the draft: its items, and a note with the images that its role may not hold."""

from __future__ import annotations

from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.message_builder import IMAGE_NOTE, MessageBuilder, message_body, portions, text_part
from migrate_cli.convert.metadata import iso_time
from migrate_cli.convert.options import ProgressMessages, Timestamps
from migrate_cli.convert.progress_messages import is_progress
from migrate_cli.convert.text import short
from migrate_cli.convert.tool_pairs import UNFINISHED
from migrate_cli.model import JsonObject

PROGRESS_MARK = "[Progress of the research, not yet the answer]"
"""Opens a message that is marked as `convert.progress_messages: mark` asks."""


def put_message(builder: MessageBuilder) -> None:
    """Put the parts that were written since the last time, if there are any."""
    message, draft = builder.message, builder.draft
    if builder.parts:
        opening = _opening(builder)
        if opening:
            builder.parts[:0] = opening
        kind = "message" if message.role == builder.role else "note"
        status = "incomplete" if message.status in UNFINISHED else "completed"
        cut = portions(draft, builder.parts)
        if len(cut) > 1:
            builder.find("message-split", f"The message is too long for one, and became {len(cut)} in a row.")
        for parts in cut:
            body = message_body(draft, builder.role, parts, message.id, status)
            if message.phase is not None and builder.role == "assistant":
                body["phase"] = message.phase
            draft.put(body, kind, message.id, message.created_at)
    if builder.images:
        put_images(draft, builder.images, message.id, message.created_at)
    builder.start_anew()


def put_images(draft: DraftBuilder, images: list[JsonObject], message_id: str | None, created_at: float | None) -> None:
    """Put a user's note with images that an assistant may not hold."""
    note = [text_part("user", IMAGE_NOTE), *images]
    draft.put({"type": "message", "role": "user", "content": note}, "note", message_id, created_at)


def _opening(builder: MessageBuilder) -> list[JsonObject]:
    """Text parts before the message's own: a role unknown to the target, its time, and that it is not an answer."""
    opening = []
    message, options = builder.message, builder.draft.options
    if message.role != builder.role:
        named = short(str(message.role), 60)
        builder.find("role-unknown", f"The target has no role {named}.")
        opening.append(text_part(builder.role, f"[Message with the role {named}]"))
    if options.timestamps is Timestamps.PREFIX:
        written = iso_time(message.created_at)
        if written is not None:
            opening.append(text_part(builder.role, f"[{written}]"))
    if options.progress_messages is ProgressMessages.MARK and is_progress(message):
        builder.find("progress-marked", "The message reports the progress of research; its first line says so.")
        opening.append(text_part(builder.role, PROGRESS_MARK))
    return opening
