"""Streams that go wrong on purpose: what the client sees, and whether the turn was kept."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai as sdk
import pytest
from migrate_cli.sandbox.fault_plan import FaultKind
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.fault_streams import STREAM_ACTIONS
from migrate_cli.sandbox.options import SandboxOptions
from openai import OpenAI

MODEL = "gpt-5.4-mini"


class Bench:
    """A sandbox with a plan, and a client for it."""

    def __init__(self, start: Any, *rules: str) -> None:
        self.sandbox, self.http = start(SandboxOptions(faults=plan_from_specs(rules)))
        self.client = OpenAI(base_url=self.sandbox.base_url, api_key="k", max_retries=0, timeout=0.5)
        self.conversation = self.client.conversations.create().id
        self.seen: list[Any] = []

    def stream(self) -> list[Any]:
        with self.client.responses.create(
            model=MODEL, input="Hello there, model", conversation=self.conversation, stream=True
        ) as events:
            for event in events:
                self.seen.append(event)
        return self.seen

    def kept(self) -> int:
        return len(self.http.get(f"/conversations/{self.conversation}/items").json()["data"])


@pytest.fixture
def bench(start: Any) -> Any:
    made: list[Bench] = []

    def begin(*rules: str) -> Bench:
        made.append(Bench(start, *rules))
        return made[-1]

    yield begin
    for each in made:
        each.client.close()


@pytest.mark.parametrize(("kind", "kept"), [("stream-cut", 0), ("stream-cut-after", 2)])
def test_a_cut_stream_breaks_and_the_turn_is_lost_or_kept(bench: Any, kind: str, kept: int) -> None:
    broken = bench(f"responses:{kind}:after=6")
    with pytest.raises((sdk.APIConnectionError, httpx2.RemoteProtocolError, httpx2.ReadError)):
        broken.stream()
    assert len(broken.seen) == 6
    assert broken.kept() == kept


def test_a_stream_can_end_early_without_a_word(bench: Any) -> None:
    short = bench("responses:stream-end:after=5")
    assert [event.type for event in short.stream()][-1] == "response.output_text.delta"
    assert short.kept() == 0


def test_a_stream_can_stall(bench: Any) -> None:
    stalled = bench("responses:stream-stall")
    with pytest.raises(sdk.APITimeoutError):
        stalled.stream()
    assert len(stalled.seen) == 5


def test_a_stall_can_pass(bench: Any) -> None:
    assert bench("responses:stream-stall:seconds=0.01").stream()[-1].type == "response.completed"


def test_a_stream_can_hold_garbage(bench: Any) -> None:
    with pytest.raises(json.JSONDecodeError):
        bench("responses:stream-garbage").stream()


def test_events_can_come_in_the_wrong_order(bench: Any) -> None:
    shuffled = bench("responses:stream-shuffle:after=4")
    numbers = [event.sequence_number for event in shuffled.stream()]
    assert numbers[4:6] == [5, 4]
    assert sorted(numbers) == list(range(len(numbers)))
    assert shuffled.kept() == 2


def test_an_error_can_come_in_the_middle(bench: Any) -> None:
    failed = bench("responses:stream-error")
    assert failed.stream()[-1].type == "error"
    assert failed.kept() == 0


@pytest.mark.parametrize("kind", list(STREAM_ACTIONS))
def test_answers_without_a_stream_are_spared(bench: Any, kind: FaultKind) -> None:
    spared = bench(f"responses:{kind}")
    answer = spared.client.responses.create(model=MODEL, input="Hello")
    assert answer.status == "completed"


@pytest.mark.parametrize(("kind", "error"), [("429", sdk.RateLimitError), ("500", sdk.InternalServerError)])
def test_a_request_can_be_refused_before_the_stream(bench: Any, kind: str, error: type[Exception]) -> None:
    refused = bench(f"responses:{kind}:count=1")
    with pytest.raises(error):
        refused.stream()
    assert refused.kept() == 0
    assert refused.stream()[-1].type == "response.completed"


def test_latency_does_not_break_a_stream(bench: Any) -> None:
    assert bench("responses:latency:ms=1").stream()[-1].type == "response.completed"


def test_the_other_endpoints_have_names_of_their_own(bench: Any) -> None:
    broken = bench("response:500", "input-items:502", "delete-response:503", "vector-store:529")
    paths = ["/responses/x", "/responses/x/input_items", "/vector_stores/vs_1"]
    assert [broken.http.get(path).status_code for path in paths] == [500, 502, 529]
    assert broken.http.delete("/responses/x").status_code == 503
