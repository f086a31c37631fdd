"""The canonical form of an item and its hash: what two items must share to be called the same.

The server adds ids, statuses and defaults to what it was sent, so only what carries meaning is compared: the kind of
item, its role, and its parts in order. Text is never normalised. Pure; shared by conversion, loading and verification.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import blake2b
from json.encoder import encode_basestring
from typing import Any

from migrate_cli.model import READER, JsonObject

ALGORITHM = "blake2b-128"
"""Named in every stored hash of a whole draft, so that it can change later without guessing."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_quoted: Callable[[str], str] = encode_basestring
"""A text as a JSON string, as `_encode` spells it, without the encoder around it."""

_named = lru_cache(maxsize=16)(_quoted)
"""The same for the few names that occur again and again."""

_WRITTEN_PARTS = frozenset({"input_text", "output_text"})
_KEYS = ("type", "text", "annotations")
NO_ANNOTATIONS = ',"annotations":[]'
"""What follows the text of an `output_text` part without citations."""
_TAILS = {2: "", 3: NO_ANNOTATIONS}
_NONE: list[Any] = []
_TEXT_PARTS = frozenset({"input_text", "output_text", "text", "refusal", "summary_text"})


def digest_of(item: JsonObject) -> bytes:
    """Return the 16-byte hash of an item's canonical form; equal for an item as sent and as the server returns it."""
    text = _only_text(item)
    form = encode(canonical(item)) if text is None else _text_form(_named(item["role"]), _quoted(text))
    return blake2b(form, digest_size=16).digest()


def encode_item(item: JsonObject) -> tuple[bytes, bytes]:
    """Return an item as it is sent and its hash: `(encode(item), digest_of(item))`, with texts spelt once for both."""
    text = _only_text(item)
    if text is None or tuple(item) != ("type", "role", "content"):
        return encode(item), digest_of(item)
    (part,) = item["content"]
    tail = _TAILS.get(len(part)) if part.get("annotations", _NONE) == _NONE else None
    if tail is None or tuple(part) != _KEYS[: len(part)]:
        return encode(item), digest_of(item)
    return encode_text(item["role"], part["type"], text, tail)


def encode_text(role: str, part_type: str, text: str, tail: str = "") -> tuple[bytes, bytes]:
    """Return what `encode_item` returns for a message with one text; `tail` is the JSON after it inside the part.

    Raises UnicodeEncodeError where the text holds a lone surrogate.
    """
    before, after, form = _frame(role, part_type, tail)
    quoted = _quoted(text).encode()
    return b"%b%b%b" % (before, quoted, after), blake2b(b"%b%b]]]" % (form, quoted), digest_size=16).digest()


@lru_cache(maxsize=32)
def _frame(role: str, part_type: str, tail: str) -> tuple[bytes, bytes, bytes]:
    """What stands before and after the text in such a message, and before it in the canonical form."""
    named = _named(role)
    before = f'{{"type":"message","role":{named},"content":[{{"type":"{part_type}","text":'
    return before.encode(), f"{tail}}}]}}".encode(), _text_form(named, "")[:-3]


def _only_text(item: JsonObject) -> str | None:
    """The text of a message that holds nothing else: nearly every item, so worth a shorter way."""
    content = item.get("content")
    if item.get("type") != "message" or type(content) is not list or len(content) != 1 or item.get("phase"):
        return None
    part = content[0]
    if type(part) is not dict or part.get("type") not in _WRITTEN_PARTS or type(item.get("role")) is not str:
        return None
    text = part.get("text")
    return text if type(text) is str else None


def _text_form(role: str, text: str) -> bytes:
    """The encoded canonical form of a message with one text; both are JSON strings already."""
    return f'["message",{role},[["text",{text}]]]'.encode()


def digest_of_all(digests: Iterable[bytes], metadata: dict[str, str]) -> str:
    """Return the hash of a whole draft, with the algorithm's name in front."""
    whole = blake2b(encode(sorted(metadata.items())), digest_size=16)
    for digest in digests:
        whole.update(digest)
    return f"{ALGORITHM}:{whole.hexdigest()}"


def read_alike(digest: str, reader: int | None) -> bool:
    """Whether a recorded hash of a draft can be compared with one that this version makes: read and hashed alike."""
    return reader == READER and digest.startswith(f"{ALGORITHM}:")


def encode(value: Any) -> bytes:
    """Return compact UTF-8 JSON. Lone surrogates must have been replaced before."""
    return _encode(value).encode()


def canonical(item: JsonObject) -> list[Any]:
    """Return the canonical form: a list that starts with the item's type and holds only what carries meaning."""
    kind = str(item.get("type") or "message")
    form = _FORMS.get(kind)
    if form is not None:
        return form(item)
    return [kind, {key: item[key] for key in sorted(item) if key not in _SERVER_FIELDS and item[key] is not None}]


def same(sent: JsonObject, got: JsonObject) -> bool:
    """Whether the server's item is what was sent, allowing for what servers leave out of an answer.

    An image's URL comes back only when it is asked for with `include`, and some servers never return it; an image
    part without any source is therefore treated as the one that was sent in its place.
    Nor does a message become another one by the phase that a server gives or takes; `verify` tells of it.
    """
    a, b = canonical(sent), canonical(got)
    if a == b:
        return True
    if a[0] != "message" or b[0] != "message" or a[1] != b[1] or len(a[2]) != len(b[2]):
        return False
    return all(x == y or (x[0] == y[0] == "image" and y[1] is None) for x, y in zip(a[2], b[2], strict=True))


_SERVER_FIELDS = frozenset({"id", "type", "status", "created_by", "created_at", "object"})


def _message(item: JsonObject) -> list[Any]:
    content = item.get("content")
    if isinstance(content, str):
        parts: list[Any] = [["text", content]]
    else:
        parts = [_part(part) for part in content or ()]
    # Most messages have no phase; a server may say so with null.
    return ["message", item.get("role"), parts, *([item["phase"]] if item.get("phase") else [])]


def _part(part: JsonObject) -> list[Any]:
    kind = part.get("type")
    if kind in _TEXT_PARTS:
        return ["text", part.get("refusal") if kind == "refusal" else part.get("text")]
    if kind == "input_image":
        return ["image", part.get("file_id") or part.get("image_url")]
    if kind == "input_file":
        return ["file", part.get("file_id") or part.get("file_url") or part.get("filename")]
    return [kind, {key: part[key] for key in sorted(part) if key != "type" and part[key] is not None}]


def _function_call(item: JsonObject) -> list[Any]:
    return ["function_call", item.get("call_id"), item.get("name"), item.get("arguments")]


def _function_call_output(item: JsonObject) -> list[Any]:
    output = item.get("output")
    if isinstance(output, list):
        output = [_part(part) for part in output]
    return ["function_call_output", item.get("call_id"), output]


def _file_search_call(item: JsonObject) -> list[Any]:
    """Results come back only where they are asked for, so they cannot be compared."""
    return ["file_search_call", item.get("queries")]


def _code_interpreter_call(item: JsonObject) -> list[Any]:
    """Outputs come back only where they are asked for, and a server may put a container of its own in place."""
    return ["code_interpreter_call", item.get("code")]


_FORMS: dict[str, Callable[[JsonObject], list[Any]]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_call_output,
    "file_search_call": _file_search_call,
    "code_interpreter_call": _code_interpreter_call,
}
