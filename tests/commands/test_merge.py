"""Shards, and the file that they become: every command works on it as on the file of one process."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from migrate_cli.sandbox.options import FileIdCheck, SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import message, texts_of, thread, thread_id, write_export

from .conftest import Cli, Outcome, conversations  # noqa: TID252 - the folder's own fixtures


def apply_shards(cli: Cli, export: Path, shards: int, *args: object) -> list[Path]:
    """Run every shard of a migration, one after the other; return their state files."""
    for number in range(1, shards + 1):
        assert cli("apply", export, "--shard", f"{number}/{shards}", *args).code == 0
    return sorted(Path.cwd().glob(f"migration*-*of{shards}.db"))


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as conn:
        return conn.execute(sql).fetchall()


def maps(path: Path) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The public views without what differs between any two migrations: ids at the target, runs, times."""
    return (
        rows(path, "SELECT thread_id, state, messages, items, findings FROM thread_map ORDER BY 1"),
        rows(path, "SELECT thread_id, position, message_id, kind, source_created_at FROM message_map ORDER BY 1, 2"),
        rows(path, "SELECT * FROM finding ORDER BY 1, 2, 3"),
    )


def requests(target: EmbeddedSandbox) -> int:
    """How many requests have come so far."""
    return sum(httpx2.get(f"{target.control_url}/stats").json()["requests"].values())


def data(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = outcome.json["data"]
    return found


@pytest.fixture
def merged(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> Path:
    """An export of twelve threads that three shards have moved, merged into migration.db."""
    export = write_export(tmp_path / "export", [0, *range(1, 11), 45])
    files = apply_shards(cli, export, 3)
    outcome = cli("merge", *files)
    assert outcome.code == 0, outcome.err
    assert "12 threads" in outcome.out
    assert "the sums agree" in " ".join(outcome.out.split())
    return export


# ---- one process or several


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 45), min_size=1, max_size=12), st.integers(2, 4), st.randoms(use_true_random=False))
def test_shards_give_what_one_process_gives(
    cli: Cli,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    sizes: list[int],
    n: int,
    chance: Any,
) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    export = write_export(folder / "export", sizes)
    states = [folder / f"{number}.db" for number in range(1, n + 1)]
    with EmbeddedSandbox(folder / "target.db") as one, EmbeddedSandbox(folder / "several.db") as several:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
        monkeypatch.setenv("MIGRATE_TARGET__BASE_URL", one.base_url)
        assert cli("apply", export, "--state", folder / "one.db").code == (0 if any(sizes) else 3)
        monkeypatch.setenv("MIGRATE_TARGET__BASE_URL", several.base_url)
        for number, state in enumerate(states, 1):
            assert cli("apply", export, "--state", state, "--shard", f"{number}/{n}").code == 0
        chance.shuffle(states)
        assert cli("merge", *states, "--state", folder / "all.db").code == 0
        assert maps(folder / "all.db") == maps(folder / "one.db")
        assert conversations(several.data) == conversations(one.data)
        told = rows(folder / "all.db", "SELECT conversation_id FROM thread_map WHERE conversation_id IS NOT NULL")
        assert len(set(told)) == len(told) == sum(size > 0 for size in sizes)


# ---- every command on the merged file


def test_verify_finds_all_threads_identical(cli: Cli, merged: Path) -> None:
    for way in ([merged], ["--from-state"]):
        outcome = cli("verify", *way, "--fresh", "--output", "json")
        assert outcome.code == 0, outcome.out
        assert {name: count for name, count in data(outcome)["outcomes"].items() if count} == {"=": 100}


def test_the_command_that_a_merge_proposes_works_as_it_stands(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "my export", [1, 2, 3, 4])
    into = tmp_path / "all of it.db"
    (step,) = data(cli("merge", *apply_shards(cli, export, 2), "--state", into, "--output", "json"))["next"]
    command = shlex.split(step.partition("migrate-cli ")[2])
    assert command == ["verify", str(export.resolve()), "--state", str(into)]
    assert cli(*command).code == 0


def test_verify_notices_a_conversation_that_was_changed(cli: Cli, merged: Path, target: EmbeddedSandbox) -> None:
    (conversation,) = rows(
        Path("migration.db"), f"SELECT conversation_id FROM thread_map WHERE thread_id = '{thread_id(5)}'"
    )[0]
    with httpx2.Client(base_url=target.base_url, headers={"Authorization": "Bearer sk-test"}) as client:
        item = client.get(f"/conversations/{conversation}/items").json()["data"][0]["id"]
        client.delete(f"/conversations/{conversation}/items/{item}").raise_for_status()
    outcome = cli("verify", merged, "--output", "json")
    assert outcome.code == 4
    assert {one["thread_id"] for one in data(outcome)["differences"]} == {thread_id(5)}


def test_apply_has_nothing_left_to_send(cli: Cli, merged: Path, target: EmbeddedSandbox) -> None:
    before = requests(target)
    outcome = cli("apply", merged, "--output", "json")
    assert outcome.code == 0
    assert data(outcome)["threads"]["unchanged"] == 11
    assert requests(target) == before


def test_apply_loads_what_is_new_and_what_a_shard_had_left(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [30] * 8)
    for number in (1, 2):
        cli("apply", export, "--shard", f"{number}/2", "--limit", "2")
    # One shard is killed in the middle of a thread.
    victim = rows(Path("migration-1of2.db"), "SELECT id FROM thread LIMIT 1")[0][0]
    with closing(sqlite3.connect("migration-1of2.db")) as conn, conn:
        conn.execute("UPDATE thread SET state = 'loading', position = 20 WHERE id = ?", (victim,))
        conn.execute("DELETE FROM item WHERE idx >= 20 AND thread = (SELECT key FROM thread WHERE id = ?)", (victim,))
    assert cli("merge", "migration-1of2.db", "migration-2of2.db").code == 0
    assert cli("apply", export).code == 0
    assert conversations(target.data) == {thread_id(n): texts_of(export, thread_id(n)) for n in range(1, 9)}
    assert cli("verify", export).code == 0


def test_status_map_and_report_tell_of_all_shards(cli: Cli, merged: Path, target: EmbeddedSandbox) -> None:
    status = data(cli("status", "--output", "json"))
    assert status["threads"] == {"loaded": 11, "skipped": 1}
    assert status["items"] == 100
    assert status["last_run"]["command"] == "merge"
    assert "shard" not in status["setup"]
    told = json.loads(cli("map", "export", "--format", "json").out)
    assert {row["thread_id"] for row in told} == {thread_id(n) for n in range(2, 13)}
    assert len(json.loads(cli("map", "export", "--level", "messages", "--format", "json").out)) == 100
    assert data(cli("map", thread_id(7), "--output", "json"))["rows"][0]["state"] == "loaded"
    runs = data(cli("report", "--list", "--output", "json"))["runs"]
    assert [run["command"] for run in runs] == ["merge", "apply", "apply", "apply"]
    assert cli("report", "--output", "json").json["command"] == "merge"
    shard = cli("report", runs[-1]["id"], "--output", "json").json
    assert shard["data"]["shard"] == {"index": 1, "of": 3}


def test_undo_deletes_what_every_shard_made(cli: Cli, merged: Path, target: EmbeddedSandbox) -> None:
    outcome = cli("undo", "--all", "--yes", "--output", "json")
    assert outcome.code == 0
    assert data(outcome)["conversations"]["deleted"] == 11
    assert not any(conversations(target.data).values())


def test_doctor_finds_nothing_wrong(cli: Cli, merged: Path) -> None:
    checks = data(cli("doctor", merged, "--output", "json"))["checks"]
    assert {check["verdict"] for check in checks if check["check"].startswith("state")} == {"ok"}


def test_merging_again_after_all_that_changes_nothing(cli: Cli, merged: Path, target: EmbeddedSandbox) -> None:
    cli("undo", "--thread", thread_id(4), "--yes")
    before = maps(Path("migration.db"))
    again = cli("merge", *sorted(Path.cwd().glob("migration-*of3.db")), "--output", "json")
    assert again.code == 0
    assert data(again)["threads_in_several"] == 12
    assert maps(Path("migration.db")) == before


def test_shards_that_are_missing_are_named(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2] * 9)
    files = apply_shards(cli, export, 3)
    outcome = cli("merge", files[0], files[2], "--output", "json")
    assert outcome.code == 3
    assert data(outcome)["missing"] == ["2/3"]
    refused = cli("apply", export)
    assert refused.code == 10
    assert "shard was 1+3/3" in refused.err
    assert cli("merge", files[1]).code == 0
    assert cli("verify", export).code == 0


def test_a_refused_merge_leaves_no_file(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2] * 4)
    apply_shards(cli, export, 2)
    cli("apply", export, "--state", "other.db")
    outcome = cli("merge", "migration-1of2.db", "other.db", "--state", "all.db")
    assert outcome.code == 10
    assert "has two conversations" in outcome.err
    assert not Path("all.db").exists()


# ---- rehearsals, and files


def test_a_rehearsal_in_shards_is_verified_as_one(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [3] * 7)
    files = apply_shards(cli, export, 2, "--target", "sandbox")
    for _ in range(2):
        assert cli("merge", *files).code == 0
        assert cli("verify", export, "--target", "sandbox", "--fresh").code == 0
    assert cli("apply", export, "--target", "sandbox").code == 0
    assert not Path("migration.db").exists()
    found = conversations(Path("migration.rehearsal.db.sandbox"))
    assert found == {thread_id(n): texts_of(export, thread_id(n)) for n in range(1, 8)}


@pytest.fixture
def strict(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedSandbox]:
    """A target that knows only files which were uploaded to it."""
    with EmbeddedSandbox(tmp_path / "strict.db", SandboxOptions(FileIdCheck.STRICT)) as target:
        monkeypatch.setenv("OPENAI_BASE_URL", target.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
        monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
        yield target


def test_a_file_that_two_shards_have_uploaded_stays_right_in_both(
    cli: Cli, tmp_path: Path, strict: EmbeddedSandbox
) -> None:
    export = tmp_path / "export"
    (export / "files").mkdir(parents=True)
    (export / "files" / "file-plan").write_bytes(b"%PDF-1.7 plan")
    for number in range(1, 9):
        own = thread(number, 2)
        first = message(own["thread"]["id"], 0, "Please look.")
        own["messages"][0] = first | {"attachments": [{"file_id": "file-plan", "tools": []}]}
        (export / f"{own['thread']['id']}.json").write_text(json.dumps(own))
    files = apply_shards(cli, export, 2)
    assert cli("merge", *files).code == 0
    ids = [
        row["target_file_id"] for row in json.loads(cli("map", "export", "--level", "files", "--format", "json").out)
    ]
    assert len(set(ids)) == 2
    assert cli("verify", export, "--files").code == 0
    again = cli("apply", export, "--output", "json")
    assert again.code == 0
    assert data(again)["threads"]["unchanged"] == 8
    assert data(again)["writes"] == 0
