"""`report`: any run again from the state file; texts only where they were asked for, and masked where asked."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from migrate_cli.commands import run_totals

from support.exports import message, thread, thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

SECRET = "my heart is a violet kite"
PERSON = f"{SECRET}: ann@mail.example, +49 171 2345678, 4242 4242 4242 4242"
MASKED = f"{SECRET}: [e-mail], [phone], [card]"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Three threads; the first says something private, and holds a part that nobody knows."""
    folder = write_export(tmp_path / "export", [2, 3, 1])
    own_id = thread_id(1)
    odd = message(own_id, 1)
    odd["content"].append({"type": "hologram"})
    first = thread(1, 0) | {"messages": [message(own_id, 0, PERSON), odd]}
    (folder / f"{own_id}.json").write_text(json.dumps(first), encoding="utf-8")
    return folder


def state_rows(sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect("migration.db", isolation_level=None)) as db:
        return db.execute(sql).fetchall()


# ---- a run again


def test_the_last_run_is_shown_as_it_was(cli: Cli, export: Path) -> None:
    first = cli("apply", export, "--target", "sandbox", "--state", "migration.db", "--output", "json")
    again = cli("report", "--output", "json")
    assert (again.code, again.json) == (0, first.json)


@pytest.mark.parametrize("form", ["text", "markdown", "html", "junit"])
def test_every_form_is_the_one_that_the_run_would_have_printed(cli: Cli, export: Path, form: str) -> None:
    first = cli("apply", export, "--target", "sandbox", "--state", "migration.db", "--output", form)
    assert cli("report", "--output", form).out == first.out


def test_a_run_is_found_by_its_id_and_listed_with_the_others(cli: Cli, export: Path) -> None:
    first = cli(
        "apply", export, "--target", "sandbox", "--state", "migration.db", "--limit", 1, "--output", "json"
    ).json
    second = cli("apply", export, "--target", "sandbox", "--state", "migration.db", "--output", "json").json
    runs = cli("report", "--list", "--output", "json").json["data"]["runs"]
    assert [run["id"] for run in runs] == [second["run_id"], first["run_id"]]
    assert cli("report", first["run_id"], "--output", "json").json == first
    table = cli("report", "--list").out.splitlines()
    assert table[4].split()[:4] == ["run", "command", "status", "exit"]
    assert table[5].split()[:4] == [second["run_id"], "apply", "ok", "0"]
    assert table[6].split()[:4] == [first["run_id"], "apply", "ok", "0"]


@pytest.mark.parametrize(
    ("row", "ending"),
    [
        ("status = 'failed', exit_code = 130", "interrupted"),
        ("status = 'running', exit_code = NULL, result = NULL, ended_at = NULL", "broken off"),
    ],
)
def test_a_run_that_was_stopped_is_told_from_one_that_was_killed(cli: Cli, export: Path, row: str, ending: str) -> None:
    cli("apply", export, "--target", "sandbox", "--state", "migration.db")
    state_rows(f"UPDATE run SET {row}")
    (listed,) = [line for line in cli("report", "--list").out.splitlines() if "apply" in line]
    assert f" apply    {ending}  " in listed
    status = cli("status").out
    assert f"apply, {ending}, began" in status
    assert f"The last run was {ending}: run the same command again to resume." in " ".join(status.split())


def test_a_verification_is_shown_again_too(cli: Cli, export: Path) -> None:
    cli("apply", export, "--target", "sandbox", "--state", "migration.db")
    verified = cli("verify", export, "--target", "sandbox", "--state", "migration.db", "--output", "json")
    assert cli("report", "--output", "json").json == verified.json


def test_a_run_that_went_wrong_ends_with_0_and_keeps_its_own_code_inside(cli: Cli, export: Path) -> None:
    (export / "broken.json").write_text("{", encoding="utf-8")
    assert cli("apply", export, "--target", "sandbox", "--state", "migration.db").code == 3
    again = cli("report", "--output", "json")
    assert (again.code, again.json["exit_code"], again.json["status"]) == (0, 3, "partial")
    suite = ET.fromstring(cli("report", "--output", "junit").out)
    assert suite.find(".//error") is not None or suite.find(".//failure") is not None


def test_lists_that_were_cut_are_filled_from_the_tables(
    cli: Cli, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_totals, "LISTED", 1)
    cut = cli("apply", export, "--target", "sandbox", "--state", "migration.db", "--output", "json").json["data"]
    assert cut["thread_list_cut"] == 2
    whole = cli("report", "--output", "json").json["data"]
    assert sorted(row["thread_id"] for row in whole["thread_list"]) == [thread_id(n) for n in (1, 2, 3)]
    assert all(row["conversation_id"] for row in whole["thread_list"])
    assert "thread_list_cut" not in whole
    assert len(whole["finding_list"]) == sum(whole["findings"].values())
    assert "finding_list_cut" not in whole


def test_a_list_that_cannot_be_filled_for_sure_still_says_that_it_was_cut(
    cli: Cli, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_totals, "LISTED", 1)
    cli("apply", export, "--target", "sandbox", "--state", "migration.db", "--output", "json")
    state_rows(f"DELETE FROM thread WHERE id <> '{thread_id(1)}'")
    state_rows("DELETE FROM thread_finding")
    assert cli("report", "--output", "json").json["data"]["thread_list_cut"] == 2


def test_a_run_that_was_killed_is_told_from_the_tables(cli: Cli, export: Path) -> None:
    run_id = cli("apply", export, "--target", "sandbox", "--state", "migration.db", "--output", "json").json["run_id"]
    state_rows("UPDATE run SET result = NULL, status = 'running', exit_code = NULL, ended_at = NULL")
    state_rows(f"UPDATE thread SET state = 'loading' WHERE id = '{thread_id(2)}'")
    again = cli("report", "--output", "json")
    assert again.code == 0
    data = again.json["data"]
    assert (again.json["run_id"], again.json["exit_code"]) == (run_id, 130)
    assert (data["threads"]["total"], data["threads"]["loaded"], data["threads"]["deferred"]) == (3, 2, 1)
    assert {row["thread_id"] for row in data["thread_list"]} == {thread_id(n) for n in (1, 2, 3)}
    assert len(data["finding_list"]) == sum(data["findings"].values()) > 0
    assert "interrupted" in cli("report").out


def test_a_killed_verification_says_so_and_where_the_threads_stand(cli: Cli, export: Path) -> None:
    cli("apply", export, "--target", "sandbox", "--state", "migration.db")
    cli("verify", export, "--target", "sandbox", "--state", "migration.db")
    state_rows("UPDATE run SET result = NULL, status = 'running', exit_code = NULL WHERE command = 'verify'")
    shown = cli("report", "--output", "json").json
    assert shown["data"]["threads"] == {"verified": 3}
    assert "interrupted" in shown["data"]["message"]


def test_bad_input_gets_one_sentence(cli: Cli, export: Path) -> None:
    missing = cli("report")
    assert missing.code == 2
    assert "no state file" in missing.err
    cli("apply", export, "--target", "sandbox", "--state", "migration.db")
    unknown = cli("report", "20990101-nobody")
    assert unknown.code == 2
    assert "no run 20990101-nobody" in unknown.err
    assert unknown.err.count("\n") == 1
    assert cli("report", "20990101-nobody", "--list").code == 2
    assert cli("report", "--report", "nowhere/at/all.html").code == 2


# ---- the pace


def test_a_run_says_how_fast_it_went(cli: Cli, export: Path) -> None:
    data = cli("apply", export, "--target", "sandbox", "--state", "migration.db", "--output", "json").json["data"]
    assert data["timeline"]
    assert all(set(row) == {"seconds", "messages_per_second"} for row in data["timeline"])
    again = cli("apply", export, "--target", "sandbox", "--state", "migration.db", "--output", "json").json["data"]
    assert again["timeline"] == [], "nothing was loaded, so there is no pace"


# ---- texts


@pytest.mark.parametrize("command", [("plan",), ("apply", "--target", "sandbox", "--state", "migration.db")])
def test_thread_and_conversation_stand_side_by_side_when_asked_for(
    cli: Cli, export: Path, command: tuple[str, ...]
) -> None:
    data = cli(*command, export, "--with-content", "--output", "json").json["data"]
    assert [one["thread_id"] for one in data["content"]] == [thread_id(n) for n in (1, 2, 3)]
    first = data["content"][0]
    assert bool(first["conversation_id"]) == (command[0] == "apply")
    said, answered = [row for row in first["rows"] if row["source"]]
    assert said["source"] == {"role": "user", "text": PERSON}
    assert [one["text"] for one in said["target"]] == [PERSON]
    assert "[hologram]" in answered["source"]["text"]
    assert any(found["severity"] in ("warning", "error") for found in answered["findings"])


def test_the_page_shows_texts_masked(cli: Cli, export: Path) -> None:
    page = cli("plan", export, "--with-content", "--redact", "--output", "html").out
    assert page.count(MASKED) == 2
    assert "ann@mail" not in page
    assert "4242" not in page


@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit", "html"])
def test_without_being_asked_no_text_is_shown_or_kept(cli: Cli, export: Path, tmp_path: Path, form: str) -> None:
    for command in (
        ("plan", export),
        ("apply", export, "--target", "sandbox", "--state", "migration.db"),
        ("verify", export, "--target", "sandbox", "--state", "migration.db"),
        ("report",),
    ):
        shown = cli(*command, "--output", form)
        assert SECRET not in shown.out + shown.err
    assert SECRET.encode() not in (tmp_path / "migration.db").read_bytes()


def test_texts_that_were_shown_are_not_kept(cli: Cli, export: Path, tmp_path: Path) -> None:
    assert (
        SECRET
        in cli(
            "apply", export, "--target", "sandbox", "--state", "migration.db", "--with-content", "--output", "json"
        ).out
    )
    for left in tmp_path.glob("migration.db*"):
        assert left.suffix == ".sandbox" or ".sandbox" in left.name or SECRET.encode() not in left.read_bytes()
    again = cli("report", "--output", "json")
    assert SECRET not in again.out
    assert "content" not in again.json["data"]


def test_verify_masks_the_words_around_a_difference(cli: Cli, export: Path) -> None:
    cli("apply", export, "--target", "sandbox", "--state", "migration.db")
    path = export / f"{thread_id(1)}.json"
    path.write_text(path.read_text(encoding="utf-8").replace("violet", "yellow"), encoding="utf-8")
    plain = cli(
        "verify", export, "--target", "sandbox", "--state", "migration.db", "--with-content", "--output", "json"
    )
    masked = cli(
        "verify",
        export,
        "--target",
        "sandbox",
        "--state",
        "migration.db",
        "--with-content",
        "--redact",
        "--fresh",
        "--output",
        "json",
    )
    assert any("ann@" in one.get("expected", "") for one in plain.json["data"]["differences"])
    assert any("kite" in one.get("expected", "") for one in masked.json["data"]["differences"])
    assert "ann@" not in masked.out
