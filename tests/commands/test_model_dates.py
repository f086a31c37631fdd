"""Commands that tell when a model goes ask the target first, where there is a key and names are the service's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from migrate_cli.convert.model_catalogue import AS_OF
from migrate_cli.sandbox.fault_exchange import CapturedResponse

from commands.conftest import Cli
from support.exports import thread_id, write_export
from support.odd_target import Call, answer, odd_target

SAYS = {"object": "list", "data": [{"id": "gpt-4o", "object": "model", "shutdown_date": "2031-02-03"}]}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Iterator[list[str]]:
    """A target that knows when a model goes; yields what is asked of it."""
    seen: list[str] = []

    async def habit(call: Call) -> CapturedResponse:
        seen.append(call.path)
        return answer(200, SAYS) if call.path == "/models" else await call.forward()

    assistant = {"id": "asst_1", "object": "assistant", "model": "gpt-4o", "name": "Help"}
    (tmp_path / "assistant.json").write_text(json.dumps(assistant))
    with odd_target(tmp_path / "target.db", habit, monkeypatch) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
        yield seen


def test_the_date_of_the_target_stands_in_the_report_of_assistants(cli: Cli, asked: list[str]) -> None:
    outcome = cli("assistants", "assistant.json", "--output", "json").json
    [told] = [one["detail"] for one in outcome["data"]["finding_list"]]
    assert "is shut down on 2031-02-03 (says the target)" in told
    assert outcome["data"]["models_as_of"] == AS_OF
    assert asked == ["/models"]


def test_and_among_the_warnings_of_a_replay_but_not_of_a_rehearsal(cli: Cli, asked: list[str], tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2])
    case = {"id": "one", "conversation": thread_id(1), "input": "Hello?"}
    (tmp_path / "suite.yaml").write_text(json.dumps({"model": "gpt-4o", "cases": [case]}))
    assert cli("apply", export).code == 0
    told = cli("replay", "suite.yaml", "--output", "json").json["data"]["warnings"]
    assert any("gpt-4o is shut down on 2031-02-03 (says the target)" in line for line in told)
    assert cli("apply", export, "--target", "sandbox").code == 0
    before = len(asked)
    told = cli("replay", "suite.yaml", "--target", "sandbox", "--output", "json").json["data"]["warnings"]
    assert any(f"2027-01-14 (as of {AS_OF})" in line for line in told)
    assert len(asked) == before


@pytest.mark.parametrize("preset", ["azure", "foundry"])
def test_where_models_are_deployments_nobody_is_asked(
    cli: Cli, asked: list[str], monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    monkeypatch.setenv("MIGRATE_TARGET__PRESET", preset)
    outcome = cli("assistants", "assistant.json", "--output", "json").json["data"]
    assert outcome["assistants"][0]["config"]["model"] == "gpt-4o"
    assert asked == []


def test_without_a_key_nobody_is_asked(cli: Cli, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    told = cli("assistants", "assistant.json").err
    assert f"(as of {AS_OF})" in told
    assert asked == []
