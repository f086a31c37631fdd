"""Streams through the client: events as they come, and every way in which there are none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.errors import AuthError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.outcomes import Ambiguous, NotApplied, NotAppliedKind, Refused
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.http.sse import StreamBroken, StreamRefused
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox

BODY: dict[str, Any] = {"model": "gpt-5.4-mini", "input": "[[say Hello there]]", "stream": True}


def asked(
    tmp_path: Path, *specs: str, body: dict[str, Any] | None = None, key: str = "any-key", idle: float = 5.0
) -> tuple[list[Any], BaseException | None, ApiClient]:
    """The events that came, what ended them, and the client."""
    options = SandboxOptions(faults=plan_from_specs(list(specs), seed=1))
    events: list[Any] = []

    async def ask(url: str) -> tuple[BaseException | None, ApiClient]:
        async with ApiClient(Endpoint(url, key, timeout=5.0), RateLimiter(most_in_flight=4)) as client:
            try:
                async for event in client.stream("/responses", json.dumps(body or BODY).encode(), idle=idle):
                    events.append(event)
            except (StreamBroken, StreamRefused, AuthError) as error:
                return error, client
            return None, client

    with EmbeddedSandbox(tmp_path / "sandbox.db", options) as server:
        error, client = asyncio.run(ask(server.base_url))
    return events, error, client


def test_events_come_in_order_to_the_last(tmp_path: Path) -> None:
    events, error, client = asked(tmp_path)
    assert error is None
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert (client.traffic.sent, client.traffic.writes) == (1, 1)


def test_a_refused_request_says_why(tmp_path: Path) -> None:
    _, error, _ = asked(tmp_path, body={**BODY, "previous_response_id": "resp_unknown"})
    assert isinstance(error, StreamRefused)
    assert isinstance(error.reply, Refused)
    assert error.reply.message


def test_throttling_says_how_long_to_wait(tmp_path: Path) -> None:
    _, error, client = asked(tmp_path, "responses:429:retry_after=7")
    assert isinstance(error, StreamRefused)
    assert error.reply == NotApplied(NotAppliedKind.THROTTLED, "rate_limit_exceeded", 7.0)
    assert client.traffic.throttled == 1


@pytest.mark.parametrize("fault", ["500", "reset-before", "html"])
def test_what_is_no_stream_is_unclear(tmp_path: Path, fault: str) -> None:
    events, error, client = asked(tmp_path, f"responses:{fault}")
    assert events == []
    assert isinstance(error, StreamRefused)
    assert isinstance(error.reply, Ambiguous)
    assert client.traffic.ambiguous == 1


def test_a_stream_that_is_cut_or_falls_silent_is_broken_after_what_came(tmp_path: Path) -> None:
    for fault, idle in (("stream-cut", 5.0), ("stream-stall", 0.1)):
        events, error, _ = asked(tmp_path, f"responses:{fault}:after=3", idle=idle)
        assert events[0]["type"] == "response.created"
        assert isinstance(error, StreamBroken)


def test_a_stream_that_merely_ends_raises_nothing(tmp_path: Path) -> None:
    events, error, _ = asked(tmp_path, "responses:stream-end:after=3")
    assert error is None
    assert len(events) == 3


def test_a_bad_key_ends_the_command(tmp_path: Path) -> None:
    assert isinstance(asked(tmp_path, key="wrong")[1], AuthError)
