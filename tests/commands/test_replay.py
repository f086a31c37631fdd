"""`replay`: the whole way from a suite to a verdict, over HTTP, on migrated conversations."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from migrate_cli.sandbox.audit import read_conversations, read_deleted
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

MODEL = "gpt-5.4-mini"
PARAMETERS = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
HANDLERS = """
import asyncio, threading

together = threading.Barrier(3)
ran = []

def meet(n):
    together.wait(10)
    return {"met": f"number-{n}"}

async def look(n):
    await asyncio.sleep(0)
    return f"look-{n}"

def broken(n):
    raise RuntimeError("the shop is closed")

def forever(n):
    import time
    time.sleep(1)

def large(n):
    return "x" * 1000

def once(n):
    ran.append(n)
    return f"run-{len(ran)}"
"""


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": PARAMETERS, **more}


def write_suite(folder: Path, cases: list[dict[str, Any]], **setup: Any) -> Path:
    """Write a suite, and handlers beside it under a name of their own, since modules are imported once."""
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump({"model": MODEL, **setup, "cases": cases}, allow_unicode=True), "utf-8")
    return path


def handlers(folder: Path) -> str:
    name = f"handlers_{abs(hash(str(folder)))}"
    (folder / f"{name}.py").write_text(HANDLERS, "utf-8")
    return name


def run(cli: Cli, *args: object) -> dict[str, Any]:
    return cli("replay", *args, "--output", "json").json


def case_of(result: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(case for case in result["data"]["cases"] if case["case_id"] == name)
    return found


def contents(server: EmbeddedSandbox) -> dict[str, Any]:
    """Every conversation with its items, by id; those that were deleted must have been emptied before."""
    gone = read_deleted(server.data)
    found = {identifier: (metadata, items) for identifier, metadata, items in read_conversations(server.data)}
    assert not any(found.pop(identifier)[1] for identifier in gone), "items were left in a deleted conversation"
    return found


@pytest.fixture
def migrated(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> EmbeddedSandbox:
    """A target that holds three threads, of 2, 5 and 45 messages."""
    assert cli("apply", write_export(tmp_path / "export", [2, 5, 45])).code == 0
    return target


def test_an_answer_comes_from_the_whole_migrated_history(cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox) -> None:
    asked = {"id": "count", "conversation": thread_id(3), "input": "How many messages do you see?"}
    suite = write_suite(tmp_path, [asked | {"expect": {"contains": "I see 46 messages"}}])
    result = run(cli, suite)
    assert result["exit_code"] == 0, result
    assert case_of(result, "count")["status"] == "passed"


@pytest.mark.parametrize("mode", ["copy", "stateless", "chain"])
def test_a_migrated_conversation_is_not_touched(cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox, mode: str) -> None:
    before = contents(migrated)
    turns = [{"input": "Hello there"}, {"input": "And what did I say before?", "expect": {"contains": "Hello there"}}]
    suite = write_suite(tmp_path, [{"id": "talk", "conversation": thread_id(2), "turns": turns}])
    result = run(cli, suite, "--mode", mode)
    assert result["exit_code"] == 0, result
    assert result["data"]["conversations"] == {"checked": 1, "unchanged": 1, "changed": [], "unread": []}
    assert contents(migrated) == before


def test_a_strict_target_takes_the_copy_of_a_history(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__STRICT_ASSISTANT", "true")
    with EmbeddedSandbox(tmp_path / "strict.db", SandboxOptions(strict_assistant=True)) as strict:
        monkeypatch.setenv("OPENAI_BASE_URL", strict.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-000000000000")
        assert cli("apply", write_export(tmp_path / "export", [7])).code == 0
        case = {"id": "copied", "conversation": thread_id(1), "input": "And then?"}
        result = run(cli, write_suite(tmp_path, [case]), "--mode", "copy")
    assert (result["exit_code"], case_of(result, "copied")["status"]) == (0, "passed"), result["problems"]


def test_in_place_the_conversation_goes_on(cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox) -> None:
    suite = write_suite(tmp_path, [{"id": "talk", "conversation": thread_id(1), "input": "Hello there"}])
    result = run(cli, suite, "--mode", "in-place")
    assert result["exit_code"] == 0
    conversation = case_of(result, "talk")["conversation_id"]
    assert len(contents(migrated)[conversation][1]) == 2 + 2


def test_a_chain_goes_on_where_the_last_run_ended(cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox) -> None:
    suite = write_suite(
        tmp_path, [{"id": "talk", "conversation": thread_id(1), "input": "How many messages do you see?"}]
    )
    first = run(cli, suite, "--mode", "chain")
    again = write_suite(
        tmp_path,
        [
            {
                "id": "talk",
                "conversation": thread_id(1),
                "input": "How many messages do you see?",
                "expect": {"contains": "I see 5 messages"},
            }
        ],
    )
    assert first["exit_code"] == 0
    assert run(cli, again, "--mode", "chain")["exit_code"] == 0


def test_all_calls_of_a_response_run_at_once_and_all_outputs_go_back_together(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    tools = [function("meet", handler=f"{handlers(tmp_path)}:meet")]
    cues = " ".join(f'[[call meet {{"n": {n}}}]]' for n in (1, 2, 3))
    expect = {"contains": ["number-1", "number-2", "number-3"], "tool_called": {"name": "meet"}}
    result = run(cli, write_suite(tmp_path, [{"id": "three", "input": cues, "expect": expect}], tools=tools))
    assert result["exit_code"] == 0, result
    assert case_of(result, "three")["rounds"] == 2


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        ("broken", {}, "the shop is closed"),
        ("forever", {"timeout": 0.05}, "took more than 0.05 s"),
        ("large", {}, "[cut: 1000 bytes in all]"),
    ],
)
def test_what_goes_wrong_in_a_tool_is_told_to_the_model(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch, name: str, more: Any, told: str
) -> None:
    monkeypatch.setenv("MIGRATE_REPLAY__TOOL_OUTPUT_BYTES", "300")
    tools = [function(name, handler=f"{handlers(tmp_path)}:{name}", **more)]
    asked = {"id": "x", "input": f'[[call {name} {{"n": 1}}]]', "expect": {"contains": told}}
    result = run(cli, write_suite(tmp_path, [asked], tools=tools))
    assert result["exit_code"] == 0, result


def test_a_handler_that_never_returns_keeps_neither_the_other_calls_nor_the_report(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    name = handlers(tmp_path)
    (tmp_path / f"{name}.py").write_text(
        "import threading\ndef hang(n):\n    threading.Event().wait()\ndef fine(n):\n    print('aside')\n    return n\n"
    )
    tools = [function("hang", handler=f"{name}:hang", timeout=0.3), function("fine", handler=f"{name}:fine")]
    cases = [
        {"id": "both", "input": '[[call hang {"n": 1}]] [[call fine {"n": 7}]]', "expect": {"contains": "7"}},
        {"id": "after", "input": '[[call fine {"n": 8}]]', "expect": {"contains": "8"}},
    ]
    result = run(cli, write_suite(tmp_path, cases, tools=tools))
    assert result["exit_code"] == 0, result
    both, after = case_of(result, "both"), case_of(result, "after")
    assert "the tool hang was ended after 0." in both["detail"]
    (ended,) = both["tool_problems"]
    assert (ended["tool"], ended["problem"], ended["ended"], ended["turn"]) == ("hang", "timeout", True, 1)
    assert ended["seconds"] > 0
    assert after["tool_problems"] == []


def test_a_command_reads_json_and_writes_json(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    program = "import json, sys; print(json.dumps({'double': 2 * json.load(sys.stdin)['n']}))"
    tools = [function("double", command=[sys.executable, "-c", program])]
    asked = {"id": "x", "input": '[[call double {"n": 21}]]', "expect": {"contains": '"double":42'}}
    assert run(cli, write_suite(tmp_path, [asked], tools=tools))["exit_code"] == 0


def test_an_approval_that_nobody_gives_is_a_failure_and_not_a_yes(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    tools = [{"type": "mcp", "server_label": "shop", "server_url": "https://shop.example/mcp"}]
    cue = '[[mcp shop track {"order_id": 1}]]'
    suite = write_suite(
        tmp_path,
        [
            {"id": "silent", "input": cue},
            {"id": "named", "input": cue, "approve": ["shop.track"], "expect": {"tool_called": "shop.track"}},
            {"id": "denied", "input": cue, "deny": ["track"], "expect": {"tool_not_called": "track"}},
        ],
        tools=tools,
    )
    result = run(cli, suite)
    assert result["exit_code"] == 4
    assert case_of(result, "silent")["code"] == "approval-unanswered"
    assert case_of(result, "named")["status"] == "passed"
    assert case_of(result, "denied")["status"] == "passed"


def test_a_token_comes_from_the_environment_and_is_written_nowhere(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example/mcp"}
    tools = [server | {"authorization_env": "SHOP_TOKEN", "require_approval": "never"}]
    suite = write_suite(tmp_path, [{"id": "x", "input": '[[mcp shop track {"order_id": 1}]]'}], tools=tools)
    outcome = cli("replay", suite)
    assert outcome.code == 2
    assert "set the environment variable SHOP_TOKEN" in outcome.err
    monkeypatch.setenv("SHOP_TOKEN", "shop-canary-0123456789")
    events = tmp_path / "events.jsonl"
    assert cli("replay", suite, "--events", events, "--report", tmp_path / "r.html").code == 0
    for path in tmp_path.iterdir():
        if path.is_file() and path.name != "target.db":
            assert b"shop-canary" not in path.read_bytes(), path.name


def test_files_images_and_web_search_reach_the_model(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    (tmp_path / "notes.txt").write_text("The lamp is green.", "utf-8")
    cases: list[dict[str, Any]] = [
        {
            "id": "file",
            "input": [{"text": "What does the file say?"}, {"file": "notes.txt"}],
            "expect": {"contains": "The lamp is green"},
        },
        {
            "id": "image",
            "input": [{"text": "Which images do you see?"}, {"image": "https://lamps.example/green.png"}],
            "expect": {"contains": "1 image"},
        },
        {
            "id": "web",
            "input": "[[web_search lamps]]",
            "expect": {"citations_at_least": 2, "tool_called": "web_search"},
        },
        {"id": "made", "input": "[[image a lamp]]", "expect": {"tool_called": "image_generation"}},
    ]
    tools = [{"type": "web_search"}, {"type": "image_generation", "partial_images": 2}]
    result = run(cli, write_suite(tmp_path, cases, tools=tools), "--images", tmp_path / "images")
    assert result["exit_code"] == 0, result
    saved = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert len(saved) == 3
    assert all((tmp_path / "images" / name).read_bytes().startswith(b"\x89PNG") for name in saved)


def test_recorded_outputs_answer_where_nothing_is_set_up(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    fixture = Path(__file__).parents[2] / "fixtures" / "thread-files"
    assert cli("apply", fixture).code == 0
    calls = [
        (row["thread_id"], item)
        for row in json.loads(cli("map", "export", "--format", "json").out)
        for identifier, _, items in read_conversations(target.data)
        if identifier == row["conversation_id"]
        for item in items
        if item["type"] in ("function_call", "function_call_output")
    ]
    thread, call = next((thread, item) for thread, item in calls if item["type"] == "function_call")
    output = next(item["output"] for _, item in calls if item.get("output") and item["call_id"] == call["call_id"])
    tools = [{"type": "function", "name": call["name"], "parameters": {"type": "object"}}]
    cue = f"[[call {call['name']} {call['arguments']}]]"
    asked = {"id": "x", "conversation": thread, "input": cue, "expect": {"contains": output[:40]}}
    suite = write_suite(tmp_path, [asked], tools=tools)
    assert run(cli, suite, "--stub-tools")["exit_code"] == 0
    assert run(cli, suite)["exit_code"] == 4


def test_what_fails_is_named_in_every_form_of_report(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    asked = {"id": "wrong-word", "input": "[[say hello]]", "expect": {"contains": "goodbye", "max_tokens": 1}}
    suite = write_suite(tmp_path, [asked, {"id": "fine", "input": "[[say hello]]"}])
    for form in ("text", "json", "markdown", "junit", "html"):
        outcome = cli("replay", suite, "--output", form)
        assert outcome.code == 4
        assert "wrong-word" in outcome.out
        assert "goodbye" in outcome.out
        assert "hello" not in outcome.out, "texts of answers are not shown unless asked for"
    shown = cli("replay", suite, "--output", "json", "--case", "fine")
    assert shown.code == 0


def test_repeating_gives_a_pass_rate(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    suite = write_suite(tmp_path, [{"id": "x", "input": "[[say hello]]", "expect": {"equals": "hello"}}])
    case = case_of(run(cli, suite, "--repeat", 3), "x")
    assert (case["repeats"], case["passed"], case["pass_rate"]) == (3, 3, 1.0)


def test_two_runs_are_compared_case_by_case(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    first = run(cli, write_suite(tmp_path, [{"id": "x", "input": "[[say a]]", "expect": {"equals": "a"}}]))
    suite = write_suite(tmp_path, [{"id": "x", "input": "[[say b]]", "expect": {"equals": "a"}}])
    compared = run(cli, suite, "--against", "last")["data"]["comparison"]
    assert compared["run_id"] == first["run_id"]
    assert compared["counts"] == {"worse": 1}
    outcome = cli("replay", suite, "--against", first["run_id"])
    assert "worse" in outcome.out
    assert cli("replay", suite, "--against", "nonsense").code == 2


def test_limits_stop_in_good_time(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [{"id": f"c{n}", "input": "[[say hello]]"} for n in range(20)]
    suite = write_suite(tmp_path, cases)
    limited = run(cli, suite, "--max-tokens", 100)
    assert limited["exit_code"] == 3
    totals = limited["data"]["totals"]
    assert totals["input_tokens"] + totals["output_tokens"] <= 100
    assert totals["passed"] > 0
    assert totals["stopped"] > 0
    unpriced = cli("replay", suite, "--max-cost", 1)
    assert unpriced.code == 2
    assert "price" in unpriced.err
    monkeypatch.setenv("MIGRATE_REPLAY__PRICES", json.dumps({MODEL: {"input": 1_000_000, "output": 1_000_000}}))
    priced = run(cli, suite, "--max-cost", 100)
    assert priced["exit_code"] == 3
    assert 0 < priced["data"]["cost"] <= 100


def test_the_last_question_of_each_thread_is_asked_again(cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox) -> None:
    before = contents(migrated)
    result = run(cli, "--last-turn", "--source", tmp_path / "export", "--model", MODEL, "--mode", "stateless")
    assert result["exit_code"] in (0, 4), result
    names = {entry["name"] for case in result["data"]["cases"] for entry in case["expectations"]}
    assert names == {"status", "similar_to"}
    assert {case["case_id"] for case in result["data"]["cases"]} <= {thread_id(n) for n in (1, 2, 3)}
    assert contents(migrated) == before


def test_an_example_suite_is_written_and_runs(cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox) -> None:
    written = cli("replay", "--init")
    assert written.code == 0
    first, _, rest = written.out.partition("\n")
    assert first.startswith("✓ replay.yaml is written, an example suite: 3 cases on migrated threads")
    assert "Run it: migrate-cli replay replay.yaml\n" in rest
    assert thread_id(1) in Path("replay.yaml").read_text("utf-8")
    assert cli("replay", "replay.yaml").code == 0
    again = cli("replay", "--init")
    assert again.code == 2
    assert "already exists" in again.err
    assert "`migrate-cli replay replay.yaml` runs it" in again.err


def test_an_example_suite_of_a_rehearsal_says_where_it_runs(cli: Cli, tmp_path: Path) -> None:
    assert cli("apply", write_export(tmp_path / "export", [2]), "--target", "sandbox").code == 0
    written = cli("replay", "--init", "--target", "sandbox")
    assert "Run it: migrate-cli replay replay.yaml --target sandbox\n" in written.out
    assert "#   migrate-cli replay replay.yaml --target sandbox\n" in Path("replay.yaml").read_text("utf-8")


def test_an_example_suite_is_drafted_from_the_source_that_the_state_file_knows(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2])
    assistant = {"id": "asst_1", "object": "assistant", "model": "gpt-4o", "instructions": "Be very kind.", "tools": []}
    (export / "assistants.json").write_text(json.dumps([assistant]), encoding="utf-8")
    assert cli("apply", export).code == 0
    written = cli("replay", "--init")
    assert "the setup of an assistant of the source" in " ".join(written.out.split())
    assert "Be very kind." in Path("replay.yaml").read_text("utf-8")

    export.rename(tmp_path / "moved")
    assert "a setup to be filled in" in " ".join(cli("replay", "other.yaml", "--init").out.split())


def test_last_turns_come_from_the_source_that_the_state_file_knows(
    cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox
) -> None:
    asked = cli("replay", "--last-turn", "--model", MODEL, "--output", "json")
    assert len(asked.json["data"]["cases"]) == 3
    (tmp_path / "export").rename(tmp_path / "moved")
    asked = cli("replay", "--last-turn", "--model", MODEL)
    assert asked.code == 2
    assert "--source" in asked.err


def test_answers_are_shown_only_when_asked_for_masked_and_never_kept(
    cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox
) -> None:
    suite = write_suite(
        tmp_path, [{"id": "x", "input": "Write to ann@example.org", "expect": {"contains": ["bob@example.org"]}}]
    )
    plain = cli("replay", suite, "--with-content")
    masked = cli("replay", suite, "--with-content", "--redact")
    assert "Answers" in plain.out
    assert "ann@example.org" in plain.out
    assert "bob@example.org" in plain.out
    assert "Answers" in masked.out
    assert "[e-mail]" in masked.out
    assert "@example.org" not in masked.out
    for form in ("html", "json", "markdown", "junit"):
        assert "@example.org" not in cli("replay", suite, "--with-content", "--redact", "-o", form).out, form
    assert "Answers" not in cli("replay", suite).out
    cli("replay", suite, "--with-content")
    assert "ann@example.org" not in cli("report", "-o", "json").out


def test_another_target_is_refused_before_anything_is_sent(
    cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite(tmp_path, [{"id": "x", "conversation": thread_id(1), "input": "Hello"}])
    monkeypatch.setenv("OPENAI_BASE_URL", "https://other.example/v1")
    outcome = cli("replay", suite)
    assert outcome.code == 10
    assert "other.example" in outcome.err


def test_while_another_command_writes_the_state_file_a_sentence_says_so(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    from migrate_cli.state.store import StateStore

    suite = write_suite(tmp_path, [{"id": "x", "input": "Hello"}])
    store = StateStore.open(tmp_path / "migration.db", command="migrate-cli apply")
    outcome = cli("replay", suite)
    store.close()
    assert outcome.code == 10
    assert "migrate-cli apply" in outcome.err


def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *specs: str) -> EmbeddedSandbox:
    server = EmbeddedSandbox(tmp_path / "faulty.db", SandboxOptions(faults=plan_from_specs(list(specs), seed=11)))
    server.start()
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
    return server


@pytest.mark.parametrize("mode", ["copy", "stateless"])
def test_two_hundred_cases_pass_although_streams_break(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("MIGRATE_REPLAY__IDLE_TIMEOUT", "0.5")
    monkeypatch.setenv("MIGRATE_REPLAY__RETRIES", "8")
    kinds = ("cut", "cut-after", "end", "stall", "garbage", "shuffle", "error")
    specs = [f"responses:stream-{kind}:0.03" for kind in kinds]
    with faulty(tmp_path, monkeypatch, *specs) as server:
        sizes = [1 + n % 7 for n in range(40)]
        assert cli("apply", write_export(tmp_path / "export", sizes)).code == 0
        before = contents(server)
        tools = [function("look", handler=f"{handlers(tmp_path)}:look"), {"type": "web_search"}]
        cases = [
            {
                "id": f"case-{n}",
                "conversation": thread_id(n % 40 + 1),
                "input": f'Case {n} [[call look {{"n": {n}}}]] [[call look {{"n": {n + 1}}}]]',
                "expect": {"contains": [f"look-{n}", f"look-{n + 1}"], "tool_called": "look"},
            }
            for n in range(200)
        ]
        result = run(cli, write_suite(tmp_path, cases, tools=tools), "--workers", 16, "--mode", mode)
        bad = [(case["case_id"], case["detail"]) for case in result["data"]["cases"] if case["status"] != "passed"]
        assert not bad
        assert result["exit_code"] == 0
        assert result["data"]["totals"]["retries"] > 0
        assert result["data"]["conversations"]["unchanged"] == 40
        assert result["data"]["scratch"]["left"] == []
        assert contents(server) == before


def test_a_tool_does_not_run_twice_when_its_case_begins_anew(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(tmp_path, monkeypatch, "responses:stream-cut-after:nth=2"):
        tools = [function("once", handler=f"{handlers(tmp_path)}:once")]
        asked = {"id": "x", "input": '[[call once {"n": 1}]]', "expect": {"contains": "run-1"}}
        result = run(cli, write_suite(tmp_path, [asked], tools=tools))
    assert result["exit_code"] == 0, result
    assert case_of(result, "x")["retries"] == 1


def test_in_place_nothing_is_sent_twice(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with faulty(tmp_path, monkeypatch, "responses:stream-cut-after:nth=1") as server:
        assert cli("apply", write_export(tmp_path / "export", [2])).code == 0
        suite = write_suite(tmp_path, [{"id": "x", "conversation": thread_id(1), "input": "Hello"}])
        result = run(cli, suite, "--mode", "in-place")
        sizes = [len(items) for _, items in contents(server).values()]
    assert result["exit_code"] == 4
    assert case_of(result, "x")["code"] == "stream-broken"
    assert sizes == [2 + 2]


def test_what_a_killed_run_left_is_deleted_by_the_next(cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox) -> None:
    before = contents(migrated)
    name = handlers(tmp_path)
    (tmp_path / f"{name}.py").write_text(
        f"def wait(n):\n    open(r'{tmp_path}/here', 'w').close()\n    import time\n    time.sleep(60)\n"
    )
    tools = [function("wait", handler=f"{name}:wait", timeout=100)]
    asked = {"id": "x", "conversation": thread_id(3), "input": '[[call wait {"n": 1}]]'}
    suite = write_suite(tmp_path, [asked], tools=tools)
    process = subprocess.Popen(
        [sys.executable, "-m", "migrate_cli", "replay", str(suite)], env=os.environ, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 30
        while not (tmp_path / "here").exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(contents(migrated)) == len(before) + 1
    fine = write_suite(tmp_path, [{"id": "y", "input": "Hello"}])
    assert run(cli, fine)["data"]["swept"] == 1
    assert contents(migrated) == before


def test_audio_is_sent_as_the_words_that_are_said_in_it(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    (tmp_path / "voice.wav").write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(40))
    asked = {"id": "voice", "input": [{"text": "[[echo]] They said:"}, {"audio": "voice.wav"}]}
    events = tmp_path / "events.jsonl"
    result = run(cli, write_suite(tmp_path, [asked]), "--events", events)
    assert result["exit_code"] == 0, result
    assert result["data"]["requests"]["sent"] > 1
    kinds = {json.loads(line)["event"]["type"] for line in events.read_text("utf-8").splitlines()}
    assert {"response.created", "response.output_text.delta", "response.completed"} <= kinds


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ({"input": [{"file": "none.txt"}]}, "none.txt cannot be read"),
        ({"input": [{"audio": "notes.txt"}]}, "cannot be transcribed"),
        ({"input": "Hi", "conversation": "thread_nowhere"}, "no conversation for thread_nowhere"),
        ({"input": "Hi", "tools": [function("f", handler="nowhere:f")]}, "the handler nowhere:f cannot be used"),
        ({"input": "Hi", "expct": {}}, "did you mean expect?"),
    ],
)
def test_a_mistake_is_told_before_anything_is_sent(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, case: dict[str, Any], told: str
) -> None:
    (tmp_path / "notes.txt").write_text("words", "utf-8")
    outcome = cli("replay", write_suite(tmp_path, [{"id": "x", **case}]))
    assert outcome.code == 2
    assert told in outcome.err
    assert contents(target) == {}


def test_a_chain_that_the_server_has_forgotten_begins_with_the_history_again(
    cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox
) -> None:
    from migrate_cli.state.store import StateStore

    asked = {"id": "x", "conversation": thread_id(2), "input": "How many messages do you see?"}
    suite = write_suite(tmp_path, [asked | {"expect": {"contains": "I see 6 messages"}}])
    conversation = json.loads(cli("map", thread_id(2), "--output", "json").out)["data"]["rows"][0]["conversation_id"]
    store = StateStore.open(tmp_path / "migration.db")
    store.replays.chain(conversation, "resp_6b03b4946f0a5322ab1153896cee5c52b232e7e15675b420")
    store.close()
    assert run(cli, suite, "--mode", "chain")["exit_code"] == 0


def test_ctrl_c_lets_cases_end_and_leaves_nothing_behind(cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox) -> None:
    before = contents(migrated)
    name = handlers(tmp_path)
    (tmp_path / f"{name}.py").write_text(
        f"import pathlib, time\ndef wait(n):\n    pathlib.Path(r'{tmp_path}', 'here').touch()\n    time.sleep(0.4)\n",
        "utf-8",
    )
    tools = [function("wait", handler=f"{name}:wait", timeout=100)]
    cue = '[[call wait {"n": 1}]]'
    cases = [{"id": f"c{n}", "conversation": thread_id(1), "input": cue} for n in range(20)]
    command = [sys.executable, "-m", "migrate_cli", "replay", str(write_suite(tmp_path, cases, tools=tools))]
    process = subprocess.Popen([*command, "--output", "json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not (tmp_path / "here").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    totals = json.loads(out)["data"]["totals"]
    assert process.returncode == 130
    assert totals["passed"] > 0
    assert totals["stopped"] > 0
    assert contents(migrated) == before
    again = cli("replay", tmp_path / "suite.yaml", "--output", "json").json
    assert again["exit_code"] == 0
    assert again["data"]["totals"]["passed"] == 20
    assert again["data"]["judged_before"] == totals["passed"], "it goes on with the cases that were left"
    anew = cli("replay", tmp_path / "suite.yaml", "--output", "json").json
    assert "resumes" not in anew["data"], "one that came to its end is not gone on with"


def test_the_demo_ends_with_a_replay_in_which_all_passes(cli: Cli) -> None:
    steps = cli("demo", "--output", "json").json["data"]["steps"]
    replayed = next(step for step in steps if step["command"] == "replay")
    tools = {name for case in replayed["data"]["cases"] for name in case["tools"]}
    assert replayed["exit_code"] == 0
    assert {"lookup_order", "track_parcel", "start_refund", "web_search", "find_parcel", "image_generation"} <= tools
    assert replayed["data"]["conversations"]["changed"] == []
