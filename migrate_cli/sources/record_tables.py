"""Tables whose rows are records of a dialect, or threads with their messages inside: told by their columns. Pure.

A flat message a row is no business of this module, and what a record means the translator says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.columns import Columns
from migrate_cli.sources.dialects import exchange
from migrate_cli.sources.spelling import plain_name
from migrate_cli.sources.texts import value_in

_MARKS = frozenset({"object", "parts", "toolcalls", "toolcallid", "functioncall", "callid", "kwargs"})
"""Columns, in lower case and without marks, that only records of a dialect have, a message of the API among them."""
_LANGCHAIN = frozenset({"type", "data"})
_HISTORIES = frozenset(
    {"messages", "history", "turns", "transcript", "dialog", "dialogue", "msgs", "exchanges", "messagelist"}
    | {"chathistory", "messagehistory", "conversationhistory", "threadmessages"}
)
"""Columns that hold the messages of a thread."""
_TEXTS = frozenset(
    {"text", "content", "message", "body", "value", "messagetext", "output", "arguments", "input"}
    | {plain_name(name) for name in (*exchange.PROMPTS, *exchange.ANSWERS)}
)
"""Columns that hold what somebody wrote: it may look like JSON and is none, so that only lists of parts are read."""
_TYPED = frozenset({"S", "N", "BOOL", "NULL", "L", "M", "SS", "NS", "B"})


def holds_records(columns: Iterable[str]) -> bool:
    """Whether a table with these columns has a record of a dialect, or a thread, in each row."""
    there = list(columns)
    plain = {plain_name(column) for column in there}
    if thread_column(there) is None:
        return False
    if not plain.isdisjoint(_MARKS) or plain >= _LANGCHAIN or _holds_threads(plain):
        return True
    return exchange.matches({plain_name(column): "x" for column in there})


def thread_column(columns: Sequence[str]) -> str | None:
    """Return the column that names a row's thread: for a table of threads that may be its own id."""
    found = Columns().found(columns)
    plain = {plain_name(column) for column in columns}
    return found.get("thread_id") or (found.get("message_id") if _holds_threads(plain) else None)


def _holds_threads(plain: set[str]) -> bool:
    return not plain.isdisjoint(_HISTORIES) and "role" not in plain


def decoded(row: JsonObject) -> JsonObject:
    """Return the record of a row: lists and objects that cells hold as text are read, and empty cells left out.

    Texts of people stay texts; an empty one counts where somebody said it.
    """
    typed = untyped(row)
    if typed is not row:
        return typed
    said = any(plain_name(column) == "role" and value for column, value in row.items())
    return {
        column: value if plain_name(column) in _TEXTS else _cell(value)
        for column, value in row.items()
        if value not in (None, "") or (said and plain_name(column) in _TEXTS)
    }


def untyped(row: JsonObject) -> JsonObject:
    """Return a row of which every cell is a value of DynamoDB with its type as a record; any other as it is."""
    if not any(type(value) is str and value.startswith('{"') for value in row.values()):
        return row
    cells = {column: _cell(value) for column, value in row.items() if value not in (None, "")}
    return cells if cells and all(map(_is_typed, cells.values())) else row


def _cell(value: Any) -> Any:
    if type(value) is not str or value.lstrip()[:1] not in ("[", "{"):
        return value
    read = value_in(value)
    return value if read is None else read


def _is_typed(value: Any) -> bool:
    """Whether a cell is a value of DynamoDB with its type."""
    return type(value) is dict and len(value) == 1 and not _TYPED.isdisjoint(value)
