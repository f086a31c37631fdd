"""Guesses at a map for a file that no format knows: which list may hold messages, and which field may be which. Pure.

A guess is made from names and from the forms of values, and is only ever shown, as a block of settings to start from.
It must not show a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from migrate_cli.bounds import loads
from migrate_cli.settings.path_step import step
from migrate_cli.sources.outline import is_keyed

_ROLES = frozenset({
    "user", "assistant", "system", "tool", "human", "ai", "bot", "agent", "customer", "client", "model", "developer",
    "visitor", "operator", "support", "function", "me", "you", "gpt", "chatgpt", "claude",
})  # fmt: skip
_ENTRIES = 50
"""Records that are looked at in each list."""
_NAMES = 200
"""Fields of a record that are looked at."""
_VALUES = 20_000
_DEEP = 8
_INSIDE = 3
"""Levels of a record in which fields are looked for."""
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d{1,2}[./]\d{1,2}[./]\d{4}")
_SECONDS = (1_000_000_000, 4_102_444_800)
_TIMES = ("createdat", "created", "timestamp", "ts", "time", "date", "datetime", "sentat", "at", "when", "updatedat")
_TEXTS = ("text", "content", "body", "message", "msg", "value", "utterance", "output", "input", "transcript", "says")
_IDS = ("messageid", "msgid", "id", "uid", "uuid", "_id", "key", "guid")
_ROLE_NAMES = ("role", "sender", "author", "from", "speaker", "type", "who", "by", "kind", "participant")
_THREADS = ("threadid", "thread", "conversationid", "conversation", "chatid", "sessionid", "session", "roomid", "room",
            "dialogid", "conv", "chat", "ticketid", "channel")  # fmt: skip


@dataclass(slots=True)
class _Records:
    """A list of objects somewhere in a value; all lists at one place as one."""

    above: str | None
    """The path of the entries in which the list lies; None for one that lies in no list."""
    path: str
    """The path from there, or from the top."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    owners: list[dict[str, Any]] = field(default_factory=list)
    """The records in which the lists lie."""
    lists: int = 0


@dataclass(slots=True)
class _Fields:
    """What the fields of a record may be; paths, the likeliest only."""

    role: str | None = None
    text: str | None = None
    created_at: str | None = None
    message_id: str | None = None
    thread_id: str | None = None
    share: float = 1.0
    """How many of the records have the role; all, where that cannot be asked for since it is in a text."""

    @property
    def score(self) -> int:
        """How much speaks for messages."""
        return 4 * (self.role is not None) + 2 * (self.text is not None) + (self.created_at is not None)


def guess(value: Any, *, rows: bool = False) -> list[str] | None:
    """Return the lines of a settings file to start from; None where nothing looks like messages.

    `rows`: the value is a list of lines or of rows of a table, each of which is read by itself.
    """
    best: tuple[int, _Records, _Fields] | None = None
    for records in _lists(value, rows=rows):
        fields = _fields_of(records.rows)
        if fields.role is None and fields.text is None:
            continue
        if best is None or fields.score > best[0]:
            best = (fields.score, records, fields)
    if best is None or best[0] < 3:
        return None
    return _block(best[1], best[2], rows=rows)


def speaks(rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether the rows of a table have a column that says who speaks, and one that says what."""
    columns = _cells(rows)
    role = _best(columns, _role_score)
    return role is not None and _best(columns, _text_score, {role}) is not None


def guess_columns(
    rows: Sequence[Mapping[str, str]], found: Mapping[str, str], known: Collection[str] = ()
) -> list[str] | None:
    """Return the lines of a settings file that name the columns of a table.

    `found` are columns that are found already, by field; fields that are `known` without a name are not named. None
    where a column that is needed is not found: such settings would not read the table.
    """
    columns = _cells(rows)
    named: dict[str, str | None] = dict(found)
    for name, scores in _COLUMNS.items():
        for score in scores:
            named[name] = named.get(name) or _best(columns, score, set(named.values()))
    if None in (named["thread_id"], named["role"], named["text"]):
        return None
    order = [*_COLUMNS, *(name for name in found if name not in _COLUMNS)]
    wanted = [name for name in order if name not in known and named[name] is not None]
    lines = [f"    {name}: {json.dumps(named[name], ensure_ascii=False)}" for name in wanted]
    return ["source:", "  columns:", *lines]


def _block(records: _Records, fields: _Fields, *, rows: bool) -> list[str]:
    """Return the YAML, one field a line, and what was not found as comments."""
    threads: str | None = records.above
    messages: str = records.path
    thread_id: str | None
    speaking = "" if fields.share == 1 or fields.role is None or rows else f"[?{fields.role}]"
    if threads is None and fields.thread_id is not None:
        # Rows that name their threads: each is read by itself.
        threads, messages, thread_id = messages, "", fields.thread_id
        threads = threads.removesuffix("[]") + speaking if speaking else threads
    else:
        thread_id = _thread_id(records) or fields.thread_id
        messages = messages.removesuffix("[]") + speaking if speaking else messages
    if rows and threads is not None:
        threads = threads.removeprefix("[]").removeprefix(".")
    found = {
        "threads": threads or None,
        "thread_id": thread_id,
        "messages": messages or None,
        "role": fields.role,
        "text": fields.text,
        "created_at": fields.created_at,
        "message_id": fields.message_id,
    }
    lines = ["source:", "  map:"]
    for name, path in found.items():
        if path is not None:
            lines.append(f"    {name}: {json.dumps(path)}")
        elif name in _NOT_FOUND:
            lines.append(f"    # {name}: {_NOT_FOUND[name]}")
    return lines


_NOT_FOUND = {
    "thread_id": "no candidate found; without it, each list is a thread named after the file",
    "role": "no candidate for the speaker found; a path is needed here",
    "text": "no candidate for the text found; a path is needed here",
    "created_at": "no candidate for a time found; without it, the order of the file counts",
    "message_id": "no candidate found; without it, message ids are generated",
}


# Lists


def _lists(value: Any, *, rows: bool) -> list[_Records]:
    """Return the lists of objects in a value, by place."""
    found: dict[tuple[str | None, str], _Records] = {}
    left = [_VALUES]
    if rows and isinstance(value, list):
        # Each line is a document: its own lists lie below it, and all lines together are one list of records.
        _meet(found, None, "[]", value, None)
        for line in value[:_ENTRIES]:
            if isinstance(line, dict):
                for name, inner in islice(line.items(), _NAMES):
                    _walk(inner, "[]", step(name), line, found, left, 1)
        return list(found.values())
    _walk(value, None, "", value if isinstance(value, dict) else None, found, left, 0)
    return list(found.values())


def _walk(
    value: Any,
    above: str | None,
    path: str,
    owner: dict[str, Any] | None,
    found: dict[tuple[str | None, str], _Records],
    left: list[int],
    depth: int,
) -> None:
    """Note every list of objects; `above` is the nearest list of records that it lies in, `owner` the record there."""
    left[0] -= 1
    if left[0] < 0 or depth > _DEEP:
        return
    value = _parsed(value)
    if isinstance(value, list):
        _meet(found, above, f"{path}[]", value, owner)
        for entry in map(_parsed, value[:_ENTRIES]):
            if isinstance(entry, dict):
                whole = _joined(above, f"{path}[]")
                for name, inner in islice(entry.items(), _NAMES):
                    _walk(inner, whole, step(name), entry, found, left, depth + 1)
    elif isinstance(value, dict):
        if is_keyed(value):
            entries = [{"key": key, "value": entry} for key, entry in islice(value.items(), _ENTRIES)]
            _walk(entries, above, f"to_entries({path or '@'})", owner, found, left, depth + 1)
            return
        for name, inner in islice(value.items(), _NAMES):
            _walk(inner, above, f"{path}.{step(name)}" if path else step(name), owner, found, left, depth + 1)


def _meet(
    found: dict[tuple[str | None, str], _Records],
    above: str | None,
    path: str,
    value: list[Any],
    owner: dict[str, Any] | None,
) -> None:
    rows = [row for entry in value[:_ENTRIES] if isinstance(row := _parsed(entry), dict)]
    if not rows:
        return
    records = found.setdefault((above, path), _Records(above, path))
    records.lists += 1
    if len(records.rows) < 20 * _ENTRIES:
        records.rows += rows
    if owner is not None and len(records.owners) < _ENTRIES:
        records.owners.append(owner)


def _joined(above: str | None, path: str) -> str:
    if above is None:
        return path
    return f"{above}.{path}" if not path.startswith("[") else f"{above}{path}"


# Fields


def _fields_of(rows: list[dict[str, Any]]) -> _Fields:
    columns = _columns(rows)
    fields = _Fields()
    fields.role = _best(columns, _role_score)
    speaking = len(columns.get(fields.role or "", ()))
    first = (fields.role or "").partition(".")[0]
    if speaking and not any(isinstance(row.get(first.strip('"')), str) for row in rows if first != fields.role):
        fields.share = speaking / len(rows)
    if speaking < len(rows):
        # What else there is says nothing of messages.
        columns = _columns(row for row in rows if any(path == fields.role for path, _ in _leaves(row, "", 0)))
    taken = {fields.role}
    fields.text = _best(columns, _text_score, taken)
    taken.add(fields.text)
    fields.thread_id = _best(columns, _thread_score, taken)
    taken.add(fields.thread_id)
    fields.created_at = _best(columns, _time_score, taken)
    taken.add(fields.created_at)
    fields.message_id = _best(columns, _id_score, taken)
    return fields


def _columns(rows: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return what the records hold, by path."""
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for path, value in _leaves(row, "", 0):
            columns.setdefault(path, []).append(value)
    return columns


def _leaves(value: dict[str, Any], at: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield what a record holds, with its path; a list of parts counts as what is said."""
    for name, inner in islice(zip(value, map(_parsed, value.values()), strict=True), _NAMES):
        path = f"{at}.{step(name)}" if at else step(name)
        if isinstance(inner, dict):
            if depth + 1 < _INSIDE:
                yield from _leaves(inner, path, depth + 1)
        elif inner is not None:
            yield path, inner


def _best(
    columns: dict[str, list[Any]], score: Callable[[str, list[Any]], float], taken: Collection[str | None] = ()
) -> str | None:
    scored = [(score(path, values), -path.count("."), path) for path, values in columns.items() if path not in taken]
    good = [one for one in scored if one[0] > 0]
    return max(good)[2] if good else None


def _named(path: str, names: tuple[str, ...]) -> float:
    """How well a field's own name says what it is, from 0 to 1."""
    last = re.sub(r"[^a-z0-9_]", "", path.rpartition(".")[2].lower())
    plain = last.replace("_", "")
    for known in (last, plain):
        if known in names:
            return 1 - names.index(known) / (2 * len(names))
    return 0.0


def _role_score(path: str, values: list[Any]) -> float:
    words = {str(value).strip().lower() for value in values if isinstance(value, str)}
    known = words & _ROLES
    if not words or len(words) > 6 or any(len(word) > 30 for word in words):
        return 0.0
    if known:
        return 2 + len(known) / len(words) + _named(path, _ROLE_NAMES)
    return _named(path, _ROLE_NAMES[:5]) if len(words) < len(values) or len(values) < 3 else 0.0


def _text_score(path: str, values: list[Any]) -> float:
    lists = [value for value in values if isinstance(value, list)]
    if lists:
        typed = all(
            isinstance(part, str) or (isinstance(part, dict) and ("type" in part or "text" in part))
            for one in lists
            for part in one
        )
        return 2 * _named(path, _TEXTS) if typed else 0.0
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values) / 2 or _is_time(texts[0]):
        return 0.0
    spaced = sum(" " in text.strip() or len(text) > 40 for text in texts) / len(texts)
    varied = len(set(texts)) / len(texts)
    return 2 * _named(path, _TEXTS) + spaced * varied if _named(path, _TEXTS) or spaced > 0.3 else 0.0


def _time_score(path: str, values: list[Any]) -> float:
    if not all(_is_time(value) for value in values):
        return 0.0
    return 1 + _named(path, _TIMES)


def _is_time(value: Any) -> bool:
    if isinstance(value, str):
        return _TIME.match(value) is not None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return any(_SECONDS[0] <= value / scale <= _SECONDS[1] for scale in (1, 1_000, 1_000_000))


def _id_score(path: str, values: list[Any]) -> float:
    if len({repr(value) for value in values}) < len(values) or not all(
        isinstance(value, str | int) for value in values
    ):
        return 0.0
    return _named(path, _IDS)


def _thread_score(path: str, values: list[Any]) -> float:
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        return 0.0
    return _named(path, _THREADS)


def _thread_id(records: _Records) -> str | None:
    """Return the path of what names the record in which a list lies."""
    owners = records.owners
    if not owners:
        return None
    if records.above is not None and records.above.endswith(")[]"):
        return "key"
    columns = _columns(owners)
    whole = {path: values for path, values in columns.items() if len(values) == len(owners)}
    return _best(whole, _owner_score)


def _owner_score(path: str, values: list[Any]) -> float:
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        return 0.0
    unique = len({repr(value) for value in values}) == len(values)
    return max(_named(path, _THREADS), 0.9 * _named(path, _IDS)) if unique else 0.0


def _parsed(value: Any) -> Any:
    if type(value) is not str or value[:1] not in ("[", "{") or len(value) > 1_000_000:
        return value
    try:
        found = loads(value)
    except ValueError:
        return value
    return found if isinstance(found, (dict, list)) else value


# Columns of tables


def _cells(rows: Iterable[Mapping[str, str]]) -> dict[str, list[Any]]:
    """Return what the cells of a table hold, by column: numbers and lists as such; empty ones are left out."""
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for column, cell in row.items():
            if column and cell.strip():
                value = int(cell) if cell.isascii() and cell.isdecimal() and len(cell) < 20 else _parsed(cell)
                columns.setdefault(column, []).append(value)
    return columns


def _thread_cells(_: str, values: list[Any]) -> float:
    return float(all(isinstance(value, str) and _THREAD_CELL.fullmatch(value.strip()) for value in values))


def _message_cells(_: str, values: list[Any]) -> float:
    return float(all(isinstance(value, str) and _MESSAGE_CELL.fullmatch(value.strip()) for value in values))


def _few_words(_: str, values: list[Any]) -> float:
    """Who speaks, in words that are not known: a few short ones, again and again."""
    words = {value.strip() for value in values if isinstance(value, str)}
    short = all(len(word) <= 20 and not _is_time(word) for word in words)
    return float(short and 2 <= len(words) <= min(4, len(values) - 1) and all(isinstance(one, str) for one in values))


def _longest_texts(_: str, values: list[Any]) -> float:
    """What is said, in a column of any name: the longest texts, most of them different."""
    texts = [value for value in values if isinstance(value, str) and not _is_time(value)]
    if len(texts) < len(values) or 2 * len(set(texts)) < len(texts):
        return 0.0
    return sum(map(len, texts)) / len(texts)


_THREAD_CELL = re.compile(r"thread_[A-Za-z0-9-]+")
_MESSAGE_CELL = re.compile(r"msg_[A-Za-z0-9-]+")
_COLUMNS: dict[str, tuple[Callable[[str, list[Any]], float], ...]] = {
    "thread_id": (_thread_cells, _thread_score),
    "message_id": (_message_cells, _id_score),
    "created_at": (_time_score,),
    "role": (_role_score, _few_words),
    "text": (_text_score, _longest_texts),
}
"""How the column of each field of a table is found, the surest way first."""
