"""`threads-by-id`: one object with a key for each thread, whose value is its messages or the thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.record_kinds import RecordKind, first_kind, is_list_answer
from migrate_cli.sources.shapes.base import Growth, Piece, Remark, Shape, Whole, said_more
from migrate_cli.sources.shapes.thread_file import ThreadFile, entries_of, threads_apart, whole_thread

_THREAD = ThreadFile()
_LOOK_AT = 20


class ThreadsById(Shape):
    """`{"thread_…": [message, …], …}`."""

    name = "threads-by-id"
    description = 'one object with a key for each thread: {"thread_id": [messages]}'
    whole = True
    growth = Growth.PAIRS

    def matches(self, value: Any) -> bool:
        """Recognise an object all of whose values are lists of messages, and not all of them empty or nameless."""
        if type(value) is not dict or not value:
            return False
        first = list(islice(value.items(), _LOOK_AT))
        if not all(_is_history(history) for _, history in first):
            return False
        return any(history for _, history in first) or all(key.startswith("thread_") for key, _ in first)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give one thread after the other, by the key's id."""
        for key, history in value.items():
            if _THREAD.matches(history):
                whole = whole_thread(history)
                whole.thread_id = whole.thread_id or key
                yield from threads_apart(whole)
            elif isinstance(history, list) or is_list_answer(history):
                messages, api_page = entries_of(history)
                more = said_more(history) if api_page else None
                yield from threads_apart(_named(Whole(key, messages, api_page=api_page, has_more=more)))
            elif isinstance(history, dict):
                # No history after all: as an entry of its thread it is told of, and not lost.
                yield Whole(key, [history])


def _named(whole: Whole) -> Whole:
    """Return a thread under the id that its messages agree on, where that is not the key's."""
    named = {clean_id(raw.get("thread_id")) for raw in whole.messages if isinstance(raw, dict)}
    own = named.pop() if len(named) == 1 else None
    if own is None or own == whole.thread_id:
        return whole
    detail = f"It is under the key {whole.thread_id}, but its messages belong to {own}; the id in the messages is used."
    return replace(whole, thread_id=own, remarks=(*whole.remarks, Remark("thread-id-from-message", detail)))


def _is_history(value: Any) -> bool:
    if isinstance(value, list):
        return not value or first_kind(value) is RecordKind.MESSAGE
    return _THREAD.matches(value) or (is_list_answer(value) and _is_history(value["data"]))
