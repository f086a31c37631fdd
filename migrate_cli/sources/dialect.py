"""Brings the JSON of saved data to the wire's spelling, before anybody asks what it is. Pure.

It is applied once, where a parsed value enters. What is spelled like the wire already is given back as it is. It must
not tell shapes, order anything or drop anything: what it does not know stays as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources import containers, spelling, values
from migrate_cli.sources.columns import Columns
from migrate_cli.sources.messages import MOST_KEYS, MessageTranslator, with_wire_names
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.record_kinds import RecordKind, is_list_answer, kind_of
from migrate_cli.sources.roles import Roles
from migrate_cli.sources.spelling import Names, respelled
from migrate_cli.sources.texts import value_in
from migrate_cli.sources.wire_fields import carries

_NAMES_OF: dict[str, Names] = {
    "thread.run": spelling.RUN,
    "thread.run.step": spelling.STEP,
    "assistant": spelling.ASSISTANT,
    "file": spelling.FILE,
}
_NAMES_BY_PREFIX = {
    "run": spelling.RUN,
    "asst": spelling.ASSISTANT,
    "thread": spelling.THREAD,
    "file": spelling.FILE,
    "msg": spelling.MESSAGE,
}
_ENVELOPES = ("data", "message", "payload", "_source", "doc", "document", "body", "attributes", "json", "value")
"""Keys under which logs, search engines and document stores put the record itself."""


_THREAD_KEYS = frozenset({"thread", "messages", "runs", "run_steps", "steps"})
_HOLDERS = (dict, list)
_MOST_FIELDS = 10_000
"""An entry of a list with more names is not a record: nobody has so many fields, and looking at each takes long."""


class Translator:
    """Translates the values of one source; it holds nothing but settings."""

    def __init__(
        self,
        roles: Roles | None = None,
        columns: Columns | None = None,
        time_format: str | None = None,
        app: str | None = None,
    ) -> None:
        self.roles = roles or Roles()
        self._columns = columns or Columns()
        self._single = MessageTranslator(self.roles, self._columns, time_format, app)

    def value(self, value: Any) -> Any:
        """Return a document, a line's value or a recorded body in the wire's spelling; the same object if it was."""
        if type(value) is list:
            return self.records(value)
        return self._document(value) if type(value) is dict else value

    def met(self) -> tuple[str, ...]:
        """Return the spellings and dialects that were met since this was last asked."""
        return self._single.met.taken()

    def beside(self, raw: Any, wire: Any) -> list[str]:
        """Return the fields of a document that are next to its records, which its translation has no more."""
        if type(raw) is not dict or wire is raw or len(raw) > MOST_KEYS:
            return []
        if type(wire) is list:
            return containers.beside(raw, self.records, self._single.fits_row) or []
        if type(wire) is dict and wire.keys() < raw.keys():
            return [name for name, value in raw.items() if name not in wire and carries(value)]
        return []

    def records(self, raws: list[Any]) -> list[Any]:
        """Return the records of a list; one that means several messages becomes several."""
        for place, raw in enumerate(raws):
            if not self._single.is_wire(raw):
                return [*raws[:place], *(one for entry in raws[place:] for one in self._entry(entry))]
        return raws

    def finished(self, message: JsonObject) -> JsonObject:
        """Return a wire message with its role, its content and its times as the wire has them."""
        return self._single.finished(message)

    # Records

    def _document(self, raw: JsonObject) -> Any:
        return raw if self._is_wire_thread(raw) else self.thorough(raw)

    def _is_wire_thread(self, raw: JsonObject) -> bool:
        """Whether a document is a thread's object and its messages, all as the API has them: most are.

        What it says yes to, `thorough` gives back as it is.
        """
        thread, messages = raw.get("thread"), raw.get("messages")
        if type(thread) is not dict or type(messages) is not list or not raw.keys() <= _THREAD_KEYS:
            return False
        if not self._single.leaves_records or not thread.keys() <= spelling.THREAD.known or _holds_more(raw, thread):
            return False
        return all(map(self._single.is_wire, messages))

    def thorough(self, raw: JsonObject) -> Any:
        """Return any document in the wire's spelling; the same object if it was."""
        if self._single.is_wire(raw) or containers.is_recording(raw) or containers.is_exchange(raw):
            return raw
        if len(raw) <= MOST_KEYS:
            whole = values.document(raw)
            if type(whole) is list:
                return self.records(whole)
            if whole is not raw or containers.may_be_record(raw):
                found = self._record(whole)
                if found is not whole:
                    return containers.threads_apart(found)
                if containers.is_known(whole):
                    return containers.threads_apart(whole)
                raw = whole
        return containers.opened(raw, self.records, self._single.fits_row)

    def _entry(self, raw: Any) -> Sequence[Any]:
        """Return what one entry of a list means."""
        if type(raw) is list:
            messages = self._messages(raw)
            return [{"messages": messages}] if containers.are_messages(messages) else [raw]
        if type(raw) is not dict or len(raw) > _MOST_FIELDS:
            return [raw]
        whole = values.document(raw)
        if type(whole) is dict and len(whole) <= 3 and type(values.unwrapped(whole)) is not dict:
            return [whole]  # a value, such as a time, that a database wraps in an object, and no record
        found = whole if type(whole) is list else self._record(whole)
        return found if type(found) is list else [found]

    def _record(self, raw: JsonObject) -> Any:
        """Return a record of any kind; the same object where it is none that is known, or is spelled so already."""
        of_app = self._single.of_app(raw)
        if of_app is None:
            return self._record_of_no_app(raw)
        return of_app[0] if len(of_app) == 1 else of_app

    def _record_of_no_app(self, raw: JsonObject) -> Any:
        if self._single.is_wire(raw) or containers.is_exchange(raw):
            return raw
        named = raw.get("object", raw.get("Object"))
        if type(named) is str and named in _NAMES_OF:
            return self._plain_record(raw, _NAMES_OF[named])
        if named in (None, "list", "thread"):
            page = respelled(raw, spelling.LIST)
            if is_list_answer(page):
                data = self.records(page["data"])
                return page if data is page["data"] else {**page, "data": data}
        if named in (None, "thread") and (history := self._history(raw)) is not None:
            return history
        if named == "thread":
            return self._plain_record(raw, spelling.THREAD)
        return self._message_record(raw)

    def _message_record(self, raw: JsonObject) -> Any:
        plain = values.unwrapped(raw)
        messages = self._single.read(plain, row=True)
        if messages is not None:
            return messages[0] if len(messages) == 1 else messages
        if plain.get("object", plain.get("Object")) == "thread.message":
            return self._single.finished(respelled(plain, spelling.MESSAGE))
        if self._single.fits_row(plain):
            return plain
        if any(spelling.plain_name(key) == "stepdetails" for key in raw if type(key) is str):
            return self._plain_record(raw, spelling.STEP)
        found = self._enveloped(plain)
        if found is None and "object" not in raw:
            found = self._history(plain, anyhow=True)
        return self._named_by_id(plain) if found is None else found

    def _named_by_id(self, raw: JsonObject) -> JsonObject:
        """Return a record whose kind only its id tells; the same object where it tells none."""
        kind, mark, _ = str(raw.get("id", raw.get("_id", raw.get("Id")))).partition("_")
        wanted = _NAMES_BY_PREFIX.get(kind) if mark else None
        return raw if wanted is None else self._plain_record(raw, wanted)

    def _plain_record(self, raw: JsonObject, wanted: Names) -> Any:
        """Return a record with the wire's names; what a database wraps in an object, such as an id, as what it is."""
        record = respelled(values.unwrapped(raw), wanted)
        if type(record) is not dict:
            return record
        changes = self._single.times(record)
        changes |= _texts_read(record, wanted)
        if type(text := record.get("metadata")) is str and (read := value_in(text)) is not None:
            changes["metadata"] = read
        return {**record, **changes} if changes else record

    # Threads with their messages

    def _history(self, raw: JsonObject, *, anyhow: bool = False) -> JsonObject | None:
        """Return a thread that holds its messages, whatever they are under; None for anything else.

        With `anyhow`, the only list of messages counts, under whatever key, where a thread is named beside it.
        """
        if raw.keys() <= spelling.HISTORY.known:
            spelled = raw
        else:
            held = {key: value for key, value in raw.items() if type(value) is not list}
            spelled = {**raw, **values.unwrapped(held)} if held else raw
            spelled = self._renamed_thread(spelled)
        key = "messages" if "messages" in spelled else None
        if key is None:
            key = containers.history_key(spelled, self._messages, anyhow=anyhow and self._names_thread(spelled))
            if key is None:
                return None
        listed = containers.listed(spelled[key])
        if listed is None:
            return spelled if spelled[key] is None and key == "messages" else None
        messages = self._messages(listed)
        if not messages and listed:
            return None
        changes = self._parts_of_thread(spelled)
        if is_list_answer(spelled[key]):
            if messages is not spelled[key]["data"]:
                changes["messages"] = {**spelled[key], "data": messages}
        elif messages is not spelled[key]:
            changes["messages"] = messages
        if key != "messages":
            return {name: value for name, value in {**spelled, **changes}.items() if name != key}
        return {**spelled, **changes} if changes else spelled

    def _renamed_thread(self, raw: JsonObject) -> JsonObject:
        """Return a thread with the wire's names; `Messages` alone is an export tool's, which has a shape."""
        wanted = spelling.HISTORY
        if "Messages" in raw and not self._names_thread(raw):
            inner = {key: value for key, value in raw.items() if key != "Messages"}
            return {**respelled(inner, wanted), "Messages": raw["Messages"]}
        spelled: JsonObject = respelled(raw, wanted)
        if "thread_id" not in spelled and "id" not in spelled and "thread" not in spelled:
            column = self._columns.found(spelled).get("thread_id")
            if column is not None and clean_id(spelled[column]) is not None:
                spelled = {("thread_id" if key == column else key): value for key, value in spelled.items()}
        return spelled

    def _names_thread(self, raw: JsonObject) -> bool:
        found = self._columns.found(raw)
        named = [raw[found[name]] for name in ("thread_id", "message_id") if name in found]
        return any(type(value) is dict or clean_id(value) is not None for value in named)

    def _parts_of_thread(self, raw: JsonObject) -> JsonObject:
        """Return what changes of a thread's own object, its runs and its steps."""
        changes = self._single.times(raw)
        thread = raw.get("thread")
        if type(thread) is dict and (spelled := self._plain_record(thread, spelling.THREAD)) is not thread:
            changes["thread"] = spelled
        for key, wanted in (("runs", spelling.RUN), ("run_steps", spelling.STEP), ("steps", spelling.STEP)):
            listed = containers.listed(raw.get(key))
            if listed:
                records = [self._plain_record(one, wanted) if type(one) is dict else one for one in listed]
                if any(new is not old for new, old in zip(records, listed, strict=True)):
                    changes[key] = {**raw[key], "data": records} if is_list_answer(raw[key]) else records
        metadata = raw.get("metadata")
        if type(metadata) is str and type(read := value_in(metadata)) is dict:
            changes["metadata"] = read
        return changes

    # Messages

    def _messages(self, raws: list[Any]) -> list[Any]:
        """Return the messages of a thread."""
        for place, raw in enumerate(raws):
            if not self._single.is_wire(raw):
                return [*raws[:place], *(one for entry in raws[place:] for one in self._in_thread(entry))]
        return raws

    def _in_thread(self, raw: Any) -> Sequence[Any]:
        if type(raw) is not dict:
            return [raw]
        whole = values.document(raw)
        if type(whole) is not dict:
            return [raw]
        plain = values.unwrapped(whole)
        found = self._single.of_app(plain) or self._single.read(plain, row=False)
        if found is None:
            found = self._enveloped(plain)
            if type(found) is dict:
                found = [found] if kind_of(found) is RecordKind.MESSAGE else None
        return [plain] if found is None else found

    def _enveloped(self, raw: JsonObject) -> Any:
        """Return the record inside another that only says when and where it was stored; None where there is none."""
        for key in _ENVELOPES:
            inner = raw.get(key)
            if type(inner) is not dict or not inner:
                continue
            messages = self._single.read(values.unwrapped(inner), row=False)
            record: Any = messages if messages else self._history(inner)
            if record is None:
                continue
            outer = {name: value for name, value in raw.items() if name != key}
            if type(record) is dict:
                return _inside(outer, record)
            spelled = with_wire_names(respelled(outer, spelling.MESSAGE), self._columns.found(outer), thread=True)
            return [self._single.finished(_inside(spelled, one)) for one in record]
        return None


def _holds_more(raw: JsonObject, thread: JsonObject) -> bool:
    """Whether a thread with its messages holds what has to be looked into: runs, resources, odd metadata."""
    if len(raw) > 2 and any(raw[key] != [] for key in raw if key not in ("thread", "messages")):
        return True
    metadata = thread.get("metadata")
    if thread.get("tool_resources") or (metadata is not None and type(metadata) is not dict):
        return True
    if metadata and any(type(key) is not str or key[:1] == "$" for key in metadata):
        return True
    held = [value for key, value in thread.items() if key != "metadata"]
    return any(value and type(value) in _HOLDERS for value in (*held, *(metadata or {}).values()))


def _inside(outer: JsonObject, record: JsonObject) -> JsonObject:
    """Return a record with what its envelope says; where both say something, the envelope's keeps another name."""
    more: JsonObject = {}
    for key, value in outer.items():
        if record.get(key) is None:
            more[key] = value
        elif record[key] != value:
            more[f"outer_{key}"] = value
    return {**record, **more}


def _texts_read(record: JsonObject, wanted: Names) -> JsonObject:
    """Return the fields of a record in which lists and objects were saved as text, and those that hold such fields."""
    changes: JsonObject = {}
    for key, inside in wanted.inside.items():
        entry = record.get(key)
        if type(entry) is str and (read := value_in(entry)) is not None:
            entry = changes[key] = respelled(read, inside)
        if type(entry) is dict and (deeper := _texts_read(entry, inside)):
            changes[key] = {**entry, **deeper}
    return changes
