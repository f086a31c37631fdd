"""An export is known by its threads: it may be moved and mounted elsewhere, and another one is refused anywhere."""

from __future__ import annotations

import json
import shutil
import sqlite3
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from migrate_cli.convert import canonical
from migrate_cli.migrator import Migrator
from migrate_cli.model import READER
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.sources.export import input_files

from support.exports import message, thread, thread_id, write_export

from .conftest import Cli, conversations  # noqa: TID252 - the folder's own fixtures


def setup(state: Path) -> dict[str, str]:
    """What the state file records of its setup."""
    conn = sqlite3.connect(state)
    try:
        return dict(conn.execute("SELECT key, value FROM setup"))
    finally:
        conn.close()


def change(state: Path, *statements: str) -> None:
    """Change the state file, as another version would have written it."""
    conn = sqlite3.connect(state)
    try:
        for statement in statements:
            conn.execute(statement)
        conn.commit()
    finally:
        conn.close()


def rewrite(path: Path, text: str) -> None:
    """Give a thread file another first message."""
    value = json.loads(path.read_text())
    value["messages"][0] = message(value["thread"]["id"], 0, text)
    path.write_text(json.dumps(value))


def lines(export: Path) -> bytes:
    """The threads of an export, one on each line."""
    return b"".join(file.read_bytes() + b"\n" for file in sorted(export.glob("*.json")))


def on_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    # The runner of the tests has a standard input of its own.
    monkeypatch.setattr(input_files, "sys", SimpleNamespace(stdin=SimpleNamespace(buffer=BytesIO(data))))


def test_a_moved_export_goes_on_where_it_was(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2, 3])
    assert cli("apply", export).code == 0
    export.rename(tmp_path / "mounted")
    write_export(tmp_path / "mounted", [2, 3, 4])
    assert cli("plan", tmp_path / "mounted").code == 0
    outcome = cli("apply", tmp_path / "mounted", "--output", "json")
    assert (outcome.code, outcome.json["data"]["threads"]["unchanged"]) == (0, 2)
    assert sorted(conversations(target.data)) == [thread_id(n) for n in (1, 2, 3)]
    assert cli("verify", tmp_path / "mounted").code == 0
    recorded = setup(tmp_path / "migration.db")
    assert (recorded["source"], recorded["source.seen"]) == ("export", str(tmp_path / "mounted"))


def test_advice_names_the_place_where_the_export_was_seen_last(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    assert target
    export = write_export(tmp_path / "export", [2])
    cli("apply", export)
    export.rename(tmp_path / "moved")
    cli("apply", tmp_path / "moved")
    assert f"migrate-cliverify{tmp_path / 'moved'}" in "".join(cli("status").out.split())


@pytest.mark.parametrize("kept", [1, 3], ids=["the first", "the last"])
def test_one_thread_in_common_is_enough(cli: Cli, tmp_path: Path, target: EmbeddedSandbox, kept: int) -> None:
    export = write_export(tmp_path / "export", [2, 3, 4])
    cli("apply", export, "--thread", thread_id(kept))
    shutil.copytree(export, tmp_path / "copy")
    assert cli("apply", tmp_path / "copy", "--thread", thread_id(2)).code == 0
    assert sorted(conversations(target.data)) == sorted([thread_id(kept), thread_id(2)])


def test_an_export_that_has_grown_in_every_thread_is_recognised(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    assert target
    cli("apply", write_export(tmp_path / "export", [2, 2, 2, 2]))
    outcome = cli("apply", write_export(tmp_path / "later", [3, 3, 3, 3]), "--output", "json")
    assert outcome.json["data"]["findings"]["source-grown"] == 4


def test_standard_input_and_a_file_are_one_export_if_their_threads_are(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [2, 3])
    on_stdin(monkeypatch, lines(export))
    assert cli("apply", "-").code == 0
    more = write_export(tmp_path / "more", [2, 3, 4])
    on_stdin(monkeypatch, lines(more))
    assert cli("apply", "-").code == 0
    (tmp_path / "all.jsonl").write_bytes(lines(more))
    outcome = cli("apply", tmp_path / "all.jsonl", "--output", "json")
    assert (outcome.code, outcome.json["data"]["threads"]["unchanged"]) == (0, 3)
    assert len(conversations(target.data)) == 3


@pytest.mark.parametrize("command", ["apply", "verify"])
@pytest.mark.parametrize("place", ["elsewhere", "export"])
def test_an_export_without_any_of_the_threads_is_refused(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, command: str, place: str
) -> None:
    export = write_export(tmp_path / "export", [2, 3])
    cli("apply", export)
    before, recorded = conversations(target.data), setup(tmp_path / "migration.db")
    shutil.rmtree(export)
    other = tmp_path / place
    other.mkdir()
    (other / "x.json").write_text(json.dumps(thread(99, 2)))
    outcome = cli(command, other)
    assert outcome.code == 10
    assert f"none of the threads that the state file holds, such as {thread_id(1)}" in outcome.err
    assert "loads every thread again" in outcome.err
    assert (conversations(target.data), setup(tmp_path / "migration.db")) == (before, recorded)


def test_an_export_elsewhere_with_the_same_ids_and_other_contents_is_refused(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [2, 3, 4])
    cli("apply", export)
    before = conversations(target.data)
    other = write_export(tmp_path / "other", [2, 3, 4, 5])
    for number in (1, 2, 3):
        rewrite(other / f"{thread_id(number)}.json", "something else")
    outcome = cli("apply", other)
    assert outcome.code == 10
    assert "3 threads that both have were compared, and every one of them differs from what was loaded" in outcome.err
    assert conversations(target.data) == before


def test_an_export_that_was_edited_where_it_lies_is_told_of_thread_by_thread(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    assert target
    export = write_export(tmp_path / "export", [2, 3, 4])
    cli("apply", export)
    for number in (1, 2, 3):
        rewrite(export / f"{thread_id(number)}.json", "something else")
    outcome = cli("apply", export, "--output", "json")
    assert (outcome.code, outcome.json["data"]["findings"]["source-changed"]) == (3, 3)


def test_a_state_that_recorded_a_path_opens_and_is_upgraded(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    assert target
    export = write_export(tmp_path / "export", [2, 3])
    cli("apply", export)
    state = tmp_path / "migration.db"
    change(
        state,
        "DELETE FROM setup WHERE key = 'source.seen'",
        f"UPDATE setup SET value = '{export}' WHERE key = 'source'",
    )
    assert f"migrate-cliverify{export}" in "".join(cli("status").out.split())
    export.rename(tmp_path / "moved")
    assert cli("apply", tmp_path / "moved").code == 0
    assert setup(state)["source"] == "export"
    assert setup(state)["source.seen"] == str(tmp_path / "moved")


def test_a_host_and_an_export_are_not_one_source(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    assert target
    export = write_export(tmp_path / "export", [2])
    cli("apply", export)
    change(tmp_path / "migration.db", "UPDATE setup SET value = 'https://host.example/v1' WHERE key = 'source'")
    outcome = cli("apply", export)
    assert outcome.code == 10
    assert "source was https://host.example/v1 and is now an export" in outcome.err
    assert "loads every thread again" in outcome.err


def test_a_plan_is_of_the_threads_and_not_of_the_path(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    assert target
    export = write_export(tmp_path / "export", [2])
    cli("plan", export, "--save", "plan.json")
    saved = json.loads((tmp_path / "plan.json").read_text())
    export.rename(tmp_path / "moved")
    assert cli("apply", tmp_path / "moved", "--plan", "plan.json").code == 0
    saved["setup"]["source"] = str(export)  # as earlier versions kept it
    (tmp_path / "old.json").write_text(json.dumps(saved))
    assert cli("apply", tmp_path / "moved", "--plan", "old.json").code == 0


def test_shards_of_an_export_that_lay_at_two_places_are_merged(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    assert target
    export = write_export(tmp_path / "export", [2, 3, 4, 5])
    cli("apply", export, "--shard", "1/2")
    export.rename(tmp_path / "moved")
    cli("apply", tmp_path / "moved", "--shard", "2/2")
    assert cli("merge", "migration-1of2.db", "migration-2of2.db").code == 0
    outcome = cli("apply", tmp_path / "moved", "--output", "json")
    assert (outcome.code, outcome.json["data"]["threads"]["unchanged"]) == (0, 4)


def test_an_application_may_find_the_export_elsewhere(tmp_path: Path, cli: Cli, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2, 3, 4])
    cli("apply", export, "--thread", thread_id(3))
    export.rename(tmp_path / "moved")
    with Migrator(source={"path": str(tmp_path / "moved")}) as migrator:
        assert migrator.ensure(thread_id(1))
        assert migrator.ensure(thread_id(2))
    assert len(conversations(target.data)) == 3


# ---- another version


def differently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this version be one that reads differently than the one that wrote the state file."""
    monkeypatch.setattr(canonical, "READER", READER + 1)


def test_what_another_version_loaded_and_this_one_reads_differently_is_no_change_of_the_source(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [2, 3])
    cli("apply", export)
    before = conversations(target.data)
    differently(monkeypatch)
    # As if this version read the first message of one thread in another way.
    rewrite(export / f"{thread_id(1)}.json", "read by another reader")
    for more in ((), ("--append",), ("--retry-failed",)):
        outcome = cli("apply", export, "--output", "json", *more)
        data: dict[str, Any] = outcome.json["data"]
        assert (outcome.code, data["writes"]) == (0, 0)
        assert "source-changed" not in data["findings"]
        assert data["findings"]["read-differently"] == 1
        assert data["severities"]["warning"] == 1
        assert data["threads"]["read_differently"] == 1
    assert conversations(target.data) == before
    checked = cli("verify", export)
    assert checked.code == 0
    assert "reads 1 thread differently from the one that loaded it" in " ".join(checked.out.split())
    cli("resolve", thread_id(1), "--restart")
    assert cli("apply", export).code == 0
    again = cli("apply", export, "--output", "json")
    assert again.json["data"]["threads"]["unchanged"] == 2


def test_a_state_of_a_version_that_noted_no_reader_is_not_said_to_have_another_source(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    assert target
    export = write_export(tmp_path / "export", [2, 3])
    cli("apply", export)
    change(tmp_path / "migration.db", "UPDATE run SET options = json_remove(options, '$.reader')")
    rewrite(export / f"{thread_id(1)}.json", "other")
    outcome = cli("apply", export, "--output", "json")
    assert outcome.json["data"]["findings"]["read-differently"] == 1


def test_a_thread_that_was_sent_in_part_and_reads_differently_now_waits_for_a_person(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    assert target
    export = write_export(tmp_path / "export", [30])
    cli("apply", export)
    change(
        tmp_path / "migration.db",
        "UPDATE thread SET state = 'loading', position = 20, digest = 'other-128:00'",
    )
    rewrite(export / f"{thread_id(1)}.json", "other")
    outcome = cli("apply", export, "--output", "json")
    assert [one["code"] for one in outcome.json["errors"]] == ["read-differently"]
    assert outcome.code == 3


def test_an_export_that_cannot_be_read_is_not_taken_for_another(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = tmp_path / "export.json"
    export.write_text(json.dumps([thread(1, 2), thread(2, 2)]))
    assert cli("apply", export).code == 0
    export.write_text(export.read_text()[:60])
    refused = cli("verify", export)
    assert refused.code == 2
    assert "truncated" in refused.err and "is not the export" not in refused.err
