"""`recover`: a lost state file is rebuilt from the target's list and the source, and nothing is sent for it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.options import FileIdCheck
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import message, texts_of, thread, thread_id, write_export
from support.listing_target import ListingTarget, listing_target
from support.rich_exports import write_rich_export

from .conftest import Cli, Outcome, conversations  # noqa: TID252 - the folder's own fixtures

SIZES = [3, 45, 1, 20, 21, 0, 7, 130]
LOADED = sum(1 for size in SIZES if size)


def lose(*kept: str) -> None:
    """Take away every file of the state, but for those with these endings."""
    for path in Path().glob("migration.db*"):
        if path.name.removeprefix("migration.db") not in kept:
            path.unlink()


def known(state: str = "migration.db") -> tuple[list[Any], list[Any]]:
    """What the public views say of threads and messages, without times and runs."""
    with closing(sqlite3.connect(state)) as db:
        threads = "SELECT thread_id, conversation_id, state, messages, items, findings FROM thread_map ORDER BY 1"
        messages = "SELECT * FROM message_map ORDER BY thread_id, position"
        return db.execute(threads).fetchall(), db.execute(messages).fetchall()


def digests() -> list[Any]:
    """The hashes of threads and of their items."""
    with closing(sqlite3.connect("migration.db")) as db:
        of_items = "SELECT id, idx, item.digest FROM item JOIN thread ON thread.key = item.thread ORDER BY 1, 2"
        return [*db.execute("SELECT id, digest FROM thread ORDER BY id"), *db.execute(of_items)]


def states(outcome: Outcome) -> dict[str, int]:
    counts: dict[str, int] = outcome.json["data"]["threads"]
    return {name: count for name, count in counts.items() if count and name != "total"}


def recover(cli: Cli, *args: object) -> Outcome:
    return cli("recover", *args, "--output", "json")


def settled(cli: Cli, export: Path, target: ListingTarget) -> None:
    """Everything is identical, and nothing is left to send."""
    verified = cli("verify", export, "--output", "json").json
    assert verified["exit_code"] == 0
    assert {sign for sign, count in verified["data"]["outcomes"].items() if count} == {"="}
    before = target.writes()
    applied = cli("apply", export, "--output", "json").json
    assert (applied["exit_code"], applied["data"]["writes"]) == (0, 0)
    assert target.writes() == before


def test_afterwards_verify_is_all_the_same_and_apply_sends_nothing(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", SIZES)
    assert cli("apply", export).code == 0
    before, hashes, writes = known(), digests(), listing.writes()
    lose()
    outcome = recover(cli, export)
    assert outcome.code == 0
    assert states(outcome) == {"loaded": LOADED, "skipped": 1}
    assert (outcome.json["data"]["items"], outcome.json["data"]["orphans"]) == (sum(SIZES), [])
    assert listing.writes() == writes
    assert (known(), digests()) == (before, hashes)
    settled(cli, export, listing)


def test_a_thread_that_was_loaded_in_part_goes_on_in_its_conversation(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [30, 50, 90, 20])
    listing.misbehave("append:quota:nth=4,5,6,7,8,9")
    assert cli("apply", export, "--workers", "2").code == 5
    listing.misbehave()
    lose()
    outcome = recover(cli, export)
    assert outcome.code == 3
    assert states(outcome)["loading"] >= 1
    assert "migrate-cli apply" in " ".join(outcome.json["data"]["next"])
    assert cli("apply", export).code == 0
    assert conversations(listing.data) == {thread_id(n): texts_of(export, thread_id(n)) for n in range(1, 5)}


def test_of_several_conversations_the_whole_one_wins_and_the_others_are_told(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [25])
    texts = texts_of(export, thread_id(1))
    part, empty = listing.create(thread_id(1), *texts[:7]), listing.create(thread_id(1))
    assert cli("apply", export).code == 0
    whole = known()[0][0][1]
    strange = listing.create(thread_id(1), "Something else.")
    lose()
    outcome = recover(cli, export)
    assert (outcome.code, states(outcome)) == (0, {"loaded": 1})
    assert known()[0][0][1] == whole
    assert {one["conversation_id"] for one in outcome.json["data"]["orphans"]} == {part, empty, strange}
    settled(cli, export, listing)


def test_a_conversation_that_has_gone_on_since_is_preferred_to_a_copy(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [4])
    listing.create(thread_id(1), *texts_of(export, thread_id(1)))
    used = listing.create(thread_id(1), *texts_of(export, thread_id(1)))
    listing.append(used, "And then?", "Then this.")
    assert recover(cli, export).code == 0
    assert known()[0][0][1:3] == (used, "loaded")
    assert cli("apply", export, "--output", "json").json["data"]["writes"] == 0


@pytest.mark.parametrize(
    ("number_of_texts", "more", "why"),
    [(4, ("Not of the thread.",), "is not what the thread says"), (6, None, "duplicates of its own items")],
)
def test_what_does_not_match_is_never_adopted(
    cli: Cli, tmp_path: Path, listing: ListingTarget, number_of_texts: int, more: tuple[str, ...] | None, why: str
) -> None:
    export = write_export(tmp_path / "export", [6])
    texts = texts_of(export, thread_id(1))
    listing.create(thread_id(1), *texts[:number_of_texts], *(texts[4:6] if more is None else more))
    outcome = recover(cli, export)
    assert (outcome.code, states(outcome)) == (3, {"in_doubt": 1})
    [problem] = outcome.json["errors"]
    assert (problem["code"], problem["thread_id"]) == ("conversation-differs", thread_id(1))
    assert why in problem["message"]
    assert all(text not in problem["message"] for text in texts)
    applied = cli("apply", export, "--output", "json").json
    assert (applied["exit_code"], applied["data"]["writes"]) == (3, 0)
    assert cli("resolve", thread_id(1)).code == 3


def test_a_beginning_beside_something_strange_is_not_gone_on_with(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [6])
    listing.create(thread_id(1))
    listing.create(thread_id(1), "The same thread, loaded under other settings.")
    outcome = recover(cli, export)
    assert states(outcome) == {"in_doubt": 1}
    assert outcome.json["errors"][0]["code"] == "several-conversations"
    assert cli("apply", export, "--output", "json").json["data"]["writes"] == 0


def test_threads_without_a_conversation_are_told_and_left_for_apply(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [3, 3])
    assert cli("apply", export, "--thread", thread_id(1)).code == 0
    lose()
    outcome = recover(cli, export)
    assert (outcome.code, states(outcome)) == (3, {"loaded": 1, "not_found": 1})
    assert "never loaded" in " ".join(outcome.json["data"]["next"])
    assert cli("apply", export, "--output", "json").json["data"]["threads"]["loaded"] == 2
    settled(cli, export, listing)


@pytest.mark.parametrize("lie", ["always-more", "never-more", "ghosts", "ignore-after", "500:0.3", "cut:0.3"])
def test_a_list_that_lies_costs_nothing(cli: Cli, tmp_path: Path, listing: ListingTarget, lie: str) -> None:
    export = write_export(tmp_path / "export", [2] * 12)
    assert cli("apply", export).code == 0
    before = known()
    lose()
    listing.misbehave(f"conversations:{lie}")
    assert recover(cli, export).code == 0
    assert known() == before
    settled(cli, export, listing)


@pytest.mark.parametrize("lie", ["always-more", "never-more", "ghosts"])
def test_a_list_of_several_pages_is_read_to_its_end(cli: Cli, tmp_path: Path, listing: ListingTarget, lie: str) -> None:
    export = write_export(tmp_path / "export", [1] * 230)
    assert cli("apply", export).code == 0
    lose()
    listing.misbehave(f"conversations:{lie}")
    assert states(recover(cli, export)) == {"loaded": 230}


def test_where_the_list_repeats_itself_nobody_takes_the_rest_for_never_loaded(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [1] * 120)
    assert cli("apply", export).code == 0
    lose()
    listing.misbehave("conversations:ignore-after")
    outcome = recover(cli, export)
    assert (outcome.code, states(outcome)) == (3, {"loaded": 100, "in_doubt": 20})
    assert {one["code"] for one in outcome.json["errors"]} == {"conversation-list-incomplete"}
    assert cli("apply", export, "--state", "migration.db", "--output", "json").json["data"]["writes"] == 0


def test_once_the_list_is_whole_the_same_command_settles_what_was_in_doubt(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [1] * 120)
    assert cli("apply", export).code == 0
    before = known()
    lose()
    listing.misbehave("conversations:ignore-after")
    assert recover(cli, export).code == 3
    listing.misbehave()
    outcome = recover(cli, export)
    assert (outcome.code, states(outcome)) == (0, {"loaded": 120, "earlier": 100})
    assert known() == before
    settled(cli, export, listing)


def test_what_a_list_leaves_out_is_told_as_threads_without_a_conversation(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [2] * 7)
    assert cli("apply", export).code == 0
    lose()
    listing.misbehave("conversations:skips:every=3")
    outcome = recover(cli, export)
    assert (outcome.code, states(outcome)) == (3, {"loaded": 5, "not_found": 2})
    assert "2 threads have no conversation" in outcome.json["data"]["message"]


def test_a_list_that_names_the_wrong_thread_is_not_believed(cli: Cli, tmp_path: Path, listing: ListingTarget) -> None:
    export = tmp_path / "export"
    export.mkdir()
    for number in (1, 2):
        own = thread(number, 1)
        own["messages"] = [message(thread_id(number), 0, "Hello.")]
        (export / f"{number}.json").write_text(json.dumps(own))
    assert cli("apply", export).code == 0
    [(first, _, _), _] = read_conversations(listing.data)
    lose()
    # Both hold the same; the second is gone, and the list shows the first under both names.
    with closing(sqlite3.connect(listing.data)) as db:
        db.execute("UPDATE conversation SET metadata = '{}' WHERE id <> ?", (first,))
        db.commit()
    assert states(recover(cli, export)) == {"loaded": 1, "not_found": 1}
    assert known()[0][0][:2] == (thread_id(1), first)


def test_a_note_for_a_refused_item_is_known_again(cli: Cli, tmp_path: Path, listing: ListingTarget) -> None:
    data = thread(1, 30)
    data["messages"][23] = message(thread_id(1), 23, "the POISON")
    export = tmp_path / "export"
    export.mkdir()
    (export / "one.json").write_text(json.dumps(data))
    listing.misbehave("append:poison:text=POISON")
    assert cli("apply", export, "--on-refused", "note").code == 0
    lose()
    assert recover(cli, export).code == 0
    settled(cli, export, listing)


def test_ids_of_uploaded_files_and_transcripts_are_learned_from_the_conversations(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
    monkeypatch.setenv("MIGRATE_AUDIO__TRANSCRIBE", "true")
    export = tmp_path / "export"
    (export / "files").mkdir(parents=True)
    (export / "files" / "file-plan.pdf").write_bytes(b"%PDF-1.7 plan")
    (export / "files" / "file-cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (export / "files" / "file-memo.wav").write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(16))
    for number in (1, 2, 3):
        own = thread(number, 2)
        named = ["file-plan", "file-memo"]
        own["messages"][0]["attachments"] = [{"file_id": one, "tools": [{"type": "file_search"}]} for one in named]
        image = {"type": "image_file", "image_file": {"file_id": "file-cat", "detail": "auto"}}
        own["messages"][0]["content"].append(image)
        (export / f"{number}.json").write_text(json.dumps(own))
    with listing_target(tmp_path / "strict.db", FileIdCheck.STRICT) as target:
        monkeypatch.setenv("OPENAI_BASE_URL", target.server.base_url)
        counts = {"uploaded": 2, "transcribed": 1}
        assert cli("apply", export, "--output", "json").json["data"]["files"] == counts
        before, hashes, writes = known(), digests(), target.writes()
        files = sorted(map(str, json.loads(cli("map", "export", "--level", "files", "--format", "json").out)))
        lose()
        outcome = recover(cli, export)
        assert (outcome.code, outcome.json["data"]["files"]) == (0, counts)
        assert target.writes() == writes
        assert (known(), digests()) == (before, hashes)
        assert sorted(map(str, json.loads(cli("map", "export", "--level", "files", "--format", "json").out))) == files
        settled(cli, export, target)


def test_a_long_conversation_is_known_again_whole(cli: Cli, tmp_path: Path, listing: ListingTarget) -> None:
    export = write_export(tmp_path / "export", [6000])
    listing.create(thread_id(1), *texts_of(export, thread_id(1)))
    assert recover(cli, export).code == 0
    assert known()[0][0][2:5] == ("loaded", 6000, 6000)
    assert len(known()[1]) == 6000


# ---- what stops it ---------------------------------------------------------------------------------------------------


def test_a_target_that_does_not_list_is_told_and_nothing_is_left(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", [3])
    outcome = cli("recover", export)
    assert outcome.code == 2
    assert "does not list conversations (GET /conversations answered 405" in " ".join(outcome.err.split())
    assert [path.name for path in Path().glob("migration.db*")] == ["migration.db.log"]


def test_a_list_of_ids_beside_the_state_file_serves_where_the_target_lists_none(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox
) -> None:
    export = write_export(tmp_path / "export", SIZES)
    assert cli("apply", export).code == 0
    before = known()
    lose(".map.jsonl")
    outcome = recover(cli, export)
    assert (outcome.code, states(outcome)) == (0, {"loaded": LOADED, "skipped": 1})
    assert known() == before
    assert cli("apply", export, "--output", "json").json["data"]["requests"]["sent"] == 0


def test_a_state_file_that_is_not_lost_is_left_alone(cli: Cli, tmp_path: Path, listing: ListingTarget) -> None:
    export = write_export(tmp_path / "export", [3])
    assert cli("apply", export).code == 0
    before = known()
    outcome = cli("recover", export)
    assert outcome.code == 10
    assert "is not lost" in outcome.err and "--state" in outcome.err
    assert known() == before
    assert recover(cli, export, "--state", "other.db").code == 0
    assert known("other.db") == before


def test_its_own_result_may_be_made_again(cli: Cli, tmp_path: Path, listing: ListingTarget) -> None:
    export = write_export(tmp_path / "export", [3, 4])
    assert cli("apply", export).code == 0
    lose()
    assert recover(cli, export).code == 0
    before = known()
    reads = listing.requests("list")
    again = recover(cli, export)
    assert (again.code, states(again)) == (0, {"loaded": 2, "earlier": 2})
    assert (known(), listing.requests("list")) == (before, reads)


def test_another_export_than_the_list_of_ids_is_of_is_refused(cli: Cli, tmp_path: Path, listing: ListingTarget) -> None:
    assert cli("apply", write_export(tmp_path / "export", [3])).code == 0
    lose(".map.jsonl")
    other = tmp_path / "other"
    other.mkdir()
    (other / "one.json").write_text(json.dumps(thread(77, 3)))
    assert cli("recover", other).code == 10


@pytest.mark.parametrize("command", ["apply", "verify"])
def test_a_state_file_that_is_half_rebuilt_is_not_taken_for_whole(
    cli: Cli, tmp_path: Path, listing: ListingTarget, command: str
) -> None:
    export = write_export(tmp_path / "export", [2] * 8)
    assert cli("apply", export).code == 0
    lose()
    listing.misbehave("list:quota:nth=3")
    assert cli("recover", export, "--workers", "1").code == 5
    listing.misbehave()
    writes = listing.writes()
    outcome = cli(command, export)
    assert outcome.code == 10
    assert "migrate-cli recover" in outcome.err
    assert listing.writes() == writes
    assert recover(cli, export).code == 0
    settled(cli, export, listing)


def test_a_half_rebuilt_state_file_is_not_merged(cli: Cli, tmp_path: Path, listing: ListingTarget) -> None:
    export = write_export(tmp_path / "export", [2] * 4)
    assert cli("apply", export).code == 0
    lose()
    listing.misbehave("list:quota:nth=3")
    assert cli("recover", export, "--workers", "1").code == 5
    outcome = cli("merge", "migration.db", "--state", "whole.db")
    assert outcome.code == 10
    assert "migrate-cli recover" in outcome.err


def test_status_and_doctor_say_that_a_state_file_is_half_rebuilt(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [2] * 4)
    assert cli("apply", export).code == 0
    lose()
    listing.misbehave("list:quota:nth=3")
    assert cli("recover", export, "--workers", "1").code == 5
    listing.misbehave()
    assert "migrate-cli recover" in " ".join(cli("status").out.split())
    assert cli("doctor", export).code == 10


def test_a_run_that_is_broken_off_in_the_list_leaves_nothing_that_apply_would_begin_anew(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [1] * 110)
    assert cli("apply", export).code == 0
    before = known()
    lose()
    listing.misbehave("conversations:quota:nth=2")
    assert cli("recover", export).code == 5
    listing.misbehave()
    writes = listing.writes()
    assert cli("apply", export).code == 10
    assert listing.writes() == writes
    assert recover(cli, export).code == 0
    assert known() == before


@pytest.mark.parametrize("form", ["text", "markdown", "html", "junit"])
def test_every_form_of_the_report_says_what_became_of_threads(
    cli: Cli, tmp_path: Path, listing: ListingTarget, form: str
) -> None:
    export = write_export(tmp_path / "export", [2, 2, 0])
    listing.create(thread_id(1), *texts_of(export, thread_id(1)))
    out = " ".join(cli("recover", export, "--output", form).out.split())
    assert "1 of 3 threads is known again, with 2 items." in out
    assert "1 thread has no conversation" in out


def test_what_was_undone_or_given_up_between_two_runs_stays_so(
    cli: Cli, tmp_path: Path, listing: ListingTarget
) -> None:
    export = write_export(tmp_path / "export", [2] * 8)
    assert cli("apply", export).code == 0
    lose()
    listing.misbehave("list:quota:nth=5")
    assert cli("recover", export, "--workers", "1").code == 5
    listing.misbehave()
    assert cli("undo", "--thread", thread_id(1), "--yes").code == 0
    assert cli("resolve", thread_id(2), "--restart").code == 0
    outcome = recover(cli, export)
    assert states(outcome) == {"undone": 1, "not_found": 1, "loaded": 6, "earlier": 3}
    assert cli("apply", export).code == 0
    assert (
        cli("undo", "--thread", thread_id(2), "--yes", "--output", "json").json["data"]["conversations"]["deleted"] == 2
    )


def test_agents_that_were_made_first_do_not_stand_in_the_way(cli: Cli, tmp_path: Path, listing: ListingTarget) -> None:
    export = write_export(tmp_path / "export", [2] * 4)
    assert cli("apply", export).code == 0
    lose()
    assert recover(cli, export).code == 0
    with closing(sqlite3.connect("migration.db")) as db:
        db.execute("UPDATE run SET command = 'assistants'")
        db.commit()
    assert recover(cli, export).code == 0


def everything() -> dict[str, list[Any]]:
    """All that the state file knows of threads, without times and runs."""
    threads = """SELECT id, state, conversation_id, position, items, messages, findings, digest, last_message_id,
        source_created_at FROM thread ORDER BY id"""
    joined = "FROM {0} JOIN thread ON thread.key = {0}.thread ORDER BY thread.id, 2, 3, 4, 5"
    items = "SELECT thread.id, idx, message_id, item_id, kind, item.source_created_at, item.digest"
    with closing(sqlite3.connect("migration.db")) as db:
        return {
            "threads": db.execute(threads).fetchall(),
            "items": db.execute(f"{items} {joined.format('item')}").fetchall(),
            "findings": db.execute(
                f"SELECT thread.id, message_id, code, severity, detail {joined.format('thread_finding')}"
            ).fetchall(),
            "asides": db.execute(f"SELECT thread.id, message_id, name, value, 0 {joined.format('aside')}").fetchall(),
            "files": db.execute("SELECT source_file_id, target_file_id, kind, bytes, status FROM file").fetchall(),
        }


@pytest.mark.parametrize("files", ["keep", "upload"])
def test_all_that_was_known_of_rich_threads_is_known_again(
    cli: Cli, tmp_path: Path, listing: ListingTarget, monkeypatch: pytest.MonkeyPatch, files: str
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", files)
    write_rich_export(tmp_path / "export", 40)
    assert cli("apply", "export").code in (0, 3)
    before, writes = everything(), listing.writes()
    assert all(before.values())
    lose()
    assert recover(cli, "export").code == 0
    assert listing.writes() == writes
    after = everything()
    for name, rows in before.items():
        assert after[name] == rows, name
    assert cli("apply", "export", "--output", "json").json["data"]["writes"] == 0


def test_a_target_that_lists_no_more_does_not_let_the_rest_count_as_never_loaded(
    cli: Cli, tmp_path: Path, listing: ListingTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [2] * 8)
    assert cli("apply", export).code == 0
    lose()
    listing.misbehave("list:quota:nth=5")
    assert cli("recover", export, "--workers", "1").code == 5
    shutil.copy(listing.data, tmp_path / "other.db")
    with EmbeddedSandbox(tmp_path / "other.db") as silent:
        with closing(sqlite3.connect("migration.db")) as db:
            db.execute("UPDATE setup SET value = ? WHERE key = 'target.base_url'", (silent.base_url,))
            db.commit()
        monkeypatch.setenv("OPENAI_BASE_URL", silent.base_url)
        outcome = cli("recover", export)
        assert outcome.code == 2
        assert "does not list conversations" in " ".join(outcome.err.split())
        assert cli("apply", export).code == 10


def test_a_list_of_ids_serves_a_second_run_too(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    export = write_export(tmp_path / "export", [2] * 8)
    assert cli("apply", export).code == 0
    before = known()
    lose(".map.jsonl")
    misbehave(target, "list:quota:nth=5")
    assert cli("recover", export, "--workers", "1").code == 5
    misbehave(target)
    assert cli("apply", export).code == 10
    assert recover(cli, export).code == 0
    assert known() == before


def misbehave(target: EmbeddedSandbox, *rules: str) -> None:
    answer = httpx2.post(f"{target.control_url}/faults", json={"rules": list(rules)}, headers=CONTROL_HEADERS)
    assert answer.status_code == 200
