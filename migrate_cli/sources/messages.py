"""Brings one message to the wire's spelling: its names, its role, its content and its times. Pure.

What a message is worth, in which thread it belongs and what stands around it is no business of this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources import spelling
from migrate_cli.sources.app_formats import NO_APP, app_of_row, app_records
from migrate_cli.sources.columns import Columns
from migrate_cli.sources.dialects import wire_messages
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.roles import Roles
from migrate_cli.sources.spelling import respelled
from migrate_cli.sources.spellings_met import SpellingsMet
from migrate_cli.sources.texts import parts_in, value_in
from migrate_cli.sources.times import seconds_by
from migrate_cli.sources.values import unwrapped

_TIMES = ("created_at", "completed_at", "incomplete_at", "started_at", "cancelled_at", "failed_at", "expired_at")
_JSON_FIELDS = ("metadata", "attachments", "file_ids", "tool_calls", "function_call", "parts", "additional_kwargs")
"""Fields of a message where a list or an object belongs, which tables hold as text."""
MOST_KEYS = 200
"""An object with more keys is not a record, but one entry for each of many."""
_PLAIN_PARTS = frozenset({"text", "image_file", "image_url", "refusal"})


class MessageTranslator:
    """Translates single messages by the settings of one source."""

    def __init__(self, roles: Roles, columns: Columns, time_format: str | None, app: str | None) -> None:
        self.app = app
        """The app whose rows these are, where the user says it; None tells it by the columns."""
        self.roles = roles
        self.columns = columns
        self._time_format = time_format
        self.met = SpellingsMet()

    @property
    def leaves_records(self) -> bool:
        """Whether the settings have no say in records that are spelt as the wire has them."""
        return self.app is None and self._time_format is None

    def finished(self, message: JsonObject) -> JsonObject:
        """Return a wire message with its role, its content and its times as the wire has them."""
        role, content = message.get("role"), message.get("content")
        changes: JsonObject = {}
        if not self._is_plain(role) and (meant := self.roles.meaning(role)) != role:
            changes["role"] = meant
        said = self._content(content)
        if said is not content:
            changes["content"] = said
        thread = message.get("thread_id")
        if thread is not None and type(thread) is not str and (named := clean_id(thread)) is not None:
            changes["thread_id"] = named
        changes |= self.times(message)
        return {**message, **changes} if changes else message

    def fits_row(self, raw: Any) -> bool:
        """Whether a record is a flat row, which the flat shapes read with its columns as they are."""
        if type(raw) is not dict or "object" in raw or len(raw) > MOST_KEYS or not self.columns.fit(raw):
            return False
        return type(raw[self.columns.found(raw)["text"]]) not in (list, dict)

    def of_app(self, raw: JsonObject) -> list[JsonObject] | None:
        """Return the wire objects that a row of an app means; None for any other record."""
        if self.app == NO_APP or (self.app is None and app_of_row(raw) is None):
            return None
        found = app_records(unwrapped(raw), self.app)
        return None if found is None else [self.finished(record) for record in found]

    def read(self, raw: JsonObject, *, row: bool) -> list[JsonObject] | None:
        """Return the wire messages of a record, or None for what is none; a flat `row` is left to its shapes."""
        spelled: JsonObject = respelled(raw, spelling.MESSAGE)
        found = self.columns.found(raw) if row or "role" not in spelled or "content" not in spelled else {}
        if row and "thread_id" not in spelled and (column := found.get("thread_id")) in spelled:
            spelled = {("thread_id" if key == column else key): value for key, value in spelled.items()}
        spelled = self._read_texts(spelled)
        read = wire_messages(spelled)
        if read is None:
            spelled = with_wire_names(spelled, found)
            read = wire_messages(spelled)
        if read is None or not read[1]:
            return None
        if row and read[0] in _PLAIN_DIALECTS and self.fits_row(raw):
            return None
        if row and read[0] == "chat" and self.fits_row(raw) and not _tells_calls(spelled):
            return None
        messages = [self.finished(_completed(message, self.columns)) for message in read[1]]
        self.met.note(raw, read[0], messages[0])
        return messages

    def _read_texts(self, message: JsonObject) -> JsonObject:
        """Return a message with the lists and objects that it holds as text."""
        changes: JsonObject = {}
        for key in _JSON_FIELDS:
            text = message.get(key)
            if type(text) is str and (value := value_in(text)) is not None:
                changes[key] = value
        content = message.get("content")
        if type(content) is str and content[:1] in _BEGINS_LIST and (parts := parts_in(content)) is not None:
            changes["content"] = respelled(parts, spelling.PART)
        return {**message, **changes} if changes else message

    def _content(self, content: Any) -> Any:
        if type(content) is str:
            parts = parts_in(content) if content[:1] in _BEGINS_LIST else None
            return content if parts is None else self._content(respelled(parts, spelling.PART))
        if type(content) is list:
            for part in content:
                if type(part) is dict and not _is_wire_part(part):
                    return [one for entry in content for one in _parts(entry)]
        elif type(content) is int or type(content) is float:
            return str(content)
        return content

    def times(self, record: JsonObject) -> JsonObject:
        """Return the times of a record that `source.time_format` reads."""
        if self._time_format is None:
            return {}
        read = {key: seconds_by(record[key], self._time_format) for key in _TIMES if type(record.get(key)) is str}
        return {key: seconds for key, seconds in read.items() if seconds is not None}

    def is_wire(self, raw: Any) -> bool:
        """Whether a value is a message as the API spells it. This is asked of every message, so it looks at little."""
        if type(raw) is not dict or raw.get("object") != "thread.message" or not raw.keys() <= _MESSAGE_KEYS:
            return False
        if not self._is_plain(raw.get("role")) or type(raw.get("content")) is not list:
            return False
        if not _HOLDERS.isdisjoint(map(type, map(raw.get, _SIMPLE))):
            return False
        if self._time_format is not None and type(raw.get("created_at")) is str:
            return False
        for part in raw["content"]:  # noqa: SIM110 - `all` takes twice as long, and every message that is read is asked
            if type(part) is not dict or not _is_wire_part(part):
                return False
        return True

    def _is_plain(self, role: Any) -> bool:
        return role is None or (type(role) is str and role in self.roles.plain)


_BEGINS_LIST = ("[", "{", '"', " ", "\n", "T", "M", "I")
"""What a text may begin with that is a list of parts after all: JSON, or the objects of an SDK."""
_PLAIN_DIALECTS = frozenset({"wire", "flat", "exchange"})
_MESSAGE_KEYS = spelling.MESSAGE.known
_PART_KEYS = spelling.PART.known
_TEXT_KEYS = frozenset({"value", "annotations"})
_HOLDERS = frozenset({dict, list})
_SIMPLE = ("id", "created_at", "thread_id", "run_id", "assistant_id")


def _is_wire_part(part: JsonObject) -> bool:
    text = part.get("text")
    if type(text) is dict:
        if part.get("type") != "text" or not text.keys() <= _TEXT_KEYS or not part.keys() <= _PART_KEYS:
            return False
        annotations = text.get("annotations")
        return not annotations or respelled(annotations, spelling.PART.inside["annotations"]) is annotations
    kind = part.get("type")
    return type(kind) is str and kind in _PLAIN_PARTS and part.keys() <= _PART_KEYS and type(text) is not list


def _parts(part: Any) -> list[Any]:
    """Return a part with its type where it only shows it, and one for each text of a list of them."""
    if type(part) is not dict:
        return [part]
    part = respelled(part, spelling.PART)
    if type(part.get("text")) is list:
        return [{**part, "text": text} for text in part["text"]]
    if "type" not in part:
        kind = next((key for key in ("text", "image_file", "image_url", "refusal") if key in part), None)
        if kind is None and set(part) <= _TEXT_KEYS and "value" in part:
            return [{"type": "text", "text": part}]
        return [part if kind is None else {"type": kind, **part}]
    return [part]


def _tells_calls(message: JsonObject) -> bool:
    """Whether a row says more than a text: calls of tools, or the answer of one."""
    if str(message.get("role")).lower() in ("tool", "function"):
        return True
    return any(message.get(key) for key in ("tool_calls", "function_call", "refusal", "audio"))


def with_wire_names(message: JsonObject, found: Mapping[str, str], *, thread: bool = False) -> JsonObject:
    """Return a message with the names that rows have for its fields replaced by the wire's, where those are free."""
    renamed: dict[str, str] = {}
    for field, wire in _WIRE_FIELDS.items():
        column = found.get(field)
        if column is None or column not in message or (field == "thread_id" and not thread):
            continue
        if message.get(wire) is None and _fits(field, message[column]):
            renamed[column] = wire
    if not renamed:
        return message
    free = {wire for wire in renamed.values() if wire in message}
    return {renamed.get(key, key): value for key, value in message.items() if key not in free}


_WIRE_FIELDS = {
    "role": "role",
    "text": "content",
    "created_at": "created_at",
    "message_id": "id",
    "assistant_id": "assistant_id",
    "run_id": "run_id",
    "file_ids": "file_ids",
    "metadata": "metadata",
    "thread_id": "thread_id",
}
_HOLDS: dict[str, tuple[type, ...]] = {
    "role": (str, int),
    "text": (str, list, int, float),
    "created_at": (str, int, float),
    "message_id": (str, int),
    "assistant_id": (str,),
    "run_id": (str,),
    "file_ids": (list,),
    "metadata": (dict,),
    "thread_id": (str, int),
}


def _fits(field: str, value: Any) -> bool:
    return type(value) in _HOLDS[field]


_FACTS: tuple[str, ...] = ("created_at", "message_id", "assistant_id", "run_id")


def _completed(message: JsonObject, columns: Columns) -> JsonObject:
    """Return a message with the time and the id that it has under another name."""
    if message.keys() <= _MESSAGE_KEYS:
        return message
    found = columns.found(message)
    wanted = {field: found[field] for field in _FACTS if field in found}
    return with_wire_names(message, wanted)
