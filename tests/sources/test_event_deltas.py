"""An object is put together out of the deltas of a stream: texts grow, and what comes whole each time stays."""

from __future__ import annotations

from typing import Any

from migrate_cli.sources.shapes.event_deltas import add_delta


def joined(*calls: dict[str, Any]) -> list[Any]:
    step: dict[str, Any] = {}
    for call in calls:
        add_delta(step, {"step_details": {"type": "tool_calls", "tool_calls": [{"index": 0, **call}]}})
    found: list[Any] = step["step_details"]["tool_calls"]
    return found


def test_the_arguments_of_a_servers_call_grow_and_its_label_does_not() -> None:
    first = {"id": "call_1", "type": "mcp", "server_label": "docs", "name": "fetch", "arguments": '{"q":'}
    assert joined(first, {"type": "mcp", "server_label": "docs", "arguments": " 1}"}, {"output": "Found."}) == [
        {
            "id": "call_1",
            "type": "mcp",
            "server_label": "docs",
            "name": "fetch",
            "arguments": '{"q": 1}',
            "output": "Found.",
        }
    ]


def test_the_thread_of_a_connected_agent_is_one_id() -> None:
    agent = {"name": "stocks", "thread_id": "thread_child", "run_id": "run_child"}
    one, other = ({"type": "connected_agent", "connected_agent": agent | {"output": text}} for text in ("4", "5"))
    assert joined(one, other) == [{"type": "connected_agent", "connected_agent": agent | {"output": "45"}}]
