"""Event streams of runs: in bodies, as files, as lines, and in logs; whole ones and such as break off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RUN = {"id": "run_1", "object": "thread.run", "thread_id": "thread_A", "created_at": 1_700_000_001}
DONE = "event: done\ndata: [DONE]\n\n"


def event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def delta(text: str, index: int = 0, **part: Any) -> dict[str, Any]:
    content = {"index": index, "type": "text", "text": {"value": text, **part}}
    return {"id": "msg_2", "object": "thread.message.delta", "delta": {"content": [content]}}


def begun(wire: Any) -> dict[str, Any]:
    raw: dict[str, Any] = wire(2, content=[], status="in_progress", run_id="run_1")
    return raw


def save(folder: Path, text: str, name: str = "run.sse") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def texts(reading: Any) -> list[str]:
    return [part["text"]["value"] for message in reading.messages("thread_A") for part in message.content]


def test_deltas_of_a_stream_that_breaks_off_make_an_unfinished_message(tmp_path: Path, read: Any, wire: Any) -> None:
    stream = event("thread.message.created", begun(wire)) + "".join(
        event("thread.message.delta", delta(text)) for text in ("The train", " leaves", " at")
    )
    reading = read(save(tmp_path, stream))
    (message,) = reading.messages("thread_A")

    assert (message.status, texts(reading)) == ("in_progress", ["The train leaves at"])
    assert reading.finding_codes("thread_A") == ["thread-may-be-incomplete"]
    assert "ends early" in reading.thread("thread_A").findings[0].detail


def test_the_completed_message_wins_over_its_deltas(tmp_path: Path, read: Any, wire: Any) -> None:
    stream = event("thread.message.created", begun(wire)) + event("thread.message.delta", delta("tex"))
    stream += event("thread.message.completed", wire(2, status="completed")) + event("thread.message.delta", delta("!"))

    assert texts(read(save(tmp_path, stream + DONE))) == ["text 2"]


def test_deltas_alone_make_a_message_of_the_thread_that_the_run_names(tmp_path: Path, read: Any) -> None:
    stream = event("thread.run.created", RUN) + event("thread.message.delta", delta("Nine")) + DONE
    (message,) = read(save(tmp_path, stream)).messages("thread_A")

    assert (message.id, message.role, message.status) == ("msg_2", "assistant", "in_progress")


def test_several_parts_and_their_annotations_are_put_together(tmp_path: Path, read: Any, wire: Any) -> None:
    cited = {"index": 0, "type": "file_citation", "text": "[0]", "file_citation": {"file_id": "file-1"}}
    stream = event("thread.message.created", begun(wire))
    stream += event("thread.message.delta", delta("a"))
    stream += event("thread.message.delta", delta("b", 1))
    stream += event("thread.message.delta", delta("[0]", annotations=[cited]))
    (message,) = read(save(tmp_path, stream)).messages("thread_A")

    assert [part["text"]["value"] for part in message.content] == ["a[0]", "b"]
    assert message.content[0]["text"]["annotations"][0]["file_citation"] == {"file_id": "file-1"}
    assert "index" not in message.content[0]


def test_deltas_of_a_step_make_its_calls(tmp_path: Path, read: Any, wire: Any) -> None:
    def piece(**function: str) -> dict[str, Any]:
        calls = [{"index": 0, "id": "call_1", "type": "function", "function": function}]
        details = {"type": "tool_calls", "tool_calls": calls}
        return {"id": "step_1", "object": "thread.run.step.delta", "delta": {"step_details": details}}

    step = {
        "id": "step_1",
        "object": "thread.run.step",
        "thread_id": "thread_A",
        "run_id": "run_1",
        "type": "tool_calls",
        "status": "in_progress",
        "step_details": {"type": "tool_calls", "tool_calls": []},
    }
    stream = event("thread.message.completed", wire(1)) + event("thread.run.step.created", step)
    stream += event("thread.run.step.delta", piece(name="look_up", arguments='{"a"'))
    stream += event("thread.run.step.delta", piece(arguments=": 1}"))
    (read_step,) = read(save(tmp_path, stream)).thread("thread_A").run_steps
    (call,) = read_step.details["tool_calls"]

    assert call == {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"a": 1}'}}


def test_an_event_in_the_middle_of_which_the_stream_ends_is_told(tmp_path: Path, read: Any, wire: Any) -> None:
    whole = event("thread.message.completed", wire(1)) + event("thread.message.completed", wire(2))
    reading = read(save(tmp_path, whole[:-40]))

    assert texts(reading) == ["text 1"]
    assert set(reading.finding_codes("thread_A")) == {"thread-may-be-incomplete", "body-not-decoded"}


def test_data_over_several_lines_and_without_names_is_read(tmp_path: Path, read: Any, wire: Any) -> None:
    pretty = "\n".join(f"data: {line}" for line in json.dumps(wire(1), indent=1).splitlines())
    text = f": a comment\nid: 7\nretry: 100\n{pretty}\n\ndata:{json.dumps(wire(2))}\r\n\r\ndata: [DONE]\n"

    assert texts(read(save(tmp_path, text, "run.txt"))) == ["text 1", "text 2"]


@pytest.mark.parametrize(
    "prefix",
    [
        "2024-07-01 12:00:00,123 INFO app: ",
        "[2024-07-01T12:00:00Z] worker[7] <- ",
        '10.0.0.1 - - [01/Jul/2024] "POST /runs" data: ',
        "DEBUG data: ",
    ],
)
@pytest.mark.parametrize("suffix", [".log", ".txt", "", ".log.1"])
def test_json_behind_the_prefix_of_a_log_is_read(
    prefix: str, suffix: str, tmp_path: Path, read: Any, wire: Any
) -> None:
    rows = [f"{prefix}{json.dumps(wire(number))}" for number in (1, 2)]
    text = "\n".join(["2024-07-01 starting {not json}", *rows, "2024-07-01 bye"])

    assert texts(read(save(tmp_path, text, f"app{suffix}"))) == ["text 1", "text 2"]


def test_json_over_several_lines_of_a_log_is_read(tmp_path: Path, read: Any, wire: Any) -> None:
    text = f"INFO answer: {json.dumps(wire(1), indent=2)}\nINFO next\nINFO answer: {json.dumps(wire(2), indent=2)}\n"

    assert texts(read(save(tmp_path, text, "app.log"))) == ["text 1", "text 2"]


def test_lines_of_a_structured_log_are_looked_into(tmp_path: Path, read: Any, wire: Any) -> None:
    rows = [
        {"level": "info", "msg": "starting"},
        {"level": "info", "response": {"status": 200, "body": json.dumps(wire(1))}},
        {"level": "info", "chunk": event("thread.message.completed", wire(2))},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)

    assert texts(read(save(tmp_path, text, "app.jsonl"))) == ["text 1", "text 2"]


def test_a_list_in_a_log_stands_as_its_times_say(tmp_path: Path, read: Any, wire: Any) -> None:
    for order in ([wire(1), wire(2)], [wire(2), wire(1)]):
        page = {"object": "list", "data": order, "has_more": False}
        reading = read(save(tmp_path, f"INFO {json.dumps(page)}\n", "app.log"))

        assert texts(reading) == ["text 1", "text 2"]
        assert reading.finding_codes("thread_A") == []


def test_a_list_in_a_log_without_a_direction_is_told(tmp_path: Path, read: Any, wire: Any) -> None:
    page = {"object": "list", "data": [wire(2, at=0), wire(1, at=0)], "has_more": False}
    reading = read(save(tmp_path, f"INFO {json.dumps(page)}\n", "app.log"))

    assert texts(reading) == ["text 1", "text 2"]
    assert "order-unknown" in reading.finding_codes("thread_A")


def test_lines_of_a_log_that_name_a_message_and_cannot_be_read_are_told(tmp_path: Path, read: Any, wire: Any) -> None:
    cut = json.dumps(wire(2))[:-30]
    text = f"INFO {json.dumps(wire(1))}\nINFO {cut}...(truncated)\nINFO {json.dumps(wire(3))}\n"
    reading = read(save(tmp_path, text, "app.log"))

    assert texts(reading) == ["text 1", "text 3"]
    assert "body-not-decoded" in reading.finding_codes("thread_A")


def test_a_text_that_only_writes_about_events_is_ignored(tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1, thread="thread_B")]))
    save(tmp_path, "# Streams\n\nAn event looks like this:\n\n" + event("thread.message.completed", wire(1)), "doc.md")
    save(tmp_path, "The event thread.message.completed ends a message.\n", "notes.txt")
    reading = read(tmp_path)

    assert reading.ids == ["thread_B"]
    assert reading.unreadable == []


def test_a_run_whose_stream_is_whole_and_one_that_is_not_are_kept_apart(tmp_path: Path, read: Any, wire: Any) -> None:
    other = {**RUN, "id": "run_2", "thread_id": "thread_B"}
    text = event("thread.run.created", RUN) + event("thread.message.completed", wire(2, run_id="run_1"))
    text += event("thread.run.completed", {**RUN, "status": "completed"}) + DONE
    text += event("thread.run.created", other) + event("thread.message.created", wire(4, thread="thread_B", content=[]))
    reading = read(save(tmp_path, text))
    details = {thread.id: " ".join(found.detail for found in thread.findings) for thread in reading.threads}

    assert "ends early" not in details["thread_A"]
    assert "ends early" in details["thread_B"]


def test_objects_that_python_printed_into_a_log_are_read(tmp_path: Path, read: Any, wire: Any) -> None:
    text = f"INFO got {wire(1)}\nINFO got {wire(2, status=None)}\n"

    assert texts(read(save(tmp_path, text, "app.log"))) == ["text 1", "text 2"]
