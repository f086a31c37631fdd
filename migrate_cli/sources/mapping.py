"""Records of a user's own kind become threads and wire messages, as the paths of the setting `source.map` say. Pure.

What the paths leave unread stays in the records under its own path, so that it is counted as every field is that
nothing carries. Values are not interpreted: times, roles and parts go to the translator as they stand. It must not open
files or guess at paths (`guess.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.bounds import loads
from migrate_cli.model import JsonObject
from migrate_cli.settings.json_path import (
    JsonPath,
    NameTree,
    Place,
    Reading,
    beside_names,
    json_path,
    name_tree,
    unread,
)
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.roles import Roles
from migrate_cli.sources.shapes.flat import file_ids_of
from migrate_cli.sources.wire_fields import MESSAGE, THREAD

WIRE: dict[str, str] = {
    "message_id": "id",
    "role": "role",
    "text": "content",
    "created_at": "created_at",
    "assistant_id": "assistant_id",
    "run_id": "run_id",
    "file_ids": "file_ids",
    "metadata": "metadata",
    "attachments": "attachments",
    "status": "status",
}
"""The fields of a message that a map may name, and the wire's word for each."""
OF_THREAD = {"thread_created_at": "created_at", "thread_metadata": "metadata"}
"""The same of a thread."""
EXPECTED = ("thread_id", "role", "text", "created_at", "message_id")
"""Fields that every record should have, so that a path which fits none of them is most likely wrong."""
_STATUSES = frozenset({"completed", "in_progress", "incomplete"})
_SAMPLE = 200


@dataclass(slots=True)
class MappedThread:
    """What one entry holds: messages of a thread, in the order of the file."""

    thread_id: str | None
    thread: JsonObject
    """Its own record, with what the paths leave unread."""
    messages: list[Any]
    rests: list[JsonObject] = field(default_factory=list)
    """For each message what the paths leave unread of it, under names that no translator may look at."""


def wire_messages(thread: MappedThread, translate: Callable[[Any], Any]) -> list[Any]:
    """Return the messages of a thread in the wire's spelling, each with what no path reads of it."""
    found: list[Any] = []
    for message, rest in zip(thread.messages, thread.rests, strict=True):
        wire = translate([message])
        if rest and wire and type(wire[0]) is dict:
            wire = [{**rest, **wire[0]}, *wire[1:]]
        found += wire
    return found


@dataclass(frozen=True, slots=True)
class Misfit:
    """A path that fits nothing, and the values that it was tried on."""

    name: str
    """The field's."""
    path: str
    tried_on: list[Any] = field(compare=False)


class RecordMap:
    """The paths of one source. Holds nothing but settings."""

    def __init__(self, paths: Mapping[str, str], roles: Roles) -> None:
        """Compile the paths. Raises ValueError for one that is none."""
        self._paths = {("text" if name == "content" else name): json_path(path) for name, path in paths.items()}
        self._roles = roles
        self._messages = self._paths.get("messages")
        self.whole = self._messages is not None
        """Whether each entry is a thread that holds its messages; else each is a message."""
        self.entries_at: Place | None = () if "threads" not in self._paths else self._paths["threads"].entries_at
        """The names that lead to the list of entries, where nothing but names does."""
        self._spelled = not {"role", "text"}.isdisjoint(self._paths)
        """Whether messages are written again; else they stay as they are, and what is named wins."""
        self._own = {name: path for name, path in self._paths.items() if name in WIRE and not path.above}
        self._above = {name: path for name, path in self._paths.items() if name in WIRE and path.above}
        named = self._paths.get("thread_id")
        of_message = [*self._own.values(), *filter(None, [named, self._paths.get("order") if self.whole else None])]
        of_thread = [path for name, path in self._paths.items() if name in OF_THREAD or path is named or path.above]
        if not self.whole:
            of_message += [*of_thread, *self._above.values()]
        self._message_paths, self._thread_paths = of_message, of_thread
        self._looks_at: list[Place] = []
        """What the path to the messages looks at in each of them."""
        if self._messages is not None:
            for place in self._messages.looks_at:
                self._looks_at += [
                    place[len(holder) :]
                    for holder in self._messages.places
                    if len(place) > len(holder) and place[: len(holder)] == holder
                ]
        self._names: NameTree | None = None
        """The names that are looked up in messages, where all paths are nothing but names."""
        steps = [path.steps for path in of_message]
        if all(one is not None for one in steps):
            self._names = name_tree([*filter(None, steps), *self._looks_at])
        self._texts = _with_more_inside(of_message)
        self._thread_texts = _with_more_inside(of_thread)
        if self._messages is not None:
            self._thread_texts |= {place[0] for place in self._messages.places if place}
        self._document_texts = _with_more_inside([self._paths["threads"]] if "threads" in self._paths else [])

    def path(self, name: str) -> str | None:
        """Return the path of a field, as it was written."""
        return self._paths[name].text if name in self._paths else None

    def column(self, name: str) -> str | None:
        """Return the column that a field is read from, where its path is the name of one."""
        path = self._paths.get(name)
        return path.steps[0] if path is not None and path.steps is not None and len(path.steps) == 1 else None

    def entries(self, document: Any) -> list[Any]:
        """Return the entries of a document: threads, or messages."""
        threads = self._paths.get("threads")
        found = document
        if threads is not None:
            found = threads.find(_opened(document, self._document_texts))
        if isinstance(found, str):
            found = _parsed(found)
        if found is None:
            return []
        return found if isinstance(found, list) else [found]

    def threads(self, document: Any) -> Iterator[MappedThread]:
        """Read every entry of a document, of a line or of a row."""
        for entry in self.entries(document):
            yield from self.of_entry(entry)

    def of_entry(self, entry: Any) -> Iterator[MappedThread]:
        """Read one entry; several threads where its messages name several."""
        entry = _parsed(entry)
        if type(entry) is not dict:
            yield MappedThread(None, {}, [entry], [{}])
            return
        entry = _opened(entry, self._thread_texts if self.whole else self._texts)
        if not self.whole:
            message, rest = self._message(entry, entry)
            yield MappedThread(clean_id(message.get("thread_id")), self._thread_facts(entry), [message], [rest])
            return
        reading = Reading()
        for path in self._thread_paths:
            reading.take(path, entry)
        raws = _listed(reading.take(self._messages, entry)) if self._messages is not None else []
        record = self._thread_facts(entry)
        for left, value in reading.rest(entry):
            _add(record, f"@.{left}" if left in THREAD else left, value)
        thread_id = clean_id(self._find("thread_id", entry))
        messages = [self._message(raw, entry) for raw in self._ordered(raws)]
        if thread_id is not None:
            for message, _ in messages:
                if type(message) is dict:
                    message["thread_id"] = thread_id
            record = {"id": thread_id, **record}
        groups: dict[str | None, list[tuple[Any, JsonObject]]] = {thread_id: messages}
        if thread_id is None:
            groups = _by_thread(messages)
        for named, group in groups.items():
            yield MappedThread(named, record, [message for message, _ in group], [rest for _, rest in group])
            record = {}

    def frame(self, document: Any) -> list[str]:
        """Return the paths of what is in a document beside its entries."""
        threads = self._paths.get("threads")
        if threads is None or type(document) is not dict:
            return []
        return list(dict.fromkeys(path for path, _ in unread(document, [threads])))

    def missing_columns(self, columns: Iterable[str]) -> list[Misfit]:
        """Return the paths of a table that begin with no column of it."""
        there = dict.fromkeys(columns)
        inside = self._own if self.whole else {}
        first = {name: {place[0] for place in path.reads if place} for name, path in self._paths.items()}
        return [
            Misfit(name, self._paths[name].text, [there])
            for name, columns_of in first.items()
            if name not in inside and columns_of and columns_of.isdisjoint(there)
        ]

    def misfits(self, document: Any, *, rows: bool = False) -> list[Misfit]:
        """Return the paths that fit nothing in the first entries of a document; what should be there is looked for.

        `rows`: it is a list of lines, each of which is a document.
        """
        found_entries = [entry for row in document for entry in self.entries(row)] if rows else self.entries(document)
        entries = [_parsed(entry) for entry in found_entries[:_SAMPLE]]
        records: list[Any] = [_opened(entry, self._thread_texts) for entry in entries if type(entry) is dict]
        if not records:
            tried = document if rows else [document]
            return [Misfit("threads", self.path("threads") or "@", tried)] if document not in ([], {}) else []
        raws = records
        if self._messages is not None:
            lists = [self._raws(record) for record in records]
            raws = [_opened(_parsed(raw), self._texts) for found in lists for raw in found[:_SAMPLE]]
            if not raws and all(self._messages.find(record) is None for record in records):
                return [Misfit("messages", self._messages.text, records)]
        else:
            raws = [_opened(record, self._texts) for record in records]
        found = []
        for name in EXPECTED:
            path = self._paths.get(name)
            tried_on = records if path is not None and path.above else raws
            if path is None or not tried_on or any(path.find(value) is not None for value in tried_on):
                continue
            if name == "thread_id" and any(path.find(record) is not None for record in records):
                continue
            found.append(Misfit(name, path.text, records if name == "thread_id" else tried_on))
        return found

    # ---- inside

    def _find(self, name: str, value: Any) -> Any:
        path = self._paths.get(name)
        return None if path is None else path.find(value)

    def _raws(self, entry: JsonObject) -> list[Any]:
        return [] if self._messages is None else _listed(self._messages.find(entry))

    def _ordered(self, raws: list[Any]) -> list[Any]:
        path = self._paths.get("order")
        if path is None:
            return raws
        keys = [path.find(raw) for raw in raws]
        alike = len({str if isinstance(key, str) else float if isinstance(key, int | float) else key for key in keys})
        if alike != 1 or None in keys:
            return raws
        return [raws[place] for place in sorted(range(len(raws)), key=keys.__getitem__)]

    def _message(self, raw: Any, entry: JsonObject) -> tuple[Any, JsonObject]:
        """Return the wire message of one record, and the rest of it; what is not a record stays, and is reported."""
        raw = _parsed(raw)
        if type(raw) is not dict:
            return raw, {}
        if self.whole:
            raw = _opened(raw, self._texts)
        rest: JsonObject = {}
        record: JsonObject = rest if not self._spelled else {"object": "thread.message"}
        for left, value in self._rest_of_message(raw):
            _add(rest, f"@.{left}" if self._spelled and left in MESSAGE else left, value)
        for paths, source in ((self._own, raw), (self._above, entry)):
            for name, path_of in paths.items():
                found = path_of.find(source)
                if found is not None:
                    self._put(record, rest, name, path_of, found)
        thread_id = self._find("thread_id", raw)
        if thread_id is not None:
            record["thread_id"] = thread_id
        return record, rest if self._spelled else {}

    def _rest_of_message(self, raw: JsonObject) -> Iterator[tuple[str, Any]]:
        if self._names is not None:
            return beside_names(raw, self._names)
        reading = Reading()
        for path in self._message_paths:
            reading.take(path, raw)
        for names in self._looks_at:
            reading.reach_all(names, raw)
        return reading.rest(raw)

    def _put(self, record: JsonObject, rest: JsonObject, name: str, path: JsonPath, value: Any) -> None:
        """Write a value under the wire's word; one that cannot be read as such stays under its path."""
        if name == "role":
            value = self._roles.meaning(value)
        elif name == "text" and isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        elif name == "file_ids":
            value = file_ids_of(value)
        elif name in ("metadata", "attachments"):
            value = _parsed(value)
        if (name == "status" and value not in _STATUSES) or (name == "metadata" and not isinstance(value, dict)):
            rest[f"@.{path.text}"] = value
        else:
            record[WIRE[name]] = value

    def _thread_facts(self, entry: JsonObject) -> JsonObject:
        facts = {wire: _parsed(self._find(name, entry)) for name, wire in OF_THREAD.items()}
        return {wire: value for wire, value in facts.items() if value is not None}


def _add(record: JsonObject, path: str, value: Any) -> None:
    """Keep a value under its path; several under one become a list."""
    if path in record and path.count("[]"):
        kept = record[path]
        if not isinstance(kept, _Several):
            kept = record[path] = _Several([kept])
        kept.append(value)
    else:
        record[path] = value


class _Several(list[Any]):
    """Values from several entries of a list, under one path."""


def _listed(found: Any) -> list[Any]:
    found = _parsed(found)
    if isinstance(found, list):
        return found
    return [] if found is None else [found]


def _by_thread(messages: Iterable[tuple[Any, JsonObject]]) -> dict[str | None, list[tuple[Any, JsonObject]]]:
    """Group messages by the thread that they name; those that name none stay together."""
    groups: dict[str | None, list[tuple[Any, JsonObject]]] = {}
    for message, rest in messages:
        named = clean_id(message.get("thread_id")) if type(message) is dict else None
        groups.setdefault(named, []).append((message, rest))
    return groups or {None: []}


def _with_more_inside(paths: Iterable[JsonPath]) -> frozenset[str]:
    """Return the fields of a record inside which something is read, so that a text in them is JSON."""
    return frozenset(place[0] for path in paths for place in path.reads if len(place) > 1)


def _opened(record: Any, names: frozenset[str]) -> Any:
    """Return a record in which JSON that stands as text in some fields is read; the same object if there is none."""
    if type(record) is not dict:
        return record
    opened = {name: parsed for name in names if (parsed := _parsed(record.get(name))) is not record.get(name)}
    return {**record, **opened} if opened else record


def _parsed(value: Any) -> Any:
    """Return the list or object that a text holds as JSON; anything else as it is."""
    if type(value) is not str or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return loads(value)
    except ValueError:
        return value
