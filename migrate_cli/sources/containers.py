"""Finds the records in a document that only holds them: a list under a key, a header beside it, one more level. Pure.

A key of such a document names what it holds (`data`, `items`, `export`) and is no thread. It must not spell anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.record_kinds import OBJECTS, RecordKind, first_kind, is_list_answer, kind_of
from migrate_cli.sources.spelling import plain_name
from migrate_cli.sources.texts import value_in
from migrate_cli.sources.wire_fields import carries

_LOOK_AT = 20
_DEEPEST = 3
"""Objects in one another that may wrap the records."""

Records = Callable[[list[Any]], list[Any]]

WORDS = frozenset(
    {
        *("data", "item", "items", "messages", "message", "conversations", "conversation", "threads", "thread"),
        *("export", "exports", "rows", "row", "records", "record", "results", "result", "documents", "document"),
        *("docs", "chats", "chat", "sessions", "session", "history", "histories", "entries", "list", "dump"),
        *("response", "body", "payload", "content", "value", "values", "output", "log", "logs", "messagelist", "msgs"),
        *("messagesbythread", "threadsbyid", "conversationsbyid", "collections", "collection", "database", "tables"),
        *("table", "root", "archive", "backup", "all", "hits", "nodes", "objects", "array", "queryresult"),
    }
)
"""Keys, in lower case and without marks, that name a container and never a thread."""
HISTORY_KEYS = (
    *("messages", "history", "conversation", "chat", "turns", "log", "entries", "items", "data", "transcript"),
    *("dialog", "dialogue", "chathistory", "messagehistory", "conversationhistory", "messagelist", "msgs", "exchanges"),
    *("thread", "posts", "utterances", "events", "record", "records", "content", "list", "threadmessages", "qa"),
)
"""Keys of a thread, in lower case and without marks, under which tools keep its messages; the likeliest first."""


def is_word(name: str) -> bool:
    """Whether a name is of a container, such as `messages` or `export`, and so names no thread."""
    return plain_name(name) in WORDS


_PROMISES = frozenset(
    {"hasnext", "hasnextpage", "nextcursor", "nextpage", "nextpagetoken", "nexttoken", "nextlink", "next"}
    | {"remaining", "lastevaluatedkey", "continuationtoken", "odatanextlink", "offset"}
)
"""Keys, in lower case and without marks, by which an answer says that more of its list can be asked for."""


def says_more(raw: Any, depth: int = 0) -> bool:
    """Whether a document says beside its records that it is one page of several, as answers of services do."""
    if type(raw) is not dict or len(raw) > _LOOK_AT * 10:
        return False
    for key, value in raw.items():
        if type(value) is dict and depth < _DEEPEST and key != "metadata" and says_more(value, depth + 1):
            return True
        if type(key) is str and plain_name(key) in _PROMISES and _promises(plain_name(key), value):
            return True
    pages, page = raw.get("totalPages", raw.get("total_pages")), raw.get("page")
    return type(pages) is int and type(page) is int and page < pages


def _promises(name: str, value: Any) -> bool:
    if name in {"offset", "next"}:
        return type(value) is str and value != ""  # a number says where this page begins
    return value not in (None, False, 0, "", "0", "false")


def is_recording(raw: JsonObject) -> bool:
    """Whether a document is a recording of traffic or a part of a snapshot, which have shapes of their own."""
    log = raw.get("log")
    if type(log) is dict and type(log.get("entries")) is list:
        return True
    if type(raw.get("interactions")) is list or type(raw.get("http_interactions")) is list:
        return True
    entries = raw.get("Entries")
    if (
        type(entries) is list
        and entries
        and type(entries[0]) is dict
        and not {"RequestUri", "request"}.isdisjoint(entries[0])
    ):
        return True
    if type(raw.get("mappings")) is list or (type(raw.get("info")) is dict and type(raw.get("item")) is list):
        return True
    if type(raw.get("options")) is dict and "path" in raw["options"] and is_list_answer(raw.get("body")):
        return True
    named = raw.get("object")
    return type(named) is str and named.startswith("migrate-cli.")


def is_exchange(raw: JsonObject) -> bool:
    """Whether an entry is a recorded request with its answer, or an event of a stream as clients print them."""
    event = raw.get("event")
    if type(event) is str and event.startswith("thread.") and "data" in raw:
        return True
    if "scope" in raw and "path" in raw and ("response" in raw or "status" in raw):
        return True
    asked = "request" in raw or "RequestUri" in raw or "scope" in raw
    answered = "response" in raw or "ResponseBody" in raw
    return asked and answered and type(raw.get("response")) is not str


def may_be_record(raw: JsonObject) -> bool:
    """Whether a document may be a record itself rather than hold some: it is not a mapping of many keys to lists."""
    return (
        not raw
        or not all(type(value) is list or type(value) is dict for value in raw.values())
        or any(plain_name(key) in _RECORD_KEYS for key in raw if type(key) is str)
    )


_LISTS = frozenset({"threads", "messages", "runs", "run_steps", "steps"})
_RECORD_KEYS = frozenset({"messages", "content", "role", "data", "stepdetails", "item", "items", "fields", "message"})


def is_known(raw: JsonObject) -> bool:
    """Whether a document is a record, an answer or a thread of a kind that shapes know."""
    if "messages" in raw or is_list_answer(raw) or kind_of(raw) is not None:
        return True
    capped = raw.get("Messages")
    return type(capped) is list or is_list_answer(capped)


def are_messages(raws: Iterable[Any]) -> bool:
    """Whether the first objects of a list are messages, and there is one."""
    kinds = [kind_of(raw) for raw in islice(raws, _LOOK_AT) if type(raw) is dict]
    return RecordKind.MESSAGE in kinds and kinds.count(RecordKind.MESSAGE) * 2 >= len(kinds)


def listed(value: Any) -> list[Any] | None:
    """Return the entries of a list, of a list answer, of an object with a key for each entry, or of one as text."""
    if type(value) is str:
        value = value_in(value)
    if type(value) is list:
        return value
    if type(value) is not dict or not value:
        return None
    data = value.get("data")
    if type(data) is list and (len(value) == 1 or is_list_answer(value)):
        return data
    if not all(type(entry) is dict for entry in value.values()):
        return None
    return [entry if "id" in entry or "_id" in entry else {"id": key, **entry} for key, entry in value.items()]


def history_key(raw: JsonObject, read: Records, *, anyhow: bool) -> str | None:
    """Return the key under which a thread keeps its messages; with `anyhow`, also the only one with messages."""
    lists = {plain_name(key): key for key, value in raw.items() if type(key) is str and _may_list(value)}
    for name in HISTORY_KEYS:
        key = lists.get(name)
        if key is not None and _holds_messages(raw[key], read):
            return key
    if not anyhow:
        return None
    found = [key for key in lists.values() if _holds_messages(raw[key], read)]
    return found[0] if len(found) == 1 else None


def _may_list(value: Any) -> bool:
    return type(value) is list or type(value) is dict or (type(value) is str and value[:2] in ("[{", "[ ", "[\n"))


def _holds_messages(value: Any, read: Records) -> bool:
    entries = listed(value)
    if not entries or type(entries[0]) is not dict:
        return False
    return all(kind_of(one) is RecordKind.MESSAGE and "object" not in entries[0] for one in read(entries[:2]))


def threads_apart(value: Any) -> Any:
    """Return the records of a list of messages under `messages` that belong to several threads; else the same.

    A document that names a thread beside them is that thread, whose shape takes strangers apart.
    """
    if type(value) is not dict or "messages" not in value or "id" in value or "thread_id" in value:
        return value
    if type(value.get("thread")) is dict or clean_id(value.get("thread")) is not None:
        return value
    messages = listed(value["messages"])
    lists = [value[key] for key in ("threads", "runs", "run_steps", "steps") if type(value.get(key)) is list]
    if not messages or is_list_answer(value["messages"]):
        return value
    named = {clean_id(raw.get("thread_id")) for raw in messages if type(raw) is dict} - {None}
    if len(named) > 1 or type(value.get("threads")) is list:
        return [entry for entries in (*lists[:1], messages, *lists[1:]) for entry in entries]
    return value


# Documents that hold records


def opened(raw: JsonObject, read: Records, fits_row: Callable[[Any], bool]) -> Any:
    """Return the records of a document: a list, or an object with a key for each thread; the same if it has none.

    Assistants that are next to the threads follow them.
    """
    found = _opened(raw, read, fits_row, 0)
    if found is raw or type(found) is not list:
        return found
    assistants = list(_assistants(raw, 0))
    return [*found, *read(assistants)] if assistants else found


def _assistants(raw: JsonObject, depth: int) -> Iterator[Any]:
    """Yield the assistants that are in lists or under names of a document, at any level that may hold records."""
    for value in raw.values():
        entries = value["data"] if is_list_answer(value) else value
        if type(entries) is dict and kind_of(entries) is None:
            if depth < _DEEPEST:
                yield from _assistants(entries, depth + 1)
            entries = list(islice(entries.values(), _LOOK_AT * 10))
        if type(entries) is list and first_kind(entries) is RecordKind.ASSISTANT:
            yield from (entry for entry in entries if kind_of(entry) is RecordKind.ASSISTANT)


def _opened(raw: JsonObject, read: Records, fits_row: Callable[[Any], bool], depth: int) -> Any:
    by_id = _by_id(raw, read)
    if by_id is not None:
        return by_id
    if depth >= _DEEPEST or len(raw) > _LOOK_AT * 10:
        return raw
    found: list[Any] = []
    inside: dict[str, Any] = {}
    for key, value in raw.items():
        if type(value) is list and value:
            records = read(value)
            if _are_records(records, fits_row):
                found.append(records)
        elif type(value) is dict and value and not is_list_answer(value) and kind_of(value) is None:
            inner = _opened(value, read, fits_row, depth + 1)
            if inner is not value or _by_id(value, read) is not None:
                found.append(inner)
                inside[key] = inner
    if len(found) == 1:
        return found[0]
    if len(inside) == len(found) > 1 and all(_name_no_thread(records) for records in found):
        # What lies under several names, and says of no thread, is a thread for each name, and never one for all.
        return [{"thread_id": key, "messages": records} for key, records in inside.items()]
    if len(found) > 1 and all(type(records) is list for records in found):
        return [record for records in found for record in records]
    return raw


def _name_no_thread(records: Any) -> bool:
    if type(records) is not list or not are_messages(records):
        return False
    return all(type(entry) is not dict or clean_id(entry.get("thread_id")) is None for entry in records)


def beside(raw: JsonObject, read: Records, fits_row: Callable[[Any], bool], depth: int = 0) -> list[str] | None:
    """Return the fields of an opened document that are next to its records, by path; None where it holds no record."""
    by_id = _by_id(raw, read)
    if by_id is not None:
        return [key for key, value in raw.items() if key not in by_id and carries(value)]
    names: list[str] = []
    held = False
    for key, value in raw.items():
        inner: list[str] | None = None
        if type(value) is dict and value and depth < _DEEPEST:
            inner = beside(value, read, fits_row, depth + 1)
        elif type(value) is list and value:
            records = read(value[:_LOOK_AT])
            known = key in _LISTS or _are_records(records, fits_row) or first_kind(records) is RecordKind.ASSISTANT
            inner = [] if known else None
        if inner is not None:
            held = True
            names += [f"{key}.{name}" for name in inner]
        elif carries(value):
            names.append(key)
    return names if held else None


def _are_records(records: list[Any], fits_row: Callable[[Any], bool]) -> bool:
    first = next((entry for entry in records if type(entry) is dict), None)
    if first is None:
        return False
    return "messages" in first or fits_row(first) or are_messages(records)


def _by_id(raw: JsonObject, read: Records) -> JsonObject | None:
    """Return an object with a thread under each key, without the header beside them; None where it is none."""
    held = {key: value for key, value in raw.items() if type(value) is list or type(value) is dict}
    first = list(islice(held.items(), _LOOK_AT))
    if not first or any(plain_name(str(key)) in WORDS for key, _ in first):
        return None
    if not all(_is_history(value, read) for _, value in first) or not any(value for _, value in first):
        return None
    if len(raw) == 1 and _contradicted(*first[0], read):
        return None
    return {key: _history(value, read) for key, value in held.items()}


def _contradicted(key: Any, value: Any, read: Records) -> bool:
    """Whether the messages under the only key name other threads than it does."""
    messages = read(value) if type(value) is list else []
    named = {clean_id(raw.get("thread_id")) for raw in messages if type(raw) is dict} - {None}
    return bool(named) and key not in named


def _is_history(value: Any, read: Records) -> bool:
    if type(value) is list:
        return not value or are_messages(read(value[:_LOOK_AT]))
    if is_list_answer(value):
        return _is_history(value["data"], read)
    named = value.get("object")
    if type(named) is str and named in OBJECTS:
        return False
    return any("messages" in one for one in read([value]) if type(one) is dict)


def _history(value: Any, read: Records) -> Any:
    if type(value) is list:
        # As a thread's messages, and not as rows, whose roles a flat shape would read.
        found = read([{"messages": value}])
        return found[0]["messages"] if len(found) == 1 and "messages" in found[0] else read(value)
    read_value = read([value])
    return read_value[0] if len(read_value) == 1 else read_value
