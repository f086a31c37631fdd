"""Checks the MCP servers and connectors among a request's tools: address, authorization, approval. Pure."""

from __future__ import annotations

import re
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.responses.values import (
    a_choice,
    a_list,
    a_text,
    an_object,
    missing,
    refuse_unknown,
    wrong_type,
)
from migrate_cli.sandbox.rules import KnownFile

_CONNECTORS = tuple(
    f"connector_{name}"
    for name in (
        *("dropbox", "gmail", "googlecalendar", "googledrive"),
        *("microsoftteams", "outlookcalendar", "outlookemail", "sharepoint"),
    )
)


def check_mcp(tool: JsonObject, path: str, _: KnownFile) -> JsonObject:
    """Return an MCP tool as the response object echoes it, without its tokens; see `tools.Check`.

    Two things rehearse a server that cannot be used: a token that begins with `wrong`, and a host under `.invalid`.
    """
    known = ("type", "server_label", "server_url", "connector_id", "tunnel_id", "server_description", "authorization")
    more = ("headers", "allowed_tools", "require_approval", "defer_loading", "allowed_callers")
    refuse_unknown(tool, (*known, *more), f"{path}.")
    if not a_text(tool.get("server_label"), f"{path}.server_label"):
        raise missing(f"{path}.server_label")
    places = [name for name in ("server_url", "connector_id", "tunnel_id") if tool.get(name) is not None]
    if len(places) != 1:
        raise bad_request(
            f"{'Missing' if not places else 'Mutually exclusive'} parameters: exactly one of '{path}.server_url', "
            f"'{path}.connector_id' and '{path}.tunnel_id' must be provided.",
            code="missing_required_parameter" if not places else "mutually_exclusive_parameters",
            param=path,
        )
    _check_place(tool, places[0], path)
    _check_approval(tool.get("require_approval"), f"{path}.require_approval")
    _names(tool.get("allowed_tools"), f"{path}.allowed_tools")
    # The real service never shows tokens again.
    shown = {key: value for key, value in tool.items() if key not in ("authorization", "headers")}
    return {"allowed_tools": None, "headers": None, "require_approval": "always", "server_description": None} | shown


def _check_place(tool: JsonObject, place: str, path: str) -> None:
    if place == "connector_id":
        a_choice(tool["connector_id"], f"{path}.connector_id", _CONNECTORS, None)
        if not tool.get("authorization"):
            raise missing(f"{path}.authorization")
    url = a_text(tool.get("server_url"), f"{path}.server_url")
    if url is not None and not re.match(r"https?://[^/\s]", url):
        raise bad_request(f"Invalid '{path}.server_url': expected an http(s) URL.", param=f"{path}.server_url")
    headers = an_object(tool.get("headers"), f"{path}.headers")
    token = tool.get("authorization") or headers.get("Authorization") or headers.get("authorization")
    label = str(tool["server_label"])[:64]
    if token is not None and str(token).removeprefix("Bearer ").startswith("wrong"):
        raise _unreachable(label, "401 (Unauthorized)")
    if url is not None and re.match(r"https?://[^/]*\.invalid([:/]|$)", url):
        raise _unreachable(label, "424 (Failed Dependency)", 424)


def _unreachable(label: str, status: str, answered: int = 400) -> ApiError:
    return ApiError(
        answered,
        f"Error retrieving tool list from MCP server: '{label}'. Http status code: {status}",
        code="http_error",
        param="tools",
        kind="external_connector_error",
    )


def _check_approval(value: Any, path: str) -> None:
    if value is None or isinstance(value, str):
        a_choice(value, path, ("always", "never"), None)
        return
    given = an_object(value, path)
    refuse_unknown(given, ("always", "never"), f"{path}.")
    for name, each in given.items():
        _names(each, f"{path}.{name}")


def _names(value: Any, path: str) -> None:
    if isinstance(value, dict):
        refuse_unknown(value, ("tool_names", "read_only"), f"{path}.")
        value = value.get("tool_names")
        path = f"{path}.tool_names"
    for place, each in enumerate(a_list(value, path)):
        if not isinstance(each, str):
            raise wrong_type(f"{path}[{place}]", "a string", each)
