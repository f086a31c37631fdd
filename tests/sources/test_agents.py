"""Files that describe agents, in each way of writing them, as assistants."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.sources.agents import agents_in

TOOLKIT = """
version: 1.0.0
name: lamp-shop
id: asst_9
model:
  id: our-deployment
  options: {temperature: 0.3, top_p: 0.9, max_tokens: 400}
instructions: Be brief.
tools:
- {type: file_search, options: {vector_store_ids: [vs_1], max_num_results: 4}}
- {type: code_interpreter, options: {file_ids: [file-a]}}
- type: openapi
  id: weather
  options: {specification: "{}", auth: {type: bearer, token: not-for-eyes}}
- {type: mcp, id: docs, options: {server_url: https://mcp.example, require_approval: never}}
- {type: bing_grounding, options: {tool_connections: [/c/bing]}}
"""
FRAMEWORK = """
type: foundry_agent
name: menu
instructions: Answer.
model: {id: "${AzureAI:ChatModelId}", options: {temperature: 0.4}}
tools:
- id: MenuPlugin.get_price
  type: function
  description: The price.
  options:
    parameters:
    - {name: item, type: string, required: true, description: Its name.}
"""
SCHEMA = """
kind: Prompt
name: schema-agent
displayName: Schema Agent
model: {id: gpt-4o-1, provider: azure, options: {topP: 0.5, maxOutputTokens: 300}}
instructions: Help.
tools:
- {kind: file_search, vectorStoreIds: [vs_2], maximumResultCount: 3}
- kind: mcp
  serverName: docs
  url: https://mcp.example/docs
  allowedTools: [fetch]
  approvalMode: {kind: specify, neverRequireApprovalTools: [fetch]}
- kind: function
  name: get_time
  parameters: {properties: {zone: {kind: string, required: true}}}
"""
PORTAL = """
metadata: {logo: x.svg}
object: agent.version
id: historian:1
name: historian
version: "1"
created_at: 1784419039
definition:
  kind: prompt
  model: gpt-5-mini
  instructions: You know history.
  reasoning: {effort: low}
  tools:
  - {type: web_search}
  - {type: file_search, vector_store_ids: [vs_3]}
  - type: function
    name: look_up
    parameters: {type: object, properties: {}}
    strict: true
  rai_config: {rai_policy_name: relaxed}
status: active
"""


def config_of(text: str) -> tuple[dict[str, Any], list[str]]:
    [agent] = agents_in(yaml.safe_load(text))
    made = convert_assistant(agent)
    return made.config, [found.code for found in made.findings]


def test_an_agent_of_the_toolkit_is_an_assistant() -> None:
    config, codes = config_of(TOOLKIT)
    assert config["model"] == "our-deployment"
    assert (config["temperature"], config["top_p"], config["max_output_tokens"]) == (0.3, 0.9, 400)
    assert config["tools"] == [
        {"type": "file_search", "vector_store_ids": ["vs_1"], "max_num_results": 4},
        {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-a"]}},
        {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example", "require_approval": "never"},
    ]
    assert codes == ["model-is-deployment", "tool-not-carried", "tool-not-carried"]
    [agent] = agents_in(yaml.safe_load(TOOLKIT))
    weather, bing = convert_assistant(agent).left
    assert weather.data == {"name": "weather", "spec": "{}", "auth": {"type": "bearer", "token": "***"}}
    assert bing.data == {"tool_connections": ["/c/bing"]}


def test_an_agent_of_the_frameworks_has_functions_with_a_schema() -> None:
    config, codes = config_of(FRAMEWORK)
    assert config["model"] == "${AzureAI:ChatModelId}"
    [tool] = config["tools"]
    assert tool["name"] == "MenuPlugin-get_price"
    assert tool["parameters"] == {
        "type": "object",
        "properties": {"item": {"type": "string", "description": "Its name."}},
        "required": ["item"],
    }
    assert codes == ["model-is-deployment"]


def test_an_agent_of_the_schema_is_read_in_its_own_spelling() -> None:
    config, codes = config_of(SCHEMA)
    assert (config["model"], config["top_p"], config["max_output_tokens"]) == ("gpt-4o-1", 0.5, 300)
    search, server, function = config["tools"]
    assert search == {"type": "file_search", "vector_store_ids": ["vs_2"], "max_num_results": 3}
    assert server["server_label"] == "docs"
    assert server["require_approval"] == {"never": {"tool_names": ["fetch"]}}
    assert function["parameters"]["properties"] == {"zone": {"type": "string"}}
    assert set(codes) == {"model-is-deployment", "field-not-carried"}, "the provider is not carried"


def test_a_version_of_a_newer_agent_has_tools_of_responses_already() -> None:
    config, codes = config_of(PORTAL)
    assert config["model"] == "gpt-5-mini"
    assert config["reasoning"] == {"effort": "low"}
    assert [tool["type"] for tool in config["tools"]] == ["web_search", "file_search", "function"]
    assert config["tools"][2]["strict"] is True
    assert "field-not-carried" in codes


def test_an_agent_whose_instructions_stand_in_a_file_beside_it_is_read() -> None:
    config, codes = config_of("kind: prompt\nname: a\nmodel: our-deployment\nmetadata: {owner: {team: blue}}\n")
    assert config["model"] == "our-deployment"
    assert config["metadata"] == {"source_assistant_name": "a", "owner": '{"team": "blue"}'}
    assert codes == ["model-is-deployment"]


@pytest.mark.parametrize("wrap", [lambda one: [one, one], lambda one: {"version": 1, "agents": [one, one]}])
def test_several_agents_stand_in_one_document(wrap: Any) -> None:
    assert len(agents_in(wrap(yaml.safe_load(PORTAL)))) == 2


def test_an_assistant_that_an_sdk_wrote_as_yaml_is_itself() -> None:
    raw = {"id": "asst_1", "object": "assistant", "model": "gpt-4o", "name": "x", "tools": []}
    assert agents_in(raw) == [raw]


@pytest.mark.parametrize(
    "other",
    [
        None,
        "text",
        [],
        {"model": "gpt-5.5", "instructions": "x", "cases": []},
        {"model": "gpt-5.5", "messages": []},
        {"kind": "hosted", "name": "x", "model": {"id": "a"}, "instructions": "x"},
        {"object": "agent.version", "name": "x", "definition": {"kind": "hosted", "image": "a"}},
        {"services": {"web": {}}, "name": "x", "model": "a", "tools": []},
        {"name": "a workflow", "model": "only a model"},
        {"object": "thread", "id": "thread_1", "name": "x", "model": "y", "tools": []},
    ],
)
def test_suites_requests_containers_and_other_files_are_no_agents(other: Any) -> None:
    assert agents_in(other) == []
