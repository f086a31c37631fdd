"""The stream events of an output item, in the real order and with the real keys. Pure.

`item_events` yields the events of one item, without sequence numbers; `output_events` combines items: adjacent
function calls arrive interleaved, everything else in sequence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from migrate_cli.model import JsonObject
from migrate_cli.sandbox import ids
from migrate_cli.sandbox.responses.png import picture

MOST_DELTAS = 64
"""Deltas that one text is sent in, at most."""

Events = Iterator[JsonObject]


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream is written."""

    obfuscate: bool = True
    partial_images: int = 0


def output_events(output: Sequence[JsonObject], options: StreamOptions) -> Events:
    """Yield the events of all items, in order."""
    places = enumerate(output)
    for is_call, group in groupby(places, key=lambda each: each[1]["type"] == "function_call"):
        streams = [item_events(item, place, options) for place, item in group]
        if is_call:
            yield from _in_turns(streams)
        else:
            for stream in streams:
                yield from stream


def item_events(item: JsonObject, place: int, options: StreamOptions) -> Events:
    """Yield the events of one finished item at this place of the output."""
    begin, middle = _KINDS.get(item["type"], _PLAIN)
    yield {"type": "response.output_item.added", "output_index": place, "item": begin(item)}
    for event in middle(item, options):
        kind = event.pop("type")
        yield {"type": f"response.{kind}", "item_id": item["id"], "output_index": place, **event}
    yield {"type": "response.output_item.done", "output_index": place, "item": item}


def _in_turns(streams: list[Events]) -> Events:
    while streams:
        for stream in list(streams):
            event = next(stream, None)
            if event is None:
                streams.remove(stream)
            else:
                yield event


def pieces(text: str) -> list[str]:
    """A text in pieces of whole words, at most `MOST_DELTAS` of them, nothing lost."""
    words = re.findall(r"\s*\S+\s*?(?=\s|$)|\s+", text)
    size = -(-len(words) // MOST_DELTAS) or 1
    return ["".join(words[start : start + size]) for start in range(0, len(words), size)]


def json_pieces(text: str) -> list[str]:
    """JSON in pieces as models write it: names, values and what stands between them."""
    words = re.findall(r"\s*[^\W_]+|[^\w]+?(?=\s?\w)|.+?(?=\w)|.+", text, re.DOTALL)
    size = -(-len(words) // MOST_DELTAS) or 1
    return ["".join(words[start : start + size]) for start in range(0, len(words), size)]


def _delta(text: str, options: StreamOptions) -> JsonObject:
    """A delta, padded so that its length does not show."""
    return {"delta": text} | ({"obfuscation": ids.padding(16 - len(text) % 16)} if options.obfuscate else {})


def _message(item: JsonObject, options: StreamOptions) -> Events:
    for index, part in enumerate(item["content"]):
        parted = _refusal if part["type"] == "refusal" else _text
        for event in parted(part, options):
            yield {"type": event.pop("type"), "content_index": index, **event}


def _text(part: JsonObject, options: StreamOptions) -> Events:
    yield {"type": "content_part.added", "part": {**part, "annotations": [], "text": ""}}
    for text in pieces(part["text"]):
        delta = _delta(text, options)
        yield {"type": "output_text.delta", "delta": delta.pop("delta"), "logprobs": [], **delta}
    for place, annotation in enumerate(part["annotations"]):
        yield {"type": "output_text.annotation.added", "annotation_index": place, "annotation": annotation}
    yield {"type": "output_text.done", "text": part["text"], "logprobs": []}
    yield {"type": "content_part.done", "part": part}


def _refusal(part: JsonObject, options: StreamOptions) -> Events:
    yield {"type": "content_part.added", "part": {"type": "refusal", "refusal": ""}}
    for text in pieces(part["refusal"]):
        yield {"type": "refusal.delta", **_delta(text, options)}
    yield {"type": "refusal.done", "refusal": part["refusal"]}
    yield {"type": "content_part.done", "part": part}


def _function_call(item: JsonObject, options: StreamOptions) -> Events:
    for text in json_pieces(item["arguments"]):
        yield {"type": "function_call_arguments.delta", **_delta(text, options)}
    yield {"type": "function_call_arguments.done", "arguments": item["arguments"]}


def _custom_call(item: JsonObject, options: StreamOptions) -> Events:
    for text in pieces(item["input"]):
        yield {"type": "custom_tool_call_input.delta", **_delta(text, options)}
    yield {"type": "custom_tool_call_input.done", "input": item["input"]}


def _shell_call(item: JsonObject, options: StreamOptions) -> Events:
    for place, command in enumerate(item["action"]["commands"]):
        where = {"command_index": place}
        yield {"type": "shell_call_command.added", **where, "command": ""}
        for text in pieces(command):
            yield {"type": "shell_call_command.delta", **where, **_delta(text, options)}
        yield {"type": "shell_call_command.done", **where, "command": command}


def _searching(kind: str) -> Callable[[JsonObject, StreamOptions], Events]:
    def events(_: JsonObject, __: StreamOptions) -> Events:
        for step in ("in_progress", "searching", "completed"):
            yield {"type": f"{kind}.{step}"}

    return events


def _code(item: JsonObject, options: StreamOptions) -> Events:
    yield {"type": "code_interpreter_call.in_progress"}
    for text in pieces(item["code"]):
        yield {"type": "code_interpreter_call_code.delta", **_delta(text, options)}
    yield {"type": "code_interpreter_call_code.done", "code": item["code"]}
    yield {"type": "code_interpreter_call.interpreting"}
    yield {"type": "code_interpreter_call.completed"}


def _image(item: JsonObject, options: StreamOptions) -> Events:
    yield {"type": "image_generation_call.in_progress"}
    yield {"type": "image_generation_call.generating"}
    shown = {name: item[name] for name in ("background", "output_format", "quality", "size")}
    for place in range(options.partial_images):
        partial = picture(item["revised_prompt"], (place + 1) / (options.partial_images + 1))
        yield {
            "type": "image_generation_call.partial_image",
            "partial_image_index": place,
            "partial_image_b64": partial,
            **shown,
        }
    yield {"type": "image_generation_call.completed"}


def _mcp_call(item: JsonObject, options: StreamOptions) -> Events:
    yield {"type": "mcp_call.in_progress"}
    yield {"type": "mcp_call_arguments.delta", **_delta(item["arguments"], options)}
    yield {"type": "mcp_call_arguments.done", "arguments": item["arguments"]}
    yield {"type": f"mcp_call.{'failed' if item['error'] else 'completed'}"}


def _mcp_list(_: JsonObject, __: StreamOptions) -> Events:
    yield {"type": "mcp_list_tools.in_progress"}
    yield {"type": "mcp_list_tools.completed"}


def _reasoning(item: JsonObject, options: StreamOptions) -> Events:
    for place, part in enumerate(item["summary"]):
        where = {"summary_index": place}
        yield {"type": "reasoning_summary_part.added", **where, "part": {**part, "text": ""}}
        for text in pieces(part["text"]):
            yield {"type": "reasoning_summary_text.delta", **where, **_delta(text, options)}
        yield {"type": "reasoning_summary_text.done", **where, "text": part["text"]}
        yield {"type": "reasoning_summary_part.done", **where, "part": part}


def _nothing(_: JsonObject, __: StreamOptions) -> Events:
    return iter(())


def _beginning(**empty: object) -> Callable[[JsonObject], JsonObject]:
    """How an item looks when it is added: in progress, with these fields still empty."""

    def begin(item: JsonObject) -> JsonObject:
        status = {"status": "in_progress"} if "status" in item else {}
        return {**item, **status, **{name: value for name, value in empty.items() if name in item}}

    return begin


_PLAIN = (_beginning(), _nothing)
_KINDS: dict[str, tuple[Callable[[JsonObject], JsonObject], Callable[[JsonObject, StreamOptions], Events]]] = {
    "message": (_beginning(content=[]), _message),
    "function_call": (_beginning(arguments=""), _function_call),
    "custom_tool_call": (_beginning(input=""), _custom_call),
    "shell_call": (_beginning(), _shell_call),
    "web_search_call": (_beginning(), _searching("web_search_call")),
    "file_search_call": (_beginning(results=None), _searching("file_search_call")),
    "code_interpreter_call": (_beginning(code="", outputs=None), _code),
    "image_generation_call": (_beginning(result=None), _image),
    "mcp_call": (_beginning(arguments="", output=None, error=None), _mcp_call),
    "mcp_list_tools": (_beginning(tools=[]), _mcp_list),
    "reasoning": (_beginning(summary=[]), _reasoning),
}
