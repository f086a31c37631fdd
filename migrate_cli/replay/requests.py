"""The fields of a case's requests besides the input: the setup, with ids mapped and tokens filled in last."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from migrate_cli.errors import UsageError
from migrate_cli.model import JsonObject
from migrate_cli.replay.toolspec import Tool
from migrate_cli.secrets import register_secret

Secret = Callable[[str], str | None]
"""The value of an environment variable."""


def fields_of(setup: JsonObject, tools: Iterable[Tool], secret: Secret, mapped: Callable[[str], str]) -> JsonObject:
    """Return the fields of a request. Raises UsageError when a variable that a tool names is not set.

    A request that names an agent may not have tools: those of the agent count.
    """
    if "agent_reference" in setup:
        return setup
    wired = [_tool(tool, secret, mapped) for tool in tools]
    return setup | ({"tools": wired} if wired else {})


def _tool(tool: Tool, secret: Secret, mapped: Callable[[str], str]) -> JsonObject:
    wire = tool.wire()
    if tool.authorization_env is not None:
        wire["authorization"] = _value(tool, tool.authorization_env, secret)
    if tool.headers_env:
        headers = {name: _value(tool, variable, secret) for name, variable in tool.headers_env.items()}
        wire["headers"] = {**(wire.get("headers") or {}), **headers}
    if isinstance(wire.get("vector_store_ids"), list):
        wire["vector_store_ids"] = _mapped(wire["vector_store_ids"], mapped)
    container = wire.get("container")
    if isinstance(container, dict) and isinstance(container.get("file_ids"), list):
        wire["container"] = container | {"file_ids": _mapped(container["file_ids"], mapped)}
    return wire


def _value(tool: Tool, variable: str, secret: Secret) -> str:
    value = secret(variable)
    if not value or not value.strip():
        raise UsageError(f"the tool {tool.name} needs a token: set the environment variable {variable}")
    register_secret(value)
    return value.strip()


def _mapped(ids: list[Any], mapped: Callable[[str], str]) -> list[Any]:
    return [mapped(each) if isinstance(each, str) else each for each in ids]
