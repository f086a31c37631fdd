"""The draft of one thread while it is built: items, fates of parts, findings, and facts for the state file.

It only records what the converters write; it must not decide what becomes of anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from migrate_cli.convert.canonical import encode_item
from migrate_cli.convert.limits import MAX_TEXT
from migrate_cli.convert.options import (
    NO_FACTS,
    ConvertOptions,
    FileFact,
    FileFacts,
    ProgressMessages,
    Timestamps,
    UnknownFields,
)
from migrate_cli.convert.tool_pairs import ToolPairs
from migrate_cli.findings import finding
from migrate_cli.model import Aside, Fate, Finding, Item, JsonObject, Ledger, UnknownField

_NOTHING_KNOWN = FileFact()


class DraftBuilder:
    """What has been written so far for one thread, or for one message of it when a tail is cut."""

    __slots__ = (
        "aside", "call_ids", "facts", "findings", "items", "leaves_texts", "ledger", "most_text", "names", "options",
        "pairs", "thread_id", "unknown_paths",
    )  # fmt: skip

    def __init__(
        self,
        thread_id: str,
        options: ConvertOptions,
        facts: FileFacts = NO_FACTS,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.thread_id = thread_id
        self.options = options
        self.leaves_texts = (
            options.timestamps is Timestamps.NONE
            and not options.strict_assistant
            and options.progress_messages is ProgressMessages.KEEP
        )
        """Whether, by the options, a text without annotations is sent just as it is."""
        self.most_text = MAX_TEXT if options.message_characters is None else options.message_characters
        """Characters that one text, and all texts of one message together, may have."""
        self.facts = facts
        self.names: Mapping[str, str] = names or {}
        self.call_ids: set[str] = set()
        self.unknown_paths: Counter[str] = Counter()
        """How often each field was met that nothing carries."""
        self.pairs = ToolPairs()
        """Which output answers which call among the thread's messages."""
        self.items: list[Item] = []
        self.findings: list[Finding] = []
        self.aside: list[Aside] = []
        self.ledger = Ledger()

    def portion(self) -> DraftBuilder:
        """Return an empty draft for one message; what must be unique in the thread is shared."""
        other = DraftBuilder(self.thread_id, self.options, self.facts, self.names)
        other.call_ids = self.call_ids
        other.unknown_paths = self.unknown_paths
        other.pairs = self.pairs
        return other

    def append(self, portion: DraftBuilder) -> None:
        """Append what was built apart."""
        self.items += portion.items
        self.findings += portion.findings
        self.aside += portion.aside
        self.ledger.add(portion.ledger)

    def count(self, fate: Fate, parts: int = 1) -> None:
        """Count the fate of `parts` parts of the source."""
        self.ledger.count(fate, parts)

    def find(self, code: str, detail: str, message_id: str | None = None) -> None:
        """Report a departure from the source; `detail` never holds message text."""
        self.findings.append(finding(code, detail, self.thread_id, message_id))

    def set_aside(self, name: str, value: Any, message_id: str | None = None) -> None:
        """Keep a fact for the state file."""
        self.aside.append(Aside(message_id, name, value))

    def unknown(self, fields: Sequence[UnknownField], message_id: str | None = None) -> None:
        """Count fields that nothing carries, and keep their values where the options ask for it."""
        if not fields:
            return
        keep = self.options.unknown_fields is UnknownFields.KEEP
        self.count(Fate.NOTED if keep else Fate.DROPPED, len(fields))
        for one in fields:
            self.unknown_paths[one.path] += 1
        if keep:
            self.set_aside("fields", [{"field": one.path, "value": one.value} for one in fields], message_id)

    def put(
        self,
        body: JsonObject,
        kind: str,
        message_id: str | None = None,
        created_at: float | None = None,
        *,
        joined: bool = False,
    ) -> None:
        """Append an item."""
        self.items.append(Item(*encode_item(body), kind, message_id, created_at, joined))

    def fact(self, file_id: str) -> FileFact:
        """What is known of a file; an empty fact when nothing is."""
        return self.facts.get(file_id, _NOTHING_KNOWN)

    def filename(self, file_id: str) -> str | None:
        """The file's name, from the facts or from search results in the thread's own run steps."""
        return self.fact(file_id).filename or self.names.get(file_id)
