"""What only requests of a recording show: messages, deletions, outputs of tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

URL = "https://api.openai.com/v1"
THREAD = "thread_A"
MESSAGES = f"/threads/{THREAD}/messages"
RUNS = f"/threads/{THREAD}/runs"
MADE = {"id": THREAD, "object": "thread", "created_at": 1_700_000_000, "metadata": {}}
RUN = {"id": "run_1", "object": "thread.run", "thread_id": THREAD, "created_at": 1_700_000_050, "status": "completed"}


def call(method: str, path: str, answer: Any = None, sent: Any = None, status: int = 200) -> dict[str, Any]:
    return {
        "RequestUri": URL + path,
        "RequestMethod": method,
        "RequestBody": sent,
        "StatusCode": status,
        "ResponseBody": answer,
    }


def listing(*messages: Any, more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": list(messages), "has_more": more}


def session(folder: Path, *calls: dict[str, Any]) -> Path:
    path = folder / "session.json"
    path.write_text(json.dumps({"Entries": calls}), encoding="utf-8")
    return path


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def said(raw: dict[str, Any], text: str) -> dict[str, Any]:
    return {**raw, "content": [{"type": "text", "text": {"value": text, "annotations": []}}]}


def texts(reading: Any, thread: str = THREAD) -> list[str]:
    return [message.content[0]["text"]["value"] for message in reading.messages(thread)]


def test_messages_that_come_with_their_thread_stand_first(tmp_path: Path, read: Any, wire: Any) -> None:
    sent = {"messages": [user("one"), {**user("two"), "metadata": {"a": "b"}}]}
    reading = read(session(tmp_path, call("POST", "/threads", MADE, sent), call("POST", MESSAGES, wire(2))))

    assert texts(reading) == ["one", "two", "text 2"]
    assert reading.messages(THREAD)[1].metadata == {"a": "b"}
    assert reading.finding_codes(THREAD).count("message-from-request") == 1


def test_a_message_that_a_later_list_shows_is_read_from_the_list(tmp_path: Path, read: Any, wire: Any) -> None:
    made = call("POST", "/threads", MADE, {"messages": [user("text 1")]})
    reading = read(session(tmp_path, made, call("GET", MESSAGES, listing(wire(2), wire(1)))))

    assert reading.message_ids(THREAD) == ["msg_1", "msg_2"]
    assert reading.finding_codes(THREAD) == []


def test_a_page_that_shows_some_of_the_sent_messages_leaves_the_others(tmp_path: Path, read: Any, wire: Any) -> None:
    made = call("POST", "/threads", MADE, {"messages": [user("old"), user("text 3")]})
    reading = read(session(tmp_path, made, call("GET", f"{MESSAGES}?limit=2", listing(wire(4), wire(3), more=True))))

    assert texts(reading) == ["old", "text 3", "text 4"]


def test_the_same_text_sent_twice_is_two_messages(tmp_path: Path, read: Any, wire: Any) -> None:
    made = call("POST", "/threads", MADE, {"messages": [user("text 1")]})
    reading = read(session(tmp_path, made, call("POST", MESSAGES, wire(1), user("text 1"))))

    assert texts(reading) == ["text 1", "text 1"]


def test_messages_sent_with_a_run_stand_before_what_the_run_wrote(tmp_path: Path, read: Any, wire: Any) -> None:
    stream = "".join(
        f"event: {name}\ndata: {json.dumps(data)}\n\n"
        for name, data in (
            ("thread.run.created", RUN),
            ("thread.message.completed", wire(52, run_id="run_1")),
            ("thread.run.completed", RUN),
        )
    )
    sent = {"assistant_id": "asst_1", "additional_messages": [user("also")], "stream": True}
    reading = read(session(tmp_path, call("POST", MESSAGES, wire(1)), call("POST", RUNS, stream, sent)))

    assert texts(reading) == ["text 1", "also", "text 52"]


def test_a_thread_and_its_run_made_at_once_have_the_messages_of_the_request(
    tmp_path: Path, read: Any, wire: Any
) -> None:
    sent = {"assistant_id": "asst_1", "thread": {"messages": [user("hello")]}}
    reading = read(session(tmp_path, call("POST", "/threads/runs", RUN, sent)))

    assert texts(reading) == ["hello"]


def test_a_message_whose_answer_is_lost_is_read_from_its_request(tmp_path: Path, read: Any, wire: Any) -> None:
    calls = [
        call("POST", MESSAGES, wire(1), user("text 1")),
        call("POST", MESSAGES, None, user("lost")),
        call("POST", MESSAGES, wire(3), user("text 3")),
    ]
    assert texts(read(session(tmp_path, *calls))) == ["text 1", "lost", "text 3"]


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_a_refused_request_carries_nothing(status: int, tmp_path: Path, read: Any, wire: Any) -> None:
    refused = call("POST", MESSAGES, {"error": {"message": "no"}}, user("never"), status)
    reading = read(session(tmp_path, refused, call("GET", MESSAGES, listing(wire(1)))))

    assert texts(reading) == ["text 1"]
    assert reading.finding_codes(THREAD) == []


def test_messages_whose_thread_no_answer_names_are_told(tmp_path: Path, read: Any, wire: Any) -> None:
    lost = call("POST", "/threads", None, {"messages": [user("hello")]})
    reading = read(session(tmp_path, lost, call("GET", MESSAGES, listing(wire(1)))))

    assert texts(reading) == ["text 1"]
    assert reading.codes == ["request-without-thread"]
    assert "entry 1 (POST /v1/threads)" in reading.unreadable[0].detail


def test_a_deleted_message_is_left_out_and_counted(tmp_path: Path, read: Any, wire: Any) -> None:
    gone = {"id": "msg_1", "object": "thread.message.deleted", "deleted": True}
    calls = [call("GET", MESSAGES, listing(wire(2), wire(1))), call("DELETE", f"{MESSAGES}/msg_1", gone)]
    reading = read(session(tmp_path, *calls))

    assert reading.message_ids(THREAD) == ["msg_2"]
    assert reading.finding_codes(THREAD) == ["message-deleted"]


def test_a_deletion_counts_for_messages_of_other_files_too(tmp_path: Path, read: Any, wire: Any) -> None:
    gone = {"id": "msg_1", "object": "thread.message.deleted", "deleted": True}
    session(tmp_path, call("DELETE", f"{MESSAGES}/msg_1", gone))
    (tmp_path / "export.json").write_text(json.dumps([wire(1), wire(2)]))
    (tmp_path / "whole.json").write_text(
        json.dumps({"id": "thread_B", "messages": [wire(1, thread="thread_B"), wire(3, thread="thread_B")]})
    )
    reading = read(tmp_path)

    assert reading.message_ids(THREAD) == ["msg_2"]
    assert reading.message_ids("thread_B") == ["msg_1", "msg_3"]


@pytest.mark.parametrize(("deleted", "status"), [(False, 200), (True, 404)])
def test_a_deletion_that_failed_takes_nothing_out(
    deleted: bool, status: int, tmp_path: Path, read: Any, wire: Any
) -> None:
    answer = {"id": "msg_1", "object": "thread.message.deleted", "deleted": deleted}
    calls = [
        call("DELETE", f"{MESSAGES}/msg_1", answer, status=status),
        call("GET", MESSAGES, listing(wire(2), wire(1))),
    ]
    assert read(session(tmp_path, *calls)).message_ids(THREAD) == ["msg_1", "msg_2"]


def test_a_deleted_thread_is_read_and_told(tmp_path: Path, read: Any, wire: Any) -> None:
    gone = {"id": THREAD, "object": "thread.deleted", "deleted": True}
    calls = [call("GET", MESSAGES, listing(wire(2), wire(1))), call("DELETE", f"/threads/{THREAD}", gone)]
    reading = read(session(tmp_path, *calls))

    assert reading.message_ids(THREAD) == ["msg_1", "msg_2"]
    assert reading.finding_codes(THREAD) == ["thread-deleted"]


def test_a_changed_message_counts_as_it_was_answered_last(tmp_path: Path, read: Any, wire: Any) -> None:
    changed = wire(1, metadata={"seen": "yes"})
    calls = [call("GET", MESSAGES, listing(wire(1))), call("POST", f"{MESSAGES}/msg_1", changed, {"metadata": {}})]
    (message,) = read(session(tmp_path, *calls)).messages(THREAD)

    assert message.metadata == {"seen": "yes"}


def test_calls_and_outputs_that_no_step_shows_are_read_from_runs_and_requests(
    tmp_path: Path, read: Any, wire: Any
) -> None:
    asked = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    waits = {
        **RUN,
        "status": "requires_action",
        "required_action": {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [asked]}},
    }
    handed = {"tool_outputs": [{"tool_call_id": "call_1", "output": "nine"}]}
    calls = [
        call("POST", RUNS, waits, {"assistant_id": "asst_1"}),
        call("POST", f"{RUNS}/run_1/submit_tool_outputs", {**RUN, "status": "queued"}, handed),
        call("GET", f"{RUNS}/run_1", RUN),
        call("GET", MESSAGES, listing(wire(60, run_id="run_1"), wire(1))),
    ]
    reading = read(session(tmp_path, *calls))
    (step,) = reading.thread(THREAD).run_steps

    assert step.run_id == "run_1"
    assert step.details["tool_calls"][0]["function"] == {"name": "look_up", "arguments": "{}", "output": "nine"}
    assert reading.finding_codes(THREAD) == ["call-from-request"]


def test_steps_that_are_listed_win_over_calls_of_the_run(tmp_path: Path, read: Any, wire: Any) -> None:
    function = {"name": "look_up", "arguments": "{}"}
    asked = {"id": "call_1", "type": "function", "function": function}
    waits = {**RUN, "required_action": {"submit_tool_outputs": {"tool_calls": [asked]}}}
    step = {
        "id": "step_1",
        "object": "thread.run.step",
        "thread_id": THREAD,
        "run_id": "run_1",
        "type": "tool_calls",
        "step_details": {"type": "tool_calls", "tool_calls": [{**asked, "function": {**function, "output": None}}]},
    }
    handed = {"tool_outputs": [{"tool_call_id": "call_1", "output": "nine"}]}
    calls = [
        call("GET", f"{RUNS}/run_1", waits),
        call("GET", f"{RUNS}/run_1/steps", listing(step)),
        call("POST", f"{RUNS}/run_1/submit_tool_outputs", RUN, handed),
        call("GET", MESSAGES, listing(wire(1))),
    ]
    reading = read(session(tmp_path, *calls))

    assert [one.id for one in reading.thread(THREAD).run_steps] == ["step_1"]
    assert reading.thread(THREAD).run_steps[0].details["tool_calls"][0]["function"]["output"] == "nine"
    assert reading.finding_codes(THREAD) == []
