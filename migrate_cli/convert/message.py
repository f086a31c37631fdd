"""One message becomes its items: the message itself, and a note with the images that its role may not hold."""

from __future__ import annotations

from migrate_cli.convert.attachments import convert_attachments
from migrate_cli.convert.content import convert_part
from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.message_builder import IMAGE_NOTE, MessageBuilder, message_body, text_part
from migrate_cli.convert.metadata import iso_time
from migrate_cli.convert.options import Incomplete, Timestamps
from migrate_cli.convert.part_count import count_known
from migrate_cli.convert.plain_message import put_one_text
from migrate_cli.convert.text import counted, short
from migrate_cli.model import Fate, JsonObject, Message

ROLES = frozenset({"user", "assistant", "system", "developer"})
"""The roles that the target has."""
_UNFINISHED = frozenset({"incomplete", "in_progress"})


def convert_message(message: Message, draft: DraftBuilder) -> None:
    """Write the items of one message into the draft and count the fate of each of its parts."""
    if message.unknown:
        draft.unknown(message.unknown, message.id)
    if put_one_text(message, draft):
        return
    convert_parts(message, draft)


def convert_parts(message: Message, draft: DraftBuilder) -> None:
    """The same for any message, part by part."""
    if message.role is None:
        draft.find("message-without-role", f"The message {short(message.id)} has no role.", message.id)
        draft.count(Fate.DROPPED, count_known(message))
        return
    if message.status in _UNFINISHED and not _keep_unfinished(message, draft):
        return
    role = message.role if message.role in ROLES else "user"
    builder = MessageBuilder(draft, message, role)
    for part in message.content:
        draft.count(convert_part(builder, part))
    if message.attachments:
        convert_attachments(builder)
    if message.metadata:
        _set_metadata_aside(message, draft)
    if builder.unsupported:
        draft.set_aside("unsupported_parts", builder.unsupported, message.id)
    _put(builder)


def _keep_unfinished(message: Message, draft: DraftBuilder) -> bool:
    reason = f" ({short(message.incomplete_reason)})" if message.incomplete_reason else ""
    kept = draft.options.incomplete is Incomplete.KEEP
    draft.find(
        "message-incomplete",
        f"The message is {message.status}{reason}; it was {'kept' if kept else 'left out'}.",
        message.id,
    )
    if not kept:
        draft.count(Fate.DROPPED, count_known(message))
    return kept


def _set_metadata_aside(message: Message, draft: DraftBuilder) -> None:
    """Items have no metadata; pairs in the state file count as noted."""
    draft.count(Fate.NOTED, len(message.metadata))
    draft.set_aside("metadata", dict(message.metadata), message.id)
    draft.find("message-metadata-aside", f"{counted(len(message.metadata), 'metadata pair')} went aside.", message.id)


def _put(builder: MessageBuilder) -> None:
    message, draft = builder.message, builder.draft
    if not builder.parts and not builder.images:
        draft.find("message-empty", "Nothing of the message is left to send.", message.id)
        return
    opening = _opening(builder)
    if builder.parts:
        if opening:
            builder.parts[:0] = opening
        kind = "message" if message.role == builder.role else "note"
        status = "incomplete" if message.status in _UNFINISHED else "completed"
        body = message_body(draft, builder.role, builder.parts, message.id, status)
        draft.put(body, kind, message.id, message.created_at)
    if builder.images:
        note = [text_part("user", IMAGE_NOTE), *builder.images]
        draft.put({"type": "message", "role": "user", "content": note}, "note", message.id, message.created_at)


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
