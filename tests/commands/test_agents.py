"""`assistants --create`: each assistant becomes an agent once, whatever happens, and `undo` takes back ours alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from migrate_cli.replay.suite import load_suite
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

pytest.importorskip("azure.ai.projects")

KEY = "sk-test-key-0123456789"
BING = {"type": "bing_grounding", "bing_grounding": {"search_configurations": [{"connection_id": "/connections/bing"}]}}


@pytest.fixture
def project(target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx2.Client]:
    """The target is a project of Foundry; this asks it."""
    monkeypatch.setenv("OPENAI_BASE_URL", target.project_url())
    monkeypatch.setenv("MIGRATE_TARGET__PRESET", "foundry")
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=target.project_url(), headers=headers, params={"api-version": "v1"}) as client:
        yield client


def assistant(own_id: str, name: str | None, **more: Any) -> dict[str, Any]:
    return {"id": own_id, "object": "assistant", "name": name, "model": "gpt-4o", "instructions": "Be brief.", **more}


def export(folder: Path, *assistants: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for one in assistants:
        (folder / f"{one['id']}.json").write_text(json.dumps(one))
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return export(tmp_path / "export", assistant("asst_shop", "Lamp Shop"), assistant("asst_help", "Help"))


def agents(project: httpx2.Client) -> dict[str, dict[str, str]]:
    """The latest version's metadata of each agent, by `name:version`."""
    found = [entry["versions"]["latest"] for entry in project.get("/agents", params={"limit": 100}).json()["data"]]
    return {one["id"]: one["metadata"] for one in found}


def outcomes(envelope: dict[str, Any]) -> dict[str, str]:
    return {row["assistant_id"]: row["agent"]["outcome"] for row in envelope["data"]["assistants"]}


@pytest.fixture
def create(cli: Cli) -> Callable[..., dict[str, Any]]:
    def go(source: Path, *args: object) -> dict[str, Any]:
        return cli("assistants", source, "--create", "--yes", *args, "--output", "json").json

    return go


Create = Callable[..., dict[str, Any]]


def faults(target: EmbeddedSandbox, *rules: str) -> None:
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        control.post("/faults", json={"rules": list(rules)})


def test_each_assistant_becomes_an_agent_that_map_knows_in_both_directions(
    cli: Cli, create: Create, shop: Path, project: httpx2.Client
) -> None:
    made = create(shop)
    assert (made["exit_code"], made["data"]["agents"]) == (0, {"made": 2})
    assert {own: pairs["migrated_from"] for own, pairs in agents(project).items()} == {
        "Lamp-Shop:1": "asst_shop",
        "Help:1": "asst_help",
    }
    rows = cli("map", "asst_shop", "Help:1", "Help", "--output", "json").json["data"]["rows"]
    assert [(row["found"], row["assistant_id"], row["agent"], row["status"]) for row in rows] == [
        ("assistant", "asst_shop", "Lamp-Shop:1", "made"),
        ("agent", "asst_help", "Help:1", "made"),
        ("agent", "asst_help", "Help:1", "made"),
    ]
    exported = cli("map", "export", "--level", "agents").out.splitlines()
    assert exported[0] == "assistant_id,agent,name,version,status,run_id,updated_at"
    assert sorted(line.split(",")[1] for line in exported[1:]) == ["Help:1", "Lamp-Shop:1"]


def test_nothing_is_made_without_a_yes(cli: Cli, shop: Path, project: httpx2.Client) -> None:
    asked = cli("assistants", shop, "--create")
    assert asked.code == 2
    assert "this would make 2 agents" in asked.err
    assert "--yes" in asked.err
    dry = cli("assistants", shop, "--create", "--dry-run", "--output", "json").json
    assert (dry["exit_code"], dry["data"]["dry_run"], dry["data"]["agents"]) == (0, True, {"make": 2})
    assert [row["agent"]["agent"] for row in dry["data"]["assistants"]] == [None, None]
    assert agents(project) == {}
    assert not Path("migration.db").exists()


def test_a_dry_run_looks_at_what_is_there(cli: Cli, create: Create, shop: Path, project: httpx2.Client) -> None:
    create(shop, "--assistant", "asst_help")
    project.post("/agents/Lamp-Shop/versions", json={"definition": {"kind": "prompt", "model": "gpt-4o"}})
    dry = cli("assistants", shop, "--create", "--dry-run", "--output", "json").json
    assert outcomes(dry) == {"asst_help": "there", "asst_shop": "name-taken"}


def test_running_it_again_makes_nothing(create: Create, shop: Path, project: httpx2.Client) -> None:
    create(shop)
    again = create(shop)
    assert (again["exit_code"], again["data"]["agents"]) == (0, {"there": 2})
    assert len(agents(project)) == 2


def test_a_lost_state_file_loses_no_agent(cli: Cli, create: Create, shop: Path, project: httpx2.Client) -> None:
    create(shop)
    assert create(shop, "--state", "other.db")["data"]["agents"] == {"there": 2}
    found = cli("map", "asst_shop", "--state", "other.db", "--output", "json").json["data"]["rows"]
    assert found[0]["agent"] == "Lamp-Shop:1"
    assert cli("undo", "--all", "--yes", "--state", "other.db").code == 0
    assert agents(project) == {}


@pytest.mark.parametrize("fault", ["reset-after", "500-after", "cut", "break", "html-after"])
def test_an_answer_that_is_lost_makes_no_second_version(
    create: Create, shop: Path, project: httpx2.Client, target: EmbeddedSandbox, fault: str
) -> None:
    faults(target, f"create-agent:{fault}:count=2")
    made = create(shop)
    assert (made["exit_code"], made["data"]["agents"]) == (0, {"made": 2})
    for name in ("Help", "Lamp-Shop"):
        assert [one["version"] for one in project.get(f"/agents/{name}/versions").json()["data"]] == ["1"]


@pytest.mark.parametrize("fault", ["reset-before", "429", "503", "hang:seconds=0.1"])
def test_what_was_not_done_is_sent_again(
    create: Create, shop: Path, project: httpx2.Client, target: EmbeddedSandbox, fault: str
) -> None:
    faults(target, f"create-agent:{fault}:count=2")
    assert create(shop)["data"]["agents"] == {"made": 2}
    assert set(agents(project)) == {"Help:1", "Lamp-Shop:1"}


def test_a_request_that_is_carried_out_late_leaves_one_version(
    create: Create, tmp_path: Path, project: httpx2.Client, target: EmbeddedSandbox
) -> None:
    faults(target, "create-agent:late:count=1:seconds=0.4")
    made = create(export(tmp_path / "export", assistant("asst_help", "Help")))
    assert made["exit_code"] == 0
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        control.post("/land")
    made = create(tmp_path / "export")
    assert made["data"]["agents"] == {"there": 1}


def test_an_agent_of_somebody_else_stays_as_it_is_and_the_rest_is_made(
    create: Create, shop: Path, project: httpx2.Client
) -> None:
    theirs = {"definition": {"kind": "prompt", "model": "gpt-4o"}, "metadata": {"owner": "somebody"}}
    project.post("/agents/lamp-shop/versions", json=theirs)
    made = create(shop)
    assert (made["exit_code"], outcomes(made)) == (3, {"asst_help": "made", "asst_shop": "name-taken"})
    [told] = made["errors"]
    assert told["code"] == "agent-name-taken"
    assert "asst_shop: the project has an agent lamp-shop that is not part of this migration" in told["message"]
    assert set(agents(project)) == {"lamp-shop:1", "Help:1"}


def test_an_assistant_that_has_changed_gets_a_further_version(
    cli: Cli, create: Create, shop: Path, project: httpx2.Client
) -> None:
    create(shop)
    export(shop, assistant("asst_help", "Help") | {"instructions": "Sing."})
    made = create(shop)
    assert outcomes(made) == {"asst_help": "made", "asst_shop": "there"}
    assert set(agents(project)) == {"Lamp-Shop:1", "Help:2"}
    rows = cli("map", "asst_help", "--output", "json").json["data"]["rows"]
    assert {row["agent"]: row["status"] for row in rows} == {"Help:1": "replaced", "Help:2": "made"}


def test_an_agent_that_is_not_as_it_was_sent_is_told(create: Create, shop: Path, project: httpx2.Client) -> None:
    assert "agent-differs" not in create(shop)["data"]["findings"]
    ours = project.get("/agents/Help").json()["versions"]["latest"]
    changed = {"definition": ours["definition"] | {"instructions": "Sing."}, "metadata": ours["metadata"]}
    project.post("/agents/Help/versions", json=changed)
    again = create(shop)
    assert again["data"]["findings"]["agent-differs"] == 1
    [row] = [row["agent"] for row in again["data"]["assistants"] if row["assistant_id"] == "asst_help"]
    assert (row["agent"], row["outcome"], row["differs"]) == ("Help:2", "there", ["instructions"])


def test_an_agent_keeps_its_name_when_the_assistant_gets_another(
    create: Create, shop: Path, project: httpx2.Client
) -> None:
    create(shop)
    create(export(shop, assistant("asst_help", "Helper")))
    assert set(agents(project)) == {"Lamp-Shop:1", "Help:2"}


def test_an_agent_that_somebody_went_on_with_is_left_alone(create: Create, shop: Path, project: httpx2.Client) -> None:
    create(shop)
    project.post("/agents/Help/versions", json={"definition": {"kind": "prompt", "model": "gpt-5"}})
    assert outcomes(create(shop)) == {"asst_help": "there", "asst_shop": "there"}
    export(shop, assistant("asst_help", "Help") | {"instructions": "Sing."})
    made = create(shop)
    assert (made["exit_code"], outcomes(made)["asst_help"]) == (3, "continued")
    assert len(project.get("/agents/Help/versions").json()["data"]) == 2


def test_two_assistants_of_one_name_become_two_agents(create: Create, tmp_path: Path, project: httpx2.Client) -> None:
    source = export(tmp_path / "export", assistant("asst_one", "Help"), assistant("asst_two", "help"))
    made = create(source)
    assert made["data"]["findings"]["agent-name-changed"] == 2
    assert set(agents(project)) == {"Help-asstone:1", "help-assttwo:1"}
    assert create(source, "--assistant", "asst_two")["data"]["agents"] == {"there": 1}


def test_connections_come_from_the_map_and_one_that_it_lacks_is_told(
    create: Create, tmp_path: Path, project: httpx2.Client
) -> None:
    source = export(tmp_path / "export", assistant("asst_help", "Help", tools=[BING]))
    lacking = create(source)
    assert lacking["exit_code"] == 0
    assert lacking["data"]["findings"]["connection-not-mapped"] == 1
    assert "tools" not in project.get("/agents/Help").json()["versions"]["latest"]["definition"]
    (tmp_path / "connections.yaml").write_text("/connections/bing: /new/bing\n")
    assert create(source, "--connections", tmp_path / "connections.yaml")["data"]["agents"] == {"made": 1}
    latest = project.get("/agents/Help").json()["versions"]["latest"]
    assert latest["version"] == "2"
    assert latest["definition"]["tools"] == [
        {
            "type": "bing_grounding",
            "bing_grounding": {"search_configurations": [{"project_connection_id": "/new/bing"}]},
        }
    ]


def test_connections_of_the_same_project_stay_as_they_are(
    create: Create, tmp_path: Path, project: httpx2.Client, monkeypatch: pytest.MonkeyPatch, target: EmbeddedSandbox
) -> None:
    monkeypatch.setenv("SOURCE_BASE_URL", target.project_url())
    create(export(tmp_path / "export", assistant("asst_help", "Help", tools=[BING])))
    [tool] = project.get("/agents/Help").json()["versions"]["latest"]["definition"]["tools"]
    assert tool["bing_grounding"]["search_configurations"] == [{"project_connection_id": "/connections/bing"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "holds no map of connections"),
        ("bing: 1\n", "connections.yaml:1: bing has no connection id"),
        ("bing: a\nbing: b\n", "is already in line 1"),
        ("bing: [\n", "connections.yaml:"),
    ],
)
def test_a_map_of_connections_that_is_none_is_refused_with_its_place(
    cli: Cli, shop: Path, project: httpx2.Client, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "connections.yaml").write_text(text)
    outcome = cli("assistants", shop, "--create", "--yes", "--connections", "connections.yaml")
    assert outcome.code == 2
    assert said in outcome.err
    assert agents(project) == {}


def test_an_agent_without_a_model_is_told_and_the_rest_is_made(
    create: Create, tmp_path: Path, project: httpx2.Client
) -> None:
    made = create(export(tmp_path / "export", assistant("asst_a", "A", model=None), assistant("asst_b", "B")))
    assert (made["exit_code"], outcomes(made)) == (3, {"asst_a": "no-model", "asst_b": "made"})


def test_what_the_target_refuses_is_told_and_the_rest_is_made(
    create: Create, tmp_path: Path, project: httpx2.Client, target: EmbeddedSandbox
) -> None:
    faults(target, "create-agent:413:path=/A/")
    made = create(export(tmp_path / "export", assistant("asst_a", "A"), assistant("asst_b", "B")))
    assert (made["exit_code"], outcomes(made)) == (3, {"asst_a": "refused", "asst_b": "made"})
    assert made["errors"][0]["code"] == "agent-refused"


@pytest.mark.parametrize("lie", ["ignore-after", "never-more", "always-more"])
def test_a_target_that_lists_badly_gets_no_agent_twice(
    create: Create,
    tmp_path: Path,
    project: httpx2.Client,
    target: EmbeddedSandbox,
    monkeypatch: pytest.MonkeyPatch,
    lie: str,
) -> None:
    monkeypatch.setattr("migrate_cli.target.agents.PAGE", 5)
    source = export(tmp_path / "export", *(assistant(f"asst_{number}", f"A{number}") for number in range(12)))
    create(source)
    faults(target, f"agents,agent-versions:{lie}")
    assert create(source)["data"]["agents"] == {"there": 12}
    faults(target)
    assert len(agents(project)) == 12
    assert all(agent.endswith(":1") for agent in agents(project))


# ---- undo


def test_undo_takes_back_what_it_made(cli: Cli, create: Create, shop: Path, project: httpx2.Client) -> None:
    run = create(shop)["run_id"]
    dry = cli("undo", "--run", run, "--dry-run", "--output", "json").json["data"]
    assert (dry["agents"], sorted(dry["would_delete_agents"])) == (2, ["Help", "Lamp-Shop"])
    assert cli("undo", "--run", run).code == 2
    assert cli("status", "--output", "json").json["data"]["agents"] == 2
    undone = cli("undo", "--run", run, "--yes", "--output", "json").json
    assert undone["data"]["message"] == "2 agents are undone: 2 versions were deleted."
    assert (undone["exit_code"], undone["data"]["agents"]["deleted"], undone["data"]["agents"]["versions"]) == (0, 2, 2)
    assert agents(project) == {}
    rows = cli("map", "asst_shop", "--output", "json").json["data"]["rows"]
    assert [row["status"] for row in rows] == ["undone"]
    assert create(shop)["data"]["agents"] == {"made": 2}


def test_undo_leaves_versions_that_are_not_ours(cli: Cli, create: Create, shop: Path, project: httpx2.Client) -> None:
    create(shop)
    project.post("/agents/Help/versions", json={"definition": {"kind": "prompt", "model": "gpt-5"}})
    project.delete("/agents/Lamp-Shop")
    project.post("/agents/Lamp-Shop/versions", json={"definition": {"kind": "prompt", "model": "gpt-5"}})
    undone = cli("undo", "--all", "--yes", "--output", "json").json
    assert undone["exit_code"] == 3
    assert undone["data"]["agents"] | {"versions": 1} == {
        "deleted": 1, "gone": 0, "kept": 1, "refused": 0, "unfinished": 0, "versions": 1,
    }  # fmt: skip
    assert [error["code"] for error in undone["errors"]] == ["agent-kept"]
    assert set(agents(project)) == {"Help:2", "Lamp-Shop:1"}


def test_what_is_gone_already_counts_as_undone(cli: Cli, create: Create, shop: Path, project: httpx2.Client) -> None:
    create(shop)
    project.delete("/agents/Help")
    undone = cli("undo", "--all", "--yes", "--output", "json").json
    assert (undone["exit_code"], undone["data"]["agents"]["gone"], undone["data"]["agents"]["deleted"]) == (0, 1, 1)


@pytest.mark.parametrize("fault", ["reset-after", "500-after", "429"])
def test_a_delete_whose_answer_is_lost_is_looked_after(
    cli: Cli, create: Create, shop: Path, project: httpx2.Client, target: EmbeddedSandbox, fault: str
) -> None:
    create(shop)
    faults(target, f"delete-agent:{fault}:count=2")
    undone = cli("undo", "--all", "--yes", "--output", "json").json
    assert (undone["exit_code"], undone["data"]["agents"]["deleted"]) == (0, 2)
    assert agents(project) == {}


def test_conversations_and_agents_go_together(cli: Cli, create: Create, tmp_path: Path, project: httpx2.Client) -> None:
    source = export(write_export(tmp_path / "export", [2, 2]), assistant("asst_help", "Help"))
    create(source)
    assert cli("apply", source).code == 0, "the state file that agents began takes threads too"
    assert cli("verify", source).code == 0
    foreseen = cli("undo", "--all", "--dry-run").out
    assert "Would delete 4 items, 2 conversations and 1 agent" in foreseen
    undone = cli("undo", "--all", "--yes", "--output", "json").json["data"]
    assert (undone["conversations"]["deleted"], undone["agents"]["deleted"]) == (2, 1)
    assert agents(project) == {}


# ---- what it refuses


def test_only_foundry_has_agents(cli: Cli, shop: Path, target: EmbeddedSandbox) -> None:
    outcome = cli("assistants", shop, "--create", "--yes")
    assert outcome.code == 2
    assert "target.preset: foundry" in outcome.err


def test_a_target_outside_of_a_project_is_refused(
    cli: Cli, shop: Path, project: httpx2.Client, monkeypatch: pytest.MonkeyPatch, target: EmbeddedSandbox
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", target.base_url)
    outcome = cli("assistants", shop, "--create", "--yes")
    assert outcome.code == 2
    assert "names none" in outcome.err


def test_without_the_package_it_says_what_to_install(
    cli: Cli, shop: Path, project: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "azure.ai.projects.aio", None)
    outcome = cli("assistants", shop, "--create", "--yes")
    assert outcome.code == 2
    assert "pip install azure-ai-projects" in outcome.err
    assert cli("assistants", shop).code == 0, "configurations need no package"


def test_another_target_than_the_state_files_is_refused(
    cli: Cli,
    create: Create,
    shop: Path,
    project: httpx2.Client,
    monkeypatch: pytest.MonkeyPatch,
    target: EmbeddedSandbox,
) -> None:
    create(shop)
    monkeypatch.setenv("OPENAI_BASE_URL", target.project_url("other"))
    outcome = cli("assistants", shop, "--create", "--yes")
    assert outcome.code == 10
    assert "belongs to another source, target or settings" in outcome.err


def test_options_of_agents_mean_nothing_alone(cli: Cli, shop: Path) -> None:
    outcome = cli("assistants", shop, "--dry-run")
    assert outcome.code == 2
    assert "--create" in outcome.err


def test_files_that_are_there_are_refused_before_anything_is_made(
    cli: Cli, shop: Path, project: httpx2.Client, tmp_path: Path
) -> None:
    (tmp_path / "setup").mkdir()
    (tmp_path / "setup" / "help.yaml").write_text("mine")
    assert cli("assistants", shop, "--create", "--yes", "--out", tmp_path / "setup").code == 2
    assert agents(project) == {}


# ---- what is made of them


def test_a_suite_and_code_name_the_agent_and_work(
    cli: Cli, create: Create, tmp_path: Path, project: httpx2.Client
) -> None:
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
    source = export(tmp_path / "export", assistant("asst_help", "Help", tools=[tool]))
    create(source, "--out", tmp_path / "setup", "--code", "python")
    [file] = (tmp_path / "setup").glob("*.yaml")
    suite = load_suite(file)
    assert "Each request names the agent" in file.read_text()
    assert suite.agent is not None
    assert (suite.agent.name, suite.agent.version, suite.model) == ("Help", "1", None)
    assert [each.name for each in suite.tools or ()] == ["look_up"]
    [program] = (tmp_path / "setup").glob("*.py")
    assert "'agent_reference': {'type': 'agent_reference', 'name': 'Help', 'version': '1'}" in program.read_text()
    replayed = cli("replay", file, "--mode", "stateless", "--output", "json").json
    assert replayed["exit_code"] == 0
    later = cli("assistants", source, "--output", "json").json["data"]
    assert yaml.safe_load(later["verbatim"])["agent"] == {"name": "Help", "version": "1"}


def test_the_program_asks_the_agent(
    create: Create, tmp_path: Path, project: httpx2.Client, target: EmbeddedSandbox
) -> None:
    source = export(tmp_path / "export", assistant("asst_help", "Help"))
    create(source, "--out", tmp_path / "setup", "--code", "python")
    [program] = (tmp_path / "setup").glob("*.py")
    address = {"OPENAI_BASE_URL": f"{target.project_url()}/openai/v1", "OPENAI_API_KEY": KEY}
    run = subprocess.run(
        [sys.executable, program, "Which lamp?"], env=os.environ | address, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()


def test_cases_that_name_an_agent_are_replayed_on_copies_and_in_place(
    cli: Cli, create: Create, tmp_path: Path, project: httpx2.Client
) -> None:
    source = export(write_export(tmp_path / "export", [2]), assistant("asst_help", "Help"))
    create(source)
    assert cli("apply", source).code == 0
    case = {"id": "a", "conversation": thread_id(1), "input": "What did I ask?"}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump({"agent": {"name": "Help", "version": 1}, "cases": [case]}))
    for mode in ("copy", "in-place", "chain"):
        outcome = cli("replay", "suite.yaml", "--mode", mode, "--output", "json").json
        assert outcome["exit_code"] == 0, outcome


@pytest.mark.parametrize(
    ("more", "preset", "args", "said"),
    [
        ({}, "openai", (), "target.preset: foundry"),
        ({}, "foundry", ("--model", "gpt-5.5"), "--model"),
        ({}, "foundry", ("--max-cost", "1"), "--max-tokens"),
        ({"tools": [{"type": "web_search"}]}, "foundry", (), "take web_search out of the suite"),
    ],
)
def test_a_suite_with_an_agent_that_cannot_be_asked_is_refused(
    cli: Cli,
    create: Create,
    shop: Path,
    project: httpx2.Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    more: dict[str, Any],
    preset: str,
    args: tuple[str, ...],
    said: str,
) -> None:
    create(shop)
    suite = {"agent": {"name": "Help"}, "cases": [{"id": "a", "input": "Hi"}], **more}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    monkeypatch.setenv("MIGRATE_TARGET__PRESET", preset)
    outcome = cli("replay", "suite.yaml", "--mode", "stateless", *args)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_rehearsal_makes_agents_in_the_sandbox(
    cli: Cli, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_TARGET__PRESET", "foundry")
    made = cli("assistants", shop, "--create", "--yes", "--target", "sandbox", "--output", "json").json
    assert (made["exit_code"], made["data"]["agents"], made["data"]["rehearsal"]) == (0, {"made": 2}, True)
    assert Path("migration.rehearsal.db").is_file()
    assert not Path("migration.db").exists()
    again = cli("assistants", shop, "--create", "--yes", "--target", "sandbox", "--output", "json").json
    assert again["data"]["agents"] == {"there": 2}
    assert cli("undo", "--all", "--yes", "--rehearsal").code == 0


@pytest.mark.parametrize("fmt", ["text", "markdown", "html", "junit"])
def test_every_format_shows_what_was_made(cli: Cli, shop: Path, project: httpx2.Client, fmt: str) -> None:
    outcome = cli("assistants", shop, "--create", "--yes", "--output", fmt)
    assert outcome.code == 0
    assert fmt == "junit" or "2 agents were made at" in " ".join(outcome.out.split())


def test_no_key_and_no_instructions_are_noted(create: Create, shop: Path, project: httpx2.Client) -> None:
    create(shop)
    for file in Path().glob("migration.db*"):
        held = file.read_bytes()
        assert KEY.encode() not in held
        assert b"Be brief." not in held, file
