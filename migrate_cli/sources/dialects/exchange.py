"""A record of a prompt and its answer: two messages. Pure."""

from __future__ import annotations

from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.dialects.flat import IDS, THREADS, TIMES
from migrate_cli.sources.dialects.parts import rest, text_part

PROMPTS = ("prompt", "question", "query", "input", "user_message", "user_input", "request", "human", "instruction")
ANSWERS = (
    *("response", "answer", "completion", "reply", "output", "assistant_message", "bot_response", "ai_response"),
    *("assistant_response", "bot_message", "ai_message", "generation"),
)
_OTHERS = frozenset({"role", "content", "type", "object", "messages", "sender", "step_details"})
"""Keys of records that are something else: messages, steps of a run, threads."""


def matches(raw: JsonObject) -> bool:
    """Recognise a record with one prompt and one answer, both texts and not both empty, that names no role."""
    return _OTHERS.isdisjoint(raw) and _pair(raw) is not None


def wire(raw: JsonObject) -> list[JsonObject]:
    """Return the user's message and the assistant's; what else the record holds is the first one's metadata."""
    pair = _pair(raw)
    if pair is None:
        return []
    prompt, answer = pair
    message_id = _first(raw, ("message_id", "messageId", *IDS))
    time = _first(raw, (*TIMES, "create_at"))
    thread = next((name for name in raw if name in THREADS), None)
    shared = {} if thread is None else {"thread_id": raw[thread]}
    if time is not None:
        shared["created_at"] = raw[time]
    used = {name for name in (prompt, answer, message_id, time, thread, "assistant_id", "metadata") if name}
    more = {key: value for key, value in rest(raw, frozenset(used)).items() if value not in (None, "")}
    metadata = raw.get("metadata")
    if isinstance(metadata, dict):
        more = metadata | more
    elif metadata not in (None, "", []):
        more["metadata"] = metadata
    first: JsonObject = {**shared, "role": "user", "content": [text_part(raw[prompt])]}
    second: JsonObject = {**shared, "role": "assistant", "content": [text_part(raw[answer])]}
    if message_id is not None and raw[message_id] is not None:
        first["id"], second["id"] = raw[message_id], f"{raw[message_id]}-answer"
    if more:
        first["metadata"] = more
    if raw.get("assistant_id"):
        second["assistant_id"] = raw["assistant_id"]
    return [message for message in (first, second) if message["content"][0]["text"]["value"]]


def _pair(raw: JsonObject) -> tuple[str, str] | None:
    prompt, answer = _first(raw, PROMPTS), _first(raw, ANSWERS)
    if prompt is None or answer is None:
        return None
    given, got = raw[prompt], raw[answer]
    return (prompt, answer) if type(given) is str and type(got) is str and (given or got) else None


def _first(raw: JsonObject, names: tuple[str, ...]) -> Any:
    return next((name for name in names if name in raw), None)
