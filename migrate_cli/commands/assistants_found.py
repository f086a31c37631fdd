"""Collects assistants from a source: their objects, those that only runs or messages name, and resources of threads.

It must not convert or write.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.model import JsonObject, Problem, Run, Thread, Unreadable

_OF_RUN = ("model", "instructions", "tools", "response_format", "temperature", "top_p", "reasoning_effort")
"""What a run repeats of its assistant's settings."""
_IDS = {"file_search": "vector_store_ids", "code_interpreter": "file_ids"}


@dataclass(slots=True)
class FoundAssistant:
    """One assistant, and where it is known from: its `object`, a `run`, or a `message` alone."""

    id: str
    assistant: JsonObject
    known_from: str
    threads: int = 0
    resources: JsonObject = field(default_factory=dict)
    """Tool resources of the threads that it spoke on, each id once."""
    threads_with_resources: int = 0
    newest_run: float = float("-inf")


class AssistantCollection:
    """All assistants of a source. Memory grows with the assistants and their resources, not with the threads."""

    def __init__(self, objects: Iterable[JsonObject]) -> None:
        self._found: dict[str, FoundAssistant] = {}
        self.problems: list[Problem] = []
        """What could not be read, and may have named more."""
        self.threads: list[JsonObject] = []
        """Threads with resources of their own: `{thread_id, assistants, tool_resources}`."""
        for assistant in objects:
            assistant_id = str(assistant.get("id") or "")
            self._found.setdefault(assistant_id, FoundAssistant(assistant_id, assistant, "object"))

    def found(self) -> list[FoundAssistant]:
        """All, in the order in which they were met."""
        return list(self._found.values())

    def read(self, entry: Thread | Unreadable) -> None:
        """Take what one thread tells."""
        if isinstance(entry, Unreadable):
            self.problems.append(Problem(entry.code, entry.sentence, entry.thread_id))
            return
        named: dict[str, None] = {}
        for run in entry.runs:
            if run.assistant_id:
                named[run.assistant_id] = None
                self._take_run(run.assistant_id, run)
        for message in entry.messages:
            if message.assistant_id:
                named[message.assistant_id] = None
        for assistant_id in named:
            bare = FoundAssistant(assistant_id, {"id": assistant_id}, "message")
            self._found.setdefault(assistant_id, bare).threads += 1
        self._take_resources(entry, list(named))

    def _take_run(self, assistant_id: str, run: Run) -> None:
        known = self._found.setdefault(assistant_id, FoundAssistant(assistant_id, {"id": assistant_id}, "run"))
        at = run.created_at if run.created_at is not None else 0.0
        if known.known_from == "object" or at < known.newest_run:
            return
        known.known_from, known.newest_run = "run", at
        given = {key: run.raw[key] for key in _OF_RUN if run.raw.get(key) is not None}
        known.assistant = {"id": assistant_id} | given

    def _take_resources(self, thread: Thread, assistants: list[str]) -> None:
        held = {tool: ids for tool in _IDS if (ids := _ids(thread.tool_resources, tool))}
        if not held:
            return
        shown = {tool: {_IDS[tool]: ids} for tool, ids in held.items()}
        self.threads.append({"thread_id": thread.id, "assistants": assistants, "tool_resources": shown})
        for assistant_id in assistants:
            found = self._found[assistant_id]
            found.threads_with_resources += 1
            for tool, ids in held.items():
                together = found.resources.setdefault(tool, {_IDS[tool]: []})[_IDS[tool]]
                together += [one for one in ids if one not in together]


def _ids(resources: Any, tool: str) -> list[str]:
    inner = resources.get(tool) if isinstance(resources, dict) else None
    ids = inner.get(_IDS[tool]) if isinstance(inner, dict) else None
    return [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else []
