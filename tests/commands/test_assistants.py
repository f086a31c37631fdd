"""`assistants`: response configurations as suites and as programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import yaml
from migrate_cli.replay.suite import load_suite
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import message, thread, thread_id

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

SHOP: dict[str, Any] = {
    "id": "asst_shop",
    "object": "assistant",
    "name": "Lamp Shop: Größe \U0001f4a1\nsupport",
    "model": "gpt-4o",
    "instructions": "Be brief.\nNever promise: dates.\n",
    "tools": [
        {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}},
        {"type": "file_search"},
        {"type": "code_interpreter"},
        {"type": "bing_grounding"},
    ],
    "tool_resources": {"file_search": {"vector_store_ids": ["vs_own"]}},
    "response_format": {"type": "json_object"},
    "metadata": {"team": "blue"},
}


def export(folder: Path, *assistants: dict[str, Any], threads: tuple[dict[str, Any], ...] = ()) -> Path:
    folder.mkdir()
    for assistant in assistants:
        (folder / f"{assistant['id']}.json").write_text(json.dumps(assistant))
    for own in threads or (thread(1, 2),):
        (folder / f"{own['thread']['id']}.json").write_text(json.dumps(own))
    return folder


def run_of(assistant: str, at: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"run_{at}",
        "object": "thread.run",
        "thread_id": thread_id(1),
        "assistant_id": assistant,
        "created_at": at,
        "status": "completed",
        **more,
    }


def test_the_yaml_is_a_suite_that_replay_reads(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("assistants", export(tmp_path / "export", SHOP), "--out", tmp_path / "setup")
    assert outcome.code == 0
    [file] = (tmp_path / "setup").iterdir()
    assert file.name == "lamp-shop-groe-support.yaml"
    suite = load_suite(file)
    assert suite.model == "gpt-6-luna"
    assert suite.instructions == SHOP["instructions"]
    assert [tool.name for tool in suite.tools or ()] == ["look_up", "file_search", "code_interpreter"]
    assert suite.text == {"format": {"type": "json_object"}}
    assert suite.cases[0].input


def test_what_is_lost_is_told_in_the_report_and_in_the_head_of_the_file(cli: Cli, tmp_path: Path) -> None:
    source = export(tmp_path / "export", SHOP)
    data = cli("assistants", source, "--output", "json").json["data"]
    assert data["findings"]["tool-not-carried"] == 1
    assert data["findings"]["model-going"] == 1
    outcome = cli("assistants", source)
    assert "# tool-not-carried: Assistant asst_shop: the tool bing_grounding" in outcome.out
    assert "tool-not-carried" in outcome.err
    assert yaml.safe_load(outcome.out)["model"] == "gpt-6-luna"


def test_quietly_only_the_text_is_written(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("assistants", export(tmp_path / "export", SHOP), "--output", "json", "--quiet")
    assert outcome.err == ""


def test_markdown_is_asked_for_on_request(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("assistants", export(tmp_path / "export", SHOP | {"response_format": "auto"}), "--markdown")
    assert "Markdown" in yaml.safe_load(outcome.out)["instructions"]
    in_json = cli("assistants", export(tmp_path / "json", SHOP), "--markdown")
    assert "Markdown" not in yaml.safe_load(in_json.out)["instructions"]
    assert "markdown-not-asked" in in_json.err


def test_the_python_program_compiles_and_is_written_beside_the_suite(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "setup"
    assert cli("assistants", export(tmp_path / "export", SHOP), "--code", "python", "--out", out).code == 0
    [program] = out.glob("*.py")
    subprocess.run([sys.executable, "-W", "error", "-m", "py_compile", program], check=True)
    assert len(list(out.glob("*.yaml"))) == 1


def test_the_python_program_streams_an_answer_in_a_conversation(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    out = tmp_path / "setup"
    plain = SHOP | {"tools": [], "tool_resources": {}, "response_format": "auto"}
    cli("assistants", export(tmp_path / "export", plain), "--code", "python", "--out", out)
    [program] = out.glob("*.py")
    conversation = httpx2.post(
        f"{target.base_url}/conversations", json={}, headers={"Authorization": "Bearer any-key"}
    ).json()["id"]
    command = [sys.executable, str(program), "Which lamp is the brightest?", conversation]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()
    [(_, _, items)] = [entry for entry in read_conversations(target.data) if entry[0] == conversation]
    assert len(items) == 2, "the question and its answer were added"


def test_one_program_goes_to_stdout_and_several_need_a_folder(cli: Cli, tmp_path: Path) -> None:
    source = export(tmp_path / "export", SHOP, SHOP | {"id": "asst_other"})
    outcome = cli("assistants", source, "--code", "python")
    assert outcome.code == 2
    assert "--out" in outcome.err
    one = cli("assistants", source, "--code", "python", "--assistant", "asst_shop")
    assert one.code == 0
    compile(one.out, "program", "exec")


def test_two_assistants_of_one_name_get_files_of_their_own(cli: Cli, tmp_path: Path) -> None:
    source = export(tmp_path / "export", SHOP, SHOP | {"id": "asst_other"}, SHOP | {"id": "asst_third", "name": None})
    data = cli("assistants", source, "--out", tmp_path / "setup", "--output", "json").json["data"]
    files = [file for row in data["assistants"] for file in row["files"]]
    assert len(set(files)) == 3
    assert all(Path(file).is_file() for file in files)


def test_nothing_is_overwritten_without_being_told(cli: Cli, tmp_path: Path) -> None:
    source, out = export(tmp_path / "export", SHOP), tmp_path / "setup"
    cli("assistants", source, "--out", out)
    [file] = out.iterdir()
    file.write_text("mine")
    outcome = cli("assistants", source, "--out", out)
    assert outcome.code == 2
    assert file.read_text() == "mine"
    assert cli("assistants", source, "--out", out, "--force").code == 0
    assert file.read_text() != "mine"


def test_an_assistant_known_only_from_runs_takes_the_settings_of_the_newest(cli: Cli, tmp_path: Path) -> None:
    own = thread(1, 2) | {
        "runs": [
            run_of("asst_gone", 200, model="gpt-5.4", instructions="New."),
            run_of("asst_gone", 100, model="gpt-4o", instructions="Old."),
        ]
    }
    data = cli("assistants", export(tmp_path / "export", threads=(own,)), "--output", "json").json["data"]
    [row] = data["assistants"]
    assert (row["assistant_id"], row["known_from"]) == ("asst_gone", "run")
    assert row["config"]["instructions"] == "New."
    assert data["findings"]["assistant-inferred"] == 1


def test_an_assistant_that_only_messages_name_is_not_forgotten(cli: Cli, tmp_path: Path) -> None:
    own = thread(1, 2)
    own["messages"][1] = message(thread_id(1), 1, assistant_id="asst_voice")
    data = cli("assistants", export(tmp_path / "export", threads=(own,)), "--output", "json").json["data"]
    assert [(row["assistant_id"], row["known_from"]) for row in data["assistants"]] == [("asst_voice", "message")]
    assert data["findings"]["model-missing"] == 1


def test_the_resources_of_its_threads_come_back_and_are_listed_by_thread(cli: Cli, tmp_path: Path) -> None:
    threads = []
    for number in (1, 2):
        own = thread(number, 1) | {"runs": [run_of("asst_shop", number) | {"thread_id": thread_id(number)}]}
        own["thread"]["tool_resources"] = {
            "file_search": {"vector_store_ids": [f"vs_{number}"]},
            "code_interpreter": {"file_ids": ["file-both"]},
        }
        threads.append(own)
    source = export(tmp_path / "export", SHOP, threads=tuple(threads))
    data = cli("assistants", source, "--output", "json").json["data"]
    [row] = data["assistants"]
    tools = {tool["type"]: tool for tool in row["config"]["tools"]}
    assert tools["file_search"]["vector_store_ids"] == ["vs_own", "vs_1", "vs_2"]
    assert tools["code_interpreter"]["container"] == {"type": "auto", "file_ids": ["file-both"]}
    assert [entry["thread_id"] for entry in data["threads"]] == [thread_id(1), thread_id(2)]
    assert data["findings"]["thread-resources-joined"] == 1
    one = cli("assistants", source, "--thread", thread_id(2), "--output", "json").json["data"]
    tools = {tool["type"]: tool for tool in one["assistants"][0]["config"]["tools"]}
    assert tools["file_search"]["vector_store_ids"] == ["vs_own", "vs_2"]


def test_an_unknown_assistant_is_a_mistake_that_names_the_known_ones(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("assistants", export(tmp_path / "export", SHOP), "--assistant", "asst_nobody")
    assert outcome.code == 2
    assert "asst_shop" in outcome.err


def test_a_source_without_assistants_is_refused_with_what_to_do(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("assistants", export(tmp_path / "export"))
    assert outcome.code == 2
    assert "holds no assistant" in outcome.err
    assert "agent's YAML" in outcome.err


def test_every_format_shows_the_report(cli: Cli, tmp_path: Path) -> None:
    source = export(tmp_path / "export", SHOP)
    for number, fmt in enumerate(("text", "markdown", "html", "junit", "json")):
        outcome = cli("assistants", source, "--out", tmp_path / f"setup-{number}", "--output", fmt)
        assert outcome.code == 0
        assert "asst_shop" in outcome.out.replace("\\", "") or fmt == "junit"


def test_a_source_of_which_a_part_cannot_be_read_is_told(cli: Cli, tmp_path: Path) -> None:
    folder = export(tmp_path / "export", SHOP)
    (folder / "more.json").write_text(json.dumps([thread(2, 2), thread(3, 2)])[:-40])
    outcome = cli("assistants", folder)
    assert outcome.code == 3
    assert "(asst_shop), as a suite" in outcome.out
    assert outcome.err.count("file-cut-off") == 1
    (folder / f"{SHOP['id']}.json").unlink()
    told = cli("assistants", folder)
    assert told.code == 3
    assert "What could be read of the source holds no assistant" in " ".join(told.out.split())
