"""`replay`, where the model calls what a client must answer: run, told, and never left open in a conversation."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from migrate_cli.sandbox.audit import read_conversations, read_deleted
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.state import migrations
from sqlite_utils import Database

from support.exports import thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

MODEL = "gpt-5.4-mini"
HANDLERS = "def shout(text):\n    return text.upper()\n\nasync def lookup(n):\n    return {'order': n}\n"
CLIENT_CALLS = ["local_shell_call", "shell_call", "apply_patch_call", "computer_call", "tool_search_call"]


@pytest.fixture
def migrated(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> EmbeddedSandbox:
    """A target that holds two threads, of 4 and 6 messages."""
    assert cli("apply", write_export(tmp_path / "export", [4, 6])).code == 0
    return target


def suite(folder: Path, *cases: dict[str, Any], **setup: Any) -> Path:
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump({"model": MODEL, **setup, "cases": list(cases)}), "utf-8")
    return path


def case_on(number: int, text: str, **more: Any) -> dict[str, Any]:
    return {"id": f"on-{number}", "conversation": thread_id(number), "input": text, **more}


def replayed(cli: Cli, *args: object) -> dict[str, Any]:
    return cli("replay", *args, "--output", "json").json


def stored(server: EmbeddedSandbox) -> dict[str, list[dict[str, Any]]]:
    """The items of each conversation; one that was deleted must have been emptied before."""
    gone = set(read_deleted(server.data))
    found = {identifier: items for identifier, _, items in read_conversations(server.data)}
    assert not any(found[identifier] for identifier in gone), "items were left in a deleted conversation"
    return {identifier: items for identifier, items in found.items() if identifier not in gone}


def still_answers(server: EmbeddedSandbox, conversation: str) -> bool:
    asked = {"model": MODEL, "input": "[[say yes]]", "conversation": conversation}
    headers = {"Authorization": "Bearer sk-test-key-0123456789"}
    return httpx2.post(f"{server.base_url}/responses", json=asked, headers=headers).status_code == 200


def tools(folder: Path) -> list[dict[str, Any]]:
    name = f"called_{abs(hash(str(folder)))}"
    (folder / f"{name}.py").write_text(HANDLERS, "utf-8")
    parameters = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    lookup = {"type": "function", "name": "lookup", "parameters": parameters, "handler": f"{name}:lookup"}
    program = "import sys; sys.stdout.write(sys.stdin.read()[::-1] + '\\n')"
    turned = {"type": "custom", "name": "turned", "command": [sys.executable, "-c", program]}
    return [
        {"type": "custom", "name": "shout", "handler": f"{name}:shout", "description": "Says it aloud"},
        {"type": "namespace", "name": "crm", "description": "Customers", "tools": [lookup, turned]},
    ]


def test_custom_tools_and_those_of_a_namespace_run_here(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    cues = '[[custom shout hello there]] [[call crm.lookup {"n": 7}]] [[custom crm.turned abc]]'
    expect = {"contains": ["HELLO THERE", '"order":7', "cba"], "tool_called": ["shout", "crm.lookup", "turned"]}
    result = replayed(cli, suite(tmp_path, {"id": "x", "input": cues, "expect": expect}, tools=tools(tmp_path)))
    assert result["exit_code"] == 0, result["data"]["cases"]


@pytest.mark.parametrize("mode", ["copy", "stateless", "in-place", "chain"])
def test_a_call_that_nobody_here_answers_fails_the_case_and_leaves_the_conversation_usable(
    cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox, mode: str
) -> None:
    before = stored(migrated)
    cases = [{**case_on(1, f"[[client {kind}]]"), "id": kind} for kind in CLIENT_CALLS]
    result = replayed(cli, suite(tmp_path, *cases), "--mode", mode)
    assert result["exit_code"] == 4
    for case in result["data"]["cases"]:
        assert (case["status"], case["code"]) == ("failed", "call-unanswered"), case["detail"]
        assert [one["type"] for one in case["unanswered"]] == [case["case_id"]]
        assert case["unanswered"][0]["tool"] in case["detail"]
        assert bool(case["told"]) is (mode == "in-place"), case["told"]
    assert len(result["data"]["tidied"]) == (len(CLIENT_CALLS) if mode == "in-place" else 0)
    assert result["data"]["totals"]["unanswered"] == len(CLIENT_CALLS)
    assert still_answers(migrated, result["data"]["cases"][0]["conversation_id"])
    assert set(stored(migrated)) == set(before), "a copy stayed"


def test_a_conversation_in_which_a_replay_was_killed_is_left_usable_by_the_next(
    cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox
) -> None:
    (tmp_path / "waiting_tools.py").write_text(
        f"import pathlib, time\n\ndef wait():\n    pathlib.Path(r'{tmp_path}', 'here').touch()\n    time.sleep(60)\n"
    )
    tool = {"type": "function", "name": "wait", "handler": "waiting_tools:wait", "timeout": 100}
    path = suite(tmp_path, case_on(1, "[[call wait {}]]"), tools=[tool])
    command = [sys.executable, "-m", "migrate_cli", "replay", str(path), "--mode", "in-place"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 60
    while not (tmp_path / "here").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    conversation = json.loads(cli("map", thread_id(1), "--output", "json").out)["data"]["rows"][0]["conversation_id"]
    assert not still_answers(migrated, conversation)
    result = replayed(cli, suite(tmp_path, {"id": "other", "input": "[[say yes]]"}))
    assert result["exit_code"] == 0
    assert [(one["conversation_id"], one["answered"]) for one in result["data"]["tidied"]] == [(conversation, ["wait"])]
    assert still_answers(migrated, conversation)
    assert replayed(cli, tmp_path / "suite.yaml")["data"]["tidied"] == []


def test_a_function_without_a_handler_fails_its_case_by_name(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    bare = [{"type": "function", "name": "lookup", "parameters": {"type": "object"}}]
    asked = {"id": "x", "input": "[[call lookup {}]]", "expect": {"contains": "no_handler"}}
    (case,) = replayed(cli, suite(tmp_path, asked, tools=bare))["data"]["cases"]
    assert (case["status"], case["code"]) == ("failed", "call-unanswered")
    assert "lookup (give it a handler or a command, or add --stub-tools)" in case["detail"]


def test_a_response_that_breaks_off_behind_a_call_is_no_pass(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    asked = {"id": "x", "input": '[[incomplete]] [[call crm.lookup {"n": 1}]]', "expect": {"status": "incomplete"}}
    (case,) = replayed(cli, suite(tmp_path, asked, tools=tools(tmp_path)))["data"]["cases"]
    assert (case["status"], case["code"]) == ("failed", "call-unanswered")
    assert "max_output_tokens" in case["detail"]


def test_what_is_said_on_the_way_is_not_the_answer(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    asked = {"id": "x", "input": "[[comment I look]] [[say green]]", "expect": {"equals": "green"}}
    assert replayed(cli, suite(tmp_path, asked))["exit_code"] == 0


@pytest.mark.parametrize(
    ("mode", "passes"), [("copy", False), ("in-place", False), ("chain", False), ("stateless", True)]
)
def test_a_conversation_with_an_open_call_is_named_as_the_cause(
    cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox, mode: str, passes: bool
) -> None:
    conversation = json.loads(cli("map", thread_id(1), "--output", "json").out)["data"]["rows"][0]["conversation_id"]
    call = {"type": "function_call", "call_id": "call_old", "name": "lookup", "arguments": "{}"}
    headers = {"Authorization": "Bearer sk-test-key-0123456789"}
    url = f"{migrated.base_url}/conversations/{conversation}/items"
    assert httpx2.post(url, json={"items": [call]}, headers=headers).status_code == 200
    before = stored(migrated)
    (case,) = replayed(cli, suite(tmp_path, case_on(1, "[[say yes]]")), "--mode", mode)["data"]["cases"]
    assert stored(migrated) == before
    if passes:
        assert case["status"] == "passed"
        assert "calls without an output (lookup)" in case["detail"]
    else:
        assert (case["status"], case["code"]) == ("error", "call-without-output")
        assert f"migrate-cli resolve {thread_id(1)} --restart" in case["detail"]
        assert "--mode stateless" in case["detail"]


def test_the_last_response_of_a_chain_is_in_a_view_and_in_the_map(
    cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox
) -> None:
    cases = (case_on(1, "[[say one]]"), case_on(2, "[[client computer_call]]"), {"id": "alone", "input": "[[say two]]"})
    result = replayed(cli, suite(tmp_path, *cases), "--mode", "chain")
    with sqlite3.connect(tmp_path / "migration.db") as db:
        rows = db.execute("SELECT * FROM response_chain ORDER BY case_id").fetchall()
    db.close()
    by_case = {case["case_id"]: case for case in result["data"]["cases"]}
    assert [(run, case, conversation) for run, case, conversation, _ in rows] == [
        (result["run_id"], "alone", None),
        (result["run_id"], "on-1", by_case["on-1"]["conversation_id"]),
    ]
    last = by_case["on-1"]["last_response_id"]
    assert last.startswith("resp_")
    assert [row[3] for row in rows] == [by_case["alone"]["last_response_id"], last]
    assert by_case["on-2"]["last_response_id"] is None, "nothing can follow a response with an open call"
    by_thread, by_response = (
        cli("map", one, "--output", "json").json["data"]["rows"][0] for one in (thread_id(1), last)
    )
    assert by_thread["last_response_id"] == last
    assert (by_response["found"], by_response["conversation_id"]) == ("response", by_thread["conversation_id"])
    exported = json.loads(cli("map", "export", "--format", "json").out)
    assert {row["thread_id"]: row["last_response_id"] for row in exported} == {thread_id(1): last, thread_id(2): None}


def test_a_chain_that_an_older_version_began_is_in_the_map(tmp_path: Path) -> None:
    older = Database(tmp_path / "old.db")
    migrations.registry().apply(older, stop_before="m011_chains_and_cases_in_place")
    older.conn.execute(
        "INSERT INTO thread (id, state, conversation_id, updated_at) VALUES ('t', 'loaded', 'conv_1', 5)"
    )
    older.conn.execute("INSERT INTO chain VALUES ('conv_1', 'resp_1', 5)")
    migrations.migrate(older)
    (row,) = older.query("SELECT thread_id, last_response_id FROM thread_map")
    assert row == {"thread_id": "t", "last_response_id": "resp_1"}
    assert list(older.query("SELECT * FROM response_chain")) == []
    older.close()


def test_a_case_on_a_chain_goes_on_behind_the_case_before(cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox) -> None:
    asked = [{**case_on(1, "How many messages do you see?"), "id": name} for name in ("first", "second")]
    asked[1]["expect"] = {"contains": "I see 7 messages"}
    result = replayed(cli, suite(tmp_path, *asked), "--mode", "chain", "--workers", 4)
    assert result["exit_code"] == 0, result["data"]["cases"]


@pytest.mark.parametrize(
    ("fault", "retries"),
    [("responses:429", 3), ("responses:stream-cut-after", 3), ("responses:stream-cut", 0)],
)
def test_a_question_is_asked_as_often_as_the_setting_says(
    cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch, fault: str, retries: int
) -> None:
    from migrate_cli.sandbox.control import CONTROL_HEADERS

    monkeypatch.setenv("MIGRATE_REPLAY__RETRIES", str(retries))
    events = tmp_path / "events.jsonl"
    with httpx2.Client(base_url=migrated.control_url, headers=CONTROL_HEADERS) as control:
        control.post("/faults", json={"rules": [fault]})
        result = replayed(cli, suite(tmp_path, case_on(1, "[[say yes]]")), "--events", events)
        count = control.get("/stats").json()
    (case,) = result["data"]["cases"]
    assert case["status"] == "error"
    assert case["retries"] == retries
    assert result["data"]["scratch"]["left"] == []
    assert count


def test_the_counters_of_copies_add_up(cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox) -> None:
    from migrate_cli.state.store import StateStore

    headers = {"Authorization": "Bearer sk-test-key-0123456789"}
    made = httpx2.post(f"{migrated.base_url}/conversations", json={}, headers=headers).json()["id"]
    store = StateStore.open(tmp_path / "migration.db")
    store.runs.start_run("replay", {})
    store.replays.scratch(made, migrated.base_url)
    store.close()
    scratch = replayed(cli, suite(tmp_path, case_on(1, "[[say a]]"), case_on(2, "[[say b]]")))["data"]["scratch"]
    assert scratch == {"found": 1, "made": 2, "deleted": 2, "swept": 1, "left": [], "unclear": 0}
