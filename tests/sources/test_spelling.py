"""Saved data in any spelling is read as the wire's own: names, values, lists as text, roles and times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from migrate_cli.sources.dialect import Translator
from migrate_cli.sources.texts import literal, looks_like_parts, parts_in
from migrate_cli.sources.times import seconds_by, unix_seconds
from migrate_cli.sources.values import document, unwrapped

WIRE: dict[str, Any] = {
    "id": "msg_1",
    "object": "thread.message",
    "created_at": 1720000000,
    "thread_id": "thread_A",
    "role": "user",
    "content": [
        {
            "type": "text",
            "text": {
                "value": "Hi",
                "annotations": [
                    {
                        "type": "file_citation",
                        "text": "[1]",
                        "start_index": 0,
                        "end_index": 3,
                        "file_citation": {"file_id": "file-1"},
                    }
                ],
            },
        }
    ],
    "attachments": [{"file_id": "file-1", "tools": [{"type": "file_search"}]}],
    "metadata": {"someKey": "a", "fileId": "b"},
}


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


SPELLINGS = {
    "camel": camel,
    "pascal": lambda name: "".join(word.title() for word in name.split("_")),
    "kebab": lambda name: name.replace("_", "-"),
    "upper": str.upper,
    "underscored id": lambda name: "_id" if name == "id" else name,
}


def respelled(value: Any, spell: Any, *, free: bool = False) -> Any:
    if isinstance(value, list):
        return [respelled(entry, spell) for entry in value]
    if not isinstance(value, dict) or free:
        return value
    return {spell(key): respelled(entry, spell, free=key == "metadata") for key, entry in value.items()}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_names_is_the_wires_and_metadata_stays(spelling: str) -> None:
    step = {
        "id": "step_1",
        "object": "thread.run.step",
        "thread_id": "thread_A",
        "step_details": {
            "type": "tool_calls",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
    }
    saved = {"thread": {"id": "thread_A", "created_at": 1}, "messages": [WIRE], "run_steps": [step]}

    assert Translator().value(respelled([WIRE], SPELLINGS[spelling])) == [WIRE]
    assert Translator().value(respelled([step], SPELLINGS[spelling])) == [step]
    assert Translator().value(respelled(saved, SPELLINGS[spelling])) == saved


def test_what_the_wire_spells_is_given_back_as_the_same_object() -> None:
    for value in ([WIRE], {"messages": [WIRE]}, {"object": "list", "data": [WIRE], "has_more": False}, WIRE):
        assert Translator().value(value) is value


def test_of_two_spellings_of_one_key_the_wires_wins_and_the_other_stays() -> None:
    (read,) = Translator().value([{**WIRE, "threadId": "thread_B"}])

    assert (read["thread_id"], read["threadId"]) == ("thread_A", "thread_B")


@pytest.mark.parametrize(
    ("saved", "plain"),
    [
        ({"$oid": "66a1"}, "66a1"),
        ({"$date": "2024-07-03T10:00:00Z"}, "2024-07-03T10:00:00Z"),
        ({"$date": 1720000000000}, 1720000000),
        ({"$date": {"$numberLong": "1720000000000"}}, 1720000000),
        ({"$date": {"$numberLong": "1000"}}, 1),
        ({"$numberInt": "5"}, 5),
        ({"$numberDouble": "1.5"}, 1.5),
        ({"_seconds": 1720000000, "_nanoseconds": 500_000_000}, 1720000000.5),
        ({"seconds": "1720000000", "nanos": 0}, 1720000000),
        ({"__time__": "2024-07-03T10:00:00Z"}, "2024-07-03T10:00:00Z"),
    ],
)
def test_values_of_databases_become_plain(saved: Any, plain: Any) -> None:
    assert unwrapped({"created_at": saved}) == {"created_at": plain}


def test_free_objects_keep_what_only_looks_like_a_time() -> None:
    value = {"metadata": {"took": {"seconds": 3, "nanos": 0}}}

    assert unwrapped(value) is value


def test_typed_documents_of_dynamodb_and_firestore_are_read() -> None:
    item = {"thread_id": {"S": "t"}, "n": {"N": "3"}, "parts": {"L": [{"M": {"type": {"S": "text"}}}]}}
    fields = {"role": {"stringValue": "user"}, "at": {"integerValue": "5"}, "tags": {"arrayValue": {}}}
    plain = {"thread_id": "t", "n": 3, "parts": [{"type": "text"}]}

    assert document({"Item": item}) == plain
    assert document({"Items": [item], "Count": 1}) == [plain]
    assert document({"name": "projects/p/documents/m/7", "fields": fields}) == {
        "id": "7",
        "role": "user",
        "at": 5,
        "tags": [],
    }


@pytest.mark.parametrize(
    "text",
    [
        '[{"type": "text", "text": {"value": "Hi", "annotations": []}}]',
        "[{'text': {'annotations': [], 'value': 'Hi'}, 'type': 'text'}]",
        "[TextContentBlock(text=Text(annotations=[], value='Hi'), type='text')]",
        json.dumps(json.dumps([{"type": "text", "text": {"value": "Hi", "annotations": []}}])),
    ],
)
def test_parts_that_a_tool_saved_as_text_are_read(text: str) -> None:
    (read,) = Translator().value([{**WIRE, "content": text}])

    assert [part["text"]["value"] for part in read["content"]] == ["Hi"]


@pytest.mark.parametrize(
    "text",
    [
        "[1] is a footnote",
        "{curly} words",
        "[]",
        '{"city": "Bern"}',
        '[{"role": "user"}]',
        '[{"type": "invoice", "text": "x"}]',
        "Text(me, please)",
    ],
)
def test_a_users_text_is_never_taken_for_parts(text: str) -> None:
    assert parts_in(text) is None
    assert not looks_like_parts(text)


def test_a_text_that_looks_like_parts_and_is_cut_is_carried_and_told(tmp_path: Path, read: Any) -> None:
    cut = "[{'type': 'text', 'text': {'value': 'Hi"
    (tmp_path / "a.json").write_text(json.dumps([{**WIRE, "content": cut}]))
    reading = read(tmp_path)

    assert reading.finding_codes("thread_A") == ["text-looks-like-json"]
    assert reading.messages("thread_A")[0].content[0]["text"]["value"] == cut


def test_what_is_no_value_of_python_is_refused_quickly() -> None:
    assert literal("[" * 100_000) is None
    assert literal("__import__('os').system('true')") is None
    assert literal("[x for x in (1, 2)]") is None
    assert literal("-" * 50_000 + "1") is None
    assert literal(r"['\d']") is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-07-14 23:33:01 UTC", 1720999981),
        ("2024-07-14T23:33:01+0200", 1720992781),
        ("2024-07-14 23:33:01.5 +0000 UTC", 1720999981.5),
        ("Sun, 14 Jul 2024 23:33:01 +0000", 1720999981),
        ("Sun Jul 14 2024 23:33:01 GMT+0200 (Central European Summer Time)", 1720992781),
        ("Jul 14, 2024, 11:33:01 PM", 1720999981),
        ("2024/07/14 23:33:01", 1720999981),
        ("/Date(1720999981000+0200)/", 1720999981),
        ("/Date(1000)/", 1),
        (1720999981000000000, 1720999981),
        ("14.07.2024 23:33", None),
        ("07/03/2024 10:00", None),
        ("2024-07-14 23:33:01 IST", None),
        ("a text", None),
    ],
)
def test_times_that_mean_one_moment_are_read_and_no_other(text: Any, seconds: float | None) -> None:
    assert unix_seconds(text) == seconds


def test_a_form_between_day_and_month_is_read_as_the_setting_says(tmp_path: Path, read: Any) -> None:
    rows = "thread_id,role,text,created_at\nt,assistant,Nine.,03/07/2024 10:01\nt,user,When?,03/07/2024 10:00\n"
    (tmp_path / "rows.csv").write_text(rows)
    reading = read(tmp_path, time_format="%d/%m/%Y %H:%M")

    assert [message.role for message in reading.messages("t")] == ["user", "assistant"]
    assert reading.messages("t")[0].created_at == seconds_by("2024-07-03 10:00", "%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("written", "role"), [("USER", "user"), ("Ai", "assistant"), ("MessageRole.AGENT", "assistant")]
)
def test_roles_are_read_in_any_case_and_word_inside_threads(written: str, role: str, tmp_path: Path, read: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"thread_id": "t", "messages": [{"role": written, "content": "Hi"}]}))

    assert read(tmp_path).messages("t")[0].role == role


def test_named_roles_hold_inside_threads_too(tmp_path: Path, read: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"thread_id": "t", "messages": [{"role": "Kunde", "content": "Hi"}]}))

    assert read(tmp_path, roles={"kunde": "user"}).messages("t")[0].role == "user"


def test_a_thread_as_a_document_of_a_database_is_read_under_the_id_that_it_names(tmp_path: Path, read: Any) -> None:
    lines = [
        {
            "_id": {"$oid": f"00{number}"},
            "threadId": f"thread_{number}",
            "messages": [{"role": "user", "content": "Q", "timestamp": {"$date": "2024-07-03T10:00:00Z"}}],
            "createdAt": {"$date": "2024-07-03T09:59:00Z"},
        }
        for number in (1, 2)
    ]
    (tmp_path / "threads.jsonl").write_text("\n".join(map(json.dumps, lines)))
    reading = read(tmp_path)

    assert reading.ids == ["thread_1", "thread_2"]
    assert reading.messages("thread_1")[0].created_at == reading.thread("thread_1").created_at + 60


@pytest.mark.parametrize("key", ["messages", "history", "Conversation", "turns", "log", "chat-history"])
def test_messages_are_found_under_whatever_name_a_thread_keeps_them(key: str, tmp_path: Path, read: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"thread_id": "t", key: [{"role": "user", "content": "Hi"}]}]))

    assert [message.role for message in read(tmp_path).messages("t")] == ["user"]


def test_messages_as_text_are_read_with_their_tool_calls(tmp_path: Path, read: Any) -> None:
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": calls}]
    (tmp_path / "a.json").write_text(json.dumps([{"thread_id": "t", "messages": json.dumps(said)}]))

    assert [part["type"] for message in read(tmp_path).messages("t") for part in message.content] == [
        "text",
        "tool_call",
    ]


KEYS = st.sampled_from(
    [
        "id",
        "_id",
        "threadId",
        "thread_id",
        "role",
        "content",
        "messages",
        "Messages",
        "data",
        "text",
        "type",
        "object",
        "createdAt",
        "metadata",
        "step_details",
        "Item",
        "fields",
        "$date",
        "threads",
        "items",
        "history",
        "tool_calls",
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(["user", "thread.message", "list", "text", "[{'type': 'text'"]),
    st.just('[{"role": "user", "content": "x"}]'),
    st.text(max_size=5),
)
ANY_JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)


@settings(max_examples=300, deadline=None)
@given(ANY_JSON)
def test_any_json_is_translated_without_an_error_and_without_a_change_of_what_came_in(value: Any) -> None:
    before = json.dumps(value)
    Translator().value(value)

    assert json.dumps(value) == before


ODD = st.sampled_from(
    [
        None,
        "",
        "a",
        1,
        [],
        {},
        {"$oid": "x"},
        {"a": {"$date": "2024-01-01"}},
        '{"a": 1}',
        ["a"],
        {"_seconds": 1, "_nanoseconds": 2},
    ]
)
THREAD_KEYS = st.sampled_from(
    ["id", "object", "created_at", "metadata", "tool_resources", "title", "createdAt", "$oid"]
)
MESSAGES = st.lists(
    st.sampled_from(
        [WIRE, {**WIRE, "threadId": "t"}, {**WIRE, "role": "human"}, {"role": "user", "content": "a"}, "text", None]
    ),
    max_size=3,
)


@given(
    st.dictionaries(THREAD_KEYS, ODD, max_size=4),
    MESSAGES,
    st.dictionaries(
        st.sampled_from(["runs", "run_steps", "steps", "id", "object", "title", "thread_id"]), ODD, max_size=2
    ),
)
def test_a_thread_that_a_quick_look_leaves_as_it_is_is_left_so_by_the_thorough_way(
    thread: dict[str, Any], messages: list[Any], more: dict[str, Any]
) -> None:
    document = {"thread": thread, "messages": messages, **more}
    quick, thorough = Translator().value(document), Translator().thorough(document)
    assert repr(quick) == repr(thorough)
    assert (quick is document) == (thorough is document)


@pytest.mark.parametrize("more", [{}, {"runs": []}, {"runs": [], "run_steps": []}])
def test_a_thread_of_the_wire_needs_no_more_than_the_quick_look(
    more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {
        "thread": {"id": "t", "object": "thread", "metadata": {"user": "a"}, "tool_resources": {}},
        "messages": [WIRE],
        **more,
    }
    monkeypatch.delattr(Translator, "thorough")
    assert Translator().value(document) is document


def test_a_thread_that_is_named_by_the_id_of_a_database_has_that_name() -> None:
    read = Translator().value({"thread": {"$oid": "65f0"}, "messages": [WIRE]})
    assert read == {"thread": "65f0", "messages": [WIRE]}
