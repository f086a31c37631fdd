"""Checks an agent's name and the body of a new version, with errors as the real service words them. Pure.

The rules are those of the service's own client: names, kinds and fields of the models of azure-ai-projects 2.10.0. Only
agents of the kind `prompt` can be made here.
"""

from __future__ import annotations

import re
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.agents.tools import check_agent_tools
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.responses.values import (
    a_list,
    a_number,
    a_text,
    an_object,
    missing,
    refuse_unknown,
)
from migrate_cli.sandbox.rules import KnownFile, check_metadata

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
MAX_DESCRIPTION = 512
_BODY = ("definition", "metadata", "description", "blueprint_reference", "digital_worker_type", "draft")
_DEFINITION = (
    *("kind", "model", "instructions", "temperature", "top_p", "reasoning", "tools", "tool_choice", "text"),
    *("structured_inputs", "rai_config", "skills", "harness"),
)


def check_agent_name(name: str) -> str:
    """Return the name, or raise ApiError where the service would refuse it."""
    if _NAME.fullmatch(name) is None:
        raise bad_request(
            f"Invalid agent name '{name[:80]}': it must start and end with alphanumeric characters, can contain "
            "hyphens in the middle, and must not exceed 63 characters.",
            code="invalid_parameter",
            param="agent_name",
        )
    return name


def check_version(body: Any, known_file: KnownFile) -> JsonObject:
    """Return definition, metadata and description of a new version, or raise ApiError."""
    given = an_object(body, "body")
    refuse_unknown(given, _BODY)
    if given.get("definition") is None:
        raise missing("definition")
    return {
        "definition": _definition(an_object(given["definition"], "definition"), known_file),
        "metadata": check_metadata(given.get("metadata")),
        "description": a_text(given.get("description"), "description", MAX_DESCRIPTION),
    }


def _definition(given: JsonObject, known_file: KnownFile) -> JsonObject:
    kind = a_text(given.get("kind"), "definition.kind")
    if kind is None:
        raise missing("definition.kind")
    if kind != "prompt":
        raise ApiError(400, f"Agents of kind '{kind[:40]}' are not available in the sandbox.", param="definition.kind")
    refuse_unknown(given, _DEFINITION, "definition.")
    if not a_text(given.get("model"), "definition.model"):
        raise missing("definition.model")
    a_text(given.get("instructions"), "definition.instructions")
    a_number(given.get("temperature"), "definition.temperature", 0, 2)
    a_number(given.get("top_p"), "definition.top_p", 0, 1)
    an_object(given.get("reasoning"), "definition.reasoning")
    refuse_unknown(an_object(given.get("text"), "definition.text"), ("format",), "definition.text.")
    check_agent_tools(a_list(given.get("tools"), "definition.tools"), known_file)
    return given
