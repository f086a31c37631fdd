"""The Python program of `assistants --code`: it streams, answers every call, and leaves the conversation usable."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.generated import SHOP, environment, imported, saved

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

THREE = " ".join(f'[[call lookup_order {{"order_id": "LS-{n}"}}]]' for n in (1, 2, 3))
Function = Callable[[dict[str, Any]], Awaitable[Any]]


@pytest.fixture
def path(cli: Cli, tmp_path: Path) -> Path:
    """The program of an assistant with one function."""
    source = saved(tmp_path / "shop.json", SHOP)
    assert cli("assistants", source, "--code", "python", "--out", tmp_path / "setup").code == 0
    return tmp_path / "setup" / "shop.py"


@pytest.fixture
def program(path: Path) -> Any:
    return imported(path)


async def talk(program: Any, server: EmbeddedSandbox, *questions: str) -> list[str]:
    """Ask one question after the other in one conversation; return the answers, or why one did not come to its end."""
    from openai import AsyncOpenAI

    answers = []
    async with AsyncOpenAI(base_url=server.base_url, api_key="any-key", max_retries=0) as client:
        conversation = (await client.conversations.create()).id
        for question in questions:
            said = ""
            try:
                async for piece in program.answer(client, conversation, [program.message(program.text(question))]):
                    said += piece
            except program.Unfinished as reason:
                said = f"unfinished: {reason}"
            answers.append(said)
    return answers


def read_items(server: EmbeddedSandbox) -> list[dict[str, Any]]:
    """The items of the only conversation."""
    [(_, _, items)] = read_conversations(server.data)
    return items


def items_of(server: EmbeddedSandbox, kind: str) -> list[dict[str, Any]]:
    return [item for item in read_items(server) if item["type"] == kind]


def together(started: list[str]) -> Function:
    """A function that ends only once three of its kind are running."""
    gate = asyncio.Event()

    async def lookup_order(given: dict[str, Any]) -> Any:
        started.append(given["order_id"])
        if len(started) == 3:
            gate.set()
        await gate.wait()
        return {"order_id": given["order_id"], "status": "shipped"}

    return lookup_order


def test_parallel_calls_run_at_once_and_their_outputs_go_back_together(program: Any, target: EmbeddedSandbox) -> None:
    started: list[str] = []
    program.FUNCTIONS["lookup_order"] = together(started)
    [answer] = asyncio.run(talk(program, target, THREE))
    assert sorted(started) == ["LS-1", "LS-2", "LS-3"]
    assert all(order in answer for order in started)
    kinds = [item["type"] for item in read_items(target)]
    assert kinds == ["message", *["function_call"] * 3, *["function_call_output"] * 3, "message"]


def test_calls_go_on_over_several_rounds(program: Any, target: EmbeddedSandbox) -> None:
    async def lookup_order(given: dict[str, Any]) -> str:
        return f"{given['order_id']} is on its way"

    program.FUNCTIONS["lookup_order"] = lookup_order
    first, second = (f'[[call lookup_order {{"order_id": "{order}"}}]]' for order in ("LS-1", "LS-2"))
    [answer] = asyncio.run(talk(program, target, f"{first} [[then]] {second}"))
    assert "LS-2 is on its way" in answer
    assert len(items_of(target, "function_call_output")) == 2


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ('[[call lookup_order {"order_id": "LS-1"}]]', "NotImplementedError: lookup_order has no code yet"),
        ("[[call! invented {}]]", "there is no function invented"),
    ],
)
def test_a_call_that_cannot_be_run_is_told_to_the_model(
    program: Any, target: EmbeddedSandbox, question: str, told: str
) -> None:
    answers = asyncio.run(talk(program, target, question, "[[say Go on]]"))
    assert told in items_of(target, "function_call_output")[0]["output"]
    assert answers[1] == "Go on"


def test_a_function_that_takes_too_long_is_told_to_the_model(program: Any, target: EmbeddedSandbox) -> None:
    async def lookup_order(_given: dict[str, Any]) -> Any:
        await asyncio.Event().wait()

    program.FUNCTIONS["lookup_order"] = lookup_order
    program.SECONDS = 0
    answers = asyncio.run(talk(program, target, "[[call lookup_order {}]]", "[[say Go on]]"))
    assert "TimeoutError" in items_of(target, "function_call_output")[0]["output"]
    assert answers[1] == "Go on"


def test_a_model_that_never_stops_calling_is_stopped_and_the_conversation_stays_usable(
    program: Any, target: EmbeddedSandbox
) -> None:
    async def lookup_order(_given: dict[str, Any]) -> Any:
        return "again"

    program.FUNCTIONS["lookup_order"] = lookup_order
    program.ROUNDS = 2
    question = " [[then]] ".join(["[[call lookup_order {}]]"] * 4)
    answers = asyncio.run(talk(program, target, question, "[[say Go on]]"))
    assert answers == ["unfinished: the model still called functions after 2 rounds", "Go on"]


def test_an_answer_that_is_cut_short_is_no_answer_and_its_calls_are_not_left_open(
    program: Any, target: EmbeddedSandbox
) -> None:
    answers = asyncio.run(talk(program, target, "[[call lookup_order {}]] [[incomplete]]", "[[say Go on]]"))
    assert answers[0].startswith("unfinished: the answer was cut short")
    assert answers[1] == "Go on"


@pytest.mark.parametrize(
    ("question", "told"), [("[[fail no room]]", "no room"), ("[[error no room]]", "no room")], ids=["failed", "error"]
)
def test_a_response_that_fails_ends_with_its_reason(
    program: Any, target: EmbeddedSandbox, question: str, told: str
) -> None:
    [answer] = asyncio.run(talk(program, target, question))
    assert answer.startswith("unfinished: ")
    assert told in answer


def test_a_stream_that_ends_early_is_no_answer(program: Any, tmp_path: Path) -> None:
    options = SandboxOptions(faults=plan_from_specs(["responses:stream-end"], seed=1))
    with EmbeddedSandbox(tmp_path / "early.db", options) as server:
        [answer] = asyncio.run(talk(program, server, "Hello"))
    assert answer.startswith("unfinished: the stream ended early")


def test_a_tool_of_a_server_is_used_only_where_you_approve(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    tool = {"type": "mcp", "server_label": "shop", "server_url": "https://mcp.example/shop"}
    source = saved(tmp_path / "mcp.json", SHOP | {"tools": [tool]})
    cli("assistants", source, "--code", "python", "--out", tmp_path / "mcp")
    program = imported(tmp_path / "mcp" / "shop.py")
    refused, usable = asyncio.run(talk(program, target, "[[mcp shop track {}]]", "[[say Go on]]"))
    assert usable == "Go on"
    assert refused
    [answer] = items_of(target, "mcp_approval_response")
    assert answer["approve"] is False


def test_the_parts_of_a_question_are_read_from_disk_or_named(program: Any, tmp_path: Path) -> None:
    picture, note = tmp_path / "lamp.png", tmp_path / "note.txt"
    picture.write_bytes(b"\x89PNG")
    note.write_text("Hi", "utf-8")
    assert program.message(program.text("Hi"))["content"] == [{"type": "input_text", "text": "Hi"}]
    assert program.image(picture)["image_url"] == "data:image/png;base64,iVBORw=="
    assert program.image("https://x.example/a.png")["image_url"] == "https://x.example/a.png"
    assert program.image("file-abc", "high") == {"type": "input_image", "detail": "high", "file_id": "file-abc"}
    assert program.file(note) == {
        "type": "input_file",
        "filename": "note.txt",
        "file_data": "data:text/plain;base64,SGk=",
    }
    assert program.file("https://x.example/a.pdf")["file_url"] == "https://x.example/a.pdf"
    assert program.file("file-abc")["file_id"] == "file-abc"


def test_run_as_a_program_it_takes_question_conversation_image_and_file(
    path: Path, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    picture, note = tmp_path / "lamp.png", tmp_path / "note.txt"
    picture.write_bytes(b"\x89PNG")
    note.write_text("Hi", "utf-8")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error::SyntaxWarning", str(path), *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment(target.base_url), cwd=tmp_path
        )

    first = run("[[say Good day]]", "--image", "lamp.png", "--file", "note.txt")
    assert (first.returncode, first.stdout) == (0, "Good day"), first.stderr
    [(conversation, _, items)] = read_conversations(target.data)
    assert [part["type"] for part in items[0]["content"]] == ["input_text", "input_image", "input_file"]
    assert conversation in first.stderr
    assert run("[[echo]] And you?", conversation).stdout.strip() == "And you?"
    failed = run("[[fail no room]]", conversation)
    assert failed.returncode == 1
    assert failed.stderr.strip() == f"no room (conversation {conversation})"
