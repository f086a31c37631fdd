"""The TypeScript of `assistants --code`: its types fit the official client, and it does the same as in Python."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.convert.code_templates import LANGUAGES
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.generated import LOOKUP, SHOP, compiled, environment, node_project, saved

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

KINDS = ("typescript", "next", "express")
ENDING = {"typescript": ".ts", "next": ".next.ts", "express": ".express.ts"}
RICH: dict[str, Any] = SHOP | {
    "name": "Rich `${shop}` */ \u2028",
    "model": "o4-mini",
    "instructions": 'He said "quit"\n${process.exit()} `x`',
    "reasoning_effort": "high",
    "tools": [
        LOOKUP,
        {"type": "function", "name": "flat-one", "description": "*/ `${x}`\n", "parameters": {"type": "object"}},
        {"type": "file_search", "file_search": {"max_num_results": 5, "ranking_options": {"score_threshold": 0.5}}},
        {"type": "code_interpreter"},
        {
            "type": "mcp",
            "server_label": "shop",
            "server_url": "https://mcp.example/shop",
            "allowed_tools": ["track"],
            "require_approval": {"never": {"tool_names": ["track"]}},
        },
        {"type": "web_search"},
        {"type": "image_generation"},
    ],
    "tool_resources": {
        "file_search": {"vector_store_ids": ["vs_1"]},
        "code_interpreter": {"file_ids": ["file-a"]},
    },
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    "tool_choice": {"type": "function", "function": {"name": "lookup_order"}},
    "parallel_tool_calls": False,
    "max_output_tokens": 500,
}
WRITTEN = """async (given) => {
    running += 1;
    if (running === 3) open();
    await all;
    return { order_id: given.order_id, status: "shipped" };
  }"""
BESIDE = """
let running = 0;
let open: () => void = () => {};
const all = new Promise<void>((done) => { open = done; });
"""
THREE = " ".join(f'[[call lookup_order {{"order_id": "LS-{n}"}}]]' for n in (1, 2, 3))


def code(cli: Cli, tmp_path: Path, kind: str, assistant: dict[str, Any]) -> Path:
    source = saved(tmp_path / "assistant.json", assistant)
    assert cli("assistants", source, "--code", kind, "--out", tmp_path / kind).code == 0
    [path] = (tmp_path / kind).glob("*.ts")
    assert path.name.endswith(ENDING[kind])
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return node_project(tmp_path / "project")


def test_the_types_fit_where_an_agent_is_named_too(project: Path) -> None:
    config = {"agent": {"name": "shop", "version": "1"}, "tools": [LOOKUP | LOOKUP["function"]]}
    files = [project / f"{kind}.ts" for kind in KINDS]
    for kind, file in zip(KINDS, files, strict=True):
        file.write_text(LANGUAGES[kind](config), "utf-8")
        assert "agent_reference" in file.read_text("utf-8")
    compiled(project, *files)


@pytest.mark.parametrize("assistant", [RICH, SHOP, SHOP | {"tools": []}], ids=["rich", "one function", "none"])
def test_the_types_fit_the_official_client(cli: Cli, tmp_path: Path, project: Path, assistant: dict[str, Any]) -> None:
    files = []
    for kind in KINDS:
        path = code(cli, tmp_path, kind, assistant)
        files.append(project / f"{kind}.ts")
        files[-1].write_text(path.read_text("utf-8"), "utf-8")
    compiled(project, *files)


def test_the_types_fit_where_an_agent_is_named(project: Path) -> None:
    tool = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}
    named = {"agent": {"name": "Help", "version": "1"}, "tools": [tool]}
    files = [project / f"{kind}.ts" for kind in KINDS]
    for kind, file in zip(KINDS, files, strict=True):
        file.write_text(LANGUAGES[kind](named), "utf-8")
    compiled(project, *files)


def finished(cli: Cli, tmp_path: Path, project: Path, kind: str) -> Path:
    """The code of an assistant with a function that is written, and ends only once three of it are running."""
    given = code(cli, tmp_path, kind, SHOP).read_text("utf-8")
    bare = 'async (_given) => { throw new Error("lookup_order has no code yet"); }'
    assert given.count(bare) == 1
    path = project / f"{kind}.ts"
    path.write_text(given.replace(bare, WRITTEN).replace("const functions = ", f"{BESIDE}const functions = "), "utf-8")
    compiled(project, path)
    return project / "js" / f"{kind}.js"


def node(project: Path, server: EmbeddedSandbox, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["node", *words]
    return subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, env=environment(server.base_url)
    )


def kinds_of(server: EmbeddedSandbox) -> list[str]:
    [(_, _, items)] = read_conversations(server.data)
    return [item["type"] for item in items]


ANSWERED = ["message", *["function_call"] * 3, *["function_call_output"] * 3, "message"]


def test_the_program_streams_and_answers_parallel_calls(
    cli: Cli, tmp_path: Path, project: Path, target: EmbeddedSandbox
) -> None:
    program = finished(cli, tmp_path, project, "typescript")
    (project / "lamp.png").write_bytes(b"\x89PNG")
    (project / "note.txt").write_text("Hi", "utf-8")
    run = node(project, target, str(program), THREE, "--image", "lamp.png", "--file", "note.txt")
    assert run.returncode == 0, run.stderr
    assert all(f"LS-{n}" in run.stdout for n in (1, 2, 3))
    assert kinds_of(target) == ANSWERED
    [(conversation, _, items)] = read_conversations(target.data)
    assert [part["type"] for part in items[0]["content"]] == ["input_text", "input_image", "input_file"]
    cut_short = node(project, target, str(program), "[[call lookup_order {}]] [[incomplete]]", conversation)
    assert cut_short.returncode == 1
    assert "cut short" in cut_short.stderr
    failed = node(project, target, str(program), "[[fail no room]]", conversation)
    assert failed.returncode == 1
    assert "no room" in failed.stderr
    assert node(project, target, str(program), "[[say Go on]]", conversation).stdout == "Go on"


def events(text: str) -> list[tuple[str, Any]]:
    """The server-sent events of a route."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.strip()]
    return [(lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))) for lines in blocks]


HARNESS = {
    "next": """
        import { POST } from "./js/next.js";
        const ask = (body) => POST(new Request("http://x.example/api/chat", { method: "POST", body }));
    """,
    "express": """
        import express from "express";
        import { router } from "./js/express.js";
        const server = express().use("/api", router).listen(0, "127.0.0.1");
        await new Promise((done) => server.once("listening", done));
        const url = `http://127.0.0.1:${server.address().port}/api/chat`;
        const headers = { "content-type": "application/json" };
        const ask = (body) => fetch(url, { method: "POST", headers, body });
        process.on("beforeExit", () => server.close());
    """,
}
ASKS = """
    const answers = [];
    for (const body of JSON.parse(process.argv[2])) {
      const answer = await ask(typeof body === "string" ? body : JSON.stringify(body));
      answers.push([answer.status, answer.headers.get("content-type"), await answer.text()]);
    }
    console.log(JSON.stringify(answers));
    process.exit();
"""


def asked(project: Path, server: EmbeddedSandbox, kind: str, *bodies: Any) -> list[tuple[int, str, str]]:
    (project / "harness.mjs").write_text(HARNESS[kind] + ASKS, "utf-8")
    run = node(project, server, "harness.mjs", json.dumps(bodies))
    assert run.returncode == 0, run.stderr
    return [tuple(answer) for answer in json.loads(run.stdout)]


@pytest.mark.parametrize("kind", ["next", "express"])
def test_a_route_streams_an_answer_as_events_and_answers_parallel_calls(
    cli: Cli, tmp_path: Path, project: Path, target: EmbeddedSandbox, kind: str
) -> None:
    finished(cli, tmp_path, project, kind)
    image = {"url": "https://x.example/lamp.png"}
    [(status, form, text)] = asked(project, target, kind, {"text": THREE, "images": [image]})
    assert (status, form.split(";")[0]) == (200, "text/event-stream")
    told = events(text)
    [(conversation, _, items)] = read_conversations(target.data)
    assert told[0] == ("conversation", {"id": conversation})
    assert told[-1] == ("done", {})
    said = "".join(data["delta"] for name, data in told if name == "text")
    assert len([name for name, _ in told if name == "text"]) > 1, "it is streamed"
    assert all(f"LS-{n}" in said for n in (1, 2, 3))
    assert kinds_of(target) == ANSWERED
    assert items[0]["content"][1]["image_url"] == image["url"]


@pytest.mark.parametrize("kind", ["next", "express"])
def test_a_route_refuses_what_it_does_not_know_and_keeps_reasons_to_itself(
    cli: Cli, tmp_path: Path, project: Path, target: EmbeddedSandbox, kind: str
) -> None:
    finished(cli, tmp_path, project, kind)
    odd = [{}, {"text": ""}, {"text": "Hi", "images": ["x"]}, {"text": "Hi", "conversation": 7}, [], {"files": [{}]}]
    for status, form, text in asked(project, target, kind, *odd):
        assert (status, form.split(";")[0]) == (400, "application/json")
        assert "expected" in json.loads(text)["error"]
    [(status, _, text)] = asked(project, target, kind, {"text": "[[fail secret reason]]"})
    assert status == 200
    assert events(text)[-1] == ("error", {"message": "The answer could not be completed."})
    assert "secret reason" not in text
