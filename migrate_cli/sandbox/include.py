"""The fields of an item that are returned only if `include[]` asks for them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import bad_request
from migrate_cli.sandbox.rules import listed

IMAGE_URLS = "message.input_image.image_url"
SEARCH_RESULTS = "file_search_call.results"
CODE_OUTPUTS = "code_interpreter_call.outputs"
WEB_SOURCES = "web_search_call.action.sources"
SCREENSHOTS = "computer_call_output.output.image_url"
LOGPROBS = "message.output_text.logprobs"

_KNOWN = (
    SEARCH_RESULTS,
    "web_search_call.results",
    WEB_SOURCES,
    IMAGE_URLS,
    SCREENSHOTS,
    CODE_OUTPUTS,
    "reasoning.encrypted_content",
    LOGPROBS,
)

_PARTS_IN = {"message": "content", "function_call_output": "output"}
_NULLED = {
    "file_search_call": (SEARCH_RESULTS, "results"),
    "code_interpreter_call": (CODE_OUTPUTS, "outputs"),
}
_LEFT_OUT = {
    "web_search_call": (WEB_SOURCES, "action", "sources"),
    "computer_call_output": (SCREENSHOTS, "output", "image_url"),
}


def check_include(values: Sequence[str]) -> frozenset[str]:
    """Return what a request asks for, or raise ApiError for a name that the service does not know."""
    for index, value in enumerate(values):
        if value not in _KNOWN:
            raise bad_request(
                f"Invalid value: '{value[:64]}'. Supported values are: {listed(_KNOWN)}.",
                code="invalid_value",
                param=f"include[{index}]",
            )
    return frozenset(values)


def visible(item: JsonObject, include: frozenset[str]) -> JsonObject:
    """Return the item as this reader sees it: what was not asked for is null, or gone where the service drops it."""
    seen = dict(item)
    parts = _PARTS_IN.get(item["type"])
    if parts is not None and isinstance(item[parts], list):
        seen[parts] = [_part(part, include) for part in item[parts]]
    wanted, field = _NULLED.get(item["type"], (None, ""))
    if wanted is not None and wanted not in include:
        seen[field] = None
    wanted, field, inner = _LEFT_OUT.get(item["type"], (None, "", ""))
    if wanted is not None and wanted not in include:
        seen[field] = _without(item[field], inner)
    return seen


def _part(part: JsonObject, include: frozenset[str]) -> JsonObject:
    if part["type"] == "input_image" and IMAGE_URLS not in include:
        return {**part, "image_url": None}
    if part["type"] == "output_text" and LOGPROBS not in include:
        return {**part, "logprobs": []}
    return part


def _without(value: Any, name: str) -> Any:
    return {key: inner for key, inner in value.items() if key != name} if isinstance(value, dict) else value
