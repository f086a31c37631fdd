"""Archives are read like folders; what an honest archive does not hold is refused."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.errors import SourceError
from migrate_cli.sources.detect import open_source
from migrate_cli.sources.interface import Selection

OUTSIDE = ["../evil.json", "/etc/evil.json", "a/../../evil.json", "C:/evil.json", "..\\evil.json"]


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def tarred(path: Path, *members: tuple[tarfile.TarInfo, str], mode: Any = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for info, text in members:
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        list(open_source(str(path)).threads(Selection()))
    return caught.value.code


def test_a_member_is_named_with_its_archive(tmp_path: Path, read: Any, wire: Any) -> None:
    reading = read(zipped(tmp_path / "a.zip", {"m.json": json.dumps([wire(1)]), "bad.json": "{"}))

    assert str(reading.thread("thread_A").origin).endswith("a.zip!m.json")
    assert "a.zip!bad.json" in reading.unreadable[0].detail


@pytest.mark.parametrize("name", OUTSIDE)
def test_zip_members_that_leave_the_folder_are_refused(name: str, tmp_path: Path, read: Any, wire: Any) -> None:
    archive = zipped(
        tmp_path / "a.zip", {name: json.dumps([wire(1, thread="thread_E")]), "m.json": json.dumps([wire(1)])}
    )
    reading = read(archive)

    assert reading.ids == ["thread_A"]
    assert reading.codes == ["archive-member-refused"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_tar_members_that_leave_the_folder_are_refused(name: str, tmp_path: Path, read: Any, wire: Any) -> None:
    archive = tarred(
        tmp_path / "a.tar.gz",
        (tarfile.TarInfo(name), json.dumps([wire(1, thread="thread_E")])),
        (tarfile.TarInfo("m.json"), json.dumps([wire(1)])),
    )
    reading = read(archive)

    assert reading.ids == ["thread_A"]
    assert reading.codes == ["archive-member-refused"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(kind: bytes, tmp_path: Path, read: Any, wire: Any) -> None:
    link = tarfile.TarInfo("link.json")
    link.type, link.linkname = kind, "/etc/passwd"
    archive = tarred(tmp_path / "a.tar", (link, ""), (tarfile.TarInfo("m.json"), json.dumps([wire(1)])), mode="w")

    assert read(archive).codes == ["archive-member-refused"]


def test_links_in_a_zip_are_refused(tmp_path: Path, read: Any, wire: Any) -> None:
    link = zipfile.ZipInfo("link.json")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("m.json", json.dumps([wire(1)]))

    assert read(tmp_path / "a.zip").codes == ["archive-member-refused"]


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a bomb of what unpacks to more than 100,000 bytes."""
    monkeypatch.setattr("migrate_cli.sources.archives.ALWAYS_ALLOWED", 100_000)


@pytest.mark.usefixtures("small_limits")
def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    assert refused(zipped(tmp_path / "a.zip", {"m.json": "[" + " " * 5_000_000 + "]"})) == "archive-bomb"


@pytest.mark.usefixtures("small_limits")
def test_a_tar_bomb_is_refused(tmp_path: Path) -> None:
    assert refused(tarred(tmp_path / "a.tgz", (tarfile.TarInfo("m.json"), " " * 5_000_000))) == "archive-bomb"


@pytest.mark.usefixtures("small_limits")
def test_a_bomb_in_a_folder_does_not_stop_the_others(
    tmp_path: Path, read: Any, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate_cli.sources.probe._LARGE_PACKED", 20)
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    zipped(tmp_path / "a.zip", {"m.json": "[" + " " * 5_000_000 + "]"})
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(b"[" + b" " * 5_000_000 + b"]"))
    reading = read(tmp_path)

    assert reading.ids == ["thread_A"]
    assert reading.codes == ["archive-bomb", "archive-bomb"]


def test_a_damaged_archive_is_told(tmp_path: Path, wire: Any) -> None:
    whole = zipped(tmp_path / "a.zip", {"m.json": json.dumps([wire(n) for n in range(500)])}).read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[:60] + bytes(40) + whole[100:])

    assert refused(tmp_path / "a.zip") == "archive-damaged"


def test_what_comes_before_the_cut_in_a_tar_is_read(tmp_path: Path, read: Any, wire: Any) -> None:
    first, second = json.dumps([wire(1)]), json.dumps([wire(n, thread="thread_B") for n in range(200)])
    path = tarred(tmp_path / "a.tar", (tarfile.TarInfo("a.json"), first), (tarfile.TarInfo("b.json"), second), mode="w")
    path.write_bytes(path.read_bytes()[:5000])
    reading = read(path)

    assert reading.ids == ["thread_A"]
    assert "archive-damaged" in reading.codes


def test_an_encrypted_zip_is_told(tmp_path: Path, wire: Any) -> None:
    path = zipped(tmp_path / "a.zip", {"m.json": json.dumps([wire(1)])})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)

    assert refused(path) == "archive-encrypted"


def test_office_documents_in_a_folder_are_no_archives(tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "m.json").write_text(json.dumps([wire(1)]))
    zipped(tmp_path / "letter.docx", {"word/document.json": json.dumps([wire(1, thread="thread_B")])})

    assert read(tmp_path).ids == ["thread_A"]


def test_bytes_in_an_archives_files_folder_are_found(tmp_path: Path, read: Any, wire: Any) -> None:
    archive = zipped(tmp_path / "a.zip", {"x/m.json": json.dumps([wire(1)]), "x/files/file-1-sales.csv": "a,b"})
    reading = read(archive)
    info = reading.source.files()["file-1"]

    assert (info.filename, info.bytes) == ("sales.csv", 3)
    assert info.path is not None
    assert info.path.read_text() == "a,b"


def test_what_macs_add_to_archives_is_left_out(tmp_path: Path, read: Any, wire: Any) -> None:
    archive = zipped(tmp_path / "a.zip", {"m.json": json.dumps([wire(1)]), "__MACOSX/._m.json": "\0\5\26\7"})
    reading = read(archive)

    assert (reading.ids, reading.unreadable) == (["thread_A"], [])


def test_unpacked_files_go_when_the_source_is_closed(tmp_path: Path, read: Any, wire: Any) -> None:
    archive = zipped(tmp_path / "a.zip", {"m.json": json.dumps([wire(1)]), "files/file-1": "a"})
    source = read(archive).source
    path = source.files()["file-1"].path
    assert path is not None
    assert path.exists()
    source.close()

    assert not path.exists()


def test_members_of_one_name_in_two_archives_are_both_read(tmp_path: Path, read: Any, wire: Any) -> None:
    for thread in ("thread_A", "thread_B"):
        whole = {"thread": {"id": thread}, "messages": [wire(1, thread=thread)]}
        zipped(
            tmp_path / f"{thread}.zip",
            {"m.json": json.dumps(whole), "r.json": json.dumps([wire(2, thread=thread + "x")])},
        )

    assert sorted(read(tmp_path).ids) == ["thread_A", "thread_Ax", "thread_B", "thread_Bx"]
