"""`agent` and `agent-yaml`: files that describe agents, in the ways of Foundry's portals, toolkit and SDKs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.agents import agents_in
from migrate_cli.sources.record_kinds import RecordKind, kind_of
from migrate_cli.sources.shapes.base import Form, Growth, Loose, Piece, Shape


class Agent(Shape):
    """A document of one agent or several; a host's own assistant objects are read as `objects`."""

    name = "agent"
    description = "an agent described by its model, instructions and tools, without threads (for `assistants`)"
    growth = Growth.NONE

    def matches(self, value: Any) -> bool:
        """Recognise an agent, or several, that are no objects of the wire."""
        first = value[0] if isinstance(value, list) and value else value
        return not (isinstance(first, dict) and "object" in first and kind_of(first)) and bool(agents_in(value))

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the agents as assistants."""
        yield Loose(RecordKind.ASSISTANT, agents_in(value))


class AgentYaml(Shape):
    """The same as YAML, one document or several; assistants that an SDK wrote as YAML, too."""

    name = "agent-yaml"
    description = "an agent as YAML, as Foundry's portal, toolkit and SDKs write it, without threads (for `assistants`)"
    form = Form.YAML
    growth = Growth.NONE

    def matches(self, value: Any) -> bool:
        """Recognise an agent, or several."""
        return bool(agents_in(value))

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the agents as assistants."""
        yield Loose(RecordKind.ASSISTANT, agents_in(value))
