"""What the tests of sources share: reading a path whole, and building wire messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.model import Message, Thread, Unreadable
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection, Source

ALL = Selection()


@dataclass
class Reading:
    """Everything that a source gave."""

    source: Source
    threads: list[Thread] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [thread.id for thread in self.threads]

    @property
    def codes(self) -> list[str]:
        return [problem.code for problem in self.unreadable]

    def thread(self, thread_id: str) -> Thread:
        return next(thread for thread in self.threads if thread.id == thread_id)

    def messages(self, thread_id: str) -> list[Message]:
        return list(self.thread(thread_id).messages)

    def message_ids(self, thread_id: str) -> list[str]:
        return [message.id for message in self.messages(thread_id)]

    def finding_codes(self, thread_id: str) -> list[str]:
        return [finding.code for finding in self.thread(thread_id).findings]


Read = Callable[..., Reading]


@pytest.fixture
def read() -> Read:
    """Return a function that reads a path whole."""

    def read_path(
        path: Path | str,
        selection: Selection = ALL,
        *,
        shape: str = "auto",
        columns: Mapping[str, str] | None = None,
        roles: Mapping[str, str] | None = None,
        time_format: str | None = None,
    ) -> Reading:
        source = open_source(str(path), format=shape, columns=columns, roles=roles, time_format=time_format)
        reading = Reading(source)
        for found in source.threads(selection):
            if isinstance(found, Thread):
                reading.threads.append(found)
            else:
                reading.unreadable.append(found)
        return reading

    return read_path


Wire = Callable[..., dict[str, Any]]


@pytest.fixture
def wire() -> Wire:
    """Return a function that makes a wire message."""

    def message(number: int, *, thread: str = "thread_A", at: int | None = None, **fields: Any) -> dict[str, Any]:
        return {
            "id": f"msg_{number}",
            "object": "thread.message",
            "created_at": 1_700_000_000 + (number if at is None else at),
            "thread_id": thread,
            "role": "user" if number % 2 else "assistant",
            "content": [{"type": "text", "text": {"value": f"text {number}", "annotations": []}}],
            "metadata": {},
            **fields,
        }

    return message
