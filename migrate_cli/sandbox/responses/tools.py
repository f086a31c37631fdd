"""Checks the tools of a request: the known types, their required fields, and `tool_choice`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.responses.schemas import check_strict
from migrate_cli.sandbox.responses.tools_mcp import check_mcp
from migrate_cli.sandbox.responses.values import (
    a_choice,
    a_flag,
    a_list,
    a_text,
    an_integer,
    an_object,
    missing,
    not_one_of,
    refuse_unknown,
    wrong_type,
)
from migrate_cli.sandbox.rules import KnownFile, check_file_id

MOST_TOOLS = 128
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
Check = Callable[[JsonObject, str, KnownFile], JsonObject]
"""Returns one tool as the response object echoes it; the text is its path, such as `tools[0]`."""


def check_tools(tools: list[Any], known_file: KnownFile) -> list[JsonObject]:
    """Return the tools with their defaults, or raise ApiError for the first that the service would refuse."""
    if len(tools) > MOST_TOOLS:
        raise bad_request(
            f"Invalid 'tools': array too long. Expected an array with maximum length {MOST_TOOLS}, "
            f"but got an array with length {len(tools)} instead.",
            code="array_above_max_length",
            param="tools",
        )
    checked, labels = [], set()
    for place, tool in enumerate(tools):
        path = f"tools[{place}]"
        if not isinstance(tool, dict):
            raise wrong_type(path, "an object", tool)
        if tool.get("type") is None:
            raise missing(f"{path}.type")
        check = _CHECKS.get(tool["type"]) if isinstance(tool["type"], str) else None
        if check is None:
            raise not_one_of(f"{path}.type", tool["type"], tuple(_CHECKS))
        checked.append(check(tool, path, known_file))
        label = tool.get("server_label")
        if label is not None and label in labels:
            raise bad_request(f"Duplicate server_label found: {str(label)[:64]}. Labels must be unique.", param="tools")
        labels.add(label)
    return checked


def takes(kind: str) -> bool:
    """Whether a request may have tools of this type."""
    return kind in _CHECKS


def check_tool_choice(choice: Any, tools: list[JsonObject]) -> Any:
    """Return what the model may or must call, `auto` unless said; raise ApiError for a tool that is not there."""
    if choice is None:
        return "auto"
    if isinstance(choice, str):
        if choice == "required" and not tools:
            raise bad_request("Tool choice 'required' must be specified with 'tools' parameter.", param="tool_choice")
        return a_choice(choice, "tool_choice", ("none", "auto", "required"), "auto")
    given = an_object(choice, "tool_choice")
    if given.get("type") == "allowed_tools":
        a_choice(given.get("mode"), "tool_choice.mode", ("auto", "required"), "auto")
        for each in a_list(given.get("tools"), "tool_choice.tools"):
            _find(an_object(each, "tool_choice.tools"), tools)
    else:
        _find(given, tools)
    return given


def chosen(choice: JsonObject, tools: list[JsonObject]) -> JsonObject | None:
    """The tool that is named by an object such as `{"type": "function", "name": …}`, by its type, name or label."""
    for tool in tools:
        if all(tool.get(key) == choice.get(key) for key in ("type", "name", "server_label") if choice.get(key)):
            return tool
    return None


def _find(choice: JsonObject, tools: list[JsonObject]) -> None:
    if choice.get("type") is None:
        raise missing("tool_choice.type")
    wanted = {"type": choice["type"], "name": choice.get("name") if choice["type"] == "function" else None}
    if chosen({**wanted, "server_label": choice.get("server_label")}, tools) is None:
        name = choice.get("name") or choice.get("server_label") or choice["type"]
        raise bad_request(f"Tool choice '{str(name)[:64]}' not found in 'tools' parameter.", param="tool_choice")


def _function(tool: JsonObject, path: str, _: KnownFile) -> JsonObject:
    name = a_text(tool.get("name"), f"{path}.name")
    if name is None:
        raise missing(f"{path}.name")
    known = ("type", "name", "description", "parameters", "strict", "async", "defer_loading", "allowed_callers")
    refuse_unknown(tool, (*known, "output_schema"), f"{path}.")
    if _NAME.fullmatch(name) is None:
        raise bad_request(
            f"Invalid '{path}.name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            code="invalid_value",
            param=f"{path}.name",
        )
    parameters = an_object(tool.get("parameters"), f"{path}.parameters")
    if parameters and parameters.get("type") != "object":
        raise bad_request(
            f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"', "
            f"got 'type: \"{parameters.get('type')}\"'.",
            code="invalid_function_parameters",
            param=f"{path}.parameters",
        )
    strict = a_flag(tool.get("strict"), f"{path}.strict", False)
    if strict:
        check_strict(parameters, f"function '{name}'", "invalid_function_parameters", f"{path}.parameters")
    return {
        "type": "function",
        "description": a_text(tool.get("description"), f"{path}.description"),
        "name": name,
        "parameters": tool.get("parameters"),
        "strict": strict,
    }


def _file_search(tool: JsonObject, path: str, _: KnownFile) -> JsonObject:
    refuse_unknown(tool, ("type", "vector_store_ids", "filters", "max_num_results", "ranking_options"), f"{path}.")
    if tool.get("vector_store_ids") is None:
        raise missing(f"{path}.vector_store_ids")
    stores = a_list(tool["vector_store_ids"], f"{path}.vector_store_ids")
    if not stores:
        raise bad_request(
            f"Invalid '{path}.vector_store_ids': empty array. Expected an array with minimum length 1.",
            code="empty_array",
            param=f"{path}.vector_store_ids",
        )
    for each in stores:
        check_vector_store(each, f"{path}.vector_store_ids")
    most = an_integer(tool.get("max_num_results"), f"{path}.max_num_results", 1, 50)
    return {
        "type": "file_search",
        "filters": tool.get("filters"),
        "max_num_results": most or 20,
        "ranking_options": tool.get("ranking_options") or {"ranker": "auto", "score_threshold": 0.0},
        "vector_store_ids": stores,
    }


def check_vector_store(identifier: Any, param: str, *, expired: bool = True) -> str:
    """Return the id of a vector store. Every well-formed one is there, but `vs_missing…`.

    `vs_expired…` has expired, as those of old attachments have; it is refused where `expired` is set.
    """
    text = a_text(identifier, param) or ""
    if re.fullmatch(r"vs_[A-Za-z0-9_-]{1,61}", text) is None:
        raise bad_request(
            f"Invalid '{param}': '{text[:64]}'. Expected an ID that begins with 'vs'.",
            code="invalid_value",
            param=param,
        )
    if text.startswith("vs_missing"):
        raise ApiError(404, f"Vector store with id ['{text}'] not found.")
    if expired and text.startswith("vs_expired"):
        raise bad_request(f"Vector store with id '{text}' is expired.", code="vector_store_expired", param=param)
    return text


def _code_interpreter(tool: JsonObject, path: str, known_file: KnownFile) -> JsonObject:
    refuse_unknown(tool, ("type", "container", "allowed_callers"), f"{path}.")
    container = tool.get("container")
    if container is None:
        raise missing(f"{path}.container")
    if isinstance(container, str):
        if not container.startswith("cntr_"):
            raise bad_request(
                f"Invalid '{path}.container': '{container[:64]}'. Expected an ID that begins with 'cntr'.",
                code="invalid_value",
                param=f"{path}.container",
            )
        return dict(tool)
    given = an_object(container, f"{path}.container")
    a_choice(given.get("type"), f"{path}.container.type", ("auto",), None)
    refuse_unknown(given, ("type", "file_ids", "memory_limit", "network_policy", "skills"), f"{path}.container.")
    if "type" not in given:
        raise missing(f"{path}.container.type")
    for each in a_list(given.get("file_ids"), f"{path}.container.file_ids"):
        check_file_id(each, known_file)
    return dict(tool)


_GONE_IMAGE_MODELS = frozenset({"dall-e-2", "dall-e-3", "gpt-image-1"})


def _image_generation(tool: JsonObject, path: str, known_file: KnownFile) -> JsonObject:
    known = ("type", "action", "background", "input_fidelity", "input_image_mask", "model", "moderation")
    more = ("output_compression", "output_format", "partial_images", "quality", "size")
    refuse_unknown(tool, (*known, *more), f"{path}.")
    an_integer(tool.get("partial_images"), f"{path}.partial_images", 0, 3)
    an_integer(tool.get("output_compression"), f"{path}.output_compression", 0, 100)
    a_choice(tool.get("output_format"), f"{path}.output_format", ("png", "webp", "jpeg"), None)
    a_choice(tool.get("quality"), f"{path}.quality", ("low", "medium", "high", "auto"), None)
    a_choice(tool.get("background"), f"{path}.background", ("transparent", "opaque", "auto"), None)
    model = a_text(tool.get("model"), f"{path}.model")
    if model in _GONE_IMAGE_MODELS:
        raise ApiError(404, f"The model `{model}` has been deprecated.", code="model_not_found", param=f"{path}.model")
    mask = an_object(tool.get("input_image_mask"), f"{path}.input_image_mask").get("file_id")
    if mask is not None:
        check_file_id(mask, known_file)
    return dict(tool)


def _web_search(tool: JsonObject, path: str, _: KnownFile) -> JsonObject:
    known = ("type", "filters", "search_context_size", "user_location", "external_web_access", "search_content_types")
    refuse_unknown(tool, known, f"{path}.")
    size = a_choice(tool.get("search_context_size"), f"{path}.search_context_size", ("low", "medium", "high"), "medium")
    an_object(tool.get("user_location"), f"{path}.user_location")
    an_object(tool.get("filters"), f"{path}.filters")
    return {"filters": None, "user_location": None} | dict(tool) | {"search_context_size": size}


def _namespace(tool: JsonObject, path: str, known_file: KnownFile) -> JsonObject:
    refuse_unknown(tool, ("type", "name", "description", "tools"), f"{path}.")
    if not a_text(tool.get("name"), f"{path}.name"):
        raise missing(f"{path}.name")
    inner = []
    for place, each in enumerate(a_list(tool.get("tools"), f"{path}.tools")):
        where = f"{path}.tools[{place}]"
        given = an_object(each, where)
        if given.get("type") not in ("function", "custom"):
            raise not_one_of(f"{where}.type", given.get("type"), ("function", "custom"))
        inner.append(_CHECKS[given["type"]](given, where, known_file))
    if not inner:
        raise missing(f"{path}.tools")
    return {**tool, "tools": inner}


def _as_given(tool: JsonObject, path: str, _: KnownFile) -> JsonObject:
    if tool["type"] == "custom" and not a_text(tool.get("name"), f"{path}.name"):
        raise missing(f"{path}.name")
    return dict(tool)


_CHECKS: dict[str, Check] = {
    "function": _function,
    "file_search": _file_search,
    "computer_use_preview": _as_given,
    "web_search": _web_search,
    "web_search_2025_08_26": _web_search,
    "web_search_preview": _web_search,
    "web_search_preview_2025_03_11": _web_search,
    "mcp": check_mcp,
    "code_interpreter": _code_interpreter,
    "image_generation": _image_generation,
    "local_shell": _as_given,
    "shell": _as_given,
    "custom": _as_given,
    "apply_patch": _as_given,
    "computer": _as_given,
    "namespace": _namespace,
    "tool_search": _as_given,
    "programmatic_tool_calling": _as_given,
}
"""Kinds of tools in the order in which the real error lists them."""
