"""Each field of a record is carried, or known to carry nothing, or counted; none disappears."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.convert.options import ConvertOptions, UnknownFields
from migrate_cli.convert.part_count import count_parts
from migrate_cli.convert.thread import MOST_FIELDS, convert_thread
from migrate_cli.model import Draft, Thread
from migrate_cli.sources import normalise
from migrate_cli.sources.normalise import Notes
from migrate_cli.wire_objects import message_object, thread_object

from sources.conftest import Read, Wire
from support.threads import codes, thread


def paths(raw: dict[str, Any]) -> list[str]:
    return [one.path for one in normalise.message_of(raw, "thread_A", 0, Notes("thread_A")).unknown]


def told(draft: Draft) -> list[str]:
    return [found.detail for found in draft.findings if found.code == "field-not-carried"]


def read_thread(read: Read, tmp_path: Path, document: Any) -> Thread:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    [found] = read(path).threads
    return found


def test_a_message_as_the_wire_has_it_has_no_unknown_field(wire: Wire) -> None:
    raw = wire(1, status="completed", completed_at=3, incomplete_at=None, incomplete_details=None, file_ids=["file-1"])
    assert paths(raw) == []


def test_what_says_nothing_counts_as_nothing(wire: Wire) -> None:
    assert paths(wire(1, feedback=None, tags=[], extra={}, note="")) == []


def test_a_field_that_is_false_or_zero_says_something(wire: Wire) -> None:
    assert paths(wire(1, pinned=False, score=0)) == ["messages[].pinned", "messages[].score"]


def test_fields_of_parts_and_of_what_they_hold_are_found(wire: Wire) -> None:
    content = [
        {"type": "text", "text": {"value": "a", "annotations": [], "lang": "de"}, "cache": True},
        {"type": "text", "text": "b", "annotations": [{"type": "x"}], "lang": "en"},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "alt": "c"}},
        {"type": "refusal", "refusal": "No.", "why": "d"},
    ]
    assert paths(wire(1, content=content)) == [
        "messages[].content[].cache",
        "messages[].content[].text.lang",
        "messages[].content[].lang",
        "messages[].content[].image_url.alt",
        "messages[].content[].why",
    ]


def test_fields_of_calls_and_outputs_in_messages_are_found(wire: Wire) -> None:
    search = {"id": "c2", "type": "file_search", "file_search": {"results": [{"file_id": "f", "page": 3}]}}
    content = [
        {"type": "tool_call", "id": "c1", "name": "a", "arguments": "{}", "strict": True},
        {"type": "tool_output", "call_id": "c1", "output": "x", "took": 3},
        {"type": "tool_call", "id": "c2", "call": search},
        {"type": "input_file", "file_id": "file-1", "pages": 3},
        {"type": "input_image", "image_url": "https://a.example/b.png", "alt": "c"},
    ]
    assert paths(wire(1, content=content, incomplete_details={"reason": "max_tokens", "by": "x"})) == [
        "messages[].incomplete_details.by",
        "messages[].content[].strict",
        "messages[].content[].took",
        "messages[].content[].call.file_search.results[].page",
        "messages[].content[].pages",
        "messages[].content[].alt",
    ]


def test_a_part_that_is_set_aside_whole_is_not_looked_into(wire: Wire) -> None:
    assert paths(wire(1, content=[{"type": "hologram", "depth": 3}, {"type": "text", "lang": "de"}])) == []


@pytest.mark.parametrize("name", ["metadata", "attachments"])
def test_a_known_field_of_another_kind_is_carried_by_nothing(wire: Wire, name: str) -> None:
    assert paths(wire(1, **{name: "a text"})) == [f"messages[].{name}"]


def test_fields_of_runs_steps_and_calls_are_found() -> None:
    run = normalise.run_of({"id": "run_1", "model": "m", "usage": {"total_tokens": 3}, "cost": 4})
    assert [one.path for one in run.unknown] == ["runs[].cost"]
    call = {
        "id": "call_1",
        "type": "function",
        "latency": 7,
        "function": {"name": "a", "arguments": "{}", "strict": True},
    }
    step = normalise.step_of({"id": "step_1", "seen": 1, "step_details": {"type": "tool_calls", "tool_calls": [call]}})
    assert [one.path for one in step.unknown] == [
        "run_steps[].seen",
        "run_steps[].step_details.tool_calls[].latency",
        "run_steps[].step_details.tool_calls[].function.strict",
    ]


def test_a_lost_field_is_a_part_that_is_dropped_and_told_once_with_how_often(
    read: Read, wire: Wire, tmp_path: Path
) -> None:
    messages = [wire(1, feedback="up"), wire(2, feedback="down", metadata={"a": "b"})]
    found = read_thread(read, tmp_path, {"id": "thread_A", "title": "secret trains", "messages": messages})
    draft = convert_thread(found)
    assert draft.ledger.read == count_parts(found) == 6
    assert (draft.ledger.dropped, draft.ledger.balanced) == (3, True)
    assert sorted(told(draft)) == [
        "The field messages[].feedback was left out, 2 times.",
        "The field thread.title was left out, 1 time.",
    ]
    assert "secret trains" not in repr(draft)


def test_values_are_kept_in_the_state_where_the_setting_asks(read: Read, wire: Wire, tmp_path: Path) -> None:
    found = read_thread(read, tmp_path, {"id": "thread_A", "title": "Trains", "messages": [wire(1, feedback="up")]})
    draft = convert_thread(found, ConvertOptions(unknown_fields=UnknownFields.KEEP))
    assert (draft.ledger.noted, draft.ledger.dropped, draft.ledger.balanced) == (2, 0, True)
    assert [(one.message_id, one.name, one.value) for one in draft.aside] == [
        (None, "fields", [{"field": "thread.title", "value": "Trains"}]),
        ("msg_1", "fields", [{"field": "messages[].feedback", "value": "up"}]),
    ]
    assert draft.items == convert_thread(found).items


def test_what_stands_beside_a_thread_object_counts_for_the_thread(read: Read, wire: Wire, tmp_path: Path) -> None:
    document = {"thread": {"id": "thread_A", "metadata": {"a": "b"}}, "messages": [wire(1)], "rating": 5}
    found = read_thread(read, tmp_path, document)
    assert [one.path for one in found.unknown] == ["thread.rating"]
    assert found.metadata == {"a": "b"}


def test_two_values_of_one_field_are_both_kept_or_told(read: Read, wire: Wire, tmp_path: Path) -> None:
    document = {"thread": {"id": "thread_A", "metadata": {"a": "b"}}, "messages": [wire(1)], "metadata": {"c": "d"}}
    found = read_thread(read, tmp_path, document)
    assert found.metadata == {"a": "b"}
    assert [one.value for one in found.unknown] == [{"c": "d"}]


def test_the_frame_around_a_list_is_the_files_and_not_the_threads(read: Read, wire: Wire, tmp_path: Path) -> None:
    found = read_thread(read, tmp_path, {"exported_at": "2025-01-01", "messages": [wire(1)]})
    assert found.unknown == ()


def test_very_many_fields_are_told_in_few_sentences(wire: Wire) -> None:
    raw = wire(1, **{f"field_{number}": number for number in range(1000)})
    one = normalise.message_of(raw, "thread_A", 0, Notes("thread_A"))
    draft = convert_thread(thread(one))
    assert codes(draft).count("field-not-carried") == MOST_FIELDS + 1
    assert "980 other fields of the thread: left out, 980 times." in told(draft)
    assert draft.ledger.balanced


def test_a_field_whose_name_looks_like_a_key_is_not_named(wire: Wire) -> None:
    name = "sk-proj-" + "a1B2" * 12
    one = normalise.message_of(wire(1, **{name: 1}), "thread_A", 0, Notes("thread_A"))
    draft = convert_thread(thread(one))
    assert name not in repr(draft)
    assert len(told(draft)) == 1


def test_unknown_fields_are_counted_where_a_message_is_dropped(wire: Wire) -> None:
    one = normalise.message_of(wire(1, role=None, feedback="up"), "thread_A", 0, Notes("thread_A"))
    draft = convert_thread(thread(one))
    assert draft.ledger.balanced and draft.ledger.read == 2


def test_the_wire_form_of_a_message_has_its_unknown_fields_again(wire: Wire) -> None:
    one = normalise.message_of(wire(1, feedback="up", metadata="text"), "thread_A", 0, Notes("thread_A"))
    again = normalise.message_of(message_object(one, "thread_A"), "thread_A", 0, Notes("thread_A"))
    assert sorted(again.unknown) == sorted(one.unknown)
    found = thread(one, unknown=normalise.thread_facts({"title": "a"})["unknown"])
    assert thread_object(found)["title"] == "a"
