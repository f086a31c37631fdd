"""Messages under the names that tables and chat logs use: `sender` and `text`, `from` and `body`. Pure.

Rows that name their thread are no business of this dialect: the flat shapes read those, and their settings with them.
"""

from __future__ import annotations

from typing import Any

from migrate_cli.model import JsonObject

ROLES = ("role", "sender", "author", "from", "speaker", "sender_type", "senderType", "type")
TEXTS = ("text", "content", "message", "body", "value", "message_text", "messageText", "msg")
TIMES = ("created_at", "createdAt", "created", "timestamp", "date", "time", "datetime", "sent_at", "sentAt", "ts")
IDS = ("id", "message_id", "messageId", "msg_id", "uid", "uuid")
THREADS = frozenset(
    {"thread_id", "threadId", "thread", "conversation_id", "conversationId", "conversation", "chat_id", "chatId"}
    | {"session_id", "sessionId"}
)
_KNOWN = frozenset(
    {"user", "assistant", "system", "developer", "human", "customer", "ai", "bot", "agent", "model", "client"}
)


def matches(raw: JsonObject) -> bool:
    """Recognise a known role and a text, not both under the wire's names."""
    if ("role" in raw and "content" in raw) or "object" in raw or not THREADS.isdisjoint(raw):
        return False
    role, text = _key(raw, ROLES, _is_role), _key(raw, TEXTS, _is_text)
    return role is not None and text is not None


def wire(raw: JsonObject) -> list[JsonObject]:
    """Return the message under the wire's names."""
    role, text = str(_key(raw, ROLES, _is_role)), str(_key(raw, TEXTS, _is_text))
    names = {role: "role", text: "content"}
    for wire_name, known in (("created_at", TIMES), ("id", IDS)):
        found = next((name for name in known if name in raw and name not in names), None)
        if found is not None:
            names[found] = wire_name
    return [{names.get(key, key): value for key, value in raw.items()}]


def _key(raw: JsonObject, names: tuple[str, ...], fits: Any) -> str | None:
    return next((name for name in names if name in raw and fits(raw[name])), None)


def _is_role(value: Any) -> bool:
    return type(value) is str and value.strip().lower() in _KNOWN


def _is_text(value: Any) -> bool:
    return type(value) is str or (type(value) is list and bool(value) and type(value[0]) is dict)
