"""The fast path for a message that is a single text and needs no changes: nearly all are, so their cost matters most.

It makes exactly the item of the general path (`message.py`), or leaves the message to it. It must not find, note or
set aside anything.
"""

from __future__ import annotations

from migrate_cli.convert.canonical import NO_ANNOTATIONS, encode_text
from migrate_cli.convert.citations import MARKER_OPENS
from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.model import Item, Message

_FORMS = {
    "user": ("input_text", ""),
    "assistant": ("output_text", NO_ANNOTATIONS),
    "system": ("input_text", ""),
    "developer": ("input_text", ""),
}
"""The type of a text part, and the JSON after its text, by the role."""


def put_one_text(message: Message, draft: DraftBuilder) -> bool:
    """Put the item of such a message into the draft and return True; return False, having done nothing, for others."""
    form = _FORMS.get(message.role or "")
    if form is None or not draft.leaves_texts or message.attachments or message.metadata or len(message.content) != 1:
        return False
    text = _text_of(message.content[0], draft.most_text)
    if text is None or message.status not in ("completed", None) or message.phase:
        return False
    if message.role == "assistant" and MARKER_OPENS in text:
        return False
    try:
        encoded = encode_text(str(message.role), form[0], text, form[1])
    except UnicodeEncodeError:
        return False
    draft.items.append(Item(*encoded, "message", message.id, message.created_at))
    draft.ledger.kept += 1
    return True


def _text_of(part: object, most: int) -> str | None:
    """The text of a part as the wire has it, where nothing is cited, split or replaced."""
    if type(part) is not dict or part.get("type") != "text":
        return None
    inner = part.get("text")
    if type(inner) is not dict or inner.get("annotations"):
        return None
    text = inner.get("value")
    if type(text) is not str or not text or len(text) > most or "\x00" in text:
        return None
    return text
