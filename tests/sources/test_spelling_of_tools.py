"""Tools, their calls and what they were given, in every spelling: the same as in the wire's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.convert.thread import convert_thread
from migrate_cli.model import Draft, JsonObject, Thread
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

FREE = frozenset({"arguments", "headers", "metadata", "output", "parameters", "spec", "tools_of"})
"""Keys under which names are the user's own."""
CALLS = [
    {
        "id": "c1",
        "type": "bing_grounding",
        "bing_grounding": {"requesturl": "https://b.example", "response_metadata": "x"},
    },
    {"id": "c2", "type": "azure_ai_search", "azure_ai_search": {"input": "q", "output": "found"}},
    {"id": "c3", "type": "openapi", "function": {"name": "get_x", "arguments": "{}", "output": "5"}},
    {"id": "c4", "type": "connected_agent", "connected_agent": {"name": "bot", "output": "6", "thread_id": "thread_9"}},
    {"id": "c5", "type": "mcp", "name": "fetch", "arguments": "{}", "output": "docs", "server_label": "docs"},
    {"id": "c6", "type": "fabric_dataagent", "microsoft_fabric": {"input": "q", "output": "rows"}},
    {"id": "c7", "type": "function", "function": {"name": "add", "arguments": "{}", "output": "3"}},
]
THREAD: JsonObject = {
    "id": "thread_tools",
    "object": "thread",
    "created_at": 1_756_000_000,
    "messages": [
        {
            "id": "msg_1",
            "object": "thread.message",
            "thread_id": "thread_tools",
            "created_at": 1_756_000_001,
            "role": "user",
            "content": [{"type": "text", "text": {"value": "Do it", "annotations": []}}],
            "attachments": [{"data_source": {"type": "uri_asset", "uri": "azureml://a"}, "tools": []}],
        }
    ],
    "runs": [
        {
            "id": "run_1",
            "object": "thread.run",
            "thread_id": "thread_tools",
            "created_at": 1_756_000_002,
            "status": "requires_action",
            "required_action": {
                "type": "submit_tool_approval",
                "submit_tool_approval": {
                    "tool_calls": [
                        {"id": "p1", "type": "mcp", "name": "write", "arguments": "{}", "server_label": "docs"}
                    ]
                },
            },
        }
    ],
    "run_steps": [
        {
            "id": "step_1",
            "object": "thread.run.step",
            "run_id": "run_1",
            "thread_id": "thread_tools",
            "created_at": 1_756_000_003,
            "type": "tool_calls",
            "status": "completed",
            "step_details": {"type": "tool_calls", "tool_calls": CALLS},
        },
        {
            "id": "step_2",
            "object": "thread.run.step",
            "run_id": "run_1",
            "thread_id": "thread_tools",
            "created_at": 1_756_000_004,
            "type": "activities",
            "status": "completed",
            "step_details": {
                "type": "activities",
                "activities": [{"id": "a1", "type": "mcp_list_tools", "server_label": "docs", "tools": {}}],
            },
        },
    ],
}
ASSISTANT: JsonObject = {
    "id": "asst_tools",
    "object": "assistant",
    "created_at": 1_756_000_000,
    "name": "All tools",
    "model": "gpt-5.5",
    "top_p": 1,
    "reasoning_effort": "low",
    "response_format": {"type": "json_object"},
    "tools": [
        {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example", "allowed_tools": ["fetch"]},
        {
            "type": "file_search",
            "file_search": {"max_num_results": 3, "ranking_options": {"ranker": "auto", "score_threshold": 0.5}},
        },
        {"type": "deep_research", "deep_research": {"deep_research_model": "m", "bing_grounding_connections": []}},
        {"type": "azure_ai_search"},
        {
            "type": "bing_grounding",
            "bing_grounding": {"search_configurations": [{"connection_id": "/c", "set_lang": "en"}]},
        },
        {"type": "function", "function": {"name": "get_x", "parameters": {"type": "object", "properties": {"aB": {}}}}},
    ],
    "tool_resources": {
        "file_search": {"vector_store_ids": ["vs_1"]},
        "azure_ai_search": {"indexes": [{"index_connection_id": "/c", "index_name": "idx"}]},
        "mcp": [
            {
                "server_label": "docs",
                "headers": {"X-Some_key": "v"},
                "require_approval": {"never": {"tool_names": ["fetch"]}},
            }
        ],
    },
    "metadata": {"some_key": "v"},
}


def camel(key: str) -> str:
    first, *others = key.split("_")
    return first + "".join(other.capitalize() for other in others)


def pascal(key: str) -> str:
    return "".join(part.capitalize() for part in key.split("_"))


def kebab(key: str) -> str:
    return key.replace("_", "-")


def spelled(value: Any, way: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {way(key): held if key in FREE else spelled(held, way) for key, held in value.items()}
    return [spelled(entry, way) for entry in value] if isinstance(value, list) else value


def as_text(value: JsonObject, write: Callable[[Any], str]) -> JsonObject:
    wrapped = ("tools", "tool_resources", "metadata", "response_format")
    return {key: write(held) if key in wrapped else held for key, held in value.items()}


def draft_of(path: Path, value: Any) -> Draft:
    path.write_text(json.dumps(value), "utf-8")
    [found] = open_source(str(path)).threads(Selection())
    assert isinstance(found, Thread)
    return convert_thread(found)


def configuration_of(path: Path, value: Any) -> Any:
    path.write_text(json.dumps(value), "utf-8")
    source = open_source(str(path))
    with pytest.raises(Exception, match="holds assistants and no threads"):
        list(source.threads(Selection()))
    [found] = source.assistants()
    made = convert_assistant(found)
    return made.config, [one.as_dict() for one in made.left], [one.code for one in made.findings]


@pytest.mark.parametrize("way", [camel, pascal, kebab])
def test_calls_of_tools_are_the_same_in_every_spelling(tmp_path: Path, way: Callable[[str], str]) -> None:
    wire, other = draft_of(tmp_path / "a.json", THREAD), draft_of(tmp_path / "b.json", spelled(THREAD, way))
    kept = [found.code for found in wire.findings]
    assert "field-not-carried" not in kept
    assert [found.code for found in other.findings] == kept
    assert len(wire.items) == 13
    assert [item.body for item in other.items] == [item.body for item in wire.items]
    assert other.ledger == wire.ledger


@pytest.mark.parametrize("write", [json.dumps, repr])
def test_calls_that_were_saved_as_text_are_read(tmp_path: Path, write: Callable[[Any], str]) -> None:
    def details(held: JsonObject) -> JsonObject:
        return {key: entry if key == "type" else write(entry) for key, entry in held.items()}

    steps = [{**step, "step_details": details(step["step_details"])} for step in THREAD["run_steps"]]
    runs = [{**run, "required_action": write(run["required_action"])} for run in THREAD["runs"]]
    wire = draft_of(tmp_path / "a.json", THREAD)
    other = draft_of(tmp_path / "b.json", {**THREAD, "runs": runs, "run_steps": steps})
    assert [item.body for item in other.items] == [item.body for item in wire.items]
    whole = [{**step, "step_details": write(step["step_details"])} for step in THREAD["run_steps"]]
    assert draft_of(tmp_path / "c.json", {**THREAD, "run_steps": whole}).digest == wire.digest


@pytest.mark.parametrize("way", [camel, pascal, kebab])
def test_tools_of_assistants_are_the_same_in_every_spelling(tmp_path: Path, way: Callable[[str], str]) -> None:
    wire = configuration_of(tmp_path / "a.json", ASSISTANT)
    assert sorted(wire[2]) == ["mcp-headers-lost", *["tool-not-carried"] * 3]
    assert configuration_of(tmp_path / "b.json", spelled(ASSISTANT, way)) == wire
    assert configuration_of(tmp_path / "c.json", [spelled(ASSISTANT, way)]) == wire


@pytest.mark.parametrize("write", [json.dumps, repr])
def test_tools_that_were_saved_as_text_are_read(tmp_path: Path, write: Callable[[Any], str]) -> None:
    wire = configuration_of(tmp_path / "a.json", ASSISTANT)
    assert configuration_of(tmp_path / "b.json", as_text(ASSISTANT, write)) == wire
