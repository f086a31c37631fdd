"""Checks the tools of an agent: those of the Responses API, and those that only Foundry's agents have. Pure.

A connection is a `project_connection_id`; the classic names of tools and connections are refused, as is what has no
place in the models of azure-ai-projects 2.10.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.responses.tools import check_tools, takes
from migrate_cli.sandbox.responses.values import (
    a_choice,
    a_list,
    a_text,
    an_integer,
    an_object,
    missing,
    not_one_of,
    refuse_unknown,
    wrong_type,
)
from migrate_cli.sandbox.rules import KnownFile

_CONNECTION = "project_connection_id"
_SEARCH = (_CONNECTION, "market", "set_lang", "count", "freshness")
_INDEX = (_CONNECTION, "index_name", "query_type", "top_k", "filter", "index_asset_id")


def check_agent_tools(tools: list[Any], known_file: KnownFile) -> None:
    """Raise ApiError for the first tool that the service would refuse."""
    for place, tool in enumerate(tools):
        path = f"definition.tools[{place}]"
        if not isinstance(tool, dict):
            raise wrong_type(path, "an object", tool)
        kind = a_text(tool.get("type"), f"{path}.type")
        if kind is None:
            raise missing(f"{path}.type")
        check = _CHECKS.get(kind)
        if check is not None:
            check(tool, path)
        elif takes(kind):
            check_tools([{key: value for key, value in tool.items() if key != _CONNECTION}], known_file)
        else:
            raise not_one_of(f"{path}.type", kind, tuple(_CHECKS))


def only_of_agents(tool: JsonObject) -> bool:
    """Whether a tool is one that the service runs for its agents, and that no request can name."""
    return tool.get("type") in _CHECKS and not takes(str(tool.get("type")))


def _parameters(tool: JsonObject, path: str, *more: str) -> tuple[JsonObject, str]:
    """The parameters of a tool, which are under its own name, and their path."""
    kind = str(tool["type"])
    refuse_unknown(tool, ("type", kind, "name", "description", "tool_configs", *more), f"{path}.")
    if tool.get(kind) is None:
        raise missing(f"{path}.{kind}")
    return an_object(tool[kind], f"{path}.{kind}"), f"{path}.{kind}"


def _connection(given: JsonObject, path: str) -> None:
    if not a_text(given.get(_CONNECTION), f"{path}.{_CONNECTION}"):
        raise missing(f"{path}.{_CONNECTION}")


def _entries(given: JsonObject, key: str, path: str, known: tuple[str, ...]) -> list[tuple[JsonObject, str]]:
    refuse_unknown(given, (key,), f"{path}.")
    found = a_list(given.get(key), f"{path}.{key}")
    if not found:
        raise missing(f"{path}.{key}")
    entries = [
        (an_object(each, f"{path}.{key}[{place}]"), f"{path}.{key}[{place}]") for place, each in enumerate(found)
    ]
    for entry, where in entries:
        refuse_unknown(entry, known, f"{where}.")
    return entries


def _bing(tool: JsonObject, path: str) -> None:
    given, inner = _parameters(tool, path)
    for entry, where in _entries(given, "search_configurations", inner, _SEARCH):
        _connection(entry, where)
        an_integer(entry.get("count"), f"{where}.count", 1)


def _bing_custom(tool: JsonObject, path: str) -> None:
    given, inner = _parameters(tool, path)
    for entry, where in _entries(given, "search_configurations", inner, (*_SEARCH, "instance_name")):
        _connection(entry, where)
        if not a_text(entry.get("instance_name"), f"{where}.instance_name"):
            raise missing(f"{where}.instance_name")


def _connections(tool: JsonObject, path: str) -> None:
    given, inner = _parameters(tool, path)
    for entry, where in _entries(given, "project_connections", inner, (_CONNECTION,)):
        _connection(entry, where)


def _search(tool: JsonObject, path: str) -> None:
    given, inner = _parameters(tool, path)
    for entry, where in _entries(given, "indexes", inner, _INDEX):
        if not entry.get("index_asset_id"):
            _connection(entry, where)
        an_integer(entry.get("top_k"), f"{where}.top_k", 1)


def _browser(tool: JsonObject, path: str) -> None:
    given, inner = _parameters(tool, path)
    refuse_unknown(given, ("connection",), f"{inner}.")
    _connection(an_object(given.get("connection"), f"{inner}.connection"), f"{inner}.connection")


def _openapi(tool: JsonObject, path: str) -> None:
    given, inner = _parameters(tool, path)
    refuse_unknown(given, ("name", "description", "spec", "auth", "default_params"), f"{inner}.")
    for name in ("name", "spec", "auth"):
        if not given.get(name):
            raise missing(f"{inner}.{name}")
    an_object(given["spec"], f"{inner}.spec")
    auth = an_object(given["auth"], f"{inner}.auth")
    kinds = ("anonymous", "project_connection", "managed_identity")
    kind = a_choice(auth.get("type"), f"{inner}.auth.type", kinds, None)
    scheme = an_object(auth.get("security_scheme"), f"{inner}.auth.security_scheme")
    if kind == "project_connection":
        _connection(scheme, f"{inner}.auth.security_scheme")
    if kind == "managed_identity" and not a_text(scheme.get("audience"), f"{inner}.auth.security_scheme.audience"):
        raise missing(f"{inner}.auth.security_scheme.audience")


def _azure_function(tool: JsonObject, path: str) -> None:
    given, inner = _parameters(tool, path)
    refuse_unknown(given, ("function", "input_binding", "output_binding"), f"{inner}.")
    function = an_object(given.get("function"), f"{inner}.function")
    if not a_text(function.get("name"), f"{inner}.function.name"):
        raise missing(f"{inner}.function.name")
    if function.get("parameters") is None:
        raise missing(f"{inner}.function.parameters")
    for name in ("input_binding", "output_binding"):
        queue = an_object(an_object(given.get(name), f"{inner}.{name}").get("storage_queue"), f"{inner}.{name}")
        for field in ("queue_service_endpoint", "queue_name"):
            if not a_text(queue.get(field), f"{inner}.{name}.storage_queue.{field}"):
                raise missing(f"{inner}.{name}.storage_queue.{field}")


def _computer(tool: JsonObject, path: str) -> None:
    refuse_unknown(tool, ("type", "environment", "display_width", "display_height"), f"{path}.")
    a_choice(tool.get("environment"), f"{path}.environment", ("windows", "mac", "linux", "ubuntu", "browser"), None)
    an_integer(tool.get("display_width"), f"{path}.display_width", 1)
    an_integer(tool.get("display_height"), f"{path}.display_height", 1)
    for name in ("environment", "display_width", "display_height"):
        if tool.get(name) is None:
            raise missing(f"{path}.{name}")


_CHECKS: dict[str, Callable[[JsonObject, str], None]] = {
    "bing_grounding": _bing,
    "bing_custom_search_preview": _bing_custom,
    "azure_ai_search": _search,
    "openapi": _openapi,
    "azure_function": _azure_function,
    "sharepoint_grounding_preview": _connections,
    "fabric_dataagent_preview": _connections,
    "browser_automation_preview": _browser,
    "browser_automation": _browser,
    "computer_use_preview": _computer,
}
"""Tools of agents whose parameters are checked here; all others are those of a request."""
