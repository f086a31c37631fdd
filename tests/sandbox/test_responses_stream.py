"""Streams of `/responses`: the order of events, their keys, the client's own types and helpers, and the recordings."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.sandbox.responses.events import MOST_DELTAS, json_pieces, pieces
from openai import OpenAI
from openai.types.responses import ResponseStreamEvent

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "samples" / "target-recordings"
EVENTS: dict[str, Any] = {
    get_args(each.model_fields["type"].annotation)[0]: each for each in get_args(get_args(ResponseStreamEvent)[0])
}
"""The client's own classes, by the type of the event."""
MODEL = "gpt-5.4-mini"
FUNCTION = {"type": "function", "name": "lookup", "parameters": {"type": "object", "properties": {}}}
SHOP = {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example.com", "require_approval": "never"}
TOOLS = [
    FUNCTION,
    SHOP,
    {"type": "web_search"},
    {"type": "file_search", "vector_store_ids": ["vs_1"]},
    {"type": "code_interpreter", "container": {"type": "auto"}},
    {"type": "image_generation", "partial_images": 2},
]
LISTED = ["response.output_item.added", "response.mcp_list_tools.in_progress", "response.mcp_list_tools.completed"]


def events_of(http: httpx2.Client, text: str, **more: Any) -> list[dict[str, Any]]:
    answer = http.post("/responses", json={"model": MODEL, "input": text, "stream": True, **more})
    assert answer.status_code == 200, answer.text
    return parsed(answer.text)


def parsed(stream: str) -> list[dict[str, Any]]:
    blocks = [block.split("\n", 1) for block in stream.strip().split("\n\n")]
    found = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert [kind.removeprefix("event: ") for kind, _ in blocks] == [event["type"] for event in found]
    return found


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """The types in order, repeated deltas once."""
    types = [event["type"].removeprefix("response.") for event in events]
    return [one for place, one in enumerate(types) if place == 0 or types[place - 1] != one]


CUES = {
    "text": ("Hello", ["content_part.added", "output_text.delta", "output_text.done", "content_part.done"]),
    "refusal": ("[[refuse]]", ["content_part.added", "refusal.delta", "refusal.done", "content_part.done"]),
    "function": ("[[call lookup {}]]", ["function_call_arguments.delta", "function_call_arguments.done"]),
    "web": ("[[web_search cats]]", [f"web_search_call.{step}" for step in ("in_progress", "searching", "completed")]),
    "files": ("[[file_search q]]", [f"file_search_call.{step}" for step in ("in_progress", "searching", "completed")]),
    "code": (
        "[[code print(6 * 7)]]",
        [
            "code_interpreter_call.in_progress",
            "code_interpreter_call_code.delta",
            "code_interpreter_call_code.done",
            "code_interpreter_call.interpreting",
            "code_interpreter_call.completed",
        ],
    ),
    "image": (
        "[[image a cat]]",
        [f"image_generation_call.{step}" for step in ("in_progress", "generating", "partial_image", "completed")],
    ),
    "mcp": (
        "[[mcp shop track {}]]",
        ["mcp_call.in_progress", "mcp_call_arguments.delta", "mcp_call_arguments.done", "mcp_call.completed"],
    ),
    "mcp failed": (
        "[[mcp shop fail_hard {}]]",
        ["mcp_call.in_progress", "mcp_call_arguments.delta", "mcp_call_arguments.done", "mcp_call.failed"],
    ),
    "reasoning": (
        "[[reason Let me think about it]]",
        [
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
        ],
    ),
}


@pytest.mark.parametrize(("cue", "middle"), CUES.values(), ids=CUES.keys())
def test_each_kind_of_item_has_its_events_between_added_and_done(
    http: httpx2.Client, cue: str, middle: list[str]
) -> None:
    found = kinds(events_of(http, cue, tools=TOOLS))
    assert found[:2] == ["created", "in_progress"]
    assert found[-1] == "completed"
    whole = ["output_item.added", *middle, "output_item.done"]
    assert any(found[place : place + len(whole)] == whole for place in range(len(found)))


@pytest.mark.parametrize("cue", [cue for cue, _ in CUES.values()] + ["[[incomplete]]", "[[fail]]", "[[error]]"])
def test_every_event_is_one_that_the_client_knows_and_they_are_numbered(http: httpx2.Client, cue: str) -> None:
    events = events_of(http, cue, tools=TOOLS)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        EVENTS[event["type"]].model_validate(event)


@pytest.mark.parametrize(
    ("cue", "last"),
    [("[[incomplete]]", "response.incomplete"), ("[[fail]]", "response.failed"), ("[[error]]", "error")],
)
def test_streams_can_end_badly(http: httpx2.Client, cue: str, last: str) -> None:
    assert events_of(http, cue)[-1]["type"] == last


def test_deltas_add_up_to_the_text_and_citations_come_before_it_is_done(http: httpx2.Client) -> None:
    events = events_of(http, "[[web_search cats]]", tools=TOOLS)
    text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    done = next(event for event in events if event["type"] == "response.output_text.done")
    notes = [event["annotation"] for event in events if event["type"] == "response.output_text.annotation.added"]
    assert text == done["text"]
    assert [text[note["start_index"] : note["end_index"]] for note in notes] == ["[page 1]", "[page 2]"]


def test_parallel_calls_arrive_interleaved(http: httpx2.Client) -> None:
    cue = '[[call lookup {"a": "one two"}]][[call lookup {"b": "three four"}]]'
    events = events_of(http, cue, tools=[FUNCTION])
    deltas = [event for event in events if event["type"] == "response.function_call_arguments.delta"]
    assert any(one["output_index"] != two["output_index"] for one, two in pairwise(deltas[:-2]))
    whole = ["".join(each["delta"] for each in deltas if each["output_index"] == place) for place in (0, 1)]
    assert whole == ['{"a": "one two"}', '{"b": "three four"}']
    assert [each["output_index"] for each in events if each["type"] == "response.output_item.added"] == [0, 1]


def test_partial_images_are_png_files(http: httpx2.Client) -> None:
    events = events_of(http, "[[image a cat]]", tools=TOOLS)
    images = [event["partial_image_b64"] for event in events if "partial_image_b64" in event]
    images += [item["result"] for item in events[-1]["response"]["output"] if item["type"] == "image_generation_call"]
    assert len(set(images)) == 3
    assert all(base64.b64decode(image).startswith(b"\x89PNG") for image in images)


def test_padding_can_be_left_out(http: httpx2.Client) -> None:
    assert any("obfuscation" in event for event in events_of(http, "Hello"))
    plain = events_of(http, "Hello", stream_options={"include_obfuscation": False})
    assert not any("obfuscation" in event for event in plain)


def test_the_clients_iterator_and_helper_read_the_same_turn(openai: OpenAI) -> None:
    tools: Any = TOOLS
    text = "[[reason Hm]] [[web_search cats]] [[image a cat]] [[code print(1)]] [[file_search q]] [[mcp shop get {}]]"
    streamed = list(openai.responses.create(model=MODEL, input=text, tools=tools, stream=True))
    with openai.responses.stream(model=MODEL, input=text, tools=tools) as stream:
        helped = list(stream)
        final = stream.get_final_response()
    assert [event.type for event in streamed] == [event.type for event in helped]
    last: Any = streamed[-1]
    assert final.output_text == last.response.output_text
    assert [item.type for item in final.output] == [item.type for item in last.response.output]


def test_a_stream_and_an_answer_without_one_say_the_same(http: httpx2.Client) -> None:
    body = {"model": MODEL, "input": "[[web_search cats]]", "tools": [{"type": "web_search"}]}
    whole = http.post("/responses", json=body).json()
    streamed = events_of(http, body["input"], tools=body["tools"])[-1]["response"]  # type: ignore[arg-type]
    assert shape(streamed) == shape(whole)
    assert streamed["usage"] == whole["usage"]


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


def recorded(name: str) -> Any:
    if not RECORDINGS.is_dir():
        pytest.skip("no recordings beside the repository")
    entries = json.loads((RECORDINGS / f"Responses_{name}.json").read_text())["Entries"]
    return next(entry for entry in entries if entry["RequestUri"].endswith("/v1/responses"))


@pytest.mark.parametrize("name", ["StreamingResponses", "FunctionCallStreamingWorks"])
def test_streams_have_the_recorded_events_and_keys(http: httpx2.Client, name: str) -> None:
    entry = recorded(name)
    body = entry["ResponseBody"]
    wanted = parsed(body if isinstance(body, str) else "".join(body))
    request = dict(entry["RequestBody"])
    if request.get("tools"):
        arguments = '{"location":"San Francisco, CA"}'
        request["input"] = f"[[call get_weather_at_location {arguments}]]"
    got = parsed(http.post("/responses", json=request).text)
    assert kinds(got) == kinds(wanted)
    for kind in {event["type"] for event in wanted}:
        one, two = (next(event for event in events if event["type"] == kind) for events in (wanted, got))
        assert list(two) == list(one)
        assert set(one.get("response", ())) <= set(two.get("response", ()))
        assert list(two.get("item", ())) == list(one.get("item", ()))
        assert list(two.get("part", ())) == list(one.get("part", ()))


@pytest.mark.parametrize("name", ["ResponseUsingConversations", "FileInputFromIdWorks"])
def test_answers_have_the_recorded_keys(http: httpx2.Client, name: str) -> None:
    entry = recorded(name)
    request = dict(entry["RequestBody"])
    if "conversation" in request:
        request["conversation"] = {"id": http.post("/conversations", json={}).json()["id"]}
    got = http.post("/responses", json=request).json()
    wanted = entry["ResponseBody"]
    assert set(wanted) <= set(got)
    if "conversation" in request:
        assert set(got) == set(wanted)
    for key in ("output", "text", "error", "incomplete_details"):
        assert shape(got[key]) == shape(wanted[key])
    assert set(wanted["usage"]) == set(got["usage"])


@given(st.text())
def test_pieces_lose_nothing(text: str) -> None:
    for cut in (pieces, json_pieces):
        parts = cut(text)
        assert "".join(parts) == text
        assert len(parts) <= MOST_DELTAS
        assert all(parts)
