"""Reads a conversation, fingerprints it, and makes its items fit to be sent again. It must not write to the target."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from migrate_cli.convert.canonical import digest_of
from migrate_cli.convert.presence import PARTS_IN, hidden_images, is_hidden
from migrate_cli.model import JsonObject
from migrate_cli.replay.errors import CaseError
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.pages import ItemWalk, behind

_SERVER_FIELDS = frozenset({"id", "status", "created_by", "created_at", "object"})
_NEED_ID = {
    "file_search_call": "fs", "code_interpreter_call": "ci", "web_search_call": "ws", "image_generation_call": "ig",
    "mcp_call": "mcp", "computer_call": "cu", "local_shell_call": "lsh", "program": "prog", "program_output": "progo",
}  # fmt: skip
"""Items that are not taken without an id and (programs aside) a status: they get an id of their own, since the old one
is in use."""
_WITH_STATUS = frozenset({"apply_patch_call", "apply_patch_call_output"})
"""Items of which the status is not the server's to say: a patch that failed stays one that failed."""
HIDDEN_IMAGE = "[An image stands here that the target does not show again.]"
_STAYS = frozenset({"reasoning", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "item_reference"})
"""Items that mean something only in the place where they were made."""


@dataclass(frozen=True, slots=True)
class ConversationHistory:
    """A conversation as it was read."""

    conversation_id: str
    items: tuple[JsonObject, ...]
    """As the server gave them, oldest first."""

    @property
    def digest(self) -> str:
        """A hash of all ids and contents, in order: equal only while nobody touched the conversation."""
        whole = hashlib.blake2b(digest_size=16)
        for item in self.items:
            whole.update(str(item.get("id")).encode("utf-8", "replace") + b"\0" + digest_of(item))
        return whole.hexdigest()


async def read_history(target: ConversationsTarget, conversation_id: str) -> ConversationHistory:
    """Read all items. Raises CaseFault when the target refuses, TemporaryError when it cannot be reached."""
    return ConversationHistory(conversation_id, tuple(await items_after(target, conversation_id, None)))


async def items_after(target: ConversationsTarget, conversation_id: str, anchor: str | None) -> list[JsonObject]:
    """Read the items after one of them (None: all), oldest first. Raises what `read_history` raises."""
    walk = ItemWalk(target, conversation_id, images=True, after=anchor)
    found = [item async for page in walk.pages() for item in page]
    what = None
    if walk.refused is not None:
        gone = walk.refused.status == 404
        what = "is not at the target" if gone else f"cannot be read: {walk.refused.message}"
    elif walk.cut_off:
        what = "can only be read in part: the target does not list what comes after a given item"
    if what is not None:
        raise CaseError("conversation-unreadable", f"the conversation {conversation_id} {what}")
    return behind(found, anchor)


def hidden_in(items: Iterable[JsonObject]) -> int:
    """Return how many images the target does not show again, so that a text stands for them in a copy."""
    return sum(map(hidden_images, items))


def sendable(items: Iterable[JsonObject], *, strict: bool = False) -> list[JsonObject]:
    """Return the items in the form in which they can be sent; what only has meaning where it was made is left out.

    `strict` targets want an assistant's message to the specification's letter (`convert.strict_assistant`).
    """
    found = (_sendable(item) for item in items)
    return [strictly(sent) if strict else sent for sent in found if sent is not None]


def strictly(item: JsonObject) -> JsonObject:
    """Return an assistant's message to the specification's letter, under an id of its own; other items as they are."""
    if item.get("type", "message") != "message" or item.get("role") != "assistant":
        return item
    content = item.get("content")
    parts = content if isinstance(content, list) else [{"type": "output_text", "text": str(content or "")}]
    letter: JsonObject = {"annotations": [], "logprobs": []}
    texts = [letter | part if part.get("type") == "output_text" else part for part in parts]
    return item | {"id": f"msg_{secrets.token_hex(16)}", "status": "completed", "content": texts}


def _sendable(item: JsonObject) -> JsonObject | None:
    kind = str(item.get("type") or "message")
    if kind in _STAYS:
        # With its encrypted content, reasoning can be handed back in a stateless turn.
        return item if kind == "reasoning" and item.get("encrypted_content") else None
    if hidden_images(item):
        item = item | {name: [_shown(part) for part in item[name]] for name in PARTS_IN if type(item.get(name)) is list}
    ours = {"status"} if kind in _WITH_STATUS else frozenset[str]()
    sent = {name: _without_nulls(value) for name, value in item.items() if name not in _SERVER_FIELDS - ours}
    sent = {name: value for name, value in sent.items() if value is not None}
    if kind in _NEED_ID:
        status = {} if kind == "program" else {"status": item.get("status") or "completed"}
        return sent | {"id": f"{_NEED_ID[kind]}_{secrets.token_hex(24)}", **status}
    return sent


def _shown(part: Any) -> Any:
    return {"type": "input_text", "text": HIDDEN_IMAGE} if is_hidden(part) else part


def _without_nulls(value: Any) -> Any:
    """Fields that are null in an answer are refused by some servers when they are sent."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
