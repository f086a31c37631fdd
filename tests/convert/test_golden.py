"""A thread with every kind of part converts into the same conversation every time, under each set of settings.

After a wanted change, write the files anew with `UPDATE_GOLDEN=1 python -m pytest tests/convert/test_golden.py` and
read the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.convert.options import (
    AssistantImages,
    Attachments,
    Citations,
    ConvertOptions,
    FileFact,
    Incomplete,
    Tail,
    Timestamps,
    ToolCalls,
)
from migrate_cli.convert.thread import convert_thread
from migrate_cli.convert.validate import validate_draft
from migrate_cli.model import Attachment, Draft, Run, RunStep, Thread

from support.threads import function, made, message, step, text, thread

GOLDEN = Path(__file__).parent / "golden"
SETTINGS = {
    "defaults": ConvertOptions(),
    "all-text": ConvertOptions(
        attachments=Attachments.NOTE,
        tool_calls=ToolCalls.TEXT,
        assistant_images=AssistantImages.TEXT,
        citations=Citations.FOOTNOTES,
        timestamps=Timestamps.PREFIX,
    ),
    "all-native": ConvertOptions(
        attachments=Attachments.INPUT_FILE,
        citations=Citations.ANNOTATIONS,
        strict_assistant=True,
        native_builtin=True,
    ),
    "least": ConvertOptions(
        attachments=Attachments.DROP,
        tool_calls=ToolCalls.DROP,
        assistant_images=AssistantImages.DROP,
        citations=Citations.STRIP,
        incomplete=Incomplete.SKIP,
        tail=Tail(messages=3),
    ),
}
FACTS = {
    "file-plan": FileFact(status="present", filename="plan.pdf", bytes=4000),
    "file-talk": FileFact(filename="talk.mp3", transcript="Good morning."),
    "file-gone": FileFact(status="missing", filename="old.docx", reason="not found"),
    "file-zip": FileFact(filename="all.zip"),
}


def image_file(file_id: str) -> dict[str, Any]:
    return {"type": "image_file", "image_file": {"file_id": file_id, "detail": "low"}}


def image_url(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def every_kind() -> Thread:
    answer = "Revenue rose【4:0†plan.pdf】, see [table](sandbox:/mnt/data/t.csv) and【5:0†source】."

    def at(marker: str) -> dict[str, Any]:
        start = answer.index(marker)
        return {"text": marker, "start_index": start, "end_index": start + len(marker)}

    question = message(
        "Compare these, please. Größe: 10\u00a0m²\r\n",
        image_file("file-cat"),
        image_url("https://example.com/a.png"),
        image_url("data:image/png;base64,iVBORw0KGgo="),
        image_url("file:///tmp/a.png"),
        {"type": "hologram", "hologram": {"beam": 1}},
        id="msg_1",
        created_at=1700000000,
        metadata={"mood": "curious", "score": 3},
        attachments=(
            Attachment("file-plan", ("file_search", "code_interpreter")),
            Attachment("file-talk"),
            Attachment("file-gone", ("file_search",)),
            Attachment("file-zip"),
            Attachment("file-what", ("code_interpreter",), {"file_id": "file-what", "note": "kept"}),
            Attachment("file-plan"),
            Attachment(None),
        ),
    )
    reply = message(
        text(
            answer,
            {
                "type": "file_citation",
                **at("【4:0†plan.pdf】"),
                "file_citation": {"file_id": "file-plan", "quote": "up"},
            },
            {"type": "file_path", **at("sandbox:/mnt/data/t.csv"), "file_path": {"file_id": "file-csv"}},
            {
                "type": "url_citation",
                **at("【5:0†source】"),
                "url_citation": {"url": "https://example.com", "title": "T"},
            },
            {
                "type": "file_citation",
                "text": "x",
                "start_index": 900,
                "end_index": 901,
                "file_citation": {"file_id": "f"},
            },
        ),
        image_file("file-plot"),
        id="msg_2",
        role="assistant",
        created_at=1700000010,
        run_id="run_1",
    )
    return thread(
        question,
        reply,
        message("a\x00b \ud800", "", id="msg_3", created_at=1700000020),
        message({"type": "refusal", "refusal": "I will not."}, id="msg_4", role="assistant", created_at=1700000030),
        message("from a tool", id="msg_5", role="tool"),
        message("nobody's", id="msg_6", role=None),
        message("Half an ans", id="msg_7", role="assistant", status="incomplete", incomplete_reason="max_tokens"),
        message("Be brief.", image_file("file-cat"), id="msg_8", role="system"),
        id="thread_every_kind",
        created_at=1699999999,
        metadata={"topic": "revenue", "count": 2, "long": "x" * 513},
        tool_resources={"file_search": {"vector_store_ids": ["vs_1"]}},
        runs=(Run("run_1", "completed", created_at=1700000001), Run("run_2", "expired", created_at=1700000021)),
        run_steps=steps(),
    )


def steps() -> tuple[RunStep, ...]:
    code = {
        "id": "call_code",
        "type": "code_interpreter",
        "code_interpreter": {
            "input": "print(1)",
            "outputs": [{"type": "logs", "logs": "1"}, {"type": "image", "image": {"file_id": "file-plot"}}],
        },
    }
    result = {
        "file_id": "file-plan",
        "file_name": "plan.pdf",
        "score": 0.75,
        "content": [{"type": "text", "text": "up"}],
    }
    search = {"id": "call_search", "type": "file_search", "file_search": {"results": [result]}}
    bing = {"id": "call_bing", "type": "bing_grounding", "bing_grounding": {"requesturl": "https://example.com?q=a"}}
    return (
        made("msg_2", created_at=1700000009),
        step(code, search, bing, id="step_2", created_at=1700000005),
        step(
            function("add", '{"a": 1}', "2", "call_a"),
            function("bad name", "{broken", None, "call_" + "b" * 80),
            id="step_1",
            created_at=1700000002,
        ),
        step(function(id="call_late"), id="step_3", run_id="run_2", created_at=1700000022),
        RunStep("step_4", "run_lost", "dreaming", {"type": "dreaming"}, None, 1700000040),
    )


def as_json(draft: Draft) -> dict[str, Any]:
    return {
        "metadata": draft.metadata,
        "digest": draft.digest,
        "ledger": draft.ledger.as_dict(),
        "items": [
            {"kind": item.kind, "message_id": item.message_id, "joined": item.joined, "body": json.loads(item.body)}
            for item in draft.items
        ],
        "findings": [[found.code, found.severity.value, found.message_id, found.detail] for found in draft.findings],
        "aside": [[fact.message_id, fact.name, fact.value] for fact in draft.aside],
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_a_thread_of_every_kind_converts_into_the_pinned_draft(name: str) -> None:
    draft = convert_thread(every_kind(), SETTINGS[name], FACTS)
    assert validate_draft(draft) == []
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(as_json(draft), indent=1) + "\n", "utf-8")
    assert as_json(draft) == json.loads(path.read_text("utf-8"))


def test_converting_twice_gives_the_same_draft() -> None:
    assert convert_thread(every_kind(), facts=FACTS) == convert_thread(every_kind(), facts=FACTS)
