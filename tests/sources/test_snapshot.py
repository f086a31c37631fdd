"""Snapshots on disk: what is written is what is read, killed at any moment or not, and every damage is found."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.errors import SourceError, UsageError
from migrate_cli.findings import finding
from migrate_cli.model import Origin, Unreadable
from migrate_cli.sources.api.thread_record import ThreadRecord
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection
from migrate_cli.sources.snapshot.check import verify_snapshot
from migrate_cli.sources.snapshot.layout import MANIFEST, read_manifest
from migrate_cli.sources.snapshot.source import SnapshotSource
from migrate_cli.sources.snapshot.writer import SnapshotWriter, file_ids_in
from migrate_cli.sources.spool import SpooledList

from support.exports import thread, thread_id
from support.hosts import read

ME = "api:https://host.example/v1"


def record(number: int, messages: int, **more: Any) -> ThreadRecord:
    wire = thread(number, messages)
    entries = SpooledList()
    entries.extend(wire["messages"])
    return ThreadRecord(thread_id(number), wire["thread"], Origin("host"), entries, **more)


def archive(folder: Path) -> SnapshotWriter:
    return SnapshotWriter(folder, ME, whole_source=True)


def take(folder: Path, *records: ThreadRecord) -> Path:
    """Write a complete snapshot."""
    with archive(folder) as opened:
        for each in records:
            opened.add(each)
        opened.save(complete=True)
    return folder


def codes(folder: Path) -> list[str]:
    return [problem.code for problem in verify_snapshot(folder).problems]


def test_what_is_written_is_read_and_verified(tmp_path: Path) -> None:
    folder = take(tmp_path / "snap", record(1, 3), record(2, 0), record(3, 250))
    source = open_source(str(folder))
    assert isinstance(source, SnapshotSource) and source.expected() == 3
    found, unreadable = read(source)
    assert not unreadable
    assert {key: len(list(each.messages)) for key, each in found.items()} == {
        thread_id(1): 3,
        thread_id(2): 0,
        thread_id(3): 250,
    }
    assert codes(folder) == []
    assert read_manifest(folder).counts["messages"] == 253


def test_long_threads_have_a_file_of_their_own(tmp_path: Path) -> None:
    folder = take(tmp_path / "snap", record(1, 2), record(2, 2100), record(3, 2))
    assert [path.name[:4] for path in sorted((folder / "threads").iterdir())] == ["long", "part", "part"]
    found, unreadable = read(open_source(str(folder)))
    assert not unreadable and len(found) == 3
    assert [each.id for each in found[thread_id(2)].messages] == [each["id"] for each in thread(2, 2100)["messages"]]
    assert codes(folder) == []


def test_what_was_noted_when_reading_the_host_is_still_said(tmp_path: Path) -> None:
    noted = finding("page-without-news", "A page brought nothing new.", thread_id(1))
    folder = take(tmp_path / "snap", record(1, 2, findings=[noted]))
    found, _ = read(open_source(str(folder)))
    assert [each.code for each in found[thread_id(1)].findings] == ["page-without-news"]


def test_a_snapshot_inside_another_folder_is_read_as_an_export(tmp_path: Path) -> None:
    take(tmp_path / "all" / "snap", record(1, 2))
    found, unreadable = read(open_source(str(tmp_path / "all")))
    assert not unreadable and list(found) == [thread_id(1)]


def test_threads_that_could_not_be_read_are_said_again(tmp_path: Path) -> None:
    with archive(tmp_path / "snap") as opened:
        opened.add(record(1, 2))
        opened.add_unreadable(Unreadable(Origin("host"), "thread-gone", "It was deleted.", "thread_x"))
        opened.save(complete=True)
    _, unreadable = read(open_source(str(tmp_path / "snap")))
    assert [(entry.code, entry.thread_id) for entry in unreadable] == [("thread-gone", "thread_x")]
    wanted = Selection(frozenset({thread_id(1)}))
    assert read(open_source(str(tmp_path / "snap")), wanted)[1] == []


def test_a_snapshot_that_is_not_complete_says_so_and_can_be_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "snap"
    with archive(folder) as opened:
        opened.add(record(1, 2))
        opened.close_part()
    assert [entry.code for entry in read(open_source(str(folder)))[1]] == ["snapshot-incomplete"]
    assert codes(folder) == ["snapshot-incomplete"]
    with archive(folder) as opened:
        assert opened.ledger.has_thread(thread_id(1))
        opened.add(record(2, 2))
        opened.save(complete=True)
    assert sorted(read(open_source(str(folder)))[0]) == [thread_id(1), thread_id(2)]
    assert codes(folder) == []


@pytest.mark.parametrize("left", ["an open part", "a part without its row"])
def test_what_a_kill_leaves_behind_is_swept_away(tmp_path: Path, left: str) -> None:
    folder = take(tmp_path / "snap", record(1, 2))
    name = ".part-00002.jsonl.gz.tmp" if left == "an open part" else "part-00002.jsonl.gz"
    (folder / "threads" / name).write_bytes(gzip.compress(b'{"half": '))
    with archive(folder) as opened:
        opened.add(record(2, 2))
        opened.save(complete=True)
    found, unreadable = read(open_source(str(folder)))
    assert not unreadable and len(found) == 2
    assert codes(folder) == []


def damage_truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def damage_flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def damage_remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (damage_truncate, "snapshot-damaged"),
        (damage_flip, "snapshot-damaged"),
        (damage_remove, "snapshot-part-missing"),
    ],
)
@pytest.mark.parametrize("what", ["threads/part-00001.jsonl.gz", "file-report.jsonl.gz", "files/file-a/a.txt"])
def test_every_damage_is_found(tmp_path: Path, what: str, damage: Any, code: str) -> None:
    folder = tmp_path / "snap"
    with archive(folder) as opened:
        opened.add(record(1, 2))
        downloaded = tmp_path / "download"
        downloaded.write_text("some bytes of a file that is long enough")
        opened.place_file("file-a", {"id": "file-a", "object": "file", "filename": "a.txt"}, downloaded, None)
        opened.save(complete=True)
    assert codes(folder) == []
    damage(folder / what)
    assert code in codes(folder)


def test_a_part_that_nobody_knows_is_found(tmp_path: Path) -> None:
    folder = take(tmp_path / "snap", record(1, 2))
    (folder / "threads" / "part-00009.jsonl.gz").write_bytes(b"")
    assert codes(folder) == ["snapshot-stray"]


def test_a_missing_part_is_said_when_the_snapshot_is_read(tmp_path: Path) -> None:
    folder = take(tmp_path / "snap", record(1, 2), record(2, 2100))
    (folder / "threads" / "part-00001.jsonl.gz").unlink()
    found, unreadable = read(open_source(str(folder)))
    assert list(found) == [thread_id(2)]
    assert [entry.code for entry in unreadable] == ["snapshot-part-missing"]


def test_files_are_found_by_their_ids_with_the_hosts_facts(tmp_path: Path) -> None:
    folder = tmp_path / "snap"
    with archive(folder) as opened:
        opened.add(record(1, 1))
        downloaded = tmp_path / "download"
        downloaded.write_text("bytes")
        facts = {"id": "file-a", "object": "file", "filename": "../../evil name.txt", "purpose": "assistants_output"}
        opened.place_file("file-a", facts, downloaded, None)
        opened.place_file("file-b", {**facts, "id": "file-b", "purpose": "assistants"}, None, "not given out")
        opened.save(complete=True)
    files = open_source(str(folder)).files()
    assert files["file-a"].path is not None and files["file-a"].path.read_text() == "bytes"
    assert files["file-a"].path.is_relative_to(folder / "files" / "file-a")
    assert files["file-b"].path is None and files["file-b"].purpose == "assistants"


def test_ids_of_files_are_found_at_any_depth() -> None:
    value = {"content": [{"image_file": {"file_id": "file-a"}}], "file_ids": ["file-b", 7], "x": [{"file_id": "../c"}]}
    assert sorted(file_ids_in(value)) == ["file-a", "file-b"]


def test_one_process_at_a_time_writes_a_snapshot(tmp_path: Path) -> None:
    with archive(tmp_path / "snap"), pytest.raises(UsageError, match="another process is writing"):
        archive(tmp_path / "snap")


def test_another_hosts_snapshot_is_not_gone_on_with(tmp_path: Path) -> None:
    take(tmp_path / "snap", record(1, 1))
    with pytest.raises(UsageError, match=r"is a snapshot of .*, not of api:other"):
        SnapshotWriter(tmp_path / "snap", "api:other", whole_source=True)


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(UsageError, match="other things in it"):
        archive(tmp_path)


def test_a_manifest_of_a_newer_version_or_a_broken_one_is_one_sentence(tmp_path: Path) -> None:
    folder = take(tmp_path / "snap", record(1, 1))
    lines = (folder / MANIFEST).read_text().splitlines()
    newer = {**json.loads(lines[0]), "version": 99}
    (folder / MANIFEST).write_text(json.dumps(newer))
    with pytest.raises(SourceError, match="newer version"):
        open_source(str(folder))
    (folder / MANIFEST).write_text(lines[0][:40])
    with pytest.raises(SourceError, match="cannot be read"):
        verify_snapshot(folder)
    with pytest.raises(SourceError, match="holds no snapshot"):
        verify_snapshot(tmp_path)


def test_texts_with_half_a_character_survive(tmp_path: Path) -> None:
    odd = record(1, 1)
    odd.thread["metadata"] = {"half": "\ud800"}
    found, _ = read(open_source(str(take(tmp_path / "snap", odd))))
    assert found[thread_id(1)].metadata == {"half": "\ud800"}
