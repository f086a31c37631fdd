"""One turn: rounds, retries by rule, limits; against a server that answers what the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from migrate_cli.http.outcomes import Ambiguous, NotApplied, NotAppliedKind, Refused
from migrate_cli.http.sse import StreamBroken, StreamRefused
from migrate_cli.model import JsonObject
from migrate_cli.replay.approvals import Approvals
from migrate_cli.replay.budget import MOST_AT_ONCE, Limits, Price, PriceList, UsageBudget, cost_of, price_of
from migrate_cli.replay.errors import CaseError, LimitReached, RetryableError
from migrate_cli.replay.event_sinks import NullObserver
from migrate_cli.replay.modes import ConversationMode, Recovery
from migrate_cli.replay.response import Ending, ModelResponse, ToolUse, Usage
from migrate_cli.replay.tools import ToolPolicy, ToolRunner
from migrate_cli.replay.turns import TurnPolicy, TurnResult, TurnRunner

from support.events import Event, call, framed, message, response, stream_of

HELLO = {"type": "message", "role": "user", "content": "Hello"}
SCRIPT = Sequence[Event | Exception] | Exception


class Here(ConversationMode):
    """A place that only remembers."""

    def __init__(self, again: Recovery = Recovery.RESEND) -> None:
        super().__init__()
        self.again = again
        self.kept: list[JsonObject] = []

    def request(self, items: Sequence[JsonObject]) -> JsonObject:
        return {"input": [*self.kept, *items]}

    def answered(self, items: Sequence[JsonObject], response: ModelResponse) -> None:
        self.kept += [*items, *response.items]

    async def after_broken_stream(self) -> Recovery:
        return self.again


class Server:
    """Plays one script after another; an exception in a script is raised at its place."""

    def __init__(self, *scripts: SCRIPT) -> None:
        self.scripts = list(scripts)
        self.asked: list[JsonObject] = []

    async def stream(self, content: bytes, on_sent: Callable[[], None]) -> AsyncGenerator[JsonObject]:
        self.asked.append(json.loads(content))
        on_sent()
        script = self.scripts.pop(0)
        for event in [script] if isinstance(script, Exception) else script:
            if isinstance(event, Exception):
                raise event
            yield event


class World:
    """A turn runner on a scripted server."""

    def __init__(
        self,
        server: Server,
        *,
        again: Recovery = Recovery.RESEND,
        limits: Limits | None = None,
        prices: PriceList | None = None,
        fields: JsonObject | None = None,
        **rules: Any,
    ) -> None:
        self.slept: list[float] = []
        self.mode = Here(again)
        self.budget = UsageBudget(limits or Limits(), prices or PriceList())
        self.turn = TurnResult()

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        self.runner = TurnRunner(
            server.stream, self.mode, {"model": "m-1", **(fields or {})}, ToolRunner([], ToolPolicy()), Approvals(),
            self.budget, NullObserver(), TurnPolicy(sleep=sleep, **rules),
        )  # fmt: skip

    def run(self, wanted: Ending = Ending.COMPLETED) -> TurnResult:
        asyncio.run(self.runner.run([HELLO], self.turn, wanted))
        return self.turn


def without_usage(events: list[Event]) -> list[Event]:
    """The events of a server that tells how many tokens there were at the end only, as the real one does."""
    return [events[0] | {"response": events[0]["response"] | {"usage": None}}, *events[1:]]


def failed(code: str) -> list[Event]:
    return stream_of(status="failed", error={"code": code, "message": "Sorry"})


def test_all_outputs_of_a_round_go_back_together_in_the_order_of_the_calls() -> None:
    server = Server(stream_of(call("a", {}, 0), call("b", {}, 1), call("c", {}, 2)), stream_of(message("Done")))
    turn = World(server).run()
    sent = [item["call_id"] for item in server.asked[1]["input"] if item["type"] == "function_call_output"]
    assert sent == ["call_0", "call_1", "call_2"]
    assert turn.response.text == "Done"
    assert turn.usage == Usage(20, 8, 10)
    assert server.asked[0]["stream"] is True


def test_a_turn_without_end_is_stopped_and_leaves_answers_for_its_open_calls() -> None:
    world = World(Server(*(stream_of(call("a", {}, 0)) for _ in range(3))), rounds=3)
    with pytest.raises(CaseError) as caught:
        world.run()
    assert caught.value.code == "too-many-rounds"
    assert [item["call_id"] for item in world.runner.unsent] == ["call_0"]


@pytest.mark.parametrize(
    "error",
    [
        StreamBroken("nothing came for 1 s"),
        StreamRefused(Ambiguous("status 502")),
        StreamRefused(NotApplied(NotAppliedKind.THROTTLED, "rate_limited", 7.0)),
        [stream_of(message("Hello"))[0]],
        [*stream_of(message("Hello"))[:4], StreamBroken("the connection broke")],
        failed("server_error"),
        [{"type": "error", "code": "server_error", "message": "Sorry"}],
    ],
)
def test_what_came_to_nothing_is_sent_again_and_told(error: Any) -> None:
    server = Server(error, stream_of(message("Done")))
    world = World(server)
    turn = world.run()
    assert turn.response.text == "Done"
    assert server.asked[0] == server.asked[1]
    assert len(turn.retries) == len(world.slept) == 1
    if isinstance(error, StreamRefused) and isinstance(error.reply, NotApplied):
        assert world.slept == [7.0]


def test_a_refused_request_is_not_sent_again() -> None:
    server = Server(StreamRefused(Refused(400, "invalid_request", "No tool output found for function call call_1")))
    with pytest.raises(CaseError, match="No tool output found"):
        World(server).run()
    assert len(server.asked) == 1


def test_where_sending_again_is_not_safe_nothing_is() -> None:
    server = Server([StreamBroken("cut")], stream_of(message("Done")))
    with pytest.raises(CaseError, match="nothing was sent again"):
        World(server, again=Recovery.NONE).run()
    assert len(server.asked) == 1


def test_what_was_surely_not_taken_is_sent_again_everywhere() -> None:
    server = Server(StreamRefused(NotApplied(NotAppliedKind.LOCKED, "conversation_locked")), stream_of(message("Done")))
    assert World(server, again=Recovery.NONE).run().response.text == "Done"


def test_a_request_that_took_effect_makes_the_case_begin_anew() -> None:
    with pytest.raises(RetryableError):
        World(Server([StreamBroken("cut")]), again=Recovery.RESTART).run()


def test_after_the_last_try_a_failed_response_is_the_answer() -> None:
    turn = World(Server(*(failed("server_error") for _ in range(3))), retries=2).run()
    assert (turn.response.ending, turn.response.error_code) == (Ending.FAILED, "server_error")


def test_a_failure_that_is_wanted_or_lasting_is_not_tried_again() -> None:
    wanted, lasting = Server(failed("server_error")), Server(failed("invalid_prompt"))
    assert World(wanted).run(Ending.FAILED).response.ending is Ending.FAILED
    assert World(lasting).run().response.error_code == "invalid_prompt"


def test_the_call_that_would_pass_the_limit_is_not_made() -> None:
    server = Server(*(stream_of(call("a", {}, 0), call("b", {}, 1)) for _ in range(2)), stream_of(message("Done")))
    world = World(server, limits=Limits(tool_calls=3))
    with pytest.raises(LimitReached, match="tool calls"):
        world.run()
    assert len(server.asked) == 2
    assert [outcome.problem for outcome in world.turn.outcomes] == [*["unknown_tool"] * 3, "limit"]
    assert world.budget.tool_calls == 3
    assert [item["call_id"] for item in world.runner.unsent] == ["call_0", "call_1"], "in place, both are answered"


def test_as_many_calls_as_the_limit_allows_are_made() -> None:
    server = Server(stream_of(call("a", {}, 0)), stream_of(message("Done")))
    assert World(server, limits=Limits(tool_calls=1)).run().response.text == "Done"


def test_the_server_is_told_how_many_calls_of_its_tools_are_left() -> None:
    searched = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "lamps"}}
    server = Server(framed([], [searched, call("a", {}, 1)]), framed([], [searched, message("Done", 1)]))
    world = World(server, limits=Limits(tool_calls=3), fields={"tools": [{"type": "web_search"}]})
    turn = world.run()
    assert [asked["max_tool_calls"] for asked in server.asked] == [3, 1]
    assert world.budget.tool_calls == 3
    assert turn.told == ["the limit left the server 1 call of its tools for one request, and it made as many"]


def test_a_limit_on_cost_holds_for_calls_of_the_server_that_have_a_price() -> None:
    searched = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}}
    server = Server(framed([], [searched, call("a", {}, 1)]), framed([], [message("Done")]))
    prices = PriceList({"m-1": Price(0, 0)}, {"web_search": 0.4})
    world = World(server, limits=Limits(cost=1.0), prices=prices, fields={"tools": [{"type": "web_search"}]})
    world.run()
    assert [asked["max_tool_calls"] for asked in server.asked] == [2, 1]
    assert world.budget.cost == pytest.approx(0.4)
    with pytest.raises(LimitReached, match="cost"):
        World(Server(), limits=Limits(cost=0.3), prices=prices, fields={"tools": [{"type": "web_search"}]}).run()


def test_several_requests_may_call_the_servers_tools_while_the_limit_is_far() -> None:
    budget = UsageBudget(Limits(tool_calls=MOST_AT_ONCE * 2 + 1), PriceList())

    async def grants() -> list[int | None]:
        request = partial(budget.request, hosted=True)
        async with request() as one, request() as two, request() as three:
            return [one, two, three]

    assert asyncio.run(grants()) == [MOST_AT_ONCE, MOST_AT_ONCE, 1]


def test_a_call_waits_for_what_a_request_may_still_take_and_no_longer() -> None:
    budget = UsageBudget(Limits(tool_calls=2), PriceList())
    order: list[str] = []

    async def asks() -> None:
        async with budget.request(hosted=True) as granted:
            assert granted == 2
            await asyncio.sleep(0)
            order.append("asked")
            budget.add("m", Usage(), [ToolUse(("web_search",), "{}")])

    async def calls() -> None:
        order.append(f"called {await budget.may_call()}")
        order.append(f"called {await budget.may_call()}")

    async def both() -> None:
        asking = asyncio.create_task(asks())
        await asyncio.sleep(0)
        await asyncio.gather(asking, calls())

    asyncio.run(both())
    assert order == ["asked", "called True", "called False"]
    assert budget.stopped == "the limit of 2 for tool calls would be passed (2 so far)"


def test_calls_of_the_server_have_prices_of_their_own() -> None:
    prices = PriceList({"m-1": Price(1_000_000, 0)}, {"web_search": 0.5, "shop.track": 3.0, "mcp": 7.0})
    items: list[Event] = [
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}},
        {"type": "mcp_call", "id": "m1", "server_label": "shop", "name": "track", "arguments": "{}"},
        {"type": "mcp_call", "id": "m2", "server_label": "shop", "name": "buy", "arguments": "{}"},
        {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": []},
    ]
    world = World(Server(framed([], items)), prices=prices)
    assert world.run().cost == pytest.approx(10 + 0.5 + 3.0 + 7.0)
    assert world.budget.unpriced_calls == {"file_search"}


@pytest.mark.parametrize(
    "nothing",
    [
        StreamRefused(NotApplied(NotAppliedKind.THROTTLED, "rate_limited", 1.0)),
        StreamRefused(Ambiguous("the answer was no event stream but application/json")),
        [StreamBroken("cut")],
        failed("server_error"),
    ],
)
def test_a_question_is_sent_once_and_then_as_often_as_retries_say(nothing: Any) -> None:
    server = Server(*[nothing] * 20)
    world = World(server, retries=3)
    with suppress(RetryableError):
        world.run()
    assert len(server.asked) == 4


def test_a_case_that_begins_anew_has_no_more_requests_for_a_question_than_one_that_does_not() -> None:
    server = Server(*([StreamBroken("cut")] for _ in range(20)))
    world = World(server, again=Recovery.RESTART, retries=3)
    ends = []
    for _ in range(5):
        again = TurnRunner(
            server.stream, world.mode, {"model": "m-1"}, ToolRunner([], ToolPolicy()), Approvals(), world.budget,
            NullObserver(), TurnPolicy(retries=3),
        )  # fmt: skip
        again.counts = world.runner.counts
        with pytest.raises(RetryableError) as caught:
            asyncio.run(again.run([HELLO], TurnResult()))
        ends.append(caught.value.last)
    assert len(server.asked) == 4
    assert ends == [False, False, False, True, True]


@pytest.mark.parametrize("cut", [1, 4])
def test_a_stream_that_broke_counts_by_an_estimate(cut: int) -> None:
    broken = without_usage(stream_of(message("Hello there, and much more of it")))[:cut]
    world = World(Server([*broken, StreamBroken("cut")], stream_of(message("Done"))))
    turn = world.run()
    assert turn.estimated > 0
    assert turn.usage.total == turn.estimated + 15
    assert world.budget.estimated == turn.estimated
    assert turn.facts().tokens == 15, "what is expected of an answer is expected of the one that came"


def test_a_stream_that_broke_counts_by_what_it_said() -> None:
    whole = without_usage(stream_of(message("Hello")))
    told = {"type": "response.in_progress", "response": response("in_progress")}
    turn = World(Server([whole[0], told, StreamBroken("cut")], stream_of(message("Done")))).run()
    assert (turn.usage.total, turn.estimated) == (30, 0)


def test_limits_hold_although_no_stream_comes_to_its_end() -> None:
    server = Server(*([StreamBroken("cut")] for _ in range(50)))
    world = World(server, limits=Limits(tokens=20), retries=40)
    with pytest.raises(LimitReached, match="tokens"):
        world.run()
    assert world.budget.usage.total <= 20
    assert len(server.asked) > 1


def test_a_request_that_was_surely_not_taken_costs_nothing() -> None:
    refused = StreamRefused(NotApplied(NotAppliedKind.THROTTLED, "rate_limited", 1.0))
    turn = World(Server(refused, stream_of(message("Done")))).run()
    assert (turn.usage.total, turn.estimated) == (15, 0)


def test_a_response_that_broke_off_behind_a_whole_call_ends_the_turn_and_names_it() -> None:
    whole, cut = call("a", {}, 0), call("b", {}, 1) | {"status": "incomplete"}
    turn = World(Server(framed([], [whole, cut], "incomplete"))).run(Ending.INCOMPLETE)
    assert [one.name for one in turn.unanswered] == ["a"]


def test_while_one_request_could_pass_the_limit_others_wait_for_it() -> None:
    budget = UsageBudget(Limits(tokens=100), PriceList())
    most = under_way = 0

    async def one() -> bool:
        nonlocal most, under_way
        try:
            async with budget.request():
                under_way += 1
                most = max(most, under_way)
                await asyncio.sleep(0)
                under_way -= 1
                budget.add("m", Usage(10, 0, 5))
        except LimitReached:
            return False
        return True

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(one() for _ in range(50)))

    done = asyncio.run(all_of_them())
    assert sum(done) == 6
    assert budget.usage.total == 90
    assert most > 1


def test_cached_tokens_have_their_own_price_and_snapshots_that_of_their_model() -> None:
    prices = {"m": Price(1.0, 4.0, 0.1), "m-mini": Price(0.5, 2.0)}
    assert price_of(prices, "m-mini-2026-01-01") == prices["m-mini"]
    assert price_of(prices, "n") is None
    assert price_of(prices, None) is None
    assert cost_of(Usage(1_000_000, 400_000, 1_000_000), prices["m"]) == pytest.approx(0.6 + 0.04 + 4.0)
    assert cost_of(Usage(1_000_000, 400_000, 0), prices["m-mini"]) == pytest.approx(0.5)
