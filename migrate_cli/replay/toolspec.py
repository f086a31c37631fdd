"""The tools of a suite: what is sent to the target, and what only this program needs (handlers, names of variables).

A suite never holds a token: a tool names the environment variable that does. This module must not import a handler or
read the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from migrate_cli.errors import closest
from migrate_cli.model import JsonObject
from migrate_cli.replay.schemas import valid_schema

OWN = frozenset({"handler", "command", "timeout", "authorization_env", "headers_env"})
"""Keys of a tool that stay here."""

_CALLED = frozenset({"type", "name", "description", "defer_loading", "allowed_callers", "async", *OWN})
_FUNCTION = _CALLED | {"parameters", "strict", "output_schema"}
_CUSTOM = _CALLED | {"format"}
_NAMESPACE = frozenset({"type", "name", "description", "tools"})
_RUN_HERE = frozenset({"function", "custom"})
_MCP = frozenset(
    {
        "type", "server_label", "server_url", "connector_id", "tunnel_id", "server_description", "allowed_tools",
        "require_approval", "headers", "defer_loading", "allowed_callers", *OWN,
    }
)  # fmt: skip
_CALLERS = ("direct", "programmatic")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SECRET = re.compile(r"(?i)authorization|token|secret|key|cookie|password")
_PLACE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_APPROVALS = "an mcp tool whose require_approval is always, never, or a mapping {tool: always|never}"


class Tool(BaseModel):
    """One tool: the fields of the API as they are, and beside them those named below."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    type: str = Field(min_length=1)
    tools: tuple[Tool, ...] | None = None
    """The functions and custom tools of a namespace."""
    handler: str | None = None
    """`package.module:function`, sync or async; called with the arguments as keywords, or with a custom tool's text."""
    command: tuple[str, ...] | None = Field(None, min_length=1)
    """A program that reads the arguments as JSON and writes its result as JSON (or as text); a custom tool's reads and
    writes text."""
    timeout: float | None = Field(None, gt=0)
    """Seconds; default: the setting replay.tool_timeout."""
    authorization_env: str | None = None
    headers_env: dict[str, str] = Field(default_factory=dict)
    """Header → variable."""

    @field_validator("command", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError('a list of words, such as ["./lookup", "--json"]; no shell is used')
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.type not in _RUN_HERE and (self.handler or self.command):
            raise ValueError("a tool without handler or command: only functions and custom tools run here")
        self._check_callers()
        match self.type:
            case "function":
                self._check_function()
            case "custom":
                self._check_called("a custom tool", _CUSTOM)
            case "namespace":
                self._check_namespace()
            case "mcp":
                self._check_mcp()
        return self

    def _check_callers(self) -> None:
        callers = self.given.get("allowed_callers")
        if callers is None:
            return
        if not isinstance(callers, list) or not callers or any(one not in _CALLERS for one in callers):
            raise ValueError("a tool whose allowed_callers are a list of direct, programmatic, or both")

    def _check_called(self, what: str, known: frozenset[str]) -> None:
        self._known(known)
        name = self.given.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"{what} with a name of letters, digits, dashes and underscores")
        if self.handler and self.command:
            raise ValueError(f"{what} with a handler or a command, not both")
        if self.handler and not _PLACE.fullmatch(self.handler):
            raise ValueError(f"{what} whose handler is written package.module:function")

    def _check_function(self) -> None:
        self._check_called("a function", _FUNCTION)
        for key in ("parameters", "output_schema"):
            schema = self.given.get(key)
            if schema is None:
                continue
            if not isinstance(schema, dict):
                raise ValueError(f"a function with a JSON Schema as {key}")
            valid_schema(schema)

    def _check_namespace(self) -> None:
        self._check_called("a namespace", _NAMESPACE)
        if not self.tools:
            raise ValueError("a namespace with tools: a list of functions and custom tools")
        names = [tool.name for tool in self.tools]
        if any(tool.type not in _RUN_HERE for tool in self.tools):
            raise ValueError("a namespace that holds functions and custom tools, nothing else")
        if len(set(names)) < len(names):
            raise ValueError("a namespace in which no two tools share a name")

    def _check_mcp(self) -> None:
        if "authorization" in self.given or any(_SECRET.search(name) for name in self.given.get("headers") or ()):
            raise ValueError(
                "a tool without tokens: put them into environment variables, and name those with authorization_env "
                "or headers_env"
            )
        self._known(_MCP)
        if not self.given.get("server_label"):
            raise ValueError("an mcp tool with a server_label")
        if sum(bool(self.given.get(key)) for key in ("server_url", "connector_id", "tunnel_id")) != 1:
            raise ValueError("an mcp tool with either a server_url or a connector_id or a tunnel_id")
        for variable in (self.authorization_env, *self.headers_env.values()):
            if variable is not None and not _VARIABLE.fullmatch(variable):
                raise ValueError("an mcp tool that names environment variables (not the tokens themselves)")
        approval_filter(self.given.get("require_approval"))

    def _known(self, names: frozenset[str]) -> None:
        for name in (*self.given, *(["tools"] if self.tools is not None else [])):
            if name not in names:
                close = closest(name, names)
                raise ValueError(f"a tool without the key {name}{f'; did you mean {close}?' if close else ''}")

    @property
    def given(self) -> JsonObject:
        """The fields of the API, as the suite has them."""
        return {"type": self.type, **(self.__pydantic_extra__ or {})}

    @property
    def name(self) -> str:
        """A function's name, an MCP server's label, or the type."""
        return str(self.given.get("name") or self.given.get("server_label") or self.type)

    @property
    def parameters(self) -> JsonObject:
        """A function's JSON Schema; anything goes where there is none."""
        found = self.given.get("parameters")
        return found if isinstance(found, dict) else {}

    def run_here(self) -> Iterator[tuple[str, Tool]]:
        """Yield the functions and custom tools that it is or holds, each with its full name: `crm.lookup`."""
        if self.type in _RUN_HERE:
            yield self.name, self
        for tool in self.tools or ():
            yield f"{self.name}.{tool.name}", tool

    def wire(self) -> JsonObject:
        """The tool as the API takes it, without tokens."""
        sent = dict(self.given)
        if self.tools is not None:
            sent["tools"] = [tool.wire() for tool in self.tools]
        if self.type == "mcp" and "require_approval" in sent:
            sent["require_approval"] = approval_filter(sent["require_approval"])
        if self.type == "function":
            # The API's default turned from false to true, and old schemas seldom satisfy the strict form.
            sent.setdefault("strict", False)
            sent.setdefault("parameters", {"type": "object", "properties": {}})
        if self.type == "code_interpreter":
            sent.setdefault("container", {"type": "auto"})
        return sent


def approval_filter(value: Any) -> Any:
    """Return `require_approval` as the API takes it; `{tool: always|never}` is a short form for its filter.

    Raises ValueError, for pydantic to report.
    """
    if value in (None, "always", "never"):
        return value
    if not isinstance(value, dict) or not value:
        raise ValueError(_APPROVALS)
    if all(choice in ("always", "never") for choice in value.values() if isinstance(choice, str)):
        if all(isinstance(choice, str) for choice in value.values()):
            return {
                approval: {"tool_names": [name for name, choice in value.items() if choice == approval]}
                for approval in ("always", "never")
                if approval in value.values()
            }
        if set(value) <= {"always", "never"}:
            return value
    raise ValueError(_APPROVALS)
