"""Metadata, tool resources, tails and the source's own findings: what concerns the thread as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from migrate_cli.convert.options import ConvertOptions, Tail
from migrate_cli.convert.part_count import count_parts
from migrate_cli.convert.thread import convert_thread
from migrate_cli.findings import finding
from migrate_cli.model import Draft, Message, Run, Thread

from support.threads import ORIGIN, bodies, codes, function, made, message, said, step, thread


def test_metadata_says_where_the_conversation_came_from_first() -> None:
    draft = convert_thread(thread(message("hi"), created_at=1699621778, metadata={"a": "b", "empty": ""}))
    assert list(draft.metadata.items()) == [
        ("source_thread_id", "thread_1"),
        ("source_created_at", "2023-11-10T13:09:38Z"),
        ("a", "b"),
        ("empty", ""),
    ]


def test_20_pairs_fill_16_places_and_the_rest_is_set_aside_whole() -> None:
    pairs = {f"k{number}": str(number) for number in range(20)}
    draft = convert_thread(thread(message("hi"), created_at=1, metadata=pairs))
    assert len(draft.metadata) == 16
    [fact] = [fact for fact in draft.aside if fact.name == "thread_metadata"]
    assert draft.metadata.keys() | fact.value.keys() >= pairs.keys()
    assert codes(draft) == ["metadata-overflow"]
    assert (draft.ledger.kept, draft.ledger.noted) == (15, 6)


def test_long_keys_and_values_and_taken_names_are_set_aside_never_cut() -> None:
    pairs = {"k" * 65: "v", "v": "v" * 513, "source_thread_id": "older", "": "v", "ok": "v" * 512}
    draft = convert_thread(thread(message("hi"), metadata=pairs))
    assert draft.metadata == {"source_thread_id": "thread_1", "ok": "v" * 512}
    assert len(draft.aside[0].value) == 4


def test_values_that_are_no_strings_become_json() -> None:
    draft = convert_thread(thread(message("hi"), metadata={"n": 1, "b": True, "d": {"ü": [None]}}))
    assert draft.metadata["n"] == "1" and draft.metadata["b"] == "true" and draft.metadata["d"] == '{"ü":[null]}'
    assert codes(draft) == ["metadata-not-string"] * 3


def test_metadata_of_messages_and_tool_resources_are_in_the_state_file() -> None:
    resources = {"file_search": {"vector_store_ids": ["vs_1"]}, "code_interpreter": {}}
    draft = convert_thread(thread(message("hi", metadata={"a": 1}), tool_resources=resources))
    assert [(fact.message_id, fact.name, fact.value) for fact in draft.aside] == [
        (None, "tool_resources", {"file_search": {"vector_store_ids": ["vs_1"]}}),
        ("msg_1", "metadata", {"a": 1}),
    ]
    assert codes(draft) == ["tool-resources-aside", "message-metadata-aside"]


def test_a_time_that_is_no_time_is_left_out() -> None:
    assert "source_created_at" not in convert_thread(thread(message("hi"), created_at=1e300)).metadata


def test_what_the_source_found_comes_first() -> None:
    source = thread(message(""), message("hi", id="msg_2"), findings=(finding("order-unknown", "Unknown."),))
    assert codes(convert_thread(source))[0] == "order-unknown"


class Once:
    """Messages that are made on the way, and count how often they are asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked = 0

    def __iter__(self) -> Iterator[Message]:
        self.asked += 1
        return (message(f"text {number}", id=f"msg_{number}") for number in range(self.count))


def test_messages_are_read_once() -> None:
    messages = Once(50)
    draft = convert_thread(Thread("t", messages, ORIGIN, "test"))
    assert (messages.asked, draft.messages, draft.last_message_id) == (1, 50, "msg_49")


def cut(source: Thread, **tail: Any) -> Draft:
    draft = convert_thread(source, ConvertOptions(tail=Tail(**tail)))
    assert draft.ledger.balanced and draft.ledger.read == count_parts(source)
    return draft


def test_a_tail_keeps_the_last_messages_and_counts_the_rest() -> None:
    source = thread(*(message(f"text {number}", id=f"msg_{number}") for number in range(10)))
    draft = cut(source, messages=3)
    assert said(draft) == ["text 7", "text 8", "text 9"]
    assert draft.messages == 10 and draft.ledger.dropped == 7
    assert codes(draft) == ["tail-cut"]
    assert "7 older messages with 7 parts" in draft.findings[0].detail


def test_a_tail_keeps_calls_and_notes_with_their_message() -> None:
    image = {"type": "image_file", "image_file": {"file_id": "file-i"}}
    source = thread(
        message("ask"),
        message("answer", image, id="msg_2", role="assistant"),
        runs=(Run("run_1"),),
        run_steps=(step(function()), made("msg_2")),
    )
    assert [item.kind for item in cut(source, messages=1).items] == [
        "function_call",
        "function_call_output",
        "message",
        "note",
    ]


def test_a_tail_by_tokens_keeps_as_many_as_fit_and_at_least_one() -> None:
    source = thread(*(message("x" * 400, id=f"msg_{number}") for number in range(10)))
    assert len(cut(source, tokens=350).items) == 3
    assert len(cut(source, tokens=1).items) == 1


def test_the_count_of_tokens_can_be_given() -> None:
    source = thread(*(message("x" * 400, id=f"msg_{number}") for number in range(10)))
    draft = convert_thread(source, ConvertOptions(tail=Tail(tokens=5)), estimate=lambda _: 1)
    assert len(draft.items) == 5


def test_what_was_set_aside_before_the_tail_stays_aside() -> None:
    source = thread(message("old", metadata={"a": "b"}), message("new", id="msg_2"))
    assert cut(source, messages=1).aside[0].value == {"a": "b"}


def test_bodies_are_compact_json_without_ids() -> None:
    [item] = convert_thread(thread(message("é"))).items
    assert item.body == '{"type":"message","role":"user","content":[{"type":"input_text","text":"é"}]}'.encode()
    assert json.loads(item.body) == bodies(convert_thread(thread(message("é"))))[0]
