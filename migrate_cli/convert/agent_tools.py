"""Tools of Foundry agents as those of the newer kind: other names, and connections by `project_connection_id`.

Pure. Each tool is written field by field, as azure-ai-agents 1.2.0b6 reads it and azure-ai-projects 2.10.0 takes it.
What is not written is reported, and a tool whose connection is not known at the target is left out: it would fail
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from migrate_cli.convert.configuration import ConfigurationBuilder, listed, mapping
from migrate_cli.convert.text import short
from migrate_cli.model import JsonObject

Connections = Callable[[str], str | None]
"""The id that a connection has in the target's project, by its id at the source; None if it is not known."""

CONNECTION = "project_connection_id"
Forms = Mapping[str, type]
"""Fields that are written, each with what it has to be."""
_RENAMED = {
    "bing_custom_search": "bing_custom_search_preview",
    "sharepoint_grounding": "sharepoint_grounding_preview",
    "fabric_dataagent": "fabric_dataagent_preview",
    "browser_automation": "browser_automation_preview",
}
"""Names that the newer agents have for a tool; all others kept theirs."""


class _LeftOutError(Exception):
    """A tool cannot be written: something that it needs is not there, or not known at the target."""


def write_agent_tool(
    builder: ConfigurationBuilder, kind: str, data: Mapping[str, Any], connections: Connections
) -> JsonObject | None:
    """Return the tool of a newer agent; None where it has no successor, or one that cannot be written, which is told.

    `data` are the tool's own parameters, with what stands among the assistant's resources.
    """
    write = _WRITERS.get(kind)
    if write is None:
        return None
    tool = _Tool(builder, kind, connections)
    try:
        parameters = write(tool, data)
    except _LeftOutError:
        return None
    name = _RENAMED.get(kind, kind)
    if name != kind:
        builder.find("tool-renamed", f"the tool {kind} is called {name} there.")
    # The properties of the computer are next to the type, as in the Responses API.
    return {"type": name} | (parameters if kind == "computer_use_preview" else {name: parameters})


def is_writable(kind: str) -> bool:
    """Whether the newer agents have this tool."""
    return kind in _WRITERS


class _Tool:
    """One tool while it is being written."""

    def __init__(self, builder: ConfigurationBuilder, kind: str, connections: Connections) -> None:
        self._builder, self.kind, self._connections = builder, kind, connections

    def connection(self, entry: Mapping[str, Any], key: str = "connection_id") -> str:
        """Return the id that a connection has at the target; tools of newer agents name it as the target does."""
        given = entry.get(key) or entry.get(CONNECTION)
        if not isinstance(given, str) or not given:
            raise self.lacking("names no connection")
        found = self._connections(given)
        if found is None:
            self._builder.find("connection-not-mapped", f"{self.kind} was left out: {short(given, 300)}.")
            raise _LeftOutError
        return found

    def lacking(self, what: str) -> Exception:
        """Tell that the tool cannot be written; returns what to raise."""
        self._builder.find("tool-not-carried", f"the tool {self.kind} {what}.")
        return _LeftOutError()

    def fields(self, given: Mapping[str, Any], place: str, known: Forms, passed: Iterable[str] = ()) -> JsonObject:
        """Return the known fields of an object that have the right form, and tell all others but those in `passed`."""
        kept = {key: given[key] for key, form in known.items() if isinstance(given.get(key), form)}
        self._builder.rest(given, (*kept, *passed), f"tools.{self.kind}{place}")
        return kept

    def entries(self, given: Mapping[str, Any], *keys: str) -> list[Mapping[str, Any]]:
        """Return the objects in the first of these lists that holds some, and tell all else; there must be one."""
        for key in keys:
            found = [entry for entry in listed(given.get(key)) if isinstance(entry, Mapping)]
            if found:
                self._builder.rest(given, (key,), f"tools.{self.kind}")
                return found
        raise self.lacking(f"names nothing under {' or '.join(keys)}")


_SEARCH: Forms = {"market": str, "set_lang": str, "count": int, "freshness": str}


def _bing(tool: _Tool, data: Mapping[str, Any]) -> JsonObject:
    return {"search_configurations": [_search(tool, entry, _SEARCH) for entry in _searches(tool, data)]}


def _bing_custom(tool: _Tool, data: Mapping[str, Any]) -> JsonObject:
    entries = [_search(tool, entry, {"instance_name": str, **_SEARCH}) for entry in _searches(tool, data)]
    if not all(entry.get("instance_name") for entry in entries):
        raise tool.lacking("names no instance")
    return {"search_configurations": entries}


def _searches(tool: _Tool, data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    # Early versions of the service had only a list of connections.
    return tool.entries(data, "search_configurations", "connections")


def _search(tool: _Tool, entry: Mapping[str, Any], known: Forms) -> JsonObject:
    fields = tool.fields(entry, ".search_configurations", known, ("connection_id", CONNECTION))
    return {CONNECTION: tool.connection(entry), **fields}


def _connected(tool: _Tool, data: Mapping[str, Any]) -> JsonObject:
    entries = tool.entries(data, "connections", "project_connections")
    for entry in entries:
        tool.fields(entry, ".connections", {}, ("connection_id", CONNECTION))
    return {"project_connections": [{CONNECTION: tool.connection(entry)} for entry in entries]}


_INDEX: Forms = {"index_name": str, "query_type": str, "top_k": int, "filter": str, "index_asset_id": str}


def _ai_search(tool: _Tool, data: Mapping[str, Any]) -> JsonObject:
    indexes = []
    for entry in tool.entries(data, "indexes"):
        fields = tool.fields(entry, ".indexes", _INDEX, ("index_connection_id", CONNECTION))
        # An index that is an asset of the project needs no connection.
        if entry.get("index_connection_id") or entry.get(CONNECTION) or not fields.get("index_asset_id"):
            fields = {CONNECTION: tool.connection(entry, "index_connection_id"), **fields}
        indexes.append(fields)
    return {"indexes": indexes}


def _browser(tool: _Tool, data: Mapping[str, Any]) -> JsonObject:
    connection = mapping(data.get("connection"))
    tool.fields(data, "", {}, ("connection",))
    return {"connection": {CONNECTION: tool.connection(connection, "id")}}


def _openapi(tool: _Tool, data: Mapping[str, Any]) -> JsonObject:
    # `functions` is what the service made of the specification, and makes again.
    known: Forms = {"name": str, "description": str, "spec": Mapping, "default_params": list}
    fields = tool.fields(data, "", known, ("auth", "functions"))
    if not fields.get("name") or not fields.get("spec"):
        raise tool.lacking("has no name or no specification")
    return {**fields, "auth": _auth(tool, mapping(data.get("auth")))}


def _auth(tool: _Tool, given: Mapping[str, Any]) -> JsonObject:
    kind, scheme = given.get("type"), mapping(given.get("security_scheme"))
    if kind == "anonymous":
        return {"type": "anonymous"}
    if kind in ("connection", "project_connection"):
        return {"type": "project_connection", "security_scheme": {CONNECTION: tool.connection(scheme)}}
    if kind == "managed_identity" and scheme.get("audience") and isinstance(scheme["audience"], str):
        return {"type": "managed_identity", "security_scheme": {"audience": scheme["audience"]}}
    raise tool.lacking(f"signs in in a way that is not known ({short(str(kind), 60)})")


def _azure_function(tool: _Tool, data: Mapping[str, Any]) -> JsonObject:
    function = mapping(data.get("function"))
    tool.fields(data, "", {}, ("function", "input_binding", "output_binding"))
    described = tool.fields(function, ".function", {"name": str, "description": str, "parameters": Mapping})
    if not described.get("name"):
        raise tool.lacking("names no function")
    described.setdefault("parameters", {"type": "object", "properties": {}})
    return {
        "function": described,
        "input_binding": _binding(tool, data, "input_binding"),
        "output_binding": _binding(tool, data, "output_binding"),
    }


def _binding(tool: _Tool, data: Mapping[str, Any], name: str) -> JsonObject:
    queue = mapping(mapping(data.get(name)).get("storage_queue"))
    fields = tool.fields(queue, f".{name}.storage_queue", {"queue_service_endpoint": str, "queue_name": str})
    if not fields.get("queue_service_endpoint") or not fields.get("queue_name"):
        raise tool.lacking(f"has no queue as its {name}")
    return {"type": "storage_queue", "storage_queue": fields}


def _computer(tool: _Tool, data: Mapping[str, Any]) -> JsonObject:
    known: Forms = {"environment": str, "display_width": int, "display_height": int}
    fields = tool.fields(data, "", known)
    if len(fields) < len(known) or fields["environment"] not in _ENVIRONMENTS:
        raise tool.lacking("does not say what the computer is like")
    return fields


_ENVIRONMENTS = frozenset({"windows", "mac", "linux", "ubuntu", "browser"})

_CLASSIC: dict[str, Callable[[_Tool, Mapping[str, Any]], JsonObject]] = {
    "bing_grounding": _bing,
    "bing_custom_search": _bing_custom,
    "azure_ai_search": _ai_search,
    "openapi": _openapi,
    "azure_function": _azure_function,
    "sharepoint_grounding": _connected,
    "fabric_dataagent": _connected,
    "browser_automation": _browser,
    "computer_use_preview": _computer,
}
_WRITERS = _CLASSIC | {_RENAMED[kind]: write for kind, write in _CLASSIC.items() if kind in _RENAMED}
"""By type of tool; an agent that was of the newer kind already has the newer names."""
