"""README's table "what becomes of what" is true: each row is converted here and its fate and finding compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from migrate_cli.convert.conversion_table import TABLE, Row
from migrate_cli.convert.limits import MAX_TEXT
from migrate_cli.convert.options import (
    AssistantImages,
    Attachments,
    Citations,
    ConvertOptions,
    FileFact,
    Incomplete,
    ProgressMessages,
    Tail,
    ToolCalls,
)
from migrate_cli.convert.thread import convert_thread
from migrate_cli.model import Attachment, Run, RunStep, Thread

from support.threads import codes, function, message, step, text, thread

IMAGE = {"type": "image_file", "image_file": {"file_id": "file-i"}}
ODD_URL = {"type": "image_url", "image_url": {"url": "file:a"}}
CITATION = {
    "type": "file_citation",
    "text": "【1†a.txt】",
    "start_index": 3,
    "end_index": 11,
    "file_citation": {"file_id": "file-a"},
}
CODE = {"id": "c", "type": "code_interpreter", "code_interpreter": {"input": "1", "outputs": []}}
SEARCH = {"id": "s", "type": "file_search", "file_search": {}}

FETCH = {"id": "m", "type": "mcp", "name": "fetch", "arguments": "{}", "output": "x", "server_label": "docs"}
SCREEN = {
    "id": "u",
    "type": "computer_use_preview",
    "computer_use_preview": {"action": {"type": "wait"}, "output": {"file_id": "file-shot"}},
}
CALL = {"type": "tool_call", "id": "call_1", "name": "add", "arguments": "{}"}
OUTPUT = {"type": "tool_output", "call_id": "call_1", "output": "3"}


def attached(name: str | None) -> Thread:
    raw = {"filename": name} if name else {}
    return thread(message(attachments=(Attachment("file-a", ("file_search",), raw),)), message("hi", id="msg_2"))


def called(call: Any) -> Thread:
    return thread(message("hi"), run_steps=(step(call),), runs=(Run("run_1"),))


THREADS: dict[str, Callable[[], Thread]] = {
    "text of a user": lambda: thread(message("hi")),
    "text of an assistant": lambda: thread(message("hi", role="assistant")),
    "text of an unknown role": lambda: thread(message("hi", role="tool")),
    "text with NUL or a lone surrogate": lambda: thread(message("a\x00")),
    "text over 10,485,760 characters": lambda: thread(message("x" * (MAX_TEXT + 1))),
    "empty text": lambda: thread(message("")),
    "refusal by an assistant": lambda: thread(message({"type": "refusal", "refusal": "no"}, role="assistant")),
    "image of a user, by file or URL": lambda: thread(message(IMAGE)),
    "image with a `file:` or other unsupported URL": lambda: thread(
        message({"type": "image_url", "image_url": {"url": "file:a"}})
    ),
    "image of an assistant": lambda: thread(message(IMAGE, role="assistant")),
    "part of an unknown type": lambda: thread(message({"type": "hologram"})),
    "attached image": lambda: attached("a.png"),
    "attached document or code": lambda: attached("a.pdf"),
    "attached audio with a transcript": lambda: attached("a.mp3"),
    "attached audio without one": lambda: attached("a.mp3"),
    "attached archive or video": lambda: attached("a.zip"),
    "attached file of unknown type": lambda: attached(None),
    "attached file that no longer exists": lambda: attached("a.pdf"),
    "attached reference to a data source of the host": lambda: thread(
        message("hi", attachments=(Attachment(None, (), {"data_source": {"uri": "azureml://a"}}),))
    ),
    "citation": lambda: thread(message(text("hi 【1†a.txt】", CITATION), role="assistant")),
    "function call": lambda: called(function(output=None)),
    "function output": lambda: called(function()),
    "code call and its outputs": lambda: called(CODE),
    "search call and its results": lambda: called(SEARCH),
    "Bing, AI Search, OpenAPI or unknown call": lambda: called({"type": "bing_grounding"}),
    "Azure Function, connected agent or MCP call": lambda: called(FETCH),
    "output of such a call": lambda: called(FETCH),
    "screenshot from computer use": lambda: called(SCREEN),
    "intermediate message of deep research": lambda: thread(
        message("hi"), message("cot_summary: looking", id="msg_2", role="assistant")
    ),
    "step that lists a server's tools": lambda: thread(
        message("hi"),
        runs=(Run("run_1"),),
        run_steps=(RunStep("s", "run_1", "activities", {"activities": [{"type": "mcp_list_tools"}]}),),
    ),
    "call and output in messages": lambda: thread(
        message(CALL, role="assistant"), message(OUTPUT, id="msg_2", role="tool")
    ),
    "call in a message without an output": lambda: thread(message(CALL, role="assistant")),
    "output in a message without a call": lambda: thread(message("hi"), message(OUTPUT, id="msg_2", role="tool")),
    "call in a message and in a run step": lambda: thread(
        message(CALL, role="assistant"), run_steps=(step(function()),), runs=(Run("run_1"),)
    ),
    "reasoning": lambda: thread(message("hi"), message({"type": "reasoning"}, id="msg_2", role="assistant")),
    "file part in a user message": lambda: thread(message({"type": "input_file", "file_id": "file-a"})),
    "metadata pair of the thread within the limits": lambda: thread(message("hi"), metadata={"a": "b"}),
    "metadata value that is not a string": lambda: thread(message("hi"), metadata={"a": 1}),
    "metadata pair beyond the limits": lambda: thread(message("hi"), metadata={"a": "b" * 513}),
    "metadata pair of a message": lambda: thread(message("hi", metadata={"a": "b"})),
    "tool resources of the thread": lambda: thread(message("hi"), tool_resources={"file_search": {"x": 1}}),
    "part of an unfinished message": lambda: thread(message("hi", status="incomplete")),
    "part of a message without a role": lambda: thread(message("hi", role=None)),
    "part before the selected tail": lambda: thread(message("hi"), message("ho", id="msg_2")),
}
FACTS = {
    "attached audio with a transcript": {"file-a": FileFact(transcript="spoken")},
    "attached file that no longer exists": {"file-a": FileFact(status="missing")},
}
SETTINGS: dict[str, Callable[[str], ConvertOptions]] = {
    "": lambda _: ConvertOptions(),
    "attachments": lambda value: ConvertOptions(attachments=Attachments(value)),
    "assistant_images": lambda value: ConvertOptions(assistant_images=AssistantImages(value)),
    "citations": lambda value: ConvertOptions(citations=Citations(value)),
    "tool_calls": lambda value: ConvertOptions(tool_calls=ToolCalls(value)),
    "native_builtin": lambda value: ConvertOptions(native_builtin=value == "true"),
    "incomplete": lambda value: ConvertOptions(incomplete=Incomplete(value)),
    "progress_messages": lambda value: ConvertOptions(progress_messages=ProgressMessages(value)),
    "tail": lambda _: ConvertOptions(tail=Tail(messages=1)),
}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.part} {row.setting}")
def test_the_table_says_what_happens(row: Row) -> None:
    key, _, value = row.setting.removesuffix(" *").partition(": ")
    options = SETTINGS[key](value)
    draft = convert_thread(THREADS[row.part](), options, FACTS.get(row.part, {}))
    if row.setting.endswith("*"):
        assert options == ConvertOptions()
    # A thread that has nothing left is skipped whole, and then everything in it counts as dropped.
    assert draft.skip_reason is None or row.fate.value == "dropped"
    assert draft.ledger.as_dict()[row.fate.value] >= 1
    if row.finding:
        assert row.finding in codes(draft)
    elif row.part != "function call":
        assert codes(draft) == []
