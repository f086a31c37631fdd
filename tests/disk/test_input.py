"""Files that the user names: a pipe is read to its end, and nothing ever hangs or is called a bug."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.commands.context import selection_of
from migrate_cli.commands.plan_file import read_plan
from migrate_cli.disk import input
from migrate_cli.errors import UsageError
from migrate_cli.files.local import look_at
from migrate_cli.replay.suite import load_suite
from migrate_cli.sandbox.fault_spec import read_plan as read_faults
from migrate_cli.settings.layers import file_layer
from migrate_cli.settings.model import Settings
from migrate_cli.sources.api.ids import ids_in

READERS: dict[str, Callable[[Path], Any]] = {
    "settings": lambda path: file_layer(path, Settings, relative=()),
    "suite": load_suite,
    "plan": read_plan,
    "ids": lambda path: selection_of([], str(path), None, None),
    "listed ids": lambda path: list(ids_in(str(path), {}, [])),
    "faults": read_faults,
}


@pytest.mark.parametrize("text", ["a: b\n", "a: ä\r\nb: c", ""])
def test_a_pipe_is_read_to_its_end(text: str, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(text.encode()))
    writer.start()
    assert input.read_named(path) == text.encode()
    writer.join(timeout=30)


def test_more_than_a_pipe_holds_comes_whole(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    data = bytes(range(256)) * 4096
    writer = threading.Thread(target=lambda: path.write_bytes(data))
    writer.start()
    assert input.read_named(path) == data
    writer.join(timeout=30)


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_that_nobody_writes_into_is_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input, "PIPE_PATIENCE", 0.0)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(UsageError, match="no process writes to this pipe"):
        READERS[name](path)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", ["socket", "circle", "folder", "endless", "long"])
def test_what_is_no_file_is_one_sentence(name: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "it"
    if kind == "socket":
        os.mknod(path, 0o600 | stat.S_IFSOCK)
    elif kind == "circle":
        path.symlink_to("it")
    elif kind == "folder":
        path.mkdir()
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    else:
        path = tmp_path / ("x" * 300)
    with pytest.raises(UsageError) as caught:
        READERS[name](path)
    assert "\n" not in str(caught.value)


def test_the_null_device_is_an_empty_file() -> None:
    assert input.read_named(Path(os.devnull)) == b""


def test_a_file_to_be_sent_is_no_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a file"):
        look_at(tmp_path / "pipe")


@pytest.mark.parametrize(
    "option", ["--config", "--state", "--report", "--log-file", "--save", "--threads-from", "SOURCE"]
)
@pytest.mark.parametrize("kind", ["pipe", "long", "circle", "undecodable"])
def test_no_path_hangs_or_is_called_a_bug(option: str, kind: str, tmp_path: Path) -> None:
    path: bytes | Path = tmp_path / "it"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "circle":
        (tmp_path / "it").symlink_to("it")
    else:
        path = os.fsencode(tmp_path) + (b"/x\xff" if kind == "undecodable" else b"/" + b"x" * 300)
    (tmp_path / "m.jsonl").write_text('{"id": "thread_a", "messages": [{"role": "user", "content": "Hi"}]}\n')
    arguments: list[Any] = ["plan", *([path] if option == "SOURCE" else ["m.jsonl", option, path])]
    impatient = "import migrate_cli.disk.input as r, migrate_cli.disk.output as w; "
    impatient += "r.PIPE_PATIENCE = w.PIPE_PATIENCE = 0.0; "
    done = subprocess.run(
        [sys.executable, "-c", impatient + "from migrate_cli.__main__ import main; main()", *arguments],
        cwd=tmp_path, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    err = done.stderr.decode()
    assert "a bug" not in err and "Traceback" not in err
    if done.returncode:
        assert done.returncode in {2, 10}
        assert err.startswith("migrate-cli: ") and err.count("\n") == 1
