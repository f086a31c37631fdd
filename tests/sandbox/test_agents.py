"""Agents of a Foundry project: as strict as the service's own client says, and used by requests that name one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.fault_plan import endpoint_of
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.projects import KEY, official_client

V1 = {"api-version": "v1"}
PROMPT = {"kind": "prompt", "model": "gpt-4o", "instructions": "Answer briefly."}


@pytest.fixture
def project(sandbox: EmbeddedSandbox, request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    """Raw requests to a project of the test's own."""
    name = f"p{abs(hash(request.node.nodeid))}"
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=sandbox.project_url(name), headers=headers, params=V1) as client:
        yield client


def made(project: httpx2.Client, name: str = "support", **more: Any) -> dict[str, Any]:
    answer = project.post(f"/agents/{name}/versions", json={"definition": PROMPT, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refusal(answer: httpx2.Response, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_each_create_makes_the_next_version(project: httpx2.Client) -> None:
    first, second = made(project, metadata={"team": "blue"}), made(project, description="Helps.")
    assert (first["object"], first["id"], first["version"], first["metadata"]) == (
        "agent.version", "support:1", "1", {"team": "blue"},
    )  # fmt: skip
    assert (second["id"], second["description"]) == ("support:2", "Helps.")
    assert project.get("/agents/support").json()["versions"]["latest"] == second
    assert project.get("/agents/support/versions/1").json() == first


def test_lists_are_paged_newest_first_unless_asked_otherwise(project: httpx2.Client) -> None:
    for number in range(5):
        made(project, f"agent-{number}")
    names = [entry["name"] for entry in project.get("/agents").json()["data"]]
    assert names == [f"agent-{number}" for number in reversed(range(5))]
    page = project.get("/agents", params={"order": "asc", "limit": 2}).json()
    assert ([entry["name"] for entry in page["data"]], page["has_more"]) == (["agent-0", "agent-1"], True)
    page = project.get("/agents", params={"order": "asc", "limit": 5, "after": page["last_id"]}).json()
    assert ([entry["name"] for entry in page["data"]], page["has_more"]) == (["agent-2", "agent-3", "agent-4"], False)
    before = project.get("/agents", params={"order": "asc", "before": "agent-2"}).json()
    assert [entry["name"] for entry in before["data"]] == ["agent-0", "agent-1"]


def test_an_agent_goes_with_its_last_version_or_as_a_whole(project: httpx2.Client) -> None:
    made(project)
    made(project)
    assert project.delete("/agents/support/versions/1").json() == {
        "object": "agent.version.deleted", "name": "support", "version": "1", "deleted": True,
    }  # fmt: skip
    refusal(project.get("/agents/support/versions/1"), 404)
    assert [one["id"] for one in project.get("/agents/support/versions").json()["data"]] == ["support:2"]
    assert made(project)["id"] == "support:3", "a number is not used twice"
    assert project.delete("/agents/support").json()["deleted"] is True
    refusal(project.get("/agents/support"), 404)
    refusal(project.delete("/agents/support"), 404)


def test_projects_have_agents_of_their_own(project: httpx2.Client, sandbox: EmbeddedSandbox) -> None:
    made(project)
    other = httpx2.get(f"{sandbox.project_url('other')}/agents", params=V1, headers={"api-key": KEY})
    assert other.json()["data"] == []


@pytest.mark.parametrize("name", ["-support", "support-", "sup port", "sup_port", "s" * 64, "größe"])
def test_a_name_has_letters_digits_and_hyphens_in_the_middle(project: httpx2.Client, name: str) -> None:
    error = refusal(project.post(f"/agents/{name}/versions", json={"definition": PROMPT}))
    assert error["param"] == "agent_name"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "definition"),
        ({"definition": {"model": "gpt-4o"}}, "definition.kind"),
        ({"definition": {"kind": "prompt"}}, "definition.model"),
        ({"definition": {"kind": "hosted"}}, "definition.kind"),
        ({"definition": PROMPT | {"max_output_tokens": 16}}, "definition.max_output_tokens"),
        ({"definition": PROMPT | {"text": {"verbosity": "low"}}}, "definition.text.verbosity"),
        ({"definition": PROMPT, "metadata": {"a": 1}}, "metadata.a"),
        ({"definition": PROMPT, "name": "x"}, "name"),
        ({"definition": PROMPT | {"tools": [{"type": "bing_custom_search"}]}}, "definition.tools[0].type"),
        ({"definition": PROMPT | {"tools": [{"type": "connected_agent"}]}}, "definition.tools[0].type"),
        (
            {"definition": PROMPT | {"tools": [{"type": "bing_grounding", "bing_grounding": {"connections": []}}]}},
            "definition.tools[0].bing_grounding.connections",
        ),
        (
            {
                "definition": PROMPT
                | {
                    "tools": [
                        {
                            "type": "bing_grounding",
                            "bing_grounding": {"search_configurations": [{"connection_id": "c"}]},
                        }
                    ]
                }
            },
            "definition.tools[0].bing_grounding.search_configurations[0].connection_id",
        ),
    ],
)
def test_a_version_that_the_service_would_refuse_is_refused(
    project: httpx2.Client, body: dict[str, Any], param: str
) -> None:
    assert refusal(project.post("/agents/support/versions", json=body))["param"] == param
    refusal(project.get("/agents/support"), 404)


def test_the_version_of_the_api_has_to_be_named(sandbox: EmbeddedSandbox) -> None:
    url, headers = f"{sandbox.project_url()}/agents", {"Authorization": f"Bearer {KEY}"}
    assert refusal(httpx2.get(url, headers=headers))["param"] == "api-version"
    assert refusal(httpx2.get(url, headers=headers, params={"api-version": "2020-01-01"}))["param"] == "api-version"
    refusal(httpx2.get(url, params=V1), 401)


def test_agents_are_no_part_of_the_api_without_a_project(http: httpx2.Client, sandbox: EmbeddedSandbox) -> None:
    refusal(http.get("/agents", params=V1), 404)
    inside = f"{sandbox.base_url.removesuffix('/v1')}/project/agents"
    refusal(httpx2.get(inside, params=V1, headers={"Authorization": f"Bearer {KEY}"}), 404)
    named = {"model": "gpt-5.4-mini", "input": "Hello", "agent_reference": {"type": "agent_reference", "name": "a"}}
    assert refusal(http.post("/responses", json=named))["param"] == "agent_reference"


def test_a_response_is_the_agents(project: httpx2.Client) -> None:
    made(project)
    tool = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}
    search = {"type": "sharepoint_grounding_preview"}
    search["sharepoint_grounding_preview"] = {"project_connections": [{"project_connection_id": "c"}]}  # type: ignore[assignment]
    made(project, definition=PROMPT | {"instructions": "Sing.", "tools": [tool, search]})
    latest = {"type": "agent_reference", "name": "support"}
    answer = project.post("/openai/v1/responses", json={"input": "Hello", "agent_reference": latest}).json()
    assert (answer["model"], answer["instructions"]) == ("gpt-4o", "Sing.")
    assert [each["name"] for each in answer["tools"]] == ["look_up"]
    assert answer["agent_reference"] == latest | {"version": "2"}
    first = {"input": "Hello", "agent_reference": latest | {"version": "1"}}
    assert project.post("/openai/v1/responses", json=first).json()["instructions"] == "Answer briefly."


def test_the_older_way_to_name_an_agent_is_refused(project: httpx2.Client) -> None:
    made(project)
    body = {"input": "Hello", "agent": {"type": "agent_reference", "name": "support"}}
    error = refusal(project.post("/openai/v1/responses", json=body))
    assert (error["code"], error["param"]) == ("invalid_payload", "agent")
    assert "agent_reference" in error["message"]


@pytest.mark.parametrize(
    "more", [{"model": "gpt-4o"}, {"instructions": "Sing."}, {"tools": []}, {"text": {}}, {"temperature": 1}]
)
def test_what_the_agent_has_the_request_may_not_say(project: httpx2.Client, more: dict[str, Any]) -> None:
    made(project)
    body = {"input": "Hello", "agent_reference": {"type": "agent_reference", "name": "support"}, **more}
    error = refusal(project.post("/openai/v1/responses", json=body))
    assert (error["code"], error["param"]) == ("invalid_payload", next(iter(more)))


def test_an_agent_that_is_not_there_is_not_found(project: httpx2.Client) -> None:
    made(project)
    for reference in ({"name": "nobody"}, {"name": "support", "version": "2"}):
        body = {"input": "Hello", "agent_reference": {"type": "agent_reference", **reference}}
        refusal(project.post("/openai/v1/responses", json=body), 404)


def test_a_project_serves_the_whole_api(project: httpx2.Client) -> None:
    conversation = project.post("/openai/v1/conversations", json={"metadata": {"a": "b"}}).json()["id"]
    assert project.get(f"/openai/v1/conversations/{conversation}").json()["metadata"] == {"a": "b"}


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "agents", "agents"),
        ("POST", "agents/a/versions", "create-agent"),
        ("DELETE", "agents/a", "delete-agent"),
        ("GET", "agents/a/versions", "agent-versions"),
        ("DELETE", "agents/a/versions/1", "delete-agent-version"),
    ],
)
def test_faults_can_strike_agents_by_name(method: str, path: str, name: str) -> None:
    assert endpoint_of(method, f"/project/{path}") == name


def test_the_official_client_manages_agents(sandbox: EmbeddedSandbox) -> None:
    with official_client(sandbox, "official") as client:
        from azure.ai.projects.models import PromptAgentDefinition

        definition = PromptAgentDefinition(model="gpt-4o", instructions="Answer briefly.")
        version = client.agents.create_version("support", definition=definition, metadata={"migrated_from": "asst_1"})
        assert (version.id, version.version, version.metadata) == ("support:1", "1", {"migrated_from": "asst_1"})
        assert client.agents.get("support").versions.latest.definition.instructions == "Answer briefly."
        assert [agent.name for agent in client.agents.list(limit=1)] == ["support"]
        assert [one.version for one in client.agents.list_versions("support")] == ["1"]
        assert client.agents.get_version("support", "1").name == "support"
        assert client.agents.delete_version("support", "1").deleted is True
        assert list(client.agents.list()) == []


def test_the_official_client_asks_an_agent_in_a_conversation(sandbox: EmbeddedSandbox) -> None:
    with official_client(sandbox, "official") as client, client.get_openai_client() as openai:
        from azure.ai.projects.models import PromptAgentDefinition

        agent = client.agents.create_version("asked", definition=PromptAgentDefinition(model="gpt-4o"))
        conversation = openai.conversations.create()
        answer = openai.responses.create(
            conversation=conversation.id,
            input="Hello",
            extra_body={"agent_reference": {"type": "agent_reference", "name": agent.name, "version": agent.version}},
        )
        assert answer.output_text
        assert len(list(openai.conversations.items.list(conversation.id))) == 2
        client.agents.delete("asked")
