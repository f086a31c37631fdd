"""A run that ended before it had met all threads says how many there are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

REFUSED = ("--workers", "1", "--max-errors", "2")
"""Every thread fails, so the run gives up at the third."""


def flat(text: str) -> str:
    """A report as one line, wherever the terminal broke it."""
    return " ".join(text.split())


@pytest.fixture
def export(tmp_path: Path, target: EmbeddedSandbox) -> Path:
    """An export of 12 threads, none of which the target takes."""
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        assert control.post("/faults", json={"rules": ["append:poison:text=thread_0"]}).status_code == 200
    return write_export(tmp_path / "export", [2] * 12)


def test_apply_and_status_say_how_many_of_all_threads_were_reached(cli: Cli, export: Path) -> None:
    stopped = cli("apply", export, *REFUSED)
    assert "None of 12 threads is loaded" in flat(stopped.out)
    assert "3 of 12 were reached." in flat(stopped.out)
    status = cli("status")
    assert flat(status.out).startswith("! 0 of 12 threads are done (0 %). 3 of 12 were reached.")


def test_json_keeps_its_totals_and_says_beside_them_how_far_the_run_came(cli: Cli, export: Path) -> None:
    data = cli("apply", export, *REFUSED, "-o", "json").json["data"]
    assert data["threads"]["total"] == 3
    assert data["reached"] == {"threads": 3, "of": 12}
    assert cli("status", "-o", "json").json["data"]["reached"] == {"threads": 3, "of": 12}


def test_threads_that_were_asked_for_are_all_that_there_are(cli: Cli, export: Path) -> None:
    data = cli("apply", export, *REFUSED, "--limit", "5", "-o", "json").json["data"]
    assert data["reached"] == {"threads": 3, "of": 5}
    assert "reached" not in cli("status", "-o", "json").json["data"]


def test_a_source_that_cannot_tell_its_size_is_no_reason_to_be_silent(cli: Cli, export: Path, tmp_path: Path) -> None:
    lines = "\n".join(path.read_text().replace("\n", " ") for path in sorted(export.rglob("*.json")))
    (tmp_path / "all.jsonl").write_text(lines)
    stopped = cli("apply", tmp_path / "all.jsonl", *REFUSED)
    assert "None of 3 threads is loaded" in flat(stopped.out)
    assert "Only threads that were reached are counted." in flat(stopped.out)
    assert flat(cli("status").out).startswith("! 0 of 3 threads reached so far are done.")
    assert cli("status", "-o", "json").json["data"]["reached"] == {"threads": 3, "of": None}


def test_status_says_which_share_of_an_uncounted_source_was_read_and_takes_it_for_no_whole(
    cli: Cli, export: Path, tmp_path: Path
) -> None:
    lines = "\n".join(path.read_text().replace("\n", " ") for path in sorted(export.rglob("*.json")))
    (tmp_path / "all.jsonl").write_text(lines)
    stopped = cli("apply", tmp_path / "all.jsonl", *REFUSED, "-o", "json").json["data"]
    assert stopped["share_read"] == pytest.approx(3 / 12, rel=0.1)
    told = flat(cli("status", "-v").out)
    assert "About 25.0 % of the source had been read." in told
    assert "Threads reached so far" in told
    assert "100 %" not in told


def test_what_was_not_reached_has_its_share_in_the_bar(cli: Cli, export: Path) -> None:
    cli("apply", export, *REFUSED)
    told = flat(cli("status", "-v").out)
    assert "failed 3 25.0 %" in told
    assert "not reached 9 75.0 %" in told


def test_some_threads_that_were_asked_for_are_not_taken_for_the_export(cli: Cli, export: Path) -> None:
    cli("apply", export, *REFUSED, "--limit", "2")
    assert cli("status", "-o", "json").json["data"]["selected_only"] is True
    told = flat(cli("status", "-v").out)
    assert told.startswith("! 0 of 2 threads reached so far are done.")
    assert "%" not in told


def test_a_later_run_over_some_threads_does_not_hide_how_many_there_are(cli: Cli, export: Path) -> None:
    cli("apply", export, *REFUSED)
    cli("apply", export, *REFUSED, "--limit", "2")
    assert cli("status", "-o", "json").json["data"]["reached"] == {"threads": 3, "of": 12}


def test_a_killed_run_is_told_with_the_number_of_threads_that_it_knew(cli: Cli, export: Path) -> None:
    cli("apply", export, *REFUSED)
    with closing(sqlite3.connect("migration.db")) as state:
        state.execute("UPDATE run SET result = NULL, status = 'running'")
        state.commit()
    assert "3 of 12 were reached." in flat(cli("status").out)
    assert "3 of 12 were reached." in flat(cli("report").out)


def test_a_run_that_came_to_its_end_says_nothing_of_it(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    done = cli("apply", write_export(tmp_path / "small", [2, 2]), "-o", "json")
    assert done.code == 0
    assert "reached" not in done.json["data"]
    assert "reached" not in cli("status").out
