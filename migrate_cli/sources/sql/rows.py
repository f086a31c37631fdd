"""A row of a database becomes a wire message, with the columns found or named. Pure.

What a flat message is, `shapes/flat.py` knows; here stand the columns and types that only databases have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType
from typing import Any
from uuid import UUID

from migrate_cli.bounds import is_too_deep, too_deep
from migrate_cli.errors import SourceError, closest
from migrate_cli.model import JsonObject
from migrate_cli.sources.columns import FIELDS, Columns
from migrate_cli.sources.dialect import Translator
from migrate_cli.sources.normalise import clean_id, text_part
from migrate_cli.sources.record_tables import untyped
from migrate_cli.sources.shapes.flat import wire_message
from migrate_cli.sources.texts import value_in
from migrate_cli.sources.times import unix_seconds
from migrate_cli.sources.values import document

OWN_FIELDS: dict[str, tuple[str, ...]] = {
    "order": ("order", "position", "seq", "sequence", "ordinal", "messageindex", "sortorder", "turn"),
    "attachments": ("attachments",),
    "status": ("status",),
    "thread_created_at": ("threadcreatedat", "conversationcreatedat"),
    "thread_metadata": ("threadmetadata", "conversationmetadata"),
}
"""Fields beside the flat ones, and the column names (letters and digits only, lower case) that mean each."""
ALIASES = {"id": "message_id", "thread": "thread_id", "time": "created_at"}
_STATUSES = frozenset({"completed", "in_progress", "incomplete"})


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One row, read."""

    thread_id: str | None
    message: JsonObject | None
    """None for a row that only tells of its thread."""
    thread: JsonObject
    """What the row says of its thread, in wire form."""
    key: tuple[Any, ...]
    """What the row is ordered by within its thread, in values that can be compared for equality."""


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Which column holds which field."""

    flat: Mapping[str, str]
    own: Mapping[str, str] = field(default_factory=dict)
    plain_text: bool = False
    """True where the user named a column of text: it is never treated as JSON."""

    def column(self, name: str) -> str | None:
        """The column of a field."""
        return self.flat.get(name) or self.own.get(name)


def find_columns(columns: Sequence[str], named: Mapping[str, str], where: str) -> ColumnMap:
    """Match columns with fields. Raises SourceError that says which field has no column, and how to name one."""
    wanted = {ALIASES.get(name, name): column for name, column in named.items()}
    for name in wanted:
        _check_field(name)
    for name, column in wanted.items():
        if column not in columns:
            raise SourceError(
                f"{where} has no column {column}, which source.columns names for {name}. It has {_listed(columns)}.",
                code="unknown-column",
            )
    content = wanted.pop("content", None)
    flat_named = {name: column for name, column in wanted.items() if name in FIELDS}
    if content is not None:
        flat_named["text"] = content
    own = _own_columns(columns, {name: column for name, column in wanted.items() if name in OWN_FIELDS}, flat_named)
    left = [column for column in columns if column not in own.values()]
    table = Columns(flat_named)
    missing = table.missing(left)
    if missing:
        raise SourceError(
            f"{where} has no column for {' and '.join(missing)}. It has {_listed(columns)}. "
            f"Name the right ones: source.columns: {{{', '.join(f'{name}: COLUMN' for name in missing)}}}.",
            code="missing-column",
        )
    return ColumnMap(table.found(left), own, plain_text="text" in wanted)


def fits(columns: Sequence[str]) -> bool:
    """Whether a table with these columns can be read without naming any."""
    return Columns().fit(columns)


class RowReader:
    """Reads the rows of one query."""

    def __init__(self, columns: Sequence[str], found: ColumnMap, translator: Translator) -> None:
        self._names, self._found = list(columns), found
        self._translator = translator
        self._own = set(found.own.values())

    def entries(self, row: Sequence[Any]) -> list[MessageRow]:
        """Read one row."""
        values = _of_document(plain_values(self._names, row))
        flat = {name: value for name, value in values.items() if name not in self._own}
        columns = self._found.flat
        message = wire_message(flat, columns, self._translator.roles)
        if self._found.plain_text and isinstance(message["content"], str):
            message["content"] = [text_part(message["content"])]
        if not isinstance(message["role"], str | None):
            # A number that nobody named: as text it is an unknown role, which conversion tells of.
            message["role"] = str(message["role"])
        self._add_own(message, values)
        message = self._translator.finished(message)
        thread_id = clean_id(values[columns["thread_id"]])
        message["thread_id"] = thread_id
        return [MessageRow(thread_id, message, self._thread(values), self._key(values))]

    def _add_own(self, message: JsonObject, values: Mapping[str, Any]) -> None:
        """Add what flat rows do not have; what cannot be treated as it becomes metadata, so that none is lost."""
        for name in ("attachments", "status"):
            column = self._found.own.get(name)
            value = None if column is None else values[column]
            if value in (None, "", [], "[]"):
                continue
            attached = _parsed(value) if name == "attachments" else None
            if isinstance(attached, list):
                message["attachments"] = attached
            elif name == "status" and value in _STATUSES:
                message["status"] = value
            else:
                message["metadata"] = {**message.get("metadata", {}), str(column): str(value)}

    def _thread(self, values: Mapping[str, Any]) -> JsonObject:
        facts = {}
        for name, wire in (("thread_created_at", "created_at"), ("thread_metadata", "metadata")):
            column = self._found.own.get(name)
            if column is not None and values[column] not in (None, ""):
                facts[wire] = _pairs(column, values[column]) if wire == "metadata" else values[column]
        return facts

    def _key(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        columns = (self._found.column("order"), self._found.column("created_at"))
        return tuple(repr(values[column]) for column in columns if column is not None)


def _of_document(values: JsonObject) -> JsonObject:
    """Return a row, of a document whose values say their types its plain values."""
    record = untyped(values)
    read = record if record is values else document(record)
    return {name: read.get(name) for name in values} if type(read) is dict else values


def rows_of(records: Sequence[JsonObject], key: tuple[Any, ...], thread_id: str | None = None) -> list[MessageRow]:
    """Return the messages among the wire objects that a row means, each with what the thread's own objects tell.

    A row of a thread without messages still tells that there is one. Messages that name no thread are of `thread_id`.
    """
    threads = [record for record in records if record.get("object") == "thread"]
    facts = {name: record[name] for record in threads for name in ("created_at", "metadata") if record.get(name)}
    messages = [record for record in records if record.get("object") != "thread"]
    rows = [
        MessageRow(clean_id(message.get("thread_id")) or thread_id, message, facts, (*key, place))
        for place, message in enumerate(messages)
    ]
    if rows or not threads:
        return rows
    return [MessageRow(clean_id(threads[0].get("id")) or thread_id, None, facts, key)]


def plain_values(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """Return a row by its columns, in values as JSON has them. Raises SourceError for one that is nested too deep."""
    values = {name: plain(value) for name, value in zip(names, row, strict=False)}
    if deep := [name for name, value in values.items() if is_too_deep(value)]:
        raise SourceError(f"A row has in the column {deep[0]} JSON {too_deep()}.", code="json-too-deep")
    return values


def plain(value: Any) -> Any:
    """Return a database's value as JSON has it: times as unix seconds, uuids and bytes as texts."""
    for kinds, convert in _PLAIN:
        if isinstance(value, kinds):
            return convert(value)
    return str(value)


def _seconds(value: datetime) -> float | None:
    """Unix seconds; a time without a zone is taken as UTC."""
    return unix_seconds((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _text_of(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.hex()


_PLAIN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((NoneType, str, int, float, list, dict), lambda value: value),
    (datetime, _seconds),
    (date, date.isoformat),
    (Decimal, _number),
    (UUID, str),
    ((bytes, bytearray, memoryview), lambda value: _text_of(bytes(value))),
)
"""How values of a driver's types become JSON; the first that fits."""


def _own_columns(columns: Sequence[str], named: Mapping[str, str], flat_named: Mapping[str, str]) -> dict[str, str]:
    """Named ones first, then those recognised by name, unless another field has them."""
    found = dict(named)
    plain_names = {re.sub(r"[^a-z0-9]", "", column.lower()): column for column in reversed(columns)}
    taken = {*named.values(), *flat_named.values()}
    for name, known in OWN_FIELDS.items():
        there = [plain_names[one] for one in known if one in plain_names and plain_names[one] not in taken]
        if there and name not in found:
            found[name] = there[0]
    return found


def _check_field(name: str) -> None:
    known = [*FIELDS, "content", *OWN_FIELDS]
    if name not in known:
        close = closest(name, known)
        hint = f"; did you mean {close}?" if close else ""
        raise SourceError(
            f"source.columns names no field {name}{hint}. Fields are {', '.join(known)}.", code="unknown-column"
        )


def _parsed(value: Any) -> Any:
    return value_in(value) if isinstance(value, str) else value


def _pairs(column: str, value: Any) -> JsonObject:
    parsed = _parsed(value)
    return parsed if isinstance(parsed, dict) else {column: str(value)}


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns[:30]) + (" …" if len(columns) > 30 else "") if columns else "no columns"
