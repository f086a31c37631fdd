"""The many spellings of one fact become one value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.model import Attachment, Message, Severity
from migrate_cli.sources.normalise import Notes, clean_id, message_of, messages_of, step_of, thread_facts
from migrate_cli.sources.times import unix_seconds

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["id", "role", "content", "attachments", "file_ids", "metadata", "created_at", "status", "incomplete_details"]


def read(**raw: Any) -> tuple[Message, list[str]]:
    notes = Notes("thread_A")
    message = message_of({"id": "msg_1", "role": "user", "content": [], **raw}, "thread_A", 4, notes)
    return message, [finding.code for finding in notes.findings]


@pytest.mark.parametrize(
    "written",
    [
        1755000000,
        1755000000.0,
        1755000000000,
        1755000000000000,
        "1755000000",
        "1755000000000",
        "2025-08-12T12:00:00Z",
        "2025-08-12T14:00:00+02:00",
        "2025-08-12 12:00:00",
    ],
)
def test_times_of_every_spelling_are_unix_seconds(written: Any) -> None:
    assert unix_seconds(written) == 1755000000


@pytest.mark.parametrize("written", [None, True, "", "yesterday", [], {}, float("nan"), float("inf"), 10**40, "1e400"])
def test_what_is_no_time_is_none(written: Any) -> None:
    assert unix_seconds(written) is None


def test_content_as_a_string_is_one_text_part() -> None:
    message, codes = read(content="hello")

    assert message.content == ({"type": "text", "text": {"value": "hello", "annotations": []}},)
    assert codes == []


def test_text_parts_saved_as_plain_strings_get_the_wires_spelling() -> None:
    message, _ = read(content=["a", {"type": "text", "text": "b"}])

    assert [part["text"]["value"] for part in message.content] == ["a", "b"]


def test_parts_are_kept_exactly_as_the_wire_has_them() -> None:
    parts = [{"type": "text", "text": {"value": "a\x00\ud800", "annotations": [{"x": 1}]}}, {"type": "new", "y": [2]}]

    assert read(content=parts)[0].content == tuple(parts)


@pytest.mark.parametrize("missing", [{"content": None}, {"content": 7}])
def test_a_message_without_content_is_empty_with_a_finding(missing: dict[str, Any]) -> None:
    message, codes = read(**missing)

    assert message.content == ()
    assert codes == ["message-without-content"]


def test_old_file_ids_are_attachments() -> None:
    assert read(file_ids=["file-1", "file-2"])[0].attachments == (Attachment("file-1"), Attachment("file-2"))


def test_file_ids_and_attachments_are_merged_without_doubling() -> None:
    entry = {"file_id": "file-1", "tools": [{"type": "file_search"}]}
    message, codes = read(attachments=[entry], file_ids=["file-1", "file-2"])

    assert message.attachments == (Attachment("file-1", ("file_search",), entry), Attachment("file-2"))
    assert codes == ["file-ids-and-attachments"]


def test_an_attachment_without_an_id_is_kept_for_the_converter() -> None:
    message, _ = read(attachments=[{"tools": [{"type": "code_interpreter"}]}, 5])

    assert [attachment.file_id for attachment in message.attachments] == [None, "5"]
    assert message.attachments[0].tools == ("code_interpreter",)


def test_phps_empty_metadata_is_an_empty_object() -> None:
    assert read(metadata=[])[0].metadata == {}
    assert thread_facts({"metadata": [], "tool_resources": []}) == {
        "created_at": None,
        "metadata": {},
        "tool_resources": {},
        "unknown": (),
    }


def test_a_message_without_an_id_gets_a_stable_one() -> None:
    message, codes = read(id=None)

    assert message.id == "thread_A#4"
    assert codes == ["message-without-id"]


@pytest.mark.parametrize("maker", [{"assistant_id": "asst_1"}, {"run_id": "run_1"}])
def test_a_missing_role_is_inferred_from_the_run_that_made_the_message(maker: dict[str, str]) -> None:
    message, codes = read(role=None, **maker)

    assert message.role == "assistant"
    assert codes == ["message-role-inferred"]


def test_a_role_that_nothing_tells_stays_unknown() -> None:
    message, codes = read(role="")

    assert message.role is None
    assert codes == [], "what becomes of it is the converter's to say"


def test_an_entry_that_is_no_object_is_an_error_and_the_others_are_read() -> None:
    notes = Notes("thread_A")
    messages = list(messages_of([{"id": "msg_1", "role": "user", "content": "a"}, 7, None], "thread_A", notes))

    assert [message.id for message in messages] == ["msg_1"]
    assert [(finding.code, finding.severity) for finding in notes.findings] == [
        ("message-not-an-object", Severity.ERROR)
    ] * 2


def test_a_steps_type_may_stand_in_its_details_only() -> None:
    assert step_of({"id": "step_1", "step_details": {"type": "tool_calls"}}).type == "tool_calls"


def test_ids_with_half_surrogates_become_text_that_a_database_takes() -> None:
    known = clean_id("msg_\ud800")

    assert known is not None
    known.encode()


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_wire_object_breaks_the_reading(raw: dict[str, Any]) -> None:
    notes = Notes("thread_A")
    message = message_of(raw, "thread_A", 0, notes)

    assert message.id
    assert isinstance(message.content, tuple)
    assert message.created_at is None or isinstance(message.created_at, (int, float))
