"""Whatever is changed in a saved conversation of any dialect: each text of it is carried, set aside, or told.

Every text is a word of its own. A word that stands in the file and in nothing that became of it, while no finding and
no refusal speaks of a loss, is a silent one.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from migrate_cli.convert.options import ConvertOptions, UnknownFields
from migrate_cli.convert.thread import convert_thread
from migrate_cli.convert.validate import validate_draft
from migrate_cli.errors import SourceError
from migrate_cli.model import Thread
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

from .test_dialects_everywhere import CONTAINERS, DIALECTS, Messages  # noqa: TID252 - the same conversations

SAY_NO_LOSS = {
    *("message-without-id", "order-unknown", "thread-id-from-file-name", "thread-id-made", "order-not-chronological"),
    *("message-metadata-aside", "order-probably-reversed"),
}
"""Findings of files that lack ids, times or names; they tell of no text that was lost."""


class Words:
    """Makes every text of a conversation a word of its own."""

    def __init__(self) -> None:
        self.count = 0

    def word(self) -> str:
        self.count += 1
        return f"word{self.count:04}end"

    def of(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self.of(entry, name) for name, entry in value.items()}
        if isinstance(value, list):
            return [self.of(entry, key) for entry in value]
        if isinstance(value, str) and key in _SAID and not value.startswith(("{", "http")):
            return self.word() if value else value
        return value


_SAID = {"content", "text", "output", "result", "city", "value"}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, the outermost first."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from places(entry, (*path, key))
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from places(entry, (*path, number))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


MARKS = {
    "role",
    "lc",
    "type",
    "state",
    "status",
    "index",
    "object",
    "invalid_tool_calls",
    "id",
    "toolCallId",
    "call_id",
    *("mediaType", "contentType", "toolName"),
}
"""Keys that say of which form a record is, or name it; a text under them is no text of the conversation."""
CHANGES = ["none", "rename", "null", "wrap", "extra", "number", "drop", "text"]


@st.composite
def changed(draw: st.DrawFn) -> tuple[Messages, set[str], str]:
    """A conversation with a word for each text and one change somewhere; all words that are left; what was done."""
    words = Words()
    dialect = draw(st.sampled_from(DIALECTS))
    messages: Messages = words.of(copy.deepcopy(dialect()))
    for number, message in enumerate(messages):
        holder = message.get("data") or message.get("kwargs") or message
        holder.setdefault("id", f"m{number}")
    did = []
    for _ in range(draw(st.integers(0, 2))):
        every = [path for path in places(messages) if len(path) > 1]
        path = draw(st.sampled_from(every))
        parent, last = at(messages, path[:-1]), path[-1]
        change = draw(st.sampled_from(CHANGES))
        did.append(f"{dialect.__name__}: {change} at {path}")
        if change == "rename" and isinstance(parent, dict):
            parent[draw(st.sampled_from(["odd", "Content", "note", "payload", "parts"]))] = parent.pop(last)
        elif change == "null":
            parent[last] = None
        elif change == "wrap":
            parent[last] = draw(st.sampled_from([lambda x: [x], lambda x: {"inner": x}]))(parent[last])
        elif change == "extra" and isinstance(parent, dict):
            parent[draw(st.sampled_from(["odd", "note", "feedback", "text"]))] = words.word()
        elif change == "number":
            parent[last] = 7
        elif change == "drop":
            del parent[last]
        elif change == "text" and MARKS.isdisjoint(path):
            parent[last] = words.word()
    left = json.dumps(messages)
    known = {f"word{number:04}end" for number in range(1, words.count + 1)}
    return messages, {word for word in known if word in left}, "; ".join(did)


def silent(messages: Messages, words: set[str], container: Any) -> set[str]:
    """The words that are lost without a sign."""
    with tempfile.TemporaryDirectory() as folder:
        source = open_source(str(container(Path(folder), messages)))
        found = list(source.threads(Selection()))
        kept, told = "", False
        for entry in found:
            if not isinstance(entry, Thread):
                told = True
                continue
            draft = convert_thread(entry, ConvertOptions(unknown_fields=UnknownFields.KEEP))
            assert draft.ledger.balanced and validate_draft(draft) == []
            kept += "".join(item.body.decode() for item in draft.items)
            kept += json.dumps([aside.value for aside in draft.aside], default=str) + json.dumps(draft.metadata)
            told = told or bool({one.code for one in draft.findings} - SAY_NO_LOSS - {"field-not-carried"})
        return set() if told else {word for word in words if word not in kept}


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(changed(), st.sampled_from(CONTAINERS))
def test_no_text_is_lost_in_silence(conversation: tuple[Messages, set[str], str], container: Any) -> None:
    messages, words, did = conversation
    try:
        lost = silent(messages, words, container)
    except SourceError:
        return
    assert not lost, f"{container.__name__}, {did}: {sorted(lost)}"
