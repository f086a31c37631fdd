"""Recorded threads and published fixtures of others convert whole: nothing unsupported, every part accounted for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.convert.part_count import count_parts
from migrate_cli.convert.thread import convert_thread
from migrate_cli.convert.validate import validate_draft
from migrate_cli.model import Draft, Thread
from migrate_cli.sources.normalise import Notes, messages_of, runs_of, steps_of, thread_facts

from support.threads import ORIGIN

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
EXPORTS = sorted((SAMPLES / "thread-exports").glob("*.json"))
pytestmark = pytest.mark.skipif(not EXPORTS, reason="the recorded samples are not here")


def convert(thread_id: str, raw: dict[str, Any]) -> Draft:
    notes = Notes(thread_id)
    source = Thread(
        id=thread_id,
        messages=list(messages_of(raw.get("messages", []), thread_id, notes)),
        origin=ORIGIN,
        shape="test",
        runs=runs_of(raw.get("runs", [])),
        run_steps=steps_of(raw.get("run_steps", [])),
        **thread_facts(raw.get("thread") or {}),
    )
    draft = convert_thread(source)
    assert draft.ledger.balanced and draft.ledger.read == count_parts(source)
    assert validate_draft(draft) == []
    assert "unsupported-part" not in {found.code for found in draft.findings}
    return draft


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.stem)
def test_a_recorded_thread_converts_whole(path: Path) -> None:
    raw = json.loads(path.read_text("utf-8"))
    draft = convert(path.stem, raw)
    assert (draft.skip_reason is None) == bool(raw["messages"])
    assert draft.messages == len(raw["messages"])


def fixture(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((SAMPLES / "message-fixtures" / name).read_text("utf-8"))
    return raw


def test_the_published_messages_and_steps_convert_whole() -> None:
    steps = [raw for raw in fixture("ThreadRunSteps.json").values() if raw["object"] == "thread.run.step"]
    raw = {
        "thread": fixture("Thread.json")["threadResource"],
        "messages": [fixture("ThreadMessage.json")["threadMessageResource"]],
        "run_steps": [{**step, "id": f"step_{number}"} for number, step in enumerate(steps)],
    }
    draft = convert("thread_1", raw)
    assert [item.kind for item in draft.items].count("function_call") == 2
    assert draft.skip_reason is None


def test_the_published_assistants_become_configurations() -> None:
    for raw in fixture("Assistant.json").values():
        for assistant in raw.get("data", [raw]):
            if assistant.get("object") == "assistant":
                assert convert_assistant(assistant).config["model"]
