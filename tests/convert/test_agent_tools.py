"""Tools of classic agents as tools of the newer ones; judged by the sandbox's rules, those of the official client."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.convert.configuration import Configuration, HostKind
from migrate_cli.sandbox.agents.tools import check_agent_tools

QUEUE = {"type": "storage_queue", "storage_queue": {"queue_service_endpoint": "https://q", "queue_name": "in"}}
SPEC = {"openapi": "3.0.0", "info": {"title": "x", "version": "1"}, "paths": {}, "components": {"key": "kept"}}
CLASSIC: dict[str, dict[str, Any]] = {
    "bing_grounding": {"search_configurations": [{"connection_id": "c-bing", "market": "de-DE", "count": 5}]},
    "bing_custom_search": {"search_configurations": [{"connection_id": "c-bing", "instance_name": "shop"}]},
    "openapi": {
        "name": "orders",
        "description": "Orders.",
        "spec": SPEC,
        "auth": {"type": "connection", "security_scheme": {"connection_id": "c-api"}},
        "functions": [{"name": "made by the service"}],
    },
    "azure_function": {
        "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {}}},
        "input_binding": QUEUE,
        "output_binding": QUEUE,
    },
    "sharepoint_grounding": {"connections": [{"connection_id": "c-sp"}]},
    "fabric_dataagent": {"connections": [{"connection_id": "c-fabric"}]},
    "browser_automation": {"connection": {"id": "c-browser"}},
    "computer_use_preview": {"environment": "browser", "display_width": 1024, "display_height": 768},
}
WRITTEN: dict[str, dict[str, Any]] = {
    "bing_grounding": {
        "type": "bing_grounding",
        "bing_grounding": {
            "search_configurations": [{"project_connection_id": "C-BING", "market": "de-DE", "count": 5}]
        },
    },
    "bing_custom_search": {
        "type": "bing_custom_search_preview",
        "bing_custom_search_preview": {
            "search_configurations": [{"project_connection_id": "C-BING", "instance_name": "shop"}]
        },
    },
    "openapi": {
        "type": "openapi",
        "openapi": {
            "name": "orders",
            "description": "Orders.",
            "spec": SPEC,
            "auth": {"type": "project_connection", "security_scheme": {"project_connection_id": "C-API"}},
        },
    },
    "azure_function": {"type": "azure_function", "azure_function": CLASSIC["azure_function"]},
    "sharepoint_grounding": {
        "type": "sharepoint_grounding_preview",
        "sharepoint_grounding_preview": {"project_connections": [{"project_connection_id": "C-SP"}]},
    },
    "fabric_dataagent": {
        "type": "fabric_dataagent_preview",
        "fabric_dataagent_preview": {"project_connections": [{"project_connection_id": "C-FABRIC"}]},
    },
    "browser_automation": {
        "type": "browser_automation_preview",
        "browser_automation_preview": {"connection": {"project_connection_id": "C-BROWSER"}},
    },
    "computer_use_preview": {"type": "computer_use_preview", **CLASSIC["computer_use_preview"]},
}


def converted(*tools: Any, known: bool = True, **more: Any) -> Configuration:
    given = {"id": "asst_1", "model": "gpt-4o", "tools": list(tools), **more}
    foundry = HostKind.FOUNDRY
    return convert_assistant(
        given, source=foundry, target=foundry, connections=lambda old: old.upper() if known else None
    )


def codes(found: Configuration) -> list[str]:
    return [one.code for one in found.findings if one.code != "model-is-deployment"]


def kind_of(kind: str, **changed: Any) -> dict[str, Any]:
    return {"type": kind, kind: CLASSIC[kind] | changed}


@pytest.mark.parametrize("kind", CLASSIC)
def test_a_tool_is_written_as_the_newer_agents_take_it(kind: str) -> None:
    found = converted(kind_of(kind))
    assert found.config["tools"] == [WRITTEN[kind]]
    assert found.left == ()
    assert codes(found) == (["tool-renamed"] if WRITTEN[kind]["type"] != kind else [])
    check_agent_tools(found.config["tools"], lambda _: True)


@pytest.mark.parametrize("kind", CLASSIC)
def test_a_tool_of_a_newer_agent_stays_what_it_is(kind: str) -> None:
    found = converted(WRITTEN[kind])
    assert found.config["tools"] == [WRITTEN[kind]]
    assert codes(found) == []


def test_an_index_is_found_among_the_resources() -> None:
    index = {"index_connection_id": "c-search", "index_name": "lamps", "query_type": "simple", "top_k": 3}
    resources = {"azure_ai_search": {"indexes": [index]}}
    found = converted({"type": "azure_ai_search"}, tool_resources=resources)
    written = {"project_connection_id": "C-SEARCH", "index_name": "lamps", "query_type": "simple", "top_k": 3}
    assert found.config["tools"] == [{"type": "azure_ai_search", "azure_ai_search": {"indexes": [written]}}]
    assert codes(found) == []
    check_agent_tools(found.config["tools"], lambda _: True)


def test_early_versions_named_connections_only() -> None:
    found = converted({"type": "bing_grounding", "bing_grounding": {"connections": [{"connection_id": "c-bing"}]}})
    [tool] = found.config["tools"]
    assert tool["bing_grounding"] == {"search_configurations": [{"project_connection_id": "C-BING"}]}


@pytest.mark.parametrize("kind", [kind for kind in CLASSIC if "connection" in str(CLASSIC[kind])])
def test_a_tool_whose_connection_is_not_in_the_map_is_left_out_and_told(kind: str) -> None:
    found = converted(kind_of(kind), {"type": "code_interpreter"}, known=False)
    assert [tool["type"] for tool in found.config["tools"]] == ["code_interpreter"]
    assert codes(found) == ["connection-not-mapped"]
    [told] = [one.detail for one in found.findings if one.code == "connection-not-mapped"]
    assert "c-" in told
    assert [tool.type for tool in found.left] == [kind]


@pytest.mark.parametrize("kind", ["connected_agent", "deep_research", "some_tool_of_tomorrow"])
def test_a_tool_without_a_successor_is_told_with_its_data(kind: str) -> None:
    found = converted({"type": kind, kind: {"name": "other", "id": "asst_2"}})
    assert "tools" not in found.config
    assert codes(found) == ["tool-not-carried"]
    assert found.left[0].data == {"name": "other", "id": "asst_2"}


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("bing_grounding", {"search_configurations": []}),
        ("bing_grounding", {"search_configurations": [{"market": "de-DE"}]}),
        ("bing_custom_search", {"search_configurations": [{"connection_id": "c"}]}),
        ("openapi", {"spec": None}),
        ("openapi", {"auth": {"type": "something new"}}),
        ("azure_function", {"output_binding": {}}),
        ("computer_use_preview", {"environment": None}),
        ("browser_automation", {"connection": {}}),
    ],
)
def test_a_tool_that_lacks_something_is_left_out_and_told(kind: str, changed: dict[str, Any]) -> None:
    found = converted(kind_of(kind, **changed))
    assert "tools" not in found.config
    assert "tool-not-carried" in codes(found)
    assert [tool.type for tool in found.left] == [kind]


def test_a_field_that_is_not_known_is_told_by_its_path() -> None:
    found = converted(kind_of("bing_grounding", safe_search=True))
    assert found.config["tools"] == [WRITTEN["bing_grounding"]]
    assert [one.detail for one in found.findings if one.code == "field-not-carried"] == [
        "Assistant asst_1: the field tools.bing_grounding.safe_search."
    ]


def test_without_an_agent_nothing_changes() -> None:
    found = convert_assistant(
        {"id": "a", "model": "gpt-4o", "tools": [kind_of("bing_grounding")]}, target=HostKind.FOUNDRY
    )
    assert "tools" not in found.config
    assert [tool.type for tool in found.left] == ["bing_grounding"]


@given(
    st.lists(
        st.sampled_from(sorted(CLASSIC)).flatmap(
            lambda kind: st.dictionaries(
                st.sampled_from([*CLASSIC[kind], "auth", "extra"]),
                st.none()
                | st.text(max_size=5)
                | st.lists(st.none() | st.dictionaries(st.just("connection_id"), st.text())),
            ).map(lambda changed: {"type": kind, kind: CLASSIC[kind] | changed})
        ),
        max_size=4,
    )
)
def test_whatever_stands_in_a_tool_is_written_rightly_or_told(tools: list[dict[str, Any]]) -> None:
    found = converted(*tools)
    written = found.config.get("tools", [])
    check_agent_tools(written, lambda _: True)
    assert len(written) + len(found.left) == len(tools)
