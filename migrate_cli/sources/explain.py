"""Shows what becomes of the fields of a record: which name it has on the wire, and what that turns into. Pure.

Values are shown by their form only, never as they are. It compares a record with its translation; it must not make
one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.secrets import scrub
from migrate_cli.sources import wire_fields
from migrate_cli.sources.evidence import form_of
from migrate_cli.sources.record_kinds import RecordKind, kind_of

RECORDS = 3
"""Records of each kind that are shown."""
MOST_FIELDS = 100
_LOOKED_AT = 2_000
"""Values of a document that are looked through for records."""
_LONG = 40

LEFT_OUT = "left out, and counted (convert.unknown_fields)"
NOTHING = "nothing: it is empty"
_BECOMES = {
    "id": "the id",
    "object": "nothing: it says what the record is",
    "thread_id": "the thread's id",
    "created_at": "the time",
    "role": "the role",
    "content": "the parts",
    "attachments": "attachments",
    "file_ids": "attachments",
    "metadata": "metadata",
    "status": "the status",
    "incomplete_details": "why it is incomplete",
    "assistant_id": "the assistant",
    "run_id": "the run",
    "tool_resources": "tool resources, in the state file",
    "step_details": "tool calls, or which message was made",
    "type": "the kind of step",
    "messages": "the messages",
    "runs": "the runs",
    "run_steps": "the run steps",
    "steps": "the run steps",
    "thread": "the thread's own object",
    "order": "the order",
    "thread_created_at": "the thread's time",
    "thread_metadata": "the thread's metadata",
}
_KNOWN = {
    RecordKind.MESSAGE: wire_fields.MESSAGE,
    RecordKind.THREAD: wire_fields.THREAD | {"messages", "runs", "run_steps", "steps", "thread"},
    RecordKind.RUN: wire_fields.RUN,
    RecordKind.STEP: wire_fields.STEP,
}


@dataclass(frozen=True, slots=True)
class FieldShown:
    """One field of a record."""

    field: str
    form: str
    """The form of its value."""
    wire: str
    """The name that it has on the wire; empty where it has none."""
    became: str

    def as_dict(self) -> JsonObject:
        """The field as JSON."""
        return {"field": self.field, "form": self.form, "wire": self.wire or None, "became": self.became}


@dataclass(frozen=True, slots=True)
class RecordShown:
    """One record, by what it is."""

    kind: str
    fields: tuple[FieldShown, ...]

    def as_dict(self) -> JsonObject:
        """The record as JSON."""
        return {"kind": self.kind, "fields": [one.as_dict() for one in self.fields]}


@dataclass(frozen=True, slots=True)
class Explanation:
    """How one file, or one table, is read."""

    place: str
    shape: str
    records: tuple[RecordShown, ...]
    frame: tuple[str, ...] = ()
    """Fields beside the records."""

    def as_dict(self) -> JsonObject:
        """The explanation as JSON."""
        records = [record.as_dict() for record in self.records]
        return {"place": self.place, "shape": self.shape, "frame": list(self.frame), "records": records}


def explained(value: Any, wire: Callable[[Any], Any]) -> tuple[RecordShown, ...]:
    """Return the first records of each kind in a value as it was parsed; `wire` gives the wire object or objects."""
    shown: dict[RecordKind, list[RecordShown]] = {}
    for raw in _objects(value):
        found = wire(raw)
        if isinstance(found, list) and any(isinstance(entry, list) for entry in raw.values()):
            continue  # it only holds records, which follow
        records = [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]
        kind = kind_of(records[0]) if records else None
        if kind in _KNOWN and kind is not None and len(met := shown.setdefault(kind, [])) < RECORDS:
            met.append(record_shown(raw, records, kind))
    return tuple(one for met in shown.values() for one in met)


def record_shown(raw: JsonObject, records: list[JsonObject], kind: RecordKind) -> RecordShown:
    """Return what became of each field of a record that stands for these wire objects."""
    fields = [_field(name, value, records, kind) for name, value in list(raw.items())[:MOST_FIELDS]]
    return RecordShown(kind.value if len(records) == 1 else f"{len(records)} {kind.value}s", tuple(fields))


def named_shown(kind: str, names: Mapping[str, str], row: Mapping[str, Any]) -> RecordShown:
    """Return a row of which the fields were found by their columns (column → field)."""
    fields = []
    for column, value in row.items():
        wire = names.get(column, "")
        became = _becomes(wire) if wire else "metadata"
        fields.append(FieldShown(scrub(column), form(value), wire, became if wire_fields.carries(value) else NOTHING))
    return RecordShown(kind, tuple(fields))


def _field(name: str, value: Any, records: list[JsonObject], kind: RecordKind) -> FieldShown:
    if not wire_fields.carries(value):
        return FieldShown(scrub(name), form(value), name if name in _KNOWN[kind] else "", NOTHING)
    wire = next((found for one in records if (found := _wire_name(name, value, one))), "")
    inside = any(name in one["metadata"] for one in records if isinstance(one.get("metadata"), dict))
    if wire in _KNOWN[kind]:
        became = _becomes(wire)
    elif inside:
        wire, became = "metadata", "metadata"
    else:
        became = LEFT_OUT if wire else "read by its dialect"
    return FieldShown(scrub(name), form(value), scrub(wire), became)


def _becomes(wire: str) -> str:
    return _BECOMES.get(wire, "nothing: no conversation has it")


def _wire_name(name: str, value: Any, record: JsonObject) -> str | None:
    """Return the name that a field has in the translated record: the same, one spelled alike, or that of its value."""
    if name in record:
        return name
    plain = _plain(name)
    alike = next((one for one in record if _plain(one) == plain), None)
    if alike is not None:
        return alike
    return next((one for one, entry in record.items() if entry is value or (entry == value and value != "")), None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def form(value: Any) -> str:
    """Return the form of a value, and how long it is where it is long."""
    if isinstance(value, str) and len(value) > _LONG:
        return f"a text of {len(value):,} characters"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if isinstance(value, dict):
        return f"an object with {len(value):,} fields"
    return form_of(value) if value != "" else "an empty text"


def _objects(value: Any) -> Iterator[JsonObject]:
    """Yield the objects in a value, outer ones first; not all of a large one."""
    waiting = [value]
    for _ in range(_LOOKED_AT):
        if not waiting:
            return
        here = waiting.pop(0)
        if isinstance(here, dict):
            yield here
            waiting += [entry for entry in here.values() if isinstance(entry, dict | list)]
        elif isinstance(here, list):
            waiting += [entry for entry in here[: 10 * RECORDS] if isinstance(entry, dict | list)]
