"""A target with the preset foundry: items as it takes them, its limits, and settings that cannot go with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.outcomes import Refused
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions, TargetPreset
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.target.conversations import ConversationsTarget

from commands.conftest import Cli

LONG = "0123456789" * 160_000
KEY = "sk-test-key-0123456789"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Iterator[EmbeddedSandbox]:
    """A sandbox that takes items as Foundry does, as the configured target."""
    with EmbeddedSandbox(tmp_path / "target.db", SandboxOptions(preset=TargetPreset.FOUNDRY)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("MIGRATE_TARGET__PRESET", "foundry")
        yield server


def export(folder: Path) -> Path:
    """A thread with a message that Foundry finds too long, and with a tool call of every form."""
    calls = [
        {"id": "c1", "type": "mcp", "name": "fetch", "arguments": "{}", "output": "x", "server_label": "docs"},
        {"id": "c2", "type": "bing_grounding", "bing_grounding": {"requesturl": "https://h.example/?q=1"}},
    ]
    thread: dict[str, Any] = {
        "id": "thread_1",
        "object": "thread",
        "messages": [
            {"id": "msg_1", "object": "thread.message", "role": "user", "content": LONG},
            {"id": "msg_2", "object": "thread.message", "role": "assistant", "content": "Short.", "run_id": "run_1"},
        ],
        "runs": [{"id": "run_1", "object": "thread.run", "status": "completed"}],
        "run_steps": [
            {"id": "step_1", "object": "thread.run.step", "run_id": "run_1", "type": "tool_calls",
             "step_details": {"type": "tool_calls", "tool_calls": calls}},
        ],
    }  # fmt: skip
    path = folder / "thread_1.json"
    path.write_text(json.dumps(thread))
    return path


def test_what_it_takes_is_loaded_and_verified(cli: Cli, tmp_path: Path, project: EmbeddedSandbox) -> None:
    source = export(tmp_path)
    applied = cli("apply", source, "--output", "json")
    assert applied.code == 0, applied.out
    assert applied.json["data"]["findings"]["message-split"] == 1
    assert cli("verify", source).code == 0
    [(_, _, items)] = read_conversations(project.data)
    texts = [part["text"] for item in items for part in item.get("content", ())]
    assert "".join(texts[:2]) == LONG
    assert max(map(len, texts)) <= 1_500_000
    assert [item["type"] for item in items][2:4] == ["function_call", "function_call_output"]


def test_a_rehearsal_is_as_strict(cli: Cli, tmp_path: Path, project: EmbeddedSandbox) -> None:
    source = export(tmp_path)
    assert cli("apply", source, "--target", "sandbox").code == 0
    rehearsed = next(tmp_path.glob("*rehearsal*.sandbox"))
    [(_, _, items)] = read_conversations(rehearsed)
    assert len(items) == 6


@pytest.mark.parametrize("setting", ["strict_assistant", "native_builtin"])
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_settings_that_send_ids_of_ours_are_refused(
    cli: Cli, tmp_path: Path, project: EmbeddedSandbox, setting: str, command: str
) -> None:
    (tmp_path / "migration.yaml").write_text(f"convert:\n  {setting}: true\n")
    refused = cli(command, export(tmp_path))
    assert refused.code == 2
    assert f"convert.{setting} (migration.yaml:2)" in refused.err
    assert "foundry" in refused.err and "remove that setting" in refused.err
    assert not list(read_conversations(project.data))


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"role": "user", "content": "hi"}, "type"),
        ({"type": "message", "id": "msg_mine", "role": "user", "content": "hi"}, "malformed id"),
        ({"type": "message", "role": "user", "content": LONG}, "1500000 characters"),
    ],
)
def test_the_sandbox_refuses_what_foundry_refuses(project: EmbeddedSandbox, item: dict[str, Any], why: str) -> None:
    async def append() -> Any:
        async with ApiClient(Endpoint(project.base_url, KEY), RateLimiter(most_in_flight=1)) as client:
            made = await client.write("POST", "/conversations", b"{}")
            path = f"/conversations/{made.body['id']}/items"  # type: ignore[union-attr]  # it is there
            return await client.write("POST", path, json.dumps({"items": [item]}).encode())

    reply = asyncio.run(append())
    assert isinstance(reply, Refused) and reply.status == 400
    assert why in reply.message


def test_a_list_that_takes_longer_than_the_timeout_is_waited_for(tmp_path: Path) -> None:
    slow = SandboxOptions(faults=plan_from_specs(["list:latency:ms=900"], 1))

    async def listed(slow_lists: float) -> Any:
        endpoint = Endpoint(server.base_url, KEY, timeout=0.3, slow_lists=slow_lists)
        async with ApiClient(endpoint, RateLimiter(most_in_flight=1)) as client:
            target = ConversationsTarget(client)
            made = await target.create_conversation({})
            return await target.list_items(made.body["id"], after=None, images=False)  # type: ignore[union-attr]

    with EmbeddedSandbox(tmp_path / "t.db", slow) as server:
        assert asyncio.run(listed(30.0)).items == []
