"""Turns model values back into the API's JSON, for archives and for a server that imitates a host. Pure.

What `sources/normalise.py` reads of the result is what the model held. It must not invent facts: a field that the
model does not know is null or absent.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate_cli.model import Attachment, JsonObject, Message, Run, RunStep, Thread, UnknownField


def thread_object(thread: Thread) -> JsonObject:
    """Return the thread's own object."""
    return {
        "id": thread.id,
        "object": "thread",
        "created_at": thread.created_at,
        "metadata": dict(thread.metadata),
        "tool_resources": thread.tool_resources,
    } | _own(thread.unknown, "thread")


def message_objects(thread: Thread) -> Iterator[JsonObject]:
    """Yield the message objects, oldest first."""
    for message in thread.messages:
        yield message_object(message, thread.id)


def message_object(message: Message, thread_id: str) -> JsonObject:
    """Return one message object."""
    return (
        {
            "id": message.id,
            "object": "thread.message",
            "created_at": message.created_at,
            "thread_id": thread_id,
            "role": message.role,
            "content": list(message.content),
            "attachments": [_attachment(attachment) for attachment in message.attachments],
            "assistant_id": message.assistant_id,
            "run_id": message.run_id,
            "metadata": dict(message.metadata),
            "status": message.status,
            "incomplete_details": {"reason": message.incomplete_reason} if message.incomplete_reason else None,
        }
        | ({} if message.phase is None else {"phase": message.phase})
        | _own(message.unknown, "messages[]")
    )


def run_object(run: Run, thread_id: str) -> JsonObject:
    """Return one run object."""
    known = {"id": run.id, "object": "thread.run", "thread_id": thread_id, "status": run.status}
    return {**known, "assistant_id": run.assistant_id, "created_at": run.created_at, **run.raw}


def step_object(step: RunStep, thread_id: str) -> JsonObject:
    """Return one run step object."""
    return {
        "id": step.id,
        "object": "thread.run.step",
        "created_at": step.created_at,
        "thread_id": thread_id,
        "run_id": step.run_id,
        "type": step.type,
        "status": step.status,
        "step_details": step.details,
    } | _own(step.unknown, "run_steps[]")


def _own(unknown: tuple[UnknownField, ...], place: str) -> JsonObject:
    """The unknown fields of the record itself; those of what it holds are still there."""
    return {one.name: one.value for one in unknown if one.place == place}


def _attachment(attachment: Attachment) -> JsonObject:
    if attachment.raw is not None:
        return attachment.raw
    return {"file_id": attachment.file_id, "tools": [{"type": tool} for tool in attachment.tools]}
