"""Threads as people have them saved: a conversation in any dialect, spelling and container, and what is right then.

It becomes the records of a dialect, these get a spelling, and a container takes them. Nothing here reads.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sqlite3
import tarfile
import zipfile
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

START = 1_720_000_000
STEP = 61
"""Seconds between two messages: no two share one."""

Json = dict[str, Any]
Records = dict[str, list[Json]]
"""The records of each thread, in order, by the thread's id."""


@dataclass(frozen=True)
class Call:
    """A call of a function, and what it gave."""

    id: str
    name: str
    arguments: Json
    output: str


@dataclass(frozen=True)
class Said:
    """What one side said, and what it called then."""

    role: str
    text: str
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True)
class Conversation:
    """One thread."""

    id: str
    said: tuple[Said, ...]

    def facts(self) -> list[tuple[str, ...]]:
        """What must stand at the target, in order."""
        found: list[tuple[str, ...]] = []
        for one in self.said:
            if one.text:
                found.append((one.role, one.text))
            for call in one.calls:
                found += [("call", call.name, canonical(call.arguments)), ("output", call.output)]
        return found


def canonical(value: Any) -> str:
    """JSON that equal values share."""
    return json.dumps(value, sort_keys=True)


# Dialects: a conversation as records


def _stamp(conversation: Conversation, place: int, record: Json) -> Json:
    return {"thread_id": conversation.id, "created_at": START + place * STEP, **record}


def _id(conversation: Conversation, place: int) -> str:
    return f"msg_{conversation.id[-6:]}{place:04}"


def wire(conversation: Conversation) -> list[Json]:
    """What the Assistants API answered."""
    return [
        {
            "id": _id(conversation, place),
            "object": "thread.message",
            "created_at": START + place * STEP,
            "thread_id": conversation.id,
            "role": one.role,
            "content": [{"type": "text", "text": {"value": one.text, "annotations": []}}],
            "assistant_id": None,
            "run_id": None,
            "attachments": [],
            "metadata": {},
        }
        for place, one in enumerate(conversation.said)
    ]


def wire_in_lists(conversation: Conversation) -> list[Json]:
    """The wire, its texts as lists of values."""
    return [{**raw, "content": [{"type": "text", "text": [raw["content"][0]["text"]]}]} for raw in wire(conversation)]


def plain(conversation: Conversation) -> list[Json]:
    """Roles and texts under the wire's names."""
    return [
        _stamp(conversation, place, {"id": _id(conversation, place), "role": one.role, "content": one.text})
        for place, one in enumerate(conversation.said)
    ]


def chat(conversation: Conversation) -> list[Json]:
    """Chat completions."""
    found: list[Json] = []
    for one in conversation.said:
        record: Json = {"role": one.role, "content": one.text or None}
        if one.calls:
            record["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
                }
                for call in one.calls
            ]
        found.append(record)
        found += [{"role": "tool", "tool_call_id": call.id, "content": call.output} for call in one.calls]
    return _numbered(conversation, found)


def items(conversation: Conversation) -> list[Json]:
    """Items of the Responses API."""
    found: list[Json] = []
    for one in conversation.said:
        part = "output_text" if one.role == "assistant" else "input_text"
        if one.text:
            content = [{"type": part, "text": one.text, **({"annotations": []} if part == "output_text" else {})}]
            found.append({"type": "message", "role": one.role, "content": content})
        for call in one.calls:
            arguments = json.dumps(call.arguments)
            found.append({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments})
            found.append({"type": "function_call_output", "call_id": call.id, "output": call.output})
    return _numbered(conversation, found)


def langchain(conversation: Conversation) -> list[Json]:
    """LangChain's messages, as `message_to_dict` writes them."""
    kinds = {"user": "human", "assistant": "ai", "system": "system"}
    found: list[Json] = []
    for one in conversation.said:
        data: Json = {"content": one.text, "additional_kwargs": {}, "response_metadata": {}}
        if one.calls:
            data["tool_calls"] = [
                {"name": call.name, "args": call.arguments, "id": call.id, "type": "tool_call"} for call in one.calls
            ]
        found.append({"type": kinds[one.role], "data": data})
        found += [
            {"type": "tool", "data": {"content": call.output, "tool_call_id": call.id, "name": call.name}}
            for call in one.calls
        ]
    return _numbered(conversation, found, named=False)


def ui(conversation: Conversation) -> list[Json]:
    """Messages of the Vercel AI SDK."""
    found: list[Json] = []
    for one in conversation.said:
        parts: list[Json] = [{"type": "text", "text": one.text}] if one.text else []
        for call in one.calls:
            state = {"state": "output-available", "input": call.arguments, "output": call.output}
            parts.append({"type": f"tool-{call.name}", "toolCallId": call.id, **state})
        found.append({"role": one.role, "parts": parts})
    return _numbered(conversation, found)


def rows(conversation: Conversation) -> list[Json]:
    """Flat rows."""
    return [
        _stamp(conversation, place, {"message_id": _id(conversation, place), "role": one.role, "text": one.text})
        for place, one in enumerate(conversation.said)
    ]


def exchange(conversation: Conversation) -> list[Json]:
    """A row for a prompt and its answer."""
    said = conversation.said
    return [
        _stamp(conversation, place, {"prompt": said[place].text, "response": said[place + 1].text})
        for place in range(0, len(said), 2)
    ]


def _numbered(conversation: Conversation, records: list[Json], *, named: bool = True) -> list[Json]:
    return [
        _stamp(conversation, place, ({"id": _id(conversation, place)} if named else {}) | record)
        for place, record in enumerate(records)
    ]


DIALECTS: dict[str, Callable[[Conversation], list[Json]]] = {
    "wire": wire, "wire-in-lists": wire_in_lists, "plain": plain, "chat": chat, "items": items,
    "langchain": langchain, "ui": ui, "rows": rows, "exchange": exchange,
}  # fmt: skip
WITH_CALLS = frozenset({"chat", "items", "langchain", "ui"})


# Spellings: the records' names and values


_FREE = frozenset({"metadata", "arguments", "args", "input", "additional_kwargs", "response_metadata"})
"""What stands under these is the user's own, and is spelled as it is."""


def _renamed(value: Any, rename: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_renamed(entry, rename) for entry in value]
    if not isinstance(value, dict):
        return value
    return {rename(key): child if key in _FREE else _renamed(child, rename) for key, child in value.items()}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _pascal(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _timed(records: Any, write: Callable[[int], Any]) -> Any:
    if isinstance(records, list):
        return [_timed(entry, write) for entry in records]
    if not isinstance(records, dict):
        return records
    return {
        key: write(value)
        if key == "created_at" and type(value) is int
        else value
        if key in _FREE
        else _timed(value, write)
        for key, value in records.items()
    }


def iso(seconds: int) -> str:
    """ISO 8601, with the letter of UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def mongo(value: Any) -> Any:
    """Extended JSON of MongoDB: ids and times as it exports them."""

    def ids(record: Any) -> Any:
        if isinstance(record, list):
            return [ids(entry) for entry in record]
        if not isinstance(record, dict):
            return record
        known = dict(record)
        if isinstance(known.get("id"), str) and known["id"].startswith("msg_"):
            known = {"_id": {"$oid": known.pop("id").encode().hex()[-24:]}} | known
        return {key: child if key in _FREE else ids(child) for key, child in known.items()}

    return ids(_timed(value, lambda seconds: {"$date": iso(seconds)}))


def dynamo(value: Any) -> Any:
    """The typed values of DynamoDB."""
    if isinstance(value, list):
        return {"L": [dynamo(entry) for entry in value]}
    if isinstance(value, dict):
        return {"M": {key: dynamo(child) for key, child in value.items()}}
    if value is None or isinstance(value, bool):
        return {"NULL": True} if value is None else {"BOOL": value}
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def _documents(value: Any) -> Any:
    return [dynamo(entry)["M"] for entry in value] if isinstance(value, list) else dynamo(value)["M"]


def _texts(value: Any, write: Callable[[Any], str]) -> Any:
    """Lists of parts and of calls as text."""
    if isinstance(value, list):
        return [_texts(entry, write) for entry in value]
    if not isinstance(value, dict):
        return value
    wanted = ("content", "tool_calls", "parts")
    return {
        key: write(child)
        if key in wanted and isinstance(child, list)
        else _texts(child, write)
        if key == "messages"
        else child
        for key, child in value.items()
    }


def _number(scale: int) -> Callable[[Any], Any]:
    return lambda value: _timed(value, lambda seconds: seconds * scale)


_ROLE = re.compile(r'("role": )("\w+")')


def _loud(found: re.Match[str]) -> str:
    return found[1] + found[2].upper()


SPELLINGS: dict[str, Callable[[Any], Any]] = {
    "snake": lambda value: value,
    "camel": lambda value: _renamed(value, _camel),
    "pascal": lambda value: _renamed(value, _pascal),
    "kebab": lambda value: _renamed(value, lambda name: name.replace("_", "-")),
    "iso": lambda value: _timed(value, iso),
    "offset": lambda value: _timed(value, lambda at: iso(at + 7200).replace("Z", "+02:00")),
    "milliseconds": _number(1000),
    "microseconds": _number(1_000_000),
    "nanoseconds": _number(1_000_000_000),
    "mongo": mongo,
    "mongo-number": lambda value: _timed(value, lambda at: {"$date": {"$numberLong": str(at * 1000)}}),
    "firestore": lambda value: _timed(value, lambda at: {"_seconds": at, "_nanoseconds": 0}),
    "dynamodb": _documents,
    "dotnet": lambda value: _renamed(_timed(value, lambda at: f"/Date({at * 1000})/"), _pascal),
    "json-in-text": lambda value: _texts(value, json.dumps),
    "repr-in-text": lambda value: _texts(value, repr),
    "loud-roles": lambda value: json.loads(_ROLE.sub(_loud, json.dumps(value))),
}  # fmt: skip
NAMES = frozenset({"camel", "pascal", "kebab", "dotnet"})
"""Spellings that change names: dialects of one library only ever have that library's."""
OF_LIBRARIES = frozenset({"langchain", "ui"})


# Containers: records as files


@dataclass
class Saved:
    """What was written, and where."""

    path: Path
    files: list[Path] = field(default_factory=list)
    """The files whose bytes may be damaged."""
    sql: bool = False


Write = Callable[[Path, Records, Callable[[Any], Any]], Saved]


def _frame(thread: str) -> Json:
    return {"id": thread, "object": "thread", "created_at": START, "metadata": {}}


def _dump(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def _lines(path: Path, values: list[Any]) -> Saved:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return Saved(path, [path])


def thread_files(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """A file for each thread."""
    files = [
        _dump(folder / "export" / f"{thread}.json", spell({"thread": _frame(thread), "messages": entries}))
        for thread, entries in records.items()
    ]
    return Saved(folder / "export", files)


def thread_objects(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """Thread objects that hold their messages, in one array."""
    values = [spell({**_frame(thread), "messages": entries}) for thread, entries in records.items()]
    return Saved(path := _dump(folder / "threads.json", values), [path])


def thread_lines(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """A thread a line."""
    return _lines(
        folder / "threads.jsonl",
        [spell({"thread_id": thread, "messages": entries}) for thread, entries in records.items()],
    )


def _flat(records: Records) -> list[Json]:
    return [entry for entries in records.values() for entry in entries]


def array(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """One array of all records."""
    return Saved(path := _dump(folder / "messages.json", spell(_flat(records))), [path])


def lines(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """A record a line."""
    return _lines(folder / "messages.jsonl", spell(_flat(records)))


def by_id(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """One object with a key for each thread."""
    return Saved(path := _dump(folder / "all.json", {thread: spell(own) for thread, own in records.items()}), [path])


def header(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """All records under a key, beside facts about the export."""
    value = {"exported_at": "2026-01-01", "messages": spell(_flat(records))}
    return Saved(path := _dump(folder / "export.json", value), [path])


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def table_rows(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """CSV, what is no text or number as JSON."""
    return _csv(folder / "messages.csv", [{k: _cell(v) for k, v in row.items()} for row in spell(_flat(records))])


def table_of_threads(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """CSV with a row for each thread, its messages as JSON."""
    entries = [{"thread_id": thread, "messages": json.dumps(spell(own))} for thread, own in records.items()]
    return _csv(folder / "threads.csv", entries)


def _csv(path: Path, entries: list[Json]) -> Saved:
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(entries)
    return Saved(path, [path])


def database(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """A table of records in SQLite."""
    return _sqlite(folder / "chat.sqlite", [{k: _cell(v) for k, v in row.items()} for row in spell(_flat(records))])


def database_of_threads(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """A table with a row for each thread, its messages as JSON."""
    entries = [{"thread_id": thread, "messages": json.dumps(spell(own))} for thread, own in records.items()]
    return _sqlite(folder / "chat.sqlite", entries)


def _sqlite(path: Path, entries: list[Json]) -> Saved:
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    quoted = ", ".join('"' + name + '"' for name in names)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"CREATE TABLE messages ({quoted})")
        marks = ", ".join("?" * len(names))
        values = [[entry.get(name) for name in names] for entry in entries]
        db.executemany(f"INSERT INTO messages ({quoted}) VALUES ({marks})", values)
    return Saved(path, [], sql=True)


def zipped(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """Thread files in a zip."""
    inner = thread_files(folder / "in", records, spell)
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in inner.files:
            archive.write(file, file.name)
    return Saved(path, [path])


def tarred(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """Thread files in a compressed tar."""
    inner = thread_files(folder / "in", records, spell)
    path = folder / "export.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file in inner.files:
            archive.add(file, file.name)
    return Saved(path, [path])


def packed_lines(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """Compressed JSON Lines."""
    inner = lines(folder, records, spell)
    path = folder / "messages.jsonl.gz"
    path.write_bytes(gzip.compress(inner.path.read_bytes()))
    inner.path.unlink()
    return Saved(path, [path])


def recording(folder: Path, records: Records, spell: Callable[[Any], Any]) -> Saved:
    """A browser's recording of the list calls, bodies in base64."""
    entries = []
    for thread, own in records.items():
        newest = own[::-1]
        body = spell({"object": "list", "data": newest, "has_more": False})
        text = b64encode(json.dumps(body).encode()).decode()
        url = f"https://api.example.com/v1/threads/{thread}/messages?limit=100"
        content = {"mimeType": "application/json", "text": text, "encoding": "base64"}
        response = {"status": 200, "headers": [], "content": content}
        entries.append({"request": {"method": "GET", "url": url, "headers": []}, "response": response})
    return Saved(path := _dump(folder / "session.har", {"log": {"version": "1.2", "entries": entries}}), [path])


CONTAINERS: Mapping[str, Write] = {
    "thread-files": thread_files, "thread-array": thread_objects, "thread-lines": thread_lines, "array": array,
    "lines": lines, "by-id": by_id, "header": header, "csv": table_rows, "csv-of-threads": table_of_threads,
    "sqlite": database, "sqlite-of-threads": database_of_threads, "zip": zipped, "tar": tarred,
    "lines-gz": packed_lines, "recording": recording,
}  # fmt: skip


def fits(dialect: str, spelling: str, container: str) -> bool:
    """Whether anybody has such a thing: no recording of the wire speaks another dialect, no library spells anew."""
    if container == "recording":
        return dialect == "wire"
    if dialect in OF_LIBRARIES and spelling in NAMES:
        return False
    if spelling == "loud-roles":
        return dialect in {"wire", "plain", "rows", "chat"}
    if spelling.endswith("in-text"):
        return dialect in {"wire", "wire-in-lists", "chat", "items"}
    return True


def write_saved(folder: Path, records: Records, spelling: str, container: str) -> Saved:
    """Write the records; the folder must be empty."""
    return CONTAINERS[container](folder, records, SPELLINGS[spelling])


def as_text(records: Records) -> str:
    """The records, for a message of a test that fails."""
    stream = io.StringIO()
    json.dump(records, stream, indent=1)
    return stream.getvalue()
