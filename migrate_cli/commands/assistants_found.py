"""Collects assistants from a source: their objects, those that only runs or messages name, and resources of threads.

It must not convert or write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.model import JsonObject, Problem, Run, Thread, Unreadable

_OF_RUN = (
    "model",
    "instructions",
    "tools",
    "tool_resources",
    "response_format",
    "temperature",
    "top_p",
    "reasoning_effort",
)
"""What a run repeats of its assistant's settings."""
_COMPARED = ("model", "instructions", "tools")
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
    of_run: JsonObject = field(default_factory=dict)
    """What the newest run says of its settings."""

    def settled(self, assistant: JsonObject) -> FoundAssistant:
        """Take the assistant's own object, which outweighs what runs and messages tell."""
        self.assistant, self.known_from = assistant, "object"
        return self

    @property
    def differing(self) -> list[str]:
        """The settings in which the newest run differs from the assistant's object."""
        if self.known_from != "object":
            return []
        return [key for key in _COMPARED if self.of_run.get(key) and self.of_run[key] != self.assistant.get(key)]

    @property
    def resource_list(self) -> list[Mapping[str, Any]]:
        """The resources beside the assistant's own, those of threads first; of runs only servers, which come with them.

        Files and stores of a run are those of its assistant and its thread.
        """
        of_run = self.of_run.get("tool_resources")
        servers = of_run.get("mcp") if isinstance(of_run, dict) else None
        return [held for held in (self.resources, {"mcp": servers} if servers else {}) if held]


class AssistantCollection:
    """All assistants of a source. Memory grows with the assistants and their resources, not with the threads."""

    def __init__(self) -> None:
        self._found: dict[str, FoundAssistant] = {}
        self.problems: list[Problem] = []
        """What could not be read, and may have named more."""
        self.threads: list[JsonObject] = []
        """Threads with resources of their own: `{thread_id, assistants, tool_resources}`."""

    def found(self) -> list[FoundAssistant]:
        """All: first those whose objects the source holds, in its order, then those that others name."""
        return sorted(self._found.values(), key=lambda one: one.known_from != "object")

    def take_objects(self, objects: Iterable[JsonObject]) -> None:
        """Take the assistants' own objects, the first one of each id; one without an id goes by its name."""
        named = dict(self._found)
        self._found.clear()
        for place, assistant in enumerate(objects, start=1):
            known = str(assistant.get("id") or assistant.get("name") or f"assistant-{place}")
            if known not in self._found:
                bare = named.pop(known, None) or FoundAssistant(known, {}, "object")
                self._found[known] = bare.settled(assistant)
        self._found |= named

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
        if at < known.newest_run:
            return
        known.newest_run = at
        known.of_run = {key: run.raw[key] for key in _OF_RUN if run.raw.get(key) is not None}
        known.known_from = "run"
        known.assistant = {"id": assistant_id} | known.of_run

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
