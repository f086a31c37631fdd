"""Checks a request to `/responses`: every parameter of the specification, with the real error bodies. Pure.

Parameters that only matter to the real service (prompt caching, service tiers) are checked and echoed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.include import check_include
from migrate_cli.sandbox.responses.models import check_model, reasons
from migrate_cli.sandbox.responses.schemas import check_strict
from migrate_cli.sandbox.responses.tools import check_tool_choice, check_tools
from migrate_cli.sandbox.responses.values import (
    a_choice,
    a_flag,
    a_list,
    a_number,
    a_text,
    an_integer,
    an_object,
    missing,
    refuse_unknown,
    unknown,
    unsupported,
    wrong_type,
)
from migrate_cli.sandbox.rules import KnownFile, check_metadata

LEAST_OUTPUT_TOKENS = 16
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SUMMARIES = ("auto", "concise", "detailed")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_MOVED = {
    "response_format": "text.format",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
    "messages": "input",
    "functions": "tools",
    "function_call": "tool_choice",
    "assistant_id": "model",
    "thread_id": "conversation",
}
"""Names of older APIs, and where their meaning went."""

_ALLOWED = (
    *(
        "background",
        "context_management",
        "conversation",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
    ),
    *("metadata", "model", "moderation", "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key"),
    *(
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
    ),
    *("temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user"),
)


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """What a client wants, with every default filled in."""

    model: str
    input: list[Any]
    """Items as they came; `items.py` checks them."""
    instructions: str | None
    conversation: str | None
    previous: str | None
    store: bool
    stream: bool
    obfuscate: bool
    """Whether deltas carry padding that hides their length."""
    tools: list[JsonObject]
    tool_choice: Any
    parallel: bool
    max_output_tokens: int | None
    max_tool_calls: int | None
    text: JsonObject
    reasoning: JsonObject
    include: frozenset[str]
    metadata: dict[str, str]
    truncation: str
    echoed: JsonObject
    """Settings that only come back in the response object."""

    @property
    def format(self) -> JsonObject:
        """The wanted form of the text: `{"type": "text"}`, or a JSON format."""
        form: JsonObject = self.text["format"]
        return form


def check_request(body: Any, known_file: KnownFile, *, deployed: bool = False) -> ResponseRequest:
    """Return the request, or raise ApiError for the first parameter that the service would refuse.

    `deployed`: model names are those of deployments, which users choose.
    """
    fields = _fields(body)
    model = _model(fields, deployed)
    stream = a_flag(fields.get("stream"), "stream", False)
    tools = check_tools(a_list(fields.get("tools"), "tools"), known_file)
    conversation, previous = _history(fields)
    _refuse_what_is_missing_here(fields)
    return ResponseRequest(
        model=model,
        input=_input(fields, conversation or previous),
        instructions=a_text(fields.get("instructions"), "instructions"),
        conversation=conversation,
        previous=previous,
        store=a_flag(fields.get("store"), "store", True),
        stream=stream,
        obfuscate=_obfuscate(fields, stream),
        tools=tools,
        tool_choice=check_tool_choice(fields.get("tool_choice"), tools),
        parallel=a_flag(fields.get("parallel_tool_calls"), "parallel_tool_calls", True),
        max_output_tokens=an_integer(fields.get("max_output_tokens"), "max_output_tokens", LEAST_OUTPUT_TOKENS),
        max_tool_calls=an_integer(fields.get("max_tool_calls"), "max_tool_calls", 1),
        text=_text(fields),
        reasoning=_reasoning(fields, model),
        include=check_include(a_list(fields.get("include"), "include")),
        metadata=check_metadata(fields.get("metadata")),
        truncation=a_choice(fields.get("truncation"), "truncation", ("auto", "disabled"), "disabled") or "disabled",
        echoed=_echoed(fields, model),
    )


def _fields(body: Any) -> JsonObject:
    if not isinstance(body, dict):
        raise wrong_type("body", "an object", body)
    for name in body:
        if name in _MOVED:
            raise bad_request(
                f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to "
                f"'{_MOVED[name]}'. Try again with the new parameter. See the API documentation for more information: "
                "https://platform.openai.com/docs/api-reference/responses/create.",
                code="unsupported_parameter",
                param=name,
            )
    refuse_unknown(body, _ALLOWED)
    return body


def _model(fields: JsonObject, deployed: bool) -> str:
    name = a_text(fields.get("model"), "model")
    if not name:
        raise missing("model")
    return check_model(name, deployed=deployed)


def _input(fields: JsonObject, history: str | None) -> list[Any]:
    value = fields.get("input")
    if value is None and history is None:
        raise bad_request(
            "One of 'input' or 'previous_response_id' or 'prompt' or 'conversation_id' must be provided.",
            code="missing_required_parameter",
            param="input",
        )
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}]
    if value is not None and not isinstance(value, list):
        raise wrong_type("input", "a string or an array", value)
    return value or []


def _history(fields: JsonObject) -> tuple[str | None, str | None]:
    value, previous = fields.get("conversation"), a_text(fields.get("previous_response_id"), "previous_response_id")
    if isinstance(value, dict):
        refuse_unknown(value, ("id",), "conversation.")
        value = value.get("id")
        if value is None:
            raise missing("conversation.id")
    conversation = a_text(value, "conversation")
    if conversation is not None and previous is not None:
        raise bad_request(
            "Mutually exclusive parameters. Ensure you are only providing one of: "
            "'previous_response_id' or 'conversation'.",
            code="mutually_exclusive_parameters",
        )
    return conversation, previous


def _refuse_what_is_missing_here(fields: JsonObject) -> None:
    if a_flag(fields.get("background"), "background", False):
        raise bad_request("Background mode is not available in the sandbox.", param="background")
    prompt = an_object(fields.get("prompt"), "prompt")
    if prompt:
        raise ApiError(404, f"Prompt with id '{str(prompt.get('id'))[:64]}' not found.", param="prompt")


def _obfuscate(fields: JsonObject, stream: bool) -> bool:
    options = an_object(fields.get("stream_options"), "stream_options")
    if options and not stream:
        raise bad_request(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    refuse_unknown(options, ("include_obfuscation",), "stream_options.")
    return a_flag(options.get("include_obfuscation"), "stream_options.include_obfuscation", True)


def _reasoning(fields: JsonObject, model: str) -> JsonObject:
    given = an_object(fields.get("reasoning"), "reasoning")
    refuse_unknown(given, ("effort", "summary", "generate_summary", "context", "mode"), "reasoning.")
    effort = a_choice(given.get("effort"), "reasoning.effort", _EFFORTS, None)
    summary = a_choice(given.get("summary") or given.get("generate_summary"), "reasoning.summary", _SUMMARIES, None)
    if not reasons(model):
        for name in ("effort", "summary"):
            if given.get(name) is not None:
                raise unsupported(f"reasoning.{name}")
    return {"context": None, "effort": effort or ("medium" if reasons(model) else None), "summary": summary}


def _text(fields: JsonObject) -> JsonObject:
    given = an_object(fields.get("text"), "text")
    refuse_unknown(given, ("format", "verbosity"), "text.")
    form = an_object(given.get("format"), "text.format") or {"type": "text"}
    check = _FORMATS.get(str(form.get("type")))
    if "type" not in form:
        raise missing("text.format.type")
    if check is None:
        a_choice(form["type"], "text.format.type", tuple(_FORMATS), None)
        raise unknown("text.format.type")
    verbosity = a_choice(given.get("verbosity"), "text.verbosity", ("low", "medium", "high"), "medium")
    return {"format": check(form), "verbosity": verbosity}


def _plain_format(form: JsonObject) -> JsonObject:
    refuse_unknown(form, ("type",), "text.format.")
    return form


def _schema_format(form: JsonObject) -> JsonObject:
    refuse_unknown(form, ("type", "name", "schema", "strict", "description"), "text.format.")
    for name in ("name", "schema"):
        if form.get(name) is None:
            raise missing(f"text.format.{name}")
    name = a_text(form["name"], "text.format.name") or ""
    if _NAME.fullmatch(name) is None:
        raise bad_request(
            "Invalid 'text.format.name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            code="invalid_value",
            param="text.format.name",
        )
    schema = an_object(form["schema"], "text.format.schema")
    strict = a_flag(form.get("strict"), "text.format.strict", False)
    if strict:
        check_strict(schema, f"response_format '{name}'", "invalid_json_schema", "text.format.schema")
    return {
        "type": "json_schema",
        "description": form.get("description"),
        "name": name,
        "schema": schema,
        "strict": strict,
    }


_FORMATS: dict[str, Callable[[JsonObject], JsonObject]] = {
    "text": _plain_format,
    "json_object": _plain_format,
    "json_schema": _schema_format,
}


def _echoed(fields: JsonObject, model: str) -> JsonObject:
    for each in a_list(fields.get("context_management"), "context_management"):
        a_choice(
            an_object(each, "context_management[]").get("type"), "context_management[].type", ("compaction",), None
        )
    an_object(fields.get("prompt_cache_options"), "prompt_cache_options")
    moderation = an_object(fields.get("moderation"), "moderation")
    if moderation and not a_text(moderation.get("model"), "moderation.model"):
        raise missing("moderation.model")
    numbers: JsonObject = {}
    for name, most in (("temperature", 2), ("top_p", 1)):
        value = a_number(fields.get(name), name, 0, most)
        if value is not None and reasons(model):
            raise unsupported(name)
        numbers[name] = 1.0 if value is None else value
    return numbers | {
        "prompt_cache_key": a_text(fields.get("prompt_cache_key"), "prompt_cache_key", 64),
        "prompt_cache_retention": a_choice(
            fields.get("prompt_cache_retention"), "prompt_cache_retention", ("in_memory", "24h"), "in_memory"
        ),
        "safety_identifier": a_text(fields.get("safety_identifier"), "safety_identifier", 64),
        "service_tier": a_choice(
            fields.get("service_tier"), "service_tier", ("auto", "default", "flex", "scale", "priority"), "auto"
        ),
        "top_logprobs": an_integer(fields.get("top_logprobs"), "top_logprobs", 0, 20) or 0,
        "user": a_text(fields.get("user"), "user", 64),
    }
