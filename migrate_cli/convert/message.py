"""One message becomes its items: the message itself, and a note with the images that its role may not hold."""

from __future__ import annotations

from migrate_cli.convert.attachments import convert_attachments
from migrate_cli.convert.content import convert_part
from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.message_builder import IMAGE_NOTE, MessageBuilder, message_body, text_part
from migrate_cli.convert.metadata import iso_time
from migrate_cli.convert.options import Incomplete, Timestamps
from migrate_cli.convert.part_count import count_message
from migrate_cli.convert.plain_message import put_one_text
from migrate_cli.convert.text import counted, short
from migrate_cli.model import Fate, JsonObject, Message

ROLES = frozenset({"user", "assistant", "system", "developer"})
"""The roles that the target has."""
_UNFINISHED = frozenset({"incomplete", "in_progress"})


def convert_message(message: Message, book: DraftBuilder) -> None:
    """Write the items of one message into the book and book the fate of each of its parts."""
    if put_one_text(message, book):
        return
    convert_parts(message, book)


def convert_parts(message: Message, book: DraftBuilder) -> None:
    """The same for any message, part by part."""
    if message.role is None:
        book.find("message-without-role", f"The message {short(message.id)} has no role.", message.id)
        book.count(Fate.DROPPED, count_message(message))
        return
    if message.status in _UNFINISHED and not _keep_unfinished(message, book):
        return
    role = message.role if message.role in ROLES else "user"
    sheet = MessageBuilder(book, message, role)
    for part in message.content:
        book.count(convert_part(sheet, part))
    if message.attachments:
        convert_attachments(sheet)
    if message.metadata:
        _set_metadata_aside(message, book)
    if sheet.unsupported:
        book.set_aside("unsupported_parts", sheet.unsupported, message.id)
    _put(sheet)


def _keep_unfinished(message: Message, book: DraftBuilder) -> bool:
    reason = f" ({short(message.incomplete_reason)})" if message.incomplete_reason else ""
    kept = book.options.incomplete is Incomplete.KEEP
    book.find(
        "message-incomplete",
        f"The message is {message.status}{reason}; it was {'kept' if kept else 'left out'}.",
        message.id,
    )
    if not kept:
        book.count(Fate.DROPPED, count_message(message))
    return kept


def _set_metadata_aside(message: Message, book: DraftBuilder) -> None:
    """Items have no metadata; pairs in the state file count as noted."""
    book.count(Fate.NOTED, len(message.metadata))
    book.set_aside("metadata", dict(message.metadata), message.id)
    book.find("message-metadata-aside", f"{counted(len(message.metadata), 'metadata pair')} went aside.", message.id)


def _put(sheet: MessageBuilder) -> None:
    message, book = sheet.message, sheet.book
    if not sheet.parts and not sheet.images:
        book.find("message-empty", "Nothing of the message is left to send.", message.id)
        return
    opening = _opening(sheet)
    if sheet.parts:
        if opening:
            sheet.parts[:0] = opening
        kind = "message" if message.role == sheet.role else "note"
        status = "incomplete" if message.status in _UNFINISHED else "completed"
        body = message_body(book, sheet.role, sheet.parts, message.id, status)
        book.put(body, kind, message.id, message.created_at)
    if sheet.images:
        note = [text_part("user", IMAGE_NOTE), *sheet.images]
        book.put({"type": "message", "role": "user", "content": note}, "note", message.id, message.created_at)


def _opening(sheet: MessageBuilder) -> list[JsonObject]:
    """Text parts in front of the message's own: its old role where the target has no such role, and its time."""
    opening = []
    message = sheet.message
    if message.role != sheet.role:
        named = short(str(message.role), 60)
        sheet.find("role-unknown", f"The target has no role {named}.")
        opening.append(text_part(sheet.role, f"[Message with the role {named}]"))
    if sheet.book.options.timestamps is Timestamps.PREFIX:
        written = iso_time(message.created_at)
        if written is not None:
            opening.append(text_part(sheet.role, f"[{written}]"))
    return opening
