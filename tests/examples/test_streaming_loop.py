"""The example that an application can start from: it runs as it stands."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox

PATH = Path(__file__).parents[2] / "examples" / "streaming_loop.py"
CUES = " ".join(f'[[call lookup_order {{"order_id": "LS-{n}"}}]]' for n in (1, 2, 3))


@pytest.fixture
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("streaming_loop", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def talk(example: ModuleType, server: EmbeddedSandbox, text: str) -> None:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=server.base_url, api_key="any-key", max_retries=0) as client:
        conversation = await client.conversations.create()
        items: list[Any] = [{"role": "user", "content": text}]
        await example.ask(client, conversation.id, items)


def test_the_example_is_short_enough_to_be_read_whole() -> None:
    assert len(PATH.read_text("utf-8").splitlines()) <= 40


def test_it_answers_parallel_calls_and_prints_what_is_said(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedSandbox(tmp_path / "sandbox.db") as server:
        asyncio.run(talk(example, server, CUES))
    said = capsys.readouterr().out
    assert all(f"LS-{n}" in said for n in (1, 2, 3))


def test_a_tool_that_fails_is_told_to_the_model(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedSandbox(tmp_path / "sandbox.db") as server:
        asyncio.run(talk(example, server, "[[call lookup_order {}]]"))
    assert "TypeError" in capsys.readouterr().out


def test_a_stream_that_ends_early_is_no_answer(example: ModuleType, tmp_path: Path) -> None:
    options = SandboxOptions(faults=plan_from_specs(["responses:stream-end"], seed=1))
    with (
        EmbeddedSandbox(tmp_path / "sandbox.db", options) as server,
        pytest.raises(ConnectionError, match="ended before"),
    ):
        asyncio.run(talk(example, server, "Hello"))
