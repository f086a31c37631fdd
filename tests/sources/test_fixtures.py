"""The bundled fixtures, and real exports where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sources.export.open import SHAPES

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
SAMPLES = ROOT.parent / "shared" / "samples"


@pytest.fixture(scope="module")
def folder() -> Path:
    return FIXTURES


def test_the_fixtures_are_a_valid_source_as_a_whole(folder: Path, read: Any) -> None:
    reading = read(folder)

    assert reading.unreadable == []
    assert len(reading.ids) == len(set(reading.ids)) >= 12


def test_the_fixtures_show_nearly_every_shape(folder: Path, read: Any) -> None:
    taken = {shape.shape for shape in read(folder).source.shapes()}

    assert set(SHAPES) - taken == {
        *("flat-array", "record-csv", "vcr-json", "snapshot", "agent", "agent-yaml", "assistants"),
        *("nock-fixture", "mock-mappings", "event-list", "event-stream"),
    }


def test_every_file_that_an_assistant_or_message_names_is_described(folder: Path, read: Any) -> None:
    reading = read(folder)
    files = reading.source.files()
    named = {
        attachment.file_id
        for thread in reading.threads
        for message in thread.messages
        for attachment in message.attachments
    }

    assert named
    assert named <= set(files)
    assert [info.filename for info in files.values() if info.path is None] == ["budget-2023.xlsx"]
    assert len(list(reading.source.assistants())) == 3


def test_the_fixtures_hold_the_hard_cases(folder: Path, read: Any) -> None:
    threads = read(folder).threads
    messages = [list(thread.messages) for thread in threads]
    kinds = {part["type"] for thread in messages for message in thread for part in message.content}
    tools = {
        call["type"] for thread in threads for step in thread.run_steps for call in step.details.get("tool_calls", [])
    }

    assert kinds == {"text", "image_url", "image_file", "refusal"}
    assert tools == {"function", "code_interpreter", "file_search"}
    assert {0, 45} <= {len(thread) for thread in messages}
    assert any(message.incomplete_reason for thread in messages for message in thread)
    assert any(len(thread.metadata) >= 16 for thread in threads)


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded samples are not here")
def test_real_exports_are_read_message_by_message(read: Any) -> None:
    folder = SAMPLES / "thread-exports"
    reading = read(folder)

    assert reading.unreadable == []
    assert len(reading.threads) == 26
    for thread in reading.threads:
        saved = json.loads((folder / f"{thread.id}.json").read_text())
        assert [message.id for message in thread.messages] == [raw["id"] for raw in saved["messages"]]
        assert [step.id for step in thread.run_steps] == [raw["id"] for raw in saved["run_steps"]]


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded samples are not here")
def test_real_recordings_without_a_thread_are_told(read: Any) -> None:
    reading = read(SAMPLES / "target-recordings")

    assert reading.threads == []
    assert set(reading.codes) == {"no-thread-in-recording"}
