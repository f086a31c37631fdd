"""The command line itself: quick to start, and its help complete."""

from __future__ import annotations

import subprocess
import sys

import pytest
from migrate_cli import __version__
from migrate_cli.cli.app import app
from typer.main import get_command
from typer.testing import CliRunner

COMMANDS = [
    "demo",
    "snapshot",
    "init",
    "doctor",
    "plan",
    "apply",
    "resolve",
    "undo",
    "recover",
    "merge",
    "status",
    "verify",
    "report",
    "replay",
    "map",
    "merge",
    "assistants",
    "transcribe",
    "sandbox",
]


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["plan", "--help"]])
def test_help_and_version_do_not_import_the_openai_package(args: list[str]) -> None:
    code = (
        "import sys; sys.modules['openai'] = None; sys.modules['sqlite_utils'] = None;"
        f"sys.argv = ['migrate-cli', *{args!r}];"
        "from migrate_cli.__main__ import main; main()"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip()


def test_planning_an_export_does_not_import_the_openai_package(tmp_path: object) -> None:
    code = (
        "import sys; sys.modules['openai'] = None;"
        "sys.argv = ['migrate-cli', 'plan', 'fixtures', '--output', 'json'];"
        "from migrate_cli.__main__ import main; main()"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode in (0, 3), process.stderr


def test_the_version_is_one_line() -> None:
    outcome = CliRunner().invoke(app, ["--version"])
    assert outcome.stdout == f"migrate-cli {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_shows_an_example_and_its_exit_codes(name: str) -> None:
    outcome = CliRunner().invoke(app, [name, "--help"], terminal_width=200)
    assert outcome.exit_code == 0
    assert "Example" in outcome.stdout
    assert "EXIT STATUS" in outcome.stdout


def test_every_command_is_known_to_these_tests() -> None:
    assert set(get_command(app).commands) == set(COMMANDS)  # type: ignore[attr-defined]  # a group has commands
