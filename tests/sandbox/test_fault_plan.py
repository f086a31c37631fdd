"""Misbehaviour as values: reading it, and deciding whom it strikes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.errors import UsageError
from migrate_cli.sandbox.fault_actions import ACTIONS
from migrate_cli.sandbox.fault_plan import (
    DELAYS,
    ENDPOINTS,
    GROUPS,
    LASTING,
    FaultKind,
    FaultPlan,
    FaultRule,
    FaultSelector,
    endpoint_of,
)
from migrate_cli.sandbox.fault_spec import parse_rule, plan_from, plan_from_specs, read_plan


def struck(plan: FaultPlan, requests: int, endpoint: str = "append", method: str = "POST") -> list[FaultKind | None]:
    dice = FaultSelector(plan)
    found = [dice.decide(endpoint, method).rule for _ in range(requests)]
    return [rule.kind if rule else None for rule in found]


def test_a_line_names_endpoints_kind_chance_and_parameters() -> None:
    rule = parse_rule("create,append:late:0.25:seconds=3:count=2:nth=1,4")
    assert rule == FaultRule(("create", "append"), FaultKind.LATE, 0.25, (1, 4), 2, {"seconds": 3.0})
    assert parse_rule("*:500").probability == 1.0


def test_the_field_behind_a_trickle_is_its_rate() -> None:
    rule = parse_rule("*:trickle:1")
    assert (rule.number("rate"), rule.probability) == (1.0, 1.0)
    assert parse_rule("*:trickle:0.5:probability=0.1").probability == 0.1


def test_a_rule_for_a_path_strikes_that_path_alone() -> None:
    rule = parse_rule("reads:500:path=thread_7")
    assert parse_rule(str(rule)) == rule
    dice = FaultSelector(FaultPlan((rule,)))
    assert dice.decide("messages", "GET", path="/v1/threads/thread_7/messages").rule == rule
    assert dice.decide("messages", "GET", path="/v1/threads/thread_8/messages").rule is None
    assert dice.decide("messages", "POST", path="/v1/threads/thread_7/messages").rule is None


def test_a_plan_file_takes_lines_and_mappings(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(
        "seed: 7\nrules:\n  - append:reset-after:0.02\n"
        "  - {endpoints: [create, append], kind: 500, probability: 0.01, nth: [1, 2]}\n"
        "  - {endpoint: append, kind: poison, text: 'BAD: mark'}\n"
    )
    plan = read_plan(path)
    assert plan.seed == 7
    assert [rule.kind for rule in plan.rules] == [FaultKind.RESET_AFTER, FaultKind.SERVER_ERROR, FaultKind.POISON]
    assert plan.rules[1].nth == (1, 2)
    assert plan.rules[2].text("text") == "BAD: mark"


def test_an_empty_plan_file_is_an_empty_plan(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("")
    assert read_plan(path) == FaultPlan()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("append", "known: latency"),
        ("append:reset-aftr", "did you mean 'reset-after'"),
        ("apend:500", "did you mean 'append'"),
        ("append:late:second=1", "did you mean 'seconds'"),
        ("append:500:often", "must be a number"),
        ("append:500:1.5", "between 0 and 1"),
        ("append:500:0.5:0.5", "NAME=VALUE"),
        ("append:poison", "text="),
        ("append:late:answer=silence", "reset or hang"),
        ("*:rpm:limit=0", "at least 1"),
        ("*:latency:ms=-1", "negative"),
    ],
)
def test_a_wrong_line_gets_a_sentence(spec: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_rule(spec)


@pytest.mark.parametrize("value", [[], {"rules": "x"}, {"rules": [7]}, {"rule": []}, {"seed": "x"}])
def test_a_wrong_plan_gets_a_sentence(value: Any) -> None:
    with pytest.raises(UsageError):
        plan_from(value)


def test_a_plan_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("rules: [")
    for path in (broken, tmp_path / "missing.yaml"):
        with pytest.raises(UsageError, match=path.name):
            read_plan(path)


RULES = st.builds(
    FaultRule,
    st.lists(st.sampled_from(ENDPOINTS + GROUPS), min_size=1, max_size=3).map(tuple),
    st.sampled_from([FaultKind.SERVER_ERROR, FaultKind.RESET_AFTER, FaultKind.LOCKED]),
    st.floats(0, 1).map(lambda chance: round(chance, 3)),
    st.lists(st.integers(1, 50), max_size=3).map(tuple),
    st.none() | st.integers(0, 9),
)


@given(RULES)
def test_a_rule_is_shown_as_the_line_that_makes_it(rule: FaultRule) -> None:
    assert parse_rule(str(rule)) == rule


@given(st.lists(RULES, max_size=4), st.integers())
def test_the_same_seed_strikes_the_same_requests(rules: list[FaultRule], seed: int) -> None:
    plan = FaultPlan(tuple(rules), seed)
    assert struck(plan, 50) == struck(plan, 50)


def test_another_rule_does_not_change_whom_the_first_strikes() -> None:
    alone = struck(plan_from_specs(["append:500:0.3"], seed=1), 200)
    both = struck(plan_from_specs(["append:500:0.3", "append:locked:0.5"], seed=1), 200)
    assert [kind == FaultKind.SERVER_ERROR for kind in alone] == [kind == FaultKind.SERVER_ERROR for kind in both]


def test_chance_is_about_what_was_asked_for() -> None:
    hits = [kind for kind in struck(plan_from_specs(["append:500:0.1"]), 5000) if kind]
    assert 400 < len(hits) < 600


def test_nth_and_count_are_exact() -> None:
    assert struck(plan_from_specs(["append:500:nth=2,4"]), 5) == [None, "500", None, "500", None]
    assert struck(plan_from_specs(["append:500:count=2"]), 4) == ["500", "500", None, None]


def test_the_first_rule_that_strikes_wins() -> None:
    plan = plan_from_specs(["append:500:nth=2", "append:locked"])
    assert struck(plan, 3) == ["locked", "500", "locked"]


def test_delays_add_up_and_strike_beside_a_fault() -> None:
    strike = FaultSelector(plan_from_specs(["*:latency:ms=20", "*:latency:ms=30", "*:500"])).decide("append", "POST")
    assert strike.delay == pytest.approx(0.05)
    assert strike.rule is not None


def test_lognormal_delays_have_the_median_asked_for() -> None:
    dice = FaultSelector(plan_from_specs(["*:lognormal:median=100:sigma=0.5"]))
    delays = sorted(dice.decide("list", "GET").delay for _ in range(2001))
    assert 0.09 < delays[1000] < 0.11
    assert delays[-1] > 0.3


def test_rules_are_about_their_endpoints_only() -> None:
    plan = plan_from_specs(["reads:500"])
    assert struck(plan, 1, "append", "POST") == [None]
    assert struck(plan, 1, "list", "GET") == ["500"]


def test_poison_is_known_by_its_mark_also_when_it_is_escaped() -> None:
    dice = FaultSelector(plan_from_specs(["append:poison:text=Gift-é"]))
    assert dice.needs_body("append", "POST")
    assert dice.decide("append", "POST", b'{"text": "harmless"}').rule is None
    assert dice.decide("append", "POST", '{"text": "a Gift-é"}'.encode()).rule is not None
    assert dice.decide("append", "POST", b'{"text": "a Gift-\\u00e9"}').rule is not None


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/v1/conversations", "create"),
        ("GET", "/v1/conversations/conv_1", "retrieve"),
        ("POST", "/v1/conversations/conv_1", "update"),
        ("DELETE", "/v1/conversations/conv_1", "delete"),
        ("POST", "/v1/conversations/conv_1/items", "append"),
        ("GET", "/v1/conversations/conv_1/items", "list"),
        ("GET", "/v1/conversations/conv_1/items/msg_1", "item"),
        ("DELETE", "/v1/conversations/conv_1/items/msg_1", "delete-item"),
        ("POST", "/v1/files", "upload"),
        ("GET", "/v1/files/file-1/content", "content"),
        ("GET", "/v1/models", "other"),
        ("GET", "/", "other"),
    ],
)
def test_every_request_has_the_name_of_its_endpoint(method: str, path: str, name: str) -> None:
    assert endpoint_of(method, path) == name


def test_every_kind_is_carried_out_by_something() -> None:
    assert set(ACTIONS) | DELAYS | LASTING == set(FaultKind)
