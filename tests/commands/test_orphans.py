"""Orphans: conversations that name a thread and are not its own are shown, and deleted where nobody has used them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.fault_exchange import CapturedResponse
from migrate_cli.sandbox.options import SandboxOptions, TargetPreset
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import texts_of, thread_id, write_export
from support.listing_target import ListingTarget
from support.odd_target import Call, odd_target

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


class Scene:
    """A migration of three threads, and what stands beside it at the target."""

    def __init__(self, cli: Cli, export: Path, target: ListingTarget) -> None:
        self.cli, self.export, self.target = cli, export, target
        assert cli("apply", export).code == 0
        self.own = {identifier for identifier, _, _ in read_conversations(target.data)}
        texts = texts_of(export, thread_id(1))
        self.empty = target.create(thread_id(1))
        self.part = target.create(thread_id(2), *texts_of(export, thread_id(2))[:3])
        self.copy = target.create(thread_id(1), *texts)
        self.used = target.create(thread_id(1), *texts, "And then?")
        self.strange = target.create(thread_id(2), "Nothing of ours.")
        self.elsewhere = target.create("thread_of_another_shard")
        self.full_elsewhere = target.create("thread_of_another_shard", "Hello.")
        self.titled = target.create(thread_id(2), title="Mine")
        self.foreign = target.create(None, "No thread is named.")

    def json(self, *args: object) -> dict[str, Any]:
        """Run a command; return its envelope."""
        return self.cli(*args, "--output", "json").json

    def standing(self) -> set[str]:
        """The conversations that are not deleted, but for those of the migration."""
        found = {identifier for identifier, _, _ in read_conversations(self.target.data, deleted=False)}
        assert self.own <= found, "a conversation of the migration was deleted"
        return found - self.own


@pytest.fixture
def scene(cli: Cli, tmp_path: Path, listing: ListingTarget) -> Scene:
    return Scene(cli, write_export(tmp_path / "export", [4, 30, 2]), listing)


def fates(result: dict[str, Any]) -> dict[str, str]:
    return {row["conversation_id"]: row["fate"] for row in result["data"]["orphan_list"]}


def test_status_shows_each_with_what_it_holds_and_changes_nothing(scene: Scene) -> None:
    before, writes = scene.standing(), scene.target.writes()
    result = scene.json("status", "--orphans")
    assert result["exit_code"] == 0
    assert fates(result) == {
        scene.empty: "removable",
        scene.part: "removable",
        scene.copy: "removable",
        scene.used: "written-into",
        scene.strange: "written-into",
        scene.titled: "written-into",
        scene.elsewhere: "with-force",
        scene.full_elsewhere: "not-comparable",
    }
    assert result["data"]["listing"] == {"listed": 12, "of_threads": 11, "others": 1}
    assert result["data"]["orphans"]["removable"] == 3
    assert (scene.standing(), scene.target.writes()) == (before, writes)
    assert "undo --orphans --dry-run" in " ".join(result["data"]["next"])


def test_a_dry_run_says_what_would_go_and_deletes_nothing(scene: Scene) -> None:
    before = scene.standing()
    result = scene.json("undo", "--orphans", "--dry-run")
    assert (result["data"]["conversations"], result["data"]["items"]) == (3, 7)
    assert {row["conversation"] for row in result["data"]["would_delete"]} == {scene.empty, scene.part, scene.copy}
    assert scene.standing() == before


def test_without_a_yes_nothing_is_deleted(scene: Scene) -> None:
    before = scene.standing()
    outcome = scene.cli("undo", "--orphans")
    assert outcome.code == 2
    assert "would delete 7 items and 3 conversations" in outcome.err and "--yes" in outcome.err
    assert scene.standing() == before


def test_only_what_nobody_has_written_into_is_deleted(scene: Scene) -> None:
    result = scene.json("undo", "--orphans", "--yes")
    assert result["exit_code"] == 3
    assert result["data"]["conversations"]["deleted"] == 3
    assert result["data"]["items"] == {"deleted": 7, "gone": 0}
    left = {scene.used, scene.strange, scene.titled, scene.elsewhere, scene.full_elsewhere, scene.foreign}
    assert scene.standing() == left
    assert {error["code"] for error in result["errors"]} == {"orphan-written-into", "orphan-not-comparable"}
    assert scene.cli("verify", scene.export).code == 0
    assert scene.json("status")["data"]["threads"] == {"loaded": 3} or scene.json("status")["data"]["threads"] == {
        "verified": 3
    }


def test_with_force_those_of_unknown_threads_go_too_but_never_what_cannot_be_compared(scene: Scene) -> None:
    assert scene.json("undo", "--orphans", "--yes", "--force")["data"]["conversations"]["deleted"] == 4
    assert scene.standing() == {scene.used, scene.strange, scene.titled, scene.full_elsewhere, scene.foreign}


def test_with_force_the_source_tells_what_a_thread_says_that_the_state_file_does_not_have(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [4, 5])
    assert cli("apply", export, "--thread", thread_id(1)).code == 0
    texts = texts_of(export, thread_id(2))
    whole, used = listing.create(thread_id(2), *texts), listing.create(thread_id(2), *texts[:2], "Something else.")
    kept = json.loads(cli("undo", "--orphans", "--yes", "--output", "json").out)["data"]
    assert (kept["conversations"]["deleted"], kept["orphans"]["not_comparable"]) == (0, 2)
    result = json.loads(cli("undo", "--orphans", "--yes", "--force", "--output", "json").out)["data"]
    assert (result["conversations"]["deleted"], fates({"data": result})) == (
        1,
        {whole: "removable", used: "written-into"},
    )
    assert used in {identifier for identifier, _, _ in read_conversations(listing.data, deleted=False)}


def test_a_second_run_finds_nothing_more(scene: Scene) -> None:
    scene.json("undo", "--orphans", "--yes")
    again = scene.json("undo", "--orphans", "--yes")
    assert again["data"]["conversations"]["deleted"] == 0


def test_what_the_list_names_and_the_target_does_not_have_is_no_orphan(scene: Scene) -> None:
    scene.target.misbehave("conversations:ghosts")
    result = scene.json("status", "--orphans")
    assert result["data"]["orphans"]["removable"] == 3
    assert result["data"]["orphans"]["total"] == 8


def test_what_the_state_file_has_given_up_is_its_own_to_undo(scene: Scene) -> None:
    assert scene.cli("resolve", thread_id(3), "--restart").code == 0
    assert not set(fates(scene.json("status", "--orphans"))) & scene.own


def test_somebody_who_writes_between_look_and_delete_is_not_overwritten(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [3])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
    looks: list[str] = []
    others: list[ListingTarget] = []

    async def writes_after_the_first_look(call: Call) -> CapturedResponse:
        if call.lists and orphan and orphan[0] in call.path:
            looks.append(call.path)
            if len(looks) == 2:
                await asyncio.to_thread(others[0].append, orphan[0], "A late word.")
        return await call.forward()

    orphan: list[str] = []
    options = SandboxOptions(preset=TargetPreset.FOUNDRY)
    with odd_target(tmp_path / "target.db", writes_after_the_first_look, monkeypatch, options) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        assert cli("apply", export).code == 0
        others.append(ListingTarget(server))
        orphan.append(others[0].create(thread_id(1)))
        result = cli("undo", "--orphans", "--yes", "--output", "json").json
        others[0].close()
        assert result["exit_code"] == 3
        assert result["data"]["conversations"] == {"deleted": 0, "gone": 0, "kept": 1, "refused": 0, "unfinished": 0}
        standing = {identifier: items for identifier, _, items in read_conversations(server.data, deleted=False)}
        assert len(standing[orphan[0]]) == 1


def test_a_target_that_does_not_list_is_told(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    assert cli("apply", write_export(tmp_path / "export", [3])).code == 0
    for command in (("status", "--orphans"), ("undo", "--orphans", "--yes"), ("undo", "--orphans", "--dry-run")):
        outcome = cli(*command)
        assert outcome.code == 2
        assert "does not list conversations" in " ".join(outcome.err.split())


def test_orphans_and_what_the_state_file_knows_are_not_undone_at_once(scene: Scene) -> None:
    assert scene.cli("undo", "--orphans", "--all", "--yes").code == 2


def test_a_rehearsal_of_a_foundry_target_lists_too(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_TARGET__PRESET", "foundry")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://example.services.ai.azure.com/api/projects/demo")
    assert cli("apply", write_export(tmp_path / "export", [3]), "--target", "sandbox").code == 0
    assert cli("status", "--orphans", "--rehearsal", "--output", "json").json["data"]["orphans"]["total"] == 0
