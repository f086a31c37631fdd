"""The dialects of messages: each record becomes the messages that it means, and nothing of it vanishes."""

from __future__ import annotations

from typing import Any

import pytest
from migrate_cli.sources.dialects import DIALECTS, wire_messages

ARGUMENTS = '{"city":"Bern"}'
CALL = {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": ARGUMENTS}
OUTPUT = {"type": "tool_output", "call_id": "call_1", "output": "20 degrees"}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": {"value": value, "annotations": []}}


def read(raw: dict[str, Any], dialect: str) -> list[dict[str, Any]]:
    found = wire_messages(raw)
    assert found is not None, "no dialect knows the record"
    assert found[0] == dialect
    return found[1]


@pytest.mark.parametrize(
    "raw",
    [
        {"id": "m1", "object": "thread.message", "thread_id": "t", "role": "user", "content": []},
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": [text("At nine.")], "assistant_id": "asst_1"},
    ],
)
def test_what_the_api_answered_is_given_back_as_the_same_object(raw: dict[str, Any]) -> None:
    (message,) = read(raw, "wire")
    assert message is raw


def test_a_text_that_is_a_list_of_values_becomes_a_part_for_each() -> None:
    values = [{"value": "One.", "annotations": []}, {"value": "Two.", "annotations": []}]
    (message,) = read({"role": "user", "content": [{"type": "text", "text": values}]}, "wire")
    assert message["content"] == [text("One."), text("Two.")]


@pytest.mark.parametrize(
    "raw", [{"id": "thread_1", "object": "thread"}, {"a": 1}, {}, {"role": "user"}, {"input": {}, "output": "x"}]
)
def test_what_is_no_message_is_known_to_no_dialect(raw: dict[str, Any]) -> None:
    assert wire_messages(raw) is None


CHAT_CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ARGUMENTS}}


def test_calls_of_chat_messages_stand_after_what_was_said() -> None:
    raw = {"role": "assistant", "content": "I look.", "tool_calls": [CHAT_CALL], "refusal": None, "function_call": None}
    assert read(raw, "chat") == [{"role": "assistant", "content": [text("I look."), CALL]}]


def test_a_chat_message_of_calls_alone_has_no_text() -> None:
    for content in (None, ""):
        (message,) = read({"role": "assistant", "content": content, "tool_calls": [CHAT_CALL]}, "chat")
        assert message["content"] == [CALL]


def test_an_answer_of_a_tool_names_its_call() -> None:
    raw: dict[str, Any] = {"role": "tool", "tool_call_id": "call_1", "content": "20 degrees", "name": "get_weather"}
    assert read(raw, "chat") == [{"role": "tool", "content": [OUTPUT]}]
    raw["content"] = [{"type": "text", "text": "20 degrees"}]
    assert read(raw, "chat") == [{"role": "tool", "content": [OUTPUT]}]


def test_an_old_function_call_and_its_answer_are_told_by_the_functions_name() -> None:
    (call,) = read({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}, "chat")
    (answer,) = read({"role": "function", "name": "f", "content": "1"}, "chat")
    assert call["content"] == [{"type": "tool_call", "id": None, "name": "f", "arguments": "{}"}]
    assert answer["content"] == [{"type": "tool_output", "call_id": None, "output": "1", "name": "f"}]


def test_refusals_sound_and_files_of_chat_messages_become_parts() -> None:
    (message,) = read({"role": "assistant", "content": None, "refusal": "No."}, "chat")
    assert message["content"] == [{"type": "refusal", "refusal": "No."}]
    (message,) = read({"role": "assistant", "content": None, "audio": {"id": "a", "transcript": "Nine."}}, "chat")
    assert message["content"] == [text("Nine."), {"type": "audio", "audio": {"id": "a"}}]
    file = {"type": "file", "file": {"file_id": "file-1"}}
    (message,) = read({"role": "user", "content": [file]}, "chat")
    assert message["content"] == [{"type": "input_file", "file_id": "file-1"}]


def test_a_whole_completion_is_the_answer_that_it_holds() -> None:
    raw = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1720000000,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Nine.", "refusal": None}}],
        "usage": {"total_tokens": 3},
    }
    (message,) = read(raw, "chat")
    assert message == {"id": "chatcmpl-1", "created_at": 1720000000, "role": "assistant", "content": [text("Nine.")]}


def test_keys_that_nobody_knows_stay_in_the_message() -> None:
    for raw, dialect in (
        ({"role": "assistant", "content": "x", "tool_calls": [], "feedback": "up"}, "chat"),
        ({"type": "human", "content": "x", "feedback": "up"}, "langchain"),
        ({"role": "user", "parts": [{"type": "text", "text": "x"}], "feedback": "up"}, "ui"),
        ({"type": "message", "role": "user", "content": "x", "feedback": "up"}, "items"),
        ({"sender": "user", "text": "x", "feedback": "up"}, "flat"),
    ):
        (message,) = read(raw, dialect)
        assert message["feedback"] == "up", dialect


def test_items_of_calls_and_outputs_become_messages_of_their_own() -> None:
    raw: dict[str, Any] = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": "completed"}
    raw |= {"name": "get_weather", "arguments": ARGUMENTS}
    assert read(raw, "items") == [{"id": "fc_1", "role": "assistant", "content": [CALL]}]
    output = {"type": "function_call_output", "call_id": "call_1", "output": "20 degrees"}
    assert read(output, "items") == [{"role": "tool", "content": [OUTPUT]}]
    custom = {"type": "custom_tool_call", "call_id": "call_1", "name": "run", "input": "ls"}
    assert read(custom, "items")[0]["content"] == [
        {"type": "tool_call", "id": "call_1", "name": "run", "arguments": {"input": "ls"}}
    ]


def test_calls_that_the_host_ran_have_the_form_of_run_steps() -> None:
    code = {"type": "code_interpreter_call", "id": "ci_1", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}]}
    (message,) = read(code, "items")
    inner = {"input": "1+1", "outputs": [{"type": "logs", "logs": "2"}]}
    call = {"id": "ci_1", "type": "code_interpreter", "code_interpreter": inner}
    assert message["content"] == [{"type": "tool_call", "id": "ci_1", "call": call}]
    search = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "trains"}}
    (message,) = read(search, "items")
    assert message["content"][0]["call"]["action"] == {"type": "search", "query": "trains"}


def test_a_whole_response_is_what_it_was_given_and_what_it_gave() -> None:
    raw = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1720000000,
        "conversation": {"id": "conv_1"},
        "input": "When?",
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "9"}]},
        ],
        "temperature": 1.0,
    }
    messages = read(raw, "items")
    assert [message["role"] for message in messages] == ["user", "assistant", "assistant"]
    assert {message["thread_id"] for message in messages} == {"conv_1"}
    assert messages[1]["content"] == [{"type": "reasoning", "summary": []}]


CLASSES = {"human": "HumanMessage", "ai": "AIMessageChunk", "tool": "ToolMessage"}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda kind, held: {"type": kind, **held},
        lambda kind, held: {"type": kind, "data": held},
        lambda kind, held: {
            "lc": 1,
            "type": "constructor",
            "id": [
                "langchain",
                "schema",
                "messages",
                {"human": "HumanMessage", "ai": "AIMessage"}.get(kind, "ToolMessage"),
            ],
            "kwargs": held,
        },
    ],
)
def test_messages_of_langchain_are_read_however_they_were_written(wrap: Any) -> None:
    made = {"name": "get_weather", "args": {"city": "Bern"}, "id": "call_1", "type": "tool_call"}
    extra = {"tool_calls": [CHAT_CALL]}
    assert read(wrap("human", {"content": "Weather?", "additional_kwargs": {}}), "langchain") == [
        {"role": "user", "content": [text("Weather?")]}
    ]
    (message,) = read(
        wrap("ai", {"content": "", "tool_calls": [made], "invalid_tool_calls": [], "additional_kwargs": extra}),
        "langchain",
    )
    assert message == {"role": "assistant", "content": [{**CALL, "arguments": {"city": "Bern"}}]}
    (message,) = read(wrap("ai", {"content": "", "tool_calls": [], "additional_kwargs": extra}), "langchain")
    assert message["content"] == [CALL]
    (message,) = read(
        wrap("tool", {"content": "20 degrees", "tool_call_id": "call_1", "status": "success"}), "langchain"
    )
    assert message == {"role": "tool", "content": [OUTPUT]}


def test_a_call_that_langchain_writes_twice_is_read_once() -> None:
    used = {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Bern"}}
    made = {"name": "get_weather", "args": {"city": "Bern"}, "id": "call_1", "type": "tool_call"}
    (message,) = read(
        {"type": "ai", "content": [{"type": "text", "text": "I look."}, used], "tool_calls": [made]}, "langchain"
    )
    assert message["content"] == [{"type": "text", "text": "I look."}, {**CALL, "arguments": {"city": "Bern"}}]


@pytest.mark.parametrize(
    "held",
    [
        {
            "content": "",
            "toolInvocations": [
                {"state": "result", "toolCallId": "call_1", "toolName": "get_weather", "args": {}, "result": "20"}
            ],
        },
        {
            "content": "",
            "parts": [
                {"type": "step-start"},
                {
                    "type": "tool-invocation",
                    "toolInvocation": {
                        "state": "result",
                        "toolCallId": "call_1",
                        "toolName": "get_weather",
                        "args": {},
                        "result": "20",
                    },
                },
            ],
        },
        {
            "parts": [
                {
                    "type": "tool-get_weather",
                    "toolCallId": "call_1",
                    "state": "output-available",
                    "input": {},
                    "output": "20",
                }
            ]
        },
        {
            "parts": [
                {
                    "type": "dynamic-tool",
                    "toolName": "get_weather",
                    "toolCallId": "call_1",
                    "state": "output-available",
                    "input": {},
                    "output": "20",
                }
            ]
        },
    ],
)
def test_every_version_of_ui_messages_says_what_was_called_and_what_came(held: dict[str, Any]) -> None:
    (message,) = read({"id": "m", "role": "assistant", **held}, "ui")
    call = {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {}, "output": "20"}
    assert message == {"id": "m", "role": "assistant", "content": [call]}


def test_text_that_ui_messages_write_twice_is_read_once() -> None:
    raw = {"role": "user", "content": "When?", "parts": [{"type": "text", "text": "When?"}]}
    (message,) = read(raw, "ui")
    assert message["content"] == [{"type": "text", "text": "When?"}]


def test_a_content_that_says_something_else_than_the_parts_stays_where_it_is_counted() -> None:
    (message,) = read({"role": "user", "content": "When?", "parts": [{"type": "text", "text": "Where?"}]}, "ui")
    assert message["plain_content"] == "When?"


def test_pictures_and_files_of_ui_messages_keep_their_addresses() -> None:
    parts = [
        {"type": "file", "mediaType": "image/png", "url": "https://pics.example/a.png"},
        {"type": "file", "mediaType": "application/pdf", "filename": "a.pdf", "url": "https://pics.example/a.pdf"},
    ]
    (message,) = read({"role": "user", "parts": parts}, "ui")
    assert message["content"] == [
        {"type": "image_url", "image_url": {"url": "https://pics.example/a.png"}},
        {"type": "input_file", "filename": "a.pdf", "file_url": "https://pics.example/a.pdf"},
    ]


def test_messages_under_the_names_of_tables_are_read_inside_a_thread() -> None:
    assert read({"sender": "user", "text": "When?", "timestamp": "2024-07-03T10:00:00Z"}, "flat") == [
        {"role": "user", "content": "When?", "created_at": "2024-07-03T10:00:00Z"}
    ]


def test_a_prompt_and_its_answer_are_two_messages() -> None:
    raw = {"id": "x1", "thread_id": "t", "prompt": "When?", "response": "Nine.", "created_at": 5, "rating": "good"}
    assert read(raw, "exchange") == [
        {
            "id": "x1",
            "thread_id": "t",
            "created_at": 5,
            "role": "user",
            "content": [text("When?")],
            "metadata": {"rating": "good"},
        },
        {"id": "x1-answer", "thread_id": "t", "created_at": 5, "role": "assistant", "content": [text("Nine.")]},
    ]


def test_a_prompt_without_an_answer_is_one_message() -> None:
    (message,) = read({"question": "When?", "answer": ""}, "exchange")
    assert message["role"] == "user"


ODD: tuple[Any, ...] = (None, 1, "x", [], {}, [1], ["x"], {"a": []}, [[]], [{"type": []}], [{"type": "text"}], True)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_values_of_any_kind_break_no_dialect(dialect: str) -> None:
    keys: tuple[str, ...] = (
        "role",
        "type",
        "content",
        "parts",
        "tool_calls",
        "function_call",
        "tool_call_id",
        "audio",
        "data",
        "kwargs",
    )
    keys += (
        "additional_kwargs",
        "invalid_tool_calls",
        "toolInvocations",
        "experimental_attachments",
        "input",
        "output",
    )
    for base in (
        {"role": "assistant", "content": "x"},
        {"role": "tool", "content": "x"},
        {"type": "ai", "content": "x"},
        {"role": "assistant", "parts": [{"type": "text", "text": "x"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "file_search_call", "results": [{"text": "x"}]},
        {"object": "response", "output": []},
        {"prompt": "x", "answer": "y"},
    ):
        for key in keys:
            for value in ODD:
                raw = {**base, key: value}
                if DIALECTS[dialect].matches(raw):
                    assert all(isinstance(message, dict) for message in DIALECTS[dialect].wire(raw))
