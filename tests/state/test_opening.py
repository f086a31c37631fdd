"""What is refused when a state file is opened, in one sentence that says what to do."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from migrate_cli.errors import ExitCode, StateDamaged, StateError, StateForeign, UsageError
from migrate_cli.model import Progress
from migrate_cli.state import opening
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore

Load = Callable[..., Progress]


def refused(path: Path, kind: type[Exception], *, create: bool = True) -> str:
    """The one sentence with which opening fails."""
    with pytest.raises(kind) as caught:
        StateStore.open(path, create=create)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_all_files_are_for_the_owner_only(store: StateStore, path: Path, load: Load) -> None:
    load(store, "t1")
    store.backup_now()
    names = {file.name.removeprefix(path.name): stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(names) >= {"", "-wal", "-shm", ".lock", ".bak", ".map.jsonl", ".ballast"}
    assert set(names.values()) == {0o600}


def test_after_a_clean_end_only_the_file_its_lock_and_its_copies_remain(path: Path, load: Load) -> None:
    store = StateStore.open(path)
    load(store, "t1")
    store.close()
    left = {file.name.removeprefix(path.name) for file in path.parent.iterdir()}
    assert left == {"", ".lock", ".bak", ".map.jsonl"}


def test_a_missing_file_is_a_usage_error_when_it_must_exist(path: Path) -> None:
    assert "migrate-cli apply" in refused(path, UsageError, create=False)
    with pytest.raises(UsageError, match="migrate-cli apply") as caught:
        StateReader(path)
    assert caught.value.exit_code == ExitCode.USAGE
    assert not path.exists()


def test_a_folder_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    assert "is a folder" in refused(tmp_path, StateError)
    assert "does not exist" in refused(tmp_path / "no" / "such.db", StateError)


@pytest.mark.parametrize("text", ["just some notes\n", "x", "SQLite format 4 or so, and then a lot of other text" * 9])
def test_a_text_file_is_refused_and_left_alone(path: Path, text: str) -> None:
    path.write_text(text)
    assert "is not a state file" in refused(path, StateForeign)
    assert path.read_text() == text
    with pytest.raises(StateForeign, match="is not a state file"):
        StateReader(path)


def test_an_empty_file_becomes_a_state_file(path: Path) -> None:
    path.touch()
    StateStore.open(path).close()
    with StateReader(path) as reader:
        assert reader.summary()["threads"] == {}


@pytest.mark.parametrize("application", [0, 0x12345678])
def test_the_database_of_another_program_is_refused_and_left_alone(path: Path, application: int) -> None:
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE places (id INTEGER)")
    conn.execute(f"PRAGMA application_id = {application}")
    conn.commit()
    conn.close()
    before = path.read_bytes()
    assert "another program" in refused(path, StateForeign)
    assert path.read_bytes() == before
    with pytest.raises(StateForeign):
        StateReader(path)


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    StateStore.open(path).close()
    conn = sqlite3.connect(path)
    conn.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('migrate-cli', 'm999_new', '')"
    )
    conn.execute("PRAGMA user_version = 999")
    conn.commit()
    conn.close()
    assert "newer migrate-cli (its schema has m999_new)" in refused(path, StateForeign)
    with pytest.raises(StateForeign, match="newer"):
        StateReader(path)


def test_a_damaged_file_is_refused_and_the_backup_is_named(path: Path, load: Load) -> None:
    store = StateStore.open(path)
    for n in range(200):
        load(store, f"thread_{n}", 12)
    store.close()
    damage(path, path.stat().st_size // 2)
    sentence = refused(path, StateDamaged)
    assert f"{path}.bak" in sentence
    assert "would migrate everything twice" in sentence


def test_a_file_whose_header_is_gone_counts_as_damaged_when_there_is_a_backup(path: Path, load: Load) -> None:
    store = StateStore.open(path)
    load(store, "t1")
    store.close()
    damage(path, 0)
    assert "its header is gone" in refused(path, StateDamaged)


def test_the_backup_takes_the_place_of_a_damaged_file_and_newer_ids_are_taken_up(path: Path, load: Load) -> None:
    store = StateStore.open(path)
    load(store, "old")
    store.backup_now()
    backup = opening.backup_path(path).read_bytes()
    load(store, "new")
    store.close()
    path.write_bytes(backup)
    with_copy = StateStore.open(path)
    try:
        found = with_copy.threads.progress_of("new")
        assert found is not None
        assert (found.state, found.conversation_id, found.position, found.restored) == ("loaded", "conv_new", 0, 3)
        kept = with_copy.threads.progress_of("old")
        assert kept is not None
        assert (kept.state, kept.position) == ("loaded", 3)
    finally:
        with_copy.close()


def test_a_failure_leaves_no_lock_behind(path: Path) -> None:
    path.write_text("text")
    refused(path, StateForeign)
    path.unlink()
    StateStore.open(path).close()


def test_a_file_that_cannot_be_written_is_told_with_what_to_do(path: Path) -> None:
    StateStore.open(path).close()
    conn = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as caught:
        conn.execute("DELETE FROM thread")
    conn.close()
    sentence = opening.translate(caught.value, path)
    assert isinstance(sentence, StateError)
    assert "make it and its folder writable" in str(sentence)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused_but_can_be_read(path: Path) -> None:
    StateStore.open(path).close()
    path.parent.chmod(0o500)
    try:
        path.chmod(0o400)
        refused(path, StateError)
        with StateReader(path) as reader:
            assert reader.summary()["threads"] == {}
    finally:
        path.parent.chmod(0o700)


def test_a_network_file_system_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_filesystem_of", lambda _: "nfs4")
    assert "network file system (nfs4)" in refused(path, StateError)


def damage(path: Path, offset: int) -> None:
    """Flip 8 KB."""
    whole = bytearray(path.read_bytes())
    for position in range(offset, min(offset + 8192, len(whole))):
        whole[position] ^= 0xFF
    path.write_bytes(whole)
