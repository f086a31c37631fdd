"""What cases are made of: last turns, samples, examples, copies of histories, comparisons."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.http.outcomes import Applied, Page, Reply
from migrate_cli.model import JsonObject, Message, Origin, Run, Thread
from migrate_cli.replay.baseline import OldTurn, last_turn, last_turns, questions_of
from migrate_cli.replay.compare import compare
from migrate_cli.replay.errors import CaseError
from migrate_cli.replay.example import example
from migrate_cli.replay.history import ConversationHistory, items_after, sendable
from migrate_cli.replay.run import ReplayJob, chosen
from migrate_cli.replay.suite import InputPart, Suite, SuiteCase
from migrate_cli.target.conversations import ConversationsTarget


def said(number: int, role: str, text: str, **more: Any) -> Message:
    return Message(f"msg_{number}", role, ({"type": "text", "text": {"value": text, "annotations": []}},), **more)


def thread(*messages: Message, name: str = "thread_1") -> Thread:
    return Thread(name, messages, Origin("x"), "thread-file")


def test_the_last_question_is_the_last_one_that_was_answered() -> None:
    turn = last_turn(
        thread(
            said(1, "user", "First?"), said(2, "assistant", "One."), said(3, "user", "Second?"),
            said(4, "assistant", "Two,"), said(5, "assistant", "and more.", assistant_id="a"),
            said(6, "user", "Third?"),
        )
    )  # fmt: skip
    assert turn is not None
    assert (turn.message_id, turn.answer, turn.assistant_id) == ("msg_3", "Two,\nand more.", "a")


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (said(1, "user", "Hello?"),),
        (said(1, "assistant", "Hi."),),
        (said(1, "user", ""), said(2, "assistant", "Hi.")),
    ],
)
def test_a_thread_without_an_answered_question_makes_no_case(messages: tuple[Message, ...]) -> None:
    assert last_turn(thread(*messages)) is None


def test_a_sample_of_threads_is_the_same_in_any_order() -> None:
    threads = [thread(said(1, "user", "Q"), said(2, "assistant", "A"), name=f"thread_{n}") for n in range(50)]
    one, other = last_turns(threads, 5), last_turns(threads[::-1], 5)
    assert [turn.thread_id for turn in one] == [turn.thread_id for turn in other]
    assert len(one) == 5
    assert len(last_turns(threads, None)) == 50


def test_all_items_of_a_question_are_found() -> None:
    rows = [{"found": "message", "message_id": "m", "item_id": f"i{n}"} for n in (1, 2)] + [{"found": None, "id": "x"}]
    assert questions_of(rows) == {"m": ("i1", "i2")}


@given(st.lists(st.text("abc", min_size=1), unique=True), st.integers(1, 10))
def test_a_sample_of_cases_keeps_their_order(names: list[str], size: int) -> None:
    jobs = [ReplayJob(SuiteCase(id=name, input=(InputPart(text="Hi"),)), {}) for name in names]
    kept = [job.case.id for job in chosen(jobs, (), size)]
    assert kept == [name for name in names if name in kept]
    assert len(kept) == min(size, len(names))
    assert [job.case.id for job in chosen(jobs[::-1], (), size)] == [name for name in names[::-1] if name in kept]


def test_an_example_suite_is_a_right_one(tmp_path: Path) -> None:
    from migrate_cli.replay.suite import load_suite

    configuration: JsonObject = {
        "model": "m-1", "instructions": "Line one\nLine two: ä", "metadata": {"source_assistant_name": "Anna"},
        "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": False}],
    }  # fmt: skip
    for threads, found in (((), []), (("thread_1", "thread_2"), [configuration, configuration])):
        path = tmp_path / "replay.yaml"
        path.write_text(example(path.name, threads, found), "utf-8")
        suite: Suite = load_suite(path)
        assert [case.conversation for case in suite.cases] == list(threads or (None,))
        assert suite.model == (found[0]["model"] if found else "gpt-5.4-mini")


def test_items_are_sent_again_without_what_the_server_added() -> None:
    image = {"type": "input_image", "file_id": None, "image_url": "https://x.example/a.png", "detail": "auto"}
    items: list[JsonObject] = [
        {"type": "message", "id": "msg_1", "status": "completed", "role": "user", "content": [image]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "s", "tools": []},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "web_search_call", "id": "ws_1", "action": {"query": "x"}, "status": "completed"},
    ]
    message, call, search = sendable(items)
    assert message == {
        "type": "message", "role": "user",
        "content": [{"type": "input_image", "image_url": "https://x.example/a.png", "detail": "auto"}],
    }  # fmt: skip
    assert call == {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    assert search["id"] != "ws_1"


def test_strict_targets_get_the_answers_of_a_history_to_the_letter() -> None:
    said = {"type": "output_text", "text": "x", "annotations": [{"type": "url_citation"}]}
    items: list[JsonObject] = [
        {"type": "message", "id": "a", "status": "completed", "role": "assistant", "content": [said]},
        {"type": "message", "id": "b", "role": "user", "content": [{"type": "input_text", "text": "y"}]},
        {"type": "function_call", "id": "c", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    answer, *others = sendable(items, strict=True)
    assert (answer["status"], answer["content"]) == ("completed", [said | {"logprobs": []}])
    assert answer["id"] not in ("a", ""), "the old id is in use"
    assert others == sendable(items)[1:]


def test_a_fingerprint_changes_with_every_change() -> None:
    one = {"type": "message", "id": "a", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    other = one | {"content": [{"type": "input_text", "text": "y"}]}
    forms = [(), (one,), (one, one), (other,), (one | {"id": "b"},), (one, other), (other, one)]
    assert len({ConversationHistory("c", items).digest for items in forms}) == len(forms)


class Endless(ConversationsTarget):
    """Says that there is more, and gives the first page again."""

    def __init__(self) -> None:
        self.asked = 0

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page:
        self.asked += 1
        return Page([{"id": "a"}, {"id": "b"}], True)


def test_a_list_that_begins_again_ends() -> None:
    target = Endless()
    assert asyncio.run(items_after(target, "conv_1", None)) == [{"id": "a"}, {"id": "b"}]
    assert target.asked == 2


class Shelf(ConversationsTarget):
    """Holds 250 items, and hides that there are more than a page shows."""

    def __init__(self, *, page: int = 100, goes_on: bool = True) -> None:
        self.page, self.goes_on = page, goes_on
        self.stored = {f"item_{number}": {"id": f"item_{number}"} for number in range(250)}
        self.gone = False

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page:
        ids = list(self.stored)
        first = ids.index(after) + 1 if after is not None and self.goes_on else 0
        return Page([self.stored[one] for one in ids[first : first + self.page]], False)

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        del self.stored[item_id]
        return Applied({})

    async def delete_conversation(self, conversation_id: str) -> Reply:
        self.gone = True
        return Applied({})


@pytest.mark.parametrize("page", [100, 20])
def test_a_history_is_read_to_its_end_whatever_has_more_says(page: int) -> None:
    target = Shelf(page=page)
    assert len(asyncio.run(items_after(target, "conv_1", None))) == 250
    assert len(asyncio.run(items_after(target, "conv_1", "item_29"))) == 220


def test_a_history_of_which_only_the_beginning_is_shown_is_not_copied() -> None:
    with pytest.raises(CaseError, match="can only be read in part"):
        asyncio.run(items_after(Shelf(goes_on=False), "conv_1", None))


def test_two_runs_are_put_side_by_side() -> None:
    then: list[JsonObject] = [
        {"case_id": "a", "status": "passed", "ttft_ms": 1.0}, {"case_id": "b", "status": "failed"},
        {"case_id": "c", "status": "passed"}, {"case_id": "e", "status": "failed", "pass_rate": 0.2},
    ]  # fmt: skip
    now: list[JsonObject] = [
        {"case_id": "a", "status": "error", "ttft_ms": 2.0}, {"case_id": "b", "status": "passed"},
        {"case_id": "d", "status": "passed"}, {"case_id": "e", "status": "failed", "pass_rate": 0.2},
    ]  # fmt: skip
    found = compare(now, then, "run-1")
    changes = {row["case_id"]: row["change"] for row in found["cases"]}
    assert changes == {"a": "worse", "b": "better", "d": "new", "e": "same", "c": "gone"}
    assert found["counts"] == {"worse": 1, "better": 1, "new": 1, "same": 1, "gone": 1}
    assert found["cases"][0]["ttft_ms"] == [1.0, 2.0]


def answered(*, run_id: str | None = "run_1", **times: Any) -> OldTurn:
    raw = {"usage": {"prompt_tokens": 9, "completion_tokens": 4}, "completed_at": 1_700_000_020, **times}
    asked = thread(said(1, "user", "Q"), said(2, "assistant", "A", run_id=run_id, created_at=1_700_000_012))
    turn = last_turn(replace(asked, runs=(Run("run_1", created_at=1_700_000_010, raw=raw),)))
    assert turn is not None
    return turn.old


def test_what_the_old_setup_took_is_read_from_its_run() -> None:
    assert answered() == OldTurn(10_000.0, 2_000.0, 9, 4)


def test_what_the_source_does_not_say_is_not_made_up() -> None:
    assert answered(completed_at=None) == OldTurn(None, 2_000.0, 9, 4)
    assert answered(completed_at=1_600_000_000) == OldTurn(None, None, 9, 4)
    assert answered(completed_at=1_700_000_011) == OldTurn(1_000.0, None, 9, 4)
    assert answered(usage=None) == OldTurn(10_000.0, 2_000.0, None, None)
    assert answered(usage={"prompt_tokens": -1}).input_tokens is None
    assert answered(run_id="run_2") == answered(run_id=None) == OldTurn()


def test_the_worst_changes_come_first_and_reasons_are_named() -> None:
    def case(name: str, status: str, likeness: float | None = None, *kinds: str) -> JsonObject:
        like = None if likeness is None else {"value": likeness}
        return {"case_id": name, "status": status, "likeness": like, "kinds": list(kinds), "cost": 0.5}

    then = [
        case("same", "passed", 0.9),
        case("less", "passed", 0.9),
        case("lost", "passed"),
        case("won", "failed", None, "regex"),
    ]
    now = [
        case("same", "passed", 0.9),
        case("less", "passed", 0.4),
        case("lost", "failed", None, "contains"),
        case("won", "passed"),
    ]
    found = compare(now, then, "run-1")
    assert [row["case_id"] for row in found["cases"]] == ["lost", "won", "less", "same"]
    lost, won, less, _ = found["cases"]
    assert (lost["fails_now"], won["holds_now"], less["likeness"]) == (["contains"], ["regex"], [0.9, 0.4])
    assert found["totals"]["cost"] == [2.0, 2.0]
    assert found["totals"]["likeness"] == [0.9, 0.65]
