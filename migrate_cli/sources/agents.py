"""Files that describe an agent, as assistants of the wire: those of Foundry's portals, toolkit and SDKs. Pure.

Four ways of writing the same are known: the toolkit for editors (`model: {id, options}`, tools with `options`), the
frameworks (`type: foundry_agent`), AgentSchema (`kind: prompt`, tools by `kind`, in camel case), and the newer portal
(`object: agent.version` with a `definition`). What they call differently gets the wire's name; all else stays under its
own, so that it is told. It must not read files or judge what can be carried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.record_kinds import RecordKind, kind_of

_OBJECTS = frozenset({"agent", "agent.version"})
"""What the newer kind of agent calls itself."""
_NOT_AGENTS = frozenset({"cases", "messages", "threads", "services", "input", "contents"})
"""Keys of suites, requests and other files that name a model and instructions, too."""
_CARRIES_NOTHING = frozenset({"version", "$schema", "schema", "status", "type", "kind", "created_at", "updated_at"})


def agents_in(value: Any, *, deployed: bool = True) -> list[JsonObject]:
    """Return the assistants that a document describes, one or several; empty where it describes none.

    `deployed` takes a model's plain name as that of a deployment, as it is in the files of Foundry's tools.
    """
    if isinstance(value, Mapping) and isinstance(value.get("agents"), list):
        value = value["agents"]
    entries = value if isinstance(value, list) else [value]
    return [agent for entry in entries if (agent := _agent(entry, deployed=deployed)) is not None]


def _agent(value: Any, *, deployed: bool) -> JsonObject | None:
    if not isinstance(value, Mapping) or value.keys() & _NOT_AGENTS:
        return None
    raw = {str(key): held for key, held in value.items()}
    if kind_of(raw) is RecordKind.ASSISTANT and not isinstance(raw.get("model"), Mapping):
        return raw if raw.get("object") == "assistant" else raw | {"object": "assistant"}
    definition = _definition(raw)
    if definition is None:
        return None
    found = _assistant(raw, definition)
    if not deployed and not definition and isinstance(raw.get("model"), str) and "kind" not in raw:
        found["model"] = raw["model"]
    return found


def _definition(raw: JsonObject) -> JsonObject | None:
    """Return the part that holds model, instructions and tools; None where the value is not an agent with a prompt."""
    latest = _mapping(_mapping(raw.get("versions")).get("latest"))
    for held in (raw.get("definition"), latest.get("definition"), raw.get("template")):
        if isinstance(held, Mapping):
            return dict(held) if str(held.get("kind")).lower() == "prompt" else None
    kind = str(raw.get("kind") or "prompt").lower()
    named = "name" in raw or "id" in raw
    says = raw.get("model") is not None and not {"instructions", "tools", "kind"}.isdisjoint(raw)
    if named and kind == "prompt" and "object" not in raw and (says or _is_framework(raw)):
        return {}
    return None


def _is_framework(raw: JsonObject) -> bool:
    return str(raw.get("type")) in ("foundry_agent", "azureai_agent", "openai_assistant", "azure_assistant")


def _assistant(raw: JsonObject, definition: JsonObject) -> JsonObject:
    """Join the frame and its definition, and give what both hold the wire's names."""
    frame = {key: held for key, held in raw.items() if key not in ("definition", "template", "versions", "model")}
    joined: JsonObject = frame | definition
    found: JsonObject = {key: held for key, held in joined.items() if key not in _CARRIES_NOTHING}
    found |= _model(definition.get("model", raw.get("model")))
    effort = _mapping(found.get("reasoning"))
    if effort:
        found["reasoning_effort"] = effort.get("effort")
        found["reasoning"] = {key: held for key, held in effort.items() if key != "effort"}
    entries = found.get("tools")
    if isinstance(entries, Mapping):
        entries = [_mapping(held) | {"name": name} for name, held in entries.items()]
    resources: JsonObject = dict(_mapping(found.get("tool_resources")))
    found["tools"] = [_tool(entry, resources) for entry in entries or ()] if isinstance(entries, list) else []
    name = found.get("name") or found.get("displayName") or found.get("display_name")
    found |= {"object": "assistant", "id": found.get("id") or None, "name": name}
    if resources:
        found["tool_resources"] = resources
    return found


_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_output_tokens",
    "max_output_tokens": "max_output_tokens",
    "max_completion_tokens": "max_completion_tokens",
    "reasoning_effort": "reasoning_effort",
    "response_format": "response_format",
    "allow_multiple_tool_calls": "parallel_tool_calls",
    "parallel_tool_calls": "parallel_tool_calls",
}


def _model(model: Any) -> JsonObject:
    """Return the model as an object, which says that it names a deployment, and its options as fields of their own."""
    if not isinstance(model, Mapping):
        return {"model": {"id": model}}
    rest = {key: held for key, held in model.items() if key not in ("id", "name", "options", "configuration")}
    options = _snake(_mapping(model.get("options"))) or _snake(_mapping(model.get("configuration")))
    fields = {_OPTIONS[key]: held for key, held in options.items() if key in _OPTIONS}
    others = {key: held for key, held in options.items() if key not in _OPTIONS}
    kept = {"id": model.get("id") or model.get("name")} | rest | ({"options": others} if others else {})
    return {"model": kept} | fields


def _tool(entry: Any, resources: JsonObject) -> Any:
    """Return a tool as the wire has it, and add what it says of stores, files and servers to the resources."""
    if not isinstance(entry, Mapping):
        return {"type": entry} if isinstance(entry, str) else entry
    raw = _snake(entry)
    kind = _KINDS.get(str(raw.get("type") or raw.get("kind")), str(raw.get("type") or raw.get("kind")))
    options = _snake(_mapping(raw.get("options")))
    fields = {key: held for key, held in raw.items() if key not in ("type", "kind", "options")} | options
    shape = _TOOLS.get(kind)
    return {"type": kind, **(fields if shape is None else shape(fields, resources))}


_KINDS = {"bing_search": "bing_grounding", "codeInterpreter": "code_interpreter", "fileSearch": "file_search"}


def _function(fields: JsonObject, _resources: JsonObject) -> JsonObject:
    """Name a function by its id, where that is how it is named, and bring its parameters to JSON Schema."""
    if isinstance(fields.get("function"), Mapping):
        return fields
    inner = {key: held for key, held in fields.items() if key != "id"}
    inner["name"] = fields.get("name") or str(fields.get("id") or "").replace(".", "-")
    inner["parameters"] = _schema(fields.get("parameters"))
    return {"function": inner} if "id" in fields or "strict" not in fields else inner


def _schema(parameters: Any) -> Any:
    """Return JSON Schema of parameters; a list, or properties with a `kind`, are how the frameworks write it."""
    given = parameters
    if isinstance(parameters, Mapping) and "type" not in parameters and "properties" in parameters:
        given = parameters["properties"]
    if isinstance(given, Mapping) and given is not parameters:
        given = [{"name": name, **_mapping(held)} for name, held in given.items()]
    if not isinstance(given, list):
        return parameters
    entries = [entry for entry in given if isinstance(entry, Mapping) and isinstance(entry.get("name"), str)]
    properties = {
        entry["name"]: {
            _PROPERTY_NAMES.get(key, key): held for key, held in entry.items() if key not in ("name", "required")
        }
        for entry in entries
    }
    required = [entry["name"] for entry in entries if entry.get("required") is True]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


_PROPERTY_NAMES = {"kind": "type", "value": "default"}


def _mcp(fields: JsonObject, _resources: JsonObject) -> JsonObject:
    renamed = {_MCP_NAMES.get(key, key): held for key, held in fields.items()}
    label = fields.get("server_label") or fields.get("server_name") or fields.get("id") or fields.get("name")
    renamed = {key: held for key, held in renamed.items() if key not in ("id", "name", "server_name")}
    renamed["server_label"] = label
    connection = _mapping(fields.get("connection"))
    if "server_url" not in renamed and isinstance(connection.get("endpoint"), str):
        renamed["server_url"] = connection["endpoint"]
    if "approval_mode" in renamed:
        renamed["require_approval"] = _approval(renamed.pop("approval_mode"))
    return renamed


_MCP_NAMES = {"url": "server_url", "description": "server_description"}


def _approval(mode: Any) -> Any:
    """Return `always`, `never`, or the filter of tools; any other mode as it is."""
    given = _snake(_mapping(mode))
    kind = given.get("kind", mode)
    if kind != "specify":
        return kind
    named = {
        "always": given.get("always_require_approval_tools"),
        "never": given.get("never_require_approval_tools"),
    }
    return {approval: {"tool_names": tools} for approval, tools in named.items() if tools}


def _file_search(fields: JsonObject, resources: JsonObject) -> JsonObject:
    _extend(resources, "file_search", "vector_store_ids", fields.get("vector_store_ids"))
    inner = {_SEARCH_NAMES.get(key, key): held for key, held in fields.items() if key not in _SEARCH_OWN}
    ranking = dict(_mapping(inner.get("ranking_options")))
    for name in ("ranker", "score_threshold"):
        if name in inner:
            ranking[name] = inner.pop(name)
    return {"file_search": inner | ({"ranking_options": ranking} if ranking else {})}


_SEARCH_NAMES = {"maximum_result_count": "max_num_results"}
_SEARCH_OWN = frozenset({"id", "name", "vector_store_ids"})


def _code_interpreter(fields: JsonObject, resources: JsonObject) -> JsonObject:
    _extend(resources, "code_interpreter", "file_ids", fields.get("file_ids"))
    return {key: held for key, held in fields.items() if key not in ("id", "name", "file_ids")}


def _extend(resources: JsonObject, tool: str, key: str, more: Any) -> None:
    if isinstance(more, list) and more:
        held = dict(_mapping(resources.get(tool)))
        resources[tool] = held | {key: [*held.get(key, ()), *more]}


def _openapi(fields: JsonObject, _resources: JsonObject) -> JsonObject:
    if isinstance(fields.get("openapi"), Mapping):
        return fields
    renamed = {"id": "name", "specification": "spec"}
    return {"openapi": {renamed.get(key, key): held for key, held in fields.items()}}


_TOOLS: dict[str, Callable[[JsonObject, JsonObject], JsonObject]] = {
    "function": _function,
    "mcp": _mcp,
    "file_search": _file_search,
    "code_interpreter": _code_interpreter,
    "openapi": _openapi,
}


def _mapping(value: Any) -> JsonObject:
    return {str(key): held for key, held in value.items()} if isinstance(value, Mapping) else {}


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _snake(value: JsonObject | Mapping[str, Any]) -> JsonObject:
    """Return an object with its own names in snake case; those of what it holds stay."""
    return {_CAMEL.sub("_", str(key)).lower(): held for key, held in value.items()}
