"""Streams of responses made for tests: events as the API sends them, numbered, in several items at once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

Event = dict[str, Any]


def numbered(events: Iterable[Event]) -> list[Event]:
    """The events with sequence numbers, as the API gives them."""
    return [event | {"sequence_number": number} for number, event in enumerate(events)]


def response(status: str = "completed", output: list[Event] | None = None, **more: Any) -> Event:
    """A response object."""
    usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5, "total_tokens": 15}
    return {"id": "resp_1", "model": "m-1", "status": status, "output": output or [], "usage": usage, **more}


def message(text: str, index: int = 0, annotations: list[Event] | None = None) -> Event:
    """A message that is done."""
    part = {"type": "output_text", "text": text, "annotations": annotations or []}
    return {"type": "message", "id": f"msg_{index}", "role": "assistant", "status": "completed", "content": [part]}


def call(name: str, arguments: Any, index: int = 0) -> Event:
    """A function call that is done."""
    return {
        "type": "function_call",
        "id": f"fc_{index}",
        "call_id": f"call_{index}",
        "name": name,
        "arguments": json.dumps(arguments),
        "status": "completed",
    }


def events_of(item: Event, index: int, piece: int = 3) -> list[Event]:
    """The events of one item, between those of the response."""
    place = {"output_index": index, "item_id": item["id"]}
    if item["type"] == "function_call":
        begun, text, name, field = item | {"arguments": ""}, item["arguments"], "function_call_arguments", "arguments"
    else:
        begun, text, name, field = item | {"content": []}, item["content"][0]["text"], "output_text", "text"
        place["content_index"] = 0
    pieces = [text[start : start + piece] for start in range(0, len(text), piece)]
    return [
        {"type": "response.output_item.added", "output_index": index, "item": begun},
        *({"type": f"response.{name}.delta", "delta": each, **place} for each in pieces),
        {"type": f"response.{name}.done", field: text, **place},
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def stream_of(*items: Event, status: str = "completed", **more: Any) -> list[Event]:
    """A whole stream, item after item."""
    inner = [event for index, item in enumerate(items) for event in events_of(item, index)]
    return framed(inner, list(items), status, **more)


def framed(inner: list[Event], items: list[Event], status: str = "completed", **more: Any) -> list[Event]:
    """A whole stream around the events of its items."""
    begun = {"type": "response.created", "response": response("in_progress")}
    ended = {"type": f"response.{status}", "response": response(status, items, **more)}
    return numbered([begun, *inner, ended])
