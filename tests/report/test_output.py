"""Where reports go."""

from __future__ import annotations

import io
import stat
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest
from migrate_cli.errors import UsageError
from migrate_cli.report.output import check_report_path, moves, wants_colour, write_out, write_report


@pytest.mark.parametrize(
    ("terminal", "environ", "colour"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"NO_COLOR": ""}, True),
    ],
)
def test_colour_is_for_terminals_that_want_it(terminal: bool, environ: dict[str, str], colour: bool) -> None:
    assert wants_colour(terminal, environ) is colour


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "+ 3 | x | ## %% :: .. | a -> b\\u4e2d\\xfc..."),
        ("cp1252", "+ 3 · x | ## %% :: .. · a -> b\\u4e2dü…"),
        ("utf-8", "✓ 3 · ✗ | ██ ▓▓ ▒▒ ░░ · a → b中ü…"),
    ],
)
def test_a_terminal_without_the_marks_gets_others_and_names_that_can_be_looked_up(encoding: str, shown: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    write_out("✓ 3 · ✗ | ██ ▓▓ ▒▒ ░░ · a → b中ü…\n", stream)
    assert raw.getvalue().decode(encoding) == f"{shown}\n"


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "term", "drawn"),
    [
        (Screen(), "xterm-256color", True),
        (Screen(), "dumb", False),
        (Screen(), None, True),
        (io.StringIO(), "xterm", False),
    ],
)
def test_only_a_terminal_that_can_draw_anew_gets_lines_that_move(stream: TextIO, term: str | None, drawn: bool) -> None:
    assert moves(stream, {} if term is None else {"TERM": term}) is drawn


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "from migrate_cli.report.output import write_out; write_out('line\\n' * 200000)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
    assert (process.returncode, complaint) == (0, b"")


def test_a_new_report_file_is_private_and_one_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, "old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    write_report(path, "new\n")
    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_cannot_be_written_is_one_sentence_before_and_after_the_work(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "report.html"
    with pytest.raises(UsageError, match="there is no folder"):
        check_report_path(path)
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(path, "x")
    with pytest.raises(UsageError, match="is a folder"):
        check_report_path(tmp_path)
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(tmp_path, "x")
    assert list(tmp_path.iterdir()) == []
    check_report_path(tmp_path / "fine.html")
