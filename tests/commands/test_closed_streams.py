"""Standard streams that are closed or full: what can be told is told, and no file takes their place."""

from __future__ import annotations

import os
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from migrate_cli.sandbox.server import EmbeddedSandbox

from support.exports import write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

HANDLER = (
    "import os\n\ndef loud():\n    os.write(2, b'words for stderr')\n    print('words for stdout')\n    return 'done'\n"
)


def program(arguments: list[str], redirected: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a shell does that closes or redirects its streams."""
    line = f"exec {shlex.join([sys.executable, '-m', 'migrate_cli', *arguments])} {redirected}"
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)


@pytest.fixture
def suite(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> Path:
    """A suite whose handler writes to its streams, and a state file."""
    assert cli("apply", write_export(tmp_path / "export", [2])).code == 0
    (tmp_path / "loud_tools.py").write_text(HANDLER, "utf-8")
    tool = {"type": "function", "name": "loud", "handler": "loud_tools:loud"}
    case = {"id": "x", "input": "[[call loud {}]]", "expect": {"contains": "done"}}
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump({"model": "gpt-5.4-mini", "tools": [tool], "cases": [case]}), "utf-8")
    return path


@pytest.mark.parametrize(("redirected", "told"), [("<&-", True), ("2>&-", False), ("<&- 2>&-", False)])
def test_a_replay_runs_without_stdin_and_without_stderr(suite: Path, redirected: str, told: bool) -> None:
    done = program(["replay", str(suite), "--events", "events.jsonl"], redirected)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The one case passed" in done.stdout
    assert bool(done.stderr) is told
    assert b"words for" not in Path("events.jsonl").read_bytes()
    with sqlite3.connect("migration.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


@pytest.mark.parametrize(
    "arguments", [["--version"], ["status"], ["map", "thread_x"], ["map", "export"], ["status", "-o", "json"]]
)
@pytest.mark.parametrize("redirected", [">&-", ">/dev/full"])
def test_a_stdout_that_takes_nothing_is_told_in_one_sentence(
    suite: Path, arguments: list[str], redirected: str
) -> None:
    done = program(arguments, redirected)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    reason = "none.db" if "none.db" in arguments else os.strerror(9 if redirected == ">&-" else 28)
    assert reason in line


def test_a_report_in_a_file_needs_no_stdout(suite: Path) -> None:
    done = program(["status", "--report", "status.json"], ">&-")
    assert done.returncode == 0
    assert Path("status.json").read_text("utf-8").startswith("{")
    assert "stdout" in done.stderr
