"""`undo`: what was created is deleted, items first; nothing else is."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.audit import read_conversations, read_deleted
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import texts_of, thread_id, write_export

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures


def undo_json(cli: Cli, *args: object) -> dict[str, Any]:
    return cli("undo", *args, "--output", "json").json


def left(target: EmbeddedSandbox) -> tuple[int, int]:
    """Conversations that stand, and items in any, deleted ones included: deleting one leaves its items."""
    standing = list(read_conversations(target.data, deleted=False))
    return len(standing), sum(len(items) for _, _, items in read_conversations(target.data))


def test_everything_is_deleted_items_first_and_can_be_loaded_again(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [1, 25, 0, 130])
    cli("apply", export)
    result = undo_json(cli, "--all", "--yes")
    assert result["exit_code"] == 0
    assert result["data"]["items"] == {"deleted": 156, "gone": 0}
    assert result["data"]["conversations"]["deleted"] == 3
    assert left(target) == (0, 0)
    assert len(read_deleted(target.data)) == 3
    assert undo_json(cli, "--all", "--yes")["data"]["conversations"]["deleted"] == 0
    assert cli("apply", export).code == 0
    assert conversations(target.data)[thread_id(4)] == texts_of(export, thread_id(4))


@pytest.mark.parametrize("lie", ["ignore-after", "never-more", "always-more"])
def test_everything_is_deleted_however_the_target_lists_it(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, lie: str
) -> None:
    cli("apply", write_export(tmp_path / "export", [25, 230]))
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        control.post("/faults", json={"rules": [f"list:{lie}"]})
    result = undo_json(cli, "--all", "--yes")
    assert result["data"]["items"] == {"deleted": 255, "gone": 0}
    assert left(target) == (0, 0)


def test_one_thread_or_one_run_can_be_undone_alone(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2, 2, 2])
    cli("apply", export, "--thread", thread_id(1))
    second = cli("apply", export, "--output", "json").json["run_id"]
    assert undo_json(cli, "--run", second, "--yes")["data"]["conversations"]["deleted"] == 2
    assert left(target) == (1, 2)
    assert undo_json(cli, "--thread", thread_id(1), "--yes")["data"]["conversations"]["deleted"] == 1
    assert left(target) == (0, 0)
    assert cli("undo", "--thread", thread_id(1), "--yes").code == 2


def test_a_dry_run_says_what_would_go_and_touches_nothing(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    cli("apply", write_export(tmp_path / "export", [2, 30]))
    result = undo_json(cli, "--all", "--dry-run")
    assert (result["exit_code"], result["data"]["conversations"], result["data"]["items"]) == (0, 2, 32)
    assert left(target) == (2, 32)


def test_a_dry_run_lists_a_thread_a_line_with_its_conversation_below(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    cli("apply", write_export(tmp_path / "export", [2, 30]))
    lines = cli("undo", "--all", "--dry-run").out.splitlines()
    assert lines[0] == f"✓ Would delete 32 items and 2 conversations at {target.base_url}."
    start = lines.index("Would be deleted")
    assert [line.split() for line in lines[start + 1 : start + 6 : 2]] == [
        ["thread", "items"],
        ["conversation", *[word for word in lines[start + 3].split() if word.startswith("conv_")]],
        ["conversation", *[word for word in lines[start + 5].split() if word.startswith("conv_")]],
    ]
    assert lines[start + 2].split() == [thread_id(1), "2"]
    assert lines[start + 4].split() == [thread_id(2), "30"]


def test_nothing_is_deleted_without_a_yes_or_without_saying_what(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    cli("apply", write_export(tmp_path / "export", [2]))
    outcome = cli("undo", "--all")
    assert outcome.code == 2
    assert "--yes" in outcome.err
    assert cli("undo").code == 2
    assert cli("undo", "--all", "--thread", thread_id(1), "--yes").code == 2
    assert left(target) == (1, 2)


@pytest.mark.parametrize("fault", ["reset-after", "500-after", "500", "429:retry_after=0.02", "cut"])
def test_lost_answers_and_what_was_gone_already_are_counted_right(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, fault: str
) -> None:
    cli("apply", write_export(tmp_path / "export", [5, 5]))
    [first, second] = [
        (conversation, [item["id"] for item in items]) for conversation, _, items in read_conversations(target.data)
    ]
    with httpx2.Client(base_url=target.base_url, headers={"Authorization": "Bearer any"}) as client:
        client.delete(f"/conversations/{first[0]}/items/{first[1][2]}")
        client.delete(f"/conversations/{second[0]}")
        rules = [f"delete-item:{fault}:nth=2", f"delete:{fault}:nth=1"]
        client.post(f"{target.control_url}/faults", json={"rules": rules}, headers=CONTROL_HEADERS)
    result = undo_json(cli, "--all", "--yes")
    assert result["exit_code"] == 0
    assert result["data"]["items"] == {"deleted": 4, "gone": 1 + 5}
    assert (result["data"]["conversations"]["deleted"], result["data"]["conversations"]["gone"]) == (1, 1)


def test_a_conversation_that_somebody_wrote_into_is_kept_unless_forced(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    cli("apply", write_export(tmp_path / "export", [2, 2]))
    [(conversation, _, _), _] = read_conversations(target.data)
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "and then?"}]}
    with httpx2.Client(base_url=target.base_url, headers={"Authorization": "Bearer any"}) as client:
        client.post(f"/conversations/{conversation}/items", json={"items": [said]})
    result = undo_json(cli, "--all", "--yes")
    assert result["exit_code"] == 3
    assert [problem["code"] for problem in result["errors"]] == ["conversation-continued"]
    assert left(target) == (1, 3)
    assert undo_json(cli, "--all", "--yes", "--force")["exit_code"] == 0
    assert left(target) == (0, 0)


def test_an_undo_that_broke_off_goes_on_where_it_was(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    cli("apply", write_export(tmp_path / "export", [10, 10, 10]))
    with httpx2.Client() as client:
        client.post(
            f"{target.control_url}/faults", json={"rules": ["delete-item:quota:nth=12"]}, headers=CONTROL_HEADERS
        )
        assert undo_json(cli, "--all", "--yes", "--workers", "1")["exit_code"] == 5
        assert left(target) == (2, 19)
        client.post(f"{target.control_url}/faults", json={"rules": []}, headers=CONTROL_HEADERS)
    assert undo_json(cli, "--all", "--yes")["exit_code"] == 0
    assert left(target) == (0, 0)


def test_another_target_is_refused_before_anything_is_deleted(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("apply", write_export(tmp_path / "export", [2]))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    outcome = cli("undo", "--all", "--yes")
    assert outcome.code == 10
    assert "target.base_url" in outcome.err
    assert left(target) == (1, 2)


def test_a_rehearsal_is_undone_in_its_own_sandbox(cli: Cli, tmp_path: Path) -> None:
    cli("apply", write_export(tmp_path / "export", [3]), "--target", "sandbox", "--state", "migration.db")
    assert undo_json(cli, "--all", "--yes")["data"]["items"]["deleted"] == 3
    with sqlite3.connect(tmp_path / "migration.db.sandbox") as db:
        assert db.execute("SELECT count(*) FROM item").fetchone() == (0,)
    db.close()
    assert json.loads(cli("status", "--output", "json").out)["data"]["threads"] == {"undone": 1}


def test_a_run_that_does_not_exist_is_not_taken_for_one_that_made_nothing(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    cli("apply", write_export(tmp_path / "export", [2]))
    for how in ("--dry-run", "--yes"):
        outcome = cli("undo", "--run", "no-such-run", how)
        assert outcome.code == 2
        assert "no-such-run" in outcome.err
