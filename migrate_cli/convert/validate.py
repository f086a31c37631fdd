"""Checks drafts against every rule of the target that is known, before anything is sent.

It is written apart from the converters and shares only the limits with them, so that it can find their mistakes. What
it finds is a fault of this program, never of the user's data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from migrate_cli.convert import limits
from migrate_cli.findings import finding
from migrate_cli.model import Draft, Finding, Item, JsonObject

Rule = Callable[[JsonObject], Iterator[str]]

_TEXT = r'"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u00(?:0[1-9a-f]|1[0-9a-f]|7f))++"'
_PLAIN = re.compile(
    r'\{"type":"message","role":"(?:'
    rf'(?:user|system|developer)","content":\[\{{"type":"input_text","text":{_TEXT}\}}\]'
    rf'|assistant","content":\[\{{"type":"output_text","text":{_TEXT},"annotations":\[\]\}}\])\}}'
)


def validate_draft(draft: Draft, message_characters: int | None = None) -> list[Finding]:
    """Return a finding `item-invalid` for each rule that the draft breaks; none for a draft that can be sent.

    `message_characters` is how many characters of text one message may have, where the target has such a limit.
    """
    problems = [*_metadata(draft.metadata)]
    if not draft.ledger.balanced:
        problems.append(f"the parts do not add up: {draft.ledger.as_dict()}")
    open_call: str | None = None
    seen: set[str] = set()
    for position, item in enumerate(draft.items):
        if open_call is None and _is_plain(item.body, message_characters or limits.MAX_TEXT):
            continue
        body = _body(item)
        problems += (f"item {position}: {problem}" for problem in check_item(body))
        if message_characters is not None and (length := _characters(body)) > message_characters:
            problems.append(f"item {position}: {length:,} characters are over the limit of {message_characters:,}")
        problems += (f"item {position}: {problem}" for problem in _pairing(item, body, open_call, seen))
        open_call = body.get("call_id") if body.get("type") == "function_call" else None
    if open_call is not None:
        problems.append(f"the last call, {open_call}, has no output")
    return [finding("item-invalid", f"{problem[:1].upper()}{problem[1:]}.", draft.thread_id) for problem in problems]


def check_item(body: JsonObject) -> list[str]:
    """Return the rules that one item breaks, as clauses that name field and limit but no content."""
    rule = _ITEMS.get(str(body.get("type")))
    if rule is None:
        return [f"the type {body.get('type')!r} is not sent by this program"]
    return list(rule(body))


def _is_plain(body: bytes, most: int) -> bool:
    """Whether a body is a message with one text, spelt without a flaw: nearly all are, and need no taking apart."""
    try:
        return len(body) <= most and _PLAIN.fullmatch(body.decode()) is not None
    except UnicodeDecodeError:
        return False


def _characters(body: JsonObject) -> int:
    """The characters of a message's texts; none for other items."""
    content = body.get("content")
    parts = content if isinstance(content, list) else ()
    return sum(len(str(part.get("text") or part.get("refusal") or "")) for part in parts if isinstance(part, dict))


def _body(item: Item) -> JsonObject:
    try:
        body = json.loads(item.body)
    except ValueError:
        return {"type": "no JSON"}
    return body if isinstance(body, dict) else {"type": "no object"}


def _pairing(item: Item, body: JsonObject, open_call: str | None, seen: set[str]) -> Iterator[str]:
    if body.get("type") == "function_call_output":
        if body.get("call_id") != open_call or open_call is None:
            yield "an output does not follow its call"
        if not item.joined:
            yield "an output is not joined to its call"
        return
    if open_call is not None:
        yield f"the call {open_call} has no output after it"
    if body.get("type") == "function_call":
        if body.get("call_id") in seen:
            yield f"the call id {body.get('call_id')} is used twice"
        seen.add(str(body.get("call_id")))


def _metadata(metadata: dict[str, str]) -> Iterator[str]:
    if len(metadata) > limits.MAX_METADATA_PAIRS:
        yield f"{len(metadata)} metadata pairs are over the limit of {limits.MAX_METADATA_PAIRS}"
    for key, value in metadata.items():
        yield from _string("a metadata key", key, limits.MAX_METADATA_KEY)
        yield from _string("a metadata value", value, limits.MAX_METADATA_VALUE, may_be_empty=True)


def _string(name: str, value: Any, limit: int, *, may_be_empty: bool = False) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{name} is not a string"
        return
    if not value and not may_be_empty:
        yield f"{name} is empty"
    if len(value) > limit:
        yield f"{name} has {len(value):,} characters, over the limit of {limit:,}"
    if "\x00" in value:
        yield f"{name} holds NUL"
    try:
        value.encode()
    except UnicodeEncodeError:
        yield f"{name} holds a lone surrogate"


def _keys(body: JsonObject, required: str, optional: str = "") -> Iterator[str]:
    missing = set(required.split()) - body.keys()
    strange = body.keys() - set(required.split()) - set(optional.split())
    if missing:
        yield f"{body.get('type')} lacks {', '.join(sorted(missing))}"
    if strange:
        yield f"{body.get('type')} has {', '.join(sorted(strange))}, which is not sent"


def _message(body: JsonObject) -> Iterator[str]:
    yield from _keys(body, "type role content", "id status phase")
    role = body.get("role")
    allowed = _PARTS_BY_ROLE.get(str(role))
    content = body.get("content")
    if allowed is None:
        yield f"the role {role!r} does not exist"
        return
    if not isinstance(content, list) or not content:
        yield "a message has no content"
        return
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in allowed:
            yield f"the role {role} may not hold {kind}"
        else:
            yield from _PARTS[kind](part)


def _input_text(part: JsonObject) -> Iterator[str]:
    yield from _keys(part, "type text")
    yield from _string("a text", part.get("text"), limits.MAX_TEXT)


def _output_text(part: JsonObject) -> Iterator[str]:
    yield from _keys(part, "type text annotations", "logprobs")
    yield from _string("a text", part.get("text"), limits.MAX_TEXT)
    for annotation in part.get("annotations") or ():
        required = _ANNOTATIONS.get(str(annotation.get("type")))
        if required is None:
            yield f"an annotation of type {annotation.get('type')!r} does not exist"
        else:
            yield from _keys(annotation, f"type {required}")
            if "file_id" in annotation:
                yield from _file_id(annotation["file_id"])


def _refusal(part: JsonObject) -> Iterator[str]:
    yield from _keys(part, "type refusal")
    yield from _string("a refusal", part.get("refusal"), limits.MAX_TEXT)


def _input_image(part: JsonObject) -> Iterator[str]:
    yield from _keys(part, "type detail", "file_id image_url")
    if part.get("detail") not in limits.DETAILS:
        yield f"the detail {part.get('detail')!r} does not exist"
    if ("file_id" in part) == ("image_url" in part):
        yield "an image needs a file id or a URL, and not both"
    elif "file_id" in part:
        yield from _file_id(part["file_id"])
    else:
        url = part["image_url"]
        yield from _string("an image's URL", url, limits.MAX_IMAGE_URL)
        if isinstance(url, str) and not (limits.WEB_URL.fullmatch(url) or limits.IMAGE_DATA_URL.match(url)):
            yield "an image's URL is neither http(s) nor an image's data URL"


def _input_file(part: JsonObject) -> Iterator[str]:
    given = [key for key in ("file_id", "file_url", "file_data") if key in part]
    if len(given) != 1:
        yield "a file needs a file id, a URL or its data, and only one of them"
        return
    (key,) = given
    yield from _keys(part, f"type {key} filename" if key == "file_data" else f"type {key}")
    if key == "file_id":
        yield from _file_id(part[key])
    else:
        yield from _string("a file", part[key], limits.MAX_FILE_BYTES)


def _file_id(value: Any) -> Iterator[str]:
    if not isinstance(value, str) or limits.FILE_ID.fullmatch(value) is None:
        yield "a file id is not 1 to 64 of A-Z, a-z, 0-9, _ and -"


def _function_call(body: JsonObject) -> Iterator[str]:
    yield from _keys(body, "type call_id name arguments")
    yield from _string("a call id", body.get("call_id"), limits.MAX_CALL_ID)
    yield from _string("arguments", body.get("arguments"), limits.MAX_TEXT)
    name = body.get("name")
    if not isinstance(name, str) or limits.FUNCTION_NAME.fullmatch(name) is None:
        yield "a function's name is not 1 to 128 of A-Z, a-z, 0-9, _ and -"


def _function_call_output(body: JsonObject) -> Iterator[str]:
    yield from _keys(body, "type call_id output")
    yield from _string("a call id", body.get("call_id"), limits.MAX_CALL_ID)
    yield from _string("an output", body.get("output"), limits.MAX_TEXT)


def _file_search_call(body: JsonObject) -> Iterator[str]:
    yield from _keys(body, "type id status queries", "results")


def _code_interpreter_call(body: JsonObject) -> Iterator[str]:
    yield from _keys(body, "type id status container_id code outputs")
    yield from _string("code", body.get("code"), limits.MAX_TEXT, may_be_empty=True)


_ITEMS: dict[str, Rule] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_call_output,
    "file_search_call": _file_search_call,
    "code_interpreter_call": _code_interpreter_call,
}
_PARTS: dict[str, Rule] = {
    "input_text": _input_text,
    "output_text": _output_text,
    "refusal": _refusal,
    "input_image": _input_image,
    "input_file": _input_file,
}
_PARTS_BY_ROLE = {
    "user": frozenset({"input_text", "input_image", "input_file"}),
    "assistant": frozenset({"output_text", "refusal"}),
    "system": frozenset({"input_text"}),
    "developer": frozenset({"input_text"}),
}
_ANNOTATIONS = {
    "file_citation": "file_id filename index",
    "file_path": "file_id index",
    "url_citation": "url title start_index end_index",
}
