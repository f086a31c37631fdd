"""Each of the files of a state may be lost: the next run goes on from the others, or says that it cannot.

An auditor compares the target's own data with the export: nothing twice, nothing missing, no data in a conversation
that the state file does not name.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import product
from pathlib import Path

import httpx2
import pytest
from migrate_cli.model import JsonObject
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import texts_of, thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

SIZES = [3, 45, 1, 20, 21, 0, 7, 12]
NAMES = ("", "-wal", ".bak", ".map.jsonl")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time is waited for what cannot happen here."""
    monkeypatch.setenv("MIGRATE_LOAD__SETTLE", "0.1")
    monkeypatch.setenv("MIGRATE_LOAD__PILOT", "0")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Threads of awkward sizes."""
    return write_export(tmp_path / "export", SIZES)


def beside(ending: str) -> Path:
    return Path(f"migration.db{ending}")


def leave(*endings: str) -> None:
    """Take away all files of the state but these."""
    for ending in NAMES:
        if ending not in endings:
            beside(ending).unlink(missing_ok=True)
    for rest in Path().glob("migration.db*"):
        if rest.name.removeprefix("migration.db") not in endings:
            rest.unlink()


def held(target: EmbeddedSandbox) -> dict[str, list[JsonObject]]:
    """What stands in each conversation of the target that is not empty."""
    return {name: items for name, _, items in read_conversations(target.data) if items}


def assert_right(export: Path, target: EmbeddedSandbox) -> None:
    """Every thread stands at the target once, under the ids that the state file names, and no data anywhere else."""
    with closing(sqlite3.connect("migration.db")) as db:
        known = dict(db.execute("SELECT conversation_id, id FROM thread WHERE conversation_id IS NOT NULL"))
        named = db.execute("SELECT conversation_id, item_id FROM message_map ORDER BY conversation_id, position")
        ids: dict[str, list[str]] = {}
        for conversation, item in named:
            ids.setdefault(conversation, []).append(item)
    found = held(target)
    assert {name: [item["id"] for item in items] for name, items in found.items()} == ids
    texts = {known[name]: [item["content"][0]["text"] for item in items] for name, items in found.items()}
    assert len(texts) == len(found)
    assert texts == {thread_id(n): texts_of(export, thread_id(n)) for n, size in enumerate(SIZES, 1) if size}


SUBSETS = [
    tuple(name for name, there in zip(("", ".bak", ".map.jsonl"), chosen, strict=True) if there)
    for chosen in product((True, False), repeat=3)
    if any(chosen)
]


@pytest.mark.parametrize("left", SUBSETS, ids=lambda left: "+".join(name or ".db" for name in left))
def test_after_a_clean_end_any_file_is_enough(
    cli: Cli, export: Path, target: EmbeddedSandbox, left: tuple[str, ...]
) -> None:
    assert cli("apply", export).code == 0
    before = held(target)
    leave(*left)
    outcome = cli("apply", export, "--output", "json")
    assert (outcome.json["exit_code"], outcome.json["data"]["writes"]) == (0, 0)
    assert ("is missing; it is" in outcome.err) == ("" not in left)
    assert ("is missing; it is" in beside(".log").read_text()) == ("" not in left)
    assert ("restored" in outcome.json["data"]) == ("" not in left)
    assert held(target) == before
    assert_right(export, target)
    again = cli("apply", export, "--output", "json")
    assert "restored" not in again.json["data"]
    assert again.json["data"]["requests"]["sent"] == 0


READERS = (
    ("status",),
    ("report",),
    ("map", "export"),
    ("verify",),
    ("status", "--orphans"),
    ("undo", "--all", "--yes"),
    ("undo", "--orphans", "--yes"),
    ("resolve", thread_id(1)),
    ("merge", "migration.db"),
)


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
def test_commands_that_only_read_say_how_to_restore_and_make_nothing(
    cli: Cli, export: Path, target: EmbeddedSandbox, command: tuple[str, ...]
) -> None:
    assert cli("apply", export).code == 0
    leave(".bak", ".map.jsonl")
    before = {path.name: path.read_bytes() for path in Path().glob("migration.db*")}
    outcome = cli(*command)
    assert outcome.code == 10
    assert "migration.db is missing, but migration.db.bak and migration.db.map.jsonl are left of it" in outcome.err
    assert "migrate-cli apply" in outcome.err
    log = "migration.db.log"
    assert {path.name: path.read_bytes() for path in Path().glob("migration.db*") if path.name != log} == before


def test_doctor_says_what_the_next_apply_restores(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    assert cli("apply", export).code == 0
    leave(".map.jsonl")
    (found,) = [check for check in cli("doctor", "-o", "json").json["data"]["checks"] if check["check"] == "state"]
    assert found["verdict"] == "warning"
    assert "migration.db is missing; it is rebuilt from migration.db.map.jsonl" in found["detail"]
    assert not Path("migration.db").exists()


def test_copies_of_another_migration_are_neither_mixed_nor_overwritten(
    cli: Cli, export: Path, target: EmbeddedSandbox, tmp_path: Path
) -> None:
    assert cli("apply", export).code == 0
    assert cli("apply", export, "--state", "other.db").code == 0
    for ending in (".bak", ".map.jsonl"):
        kept = beside(ending).read_bytes()
        foreign = Path(f"other.db{ending}").read_bytes()
        beside(ending).write_bytes(foreign)
        outcome = cli("apply", export)
        assert outcome.code == 10
        assert "are of different migrations" in outcome.err
        assert beside(ending).read_bytes() == foreign
        beside(ending).write_bytes(kept)
    assert cli("apply", export).code == 0


def test_a_backup_that_knows_more_than_the_state_file_takes_its_place(
    cli: Cli, export: Path, target: EmbeddedSandbox
) -> None:
    assert cli("apply", export, "--limit", "3").code == 0
    older = beside("").read_bytes()
    assert cli("apply", export).code == 0
    before = held(target)
    leave(".bak")
    beside("").write_bytes(older)
    outcome = cli("apply", export)
    assert outcome.code == 0
    assert "migration.db is older than what was done; it is restored from migration.db.bak" in outcome.err
    assert held(target) == before
    assert beside(".set-aside-1").read_bytes() == older
    assert_right(export, target)


def test_a_conversation_that_went_on_is_known_again_after_all_but_the_list_was_lost(
    cli: Cli, export: Path, target: EmbeddedSandbox
) -> None:
    assert cli("apply", export).code == 0
    conversation = next(name for name, items in held(target).items() if len(items) == 3)
    body = {"items": [{"type": "message", "role": "user", "content": "and now?"}]}
    url = f"{target.base_url}/conversations/{conversation}/items"
    assert httpx2.post(url, json=body, headers={"Authorization": "Bearer key"}).status_code == 200
    leave(".map.jsonl")
    result = cli("apply", export, "--output", "json").json
    assert (result["exit_code"], result["data"]["writes"]) == (0, 0)
    assert result["data"]["restored"]["from"] == ["list"]
    assert result["data"]["findings"]["state-restored"] == 1
    assert cli("verify", export).code == 0


def test_a_list_that_lacks_lines_in_the_middle_proves_nothing(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    assert cli("apply", export).code == 0
    before = held(target)
    leave(".map.jsonl")
    lines = beside(".map.jsonl").read_bytes().splitlines(keepends=True)
    beside(".map.jsonl").write_bytes(b"".join(lines[:20] + lines[22:]))
    outcome = cli("apply", export)
    assert outcome.code == 10
    assert "lacks 2 of its lines" in outcome.err
    assert held(target) == before
