"""`resolve`: a thread in doubt is shown, and settled as a person chooses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import texts_of, thread_id, write_export
from support.printed import arguments

from .conftest import Cli, Outcome  # noqa: TID252 - the folder's own fixtures

THREAD = thread_id(1)


def resolve_json(cli: Cli, *args: object) -> dict[str, Any]:
    return cli("resolve", THREAD, *args, "--output", "json").json


def states(cli: Cli) -> dict[str, int]:
    found: dict[str, int] = json.loads(cli("status", "--output", "json").out)["data"]["threads"]
    return found


@pytest.fixture
def export(cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export whose one thread is in doubt: its second batch was stored in the opposite order."""
    export = write_export(tmp_path / "export", [30])
    monkeypatch.setenv("MIGRATE_SOURCE__PATH", str(export))
    with httpx2.Client() as client:
        client.post(f"{target.control_url}/faults", json={"rules": ["append:scramble:nth=2"]}, headers=CONTROL_HEADERS)
        assert cli("apply").code == 3
        client.post(f"{target.control_url}/faults", json={"rules": []}, headers=CONTROL_HEADERS)
    assert states(cli) == {"in_doubt": 1}
    return export


def test_status_names_the_way_on_and_resolve_alone_only_shows(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    shown: Outcome = cli("status")
    assert f"migrate-cli resolve {THREAD}" in " ".join(shown.out.split())
    result = resolve_json(cli)
    assert result["exit_code"] == 3
    assert {row["difference"] for row in result["data"]["differences"]} == {"missing", "extra"}
    assert any("--restart" in step for step in result["data"]["next"])
    assert states(cli) == {"in_doubt": 1}
    assert cli("apply").code == 3


def test_what_stands_there_can_be_adopted(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    result = resolve_json(cli, "--adopt")
    assert result["exit_code"] == 0
    assert result["data"]["differences"]
    assert states(cli) == {"loaded": 1}
    again = cli("apply", "--output", "json").json
    assert (again["exit_code"], again["data"]["writes"]) == (0, 0)
    [(_, _, items)] = read_conversations(target.data)
    rows = [
        json.loads(line) for line in cli("map", "export", "--level", "messages", "--format", "jsonl").out.splitlines()
    ]
    assert [row["item_id"] for row in rows] == [item["id"] for item in items]


def test_a_restart_loads_a_fresh_conversation_and_undo_still_knows_the_old_one(
    cli: Cli, export: Path, target: EmbeddedSandbox
) -> None:
    assert resolve_json(cli, "--restart")["exit_code"] == 0
    assert cli("apply").code == 0
    [(_, _, old), (new_id, _, new)] = read_conversations(target.data)
    assert [item["content"][0]["text"] for item in new] == texts_of(export, THREAD)
    assert len(old) == 30
    cli("undo", "--all", "--dry-run")
    result = cli("undo", "--all", "--yes", "--output", "json").json
    assert result["data"]["conversations"]["deleted"] == 2
    assert not list(read_conversations(target.data, deleted=False))
    assert new_id


def test_a_thread_that_is_skipped_stays_out(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    assert resolve_json(cli, "--skip")["exit_code"] == 0
    for more in ((), ("--retry-failed",)):
        result = cli("apply", *more, "--output", "json").json
        assert (result["exit_code"], result["data"]["writes"]) == (0, 0)
        assert result["data"]["threads"]["skipped"] == 1
    assert states(cli) == {"skipped": 1}


def test_wrong_uses_get_one_sentence(cli: Cli, export: Path) -> None:
    assert cli("resolve", "thread_unknown").code == 2
    assert cli("resolve", THREAD, "--adopt", "--skip").code == 2


def test_a_conversation_that_is_gone_can_be_restarted(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    [(conversation, _, _)] = read_conversations(target.data)
    with httpx2.Client(base_url=target.base_url, headers={"Authorization": "Bearer any"}) as client:
        client.delete(f"/conversations/{conversation}")
    assert "cannot be read any more" in resolve_json(cli)["data"]["message"]
    assert resolve_json(cli, "--restart")["exit_code"] == 0
    assert cli("apply").code == 0


def test_what_resolve_advises_names_the_state_file(cli: Cli, export: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    for file in tmp_path.glob("migration.db*"):
        file.rename(file.with_name(file.name.replace("migration.db", "other.db")))
    shown = cli("resolve", THREAD, "--state", other).out
    assert "".join(shown.split()).count(f"--state{other}") >= 4
    told = cli("resolve", THREAD, "--restart", "--state", other, "--output", "json").json["data"]["message"]
    assert f"migrate-cli undo --thread {THREAD} --state {other}" in told
    unknown = cli("resolve", "thread_nobody", "--state", other).err
    assert f"migrate-cli status --state {other}" in unknown


def test_resolve_finds_the_export_where_apply_read_it(cli: Cli, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIGRATE_SOURCE__PATH")
    assert resolve_json(cli)["data"]["differences"]


def test_a_resolve_that_is_refused_is_no_interrupted_run(
    cli: Cli, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIGRATE_SOURCE__PATH")
    export.rename(export.with_name("elsewhere"))
    refused = cli("resolve", THREAD)
    assert refused.code == 2
    assert "source.path" in refused.err
    report = cli("report", "--output", "json").json
    assert (report["command"], report["exit_code"]) == ("resolve", 2)
    assert "source.path" in report["errors"][0]["message"]
    assert "interrupted" not in cli("report").out


def test_every_choice_says_what_it_does_and_can_be_typed_as_it_is_shown(cli: Cli, export: Path) -> None:
    steps = resolve_json(cli)["data"]["next"]
    told = [step.partition(": migrate-cli ")[0] for step in steps]
    assert "nothing is sent or deleted" in told[0]
    assert "the old one stays" in told[1]
    assert "the conversation stays" in told[2]
    both = steps[1].partition(": ")[2].split(" && ")
    assert [line.split()[1] for line in both] == ["resolve", "apply"]
    for line in both:
        assert cli(*arguments(line)).code == 0, line
    assert states(cli) == {"loaded": 1}


def test_the_texts_at_stake_are_shown_only_on_request_and_never_kept(cli: Cli, export: Path, tmp_path: Path) -> None:
    quiet = cli("resolve", THREAD)
    said = texts_of(export, THREAD)
    assert not any(text in quiet.out for text in said)
    result = resolve_json(cli, "--with-content")
    rows = result["data"]["content"][0]["rows"]
    sources = [row["source"]["text"] for row in rows if row["source"]]
    targets = [item["text"] for row in rows for item in row["target"]]
    assert sources
    assert targets
    assert set(sources) | set(targets) <= set(said)
    assert {row["position"] for row in rows if row["source"]} <= set(range(len(said)))
    for form in ("text", "markdown", "html"):
        shown = cli("resolve", THREAD, "--with-content", "--output", form).out.replace("\\", "")
        assert sources[0] in shown
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("migration.db*"))
    assert sources[0].encode() not in kept


def test_the_source_can_be_named_after_the_thread(cli: Cli, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIGRATE_SOURCE__PATH")
    moved = export.rename(export.with_name("elsewhere"))
    refused = cli("resolve", THREAD)
    assert refused.code == 2
    assert f"`migrate-cli resolve {THREAD} ./export`" in refused.err
    assert cli("resolve", THREAD, moved, "--output", "json").json["data"]["differences"]


def test_apply_and_verify_take_the_source_that_the_state_file_knows(
    cli: Cli, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIGRATE_SOURCE__PATH")
    assert cli("resolve", THREAD, "--restart").code == 0
    again = cli("apply", "--progress", "auto")
    assert again.code == 0
    assert f"The source is {export}, as the state file knows it." in again.err
    assert cli("verify").code == 0
    export.rename(export.with_name("elsewhere"))
    assert "is no longer there" in cli("apply").err
