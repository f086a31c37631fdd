"""Calls that a client must answer: which are open, what answers them, and what else goes where nothing can."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.replay.call_answers import error_item, with_answers
from migrate_cli.replay.client_calls import KINDS, call_of, open_approvals, open_calls, span_around
from migrate_cli.replay.history import sendable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
)
FIELDS = st.sampled_from(["type", "call_id", "id", "execution", "environment", "status", "approval_request_id", "role"])
VALUES = JSON | st.sampled_from(["function_call", "shell_call", "tool_search_call", "message", "x_call", "call_1"])


def call(kind: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": kind, "id": f"{kind}_{number}", "call_id": f"call_{number}", "name": "look", **more}


def answer(kind: str, number: int = 1) -> dict[str, Any]:
    return {"type": KINDS[kind].answer, "call_id": f"call_{number}", "output": "x", "execution": "client"}


def user(text: str = "Hello") -> dict[str, Any]:
    return {"type": "message", "id": "msg_u", "role": "user", "content": [{"type": "input_text", "text": text}]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_is_open_until_an_item_of_the_right_type_answers_it(kind: str) -> None:
    made, other = call(kind, execution="client"), next(name for name in KINDS if name != kind)
    assert [one.call_id for one in open_calls([made])] == ["call_1"]
    assert len(open_calls([made, answer(kind, 2)])) == 1
    assert len(open_calls([made, answer(other)])) == 1
    assert open_calls([made, answer(kind)]) == ()


@given(st.lists(st.dictionaries(FIELDS, VALUES)))
def test_no_item_of_any_form_makes_it_raise(items: list[dict[str, Any]]) -> None:
    for one in open_calls(items):
        error_item(one, "kind", "message")
    open_approvals(items)
    with_answers(items)
    for place in range(len(items)):
        assert place in span_around(items, place)


def test_an_approval_is_open_until_it_is_given_or_refused() -> None:
    asked = {"type": "mcp_approval_request", "id": "mcpr_1"}
    assert open_approvals([asked]) == ["mcpr_1"]
    assert open_approvals([asked, {"type": "mcp_approval_response", "approval_request_id": "mcpr_1"}]) == []


@pytest.mark.parametrize(
    ("kind", "answered"),
    [
        ("function_call", True), ("custom_tool_call", True), ("shell_call", True), ("local_shell_call", True),
        ("apply_patch_call", True), ("computer_call", False), ("tool_search_call", False), ("hologram_call", False),
    ],
)  # fmt: skip
def test_an_error_answers_what_it_can_answer(kind: str, answered: bool) -> None:
    made = call(kind, execution="client")
    item = error_item(call_of(made), "not_answered", "nobody was here")
    assert (item is not None) is answered
    if item is not None:
        assert open_calls([made, item]) == ()
        assert "nobody was here" in str(item)
    assert error_item(call_of(made | {"call_id": ""}), "kind", "message") is None


@given(st.lists(st.tuples(st.sampled_from([*KINDS, "hologram_call"]), st.booleans()), max_size=8))
def test_a_history_in_which_calls_are_open_is_made_one_in_which_none_is(calls: list[tuple[str, bool]]) -> None:
    items: list[dict[str, Any]] = [user()]
    for number, (kind, answered) in enumerate(calls):
        items.append(call(kind, number, execution="client"))
        items += [answer(kind, number)] if answered and kind in KINDS else []
    whole, were_open = with_answers(items)
    assert open_calls(whole) == ()
    assert len(were_open) == len(open_calls(items))
    assert [item for item in whole if item in items] == [item for item in items if item in whole]
    if not were_open:
        assert whole == items


def test_a_response_is_what_lies_between_two_things_that_a_client_sent() -> None:
    said = {"type": "message", "role": "assistant", "content": []}
    items = [user(), said, call("computer_call"), call("function_call", 2), answer("function_call", 2), said]
    assert list(span_around(items, 2)) == [1, 2, 3]


def test_a_program_is_copied_with_its_fingerprint_and_the_status_of_its_output() -> None:
    made = {"type": "program", "id": "p1", "call_id": "call_p", "code": "1", "fingerprint": "f"}
    output = {"type": "program_output", "id": "p2", "call_id": "call_p", "result": "2", "status": "incomplete"}
    program, result = sendable([made, output])
    assert {**program, "id": "p1"} == made
    assert program["id"] != "p1", "the old id is in use"
    assert {**result, "id": "p2"} == output


def test_a_patch_that_failed_is_copied_as_one_that_failed() -> None:
    made = call("apply_patch_call", status="completed", operation={"type": "delete_file", "path": "x"})
    failed = {"type": "apply_patch_call_output", "id": "o", "call_id": "call_1", "status": "failed", "output": "no"}
    assert [item.get("status") for item in sendable([made, failed])] == ["completed", "failed"]
