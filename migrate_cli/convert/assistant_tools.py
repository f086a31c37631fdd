"""The tools of an assistant as tools of a response, and hints to what replaces those without a counterpart.

Pure. A tool that cannot be written is reported with its data, so that its successor can be set up by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from migrate_cli.convert.agent_tools import is_writable, write_agent_tool
from migrate_cli.convert.configuration import (
    ConfigurationBuilder,
    HostKind,
    LeftTool,
    Resources,
    listed,
    mapping,
    texts,
    without_secrets,
)
from migrate_cli.convert.limits import FUNCTION_NAME, MAX_NAME
from migrate_cli.convert.text import short
from migrate_cli.model import JsonObject


def merged(held: Iterable[Any]) -> Resources:
    """Return the resources of several owners together; of one server's settings the first owner's count."""
    resources = Resources()
    for owner in map(mapping, held):
        search, code = mapping(owner.get("file_search")), mapping(owner.get("code_interpreter"))
        _add(resources.stores, texts(search.get("vector_store_ids")))
        _add(resources.files, texts(code.get("file_ids")))
        for server in _servers(owner.get("mcp")):
            label = str(server.get("server_label") or "")
            resources.servers[label] = dict(server) | resources.servers.get(label, {})
        for tool, value in owner.items():
            if tool not in _KNOWN_RESOURCES and value:
                resources.others.setdefault(tool, value)
    return resources


_KNOWN_RESOURCES = frozenset({"file_search", "code_interpreter", "mcp"})


def _add(found: list[str], more: Iterable[str]) -> None:
    found += [one for one in dict.fromkeys(more) if one not in found]


def _servers(value: Any) -> list[Mapping[str, Any]]:
    entries = [value] if isinstance(value, Mapping) else listed(value)
    return [entry for entry in entries if isinstance(entry, Mapping)]


def write_tools(builder: ConfigurationBuilder) -> None:
    """Write the tools that have a counterpart; report all others, and resources that belong to none."""
    tools = [tool for tool in (_tool(builder, tool) for tool in listed(builder.assistant.get("tools"))) if tool]
    if tools:
        builder.config["tools"] = tools
    kinds = {str(mapping(tool).get("type")) for tool in listed(builder.assistant.get("tools"))}
    labels = {
        str(mapping(tool).get("server_label") or "")
        for tool in listed(builder.assistant.get("tools"))
        if mapping(tool).get("type") == "mcp"
    }
    lone = {
        label or "without label": server for label, server in builder.resources.servers.items() if label not in labels
    }
    builder.rest(lone, (), "tool_resources.mcp")
    builder.rest(builder.resources.others, kinds, "tool_resources")
    owned = mapping(builder.assistant.get("tool_resources"))
    for tool, key in (("file_search", "vector_store_ids"), ("code_interpreter", "file_ids")):
        held = owned.get(tool)
        known = (key,) if isinstance(held, Mapping) and _are_texts(held.get(key)) else ()
        builder.rest(held if isinstance(held, Mapping) else {tool: held}, known, _place(held, tool))
    if not _servers(owned.get("mcp")):
        builder.rest({"mcp": owned.get("mcp")}, (), "tool_resources")


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _place(held: Any, tool: str) -> str:
    return f"tool_resources.{tool}" if isinstance(held, Mapping) else "tool_resources"


def _tool(builder: ConfigurationBuilder, tool: Any) -> JsonObject | None:
    if not isinstance(tool, Mapping):
        builder.find("tool-not-carried", f"an entry of its tools is not an object but {type(tool).__name__}.")
        return None
    kind = str(tool.get("type"))
    convert = _TOOLS.get(kind)
    if convert is not None:
        return convert(builder, tool)
    if builder.connections is None or not is_writable(kind):
        _leave(builder, kind, tool)
        return None
    made = write_agent_tool(builder, kind, _data(builder, kind, tool), builder.connections)
    if made is None:
        _keep(builder, kind, _data(builder, kind, tool))
    return made


def _data(builder: ConfigurationBuilder, kind: str, tool: Mapping[str, Any]) -> JsonObject:
    """Everything that is known of a tool, its resources included."""
    data = {key: value for key, value in tool.items() if key not in {"type", kind}}
    own = tool.get(kind)
    data |= own if isinstance(own, Mapping) else ({kind: own} if own else {})
    return data | {key: value for key, value in mapping(builder.resources.others.get(kind)).items() if value}


def _keep(builder: ConfigurationBuilder, kind: str, data: JsonObject) -> tuple[JsonObject, str | None]:
    """Keep a tool that is left out, for whoever sets up its successor; returns what is shown of it, and that."""
    shown = without_secrets(data)
    hint = (_AT_FOUNDRY if builder.target is HostKind.FOUNDRY else _ELSEWHERE).get(kind)
    builder.left.append(LeftTool(kind, shown, hint))
    return shown, hint


def _leave(builder: ConfigurationBuilder, kind: str, tool: Mapping[str, Any]) -> None:
    """Report a tool with its data and its successor."""
    shown, hint = _keep(builder, kind, _data(builder, kind, tool))
    told = f" ({short(json.dumps(shown, ensure_ascii=False, default=str), _DATA)})" if shown else ""
    builder.find("tool-not-carried", f"the tool {short(kind, 60)}{told}{f'; {hint}' if hint else ''}.")


_DATA = 300
"""Characters of a tool's data in a finding; all of it is in the JSON report and in the head of the suite."""


def _function(builder: ConfigurationBuilder, tool: Mapping[str, Any]) -> JsonObject | None:
    """Function tools are flat now. `strict` is written for old ones, since its default turned from false to true."""
    nested = tool.get("function")
    inner = nested if isinstance(nested, Mapping) else tool
    name = inner.get("name")
    if not isinstance(name, str) or not name:
        builder.find("tool-not-carried", "a function without a name.")
        return None
    if FUNCTION_NAME.fullmatch(name) is None:
        name = "".join(sign if FUNCTION_NAME.fullmatch(sign) else "_" for sign in name)[:MAX_NAME]
        builder.find("tool-name-changed", f"a function's name was written as {name}.")
    flat: JsonObject = {"type": "function", "name": name}
    if isinstance(inner.get("description"), str):
        flat["description"] = inner["description"]
    parameters = inner.get("parameters")
    flat["parameters"] = parameters if isinstance(parameters, Mapping) else {"type": "object", "properties": {}}
    forms = {"description": str, "parameters": Mapping}
    odd = {key: inner.get(key) for key, form in forms.items() if not isinstance(inner.get(key), form)}
    builder.rest(odd, (), "tools.function")
    if inner is not tool or "strict" in inner:
        flat["strict"] = inner.get("strict") is True
    known = ("type", "name", "description", "parameters", "strict")
    builder.rest(inner, known, "tools.function")
    if inner is not tool:
        builder.rest(tool, ("type", "function"), "tools")
    return flat


def _file_search(builder: ConfigurationBuilder, tool: Mapping[str, Any]) -> JsonObject | None:
    stores = list(dict.fromkeys([*texts(tool.get("vector_store_ids")), *builder.resources.stores]))
    if not stores:
        builder.find("vector-store-missing", "it searches files, but no vector store is named.")
        return None
    there = _stores_at_target(builder, stores)
    if not there:
        _leave(builder, "file_search", {**tool, "vector_store_ids": stores})
        return None
    flat: JsonObject = {"type": "file_search", "vector_store_ids": there}
    nested = tool.get("file_search")
    inner = nested if isinstance(nested, Mapping) else tool
    carried = {"max_num_results": int, "filters": Mapping}
    flat |= {key: inner[key] for key, form in carried.items() if isinstance(inner.get(key), form)}
    ranking = mapping(inner.get("ranking_options"))
    if isinstance(ranking.get("score_threshold"), (int, float)):
        flat["ranking_options"] = {"score_threshold": ranking["score_threshold"]}
    else:
        builder.rest({"score_threshold": ranking.get("score_threshold")}, (), "tools.file_search.ranking_options")
    odd = {key: inner.get(key) for key in (*carried, "ranking_options") if key not in flat}
    builder.rest(odd, ("ranking_options",) if ranking else (), "tools.file_search")
    if ranking.get("ranker") not in (None, "auto"):
        builder.find("assistant-field-lost", f"the ranker {short(str(ranking['ranker']), 60)}.")
    builder.rest(ranking, ("score_threshold", "ranker"), "tools.file_search.ranking_options")
    known = ("type", "file_search", "vector_store_ids", "max_num_results", "filters", "ranking_options")
    builder.rest(inner, known, "tools.file_search")
    if inner is not tool:
        builder.rest(tool, known, "tools")
    return flat


def _stores_at_target(builder: ConfigurationBuilder, stores: list[str]) -> list[str]:
    """Return the stores' ids at the target; one that is not there would spoil every request, so it is left out."""
    if builder.stores is None:
        if builder.uploaded is not None:
            detail = f"put a store of the target in place of {short(', '.join(stores), 200)}."
            builder.find("vector-store-not-carried", detail)
        return stores
    there = {one: builder.stores(one) for one in stores}
    if lost := [one for one, at_target in there.items() if at_target is None]:
        detail = f"{short(', '.join(lost), 200)} was left out: the target has no store that was made from it."
        builder.find("vector-store-not-carried", detail)
    return [at_target for at_target in there.values() if at_target is not None]


def _code_interpreter(builder: ConfigurationBuilder, tool: Mapping[str, Any]) -> JsonObject:
    given = tool.get("container")
    builder.rest(tool, ("type", "container", "code_interpreter"), "tools.code_interpreter")
    if isinstance(given, str) and given:
        return {"type": "code_interpreter", "container": given}
    container: JsonObject = {"type": "auto"}
    own = texts(mapping(given).get("file_ids"))
    if file_ids := _at_target(builder, list(dict.fromkeys([*own, *builder.resources.files]))):
        container["file_ids"] = file_ids
    builder.rest(mapping(given), ("type", "file_ids"), "tools.code_interpreter.container")
    return {"type": "code_interpreter", "container": container}


def _at_target(builder: ConfigurationBuilder, file_ids: list[str]) -> list[str]:
    """Return the files' ids at the target; an id that is unknown there would spoil every request, so it is left out."""
    if builder.uploaded is None:
        return file_ids
    for file_id in file_ids:
        if file_id not in builder.uploaded:
            builder.find("resource-file-missing", f"the code interpreter's file {short(file_id)} was left out.")
    return [builder.uploaded[file_id] for file_id in file_ids if file_id in builder.uploaded]


_MCP = ("server_label", "server_url", "connector_id", "server_description", "allowed_tools")
_SECRET_MCP = ("headers", "authorization")


def _mcp(builder: ConfigurationBuilder, tool: Mapping[str, Any]) -> JsonObject | None:
    """Write a server with its approval, which older hosts keep among the resources; tokens are never written."""
    label = str(tool.get("server_label") or "")
    resource = builder.resources.servers.get(label, {})
    if not label or not (tool.get("server_url") or tool.get("connector_id")):
        _leave(builder, "mcp", tool)
        return None
    flat: JsonObject = {"type": "mcp"} | {key: tool[key] for key in _MCP if tool.get(key)}
    approval = tool.get("require_approval") or resource.get("require_approval")
    if _is_approval(approval):
        flat["require_approval"] = approval
    elif approval:
        builder.rest({"require_approval": approval}, (), "tools.mcp")
    _tell_headers(builder, label, tool, resource)
    builder.rest(tool, ("type", "require_approval", *_MCP, *_SECRET_MCP), "tools.mcp")
    builder.rest(resource, ("server_label", "require_approval", *_SECRET_MCP), "tool_resources.mcp")
    return flat


def _is_approval(value: Any) -> bool:
    """Whether a value is `always`, `never`, or the filter that names tools for each."""
    if not isinstance(value, Mapping):
        return value in ("always", "never")
    return (
        bool(value) and value.keys() <= {"always", "never"} and all(isinstance(one, Mapping) for one in value.values())
    )


def _tell_headers(
    builder: ConfigurationBuilder, label: str, tool: Mapping[str, Any], resource: Mapping[str, Any]
) -> None:
    names = dict.fromkeys([*mapping(tool.get("headers")), *mapping(resource.get("headers"))])
    if tool.get("authorization") or resource.get("authorization"):
        names["Authorization"] = None
    if names:
        told = short(", ".join(map(str, names)), 200)
        builder.find("mcp-headers-lost", f"the server {short(label, 60)} was called with {told}.")


def _as_it_is(_builder: ConfigurationBuilder, tool: Mapping[str, Any]) -> JsonObject:
    """Return a tool of the Responses API; the newer kind of agent has those already."""
    return dict(tool)


_TOOLS: dict[str, Callable[[ConfigurationBuilder, Mapping[str, Any]], JsonObject | None]] = {
    "function": _function,
    "file_search": _file_search,
    "retrieval": _file_search,
    "code_interpreter": _code_interpreter,
    "mcp": _mcp,
    "web_search": _as_it_is,
    "web_search_preview": _as_it_is,
    "image_generation": _as_it_is,
}

_ELSEWHERE = {
    "bing_grounding": "its successor is the tool web_search",
    "bing_custom_search": "its successor is the tool web_search with allowed domains",
    "azure_ai_search": "put the documents into a vector store for file_search, or reach the index through mcp",
    "openapi": "write its operations as functions, or reach them through mcp",
    "azure_function": "write it as a function",
    "sharepoint_grounding": "put the documents into a vector store for file_search, or reach them through mcp",
    "fabric_dataagent": "reach its data through mcp, or write a function that asks for them",
    "browser_automation": "the tool computer comes nearest",
    "computer_use_preview": "its successor is the tool computer",
    "connected_agent": "it has no successor: write a function that asks the other agent",
    "deep_research": "it has no successor: a reasoning model with the tool web_search comes nearest",
}
_AT_FOUNDRY = {
    **dict.fromkeys(
        ("bing_grounding", "azure_ai_search", "openapi", "azure_function"),
        "Foundry's newer agents have it, too, with project_connection_id in place of its connection",
    ),
    "bing_custom_search": "its successor at Foundry is bing_custom_search_preview",
    "sharepoint_grounding": "its successor at Foundry is sharepoint_grounding_preview",
    "fabric_dataagent": "its successor at Foundry is fabric_dataagent_preview",
    "browser_automation": "its successor at Foundry is browser_automation_preview",
    "computer_use_preview": "its successor at Foundry is computer_use_preview, under the newer agents",
    "connected_agent": _ELSEWHERE["connected_agent"],
    "deep_research": _ELSEWHERE["deep_research"],
}
"""By type of tool, what to do in its place."""
