"""Records the texts of threads beside what became of them, for reports that were asked to show them.

The result is `data["content"]`: `[{thread_id, conversation_id, rows: [{position, message_id, source: {role, text},
target: [{kind, role, text}], findings: [{code, severity, detail}]}]}]`. Texts stay in memory, and no more of them than
a reader can use. It must not write anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from migrate_cli.model import Draft, Finding, Item, JsonObject, Message, Thread, Unreadable
from migrate_cli.report.redact import redact

THREADS = 100
"""Threads whose texts are shown, at most."""
CHARACTERS = 4_000_000
"""Once so many are taken, no further thread is begun: a browser should still open the page."""
_LONGEST_URL = 80

Mask = Callable[[str], str]


class ContentRecorder:
    """Takes the first threads of a run as they are read, and pairs each with its draft."""

    def __init__(self, mask: Mask, *, threads: int = THREADS, characters: int = CHARACTERS) -> None:
        self._mask = mask
        self._threads, self._left = threads, characters
        self._said: dict[str, list[JsonObject]] = {}
        self._shown: dict[str, JsonObject] = {}
        self._cut = 0

    def watch(self, entries: Iterable[Thread | Unreadable]) -> Iterator[Thread | Unreadable]:
        """Pass everything on, and keep the texts of the first threads."""
        for entry in entries:
            if isinstance(entry, Thread) and len(self._said) < self._threads and self._left > 0:
                self._said[entry.id] = [self._message(message) for message in entry.messages]
            yield entry

    def draft(self, draft: Draft, conversation_id: str | None) -> None:
        """Put a thread and its conversation side by side."""
        said = self._said.get(draft.thread_id)
        if said is None:
            self._cut += 1
            return
        self._said[draft.thread_id] = []
        rows = _rows(said, [(item, self._item(item)) for item in draft.items], draft.findings)
        self._shown[draft.thread_id] = {
            "thread_id": draft.thread_id, "conversation_id": conversation_id, "rows": rows,
        }  # fmt: skip

    def data(self) -> JsonObject:
        """Return `content` in the order of the source, and `content_cut`: how many threads are not in it."""
        shown = [self._shown[one] for one in self._said if one in self._shown]
        return {"content": shown} | ({"content_cut": self._cut} if self._cut else {})

    def _message(self, message: Message) -> JsonObject:
        text = self._masked("\n".join(_part(part) for part in message.content))
        return {"message_id": message.id, "role": message.role, "text": text}

    def _item(self, item: Item) -> JsonObject:
        body = json.loads(item.body)
        return {"kind": item.kind, "role": body.get("role"), "text": self._masked(_body(body))}

    def _masked(self, text: str) -> str:
        self._left -= len(text)
        return self._mask(text)


def content_recorder(*, wanted: bool, redacted: bool) -> ContentRecorder | None:
    """Return a recorder if texts are wanted, or None: then no text is kept anywhere."""
    if not wanted:
        return None
    return ContentRecorder(redact if redacted else str)


def without_content(envelope: JsonObject) -> JsonObject:
    """The envelope as the state file keeps it: texts are for the report that asked for them, and for nothing else."""
    data = {name: value for name, value in envelope["data"].items() if not name.startswith("content")}
    return {**envelope, "data": data}


def texts_at_stake(
    sent: Sequence[Item], shown: Sequence[JsonObject], blocks: Iterable[tuple[str, int, int, int, int]], mask: Mask
) -> list[JsonObject]:
    """Return rows, as in `content`, of the stretches in which a thread's items and those of a conversation differ.

    `blocks` are difflib's. What stands on one side only has `source` null, or an empty `target`.
    """
    rows: list[JsonObject] = []
    for kind, a, b, c, d in blocks:
        for n in range(0 if kind == "equal" else max(b - a, d - c)):
            row = _row(None, None)
            if a + n < b:
                item = sent[a + n]
                body = json.loads(item.body)
                row |= {"position": a + n, "message_id": item.message_id}
                row["source"] = {"role": body.get("role"), "text": mask(_body(body))}
            if c + n < d:
                body = shown[c + n]
                text = mask(_body(body))
                row["target"].append(
                    {"kind": str(body.get("type") or "message"), "role": body.get("role"), "text": text}
                )
            rows.append(row)
    return rows


def _rows(
    said: list[JsonObject], items: list[tuple[Item, JsonObject]], findings: Iterable[Finding]
) -> list[JsonObject]:
    """One row for each message with its items and findings; what belongs to none stands first, or where it occurs."""
    rows = {one["message_id"]: _row(place, one) for place, one in enumerate(said, 1)}
    before = _row(None, None)
    current = before
    for item, shown in items:
        current = rows.get(item.message_id, current)
        current["target"].append(shown)
    for found in findings:
        place = rows.get(found.message_id, before)
        place["findings"].append({"code": found.code, "severity": found.severity.value, "detail": found.detail})
    first = [before] if before["target"] or before["findings"] else []
    return [*first, *rows.values()]


def _row(place: int | None, said: JsonObject | None) -> JsonObject:
    source = None if said is None else {"role": said["role"], "text": said["text"]}
    message_id = None if said is None else said["message_id"]
    return {"position": place, "message_id": message_id, "source": source, "target": [], "findings": []}


def _body(body: JsonObject) -> str:
    """The words of an item; an item that is not a message is shown as JSON."""
    content = body.get("content")
    if isinstance(content, list):
        return "\n".join(_part(part) for part in content)
    if isinstance(content, str):
        return content
    return json.dumps({key: _short(value) for key, value in body.items() if key != "type"}, ensure_ascii=False)


def _part(part: Any) -> str:
    """The words of one part, in either API's form; another part is named in square brackets."""
    if not isinstance(part, dict):
        return str(part)
    for key in ("text", "refusal"):
        value = part.get(key)
        value = value.get("value") if isinstance(value, dict) else value
        if isinstance(value, str):
            return value
    facts = [str(_short(fact)) for fact in _facts(part)]
    return f"[{' '.join([str(part.get('type') or 'part'), *facts])}]"


def _facts(part: JsonObject) -> Iterator[str]:
    """Yield file ids and addresses in a part, wherever they stand."""
    for key, value in part.items():
        if isinstance(value, dict):
            yield from _facts(value)
        elif isinstance(value, str) and key in ("file_id", "url", "image_url", "file_url", "filename"):
            yield value


def _short(value: Any) -> Any:
    """Cut an address that holds the data itself."""
    if isinstance(value, str) and value.startswith("data:") and len(value) > _LONGEST_URL:
        return f"{value[:40]}… ({len(value):,} characters)"
    return value
