"""`thread-file`: one object with a thread's messages, runs and run steps, or a thread object that holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.record_kinds import RecordKind, is_list_answer, kind_of
from migrate_cli.sources.shapes.base import (
    MORE_RUNS,
    Loose,
    Piece,
    Shape,
    Whole,
    beside,
    loose_pieces,
    said_more,
    thread_id_in,
)
from migrate_cli.sources.wire_fields import THREAD, carries

_LISTS = ("messages", "runs", "run_steps", "steps")
_PAGE = ("has_more", "first_id", "last_id")
"""What tools leave of a list answer whose entries they took out."""
_IDENTITY = ("id", "object", "thread_id")
_ASSISTANTS = ("assistants", "assistant")
_KNOWN = THREAD.union(_LISTS, _PAGE, ["thread"])


class ThreadFile(Shape):
    """`{"thread": {…}, "messages": […], "runs": […], "run_steps": […]}`; the thread's keys may be at the top."""

    name = "thread-file"
    description = 'one thread per object: {"thread", "messages", "runs", "run_steps"}, or a thread with "messages"'
    whole = True

    def matches(self, value: Any) -> bool:
        """Recognise an object with `messages`, as a list or as a list answer."""
        if type(value) is not dict or "messages" not in value:
            return False
        messages = value["messages"]
        return messages is None or type(messages) is list or is_list_answer(messages)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the one thread, or those that its messages name; what a fragment became is loose."""
        if isinstance(value, list):
            yield from loose_pieces(value)
            return
        yield from assistants_beside(value)
        if _is_frame(value):
            value = {key: entry for key, entry in value.items() if key in _KNOWN}
        yield from threads_apart(whole_thread(value))

    def frame(self, value: Any) -> list[str]:
        """Return what is next to the messages where the object itself is not a thread's."""
        known = _KNOWN.union(assistant_keys(value))
        return beside(value, known) if isinstance(value, dict) and _is_frame(value) else []


def _is_frame(value: JsonObject) -> bool:
    """Whether nothing says that the fields beside the messages are a thread's, so that they are the file's."""
    return value.get("object") is None and not any(value.get(name) for name in ("thread", "id", "thread_id"))


def assistants_beside(value: JsonObject) -> Iterator[Loose]:
    """Give the assistant objects that are next to threads or their messages."""
    for name in assistant_keys(value):
        yield Loose(RecordKind.ASSISTANT, assistants_of(value[name]))


def assistant_keys(value: Any) -> list[str]:
    """Return the keys of an object under which assistants stand."""
    if not isinstance(value, dict):
        return []
    return [name for name in _ASSISTANTS if name in value and assistants_of(value[name])]


def assistants_of(value: Any) -> list[Any]:
    """Return the assistants of a list or of a list answer, or the one that a value is; nothing of other kinds."""
    entries = [value] if isinstance(value, dict) and not is_list_answer(value) else entries_of(value)[0]
    return entries if all(kind_of(entry) is RecordKind.ASSISTANT for entry in entries) else []


def whole_thread(value: JsonObject) -> Whole:
    """Return the thread of an object that holds its messages."""
    thread = value.get("thread")
    read = {*_LISTS, "thread", *assistant_keys(value)}
    fields = {key: value[key] for key in value if key not in read}
    beside_list = {key: fields.pop(key) for key in _PAGE if key in fields}
    if not isinstance(thread, dict):
        named = clean_id(thread)
        thread = fields
        if named is not None:
            thread["id"] = named
    elif fields:
        thread = merged(thread, {key: entry for key, entry in fields.items() if key not in _IDENTITY})
    messages, api_page = entries_of(value.get("messages"))
    runs, _ = entries_of(value.get("runs"))
    steps, _ = entries_of(value.get("run_steps") or value.get("steps"))
    nested = [step for run in runs if isinstance(run, dict) for step in entries_of(run.get("steps"))[0]]
    own = thread.get("id") if isinstance(value.get("thread"), dict) else None
    known = clean_id(own) or clean_id(value.get("thread_id")) or clean_id(thread.get("id"))
    thread_id = known or thread_id_in(messages)
    has_more = said_more(value["messages"]) if api_page else said_more(beside_list)
    pages = [
        value.get("runs"),
        value.get("run_steps"),
        value.get("steps"),
        *(run.get("steps") for run in runs if isinstance(run, dict)),
    ]
    remarks = (MORE_RUNS,) if any(said_more(page) for page in pages) else ()
    return Whole(thread_id, messages, thread, runs, [*steps, *nested], api_page, remarks, has_more)


def threads_apart(whole: Whole) -> Iterator[Whole]:
    """Give a thread for each that the messages name, where they name several; messages that name none stay with it."""
    named = {raw["thread_id"] for raw in whole.messages if type(raw) is dict and type(raw.get("thread_id")) is str}
    if len(named) < 2:
        yield whole
        return
    apart: dict[str | None, Whole] = {}
    if whole.thread_id is not None and whole.thread_id not in named and carries(whole.thread):
        apart[whole.thread_id] = replace(whole, messages=[], runs=[], steps=[])
    for kind in ("messages", "runs", "steps"):
        for raw in getattr(whole, kind):
            thread_id = clean_id(raw.get("thread_id")) if isinstance(raw, dict) else None
            thread_id = whole.thread_id if thread_id is None else thread_id
            if thread_id not in apart:
                own = whole.thread if thread_id == whole.thread_id else {}
                apart[thread_id] = replace(whole, thread_id=thread_id, thread=own, messages=[], runs=[], steps=[])
            getattr(apart[thread_id], kind).append(raw)
    yield from apart.values()


def merged(thread: JsonObject, other: JsonObject) -> JsonObject:
    """Return a thread's object with the fields of another that tells of it: its own win, and no other is lost."""
    if not thread or not other:
        return thread or other
    joined = {name: entry for name, entry in thread.items() if carries(entry)}
    for name, entry in other.items():
        if carries(entry) and joined.get(name) != entry and (name not in _IDENTITY or name not in joined):
            joined[name if name not in joined else f"{name} (once more)"] = entry
    return joined


def entries_of(value: Any) -> tuple[list[Any], bool]:
    """Return the entries of a list or of a list answer, and whether it was the latter."""
    if is_list_answer(value):
        return value["data"], True
    return (value, False) if isinstance(value, list) else ([], False)
