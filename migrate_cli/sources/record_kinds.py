"""Tells what a JSON object of an export is: a thread, a message, a run, a step, an assistant, a file, a list. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.normalise import clean_id


class RecordKind(StrEnum):
    """What one wire object is."""

    THREAD = "thread"
    MESSAGE = "message"
    RUN = "run"
    STEP = "step"
    ASSISTANT = "assistant"
    FILE = "file"
    STORE = "vector store"
    STORE_FILE = "file of a vector store"
    DELETED = "deleted"
    """A message that was deleted: only its id."""
    OTHER = "other"
    """An object of the API that holds nothing to migrate, such as a model or a deletion notice."""


OF_NO_THREAD = frozenset({RecordKind.ASSISTANT, RecordKind.FILE, RecordKind.STORE, RecordKind.STORE_FILE})
"""What belongs to a source as a whole, and is kept for whoever asks."""

OBJECTS = {
    "thread": RecordKind.THREAD,
    "thread.message": RecordKind.MESSAGE,
    "thread.run": RecordKind.RUN,
    "thread.run.step": RecordKind.STEP,
    "assistant": RecordKind.ASSISTANT,
    "file": RecordKind.FILE,
    "thread.deleted": RecordKind.OTHER,
    "thread.message.deleted": RecordKind.OTHER,
    "thread.message.file": RecordKind.OTHER,
    "assistant.deleted": RecordKind.OTHER,
    "assistant.file": RecordKind.OTHER,
    "vector_store": RecordKind.STORE,
    "vector_store.file": RecordKind.STORE_FILE,
    "vector_store.file_batch": RecordKind.OTHER,
    "vector_store.files_batch": RecordKind.OTHER,
    "model": RecordKind.OTHER,
}
"""What the `object` field of the wire says, and what it means here."""


def kind_of(value: Any) -> RecordKind | None:
    """Return what a JSON value is as a wire object, by its `object` field or else by others; None: no idea."""
    if type(value) is not dict:
        return None
    named = value.get("object")
    known = OBJECTS.get(named) if type(named) is str else None
    if known is not None or named is not None:
        return known
    if "step_details" in value:
        return RecordKind.STEP
    if "content" in value and ("role" in value or "thread_id" in value or "assistant_id" in value):
        return RecordKind.MESSAGE
    return _kind_by_id(value)


_BY_PREFIX = {
    "thread": RecordKind.THREAD,
    "msg": RecordKind.MESSAGE,
    "run": RecordKind.RUN,
    "asst": RecordKind.ASSISTANT,
}


def _kind_by_id(value: JsonObject) -> RecordKind | None:
    known = clean_id(value.get("id")) or ""
    return _BY_PREFIX.get(known.split("_", 1)[0]) if "_" in known else None


def first_kind(values: Iterable[Any]) -> RecordKind | None:
    """Return the kind of the first object among the values that has one; others are looked at a few deep only."""
    for place, value in enumerate(values):
        kind = kind_of(value)
        if kind is not None:
            return kind
        if place >= 20:
            return None
    return None


def is_list_answer(value: Any) -> bool:
    """Whether a value is an answer of a list call: `{"object": "list", "data": […]}`, the first key being optional."""
    if type(value) is not dict or type(value.get("data")) is not list:
        return False
    return value.get("object") == "list" or ("object" not in value and ("has_more" in value or "first_id" in value))
