"""`assistants` where the source holds no threads, on hosts with deployments, and with what servers need."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from migrate_cli.replay.suite import load_suite
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sources.export import input_files

from support.exports import thread, thread_id
from support.hosts import KEY, host

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES = Path(__file__).parents[3] / "shared" / "cases"
TUTOR: dict[str, Any] = {"id": "asst_1", "object": "assistant", "name": "Tutor", "model": "gpt-4o", "tools": []}
COOK: dict[str, Any] = TUTOR | {"id": "asst_2", "name": "Cook"}
LIST = {"object": "list", "data": [TUTOR, COOK], "first_id": "asst_1", "last_id": "asst_2", "has_more": False}
SERVER = {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example/docs"}
AGENT = """\
version: 1.0.0
name: my-agent
description: Helps
id: ''
metadata: {authors: [a], tags: [b]}
model: {id: gpt-4o, options: {temperature: 0.2, top_p: 1}}
instructions: Help.
tools:
- type: mcp
  id: docs
  options: {server_url: https://mcp.example/docs, allowed_tools: [fetch]}
- type: azure_ai_search
  options: {index_name: idx}
"""


def saved(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def data_of(cli: Cli, source: Path, *more: str) -> dict[str, Any]:
    outcome = cli("assistants", source, "--output", "json", *more)
    assert outcome.code == 0, outcome.err + outcome.out
    found: dict[str, Any] = outcome.json["data"]
    return found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (TUTOR, ["asst_1"]),
        ([TUTOR, COOK], ["asst_1", "asst_2"]),
        (LIST, ["asst_1", "asst_2"]),
        ([LIST], ["asst_1", "asst_2"]),
        ({"assistants": [TUTOR, COOK]}, ["asst_1", "asst_2"]),
        ({"assistants": LIST}, ["asst_1", "asst_2"]),
        ({"assistants": {"tutor": TUTOR, "cook": COOK}}, ["asst_1", "asst_2"]),
        ({"tutor": TUTOR, "cook": COOK}, ["asst_1", "asst_2"]),
        (f"{json.dumps(TUTOR)}\n{json.dumps(COOK)}\n", ["asst_1", "asst_2"]),
        (f"{json.dumps(TUTOR)}\n", ["asst_1"]),
        (TUTOR | {"object": None}, ["asst_1"]),
        ({"value": [TUTOR, COOK], "nextLink": None}, ["asst_1", "asst_2"]),
        ({"exported_at": "2026-01-01", "files": [], "assistants": [TUTOR]}, ["asst_1"]),
    ],
)
def test_assistants_alone_are_read_however_they_were_saved(
    cli: Cli, tmp_path: Path, content: Any, expected: list[str]
) -> None:
    data = data_of(cli, saved(tmp_path, "saved.json", content))
    assert [(row["assistant_id"], row["known_from"], row["threads"]) for row in data["assistants"]] == [
        (one, "object", 0) for one in expected
    ]


def test_a_folder_of_assistants_is_read(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    saved(folder, "a.json", TUTOR)
    saved(folder, "b.yaml", AGENT)
    saved(folder, "notes.txt", "nothing of ours")
    saved(folder, "compose.yaml", "services:\n  web: {image: x}\n")
    assert {row["name"] for row in data_of(cli, folder)["assistants"]} == {"Tutor", "my-agent"}


def test_a_plan_of_assistants_says_which_command_reads_them(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("plan", saved(tmp_path, "saved.json", LIST))
    assert outcome.code == 2
    assert "migrate-cli assistants" in outcome.err


def test_assistants_beside_a_thread_and_its_messages_are_found(cli: Cli, tmp_path: Path) -> None:
    own = thread(1, 2) | {"assistants": [TUTOR]}
    source = saved(tmp_path, "thread.json", own)
    assert [row["name"] for row in data_of(cli, source)["assistants"]] == ["Tutor"]
    many = saved(tmp_path, "threads.json", {"threads": [thread(2, 2)], "assistants": LIST})
    assert [row["name"] for row in data_of(cli, many)["assistants"]] == ["Tutor", "Cook"]
    planned = cli("plan", many, "--output", "json").json["data"]
    assert "field-not-carried" not in planned["findings"]


@pytest.mark.parametrize(
    "saved_as",
    [
        lambda own: {"conversations": [own], "assistants": [TUTOR]},
        lambda own: {"data": {"threads": [own], "assistants": [TUTOR]}},
        lambda own: {own["thread"]["id"]: own["messages"], "assistants": [TUTOR]},
        lambda own: {"messages": own["messages"], "assistants": [TUTOR]},
        lambda own: [own, TUTOR],
        lambda own: [TUTOR, own],
        lambda own: [*own["messages"], TUTOR],
    ],
)
def test_assistants_are_found_in_whatever_holds_the_threads(cli: Cli, tmp_path: Path, saved_as: Any) -> None:
    source = saved(tmp_path, "saved.json", saved_as(thread(1, 2)))
    assert [row["name"] for row in data_of(cli, source)["assistants"]] == ["Tutor"]
    planned = cli("plan", source, "--output", "json").json
    assert not any(row["frame"] for row in planned["data"]["reading"])
    assert planned["data"]["threads"]["total"] == 1
    assert planned["data"]["messages"]["read"] == 2


def test_lines_of_threads_may_hold_assistants(cli: Cli, tmp_path: Path) -> None:
    source = saved(tmp_path, "saved.jsonl", f"{json.dumps(thread(1, 2))}\n{json.dumps(TUTOR)}\n")
    assert [row["name"] for row in data_of(cli, source)["assistants"]] == ["Tutor"]


def test_two_objects_of_one_assistant_that_differ_are_told(cli: Cli, tmp_path: Path) -> None:
    later = TUTOR | {"instructions": "New."}
    data = data_of(cli, saved(tmp_path, "saved.json", [TUTOR, COOK, later, TUTOR]))
    assert data["findings"]["assistant-repeated"] == 1
    assert "instructions" not in data["assistants"][0]["config"], "the first one counts"
    same = data_of(cli, saved(tmp_path, "same.json", [TUTOR, TUTOR]))
    assert "assistant-repeated" not in same["findings"]


def test_an_object_of_the_host_outweighs_a_description_of_the_same_agent(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    saved(folder, "agent.yaml", AGENT.replace("id: ''", "id: asst_1"))
    saved(folder, "assistants.json", [TUTOR])
    data = data_of(cli, folder)
    assert [row["name"] for row in data["assistants"]] == ["Tutor"]
    assert data["findings"]["assistant-repeated"] == 1


def test_assistants_and_a_line_that_cannot_be_read_end_with_3(cli: Cli, tmp_path: Path) -> None:
    lines = f"{json.dumps(TUTOR)}\n{{broken\n{json.dumps(COOK)}\n"
    outcome = cli("assistants", saved(tmp_path, "saved.jsonl", lines), "--output", "json")
    assert outcome.code == 3
    assert len(outcome.json["data"]["assistants"]) == 2
    assert outcome.json["errors"]


def test_a_list_that_ends_where_there_are_more_is_told(cli: Cli, tmp_path: Path) -> None:
    first = {"object": "list", "data": [TUTOR], "first_id": "asst_1", "last_id": "asst_1", "has_more": True}
    source = tmp_path / "export"
    source.mkdir()
    saved(source, "page-1.json", first)
    assert data_of(cli, source)["findings"]["assistants-incomplete"] == 1
    saved(source, "page-2.json", first | {"data": [COOK], "has_more": False})
    assert "assistants-incomplete" not in data_of(cli, source)["findings"]


def test_an_entry_among_assistants_that_is_none_is_told(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("assistants", saved(tmp_path, "saved.json", [TUTOR, "what?", COOK]), "--output", "json")
    assert outcome.code == 3
    assert len(outcome.json["data"]["assistants"]) == 2
    assert outcome.json["errors"][0]["code"] == "entry-unknown"


def test_an_agent_on_standard_input_is_read(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = SimpleNamespace(buffer=io.BytesIO(AGENT.encode()))
    monkeypatch.setattr(input_files, "sys", SimpleNamespace(stdin=stdin))
    outcome = cli("assistants", "-", "--output", "json")
    assert [row["name"] for row in outcome.json["data"]["assistants"]] == ["my-agent"]


def test_a_broken_agent_file_is_told_with_its_line(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("assistants", saved(tmp_path, "agent.yaml", "name: x\nmodel: {id: a\ninstructions: [\n"))
    assert outcome.code == 2
    assert "not YAML" in outcome.err


def test_an_agents_yaml_keeps_the_name_of_its_deployment(cli: Cli, tmp_path: Path) -> None:
    data = data_of(cli, saved(tmp_path, "agent.yaml", AGENT))
    [row] = data["assistants"]
    assert (row["assistant_id"], row["name"]) == ("my-agent", "my-agent")
    config = row["config"]
    assert (config["model"], config["temperature"], config["instructions"]) == ("gpt-4o", 0.2, "Help.")
    assert config["tools"] == [SERVER | {"allowed_tools": ["fetch"]}]
    assert "source_assistant_id" not in config["metadata"]
    assert row["not_carried"][0]["data"] == {"index_name": "idx"}
    assert data["findings"] == {"model-is-deployment": 1, "tool-not-carried": 1}


@pytest.mark.parametrize("setting", ["source", "target"])
@pytest.mark.parametrize("preset", ["azure", "foundry"])
def test_no_deployment_is_ever_replaced(cli: Cli, tmp_path: Path, setting: str, preset: str) -> None:
    source = saved(tmp_path, "saved.json", TUTOR)
    config = saved(tmp_path, "hosts.yaml", yaml.safe_dump({setting: {"preset": preset}}))
    data = data_of(cli, source, "--config", str(config))
    assert data["assistants"][0]["config"]["model"] == "gpt-4o"
    assert data["findings"] == {"model-is-deployment": 1}
    assert data_of(cli, source)["assistants"][0]["config"]["model"] != "gpt-4o"


def test_a_server_keeps_its_approval_and_the_names_of_its_headers_are_told(cli: Cli, tmp_path: Path) -> None:
    secret = "very-secret-value-1234"
    server = {"server_label": "docs", "headers": {"X-Tenant": secret}, "require_approval": "never"}
    source = saved(tmp_path, "saved.json", TUTOR | {"tools": [SERVER], "tool_resources": {"mcp": [server]}})
    out = tmp_path / "setup"
    outcome = cli("assistants", source, "--out", out, "--code", "python")
    assert outcome.code == 0
    assert "mcp-headers-lost" in outcome.out
    assert "X-Tenant" in outcome.out
    written = [path.read_text("utf-8") for path in out.iterdir()]
    assert not any(secret in text for text in (*written, outcome.out, outcome.err))
    [tool] = load_suite(next(out.glob("*.yaml"))).tools or ()
    assert tool.wire()["require_approval"] == "never"


def test_approval_for_each_tool_is_kept_as_the_api_takes_it(cli: Cli, tmp_path: Path) -> None:
    approval = {"never": {"tool_names": ["fetch"]}, "always": {"tool_names": ["write"]}}
    resources = {"mcp": [{"server_label": "docs", "headers": {}, "require_approval": approval}]}
    source = saved(tmp_path, "saved.json", TUTOR | {"tools": [SERVER], "tool_resources": resources})
    assert data_of(cli, source)["assistants"][0]["config"]["tools"] == [SERVER | {"require_approval": approval}]


def test_what_only_the_newest_run_says_of_a_server_is_taken_from_it(cli: Cli, tmp_path: Path) -> None:
    run = {
        "id": "run_1",
        "object": "thread.run",
        "thread_id": thread_id(1),
        "assistant_id": "asst_1",
        "created_at": 5,
        "status": "completed",
        "model": "gpt-5.4",
        "tools": [SERVER],
        "tool_resources": {"mcp": [{"server_label": "docs", "headers": {"A": "b"}, "require_approval": "never"}]},
    }
    own = thread(1, 2) | {"runs": [run], "assistants": [TUTOR | {"tools": [SERVER]}]}
    data = data_of(cli, saved(tmp_path, "thread.json", own))
    assert data["assistants"][0]["config"]["tools"] == [SERVER | {"require_approval": "never"}]
    assert data["findings"]["mcp-headers-lost"] == 1
    assert data["findings"]["run-differs"] == 1, "the run had another model"


def test_a_model_of_a_request_that_made_an_assistant_is_no_deployment(cli: Cli, tmp_path: Path) -> None:
    request = {"name": "Tutor", "model": "gpt-4o", "instructions": "Teach.", "tools": []}
    data = data_of(cli, saved(tmp_path, "request.json", request))
    assert data["findings"] == {"model-going": 1}
    assert data["assistants"][0]["config"]["instructions"] == "Teach."


def test_fields_of_another_form_are_told(cli: Cli, tmp_path: Path) -> None:
    data = data_of(cli, saved(tmp_path, "saved.json", TUTOR | {"tools": 5, "metadata": "blue"}))
    assert data["findings"]["field-not-carried"] == 2


def test_every_field_that_cannot_be_carried_is_named(cli: Cli, tmp_path: Path) -> None:
    odd = TUTOR | {
        "favourite_colour": "blue",
        "nothing": None,
        "tools": [{"type": "file_search", "file_search": {"depth": 3}}],
        "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"], "vector_stores": [{"x": 1}]}, "tea": {"a": 1}},
    }
    outcome = cli("assistants", saved(tmp_path, "saved.json", odd), "--output", "json")
    details = [row["detail"] for row in outcome.json["data"]["finding_list"] if row["code"] == "field-not-carried"]
    told = " ".join(details)
    for path in ("favourite_colour", "tools.file_search.depth", "tool_resources.file_search.vector_stores"):
        assert path in told
    assert "tool_resources.tea" in told
    assert "nothing" not in told
    assert "blue" not in told


def test_saved_agents_of_a_project_become_configurations(cli: Cli, tmp_path: Path) -> None:
    if not CASES.is_dir():
        pytest.skip("the cases are not there")
    folder = CASES / "06-foundry-assistant-tools"
    for name in ("assistants.json", "only", "one.json", "folder"):
        data = data_of(cli, folder / name)
        [row] = data["assistants"]
        left = {tool["type"]: tool for tool in row["not_carried"]}
        assert len(left) == 8
        assert left["azure_ai_search"]["data"]["indexes"][0]["index_name"] == "idx"
        assert all(tool["successor"] for tool in left.values())
        assert [tool["type"] for tool in row["config"]["tools"]] == [
            "mcp",
            "code_interpreter",
            "file_search",
            "function",
        ]
    assert data_of(cli, folder / "agent.yaml")["assistants"][0]["config"]["model"] == "gpt-4o"
    out = tmp_path / "out"
    outcome = cli("assistants", CASES / "38-mcp-never-approval", "--out", out)
    assert outcome.code == 0
    [tool] = load_suite(out / "mcp-agent.yaml").tools or ()
    assert tool.given["require_approval"] == "never"
    assert "mcp-headers-lost" in outcome.out


@pytest.mark.parametrize("preset", [SourcePreset.FOUNDRY, SourcePreset.SELF_HOSTED])
def test_a_host_tells_its_assistants_where_no_thread_is_named(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: SourcePreset
) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    with host(tmp_path, FIXTURES, preset) as running:
        settings = {"source": {"kind": "api", "preset": preset.value, "base_url": running.url}}
        config = saved(tmp_path, "host.yaml", yaml.safe_dump(settings))
        outcome = cli("assistants", "--config", config, "--output", "json")
    assert outcome.code == 0, outcome.err + outcome.out
    rows = outcome.json["data"]["assistants"]
    assert len(rows) == 3
    assert {row["known_from"] for row in rows} == {"object"}
