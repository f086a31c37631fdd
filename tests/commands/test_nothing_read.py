"""What is said, and with which exit code, where nothing of a source is read: empty, skipped, unreadable, unknown."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from support.exports import write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

EMPTY = {
    "array.json": "[]",
    "object.json": "{}",
    "threads.json": '{"threads": []}',
    "answer.json": '{"object": "list", "data": [], "has_more": false}',
    "answers.json": '[{"object": "list", "data": [], "has_more": false}]',
    "header.csv": "thread_id,role,text,created_at\n",
}
FORMS = ("text", "markdown", "html", "junit")
SPEAKERLESS = {"thread_id": "thread_A", "messages": [{"speech": "When?"}, {"speech": "Nine."}]}
BROKEN = [{"thread": {"id": "thread_A"}, "messages": [{"id": "m", "role": "user", "content": "x" * 9_000_000}]}]


def written(folder: Path, value: Any) -> Path:
    folder.mkdir()
    (folder / "x.json").write_text(json.dumps(value), "utf-8")
    return folder


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_source_is_told_as_that_by_plan_apply_and_verify(name: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / name).write_text(EMPTY[name], "utf-8")
    for command in (("plan",), ("apply", "--target", "sandbox"), ("verify", "--target", "sandbox")):
        outcome = cli(command[0], name, *command[1:])

        assert outcome.code == 0
        assert "The source is empty: it holds no threads." in squeezed(outcome.out)
        assert "✓" not in outcome.out


def test_an_empty_table_is_an_empty_source(cli: Cli, tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "app.sqlite")
    database.execute("CREATE TABLE messages (thread_id TEXT, role TEXT, text TEXT, created_at INT)")
    database.close()

    outcome = cli("plan", "app.sqlite")

    assert outcome.code == 0
    assert "! The source is empty" in outcome.out


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_report_says_that_all_threads_are_skipped(form: str, cli: Cli, tmp_path: Path) -> None:
    export = written(tmp_path / "export", SPEAKERLESS)
    for command in (("plan",), ("apply", "--target", "sandbox")):
        outcome = cli(command[0], export, *command[1:], "--output", form)

        assert outcome.code == 3
        assert "No thread can be migrated: 1 thread skipped" in squeezed(outcome.out)
        assert "everything is already there" not in outcome.out


def test_verify_does_not_pass_where_all_threads_are_skipped(cli: Cli, tmp_path: Path) -> None:
    export = written(tmp_path / "export", SPEAKERLESS)
    cli("apply", export, "--target", "sandbox")

    outcome = cli("verify", export, "--target", "sandbox")

    assert outcome.code == 3
    assert "! There was nothing to compare. 1 thread skipped" in squeezed(outcome.out)


def test_json_names_what_nothing_means(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("[]", "utf-8")
    empty = cli("plan", "empty.json", "--output", "json").json
    skipped = cli("plan", written(tmp_path / "export", SPEAKERLESS), "--output", "json").json

    assert (empty["status"], empty["data"]["nothing"]) == ("ok", "empty")
    assert (skipped["status"], skipped["data"]["nothing"]) == ("partial", "skipped")


def test_files_that_nobody_knows_are_a_fault_of_the_command_and_known_ones_that_cannot_be_read_are_not(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_LIMITS__STRING_BYTES", str(8 << 20))
    unknown = written(tmp_path / "unknown", {"name": "my-package", "version": 1})
    broken = written(tmp_path / "broken", BROKEN)
    for command in (("plan",), ("apply", "--target", "sandbox")):
        assert cli(command[0], unknown, *command[1:]).code == 2
        assert cli(command[0], broken, *command[1:]).code == 3
    assert "Nothing of the source was read: 1 entry cannot be read." in squeezed(cli("plan", broken).out)


def test_a_shard_into_which_no_thread_falls_says_so(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [2])
    outcomes = [cli("plan", export, "--shard", f"{part}/2") for part in (1, 2)]

    assert {outcome.code for outcome in outcomes} == {0}
    assert any("No thread of the source belongs to this part." in outcome.out for outcome in outcomes)


def test_a_run_divided_into_shards_says_that_all_threads_are_skipped(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("apply", written(tmp_path / "export", SPEAKERLESS), "--target", "sandbox", "--processes", "2")

    assert outcome.code == 3
    assert "No thread can be migrated: 1 thread skipped" in squeezed(outcome.out)
