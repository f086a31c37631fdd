"""Distinguishes the intermediate messages of deep research from its answer. Pure.

Deep research agents of Microsoft Foundry leave what they are thinking of as messages of the assistant, with
`cot_summary` in their metadata or in front of their text; the answer is the message after the last of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from migrate_cli.model import Message

_WORD = "cot_summary"


def is_progress(message: Message) -> bool:
    """Whether an assistant's message only tells how far its research has come."""
    if message.role != "assistant":
        return False
    if message.metadata and any(_WORD in (key, value) for key, value in message.metadata.items()):
        return True
    return bool(message.content) and _opens_so(message.content[0])


def _opens_so(part: object) -> bool:
    text = part.get("text") if isinstance(part, Mapping) else part
    if isinstance(text, Mapping):
        text = text.get("value")
    return isinstance(text, str) and text.startswith(f"{_WORD}:")
