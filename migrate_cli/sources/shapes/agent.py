"""Files without threads: agents in the ways of Foundry's portals, toolkit and SDKs, and lists of assistants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.agents import agents_in
from migrate_cli.sources.record_kinds import RecordKind, kind_of
from migrate_cli.sources.shapes.base import Form, Growth, Loose, Piece, Shape, beside
from migrate_cli.sources.shapes.thread_file import assistants_of


class Agent(Shape):
    """A document of one agent or several; a host's own assistant objects are read as `objects`."""

    name = "agent"
    description = "an agent described by its model, instructions and tools, without threads (for `assistants`)"
    growth = Growth.NONE

    def matches(self, value: Any) -> bool:
        """Recognise an agent, or several, that are not objects of the wire."""
        first = value[0] if isinstance(value, list) and value else value
        return not (isinstance(first, dict) and first.get("object") and kind_of(first)) and bool(agents_in(value))

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the agents as assistants."""
        yield Loose(RecordKind.ASSISTANT, agents_in(value, deployed=False))


class AgentYaml(Shape):
    """The same as YAML, one document or several; assistants that an SDK wrote as YAML, too."""

    name = "agent-yaml"
    description = (
        "an agent as YAML, as written by Foundry's portal, toolkit and SDKs, without threads (for `assistants`)"
    )
    form = Form.YAML
    growth = Growth.NONE

    def matches(self, value: Any) -> bool:
        """Recognise an agent, or several."""
        return bool(agents_in(value))

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the agents as assistants."""
        yield Loose(RecordKind.ASSISTANT, agents_in(value))


class Assistants(Shape):
    """An object that holds lists of assistants among other things, and no threads."""

    name = "assistants"
    description = "lists of assistant objects among other fields, without threads (for `assistants`)"
    growth = Growth.NONE

    def matches(self, value: Any) -> bool:
        """Recognise an object one of whose fields is a list of assistants."""
        return bool(_lists(value))

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the assistants, by field."""
        for name in _lists(value):
            yield Loose(RecordKind.ASSISTANT, assistants_of(value[name]))

    def frame(self, value: Any) -> list[str]:
        """Return what is next to the assistants."""
        return beside(value, frozenset(_lists(value)))


def _lists(value: Any) -> list[str]:
    return [name for name, entry in value.items() if assistants_of(entry)] if isinstance(value, dict) else []
