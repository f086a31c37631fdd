"""`plan` says how a source was read: fields, and what ids, order and completeness are known by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.exports import message, thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


@pytest.fixture
def export(tmp_path: Path) -> Path:
    own_id = thread_id(1)
    messages = [message(own_id, 0, feedback="secret praise"), message(own_id, 1)]
    return write(tmp_path / "export.json", {"exportDate": "x", "threads": [{"id": own_id, "messages": messages}]})


def test_the_reading_tells_fields_and_what_everything_is_known_by(cli: Cli, export: Path) -> None:
    [reading] = cli("plan", export, "-o", "json").json["data"]["reading"]
    assert (reading["shape"], reading["files"], reading["threads"], reading["messages"]) == ("thread-array", 1, 1, 2)
    assert reading["fields"]["carried"]["messages[].role"] == 2
    assert reading["fields"]["set_aside"] == {"messages[].feedback": 1}
    assert reading["frame"] == {"exportDate": 1}
    assert reading["identity"] == {"its own object": 1}
    assert reading["order"] == {"times": 1}
    assert reading["completeness"] == {"no sign of more": 1}


@pytest.mark.parametrize("form", ["text", "markdown", "html", "junit", "json"])
def test_every_form_of_the_report_has_the_reading_without_any_value(cli: Cli, export: Path, form: str) -> None:
    said = cli("plan", export, "-o", form).out
    assert "feedback" in said and "exportDate" in said
    assert "secret praise" not in said


def test_parts_do_not_all_keep_their_form_where_a_field_is_lost(cli: Cli, export: Path) -> None:
    assert "keep their form" not in cli("plan", export).out.replace("66.7 % keep", "")


def test_a_frame_is_named_where_all_parts_keep_their_form(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path / "export.json", {"exported_at": "x", "messages": [message(thread_id(1), 0)]})
    said = " ".join(cli("plan", path).out.split())
    assert "keep their form; what files hold besides them is left out: exported_at" in said


def test_a_check_can_forbid_lost_fields(cli: Cli, export: Path) -> None:
    assert cli("plan", export, "--fail-on", "field-not-carried").code == 4
    assert (
        cli("plan", export, "--fail-on", "order-probably-reversed,time-unreadable,thread-may-be-incomplete").code == 0
    )


def test_the_state_keeps_the_reading_with_the_runs_result(cli: Cli, export: Path) -> None:
    assert cli("apply", export, "--target", "sandbox").code == 0
    kept = cli("report", "--rehearsal", "-o", "json").json["data"]
    assert kept["reading"][0]["fields"]["set_aside"] == {"messages[].feedback": 1}


def test_values_of_lost_fields_are_in_the_state_where_the_setting_asks(
    cli: Cli, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__UNKNOWN_FIELDS", "keep")
    parts = cli("plan", export, "-o", "json").json["data"]["parts"]
    assert (parts["noted"], parts["dropped"]) == (1, 0)


def test_a_state_file_refuses_another_choice_for_lost_fields(
    cli: Cli, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("apply", export, "--target", "sandbox").code == 0
    monkeypatch.setenv("MIGRATE_CONVERT__UNKNOWN_FIELDS", "keep")
    refused = cli("apply", export, "--target", "sandbox")
    assert refused.code != 0
    assert "convert.unknown_fields was" in refused.err + refused.out


def test_the_reading_tells_which_names_and_dialects_were_read_as_the_wires(cli: Cli, tmp_path: Path) -> None:
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    messages = [
        {"id": "m1", "role": "user", "content": "hi", "createdAt": 1},
        {"id": "m2", "role": "assistant", "content": None, "createdAt": 2, "tool_calls": calls},
    ]
    path = write(tmp_path / "export.json", {"id": "thread_A", "messages": messages})
    [reading] = cli("plan", path, "-o", "json").json["data"]["reading"]
    assert {"createdAt as created_at", "dialect chat"} <= set(reading["spelling"])
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "rows.csv").write_text("chat_id,sender,body\nc,human,hi\n")
    [reading] = cli("plan", tmp_path / "rows", "-o", "json").json["data"]["reading"]
    assert set(reading["spelling"]) == {"chat_id as thread_id", "sender as role", "body as content"}


def test_a_source_in_the_wires_own_names_has_no_other_spelling(cli: Cli, export: Path) -> None:
    assert cli("plan", export, "-o", "json").json["data"]["reading"][0]["spelling"] == []


def test_a_file_of_no_known_format_is_named_by_plan_and_apply(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "folder", [2])
    (export / "sales.csv").write_text("Wochentag;Anzahl\nMontag;3\n", encoding="utf-8")
    for command in (("plan", export), ("apply", export, "--target", "sandbox"), ("status", "--rehearsal")):
        told = " ".join(cli(*command).out.split())
        assert "Not recognised, and not read: 1 file, such as" in told
        assert "sales.csv" in told.replace(" ", "")
    assert cli("plan", export, "-o", "json").json["data"]["not_read"]["files"] == 1


def test_a_table_of_messages_with_unknown_columns_is_an_error_of_plan_apply_and_status(
    cli: Cli, tmp_path: Path
) -> None:
    export = write_export(tmp_path / "folder", [2, 2])
    (export / "log.csv").write_text("Gespräch;Wer;Inhalt\nthread_1;ich;hallo\n", encoding="utf-8")
    for command in (("plan", export), ("apply", export, "--target", "sandbox")):
        outcome = cli(*command)
        assert outcome.code == 3
        assert "csv-header" in outcome.out and "log.csv" in outcome.out
        assert "Not recognised" not in outcome.out
    data = cli("plan", export, "-o", "json").json["data"]
    assert (data["threads"]["unreadable"], "not_read" in data) == (1, False)

    told = " ".join(cli("status", "--rehearsal").out.split())
    assert told.startswith("Rehearsal") and "! 2 of 2 threads that could be read are done." in told
    assert "1 entry of the source could not be read." in told
    assert "csv-header" in told and "100 %" not in told
    assert "Fix or remove the unreadable entries, then load what is in them: migrate-cli apply" in told
    data = cli("status", "--rehearsal", "-o", "json").json["data"]
    assert (data["unreadable"], [one["code"] for one in data["unreadable_list"]]) == (1, ["csv-header"])


def test_status_counts_what_the_last_run_over_everything_could_not_read(cli: Cli, tmp_path: Path) -> None:
    export = write_export(tmp_path / "folder", [2, 2])
    (export / "broken.json").write_text("{")
    cli("apply", export, "--target", "sandbox")
    cli("apply", export, "--target", "sandbox", "--limit", "1")
    assert cli("status", "--rehearsal", "-o", "json").json["data"]["unreadable"] == 1
    (export / "broken.json").unlink()
    cli("apply", export, "--target", "sandbox")
    assert cli("status", "--rehearsal", "-o", "json").json["data"]["unreadable"] == 0
