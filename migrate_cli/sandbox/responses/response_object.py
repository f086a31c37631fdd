"""The response object, its stream of events, and the encoding of an event. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.encoding import encode
from migrate_cli.sandbox.include import visible
from migrate_cli.sandbox.responses.events import StreamOptions, output_events
from migrate_cli.sandbox.responses.request import ResponseRequest
from migrate_cli.sandbox.responses.scripted_model import ModelOutput
from migrate_cli.sandbox.responses.tokens import usage

FINAL = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
"""The types of events that end a stream."""

_NO_TOKENS: JsonObject = {"image_tokens": 0, "text_tokens": 0}


def started_response(identifier: str, created_at: int, request: ResponseRequest) -> JsonObject:
    """The response object before anything was said."""
    whole: JsonObject = {
        "id": identifier,
        "object": "response",
        "created_at": created_at,
        "status": "in_progress",
        "background": False,
        "billing": {"payer": "developer"},
        "completed_at": None,
        "conversation": {"id": request.conversation} if request.conversation else None,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "model": request.model,
        "moderation": None,
        "output": [],
        "parallel_tool_calls": request.parallel,
        "presence_penalty": 0.0,
        "previous_response_id": request.previous,
        "reasoning": request.reasoning,
        "store": request.store,
        "text": request.text,
        "tool_choice": request.tool_choice,
        "tool_usage": _tool_usage([]),
        "tools": request.tools,
        "truncation": request.truncation,
        "usage": None,
        "metadata": request.metadata,
    }
    if not request.conversation:
        del whole["conversation"]
    return whole | request.echoed


def finished_response(
    response: JsonObject, generated: ModelOutput, output: list[JsonObject], input_tokens: int, now: int
) -> JsonObject:
    """The response object at its end, `output` being the items as this client may see them."""
    status = "failed" if generated.status == "error" else generated.status
    whole = response | {
        "status": status,
        "completed_at": now if status == "completed" else None,
        "output": output,
        "service_tier": "default" if response["service_tier"] == "auto" else response["service_tier"],
        "tool_usage": _tool_usage(output),
    }
    if status == "incomplete":
        whole["incomplete_details"] = {"reason": generated.reason}
    if status == "failed":
        return whole | {"error": {"code": "server_error", "message": generated.error}}
    return whole | {"usage": usage(input_tokens, generated.output)}


def visible_items(items: list[JsonObject], include: frozenset[str]) -> list[JsonObject]:
    """The items as a client sees them that asked for these extras."""
    return [visible(item, include) for item in items]


def stream(
    begin: JsonObject, end: JsonObject, generated: ModelOutput, request: ResponseRequest
) -> Iterator[JsonObject]:
    """Yield every event of a stream, numbered; the last one's type is in `FINAL`."""
    options = StreamOptions(request.obfuscate, generated.partial_images)
    for number, event in enumerate(_events(begin, end, generated, options)):
        yield {"type": event["type"], "sequence_number": number, **event}


def _events(begin: JsonObject, end: JsonObject, generated: ModelOutput, options: StreamOptions) -> Iterator[JsonObject]:
    yield {"type": "response.created", "response": begin}
    yield {"type": "response.in_progress", "response": begin}
    yield from output_events(end["output"], options)
    if generated.status == "error":
        yield {"type": "error", "code": "server_error", "message": generated.error, "param": None}
    else:
        yield {"type": f"response.{end['status']}", "response": end}


def encoded_event(event: JsonObject) -> bytes:
    """An event as it goes over the wire."""
    return f"event: {event['type']}\ndata: ".encode() + encode(event) + b"\n\n"


def _tool_usage(output: list[Any]) -> JsonObject:
    searches = sum(item["type"] == "web_search_call" for item in output)
    image: JsonObject = {
        "input_tokens": 0,
        "input_tokens_details": _NO_TOKENS,
        "output_tokens": 0,
        "output_tokens_details": _NO_TOKENS,
        "total_tokens": 0,
    }
    return {"image_gen": image, "web_search": {"num_requests": searches}}
