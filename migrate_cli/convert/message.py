"""One message becomes its items: what it said, its tool calls, and a note with images that its role may not hold."""

from __future__ import annotations

from migrate_cli.convert.attachments import convert_attachments
from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.message_builder import MessageBuilder
from migrate_cli.convert.message_items import put_message
from migrate_cli.convert.message_parts import convert_part
from migrate_cli.convert.options import Incomplete, ProgressMessages
from migrate_cli.convert.part_count import count_known
from migrate_cli.convert.plain_message import put_one_text
from migrate_cli.convert.progress_messages import is_progress
from migrate_cli.convert.text import counted, short
from migrate_cli.convert.tool_pairs import UNFINISHED
from migrate_cli.model import Fate, Message

ROLES = frozenset({"user", "assistant", "system", "developer"})
"""The roles that the target has."""


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
    if draft.options.progress_messages is ProgressMessages.DROP and is_progress(message):
        draft.find("progress-dropped", "A message that reports the progress of research was left out.", message.id)
        draft.count(Fate.DROPPED, count_known(message))
        return
    if message.status in UNFINISHED and not _keep_unfinished(message, draft):
        return
    role = message.role if message.role in ROLES else "user"
    builder = MessageBuilder(draft, message, role)
    for builder.place, part in enumerate(message.content):
        fate = convert_part(builder, part)
        if fate is not None:
            draft.count(fate)
    if message.attachments:
        convert_attachments(builder)
    if message.metadata:
        _set_metadata_aside(message, draft)
    if builder.unsupported:
        draft.set_aside("unsupported_parts", builder.unsupported, message.id)
    if not (builder.parts or builder.images or builder.is_told):
        draft.find("message-empty", "Nothing of the message is left to send.", message.id)
    put_message(builder)


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
