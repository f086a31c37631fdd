"""Entries of a folder that are no plain files: what leaves the export is refused and named, the rest is read."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.errors import SourceError
from migrate_cli.model import Unreadable
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.export.source import ExportSource
from migrate_cli.sources.interface import Selection
from migrate_cli.sources.snapshot.layout import is_snapshot


def document(number: int) -> str:
    text = {"type": "text", "text": {"value": f"hello {number}", "annotations": []}}
    message = {"id": f"msg_{number}", "object": "thread.message", "role": "user", "content": [text]}
    return json.dumps({"id": f"thread_{number}", "messages": [message]})


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    (folder / "files").mkdir(parents=True)
    (folder / "1.json").write_text(document(1))
    (folder / "files" / "file-own.txt").write_text("of the export")
    return folder


@contextmanager
def opened(path: Path) -> Iterator[ExportSource]:
    source = open_source(str(path))
    assert isinstance(source, ExportSource)
    yield source
    source.close()


def refused(path: Path) -> dict[str, str]:
    with opened(path) as source:
        found = [one for one in source.threads(Selection()) if isinstance(one, Unreadable)]
    assert {one.code for one in found} <= {"entry-refused", "file-unreadable"}
    return {Path(one.origin.path).name: one.detail for one in found}


def test_a_stored_file_that_is_a_link_out_of_the_export_is_refused_and_named(export: Path, tmp_path: Path) -> None:
    secret = tmp_path / "passwd"
    secret.write_text("root")
    for name in ("file-one.txt", "file-two.txt"):
        (export / "files" / name).symlink_to(secret)
    (export / "files" / "file-inside.txt").symlink_to("file-own.txt")
    with opened(export) as source:
        assert set(source.files()) == {"file-own", "file-inside"}
    found = refused(export)
    assert set(found) == {"file-one.txt", "file-two.txt"}
    assert "leads outside the export" in found["file-one.txt"]


def test_a_link_out_of_the_export_is_not_read_as_a_thread_and_one_inside_is(export: Path, tmp_path: Path) -> None:
    (tmp_path / "2.json").write_text(document(2))
    (export / "2.json").symlink_to("../2.json")
    (export / ".store").mkdir()
    (export / ".store" / "x").write_text(document(3))
    (export / "3.json").symlink_to(".store/x")
    with opened(export) as source:
        ids = [one.id for one in source.threads(Selection()) if not isinstance(one, Unreadable)]
    assert ids == ["thread_1", "thread_3"]
    assert set(refused(export)) == {"2.json"}


def test_the_export_itself_may_be_a_link_and_its_folders_may_link_to_each_other(export: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(export)
    (export / "b").mkdir()
    (export / "b" / "2.json").write_text(document(2))
    (export / "a").symlink_to("b")
    (export / "b" / "up").symlink_to("..")
    with opened(link) as source:
        ids = [one.id for one in source.threads(Selection()) if not isinstance(one, Unreadable)]
    assert ids == ["thread_1", "thread_2"]
    assert refused(link) == {}


MAKERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "pipe.json": (os.mkfifo, "a pipe"),
    "socket.json": (lambda path: os.mknod(path, 0o600 | stat.S_IFSOCK), "a socket"),
    "gone.json": (lambda path: path.symlink_to("nowhere"), "a link to nothing"),
    "circle.json": (lambda path: path.symlink_to(path.name), "cannot be followed"),
    "folder": (lambda path: path.symlink_to("/"), "leads outside the export"),
    "hidden": (lambda path: path.symlink_to(path.with_name(".hidden")), "a link to a hidden folder"),
    "device.json": (lambda path: path.symlink_to("/dev/zero"), "leads outside the export"),
}


@pytest.mark.parametrize("where", [".", "files", "files/deeper"])
@pytest.mark.parametrize("name", MAKERS)
def test_what_is_no_file_is_named_wherever_it_stands_and_the_rest_is_read(name: str, where: str, export: Path) -> None:
    make, words = MAKERS[name]
    folder = export / where
    folder.mkdir(exist_ok=True)
    (folder / ".hidden").mkdir()
    make(folder / name)
    found = refused(export)
    assert set(found) == {name}
    assert words in found[name]
    with opened(export) as source:
        assert set(source.files()) == {"file-own"}


@pytest.mark.parametrize("name", [name for name in MAKERS if name.endswith(".json")])
def test_what_is_no_file_is_refused_as_the_source_in_one_sentence(name: str, tmp_path: Path) -> None:
    if name == "device.json":
        path = Path("/dev/zero")
    else:
        path = tmp_path / name
        MAKERS[name][0](path)
    with pytest.raises(SourceError) as caught:
        open_source(str(path))
    assert "\n" not in str(caught.value)


def test_a_folder_of_nothing_but_a_refused_link_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to("/etc/passwd")
    with pytest.raises(SourceError, match=r"a\.json is a link that leads out"):
        open_source(str(tmp_path))


def test_folders_a_thousand_deep_are_read(export: Path) -> None:
    here = os.open(export, os.O_RDONLY)
    try:
        for _ in range(1200):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        assert refused(export) == {}
    finally:
        os.close(here)
        # Python 3.11 deletes folders by recursion, and would break off at these.
        subprocess.run(["rm", "-rf", export / "d"], check=True)


def test_a_manifest_that_is_a_pipe_makes_no_snapshot(export: Path) -> None:
    os.mkfifo(export / "manifest.jsonl")
    assert not is_snapshot(export)
    assert set(refused(export)) == {"manifest.jsonl"}


def test_a_name_that_is_no_text_is_told_where_its_file_cannot_be_read(export: Path) -> None:
    name = os.fsencode(export) + b"/bad-\xff.json"
    try:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        Path(os.fsdecode(os.fsencode(export) + b"/link-\xff.json")).symlink_to("/etc/passwd")
    except OSError:
        pytest.skip("this file system takes text only")
    lines = os.fsdecode(os.fsencode(export) + b"/lines-\xff.jsonl")
    message = json.loads(document(7))["messages"][0]
    Path(lines).write_text(f"{json.dumps(message)}\n{json.dumps({**message, 'id': 'msg_8'})}\nno json\n")
    with opened(export) as source:
        entries = list(source.threads(Selection()))
    found = [one for one in entries if isinstance(one, Unreadable)]
    assert [one.id for one in entries if not isinstance(one, Unreadable)] == ["thread_1", "lines-\\xff"]
    assert sorted(one.code for one in found) == ["entry-refused", "file-empty", "not-json"]
    assert all("\\xff" in one.detail or "\udcff" in one.detail for one in found)
