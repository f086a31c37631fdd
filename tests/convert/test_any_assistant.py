"""Whatever stands in an assistant, an agent's description or a call of a host: carried or told, never an error."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from migrate_cli.commands.assistants_text import suite_text
from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.convert.configuration import HostKind
from migrate_cli.convert.host_calls import KINDS, host_call
from migrate_cli.convert.thread import convert_thread
from migrate_cli.model import Run
from migrate_cli.sources.agents import agents_in

from support.threads import message, thread

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=8)
WORDS = st.sampled_from(
    [
        *(
            "id",
            "type",
            "name",
            "function",
            "parameters",
            "tool_names",
            "server_label",
            "server_url",
            "headers",
            "never",
        ),
        *("require_approval", "file_search", "vector_store_ids", "ranking_options", "code_interpreter", "file_ids"),
        *(
            "mcp",
            "always",
            "never",
            "options",
            "kind",
            "container",
            "format",
            "model",
            "openapi",
            "output",
            "arguments",
        ),
    ]
)
VALUES = st.recursive(
    SCALARS | WORDS | st.sampled_from(sorted(KINDS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    *("id", "name", "description", "model", "instructions", "tools", "tool_resources", "metadata", "temperature"),
    *("top_p", "response_format", "reasoning_effort", "file_ids", "text", "tool_choice", "max_output_tokens"),
)
ASSISTANTS = st.dictionaries(st.sampled_from(FIELDS) | st.text(min_size=1, max_size=5), VALUES, max_size=6)
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUIET
@given(ASSISTANTS, st.sampled_from(HostKind), st.sampled_from(HostKind))
def test_any_assistant_becomes_a_suite_and_names_its_unknown_fields(
    assistant: dict[str, Any], source: HostKind, target: HostKind
) -> None:
    made = convert_assistant(assistant, source=source, target=target, uploaded={})
    assert yaml.safe_load(suite_text(made))["cases"]
    told = " ".join(found.detail for found in made.findings)
    for name, value in assistant.items():
        if name not in FIELDS and name.isalpha() and value not in (None, "", [], {}) and name.isascii():
            assert f"the field {name}" in told or name in ("created_at", "object")
    if source.deploys and isinstance(assistant.get("model"), str):
        assert made.config.get("model", "") == assistant["model"]


@QUIET
@given(VALUES | ASSISTANTS)
def test_any_document_is_described_or_is_no_agent(value: Any) -> None:
    for agent in agents_in(value):
        convert_assistant(json.loads(json.dumps(agent, default=str)))


@QUIET
@given(st.sampled_from(sorted(KINDS)), st.dictionaries(WORDS | st.text(max_size=5), VALUES, max_size=4))
def test_any_call_of_a_host_tells_every_text_that_it_holds(kind: str, call: dict[str, Any]) -> None:
    told = host_call(kind, {**call, "type": kind})
    for key, value in call.items():
        if key not in ("id", "type") and isinstance(value, str) and not value.startswith("data:"):
            assert value in told.text


@QUIET
@given(VALUES)
def test_any_action_that_a_run_waits_for_is_counted_once(action: Any) -> None:
    waiting = Run("run_1", "requires_action", raw={"required_action": action})
    assert convert_thread(thread(message("hi"), runs=(waiting,))).ledger.balanced


WHOLE: dict[str, Any] = {
    "id": "asst_1",
    "object": "assistant",
    "model": "our-deployment",
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
        {"type": "file_search", "file_search": {"max_num_results": 3, "ranking_options": {"score_threshold": 0.5}}},
        {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example"},
        {"type": "code_interpreter"},
    ],
    "tool_resources": {
        "file_search": {"vector_store_ids": ["vs_1"]},
        "code_interpreter": {"file_ids": ["file-1"]},
        "mcp": [{"server_label": "docs", "require_approval": "never"}],
    },
}


@pytest.mark.parametrize("odd", [7.5, {"odd": 1}, ["odd", 2]])
@pytest.mark.parametrize(
    "place",
    [
        *("tools", "tool_resources", "metadata", "file_ids", "text", "instructions", "reasoning_effort", "tool_choice"),
        *("temperature", "top_p", "parallel_tool_calls", "max_output_tokens", "response_format", "of_tomorrow"),
        *("tool_resources.file_search", "tool_resources.code_interpreter", "tool_resources.mcp", "tool_resources.new"),
        *("tool_resources.file_search.vector_store_ids", "tool_resources.code_interpreter.file_ids"),
        *("tool_resources.mcp.0.require_approval", "tools.0", "tools.0.function.parameters", "tools.0.new"),
        *("tools.0.function.description", "tools.0.function.new", "tools.1.file_search.max_num_results", "tools.3.new"),
        *("tools.1.file_search.ranking_options", "tools.1.file_search.ranking_options.score_threshold", "tools.2.new"),
    ],
)
def test_a_value_of_another_form_is_carried_or_told_wherever_it_stands(place: str, odd: Any) -> None:
    assistant = json.loads(json.dumps(WHOLE))
    before = convert_assistant(assistant, source=HostKind.FOUNDRY)
    *path, last = (int(word) if word.isdigit() else word for word in place.split("."))
    inner = assistant
    for step in path:
        inner = inner[step]
    inner[last] = odd
    after = convert_assistant(assistant, source=HostKind.FOUNDRY)
    carried = json.dumps(odd) in json.dumps(after.config) or (place == "metadata" and "odd" in after.config["metadata"])
    assert carried or len(after.findings) > len(before.findings)
