"""Paths that are no plain files: a device stays a device, a pipe gets its bytes, a link is followed."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from migrate_cli.commands.init import init
from migrate_cli.commands.plan_file import PlanRecord, save_plan
from migrate_cli.commands.replay_example import write_example
from migrate_cli.disk import output
from migrate_cli.errors import StateError, UsageError
from migrate_cli.replay.event_sinks import EventFile, ImageFolder
from migrate_cli.replay.response import Image
from migrate_cli.report.log import set_up_logging
from migrate_cli.report.markdown import write_step_summary
from migrate_cli.report.output import check_report_path, write_report
from migrate_cli.settings.model import load_settings
from migrate_cli.state.lock import StateLock, lock_path
from migrate_cli.state.store import StateStore

Writer = Callable[[Path], None]


def report(path: Path) -> None:
    check_report_path(path)
    write_report(path, "{}\n")


def plan(path: Path) -> None:
    save_plan(path, PlanRecord({}))


def log(path: Path) -> None:
    close = set_up_logging(path)
    logging.getLogger("migrate_cli.test").info("a line")
    close()


def events(path: Path) -> None:
    with EventFile(path) as file:
        file.observe("a", 1).event({"type": "x"})


def settings(path: Path) -> None:
    init(path, force=True)


def summary(path: Path) -> None:
    assert write_step_summary("# done\n", {"GITHUB_STEP_SUMMARY": str(path)})


WRITERS = (report, plan, log, events, settings, summary)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A null device of the test's own."""
    path = tmp_path / "null"
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        path.chmod(0o666)
        os.close(os.open(path, os.O_WRONLY))
    except OSError:
        pytest.skip("devices can be made by root alone")
    return path


@pytest.mark.parametrize("write", WRITERS)
def test_a_device_is_written_to_and_stays_what_it_is(write: Writer, device: Path) -> None:
    before = device.lstat()
    write(device)
    after = device.lstat()
    assert (after.st_ino, after.st_mode, after.st_rdev) == (before.st_ino, before.st_mode, before.st_rdev)
    assert list(device.parent.iterdir()) == [device]


@pytest.mark.parametrize("write", WRITERS)
def test_a_pipe_gets_the_bytes_and_stays_a_pipe(write: Writer, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    write(path)
    reader.join(timeout=30)
    assert got[0]
    assert stat.S_ISFIFO(path.lstat().st_mode)


@pytest.mark.parametrize("write", WRITERS)
def test_a_pipe_that_nobody_reads_is_one_sentence(
    write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "PIPE_PATIENCE", 0.0)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    if write is summary:
        assert not write_step_summary("x\n", {"GITHUB_STEP_SUMMARY": str(path)})
        return
    with pytest.raises(UsageError, match="no process reads this pipe"):
        write(path)


@pytest.mark.parametrize("write", WRITERS)
def test_a_link_is_followed_and_the_file_keeps_its_mode(write: Writer, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    place, link = tmp_path / "real" / "file", tmp_path / "link"
    place.write_text("old\n")
    place.chmod(0o640)
    link.symlink_to("real/file")
    write(link)
    assert link.is_symlink()
    assert place.read_text() != "old\n"
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    assert list((tmp_path / "real").iterdir()) == [place]


@pytest.mark.parametrize("write", WRITERS)
def test_a_link_to_nothing_yet_makes_its_target(write: Writer, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("target")
    write(link)
    assert link.is_symlink()
    assert (tmp_path / "target").is_file()


@pytest.mark.parametrize("write", [report, plan, log, events, settings])
def test_links_in_a_circle_and_a_socket_are_one_sentence(write: Writer, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(UsageError):
        write(tmp_path / "a")
    os.mknod(tmp_path / "s", 0o600 | stat.S_IFSOCK)
    with pytest.raises(UsageError, match="is a socket"):
        write(tmp_path / "s")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "s"]


def test_a_replaced_file_keeps_its_owner_and_its_other_names(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("old")
    other.hardlink_to(path)
    if os.geteuid() == 0:
        os.chown(path, 12, 34)
    was = path.stat()
    output.write(path, "new")
    assert other.read_text() == "new"
    other.unlink()
    output.write(path, "newer")
    now = path.stat()
    assert path.read_text() == "newer"
    assert (now.st_uid, now.st_gid, now.st_mode) == (was.st_uid, was.st_gid, was.st_mode)


def test_a_file_that_cannot_be_replaced_is_written_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mounted"
    path.write_text("a longer old text")

    def refuse(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", refuse)
    output.write(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


SCRIPT = """
import sys
from pathlib import Path
from migrate_cli.report.output import check_report_path, write_report
print("before")
check_report_path(Path(sys.argv[1]))
write_report(Path(sys.argv[1]), "report\\n")
print("after")
"""


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_dev_stdout_is_written_between_what_is_printed(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    if not Path(name).exists():
        pytest.skip(f"there is no {name} here")
    with out.open("wb") as stream:
        subprocess.run([sys.executable, "-c", SCRIPT, name], stdout=stream, check=True, timeout=60)
    assert out.read_text() == "before\nreport\nafter\n"
    link = tmp_path / "link"
    link.symlink_to(name)
    done = subprocess.run([sys.executable, "-c", SCRIPT, link], capture_output=True, check=True, timeout=60)
    assert done.stdout == b"before\nreport\nafter\n"


def test_a_descriptor_that_is_not_open_is_said_before_any_work() -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        check_report_path(Path("/dev/fd/917"))


def test_a_log_that_takes_no_more_is_said_once_and_fails_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = os.pipe()
    close = set_up_logging(Path(f"/dev/fd/{ends[1]}"), to_stderr=False)
    for end in ends:
        os.close(end)
    for number in range(3):
        logging.getLogger("migrate_cli.test").info("line %d", number)
    close()
    err = capsys.readouterr().err
    assert err.count("cannot be written any more") == 1
    assert "Traceback" not in err


def test_images_do_not_lie_beside_a_device_and_one_that_cannot_be_saved_fails_nothing(
    tmp_path: Path, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from migrate_cli.cli.replay import _beside

    assert _beside(device) is None
    assert _beside(tmp_path / "r.html") == tmp_path / "r-images"
    folder = ImageFolder(device)
    folder.save("a", Image("ig_1", "aGk="))
    assert folder.saved == []
    assert "cannot be saved" in capsys.readouterr().err


def test_an_example_suite_is_written_through_no_link(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    (tmp_path / "link").symlink_to("there")
    with pytest.raises(UsageError, match="already exists"):
        write_example(load_settings(None, {"state": str(tmp_path / "none.db")}), tmp_path / "link")
    assert (tmp_path / "there").read_text() == "mine"


# ---- the state file


def test_a_state_file_behind_a_link_has_one_lock_and_its_copies_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    place, link = tmp_path / "disk" / "s.db", tmp_path / "link.db"
    link.symlink_to(place)
    store = StateStore.open(link)
    store.backup_now()
    store.close()
    assert {path.name for path in place.parent.iterdir()} == {"s.db", "s.db.lock", "s.db.bak", "s.db.map.jsonl"}
    assert link.is_symlink()
    lock = StateLock(place, "here")
    try:
        with pytest.raises(StateError, match="in use"):
            StateStore.open(link)
    finally:
        lock.release()


def test_a_state_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    StateStore.open(path).close()
    path.chmod(0o660)
    StateStore.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


@pytest.mark.parametrize("name", ["s.db", "s.db.lock", "s.db.map.jsonl", "s.db.bak", "s.db-wal"])
def test_a_pipe_where_a_state_file_should_be_is_one_sentence(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(StateError):
        StateStore.open(tmp_path / "s.db")
    assert stat.S_ISFIFO((tmp_path / name).lstat().st_mode)


def test_a_device_as_state_file_is_refused_and_left_alone(device: Path) -> None:
    with pytest.raises(StateError, match="a device"):
        StateStore.open(device)
    assert stat.S_ISCHR(device.lstat().st_mode)
    assert not lock_path(device).exists()


def test_the_plan_of_a_pipe_is_whole_json(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    plan(path)
    reader.join(timeout=30)
    assert json.loads(got[0])["migrate_cli_plan"] == 1
