"""What the recorded pages of a list tell of what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

URL = "https://api.openai.com/v1/threads/thread_A"


def get(path: str, *messages: Any, more: bool | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"object": "list", "data": list(messages)}
    if more is not None:
        answer["has_more"] = more
    return {"RequestUri": f"{URL}{path}", "RequestMethod": "GET", "StatusCode": 200, "ResponseBody": answer}


def told(read: Any, folder: Path, *calls: Any) -> str:
    path = folder / "session.json"
    path.write_text(json.dumps({"Entries": calls}), encoding="utf-8")
    return " ".join(found.detail for found in read(path).thread("thread_A").findings)


def test_a_first_page_lacks_older_messages_and_an_ascending_one_newer(tmp_path: Path, read: Any, wire: Any) -> None:
    assert told(read, tmp_path, get("/messages", wire(2), wire(1), more=True)).startswith("Older messages")
    assert told(read, tmp_path, get("/messages?order=asc", wire(1), wire(2), more=True)).startswith("Newer messages")


def test_pages_that_follow_each_other_to_the_end_lack_nothing(tmp_path: Path, read: Any, wire: Any) -> None:
    pages = [
        get("/messages?limit=2", wire(5), wire(4), more=True),
        get("/messages?limit=2&after=msg_4", wire(3), wire(2), more=True),
        get("/messages?limit=2&after=msg_2", wire(1), more=False),
    ]
    assert told(read, tmp_path, *pages) == ""
    assert "Older messages" in told(read, tmp_path, *pages[:2])
    assert "Newer messages" in told(read, tmp_path, *pages[1:])
    assert "messages may be missing" in told(read, tmp_path, pages[0], pages[2])


def test_a_longer_list_later_makes_a_short_one_good(tmp_path: Path, read: Any, wire: Any) -> None:
    short = get("/messages?limit=1", wire(2), more=True)

    assert told(read, tmp_path, short, get("/messages", wire(2), wire(1), more=False)) == ""
    assert "Older" in told(read, tmp_path, short, get("/messages?limit=2", wire(3), wire(2), more=True))


def test_a_list_without_a_word_on_more_is_as_long_as_was_asked(tmp_path: Path, read: Any, wire: Any) -> None:
    assert "Older" in told(read, tmp_path, get("/messages?limit=2", wire(2), wire(1)))
    assert told(read, tmp_path, get("/messages?limit=3", wire(2), wire(1))) == ""


def test_a_list_of_one_runs_messages_is_no_list_of_all(tmp_path: Path, read: Any, wire: Any) -> None:
    assert "Older" in told(read, tmp_path, get("/messages?run_id=run_1", wire(2, run_id="run_1"), more=False))


def test_a_run_after_the_last_list_may_have_written_more(tmp_path: Path, read: Any, wire: Any) -> None:
    run = {"id": "run_9", "object": "thread.run", "thread_id": "thread_A", "status": "completed"}
    polled = {"RequestUri": f"{URL}/runs/run_9", "RequestMethod": "GET", "StatusCode": 200, "ResponseBody": run}
    listed = get("/messages", wire(2), wire(1), more=False)

    assert "Newer messages" in told(read, tmp_path, listed, polled)
    assert told(read, tmp_path, polled, listed) == ""


def test_a_message_that_a_step_names_and_nobody_shows_is_missing(tmp_path: Path, read: Any, wire: Any) -> None:
    step = {
        "id": "step_1",
        "object": "thread.run.step",
        "thread_id": "thread_A",
        "run_id": "run_1",
        "type": "message_creation",
        "step_details": {"type": "message_creation", "message_creation": {"message_id": "msg_8"}},
    }
    calls = [get("/messages", wire(2), wire(1), more=False), get("/runs/run_1/steps", step, more=False)]

    assert "the run steps name 1 that no response contains" in told(read, tmp_path, *calls)


def test_steps_beyond_their_first_page_are_told(tmp_path: Path, read: Any, wire: Any) -> None:
    step = {"id": "step_1", "object": "thread.run.step", "thread_id": "thread_A", "run_id": "run_1"}
    calls = [get("/runs/run_1/steps", step, more=True), get("/messages", wire(2), wire(1), more=False)]

    assert "run steps, with their tool calls, may be missing" in told(read, tmp_path, *calls)


@pytest.mark.parametrize("known", [None, "msg_blank"])
def test_messages_whose_ids_were_blanked_out_do_not_vanish(
    known: str | None, tmp_path: Path, read: Any, wire: Any
) -> None:
    calls = [get("/messages", wire(2, id=known), wire(1, id=known), more=False)]
    path = tmp_path / "session.json"
    path.write_text(json.dumps({"Entries": calls}), encoding="utf-8")
    reading = read(path)

    codes = reading.finding_codes("thread_A")
    assert len(reading.messages("thread_A")) == 2 or "duplicate-message-differs" in codes


def test_messages_without_a_thread_belong_to_that_of_the_address(tmp_path: Path, read: Any, wire: Any) -> None:
    bare = wire(1)
    del bare["thread_id"]
    path = tmp_path / "session.json"
    path.write_text(json.dumps({"Entries": [get("/messages", bare, more=False)]}), encoding="utf-8")

    assert read(path).message_ids("thread_A") == ["msg_1"]


@pytest.mark.parametrize("wrapped", [True, False])
def test_messages_in_another_frame_than_the_apis_are_read(wrapped: bool, tmp_path: Path, read: Any, wire: Any) -> None:
    for order in ([wire(1), wire(2)], [wire(2), wire(1)]):
        call = get("/messages")
        call["ResponseBody"] = {"messages": order} if wrapped else order
        path = tmp_path / "session.json"
        path.write_text(json.dumps({"Entries": [call]}), encoding="utf-8")

        assert read(path).message_ids("thread_A") == ["msg_1", "msg_2"]


def test_an_answer_that_holds_nothing_known_is_told(tmp_path: Path, read: Any, wire: Any) -> None:
    odd = get("/messages")
    odd["ResponseBody"] = {"rows": [1, 2]}

    assert "is not in a known format" in told(read, tmp_path, get("/messages", wire(1), more=False), odd)


def test_steps_that_were_asked_for_and_not_answered_are_told(tmp_path: Path, read: Any, wire: Any) -> None:
    lost = get("/runs/run_1/steps")
    lost["ResponseBody"] = None
    step = {"id": "step_1", "object": "thread.run.step", "thread_id": "thread_A", "run_id": "run_1"}
    listed = get("/messages", wire(1), more=False)

    assert "entry 1 (GET /v1/threads/thread_A/runs/run_1/steps)" in told(read, tmp_path, lost, listed)
    assert told(read, tmp_path, lost, get("/runs/run_1/steps", step, more=False), listed) == ""
