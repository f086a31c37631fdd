"""`thread-array` and `thread-lines`: many threads with their messages inside, in one array or one a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.record_kinds import RecordKind, kind_of
from migrate_cli.sources.shapes.base import Form, Loose, Piece, Shape, beside
from migrate_cli.sources.shapes.thread_file import (
    ThreadFile,
    assistant_keys,
    assistants_beside,
    threads_apart,
    whole_thread,
)

_THREAD = ThreadFile()


class ThreadArray(Shape):
    """`[{"thread", "messages"}, …]` or `{"threads": […]}`."""

    name = "thread-array"
    description = "a JSON array of threads with their messages inside"
    whole = True
    batch = 1

    def matches(self, value: Any) -> bool:
        """Recognise an array whose first object is a thread with messages."""
        threads = _threads(value)
        first = next((thread for thread in threads if isinstance(thread, dict) and not _is_assistant(thread)), None)
        return _THREAD.matches(first)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give one thread after the other, then the assistants beside them."""
        for thread in _threads(value):
            if _is_assistant(thread):
                yield Loose(RecordKind.ASSISTANT, [thread])
            elif isinstance(thread, dict):
                yield from assistants_beside(thread)
                yield from threads_apart(whole_thread(thread))
        if isinstance(value, dict):
            yield from assistants_beside(value)

    def frame(self, value: Any) -> list[str]:
        """Return what is next to the list of threads."""
        return beside(value, frozenset({"threads", *assistant_keys(value)}))


def _is_assistant(value: Any) -> bool:
    return kind_of(value) is RecordKind.ASSISTANT and "messages" not in value


def _threads(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = value.get("threads")
    return value if isinstance(value, list) else []


class ThreadLines(Shape):
    """JSON Lines of what `thread-file` holds."""

    name = "thread-lines"
    description = "JSON Lines with one thread per line, its messages inside"
    form = Form.LINES
    whole = True
    document = ThreadFile.name

    def matches(self, value: Any) -> bool:
        """Recognise a thread with messages."""
        return _THREAD.matches(value)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the thread of one line, or an assistant among the threads; nothing where it is none."""
        if _is_assistant(value):
            yield Loose(RecordKind.ASSISTANT, [value])
        if _THREAD.matches(value):
            yield from assistants_beside(value)
            yield from threads_apart(whole_thread(value))
