"""`--since`, `--until`, `--assistant` and `--metadata`, as a user meets them on every command that takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import message, thread, thread_id

from .conftest import Cli, Outcome, conversations  # noqa: TID252 - the folder's own fixtures

DAY = 86_400
START = 1_767_225_600
"""2026-01-01."""
LATER = "2026-01-03"


def chat(number: int, day: int | None, **more: Any) -> dict[str, Any]:
    """A thread whose only message was written on a day of January 2026, or nobody knows when."""
    own_id = thread_id(number)
    metadata, assistant = {"customer": str(number % 2)}, more.get("assistant")
    written = message(own_id, 0, created_at=None if day is None else START + (day - 1) * DAY, assistant_id=assistant)
    frame = {"id": own_id, "object": "thread", "created_at": START, "metadata": metadata}
    return thread(number, 0) | {"thread": frame, "messages": [written]}


def save(folder: Path, *threads: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for one in threads:
        (folder / f"{one['thread']['id']}.json").write_text(json.dumps(one), encoding="utf-8")
    return folder


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Five threads, of the first to the fifth of January."""
    return save(tmp_path / "export", *(chat(number, number) for number in range(1, 6)))


def threads(outcome: Outcome) -> dict[str, int]:
    found: dict[str, int] = outcome.json["data"]["threads"]
    return found


def loaded(target: EmbeddedSandbox) -> set[str]:
    return set(conversations(target.data))


def ids(*numbers: int) -> set[str]:
    return {thread_id(number) for number in numbers}


def test_a_migration_in_two_parts_has_every_thread_once(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    recent = cli("apply", export, "--since", LATER, "-o", "json")
    assert (recent.code, threads(recent)["loaded"], threads(recent)["not_selected"]) == (0, 3, 2)
    assert loaded(target) == ids(3, 4, 5)
    older = cli("apply", export, "--until", LATER, "-o", "json")
    assert (older.code, threads(older)["loaded"], threads(older)["not_selected"]) == (0, 2, 3)
    whole = cli("apply", export, "-o", "json")
    assert (whole.code, whole.json["data"]["writes"]) == (0, 0)
    assert "missing" not in threads(whole) and "not_selected" not in threads(whole)
    assert loaded(target) == ids(1, 2, 3, 4, 5)
    assert cli("verify", export).code == 0


def test_a_choice_is_no_part_of_the_setup(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    for options in (["--metadata", "customer=1"], ["--assistant", "asst_x"], ["--until", LATER], []):
        assert cli("apply", export, *options).code == 0
    assert loaded(target) == ids(1, 2, 3, 4, 5)


def test_what_is_left_out_is_neither_missing_nor_skipped_nor_reported_on(
    cli: Cli, target: EmbeddedSandbox, export: Path
) -> None:
    assert cli("apply", export).code == 0
    again = cli("apply", export, "--since", LATER, "-o", "json")
    assert threads(again) == {
        "total": 3, "loaded": 3, "skipped": 0, "failed": 0, "in_doubt": 0, "unchanged": 3, "not_selected": 2,
    }  # fmt: skip
    assert again.json["data"]["findings"] == {} and again.json["errors"] == []


@pytest.mark.parametrize("command", ["plan", "apply", "verify"])
def test_a_thread_that_is_asked_for_by_id_may_be_left_out_and_is_not_called_unknown(
    cli: Cli, target: EmbeddedSandbox, export: Path, command: str
) -> None:
    assert cli("apply", export).code == 0
    asked = ["--thread", thread_id(1), "--thread", thread_id(4), "--since", LATER, "-o", "json"]
    outcome = cli(command, export, *asked)
    assert outcome.code == 0, outcome.out
    assert (threads(outcome)["total"], threads(outcome)["not_selected"]) == (1, 1)
    assert outcome.json["errors"] == []


def test_a_thread_that_is_not_there_is_still_called_unknown(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    outcome = cli("plan", export, "--thread", thread_id(9), "--since", LATER, "-o", "json")
    assert [error["code"] for error in outcome.json["errors"]] == ["unknown-thread"]


def test_verify_compares_what_was_chosen_and_nothing_from_the_state_beside_it(
    cli: Cli, target: EmbeddedSandbox, export: Path
) -> None:
    assert cli("apply", export, "--since", LATER).code == 0
    assert cli("verify", export).code == 3
    chosen = cli("verify", export, "--since", LATER, "-o", "json")
    assert (chosen.code, threads(chosen)["verified"], threads(chosen)["not_selected"]) == (0, 3, 2)
    # Everything that is in the state file is left out now; the state file alone must not bring it back.
    older = cli("verify", export, "--until", LATER, "-o", "json")
    assert (older.code, threads(older)["not_loaded"], threads(older)["verified"]) == (3, 2, 0)


def test_a_plan_counts_and_names_what_was_chosen(cli: Cli, export: Path) -> None:
    outcome = cli("plan", export, "--since", "2026-01-02T12:00:00+12:00", "--metadata", "customer=1", "-o", "json")
    assert (threads(outcome)["total"], threads(outcome)["not_selected"]) == (2, 3)
    assert outcome.json["data"]["selection"] == {"since": "2026-01-02T00:00:00Z", "metadata": {"customer": "1"}}
    text = " ".join(cli("plan", export, "--since", LATER).out.split())
    assert "2 more were not selected: only those last active since 2026-01-03T00:00:00Z." in text
    assert f"migrate-cli apply {export} --since 2026-01-03T00:00:00Z --target sandbox" in text


def test_no_thread_at_all_is_said_in_the_headline(cli: Cli, export: Path) -> None:
    outcome = cli("plan", export, "--since", "2027-01-01")
    assert outcome.code == 0
    assert "No thread was selected: none of 5 is one last active since 2027-01-01" in " ".join(outcome.out.split())


def test_where_nothing_was_chosen_verify_and_status_say_so(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    assert cli("apply", export, "--since", "2027-01-01").code == 0
    told = "none of 5 is one last active since 2027-01-01T00:00:00Z."
    verified = cli("verify", export, "--since", "2027-01-01")
    assert verified.code == 0
    assert f"There was nothing to compare. No thread was selected: {told}" in " ".join(verified.out.split())
    status = " ".join(cli("status").out.split())
    assert "Nothing has been migrated yet. The last apply took only threads last active since 2027-01-01" in status


def test_threads_without_times_are_taken_and_counted(cli: Cli, target: EmbeddedSandbox, tmp_path: Path) -> None:
    export = save(tmp_path / "odd", chat(1, 1), chat(2, None), chat(3, 3))
    outcome = cli("apply", export, "--since", LATER, "-o", "json")
    assert outcome.json["data"]["findings"]["activity-unknown"] == 1
    assert loaded(target) == ids(2, 3)


def test_status_says_what_the_last_run_chose(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    cli("apply", export, "--since", LATER, "--assistant", "asst_x")
    cli("apply", export, "--since", LATER)
    data = cli("status", "-o", "json").json["data"]
    assert (data["selection"], data["not_selected"]) == ({"since": "2026-01-03T00:00:00Z"}, 2)
    text = " ".join(cli("status").out.split())
    assert "The last apply took only threads last active since 2026-01-03T00:00:00Z; 2 were not selected." in text
    assert "migrate-cli verify" in text and "--since 2026-01-03T00:00:00Z" in text
    cli("apply", export)
    assert "selection" not in cli("status", "-o", "json").json["data"]


def test_processes_share_a_choice(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    outcome = cli("apply", export, "--since", LATER, "--metadata", "customer=1", "--processes", 2, "-o", "json")
    assert (outcome.code, threads(outcome)["loaded"], threads(outcome)["not_selected"]) == (0, 2, 3)
    assert outcome.json["data"]["selection"] == {"since": "2026-01-03T00:00:00Z", "metadata": {"customer": "1"}}
    assert loaded(target) == ids(3, 5)


def test_a_plan_of_a_choice_holds_only_for_it(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    assert cli("plan", export, "--since", LATER, "--save", "plan.json").code == 0
    refused = cli("apply", export, "--plan", "plan.json")
    assert refused.code == 2 and "2 new" in refused.err
    assert cli("apply", export, "--since", "2026-01-04", "--plan", "plan.json").code == 0
    (export / f"{thread_id(5)}.json").unlink()
    gone = cli("apply", export, "--since", LATER, "--plan", "plan.json")
    assert gone.code == 2 and "1 gone" in gone.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--since", "yesterday"], "--since takes a date such as 2026-11-30"),
        (["--until", "2026-13-01"], "--until takes a date such as 2026-11-30"),
        (["--since", "2026"], "--since takes a date"),
        (["--since", ""], "--since takes a date"),
        (["--since", "2026-02-01", "--until", "2026-02-01"], "is not before"),
        (["--metadata", "customer"], "--metadata takes KEY=VALUE"),
        (["--metadata", "=42"], "--metadata takes KEY=VALUE"),
        (["--metadata", "a=1", "--metadata", "a=2"], "--metadata asks for two values of a"),
        (["--assistant", " "], "--assistant takes the id of an assistant"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "apply", "verify", "snapshot"])
def test_what_is_no_choice_is_refused_in_one_sentence(
    cli: Cli, target: EmbeddedSandbox, export: Path, command: str, options: list[str], told: str
) -> None:
    cli("apply", export)
    outcome = cli(command, export, *options)
    assert outcome.code == 2
    assert told in outcome.err and outcome.err.strip().count("\n") == 0


def test_what_reads_no_source_takes_no_choice(cli: Cli, target: EmbeddedSandbox, export: Path) -> None:
    cli("apply", export)
    assert "--from-state reads none" in cli("verify", "--from-state", "--since", LATER).err
    assert "take a share" in cli("verify", export, "--sample", "2", "--since", LATER).err
    assert cli("verify", export, "--sample", "100%", "--since", LATER).code == 0
