"""Archives are read like folders; what an honest archive does not hold is refused."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from migrate_cli.errors import SourceError
from migrate_cli.model import Unreadable
from migrate_cli.sources.export.open import open_source
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
    monkeypatch.setattr("migrate_cli.sources.export.archives.ALWAYS_ALLOWED", 100_000)


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
    monkeypatch.setattr("migrate_cli.sources.export.recognise._LARGE_PACKED", 20)
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


def lines_of(wire: Any, thread: str, count: int) -> str:
    messages = [wire(number, thread=f"{thread}{number}") for number in range(count)]
    return "".join(json.dumps({"id": one["thread_id"], "messages": [one]}) + "\n" for one in messages)


@pytest.mark.parametrize("suffix", ["tar", "tgz", "tar.bz2", "txz"])
@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("in_folder", [False, True])
def test_a_cut_tar_is_told_and_the_whole_threads_before_the_cut_are_read(
    suffix: str, share: float, in_folder: bool, tmp_path: Path, read: Any, wire: Any
) -> None:
    kind = suffix.removeprefix("tar").lstrip(".").replace("tgz", "gz").replace("txz", "xz")
    (tmp_path / "export").mkdir()
    # bzip2 gives nothing of a block of 900 kB that is not whole.
    texts = [os.urandom(60_000 if kind == "bz2" else 3000).hex() for _ in range(20)]
    members = [
        (tarfile.TarInfo(f"{number}.jsonl"), lines_of(wire, f"thread_{number}x", 2) + json.dumps({"pad": text}) + "\n")
        for number, text in enumerate(texts)
    ]
    path = tarred(tmp_path / "export" / f"a.{suffix}", *members, mode=f"w:{kind}")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    reading = read(path.parent if in_folder else path)

    assert 0 < len(reading.ids) < 40
    assert "file-cut-off" in reading.codes
    assert set(reading.codes) <= {"file-cut-off", "unknown-line"}
    assert str(path) in {one.origin.path for one in reading.unreadable if one.origin.member is None}


@pytest.mark.parametrize("cut", [1, 2, 17, 20])
def test_a_tar_without_both_blocks_of_zeros_is_told_to_be_cut_off(
    cut: int, tmp_path: Path, read: Any, wire: Any
) -> None:
    path = tarred(tmp_path / "a.tar", (tarfile.TarInfo("m.json"), json.dumps([wire(1)])), mode="w")
    whole = path.read_bytes()
    members = len(whole.rstrip(b"\0")) + 511 & ~511
    path.write_bytes(whole[: members + 1024])
    assert read(path).codes == []
    path.write_bytes(whole[: members + 1024 - cut * 51])
    assert read(path).codes == ["file-cut-off"]
    assert read(path).ids == ["thread_A"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_cut_of_a_tar_goes_by_in_silence(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("cut")
    kind = data.draw(st.sampled_from(["", "gz", "bz2", "xz"]))
    texts = [json.dumps({"id": f"thread_{n}", "messages": [{"id": f"msg_{n}", "role": "user", "content": "x" * n}]})
             for n in (1, 400, 900)]  # fmt: skip
    path = tarred(
        folder / f"a.tar.{kind}".rstrip("."),
        *((tarfile.TarInfo(f"{number}.json"), text) for number, text in enumerate(texts)),
        mode=f"w:{kind}",
    )
    whole = path.read_bytes()
    proved = len(whole) if kind else (len(whole.rstrip(b"\0")) + 511 & ~511) + 1024
    path.write_bytes(whole[: data.draw(st.integers(0, proved - 1))])
    try:
        entries = list(open_source(str(path)).threads(Selection()))
    except SourceError as error:
        assert error.code in {"file-cut-off", "file-empty"}
    else:
        assert {one.code for one in entries if isinstance(one, Unreadable)} == {"file-cut-off"}


def test_what_follows_on_the_end_of_a_tar_is_told(tmp_path: Path, read: Any, wire: Any) -> None:
    path = tarred(tmp_path / "a.tar", (tarfile.TarInfo("m.json"), json.dumps([wire(1)])), mode="w")
    other = tarred(tmp_path / "b", (tarfile.TarInfo("n.json"), json.dumps([wire(1, thread="thread_B")])), mode="w")
    path.write_bytes(path.read_bytes() + other.read_bytes())
    reading = read(path)

    assert (reading.ids, reading.codes) == (["thread_A"], ["archive-damaged"])
    assert "continues after" in reading.unreadable[0].detail


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("in_folder", [False, True])
def test_a_cut_zip_is_told(keep: float, in_folder: bool, tmp_path: Path, read: Any, wire: Any) -> None:
    (tmp_path / "export").mkdir()
    path = zipped(tmp_path / "export" / "a.zip", {f"{n}.json": json.dumps([wire(n)]) for n in range(50)})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    expected = "file-cut-off" if keep else "file-empty"
    if not in_folder:
        assert refused(path) == expected
        return
    (path.parent / "m.json").write_text(json.dumps([wire(1)]))
    assert (read(path.parent).ids, read(path.parent).codes) == (["thread_A"], [expected])


def test_a_damaged_member_of_a_zip_does_not_stop_the_others(tmp_path: Path, read: Any, wire: Any) -> None:
    texts = {f"{name}.json": json.dumps([wire(1, thread=f"thread_{name}")] * 20) for name in "ABC"}
    path = zipped(tmp_path / "a.zip", texts)
    data = bytearray(path.read_bytes())
    place = data.index(b"B.json") + 20
    data[place : place + 10] = bytes(10)
    path.write_bytes(data)
    reading = read(path)

    assert (reading.ids, reading.codes) == (["thread_A", "thread_C"], ["archive-damaged"])
    assert reading.unreadable[0].origin.member == "B.json"


def test_a_stored_file_that_a_cut_archive_holds_in_part_is_no_file(tmp_path: Path, read: Any, wire: Any) -> None:
    path = tarred(
        tmp_path / "a.tar",
        (tarfile.TarInfo("m.json"), json.dumps([wire(1)])),
        (tarfile.TarInfo("files/file-1.txt"), "x" * 50_000),
        mode="w",
    )
    path.write_bytes(path.read_bytes()[:20_000])
    reading = read(path)

    assert reading.codes == ["file-cut-off"]
    assert reading.source.files() == {}


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
