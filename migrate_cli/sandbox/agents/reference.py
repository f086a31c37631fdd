"""Requests to `/responses` that name an agent: what the agent has takes the place of what a request would say. Pure.

Known from reports of the real service: `agent` is refused in favour of `agent_reference`, and what the agent's version
holds (model, instructions, tools and so on) may not be in the request too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.agents.store import AgentVersion
from migrate_cli.sandbox.agents.tools import only_of_agents
from migrate_cli.sandbox.api_error import ApiError
from migrate_cli.sandbox.responses.values import a_choice, a_text, an_object, missing, refuse_unknown

_OF_AGENT = ("model", "instructions", "tools", "tool_choice", "text", "reasoning", "temperature", "top_p")
Find = Callable[[str], list[AgentVersion]]
"""The versions of an agent, oldest first."""


def with_agent(body: Any, find: Find) -> tuple[Any, JsonObject | None]:
    """Return the request as if it held what its agent has, and the reference with its version, if one is named.

    Raises ApiError for an agent that is not there, and for what only the agent may say.
    """
    if not isinstance(body, dict):
        return body, None
    if "agent" in body:
        raise ApiError(
            400,
            "The 'agent' property is deprecated. Use 'agent_reference' instead.",
            code="invalid_payload",
            param="agent",
        )
    if body.get("agent_reference") is None:
        return {name: value for name, value in body.items() if name != "agent_reference"}, None
    given = an_object(body["agent_reference"], "agent_reference")
    refuse_unknown(given, ("type", "name", "version"), "agent_reference.")
    if given.get("type") is None:
        raise missing("agent_reference.type")
    a_choice(given["type"], "agent_reference.type", ("agent_reference",), None)
    found = _version(given, find)
    for name in _OF_AGENT:
        if name in body:
            raise ApiError(400, "Not allowed when agent is specified.", code="invalid_payload", param=name)
    definition = found.body["definition"]
    held = {name: definition[name] for name in _OF_AGENT if definition.get(name) is not None}
    if "tools" in held:
        held["tools"] = [tool for tool in held["tools"] if not only_of_agents(tool)]
    rest = {name: value for name, value in body.items() if name != "agent_reference"}
    reference = {"type": "agent_reference", "name": found.name, "version": str(found.version)}
    return rest | held, reference


def _version(given: JsonObject, find: Find) -> AgentVersion:
    name, version = (
        a_text(given.get("name"), "agent_reference.name"),
        a_text(given.get("version"), "agent_reference.version"),
    )
    if not name:
        raise missing("agent_reference.name")
    found = [one for one in find(name) if version is None or str(one.version) == version]
    if not found:
        told = f" with version {version[:20]}" if version is not None else ""
        raise ApiError(404, f"Agent {name[:80]}{told} not found.", code="not_found", param="agent_reference")
    return found[-1]
