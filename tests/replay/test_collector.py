"""The collector: events in, one answer out, whatever order, number or nonsense they come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.http.sse import EventParser
from migrate_cli.replay.collector import Collector, is_token
from migrate_cli.replay.response import ClientCall, Ending, ModelResponse

from support.events import Event, call, events_of, framed, message, response, stream_of

RECORDINGS = Path(__file__).parents[3] / "shared" / "samples" / "target-recordings"
SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
_KINDS = """
    response.created response.completed response.incomplete response.failed error response.output_item.added
    response.output_item.done response.output_text.delta response.output_text.done response.refusal.delta
    response.output_text.annotation.added response.function_call_arguments.delta response.mcp_call.in_progress
    response.function_call_arguments.done response.image_generation_call.partial_image response.unheard.of
    response.reasoning_summary_text.delta"""
_NAMES = """
    delta text item response output_index content_index sequence_number annotation item_id error arguments"""
TYPES = st.sampled_from(_KINDS.split())
FIELDS = st.sampled_from(_NAMES.split())


def collected(events: list[Any]) -> ModelResponse:
    collector = Collector()
    for event in events:
        collector.feed(event)
    return collector.response()


def test_text_calls_and_usage_come_together() -> None:
    answer = collected(stream_of(message("Hello there"), call("look", {"n": 1}, 1), call("look", {"n": 2}, 2)))
    assert answer.ending is Ending.COMPLETED
    assert answer.text == "Hello there"
    assert answer.calls == (ClientCall("call_1", "look", '{"n": 1}'), ClientCall("call_2", "look", '{"n": 2}'))
    assert (answer.usage.input, answer.usage.cached, answer.usage.output) == (10, 4, 5)


def test_what_was_streamed_is_enough_where_the_last_event_leaves_the_output_out() -> None:
    whole = stream_of(message("Hello there"), call("look", {"n": 1}, 1))
    bare = [*whole[:-1], whole[-1] | {"response": response("completed", [])}]
    for events in (bare, [event for event in bare if event["type"] != "response.output_item.done"]):
        assert collected(events).text == "Hello there"
        assert collected(events).calls == collected(whole).calls


@given(st.data())
def test_items_may_be_interleaved_in_any_way(data: st.DataObject) -> None:
    items = [message("Hello there, and more"), call("look", {"n": 1}, 1), call("find", {"word": "ä"}, 2)]
    queues = [events_of(item, index, piece=1) for index, item in enumerate(items)]
    mixed: list[Event] = []
    while left := [queue for queue in queues if queue]:
        mixed.append(data.draw(st.sampled_from(left), label="next").pop(0))
    told = framed(mixed, items)
    bare = [*told[:-1], told[-1] | {"response": response("completed", [])}]
    plain = collected(stream_of(*items))
    for answer in (collected(told), collected(bare)):
        assert (answer.text, answer.calls, answer.disorder) == (plain.text, plain.calls, 0)


@given(st.permutations(range(8)))
def test_deltas_in_the_wrong_order_are_put_right_by_their_numbers(order: list[int]) -> None:
    place = {"output_index": 0, "content_index": 0, "type": "response.output_text.delta"}
    deltas = [place | {"delta": str(number), "sequence_number": number} for number in range(8)]
    answer = collected([deltas[number] for number in order])
    assert answer.text == "01234567"
    assert answer.ending is Ending.BROKEN


@given(st.binary(min_size=1, max_size=1), st.lists(st.integers(1, 40), max_size=50))
def test_the_same_bytes_in_any_pieces_give_the_same_events(_: bytes, sizes: list[int]) -> None:
    events = stream_of(message("Grüße — 😀"), call("look", {"n": 1}, 1))
    data = b"\xef\xbb\xbf: hello\r\n\r\n" + b"".join(
        f"event: {event['type']}\r\ndata: {json.dumps(event, ensure_ascii=False)}\r\n\r\n".encode() for event in events
    )
    parser, found, start = EventParser(), [], 0
    for size in [*sizes, len(data)]:
        found += list(parser.feed(data[start : start + size]))
        start += size
    assert found == events


def test_the_same_event_twice_counts_once() -> None:
    whole = stream_of(message("Hello there"))
    delta = next(event for event in whole if is_token(event))
    at = whole.index(delta)
    answer = collected([*whole[: at + 1], delta, *whole[at + 1 : -3]])
    assert answer.text == "Hello there"
    assert answer.disorder == 1


def test_a_server_that_gives_every_event_the_same_number_is_understood() -> None:
    whole = [event | {"sequence_number": 0} for event in stream_of(message("Hello there"))]
    assert collected(whole[:-3]).text == "Hello there"


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_stream_without_its_last_event_is_broken(cut: int) -> None:
    whole = stream_of(message("Hello there"))
    assert collected(whole[:-cut]).ending is Ending.BROKEN


def test_incomplete_and_failed_responses_say_why() -> None:
    cut = collected(stream_of(message("Hel"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}))
    assert (cut.ending, cut.incomplete_reason) == (Ending.INCOMPLETE, "max_output_tokens")
    failed = collected(stream_of(status="failed", error={"code": "server_error", "message": "Sorry"}))
    assert (failed.ending, failed.error_code, failed.error_message) == (Ending.FAILED, "server_error", "Sorry")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down", "sequence_number": 3},
        {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "Slow down"}},
    ],
)
def test_a_top_level_error_ends_the_response(event: Event) -> None:
    answer = collected([*stream_of(message("Hello"))[:3], event])
    assert (answer.ending, answer.error_code, answer.error_message) == (
        Ending.FAILED, "rate_limit_exceeded", "Slow down",
    )  # fmt: skip


@pytest.mark.parametrize(
    "event",
    [
        {"error": {"message": "Slow down", "type": "rate_limit_exceeded", "code": 429}},
        {"type": "error", "error": {"type": "rate_limit_exceeded", "message": "Slow down"}},
        {"type": "error", "code": "rate_limit_exceeded", "detail": "Slow down"},
        {"type": "error", "code": "rate_limit_exceeded", "detail": [{"msg": "Slow down"}]},
        {"code": "rate_limit_exceeded", "error": "Slow down"},
    ],
)
def test_an_error_in_the_form_of_another_server_ends_the_response_with_its_reason(event: Event) -> None:
    answer = collected([*stream_of(message("Hello"))[:3], event])
    assert (answer.ending, answer.error_code, answer.error_message, answer.unreadable) == (
        Ending.FAILED, "rate_limit_exceeded", "Slow down", 0,
    )  # fmt: skip


def test_a_failed_response_may_tell_its_error_as_a_text() -> None:
    failed = collected(stream_of(status="failed", error="out of memory"))
    assert (failed.ending, failed.error_message) == (Ending.FAILED, "out of memory")


def test_refusals_and_reasoning_are_kept_apart_from_the_text() -> None:
    place = {"output_index": 0, "content_index": 0, "summary_index": 0}
    answer = collected(
        [
            {"type": "response.refusal.delta", "delta": "I can", **place},
            {"type": "response.refusal.done", "refusal": "I cannot", **place},
            {"type": "response.reasoning_summary_text.delta", "delta": "Thinking", **place},
        ]
    )
    assert (answer.text, answer.refusal, answer.reasoning) == ("", "I cannot", "Thinking")


def test_hosted_tools_approvals_and_images_are_told() -> None:
    items: list[Event] = [
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "lamps"}},
        {"type": "mcp_call", "id": "mcp_1", "server_label": "shop", "name": "track", "arguments": '{"n":1}'},
        {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "shop", "name": "buy", "arguments": "{}"},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aGk="},
    ]
    sketch = {"type": "response.image_generation_call.partial_image", "item_id": "ig_1", "partial_image_index": 0}
    answer = collected(framed([sketch | {"partial_image_b64": "aA=="}], items))
    assert [use.names for use in answer.uses] == [
        ("web_search",), ("track", "shop.track", "mcp"), ("image_generation",),
    ]  # fmt: skip
    assert [(request.server, request.name) for request in answer.approvals] == [("shop", "buy")]
    assert [(image.partial, image.data) for image in answer.images] == [(0, "aA=="), (None, "aGk=")]


def test_annotations_come_from_the_stream_or_from_the_item() -> None:
    note = {"type": "url_citation", "url": "https://lamps.example"}
    assert collected(stream_of(message("Hi", annotations=[note]))).annotations == (note,)
    added = {"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0}
    assert collected([added | {"annotation": note, "annotation_index": 0}]).annotations == (note,)


def test_unknown_events_are_kept_and_unreadable_ones_counted() -> None:
    new = {"type": "response.hologram.delta", "delta": "?"}
    answer = collected([new, {"type": "unreadable"}, None, {"type": 3}, *stream_of(message("Hi"))])
    assert answer.unknown == (new,)
    assert answer.unreadable == 3
    assert answer.text == "Hi"


def test_a_text_that_is_not_what_was_streamed_is_noticed() -> None:
    whole = stream_of(message("Hello there"))
    other = [*whole[:-1], whole[-1] | {"response": response("completed", [message("Good bye")])}]
    assert collected(other).text == "Good bye"
    assert collected(other).mismatch
    assert not collected(whole).mismatch


@given(st.lists(st.one_of(JSON, st.dictionaries(FIELDS, JSON).flatmap(lambda d: TYPES.map(lambda t: d | {"type": t})))))
def test_no_event_of_any_form_makes_it_raise(events: list[Any]) -> None:
    answer = collected(events)
    assert isinstance(answer.text, str)
    for event in events:
        if isinstance(event, dict):
            is_token(event)


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")
@pytest.mark.parametrize("name", ["Responses_FunctionCallStreamingWorks", "Responses_StreamingResponses"])
def test_recorded_streams_give_what_their_last_event_holds(name: str) -> None:
    found = 0
    for entry in json.loads((RECORDINGS / f"{name}.json").read_text("utf-8"))["Entries"]:
        if isinstance(entry["ResponseBody"], list):
            events = list(EventParser().feed("".join(entry["ResponseBody"]).encode()))
            told = events[-1]["response"]
            streamed, whole = (
                collected([*events[:-1], events[-1] | {"response": told | {"output": []}}]),
                collected(events),
            )
            assert whole.ending is Ending.COMPLETED
            assert (streamed.text, streamed.calls) == (whole.text, whole.calls)
            assert whole.text or whole.calls
            assert (whole.unknown, whole.unreadable, whole.disorder, whole.mismatch) == ((), 0, 0, False)
            assert whole.usage.total == told["usage"]["total_tokens"]
            found += 1
    assert found
