"""Files of other programs that people take for an export of threads: what they are, and what to do instead. Pure.

Only what no format reads is looked at here. It must not read files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

_WHERE_THREADS_ARE = "Threads of the Assistants API are not in it; read them from the application that kept them."

CHATGPT = "is the data export of ChatGPT, in which each conversation is a tree of messages. " + _WHERE_THREADS_ARE
CLAUDE = "is the data export of another assistant (chat_messages). " + _WHERE_THREADS_ARE
SLACK = (
    "is part of a Slack export, in which messages name members and not roles. If a bot answered in it, describe it "
    "with source.map, and say with source.roles which member is the assistant."
)
BATCH = "is a file of the Batch API: single requests or their responses, but no threads. Leave it out."
TUNING = "is training data for fine-tuning: examples, but no threads. Leave it out."
VECTORS = (
    "holds vectors, or what a vector store lists: the index of a search, but no threads. Upload the documents "
    "themselves to a vector store of the target."
)
USAGE = "is a report on usage or costs: numbers of requests and tokens, but no texts of threads. Leave it out."
EVALS = "is a run of evaluations: items and grades, but no threads. Leave it out."

_USAGE_COLUMNS = frozenset({
    "n_requests", "num_model_requests", "n_context_tokens_total", "n_generated_tokens_total", "amount_value",
    "line_item", "input_cached_tokens", "input_uncached_tokens", "total_tokens", "cost_usd", "amount_currency",
})  # fmt: skip
_USAGE_OBJECTS = ("bucket", "organization.usage", "organization.costs")
_VECTOR_NAMES = frozenset({"embedding", "embeddings", "vector", "values", "dense_vector"})


def foreign_json(value: Any) -> str | None:
    """Return what a document, or the first line of a file, is, as the end of a sentence that begins with the file."""
    for record in _records(value):
        if (told := _record(record)) is not None:
            return told
    return None


def foreign_table(columns: Iterable[str]) -> str | None:
    """Return the same of a table, by its columns."""
    names = {column.strip().lower() for column in columns}
    if len(names & _USAGE_COLUMNS) >= 1 and names.isdisjoint({"role", "content", "text", "message"}):
        return USAGE
    return VECTORS if names & {"embedding", "vector"} else None


def _records(value: Any) -> list[dict[str, Any]]:
    """Return a document's own record and the first of its lists'."""
    found = [value] if isinstance(value, dict) else []
    lists = [value, *(found[0].get(key) for key in ("data", "conversations", "results"))] if found else [value]
    return found + [one[0] for one in lists if isinstance(one, list) and one and isinstance(one[0], dict)]


def _record(record: dict[str, Any]) -> str | None:  # noqa: PLR0911 - one question after the other
    names = record.keys()
    kind = record.get("object")
    if isinstance(mapping := record.get("mapping"), dict) and _is_tree(mapping):
        return CHATGPT
    if isinstance(record.get("chat_messages"), list):
        return CLAUDE
    if _is_slack(record):
        return SLACK
    if "custom_id" in names and ({"method", "url"} <= names or "response" in names):
        return BATCH
    if {"preferred_output", "non_preferred_output"} <= names:
        return TUNING
    if isinstance(kind, str) and kind.startswith("vector_store"):
        return VECTORS
    if any(_is_vector(record.get(name)) for name in _VECTOR_NAMES & names):
        return VECTORS
    if (isinstance(kind, str) and kind.startswith(_USAGE_OBJECTS)) or len(names & _USAGE_COLUMNS) > 1:
        return USAGE
    return EVALS if isinstance(kind, str) and kind.startswith("eval") else None


def _is_tree(mapping: dict[str, Any]) -> bool:
    first = next(iter(mapping.values()), None)
    return isinstance(first, dict) and ("children" in first or "parent" in first)


def _is_slack(record: dict[str, Any]) -> bool:
    stamp = record.get("ts")
    if record.get("type") == "message" and isinstance(stamp, str) and re.fullmatch(r"\d{10}\.\d{6}", stamp):
        return True
    return {"id", "name", "members", "creator"} <= record.keys() or {"team_id", "profile", "is_bot"} <= record.keys()


def _is_vector(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 7 and all(isinstance(one, int | float) for one in value)


DATABASE = "SQLite database"
KINDS = (
    (re.compile(rb"SQLite format 3\0"), DATABASE),
    (re.compile(rb"%PDF-"), "PDF"),
    (re.compile(rb"PK\x03\x04"), "office document or archive"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "old office document"),
    (re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP", re.DOTALL), "image"),
    (re.compile(rb"ID3|OggS|fLaC|RIFF....WAVE|....ftyp", re.DOTALL), "audio or video"),
    (re.compile(rb"PAR1|ORC|Obj\x01|ARROW1"), "Parquet, ORC, Avro or Arrow"),
    (re.compile(rb"\s*(?:<!DOCTYPE html|<html)", re.IGNORECASE), "web page"),
    (re.compile(rb"\s*<\?xml"), "XML"),
    (re.compile(rb"(?:--|/\*|CREATE|INSERT|BEGIN|PRAGMA|SET)[^;]{0,2000}(?:CREATE TABLE|INSERT INTO|COPY |;)"),
     "SQL dump"),
)  # fmt: skip
"""What files begin with, and what they are."""
INSTEAD = {
    "table": "No column of it is known: name them with source.columns, or describe it with source.map.",
    "Parquet, ORC, Avro or Arrow": "Write its rows as JSON Lines or CSV.",
    DATABASE: "Name a database by itself as SOURCE.",
    "SQL dump": "Load it into a database, and name that as SOURCE; an SQLite file will do.",
    "web page": "Save the data behind it, not the page.",
    "XML": "Write its records as JSON Lines.",
    "office document or archive": "Save a table as CSV UTF-8.",
    "old office document": "Save a table as CSV UTF-8.",
}
_DOCUMENTS = "Documents, images and sound are not conversations: name the export of the threads themselves."


def kind_of_bytes(head: bytes) -> str | None:
    """Return what a file is that holds no JSON and no table, by its first bytes."""
    return next((kind for pattern, kind in KINDS if pattern.match(head)), None)


def told_of_kinds(kinds: Collection[str]) -> str:
    """Return the sentences on what to do with files of some kinds."""
    told = dict.fromkeys(INSTEAD.get(kind, _DOCUMENTS) for kind in kinds)
    return " ".join(told)


def encoding_of(data: bytes) -> str | None:
    """Return the encoding that bytes seem to be in which are no UTF-8: `WINDOWS-1252` or `ISO-8859-1`, or None."""
    high = [byte for byte in data[:65_536] if byte >= 0x80]
    if not high or len(high) > len(data[:65_536]) / 3 or b"\0" in data[:4096]:
        return None
    if any(byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) for byte in high):
        return None
    return "WINDOWS-1252" if any(byte < 0xA0 for byte in high) else "ISO-8859-1"


def not_utf8(data: bytes, line: int | None = None) -> str:
    """Return the sentence on a text that is no UTF-8."""
    where = f" (line {line})" if line else ""
    encoding = encoding_of(data)
    if encoding is None:
        return f"The text is not UTF-8{where}. Save it as UTF-8."
    also = " (Latin-1)" if encoding == "ISO-8859-1" else ""
    return (
        f"The text is not UTF-8{where}; it seems to be {encoding}{also}. Convert it: "
        f"iconv -f {encoding} -t UTF-8 OLD > NEW, or save it as UTF-8."
    )


_NAME = re.compile(r"[A-Za-z_$][\w$]*\s*:")


def not_quite_json(text: str, at: int) -> str | None:  # noqa: PLR0911 - one question after the other
    """Return what is wrong at a place of a text that is nearly JSON, and what to do; None for anything else."""
    here, before = text[at : at + 20], text[max(0, at - 200) : at].rstrip()
    closing = here.lstrip()[:1] in ("}", "]")
    if closing and before.endswith(","):
        return "there is a comma before a closing bracket; remove it"
    if here.lstrip().startswith(",") and text[at + 1 :].lstrip()[:1] in ("}", "]"):
        return "there is a comma before a closing bracket; remove it"
    if here.startswith("'"):
        return "texts are in single quotes, as Python prints them; write the data with json.dump"
    if here.startswith(("//", "/*", "#")):
        return "there is a comment; remove it"
    if re.match(r"(?:True|False|None)\b", here):
        return "the data was printed by Python (True, None); write it with json.dump"
    if re.match(r"-?(?:NaN|Infinity)\b|undefined\b", here):
        return "JSON has no such value; write null"
    return "a name has no quotes (JSON5 or JavaScript); write the data as JSON" if _NAME.match(here) else None
