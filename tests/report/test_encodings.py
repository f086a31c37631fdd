"""What every terminal can show: no `?` for a mark or a bar, no traceback, no sequences that a dumb one would print."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures"


def run(folder: Path, encoding: str, *args: str, **environ: str) -> tuple[str, str]:
    """Run the program as it is started on a machine with this encoding."""
    ended = subprocess.run(
        [sys.executable, "-m", "migrate_cli", *args],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", **environ},
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert ended.returncode in (0, 2), ended.stderr
    return ended.stdout.decode(encoding), ended.stderr.decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_reports_have_marks_and_bars_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    brief, _ = run(tmp_path, encoding, "plan", str(FIXTURES))
    assert brief.startswith("! ")
    assert "?" not in brief
    out, _ = run(tmp_path, encoding, "plan", str(FIXTURES), "-v")
    assert out.startswith("! ")
    bar = next(line.strip() for line in out.splitlines() if line.startswith("  ####"))
    assert set(bar) == set("#%:.")
    legend = [line.split()[:2] for line in out.splitlines() if line[2:4] in ("# ", "% ", ": ", ". ")]
    assert legend == [["#", "kept"], ["%", "converted"], [":", "noted"], [".", "dropped"]]
    assert "?" not in out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_help_and_errors_can_be_shown_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    out, _ = run(tmp_path, encoding, "apply", "--help")
    assert "EXIT STATUS" in out and "?" not in out
    _, err = run(tmp_path, encoding, "plan", "exprt-\u4e2d\u00fc")
    name = "exprt-\\u4e2d" + ("ü" if encoding == "cp1252" else "\\xfc")
    assert f"no such file or folder: {name}" in err


def test_columns_stay_where_they_are(tmp_path: Path) -> None:
    wide, narrow = (run(tmp_path, encoding, "plan", str(FIXTURES), "-v")[0] for encoding in ("utf-8", "ascii"))
    tables = [[line[:30] for line in text.splitlines() if " warning " in line] for text in (wide, narrow)]
    assert tables[0] == tables[1] and len(tables[0]) > 3


def test_a_dumb_terminal_gets_lines(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    ended = subprocess.run(
        [sys.executable, "-m", "migrate_cli", "plan", str(FIXTURES)],
        env={**os.environ, "TERM": "dumb"},
        cwd=tmp_path,
        stdout=follower,
        stderr=follower,
        check=False,
    )
    os.close(follower)
    said = b""
    while chunk := _rest(leader):
        said += chunk
    os.close(leader)
    assert ended.returncode == 0
    assert b"threads with" in said and b"\x1b" not in said and b"\r" not in said.replace(b"\r\n", b"")


def _rest(leader: int) -> bytes:
    try:
        return os.read(leader, 1 << 16)
    except OSError:  # how Linux says that the other end was closed
        return b""
