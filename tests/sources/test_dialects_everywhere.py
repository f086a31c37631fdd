"""One conversation in every dialect and every container: it becomes the same conversation items, each call paired."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.convert.thread import convert_thread
from migrate_cli.convert.validate import validate_draft
from migrate_cli.model import Thread
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

THREAD = "thread_Weather0000000000000001"
ARGUMENTS = '{"city":"Bern"}'
PICTURE = "https://pics.example/sky.png"

Messages = list[dict[str, Any]]


def at(number: int) -> int:
    return 1_720_000_000 + 10 * number


def chat() -> Messages:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ARGUMENTS}}
    picture = {"type": "image_url", "image_url": {"url": PICTURE}}
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}, picture]},
        {"role": "assistant", "content": "I look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "20 degrees"},
        {"role": "assistant", "content": "It is warm."},
    ]


def chat_dumped_whole() -> Messages:
    """As an SDK dumps its objects: every field, most of them null."""
    nulls: dict[str, Any] = {"refusal": None, "audio": None, "function_call": None, "annotations": []}
    return [{**nulls, "tool_calls": None, **message} for message in chat()]


def items() -> Messages:
    call = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": ARGUMENTS}
    shown = [{"type": "input_text", "text": "Weather?"}, {"type": "input_image", "image_url": PICTURE}]
    said = {"type": "message", "role": "assistant", "status": "completed"}
    return [
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"type": "message", "role": "user", "content": shown},
        {**said, "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}]},
        {**call, "id": "fc_1", "status": "completed"},
        {"type": "function_call_output", "call_id": "call_1", "output": "20 degrees"},
        {**said, "content": [{"type": "output_text", "text": "It is warm.", "annotations": []}]},
    ]


def langchain() -> Messages:
    call = {"name": "get_weather", "args": {"city": "Bern"}, "id": "call_1", "type": "tool_call"}
    extra: dict[str, Any] = {"additional_kwargs": {}, "response_metadata": {}}
    picture = {"type": "image_url", "image_url": {"url": PICTURE}}
    return [
        {"type": "system", "content": "Be brief.", **extra},
        {"type": "human", "content": [{"type": "text", "text": "Weather?"}, picture], **extra},
        {"type": "ai", "content": "I look.", "tool_calls": [call], "invalid_tool_calls": [], **extra},
        {"type": "tool", "content": "20 degrees", "tool_call_id": "call_1", "status": "success", **extra},
        {"type": "ai", "content": "It is warm.", "tool_calls": [], "invalid_tool_calls": [], **extra},
    ]


def langchain_in_data() -> Messages:
    return [{"type": one["type"], "data": one} for one in langchain()]


def langchain_constructors() -> Messages:
    names = {"human": "HumanMessage", "ai": "AIMessage", "system": "SystemMessage", "tool": "ToolMessage"}
    path = ["langchain", "schema", "messages"]
    return [{"lc": 1, "type": "constructor", "id": [*path, names[one["type"]]], "kwargs": one} for one in langchain()]


def ui() -> Messages:
    call = {"type": "tool-get_weather", "toolCallId": "call_1", "state": "output-available"}
    picture = {"type": "file", "mediaType": "image/png", "url": PICTURE}
    called = {**call, "input": {"city": "Bern"}, "output": "20 degrees"}
    return [
        {"role": "system", "parts": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "text": "Weather?"}, picture]},
        {"role": "assistant", "parts": [{"type": "text", "text": "I look."}, {"type": "step-start"}, called]},
        {"role": "assistant", "parts": [{"type": "text", "text": "It is warm.", "state": "done"}]},
    ]


def ui_of_old() -> Messages:
    call = {"toolCallId": "call_1", "toolName": "get_weather", "args": {"city": "Bern"}}
    picture = {"contentType": "image/png", "url": PICTURE}
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?", "experimental_attachments": [picture]},
        {
            "role": "assistant",
            "content": "I look.",
            "toolInvocations": [{**call, "state": "result", "result": "20 degrees"}],
        },
        {"role": "assistant", "content": "It is warm."},
    ]


def ui_for_models() -> Messages:
    call = {"type": "tool-call", "toolCallId": "call_1", "toolName": "get_weather", "input": {"city": "Bern"}}
    result = {"type": "tool-result", "toolCallId": "call_1", "toolName": "get_weather"}
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}, {"type": "image", "image": PICTURE}]},
        {"role": "assistant", "content": [{"type": "text", "text": "I look."}, call]},
        {"role": "tool", "content": [{**result, "output": {"type": "text", "value": "20 degrees"}}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It is warm."}]},
    ]


DIALECTS: list[Callable[[], Messages]] = [
    chat,
    chat_dumped_whole,
    items,
    langchain,
    langchain_in_data,
    langchain_constructors,
    ui,
    ui_of_old,
    ui_for_models,
]


def dump(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def in_a_thread(folder: Path, messages: Messages) -> Path:
    return dump(folder / "export.json", {"id": THREAD, "messages": messages})


def in_a_thread_as_text(folder: Path, messages: Messages) -> Path:
    return dump(folder / "export.json", {"thread_id": THREAD, "messages": json.dumps(messages)})


def in_an_array_of_threads(folder: Path, messages: Messages) -> Path:
    return dump(folder / "export.json", [{"thread_id": THREAD, "messages": messages}])


def in_lines_of_threads(folder: Path, messages: Messages) -> Path:
    other = {"thread_id": "thread_other", "messages": [{"role": "user", "content": "x"}]}
    path = folder / "export.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in ({"thread_id": THREAD, "messages": messages}, other)))
    return path


def in_a_bare_array(folder: Path, messages: Messages) -> Path:
    return dump(folder / f"{THREAD}.json", messages)


def in_an_array_of_messages(folder: Path, messages: Messages) -> Path:
    return dump(folder / "export.json", named(messages))


def in_lines_of_messages(folder: Path, messages: Messages) -> Path:
    path = folder / "export.jsonl"
    path.write_text("".join(json.dumps(message) + "\n" for message in named(messages)), encoding="utf-8")
    return path


def in_an_archive(folder: Path, messages: Messages) -> Path:
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/export.json", json.dumps([{"thread_id": THREAD, "messages": messages}]))
    return path


CONTAINERS: list[Callable[[Path, Messages], Path]] = [
    in_a_thread,
    in_a_thread_as_text,
    in_an_array_of_threads,
    in_lines_of_threads,
    in_a_bare_array,
    in_an_array_of_messages,
    in_lines_of_messages,
    in_an_archive,
]


def named(messages: Messages) -> Messages:
    """The messages with their thread and their times, as tables and logs hold them."""
    return [{**message, "thread_id": THREAD, "created_at": at(number)} for number, message in enumerate(messages)]


EXPECTED = [
    {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
    {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "Weather?"},
            {"type": "input_image", "image_url": PICTURE, "detail": "auto"},
        ],
    },
    {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
    },
    {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": ARGUMENTS},
    {"type": "function_call_output", "call_id": "call_1", "output": "20 degrees"},
    {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "It is warm.", "annotations": []}],
    },
]
TOLD_OF_EVERY_SUCH_FILE = {"message-without-id", "order-unknown", "thread-id-from-file-name", "thread-id-made"}


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda container: container.__name__)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.__name__)
def test_the_same_conversation_comes_of_every_dialect_in_every_container(
    dialect: Callable[[], Messages], container: Callable[[Path, Messages], Path], tmp_path: Path
) -> None:
    found = list(open_source(str(container(tmp_path, dialect()))).threads(Selection()))

    (thread,) = [one for one in found if isinstance(one, Thread) and one.id == THREAD]
    draft = convert_thread(thread)
    assert [json.loads(item.body) for item in draft.items] == EXPECTED
    assert draft.ledger.balanced and validate_draft(draft) == []
    assert {one.code for one in draft.findings} <= TOLD_OF_EVERY_SUCH_FILE
    assert [one for one in found if not isinstance(one, Thread)] == []
