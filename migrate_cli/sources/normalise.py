"""Wire JSON of threads, messages, runs and steps becomes model values. Pure.

Every export and every host spells the same facts a little differently: this is the one place that knows the spellings.
It must not judge what a part is worth (that is conversion), order anything (`ordering.py`) or read anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import compress
from typing import Any

from migrate_cli.findings import finding
from migrate_cli.model import Attachment, Finding, JsonObject, Message, Run, RunStep
from migrate_cli.secrets import holds_secret
from migrate_cli.sources import wire_fields
from migrate_cli.sources.texts import looks_like_parts
from migrate_cli.sources.times import unix_seconds


class Notes:
    """Collects the findings of one thread."""

    __slots__ = ("fields", "findings", "set_aside", "thread_id")

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        self.findings: list[Finding] = []
        self.fields: dict[tuple[str, ...], int] = {}
        """The sets of fields that messages fill, and how often each was met."""
        self.set_aside: Counter[str] = Counter()
        """Fields of messages that nothing carries, by path."""

    def add(self, code: str, detail: str, message_id: str | None = None) -> None:
        """Note one oddity, with the severity that its code has; `detail` never holds message text."""
        self.findings.append(finding(code, detail, self.thread_id, message_id))


def clean_id(value: Any) -> str | None:
    """Return an id as text that any database takes, or None where there is none; numbers (of tables) become text."""
    if value is None:
        return None
    if isinstance(value, str):
        if holds_secret(value):
            return None
        if value.isascii():
            return value.strip() or None
        return value.encode("utf-8", "backslashreplace").decode().strip() or None
    return None if isinstance(value, bool) else _number_id(value)


def _number_id(value: Any) -> str | None:
    if isinstance(value, int):
        return str(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE else None


_WHOLE = 2.0**53
"""Below this, a number of a table that became a float by way of a spreadsheet is still the number that it was."""


def mapping_of(value: Any) -> JsonObject:
    """Return a metadata-like object. PHP writes an empty object as `[]`; a filled list keeps its places as keys."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(place): entry for place, entry in enumerate(value)}
    return {}


def messages_of(raws: Iterable[Any], thread_id: str, notes: Notes, *, start: int = 0) -> Iterator[Message]:
    """Yield the messages of wire objects that are already in order; `start` is the position of the first."""
    fields = notes.fields
    for position, raw in enumerate(raws, start):
        if isinstance(raw, dict):
            names = tuple(compress(raw, raw.values()))
            fields[names] = fields.get(names, 0) + 1
            yield message_of(raw, thread_id, position, notes)
        else:
            kind = type(raw).__name__
            notes.add("message-not-an-object", f"Entry {position + 1} of the messages is not an object but {kind}.")


def message_of(raw: JsonObject, thread_id: str, position: int, notes: Notes) -> Message:
    """Return the message of one wire object; `position` counts from 0 and names messages that have no id."""
    message_id = clean_id(raw.get("id"))
    if message_id is None:
        message_id = f"{thread_id}#{position}"
        notes.add(
            "message-without-id", f"Message {position + 1} has no id; it was given the id {message_id}.", message_id
        )
    get = raw.get
    incomplete, assistant_id, run_id = get("incomplete_details"), get("assistant_id"), get("run_id")
    content = _content(raw, message_id, notes)
    metadata, attached = get("metadata"), get("attachments") or get("file_ids")
    odd = (metadata and type(metadata) is not dict) or (attached and type(attached) is not list) or incomplete
    is_known = raw.keys() <= wire_fields.MESSAGE and not odd and wire_fields.is_plain(content)
    phase = None if is_known else _phase(raw)
    unknown = () if is_known else wire_fields.of_message(raw, content, carried=() if phase is None else ("phase",))
    if unknown:
        notes.set_aside.update(one.path for one in unknown)
    # By position, since names cost a third of the call.
    return Message(
        message_id,
        _role(raw, message_id, notes),
        content,
        _attachments(raw, message_id, notes) if attached else (),
        mapping_of(metadata),
        unix_seconds(get("created_at")),
        _text(get("status")),
        _text(incomplete.get("reason")) if isinstance(incomplete, dict) else None,
        None if assistant_id is None else clean_id(assistant_id),
        None if run_id is None else clean_id(run_id),
        phase,
        unknown,
    )


def _role(raw: JsonObject, message_id: str, notes: Notes) -> str | None:
    role = raw.get("role")
    if isinstance(role, str) and role:
        return role
    if raw.get("assistant_id") or raw.get("run_id"):
        notes.add("message-role-inferred", "No role; a run created the message, so it is the assistant's.", message_id)
        return "assistant"
    return None


def _phase(raw: JsonObject) -> str | None:
    """Return the phase of an assistant's message, if it is one that the target knows."""
    phase = raw.get("phase")
    return phase if raw.get("role") == "assistant" and phase in ("commentary", "final_answer") else None


def _content(raw: JsonObject, message_id: str, notes: Notes) -> tuple[Any, ...]:
    content = raw.get("content")
    if type(content) is list:
        for part in content:
            if type(part) is not dict or type(part.get("text")) is str:
                for entry in content:
                    if type(entry) is str:
                        _note_list_like(entry, message_id, notes)
                return tuple(_part(part) for part in content)
        return tuple(content)
    if isinstance(content, str):
        _note_list_like(content, message_id, notes)
        return (text_part(content),)
    if isinstance(content, dict):
        return (_part(content),)
    notes.add("message-without-content", "The message has no content.", message_id)
    return ()


def _note_list_like(text: str, message_id: str, notes: Notes) -> None:
    if looks_like_parts(text):
        detail = f"The text ({len(text):,} characters) looks like a list of parts, but cannot be read as one."
        notes.add("text-looks-like-json", detail, message_id)


def _part(part: Any) -> Any:
    """Return a part with the wire's spelling of text, where a tool saved text parts as plain strings."""
    if isinstance(part, str):
        return text_part(part)
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return {**part, "text": {"value": part["text"], "annotations": part.get("annotations") or []}}
    return part


def text_part(text: str) -> JsonObject:
    """Return the wire's text part for a plain string."""
    return {"type": "text", "text": {"value": text, "annotations": []}}


def _attachments(raw: JsonObject, message_id: str, notes: Notes) -> tuple[Attachment, ...]:
    attached, old = raw.get("attachments"), raw.get("file_ids")
    found = [_attachment(entry) for entry in attached] if isinstance(attached, list) else []
    if not isinstance(old, list) or not old:
        return tuple(found)
    if found:
        notes.add("file-ids-and-attachments", "Both file_ids and attachments; each file is read once.", message_id)
    known = {attachment.file_id for attachment in found}
    for entry in old:
        file_id = clean_id(entry)
        if file_id is None or file_id not in known:
            known.add(file_id)
            found.append(Attachment(file_id, raw=None if file_id else {"file_id": entry}))
    return tuple(found)


def _attachment(entry: Any) -> Attachment:
    if not isinstance(entry, dict):
        file_id = clean_id(entry)
        return Attachment(file_id, raw=None if file_id else {"attachment": entry})
    tools = entry.get("tools")
    names = [_tool_name(tool) for tool in tools] if isinstance(tools, list) else []
    return Attachment(clean_id(entry.get("file_id")), tuple(name for name in names if name), entry)


def _tool_name(tool: Any) -> str | None:
    return _text(tool.get("type") if isinstance(tool, dict) else tool)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def runs_of(raws: Iterable[Any]) -> tuple[Run, ...]:
    """Return the runs of wire objects that are already in order; each id once, what is not an object left out."""
    return tuple(run_of(raw) for raw in _each_once(raws))


def steps_of(raws: Iterable[Any]) -> tuple[RunStep, ...]:
    """Return the run steps of wire objects that are already in order; each id once."""
    return tuple(step_of(raw) for raw in _each_once(raws))


def run_of(raw: JsonObject) -> Run:
    """Return the run of one wire object."""
    return Run(
        id=clean_id(raw.get("id")) or "",
        status=_text(raw.get("status")),
        assistant_id=clean_id(raw.get("assistant_id")),
        created_at=unix_seconds(raw.get("created_at")),
        raw=raw,
        unknown=wire_fields.of_run(raw),
    )


def step_of(raw: JsonObject) -> RunStep:
    """Return the run step of one wire object; its type is in `type` or only in `step_details`."""
    details = mapping_of(raw.get("step_details"))
    return RunStep(
        id=clean_id(raw.get("id")) or "",
        run_id=clean_id(raw.get("run_id")),
        type=_text(raw.get("type")) or _text(details.get("type")),
        details=details,
        status=_text(raw.get("status")),
        created_at=unix_seconds(raw.get("created_at")),
        unknown=wire_fields.of_step(raw, details),
    )


def _each_once(raws: Iterable[Any]) -> Iterator[JsonObject]:
    seen: set[str] = set()
    for raw in raws:
        if not isinstance(raw, dict):
            continue
        known = clean_id(raw.get("id"))
        if known is not None:
            if known in seen:
                continue
            seen.add(known)
        yield raw


def thread_facts(raw: Mapping[str, Any]) -> JsonObject:
    """Return the fields of a `Thread` that its wire object tells: time, metadata, resources, what is unknown."""
    return {
        "created_at": unix_seconds(raw.get("created_at")),
        "metadata": mapping_of(raw.get("metadata")),
        "tool_resources": mapping_of(raw.get("tool_resources")),
        "unknown": wire_fields.of_thread(raw),
    }
