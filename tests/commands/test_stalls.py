"""Every command ends where a host stalls: exit 5, with the host, what was asked, and that nothing is lost.

The whole table, with words and signals, is measured by `make stalls`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
import yaml
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import texts_of, thread_id, write_export
from support.listing_target import ListingTarget

from .conftest import Cli, Outcome  # noqa: TID252 - the folder's own fixtures

TIMEOUT = 0.25
WITHIN = 12 * TIMEOUT
BUSY = 10.0
"""Seconds that a machine may be busy with something else."""
STALLS = ["hang", "headers-only", "trickle:1"]


@pytest.fixture
def migrated(cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch) -> EmbeddedSandbox:
    """A target to which an export was migrated, and that is asked with short timeouts from now on."""
    assert cli("apply", write_export(tmp_path / "export", [6, 6])).code == 0
    case = {"id": "one", "conversation": thread_id(1), "input": "Hello?"}
    (tmp_path / "replay.yaml").write_text(yaml.safe_dump({"model": "gpt-5.4-mini", "cases": [case]}), "utf-8")
    (tmp_path / "ids.txt").write_text(f"{thread_id(1)}\n", "utf-8")
    monkeypatch.setenv("SOURCE_API_KEY", "sk-test-key-0123456789")
    # The target is no host of threads: what is left of that is a folder to go on with.
    assert cli("snapshot", target.base_url, "--threads-from", "ids.txt", "--out", "kept").code == 2
    monkeypatch.setenv("MIGRATE_LOAD__TIMEOUT", str(TIMEOUT))
    monkeypatch.setenv("MIGRATE_REPLAY__IDLE_TIMEOUT", str(TIMEOUT))
    return target


COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "plan": lambda url: ["plan", url, "--threads-from", "ids.txt"],
    "apply": lambda _: ["apply", "export", "--state", "fresh.db"],
    "verify": lambda _: ["verify", "export"],
    "replay": lambda _: ["replay", "replay.yaml"],
    "undo": lambda _: ["undo", "--all", "--yes"],
    "resolve": lambda _: ["resolve", thread_id(1)],
    "snapshot": lambda url: ["snapshot", url, "--threads-from", "ids.txt", "--out", "saved"],
    "recover": lambda _: ["recover", "export", "--state", "fresh.db"],
    "status --orphans": lambda _: ["status", "--orphans"],
    "undo --orphans": lambda _: ["undo", "--orphans", "--yes"],
    "plan of a choice": lambda url: ["plan", url, "--threads-from", "ids.txt", "--since", "2026-01-01"],
    "snapshot --refresh": lambda url: ["snapshot", url, "--threads-from", "ids.txt", "--out", "kept", "--refresh"],
    "doctor": lambda _: ["doctor", "export"],
    "doctor --live": lambda _: ["doctor", "export", "--live"],
}


def stalled(target: EmbeddedSandbox, *rules: str) -> None:
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        control.post("/faults", json={"rules": list(rules)})


def said(outcome: Outcome) -> str:
    return " ".join(f"{outcome.out} {outcome.err}".split())


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_ends_in_time_and_says_why(cli: Cli, migrated: EmbeddedSandbox, name: str, stall: str) -> None:
    stalled(migrated, f"*:{stall}")
    began = time.monotonic()
    outcome = cli(*COMMANDS[name](migrated.base_url))
    assert time.monotonic() - began < WITHIN + BUSY
    assert outcome.code == 5, said(outcome)
    assert migrated.base_url in said(outcome)
    assert "has not answered any request" in said(outcome) or "could not be used" in said(outcome)
    assert "othing is lost" in said(outcome)


@pytest.mark.parametrize("name", ["apply", "replay", "doctor --live"])
def test_writes_that_are_never_answered_end_it_too(cli: Cli, migrated: EmbeddedSandbox, name: str) -> None:
    stalled(migrated, "*:post-unanswered")
    began = time.monotonic()
    outcome = cli(*COMMANDS[name](migrated.base_url))
    assert time.monotonic() - began < WITHIN + BUSY
    assert outcome.code == 5, said(outcome)
    assert "othing is lost" in said(outcome)


def test_deletes_that_are_done_and_never_answered_are_undone_in_one_run(cli: Cli, migrated: EmbeddedSandbox) -> None:
    stalled(migrated, "*:post-unanswered")
    outcome = cli("undo", "--thread", thread_id(1), "--yes", "--output", "json").json
    assert outcome["exit_code"] == 0
    assert outcome["data"]["items"]["deleted"] == 6
    assert len(list(read_conversations(migrated.data, deleted=False))) == 1


def test_one_slow_object_ends_nothing_but_itself(cli: Cli, migrated: EmbeddedSandbox) -> None:
    slow = cli("map", thread_id(1), "--output", "json").json["data"]["rows"][0]["conversation_id"]
    stalled(migrated, f"reads:hang:path={slow}")
    outcome = cli("verify", "export", "--output", "json").json
    assert [(one["code"], one["thread_id"]) for one in outcome["errors"]] == [("unreadable", thread_id(1))]
    assert outcome["data"]["threads"]["verified"] == 1


def test_orphans_whose_deletes_are_never_answered_are_deleted_in_one_run(
    cli: Cli, tmp_path: Path, listing: ListingTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("apply", write_export(tmp_path / "export", [6])).code == 0
    orphan = listing.create(thread_id(1), *texts_of(tmp_path / "export", thread_id(1))[:2])
    monkeypatch.setenv("MIGRATE_LOAD__TIMEOUT", str(TIMEOUT))
    listing.misbehave("*:post-unanswered")
    outcome = cli("undo", "--orphans", "--yes", "--output", "json").json
    assert (outcome["exit_code"], outcome["data"]["items"]["deleted"]) == (0, 2)
    assert orphan not in [identifier for identifier, _, _ in read_conversations(listing.data, deleted=False)]


@pytest.mark.parametrize("stall", STALLS)
def test_rebuilding_vector_stores_ends_in_time_and_says_why(
    cli: Cli, tmp_path: Path, migrated: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch, stall: str
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__VECTOR_STORES", "rebuild")
    counts = {"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 0, "total": 1}
    shelf = {"id": "vs_shelf", "object": "vector_store", "name": "Shelf", "file_counts": counts}
    held = {"id": "file-lamp", "object": "vector_store.file", "vector_store_id": "vs_shelf", "status": "completed"}
    (tmp_path / "export" / "stores.json").write_text(json.dumps({"object": "list", "data": [shelf]}), "utf-8")
    (tmp_path / "export" / "in_stores.json").write_text(json.dumps({"object": "list", "data": [held]}), "utf-8")
    for commands in (["apply", "export"], ["verify", "export", "--files"], ["undo", "--all", "--yes"]):
        stalled(migrated, f"*:{stall}")
        began = time.monotonic()
        outcome = cli(*commands)
        assert time.monotonic() - began < WITHIN + BUSY
        assert outcome.code == 5, said(outcome)
        assert "has not answered any request" in said(outcome)
        assert "othing is lost" in said(outcome)
        stalled(migrated)
        assert cli("apply", "export").code == 0


@pytest.mark.parametrize("stall", STALLS)
def test_a_host_that_does_not_say_when_models_go_holds_up_no_assistants(
    cli: Cli, migrated: EmbeddedSandbox, tmp_path: Path, stall: str
) -> None:
    (tmp_path / "assistant.json").write_text('{"id": "asst_1", "object": "assistant", "model": "gpt-4o"}', "utf-8")
    stalled(migrated, f"*:{stall}")
    began = time.monotonic()
    outcome = cli("assistants", "assistant.json")
    assert time.monotonic() - began < WITHIN + BUSY
    assert outcome.code == 0
    assert "(as of " in outcome.err, "the built-in table is all there is"


ASSISTANT = {"id": "asst_1", "object": "assistant", "name": "Help", "model": "gpt-5.4-mini"}


@pytest.fixture
def project(migrated: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch) -> EmbeddedSandbox:
    """The same target as a Foundry project, and an assistant to make an agent of."""
    pytest.importorskip("azure.ai.projects")
    monkeypatch.setenv("MIGRATE_TARGET__PRESET", "foundry")
    monkeypatch.setenv("OPENAI_BASE_URL", migrated.project_url())
    Path("asst_1.json").write_text(json.dumps(ASSISTANT))
    return migrated


CREATE = ("assistants", "asst_1.json", "--create", "--yes", "--state", "fresh.db")


@pytest.mark.parametrize("stall", STALLS)
def test_making_agents_ends_in_time_and_says_why(cli: Cli, project: EmbeddedSandbox, stall: str) -> None:
    stalled(project, f"*:{stall}")
    began = time.monotonic()
    outcome = cli(*CREATE)
    assert time.monotonic() - began < WITHIN + BUSY
    assert outcome.code == 5, said(outcome)
    assert project.project_url() in said(outcome)
    assert "othing is lost" in said(outcome)


@pytest.mark.parametrize("stall", STALLS)
def test_undoing_agents_ends_in_time_and_says_why(cli: Cli, project: EmbeddedSandbox, stall: str) -> None:
    assert cli(*CREATE).code == 0
    stalled(project, f"*:{stall}")
    began = time.monotonic()
    outcome = cli("undo", "--all", "--yes", "--state", "fresh.db")
    assert time.monotonic() - began < WITHIN + BUSY
    assert outcome.code == 5, said(outcome)
    assert "othing is lost" in said(outcome)


def test_agents_that_are_made_and_deleted_without_an_answer_need_one_run(cli: Cli, project: EmbeddedSandbox) -> None:
    stalled(project, "*:post-unanswered")
    assert cli(*CREATE, "--output", "json").json["data"]["agents"] == {"made": 1}
    undone = cli("undo", "--all", "--yes", "--state", "fresh.db", "--output", "json").json
    assert (undone["exit_code"], undone["data"]["agents"]["deleted"]) == (0, 1)


@pytest.mark.parametrize("stall", STALLS)
def test_patience_with_slow_lists_ends_in_time_too(
    cli: Cli, migrated: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch, stall: str
) -> None:
    monkeypatch.setenv("MIGRATE_TARGET__PRESET", "foundry")
    stalled(migrated, f"*:{stall}")
    began = time.monotonic()
    outcome = cli("verify", "export")
    assert time.monotonic() - began < WITHIN + BUSY
    assert outcome.code == 5, said(outcome)


@pytest.mark.parametrize("stall", STALLS)
def test_a_model_that_never_compares_holds_up_no_replay_and_lets_no_case_pass(
    cli: Cli, migrated: EmbeddedSandbox, tmp_path: Path, stall: str
) -> None:
    expect = {"similar_to": {"text": "Hello", "threshold": 0, "method": "embedding"}}
    case = {"id": "one", "conversation": thread_id(1), "input": "Hello?", "expect": expect}
    (tmp_path / "replay.yaml").write_text(yaml.safe_dump({"model": "gpt-5.4-mini", "cases": [case]}), "utf-8")
    stalled(migrated, f"embed:{stall}")
    began = time.monotonic()
    outcome = cli("replay", "replay.yaml", "--output", "json").json
    assert time.monotonic() - began < WITHIN + BUSY
    (told,) = outcome["data"]["cases"]
    assert (outcome["exit_code"], told["status"], told["code"]) == (4, "error", "likeness-unknown")
    assert "gave no answer" in told["detail"]
    assert outcome["data"]["scratch"]["left"] == []
