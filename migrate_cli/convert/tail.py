"""Keeps the last messages of a thread, as the setting asks: a message goes or stays with its notes and its tool calls.

At least the last message stays, however long it is. What is cut counts as dropped; what was set aside for the state
file stays there.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.options import Tail
from migrate_cli.convert.text import counted
from migrate_cli.model import Fate, Item

TokenEstimate = Callable[[str], int]
"""About how many tokens a text has."""

IMAGE_TOKENS = 1_000
FILE_TOKENS = 2_000
"""Flat guesses for what the text alone cannot tell."""


def estimate_tokens(text: str) -> int:
    """A rough count that needs no tokenizer: four bytes of UTF-8 per token, rounded up."""
    return (len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))) // 4 + 1


class TailCutter:
    """Takes what each message became, and drops the oldest as soon as it can no longer be among the last."""

    def __init__(self, draft: DraftBuilder, tail: Tail, estimate: TokenEstimate = estimate_tokens) -> None:
        self._draft = draft
        self._tail = tail
        self._estimate = estimate
        self._portions: deque[tuple[DraftBuilder, int]] = deque()
        self._filled = 0
        """Portions that hold items: a message that leaves nothing to send does not count as one of the last."""
        self._tokens = 0
        self._cut_messages = 0
        self._cut_parts = 0

    def add(self, portion: DraftBuilder) -> None:
        """Take what the next message became."""
        tokens = sum(weigh_item(item, self._estimate) for item in portion.items) if self._tail.tokens is not None else 0
        self._portions.append((portion, tokens))
        self._tokens += tokens
        self._filled += bool(portion.items)
        while self._filled > 1 and self._is_over():
            self._cut()

    def finish(self) -> None:
        """Write the portions that stay into the draft, and report what was cut."""
        for portion, _ in self._portions:
            self._draft.append(portion)
        if self._cut_messages:
            self._draft.count(Fate.DROPPED, self._cut_parts)
            detail = (
                f"Left out: {counted(self._cut_messages, 'older message')} with {counted(self._cut_parts, 'part')}."
            )
            self._draft.find("tail-cut", detail)

    def _is_over(self) -> bool:
        messages, tokens = self._tail.messages, self._tail.tokens
        too_many = messages is not None and self._filled > messages
        return too_many or (tokens is not None and self._tokens > tokens)

    def _cut(self) -> None:
        portion, tokens = self._portions.popleft()
        ledger = portion.ledger
        self._tokens -= tokens
        self._filled -= bool(portion.items)
        self._cut_messages += 1
        self._cut_parts += ledger.kept + ledger.converted + ledger.noted + ledger.dropped
        self._draft.aside += portion.aside


def weigh_item(item: Item, estimate: TokenEstimate = estimate_tokens) -> int:
    """About how many tokens an item has: its texts by `estimate`, images and files by flat guesses."""
    return weigh(json.loads(item.body), estimate)


def weigh(value: Any, estimate: TokenEstimate = estimate_tokens) -> int:
    """About how many tokens items have, or one of them, given as JSON."""
    if isinstance(value, list):
        return sum(weigh(entry, estimate) for entry in value)
    if not isinstance(value, dict):
        return 0
    kind = value.get("type")
    if kind in ("input_image", "input_file"):
        return IMAGE_TOKENS if kind == "input_image" else FILE_TOKENS
    tokens = 0
    for key, entry in value.items():
        if isinstance(entry, list):
            tokens += weigh(entry, estimate)
        elif isinstance(entry, str) and key in _TEXT_KEYS:
            tokens += estimate(entry)
    return tokens


_TEXT_KEYS = frozenset({"text", "refusal", "name", "arguments", "input", "output", "code", "logs"})
