"""How like an answer is, as models of the target find it: what is asked, what counts, and what is no yes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, NotAppliedKind, Refused, Reply
from migrate_cli.replay.budget import Limits, Price, PriceList, UsageBudget
from migrate_cli.replay.errors import LimitReached
from migrate_cli.replay.expectations import Expect, TurnFacts, check
from migrate_cli.replay.judge import JudgePolicy, JudgeUse, LikenessJudge
from migrate_cli.replay.response import Ending, Usage

BUSY = NotApplied(NotAppliedKind.THROTTLED, "429")
PRICES = PriceList({"judge": Price(1_000_000, 1_000_000), "vectors": Price(1_000_000, 0)})


class Host:
    """Answers each request with the next reply."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def write(self, method: str, path: str, content: bytes) -> Reply:
        assert method == "POST"
        self.asked.append((path, json.loads(content)))
        return self.replies.pop(0)


def vectors(one: list[Any], other: list[Any], **more: Any) -> Applied:
    data = [{"index": place, "embedding": vector} for place, vector in enumerate((one, other))]
    return Applied({"data": data, "usage": {"prompt_tokens": 7}} | more)


def verdict(text: str, status: str = "completed", kind: str = "output_text", **more: Any) -> Applied:
    part = {"type": kind, "refusal" if kind == "refusal" else "text": text}
    output = [{"type": "message", "role": "assistant", "content": [part]}]
    usage = {"input_tokens": 20, "output_tokens": 3, "total_tokens": 23}
    return Applied({"id": "resp_1", "model": "judge", "status": status, "output": output, "usage": usage} | more)


def judged(
    host: Host, method: str, said: str = "It ships on Monday.", *, limits: Limits | None = None, retries: int = 3
) -> tuple[TurnFacts, Expect, JudgeUse, UsageBudget]:
    async def no_wait(_seconds: float) -> None:
        return None

    expect = Expect.model_validate({"similar_to": {"text": "Monday is the day.", "threshold": 0.7, "method": method}})
    budget, use = UsageBudget(limits or Limits(), PRICES), JudgeUse()
    judge = LikenessJudge(host.write, budget, JudgePolicy("vectors", "judge", retries, no_wait))
    facts = asyncio.run(judge.judged(expect, TurnFacts(Ending.COMPLETED, said), "When does it ship?", use))
    return facts, expect, use, budget


def holds(facts: TurnFacts, expect: Expect) -> bool:
    return next(one.passed for one in check(expect, facts) if one.name == "similar_to")


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [([1, 0], [2.0, 0], 1.0), ([1, 0], [0, 1], 0.0), ([1, 0], [-1, 0], 0.0), ([3, 4], [4, 3], 0.96)],
)
def test_embeddings_are_as_alike_as_the_angle_between_them_is_small(
    one: list[float], other: list[float], value: float
) -> None:
    host = Host(vectors(one, other))
    facts, expect, use, budget = judged(host, "embedding")
    assert facts.likeness is not None
    assert facts.likeness.value == pytest.approx(value)
    assert holds(facts, expect) is (value >= 0.7)
    path, body = host.asked[0]
    assert (path, body["model"], body["input"]) == (
        "/embeddings",
        "vectors",
        ["It ships on Monday.", "Monday is the day."],
    )
    assert (use.usage, use.cost) == (Usage(input=7), 7.0)
    assert (budget.usage, budget.cost) == (Usage(input=7), 7.0)


def test_texts_that_are_the_same_are_wholly_alike_although_numbers_are_packed() -> None:
    vector = [0.1, 0.2, 0.30000001]
    facts, *_ = judged(Host(vectors(vector, [0.1, 0.2, 0.3])), "embedding")
    assert facts.likeness is not None
    assert facts.likeness.value == 1.0


def test_vectors_are_told_apart_by_their_numbers_and_not_by_their_order() -> None:
    data = [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [0, 1]}]
    facts, *_ = judged(Host(Applied({"data": data})), "embedding")
    assert facts.likeness is not None
    assert facts.likeness.value == 1.0


def test_a_judge_sees_the_question_and_both_answers_as_data_and_answers_with_a_number() -> None:
    host = Host(verdict('{"likeness": 0.8}'))
    facts, expect, use, budget = judged(host, "model")
    path, body = host.asked[0]
    assert (path, body["model"], body["store"], body["text"]["format"]["strict"]) == (
        "/responses",
        "judge",
        False,
        True,
    )
    assert json.loads(body["input"]) == {
        "question": "When does it ship?",
        "reference_answer": "Monday is the day.",
        "new_answer": "It ships on Monday.",
    }
    assert holds(facts, expect)
    assert use.usage == budget.usage == Usage(20, 0, 3)
    assert use.cost == budget.cost == 23.0


NEVER = [
    ("model", [Refused(404, "model_not_found", "no such model")], "refused the model judge"),
    ("model", [verdict("I cannot", kind="refusal")], "refused to answer"),
    ("model", [verdict('{"like', status="incomplete", incomplete_details={"reason": "x"})], "incomplete (x)"),
    ("model", [verdict("", status="failed", error={"code": "server_error", "message": "x"})], "failed (server_error)"),
    ("model", [verdict("very alike")], "not JSON"),
    ("model", [verdict("[1]")], "not the number"),
    ("model", [verdict('{"likeness": 1.5}')], "not the number"),
    ("model", [verdict('{"likeness": NaN}')], "not the number"),
    ("model", [verdict('{"likeness": true}')], "not the number"),
    ("model", [verdict('{"likeness": "1"}')], "not the number"),
    ("model", [verdict('{"likeness": 1, "reason": "x"}')], "not the number"),
    ("model", [Applied({})], "broken"),
    ("model", [Applied({"status": "queued"})], "broken"),
    ("embedding", [Refused(403, "forbidden", "not this model")], "refused the model vectors"),
    ("embedding", [Applied({})], "two embeddings"),
    ("embedding", [Applied({"data": [{"embedding": [1.0]}]})], "two embeddings"),
    ("embedding", [vectors([1.0], ["1"])], "two embeddings"),
    ("embedding", [vectors([1.0], [True])], "two embeddings"),
    ("embedding", [vectors([1.0, 0.0], [1.0])], "cannot be compared"),
    ("embedding", [vectors([0.0], [1.0])], "cannot be compared"),
    ("embedding", [vectors([], [])], "cannot be compared"),
    ("embedding", [BUSY] * 4, "gave no answer (429; asked 4 times)"),
    ("model", [Ambiguous("no answer in time")] * 4, "gave no answer (no answer in time; asked 4 times)"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "replies", "why"), NEVER)
def test_what_cannot_be_found_is_told_and_never_taken_for_likeness(method: str, replies: list[Reply], why: str) -> None:
    facts, expect, _, _ = judged(Host(*replies), method)
    assert facts.likeness is not None
    assert facts.likeness.value is None
    assert why in facts.likeness.reason
    assert not holds(facts, expect)


def test_a_request_that_was_not_taken_is_sent_again_and_no_more_often_than_it_may_be() -> None:
    host = Host(BUSY, Ambiguous("cut"), verdict('{"likeness": 0.9}'))
    facts, expect, use, _ = judged(host, "model")
    assert holds(facts, expect)
    assert len(host.asked) == 3
    assert use.usage.input > 20, "the answer that was lost counts, by an estimate"
    once = Host(BUSY)
    judged(once, "model", retries=0)
    assert len(once.asked) == 1


def test_an_empty_answer_is_like_nothing_and_costs_nothing() -> None:
    host = Host()
    facts, expect, use, _ = judged(host, "model", said=" ")
    assert not holds(facts, expect)
    assert (host.asked, use.usage) == ([], Usage())


def test_letters_are_compared_without_asking_anybody() -> None:
    host = Host()
    facts, _, _, _ = judged(host, "letters")
    assert (facts.likeness, host.asked) == (None, [])


def test_comparing_keeps_to_the_limits() -> None:
    host = Host(verdict('{"likeness": 1}'))
    budget = UsageBudget(Limits(tokens=30), PRICES)
    budget.add("judge", Usage(input=25))
    expect = Expect.model_validate({"similar_to": {"text": "x", "method": "model"}})
    judge = LikenessJudge(host.write, budget, JudgePolicy("vectors", "judge"))
    with pytest.raises(LimitReached):
        asyncio.run(judge.judged(expect, TurnFacts(Ending.COMPLETED, "y"), "?", JudgeUse()))
    assert host.asked == []
