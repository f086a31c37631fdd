"""Expectations: what holds, what does not, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest
import rapidfuzz.fuzz  # noqa: F401 - so that no example is slow because it is the first
from hypothesis import given, settings
from hypothesis import strategies as st
from migrate_cli.replay.expectations import Expect, ToolCall, TurnFacts, check, similarity
from migrate_cli.replay.response import Ending

LOOK = ToolCall(("look", "shop.look"), '{"n": 3}')
FAILED = ToolCall(("look",), '{"n": 3}', succeeded=False)
SCHEMA = {"type": "object", "properties": {"n": {"minimum": 3}}, "required": ["n"]}


def facts(**more: Any) -> TurnFacts:
    return TurnFacts(**{"ending": Ending.COMPLETED, "text": "Order 42 is on its way.", **more})


@pytest.mark.parametrize(
    ("expect", "more", "holds"),
    [
        ({"contains": "ORDER 42"}, {}, True),
        ({"contains": ["order", "refund"]}, {}, False),
        ({"not_contains": "refund"}, {}, True),
        ({"not_contains": "Way"}, {}, False),
        ({"regex": r"\b\d{2}\b"}, {}, True),
        ({"regex": "^is"}, {}, False),
        ({"equals": " Order 42 is on its way.\n"}, {}, True),
        ({"equals": "order 42 is on its way."}, {}, False),
        ({"similar_to": {"text": "on its way is order 42", "threshold": 0.95}}, {}, True),
        ({"similar_to": {"text": "something else", "threshold": 0.9}}, {}, False),
        ({"json_schema": SCHEMA}, {"text": '{"n": 4}'}, True),
        ({"json_schema": SCHEMA}, {"text": '{"n": 2}'}, False),
        ({"json_schema": SCHEMA}, {"text": "four"}, False),
        ({"tool_called": "look"}, {"calls": (LOOK,)}, True),
        ({"tool_called": "shop.look"}, {"calls": (LOOK,)}, True),
        ({"tool_called": "look"}, {}, False),
        ({"tool_called": "look"}, {"calls": (FAILED,)}, False),
        ({"tool_called": "look"}, {"calls": (FAILED, LOOK)}, True),
        ({"tool_called": {"name": "look", "arguments": SCHEMA}}, {"calls": (FAILED,)}, False),
        ({"tool_not_called": "look"}, {"calls": (FAILED,)}, False),
        ({"tool_called": {"name": "look", "arguments": SCHEMA}}, {"calls": (ToolCall(("look",), "{}"), LOOK)}, True),
        ({"tool_called": {"name": "look", "arguments": SCHEMA}}, {"calls": (ToolCall(("look",), '{"n":1}'),)}, False),
        ({"tool_called": {"name": "look", "arguments": SCHEMA}}, {"calls": (ToolCall(("look",), "{"),)}, False),
        ({"tool_not_called": "look"}, {}, True),
        ({"tool_not_called": "look"}, {"calls": (LOOK,)}, False),
        ({"citations_at_least": 2}, {"citations": 2}, True),
        ({"citations_at_least": 2}, {"citations": 1}, False),
        ({"max_seconds": 2}, {"seconds": 2.0}, True),
        ({"max_seconds": 2}, {"seconds": 2.1}, False),
        ({"max_ttft": 1}, {"ttft": 0.5}, True),
        ({"max_ttft": 1}, {"ttft": None}, False),
        ({"max_tokens": 10}, {"tokens": 10}, True),
        ({"max_tokens": 10}, {"tokens": 11}, False),
        ({}, {"ending": Ending.INCOMPLETE}, False),
        ({"status": "incomplete"}, {"ending": Ending.INCOMPLETE}, True),
        ({"refused": True}, {"refusal": "No", "text": ""}, True),
        ({"refused": False}, {"refusal": "No"}, False),
        ({"contains": "no"}, {"refusal": "No", "text": ""}, True),
    ],
)
def test_an_expectation_holds_or_does_not(expect: dict[str, Any], more: dict[str, Any], holds: bool) -> None:
    expectations = check(Expect.model_validate(expect), facts(**more))
    assert all(expectation.passed for expectation in expectations) is holds
    assert len(expectations) >= 1 + len([key for key in expect if key != "status"])


@settings(deadline=None)
@given(st.text(min_size=1))
def test_no_detail_repeats_the_answer(answer: str) -> None:
    expect = Expect.model_validate(
        {"contains": "x", "regex": "y", "equals": "z", "json_schema": SCHEMA, "similar_to": "w", "max_tokens": 1}
    )
    marked = f"{answer}canary"
    for expectation in check(expect, facts(text=marked, calls=(ToolCall(("f",), marked),))):
        assert "canary" not in expectation.detail


@settings(deadline=None)
@given(st.text(), st.text())
def test_likeness_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0 <= similarity(one, other) == similarity(other, one) <= 1


def test_long_answers_are_compared_at_once() -> None:
    long = "All the lamps of the shop are listed here, one by one. " * 2000
    assert similarity(long, long.replace("lamps", "bulbs")) > 0.8
