"""Which files a thread refers to, so that facts about them can be collected before it is converted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import chain
from typing import Any, NamedTuple

from migrate_cli.convert.host_calls import SCREEN, host_call
from migrate_cli.model import Message, Thread


class FilePlace(StrEnum):
    """Where a file is mentioned: images and attachments are sent, a citation only names it."""

    IMAGE = "image"
    ATTACHMENT = "attachment"
    CITATION = "citation"
    RESOURCE = "resource"
    """Among the files of the code interpreter, which no conversation names."""


class FileReference(NamedTuple):
    """One file at one place."""

    file_id: str
    place: FilePlace
    message_id: str


def files_of(thread: Thread) -> Iterator[FileReference]:
    """Yield the files of a thread's messages and screenshots, each id once for each kind of place.

    It reads the messages once.
    """
    seen: set[tuple[str, FilePlace]] = set()
    of_messages = (mention for message in thread.messages for mention in files_of_message(message))
    for mention in chain(of_messages, _screenshots(thread)):
        if (mention.file_id, mention.place) not in seen:
            seen.add((mention.file_id, mention.place))
            yield mention


def _screenshots(thread: Thread) -> Iterator[FileReference]:
    """Yield the pictures that calls of a computer left in files."""
    for step in thread.run_steps:
        calls = step.details.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, Mapping) and call.get("type") == SCREEN:
                picture = host_call(SCREEN, call).picture
                if picture and "file_id" in picture:
                    yield FileReference(picture["file_id"], FilePlace.IMAGE, step.id)


def resource_files(resources: object) -> list[str]:
    """Return the ids of the code interpreter's files in `tool_resources`, each once."""
    return _ids(resources, "code_interpreter", "file_ids")


def vector_stores(resources: object) -> list[str]:
    """Return the ids of the vector stores in `tool_resources`, each once."""
    return _ids(resources, "file_search", "vector_store_ids")


def _ids(resources: object, tool: str, key: str) -> list[str]:
    inner = resources.get(tool) if isinstance(resources, Mapping) else None
    ids = inner.get(key) if isinstance(inner, Mapping) else None
    found = (one for one in ids if isinstance(one, str) and one) if isinstance(ids, list) else ()
    return list(dict.fromkeys(found))


def files_of_message(message: Message) -> Iterator[FileReference]:
    """Yield every mention in one message."""
    for part in message.content:
        if isinstance(part, Mapping):
            for file_id, place in _files_of_part(part):
                if isinstance(file_id, str) and file_id:
                    yield FileReference(file_id, place, message.id)
    for attachment in message.attachments:
        if attachment.file_id:
            yield FileReference(attachment.file_id, FilePlace.ATTACHMENT, message.id)


def _files_of_part(part: Mapping[str, Any]) -> Iterator[tuple[Any, FilePlace]]:
    if part.get("type") == "image_file":
        spec = part.get("image_file")
        yield (spec if isinstance(spec, Mapping) else part).get("file_id"), FilePlace.IMAGE
        return
    if part.get("type") in _SENT:
        yield part.get("file_id"), _SENT[part["type"]]
        return
    text = part.get("text")
    annotations = text.get("annotations") if isinstance(text, Mapping) else None
    for annotation in annotations if isinstance(annotations, list) else ():
        kind = annotation.get("type") if isinstance(annotation, Mapping) else None
        inner = annotation.get(kind) if isinstance(kind, str) else None
        if isinstance(inner, Mapping):
            yield inner.get("file_id"), FilePlace.CITATION


_SENT = {"input_image": FilePlace.IMAGE, "input_file": FilePlace.ATTACHMENT}
"""Parts as items have them, and where they name a file."""
